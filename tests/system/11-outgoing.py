"""Mail that a watched user sent, as it lies in the Sent folder."""

from harness import case


class Outgoing(case.Case):
    def setUp(self):
        super().setUp()
        self.config.rule("sent", outgoing="selected")

    def test_sent_message_is_copied_with_its_sender_known(self):
        self.started()
        octets = self.save_sent("alice", "the offer")
        copy = self.only_copy()
        self.assertEqual(copy["Subject"], "{Mon-Out} the offer")
        self.assertEqual(copy["X-Monitor-Sender"], "alice@example.org (mailbox)")
        self.assertEqual(copy["X-Monitor-Direction"], "outgoing")
        self.assertEqual(copy["X-Monitor-Recipient"], "partner@elsewhere.test")
        self.assertEqual(copy.body, octets.partition(b"\r\n\r\n")[2])
        self.assertIsNone(copy["X-Monitor-Warning"])

    def test_bcc_of_the_sent_copy_is_named_with_its_basis(self):
        self.started()
        self.save_sent("alice", to="partner@elsewhere.test", cc="second@elsewhere.test",
                       bcc="hidden@elsewhere.test")
        copy = self.only_copy()
        self.assertEqual(copy["X-Monitor-Recipients"],
                         "partner@elsewhere.test, second@elsewhere.test, hidden@elsewhere.test")
        self.assertEqual(copy["X-Monitor-Recipient-Basis"], "to, cc, bcc")

    def test_unselected_user_is_not_copied(self):
        self.config.account("bob", monitor=False)
        self.config.rule("last", outgoing="all", subject=["last*"])
        self.started()
        self.save_sent("bob", "of bob")
        self.save_sent("bob", "last of bob")
        self.save_sent("alice", "of alice")
        self.assert_exactly_once(self.wait_copies(2), ["of alice", "last of bob"])

    def test_recipients_inside_and_outside_make_it_both(self):
        self.config.keys["internal_wait"] = "1s"
        self.config.rule("inside", internal="all")
        self.started()
        self.save_sent("alice", to="partner@elsewhere.test, bob@example.org")
        copy = self.only_copy()
        self.assertEqual({one.strip() for one in copy["X-Monitor-Direction"].split(",")},
                         {"outgoing", "internal"})
        self.assertEqual({one.strip() for one in copy["X-Monitor-Rule"].split(",")},
                         {"sent", "inside"})

    def test_own_message_filed_elsewhere_is_outgoing(self):
        self.config.change("account", "alice", folders=["*"])
        self.started()
        with self.dovecot.mailbox("alice") as mailbox:
            mailbox.create("Projects")
        self.save_sent("alice", "filed", folder="Projects")
        copy = self.only_copy()
        self.assertEqual(copy["X-Monitor-Sender"], "alice@example.org (mailbox)")
        self.assertEqual(copy["X-Monitor-Direction"], "outgoing")

    def test_drafts_are_not_mail(self):
        self.config.change("account", "alice", folders=["*"])
        self.started()
        self.save_sent("alice", "unfinished", folder="Drafts", flags="\\Draft")
        self.save_sent("alice", "unfinished elsewhere", folder="INBOX", flags="\\Draft")
        self.save_sent("alice", "finished")
        self.assert_exactly_once(self.wait_copies(1), ["finished"])

    def test_in_sent_the_draft_flag_hides_nothing(self):
        self.started()
        self.save_sent("alice", "sent, whatever its flag says", flags="\\Draft")
        self.only_copy()


class WhereSentIs(case.Case):
    """The folder that keeps sent mail is found by its mark, else by its name."""

    def finds(self, **options):
        self.dovecot = self.server(**options)
        self.config = self.configuration()
        self.config.rule("sent", outgoing="all")
        self.started()
        self.save_sent("alice", "found", folder=options["sent_name"].strip('"'))
        self.only_copy()

    def setUp(self):
        pass

    def test_by_its_mark(self):
        self.finds(sent_name="Ausgang")

    def test_by_its_english_name(self):
        self.finds(sent_name="Sent", special_use=False)

    def test_by_its_german_name(self):
        self.finds(sent_name="Gesendet", special_use=False)

    def test_by_a_name_with_a_space(self):
        self.finds(sent_name='"Sent Items"', special_use=False)


if __name__ == "__main__":
    case.main()
