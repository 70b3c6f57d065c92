"""Mail from outside to a watched user."""

from harness import case, mail


class WhoIsCopied(case.Case):
    """A rule's `incoming` is all, selected or none; "selected" are the accounts with a tick."""

    def setUp(self):
        super().setUp()
        self.config.account("bob", monitor=False)
        # What the test waits for: it comes from inside and so is wanted by another rule.
        self.config.rule("last", internal="all", subject=["last word*"])

    def copied(self, selector):
        self.config.rule("r", incoming=selector)
        agent = self.started()
        for user in ("alice", "bob"):
            self.deliver(user, "for " + user)
            self.deliver(user, "last word for " + user, sender="chief@example.org")
        wanted = {"all": 2, "selected": 1, "none": 0}[selector]
        found = [one["Subject"] for one in self.wait_copies(wanted + 2)]
        agent.stop()
        return sorted(one.split("} ")[1] for one in found if "last word" not in one)

    def test_selected_copies_the_selected_user_only(self):
        self.assertEqual(self.copied("selected"), ["for alice"])

    def test_all_copies_every_watched_user(self):
        self.assertEqual(self.copied("all"), ["for alice", "for bob"])

    def test_none_copies_nobody(self):
        self.assertEqual(self.copied("none"), [])


class TheCopy(case.Case):
    def setUp(self):
        super().setUp()
        self.config.rule("everything", incoming="all")

    def test_body_is_the_original_and_fields_are_added(self):
        self.started()
        octets = mail.with_attachment("report.pdf", "application/pdf", bytes(range(256)) * 40,
                                      subject="the report", message_id="<original@elsewhere.test>",
                                      fields=["Disposition-Notification-To: spy@elsewhere.test",
                                              "Return-Receipt-To:\r\n spy@elsewhere.test"])
        self.dovecot.deliver("alice", octets)
        copy = self.only_copy()
        self.assertEqual(copy.body, octets.partition(b"\r\n\r\n")[2])
        self.assertEqual(copy["Subject"], "{Mon-In} the report")
        self.assertEqual(copy["X-Monitor-Direction"], "incoming")
        self.assertEqual(copy["X-Monitor-Sender"], "outside@elsewhere.test (claimed)")
        self.assertEqual(copy["X-Monitor-Recipient"], "alice@example.org")
        self.assertEqual(copy["X-Monitor-Recipient-Basis"], "owner")
        self.assertEqual(copy["X-Monitor-Rule"], "everything")
        self.assertEqual(copy["X-Monitor-Original-Message-ID"], "<original@elsewhere.test>")
        self.assertEqual(len(copy["X-Monitor-Id"]), 26)
        self.assertRegex(copy["X-Monitor-Source"],
                         r'account=alice; folder="?INBOX"?; uidvalidity=\d+; uid=1$')
        removed = copy["X-Monitor-Removed"].lower()
        self.assertIn("disposition-notification-to", removed)
        self.assertIn("return-receipt-to", removed)
        self.assertIsNone(copy["Disposition-Notification-To"])
        self.assertIsNone(copy["Return-Receipt-To"])

    def test_copy_has_a_message_id_of_its_own(self):
        self.started()
        self.deliver("alice", "one", message_id="<same@elsewhere.test>")
        copy = self.only_copy()
        self.assertNotEqual(copy["Message-ID"], "<same@elsewhere.test>")
        self.assertEqual(len(copy.all("Message-ID")), 1)

    def test_original_digest_is_that_of_the_stored_message(self):
        import hashlib
        self.started()
        self.deliver("alice")
        copy = self.only_copy()
        with self.dovecot.mailbox("alice") as mailbox:
            original = mailbox.fetch("INBOX")[0].octets
        self.assertEqual(copy["X-Monitor-Original-SHA256"], hashlib.sha256(original).hexdigest())

    def test_two_messages_with_one_message_id_are_two_copies(self):
        self.started()
        self.deliver("alice", "first", message_id="<reused@elsewhere.test>")
        self.deliver("alice", "second", message_id="<reused@elsewhere.test>")
        self.assert_exactly_once(self.wait_copies(2), ["first", "second"])

    def test_alias_is_named_as_the_recipient(self):
        self.config.change("account", "alice", aliases=["a.liddell@example.org"])
        self.started()
        with self.dovecot.mailbox("alice") as mailbox:
            mailbox.append("INBOX", mail.message(to="a.liddell@example.org", received=True))
        copy = self.only_copy()
        self.assertEqual(copy["X-Monitor-Recipient"], "a.liddell@example.org")
        self.assertEqual(copy["X-Monitor-Recipient-Basis"], "to")

    def test_target_folder_is_named_by_date_and_words_and_made(self):
        self.config.change("target", "compliance",
                           folder="Monitor/%Y-%m/%{user}-%{direction}")
        self.started()
        with self.dovecot.mailbox("alice") as mailbox:
            mailbox.append("INBOX", mail.message(received=True), None, 1700000000)
        self.wait_copies(1, folder="Monitor/2023-11/alice-incoming")


class Baseline(case.Case):
    def setUp(self):
        super().setUp()
        self.config.rule("everything", incoming="all")

    def test_what_was_there_before_the_first_start_is_not_copied(self):
        self.deliver("alice", "old")
        self.started()
        self.deliver("alice", "new")
        self.assert_exactly_once(self.wait_copies(1), ["new"])

    def test_what_comes_while_the_agent_is_down_is_copied_at_its_return(self):
        agent = self.started()
        agent.stop()
        self.deliver("alice", "meanwhile")
        agent.start()
        self.deliver("alice", "afterwards")
        self.assert_exactly_once(self.wait_copies(2), ["meanwhile", "afterwards"])

    def test_a_second_start_copies_nothing_again(self):
        agent = self.started()
        self.deliver("alice", "once")
        self.wait_copies(1)
        agent.restart()
        self.deliver("alice", "twice")
        self.assert_exactly_once(self.wait_copies(2), ["once", "twice"])


class WaysIn(case.Case):
    """Each way to connect and to sign in."""

    def works(self):
        self.config.rule("everything", incoming="all")
        self.started()
        self.deliver("alice")
        self.only_copy()

    def test_tls(self):
        self.works()

    def test_starttls(self):
        self.config.server("office", self.dovecot, "imap")
        self.works()

    def test_plain_on_loopback(self):
        self.config.server("office", self.dovecot, "imap+plain")
        self.works()

    def test_master_user(self):
        self.config.server("office", self.dovecot, master_user="vigil",
                           master_password_file=self.config.secret("master", "master-secret"))
        self.config.account("alice", password=None)
        self.config.target("compliance", password=None, folder="Copies")
        self.works()

    def test_password_from_a_command(self):
        self.config.account("alice", password=None, password_command="echo secret")
        self.works()


if __name__ == "__main__":
    case.main()
