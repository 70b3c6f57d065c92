"""Targets: the forms of a copy, lists, several servers, targets in trouble."""

import email

from harness import case, mail


class Forms(case.Case):
    def setUp(self):
        super().setUp()
        self.config.rule("everything", incoming="all")

    def copy_as(self, form, octets=None):
        self.config.change("target", "compliance", form=form)
        self.started()
        self.dovecot.deliver("alice", octets or mail.message(subject="the original"))
        copy = self.only_copy()
        with self.dovecot.mailbox("alice") as mailbox:
            return copy, mailbox.fetch("INBOX")[0].octets

    def test_attached_holds_the_untouched_original(self):
        copy, original = self.copy_as("attached", mail.with_attachment(
            "s.p7s", "application/pkcs7-signature", b"\x30\x82" * 700, subject="signed"))
        parts = email.message_from_bytes(copy.octets).get_payload()
        self.assertEqual([one.get_content_type() for one in parts],
                         ["text/plain", "message/rfc822"])
        self.assertIn(original, copy.octets)

    def test_attached_says_in_its_own_header_what_it_is(self):
        self.config.change("target", "compliance", reply_to="officer@example.org")
        copy, _ = self.copy_as("attached")
        self.assertEqual(copy["X-Monitor-Direction"], "incoming")
        self.assertEqual(copy["X-Monitor-Recipient"], "alice@example.org")
        self.assertIn("{Mon-In} the original", copy["Subject"])
        self.assertIn('"outside@elsewhere.test (monitored)" <mailvigil@', copy["From"])
        self.assertEqual(copy["To"], '"alice@example.org" :;')
        self.assertEqual(copy["Reply-To"], "officer@example.org")
        self.assertEqual(copy["Date"], "Mon, 02 Feb 2026 10:00:00 +0000")

    def test_headers_holds_the_original_header_and_no_body(self):
        copy, original = self.copy_as("headers", mail.message(subject="private",
                                                              body="a confidence\r\n"))
        parts = email.message_from_bytes(copy.octets).get_payload()
        self.assertEqual(parts[-1].get_content_type(), "text/rfc822-headers")
        self.assertIn(original.partition(b"\r\n\r\n")[0], copy.octets)
        self.assertNotIn(b"a confidence", copy.octets)


    def headers_without_content(self, octets):
        copy, original = self.copy_as("headers", octets)
        self.assertIn(b"a confidence", original)
        self.assertNotIn(b"a confidence", copy.octets)
        self.assertIn(b"x@outside.test", copy.octets)
        self.assertIn("header-cut", copy["X-Monitor-Warning"])

    def test_headers_shows_no_text_that_no_empty_line_precedes(self):
        self.headers_without_content(b"From: x@outside.test\r\nSubject: one\r\nDear Alice,\r\n"
                                     b"a confidence\r\n")

    def test_headers_shows_no_text_after_bare_cr(self):
        self.headers_without_content(b"From: x@outside.test\r\nSubject: two\r\rX-A: a confidence\r\n"
                                     b"\r\nb\r\n")


class Targets(case.Case):
    def test_list_of_two_targets_on_different_servers(self):
        other = self.server(domain="audit.test", users=("auditor",))
        self.config.server("audit", other)
        self.config.target("auditor", server="audit", login="auditor@audit.test", folder="Copies",
                           form="attached")
        self.config.list("board", ["compliance", "auditor"])
        self.config.rule("everything", targets=["board"], incoming="all")
        self.started()
        self.deliver("alice", "for the board")
        here = self.only_copy()
        there = self.only_copy(dovecot=other, user="auditor")
        self.assertNotEqual(here["X-Monitor-Id"], there["X-Monitor-Id"])
        self.assertEqual(email.message_from_bytes(there.octets).get_content_maintype(), "multipart")

    def test_two_rules_for_one_target_make_one_copy_that_names_both(self):
        self.config.rule("first", incoming="all")
        self.config.rule("second", incoming="selected")
        self.started()
        self.deliver("alice", "wanted twice")
        self.deliver("alice", "wanted twice again")
        copies = self.wait_copies(2)
        self.assertEqual([one["X-Monitor-Rule"] for one in copies], ["first, second"] * 2)

    def test_the_direction_is_that_of_the_message_in_every_target(self):
        self.config.change("target", "compliance", folder="Copies/%{direction}")
        self.config.rule("out", outgoing="all", purpose="secrets", approved_by="the board")
        self.started()
        self.save_sent("alice", "to both", to="bob@example.org, eve@outside.test")
        copy = self.only_copy(folder="Copies/outgoing")
        self.assertEqual(copy["X-Monitor-Direction"], "outgoing, internal")
        self.assertEqual(copy["X-Monitor-Approved-By"], "the board")
        self.assertTrue(copy["Subject"].startswith("{Mon-Out} "))

    def test_a_target_that_is_down_stops_no_other(self):
        other = self.server(domain="audit.test", users=("auditor",))
        self.config.server("audit", other)
        self.config.target("auditor", server="audit", login="auditor@audit.test", folder="Copies")
        self.config.rule("everything", targets=["compliance", "auditor"], incoming="all")
        self.started()
        other.stop()
        for n in range(3):
            self.deliver("alice", "number %d" % n)
        subjects = ["number %d" % n for n in range(3)]
        self.assert_exactly_once(self.wait_copies(3), subjects)
        other.start()
        self.assert_exactly_once(self.wait_copies(3, dovecot=other, user="auditor", timeout=60),
                                 subjects)

    def test_an_original_deleted_after_its_capture_is_still_delivered(self):
        other = self.server(domain="audit.test", users=("auditor",))
        self.config.server("audit", other)
        self.config.target("auditor", server="audit", login="auditor@audit.test", folder="Copies")
        self.config.rule("everything", targets=["compliance", "auditor"], incoming="all")
        self.started()
        other.stop()
        self.deliver("alice", "soon gone")
        self.wait_copies(1)
        with self.dovecot.mailbox("alice") as mailbox:
            mailbox.delete("INBOX", mailbox.headers("INBOX")[0].uid)
        other.start()
        self.assert_exactly_once(self.wait_copies(1, dovecot=other, user="auditor", timeout=60),
                                 ["soon gone"])

    def test_a_batch_arrives_whole(self):
        self.config.rule("everything", incoming="all")
        agent = self.started()
        agent.stop()
        self.dovecot.deliver_many("alice", (mail.message(subject="number %d" % n)
                                            for n in range(250)))
        agent.start()
        self.assert_exactly_once(self.wait_copies(250, timeout=60, items="BODY.PEEK[HEADER]"),
                                 ["number %d" % n for n in range(250)])


if __name__ == "__main__":
    case.main()
