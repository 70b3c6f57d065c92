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
