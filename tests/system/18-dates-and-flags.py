"""The copy keeps the original's date and asks no reader for a receipt; the source stays as it is."""

import imaplib
import json
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


class Owner(case.Case):
    """What the owner of a mailbox can write keeps nothing from being copied."""

    dovecot_options = {"hide": ("NOTIFY",)}

    def setUp(self):
        super().setUp()
        self.config.keys["safety_poll"] = "2s"
        self.config.change("account", "alice", folders=["*"])
        self.config.rule("everything", incoming="all", outgoing="all")

    def append(self, folder, subject, at=None, flags=None, **keys):
        with self.dovecot.mailbox("alice") as mailbox:
            return mailbox.append(folder, mail.message(subject=subject, **keys), flags, at)

    def test_received_mail_is_no_draft_whatever_sieve_marks_it(self):
        self.dovecot.sieve("alice", 'require "imap4flags";\naddflag "\\\\Draft";\n')
        self.started()
        self.deliver("alice", "marked")
        self.assert_exactly_once(self.wait_copies(1), ["marked"])
        with self.dovecot.mailbox("alice") as mailbox:
            self.assertIn("\\Draft", mailbox.flags("INBOX")[1])

    def test_draft_that_loses_the_flag_is_mail(self):
        self.started()
        alice = {"sender": "alice@example.org", "to": "partner@elsewhere.test"}
        uid = self.append("INBOX", "a draft", flags="\\Draft", **alice)
        self.append("INBOX", "another", flags="\\Draft", **alice)
        self.append("INBOX", "sent", **alice)
        self.assert_exactly_once(self.wait_copies(1), ["sent"])
        with self.dovecot.mailbox("alice") as mailbox:
            mailbox.imap.select("INBOX")
            mailbox.imap.uid("STORE", str(uid), "-FLAGS", "(\\Draft)")
        self.assert_exactly_once(self.wait_copies(2), ["sent", "a draft"])

    def test_draft_that_lost_the_flag_while_the_agent_was_down(self):
        agent = self.started()
        uid = self.append("INBOX", "a draft", flags="\\Draft", sender="alice@example.org",
                          to="partner@elsewhere.test")
        self.append("INBOX", "received", received=True)
        self.wait_copies(1)
        agent.stop()
        with self.dovecot.mailbox("alice") as mailbox:
            mailbox.imap.select("INBOX")
            mailbox.imap.uid("STORE", str(uid), "-FLAGS", "(\\Draft)")
        agent.start()
        self.assert_exactly_once(self.wait_copies(2), ["received", "a draft"])

    def test_date_of_2001_in_a_new_folder(self):
        self.started()
        with self.dovecot.mailbox("alice") as mailbox:
            mailbox.create("New")
        self.append("New", "dated back", at=1000000000, sender="alice@example.org",
                    to="partner@elsewhere.test")
        self.append("New", "received before", at=1000000000, received=True,
                    date="Sun, 09 Sep 2001 01:46:40 +0000")
        self.append("New", "received now", received=True)
        copies = self.wait_copies(2)
        self.assert_exactly_once(copies, ["dated back", "received now"])

    def test_date_of_2001_in_a_sent_folder_that_was_remade(self):
        self.started()
        self.save_sent("alice", "before")
        self.wait_copies(1)
        with self.dovecot.mailbox("alice") as mailbox:
            mailbox.imap.delete("Sent")
            mailbox.create("Sent")
        self.save_sent("alice", "dated back", date=1000000000)
        self.assert_exactly_once(self.wait_copies(2), ["before", "dated back"])

    def test_date_of_2001_does_not_escape_since(self):
        self.config.change("rule", "everything", since="2026-01-01")
        self.started()
        self.save_sent("alice", "dated back", date=1000000000)
        self.append("INBOX", "received", at=1000000000, received=True)
        copies = self.wait_copies(2)
        self.assert_exactly_once(copies, ["dated back", "received"])
        warned = {one["Subject"].split("} ")[-1]: one["X-Monitor-Warning"] or "" for one in copies}
        self.assertIn("undecided: since", warned["dated back"])
        self.assertNotIn("undecided", warned["received"])

    def test_date_of_the_night_does_not_escape_hours(self):
        now = time.gmtime()
        hours = "%02d:%02d-%02d:59" % (max(now.tm_hour - 1, 0), now.tm_min, now.tm_hour)
        if now.tm_hour == 0 or now.tm_min > 55:
            self.skipTest("too near to the end of an hour")
        self.config.change("rule", "everything", hours=hours)
        self.started()
        self.save_sent("alice", "dated back", date=time.time() - 12 * 3600)
        self.save_sent("alice", "dated on", date=time.time() + 8 * 3600)
        self.assert_exactly_once(self.wait_copies(2), ["dated back", "dated on"])


class Drafts(case.Case):
    """With NOTIFY nothing announces that a flag has changed."""

    alice = {"sender": "alice@example.org", "to": "partner@elsewhere.test"}

    def setUp(self):
        super().setUp()
        self.config.keys["poll_interval"] = "2s"
        self.config.change("account", "alice", folders=["**"])
        self.config.rule("everything", incoming="all", outgoing="all")

    def draft(self, folder, subject):
        with self.dovecot.mailbox("alice") as mailbox:
            return mailbox.append(folder, mail.message(subject=subject, **self.alice), "\\Draft")

    def finish(self, folder, uid):
        with self.dovecot.mailbox("alice") as mailbox:
            mailbox.imap.select(folder)
            mailbox.imap.uid("STORE", str(uid), "-FLAGS", "(\\Draft)")

    def states(self):
        told = self.command("ledger", "--json")
        self.assertEqual(told.returncode, 0, told.stderr)
        return json.loads(told.stdout)["messages"]

    def assert_vanished(self, n):
        deadline = time.monotonic() + 30
        while True:
            states = self.states()
            vanished = states.get("vanished", 0) + states.get("vanished_inferred", 0)
            if (vanished, states.get("draft", 0)) == (n, 0):
                return
            self.assertLess(time.monotonic(), deadline, states)
            time.sleep(0.5)

    def wait_drafts(self, n):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and self.states().get("draft", 0) < n:
            time.sleep(0.3)
        return self.states().get("draft", 0)

    def test_draft_that_loses_the_flag_is_mail_in_every_folder(self):
        with self.dovecot.mailbox("alice") as mailbox:
            mailbox.create("Work")
        self.started()
        folders = ("INBOX", "Work", "Drafts")
        for n, folder in enumerate(folders):
            uid = self.draft(folder, "in " + folder)
            self.assertEqual(self.wait_drafts(1), 1)
            self.finish(folder, uid)
            self.wait_copies(n + 1)
        self.assert_exactly_once(self.wait_copies(3), ["in " + folder for folder in folders])

    def test_draft_that_is_deleted_has_vanished(self):
        agent = self.started()
        uids = {folder: self.draft(folder, "gone") for folder in ("INBOX", "Drafts")}
        self.deliver("alice", "after")
        self.wait_copies(1)
        self.assertEqual(self.wait_drafts(2), 2)
        with self.dovecot.mailbox("alice") as mailbox:
            for folder, uid in uids.items():
                mailbox.delete(folder, uid)
        self.assert_vanished(2)
        uid = self.draft("INBOX", "gone meanwhile")
        self.assertEqual(self.wait_drafts(1), 1)
        agent.stop()
        with self.dovecot.mailbox("alice") as mailbox:
            mailbox.delete("INBOX", uid)
        agent.start()
        self.assert_vanished(3)


if __name__ == "__main__":
    case.main()
