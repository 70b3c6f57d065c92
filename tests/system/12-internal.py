"""Mail between our own users: one copy, whoever's mailbox it was seen in."""

from harness import case, mail


class Internal(case.Case):
    def setUp(self):
        super().setUp()
        self.config.account("bob")
        self.config.keys["internal_wait"] = "3s"
        self.config.rule("inside", internal="selected")

    def send(self, subject, to=("bob",), bcc=None, deliver_to=None, **keys):
        """What a submission leaves behind: the Sent copy (with Bcc) and the deliveries (without)."""
        addresses = ", ".join("%s@example.org" % one for one in to)
        keys.setdefault("message_id", "<%s@example.org>" % subject.replace(" ", "."))
        keys.setdefault("sender", "alice@example.org")
        sent = mail.message(subject=subject, to=addresses, bcc=bcc, **keys)
        received = mail.message(subject=subject, to=addresses, **keys)
        with self.dovecot.mailbox("alice") as mailbox:
            mailbox.append("Sent", sent, "\\Seen")
        for user in to if deliver_to is None else deliver_to:
            self.dovecot.deliver(user, received, sender="alice@example.org")

    def test_one_copy_names_sender_and_recipient(self):
        self.started()
        self.send("between us")
        copy = self.only_copy()
        self.assertEqual(copy["Subject"], "{Mon-Int} between us")
        self.assertEqual(copy["X-Monitor-Direction"], "internal")
        self.assertEqual(copy["X-Monitor-Sender"], "alice@example.org (mailbox)")
        self.assertEqual(copy.names(), {"bob@example.org"})
        self.send("the next")
        self.assert_exactly_once(self.wait_copies(2), ["between us", "the next"])

    def test_two_recipients_are_both_named_in_the_one_copy(self):
        self.config.account("carol")
        self.started()
        self.send("for two", to=("bob", "carol"))
        self.send("the next", to=("bob", "carol"))
        copies = self.wait_copies(2)
        self.assert_exactly_once(copies, ["for two", "the next"])
        for copy in copies:
            self.assertEqual(copy.names(), {"bob@example.org", "carol@example.org"})

    def test_bcc_of_the_sent_copy_is_joined(self):
        self.config.account("carol")
        self.started()
        self.send("blind", bcc="carol@example.org", deliver_to=("bob", "carol"))
        copy = self.only_copy()
        self.assertEqual(copy.names(), {"bob@example.org", "carol@example.org"})
        self.assertIn("bcc", copy["X-Monitor-Recipient-Basis"])

    def test_late_counterpart_makes_no_second_copy(self):
        self.config.keys["internal_wait"] = "1s"
        self.started()
        self.send("slow", deliver_to=())
        self.only_copy()
        self.dovecot.deliver("bob", mail.message(
            subject="slow", to="bob@example.org", sender="alice@example.org",
            message_id="<slow@example.org>"), sender="alice@example.org")
        self.send("the next")
        self.assert_exactly_once(self.wait_copies(2), ["slow", "the next"])

    def test_same_message_id_with_other_content_is_another_message(self):
        self.started()
        self.send("one", message_id="<shared@example.org>", body="first\r\n")
        self.send("one", message_id="<shared@example.org>", body="second\r\n")
        copies = self.wait_copies(2)
        self.assertEqual({one.body for one in copies}, {b"first\r\n", b"second\r\n"})

    def assert_both_copied(self, subject, **keys):
        """A second message under the identity of the first, with something else in it."""
        fixed = {"message_id": "<shared@example.org>", "body": "--a\r\n\r\nlunch?\r\n--a--\r\n"}
        self.send(subject, fields=["Content-Type: multipart/mixed; boundary=\"a\""], **fixed)
        self.wait_copies(1)
        self.send(subject, **fixed, **keys)
        self.wait_copies(2)

    def test_same_body_with_another_boundary_is_another_message(self):
        self.started()
        self.assert_both_copied("one", fields=["Content-Type: multipart/mixed; boundary=\"b\""])

    def test_same_body_of_another_type_is_another_message(self):
        self.started()
        self.assert_both_copied("one", fields=["Content-Type: application/zip"])

    def test_a_field_more_makes_another_message(self):
        self.started()
        self.assert_both_copied("one", fields=[
            "Content-Type: multipart/mixed; boundary=\"a\"", "Comments: the vault opens with 4711"])

    def test_a_second_message_that_goes_outside_too_is_another_message(self):
        self.config.change("rule", "inside", outgoing="selected")
        self.started()
        fixed = {"message_id": "<shared@example.org>", "body": "the body\r\n",
                 "sender": "alice@example.org", "to": "bob@example.org, spy@elsewhere.test"}
        for kind in ("text/plain", "application/zip"):
            octets = mail.message(subject="out", fields=["Content-Type: " + kind], **fixed)
            with self.dovecot.mailbox("alice") as mailbox:
                mailbox.append("Sent", octets, "\\Seen")
            self.dovecot.deliver("bob", octets, sender="alice@example.org")
        found = self.wait_copies(2)
        self.assertEqual({one["Content-Type"] for one in found}, {"text/plain", "application/zip"})

    def test_what_is_sent_outside_is_copied_though_its_other_half_was(self):
        """The half that was received has no part in the rule for outgoing mail."""
        self.config.keys["internal_wait"] = "1s"
        self.config.rule("outside", outgoing="selected")
        self.started()
        octets = mail.message(subject="out", sender="alice@example.org",
                              to="bob@example.org, spy@elsewhere.test")
        self.dovecot.deliver("bob", octets, sender="alice@example.org")
        self.wait_copies(1)
        with self.dovecot.mailbox("alice") as mailbox:
            mailbox.append("Sent", octets, "\\Seen")
        found = self.wait_copies(2)
        self.assertIn("outgoing", found[1]["X-Monitor-Direction"])

    def test_fields_that_transport_prepends_make_no_other_message(self):
        self.started()
        octets = mail.message(subject="scanned", sender="alice@example.org", to="bob@example.org")
        with self.dovecot.mailbox("alice") as mailbox:
            mailbox.append("Sent", octets, "\\Seen")
        self.dovecot.deliver("bob", b"X-Spam-Status: No, score=-1.0\r\n"
                             b"Received: from a by b; Mon, 02 Feb 2026 10:00:00 +0000\r\n"
                             b"Authentication-Results: b; dkim=pass\r\n"
                             b"DKIM-Signature: v=1; d=example.org;\r\n\tb=abc\r\n" + octets,
                             sender="alice@example.org")
        self.send("the next")
        self.assert_exactly_once(self.wait_copies(2), ["scanned", "the next"])

    def test_unselected_sender_and_selected_recipient_is_copied_for_the_recipient(self):
        self.config.change("account", "alice", monitor=False)
        self.started()
        self.send("to the selected one")
        self.only_copy()

    def test_two_targets_get_one_copy_each(self):
        self.config.target("second", login="auditor@example.org", folder="Copies")
        self.config.change("rule", "inside", targets=["compliance", "second"])
        self.started()
        self.send("for both")
        for user in ("monitor", "auditor"):
            self.only_copy(user=user)


if __name__ == "__main__":
    case.main()
