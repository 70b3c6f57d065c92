"""The copy keeps the original's date and asks no reader for a receipt; the source stays as it is."""

import imaplib
import time

from harness import case, mail


def seconds(found):
    return time.mktime(imaplib.Internaldate2tuple(
        b'INTERNALDATE "%s"' % found.internaldate.encode()))


class DatesAndFlags(case.Case):
    def setUp(self):
        super().setUp()
        self.config.rule("everything", incoming="all", outgoing="all")

    def test_internaldate_is_that_of_the_original(self):
        self.started()
        for date in (1700000000, 86400 * 400):
            with self.dovecot.mailbox("alice") as mailbox:
                mailbox.append("INBOX", mail.message(received=True, subject=str(date)), None, date)
        copies = self.wait_copies(2)
        self.assertEqual([seconds(one) for one in copies], [1700000000, 86400 * 400])

    def test_copy_is_marked_so_that_no_reader_sends_a_receipt(self):
        self.started()
        self.deliver("alice")
        self.assertIn("$MDNSent", self.only_copy().flags)

    def test_copy_is_unread(self):
        self.started()
        self.save_sent("alice", flags="\\Seen")
        self.assertNotIn("\\Seen", self.only_copy().flags)

    def test_no_flag_of_a_source_message_changes(self):
        agent = self.started()
        self.deliver("alice", "unread")
        with self.dovecot.mailbox("alice") as mailbox:
            mailbox.append("INBOX", mail.message(subject="flagged", received=True),
                           "(\\Flagged \\Answered custom)")
        self.save_sent("alice", "sent")
        self.wait_copies(3)
        agent.stop()
        with self.dovecot.mailbox("alice") as mailbox:
            inbox = [one - {"\\Recent"} for one in mailbox.flags("INBOX").values()]
            sent = [one - {"\\Recent"} for one in mailbox.flags("Sent").values()]
        self.assertEqual(inbox, [set(), {"\\Flagged", "\\Answered", "custom"}])
        self.assertEqual(sent, [{"\\Seen"}])

    def test_recent_stays_for_the_owner(self):
        agent = self.started()
        self.deliver("alice")
        self.wait_copies(1)
        agent.stop()
        with self.dovecot.mailbox("alice") as mailbox:
            self.assertEqual([b"1"], mailbox.imap.select("INBOX") and mailbox.imap.recent()[1])


if __name__ == "__main__":
    case.main()
