"""Which folders are watched, and what happens when mail or folders move."""

import glob
import json
import os
import signal
import time

from harness import case, mail


class AllFolders(case.Case):
    """folders = {"*"}: all but Drafts, Junk and Trash."""

    def setUp(self):
        super().setUp()
        self.config.change("account", "alice", folders=["*"])
        self.config.rule("everything", incoming="all", outgoing="all")

    def test_filed_by_sieve_is_seen_where_it_lies(self):
        with self.dovecot.mailbox("alice") as mailbox:
            mailbox.create("Lists")
        self.dovecot.sieve("alice", 'require "fileinto";\nif header :contains "subject" "list" '
                                    '{ fileinto "Lists"; }\n')
        self.started()
        self.deliver("alice", "to the list")
        self.deliver("alice", "to the inbox")
        copies = self.wait_copies(2)
        self.assert_exactly_once(copies, ["to the list", "to the inbox"])
        source = [one["X-Monitor-Source"] for one in copies if "list" in one["Subject"]][0]
        self.assertRegex(source, 'folder="?Lists"?;')

    def test_folder_that_is_created_later_is_found(self):
        self.started()
        with self.dovecot.mailbox("alice") as mailbox:
            mailbox.create("New")
            mailbox.append("New", mail.message(subject="first in it", received=True))
        self.assert_exactly_once(self.wait_copies(1), ["first in it"])

    def test_sieve_creates_the_folder_with_the_first_message_in_it(self):
        self.dovecot.sieve("alice", 'require ["fileinto", "mailbox"];\n'
                                    'fileinto :create "Deep/Down";\n')
        self.started()
        self.deliver("alice", "far down")
        self.assert_exactly_once(self.wait_copies(1), ["far down"])

    def test_moved_between_watched_folders_is_not_copied_again(self):
        with self.dovecot.mailbox("alice") as mailbox:
            mailbox.create("Archive")
        self.started()
        self.deliver("alice", "moved")
        self.wait_copies(1)
        with self.dovecot.mailbox("alice") as mailbox:
            mailbox.move("INBOX", 1, "Archive")
            mailbox.append("Archive", mail.message(subject="behind it", received=True))
        self.assert_exactly_once(self.wait_copies(2), ["moved", "behind it"])

    def test_renamed_folder_is_not_copied_again(self):
        with self.dovecot.mailbox("alice") as mailbox:
            mailbox.create("Before")
        self.started()
        with self.dovecot.mailbox("alice") as mailbox:
            mailbox.append("Before", mail.message(subject="inside", received=True))
            self.wait_copies(1)
            mailbox.rename("Before", "After")
            mailbox.append("After", mail.message(subject="behind it", received=True))
        self.assert_exactly_once(self.wait_copies(2), ["inside", "behind it"])

    def test_drafts_junk_and_trash_are_left_alone(self):
        self.started()
        with self.dovecot.mailbox("alice") as mailbox:
            for folder in ("Drafts", "Junk", "Trash", "INBOX"):
                mailbox.append(folder, mail.message(subject="in " + folder, received=True))
        self.assert_exactly_once(self.wait_copies(1), ["in INBOX"])

    def test_names_that_need_care(self):
        names = ["With space", 'With "quotes"', "Entw&APw-rfe", "a\\b", "Per%cent"]
        with self.dovecot.mailbox("alice") as mailbox:
            for name in names:
                mailbox.create(name)
        self.started()
        with self.dovecot.mailbox("alice") as mailbox:
            for number, name in enumerate(names):
                mailbox.append(name, mail.message(subject="number %d" % number, received=True))
        self.assert_exactly_once(self.wait_copies(len(names)),
                                 ["number %d" % n for n in range(len(names))])

    def test_deleted_folder_disturbs_nobody(self):
        with self.dovecot.mailbox("alice") as mailbox:
            mailbox.create("Short")
        agent = self.started()
        with self.dovecot.mailbox("alice") as mailbox:
            mailbox.append("Short", mail.message(subject="lived", received=True))
            self.wait_copies(1)
            mailbox.imap.delete("Short")
        self.deliver("alice", "goes on")
        self.assert_exactly_once(self.wait_copies(2), ["lived", "goes on"])
        self.assertTrue(agent.alive())


class Everything(case.Case):
    """folders = {"**"}: no folder is out of sight."""

    def setUp(self):
        super().setUp()
        self.config.change("account", "alice", folders=["**"])
        self.config.rule("everything", incoming="all", outgoing="all")

    def test_sieve_cannot_file_where_nobody_looks(self):
        self.dovecot.sieve("alice", 'require ["fileinto", "mailbox", "imap4flags", "variables"];\n'
                                    'if header :matches "subject" "to *" '
                                    '{ addflag "\\\\Draft"; fileinto :create "${1}"; }\n')
        self.started()
        subjects = ["to " + name for name in ("Trash", "Junk", "Drafts", "Hidden/Deep")]
        for subject in subjects:
            self.deliver("alice", subject)
        self.assert_exactly_once(self.wait_copies(4), subjects)

    def test_moved_to_trash_is_no_second_copy(self):
        self.started()
        self.deliver("alice", "moved")
        self.wait_copies(1)
        with self.dovecot.mailbox("alice") as mailbox:
            mailbox.move("INBOX", 1, "Trash")
            mailbox.append("Trash", mail.message(subject="after it", received=True))
        self.assert_exactly_once(self.wait_copies(2), ["moved", "after it"])

    def test_draft_in_drafts_is_no_mail(self):
        self.started()
        with self.dovecot.mailbox("alice") as mailbox:
            alice = {"sender": "alice@example.org", "to": "partner@elsewhere.test"}
            mailbox.append("Drafts", mail.message(subject="draft", **alice), "\\Draft")
            mailbox.append("Drafts", mail.message(subject="no draft", **alice))
        self.assert_exactly_once(self.wait_copies(1), ["no draft"])

    def test_check_says_what_a_star_leaves_out(self):
        self.assertNotIn("leaves out", self.command("check").stdout)
        self.config.change("account", "alice", folders=["*"])
        self.assertIn('account alice: folders "*" leaves out drafts',
                      self.command("check").stdout)
        told = self.command("check", "--connect").stdout
        self.assertRegex(told, 'left out by "\\*": .*"Trash"')
        self.assertNotRegex(told, 'left out by.*"INBOX"')


class Pause(case.Case):
    """What is taken out of the configuration and put back begins anew; a stop is no pause."""

    def setUp(self):
        super().setUp()
        self.config.account("bob")
        self.config.rule("everything", incoming="all", outgoing="all")

    def reload(self, agent):
        self.config.write()
        mark = agent.mark()
        agent.signal(signal.SIGHUP)
        agent.wait_line("reloaded", since=mark)

    def states(self):
        return json.loads(self.command("ledger", "--json").stdout)["messages"]

    def test_account_that_is_taken_out_and_put_back(self):
        agent = self.started()
        alice = self.config.sections[("account", "alice")]
        self.deliver("alice", "before")
        self.wait_copies(1)
        self.config.remove("account", "alice")
        self.reload(agent)
        self.deliver("alice", "during the pause")
        self.config.sections[("account", "alice")] = alice
        mark = agent.mark()
        self.reload(agent)
        agent.wait_line("folder-baselined account=alice folder=INBOX", since=mark)
        self.deliver("alice", "after")
        self.assert_exactly_once(self.wait_copies(2), ["before", "after"])
        agent.stop()
        self.assertEqual(self.states()["before_baseline"], 1)

    def test_account_that_is_taken_out_while_the_agent_is_stopped(self):
        agent = self.started()
        alice = self.config.sections[("account", "alice")]
        self.deliver("alice", "before")
        self.wait_copies(1)
        agent.stop()
        self.config.remove("account", "alice")
        agent.start()
        self.deliver("alice", "during the pause")
        agent.stop()
        self.config.sections[("account", "alice")] = alice
        agent.start()
        agent.stop()
        self.deliver("alice", "while it was stopped")
        agent.start()
        self.deliver("alice", "after")
        self.assert_exactly_once(self.wait_copies(3), ["before", "while it was stopped", "after"])

    def test_folder_that_is_configured_later(self):
        with self.dovecot.mailbox("alice") as mailbox:
            mailbox.create("Archive")
        agent = self.started()
        with self.dovecot.mailbox("alice") as mailbox:
            mailbox.append("Archive", mail.message(subject="not watched yet", received=True))
        agent.stop()
        self.deliver("alice", "in the inbox meanwhile")
        self.config.change("account", "alice", folders=["*"])
        agent.start()
        with self.dovecot.mailbox("alice") as mailbox:
            mailbox.append("Archive", mail.message(subject="watched", received=True))
            mailbox.create("Made")
            mailbox.append("Made", mail.message(subject="in a new one", received=True))
        self.assert_exactly_once(self.wait_copies(3),
                                 ["in the inbox meanwhile", "watched", "in a new one"])

    def test_folder_that_another_name_covered_before(self):
        """It was wanted all the time, though it was made while the agent was stopped."""
        self.config.change("account", "alice", folders=["*"])
        with self.dovecot.mailbox("alice") as mailbox:
            mailbox.append("Trash", mail.message(subject="in the trash", received=True))
        agent = self.started()
        wanted = []
        for n, folders in enumerate((["**"], ["*"], ["**"], ["INBOX", "New3"])):
            agent.stop()
            with self.dovecot.mailbox("alice") as mailbox:
                mailbox.create("New%d" % n)
                for subject in ("one of %d" % n, "other of %d" % n):
                    mailbox.append("New%d" % n, mail.message(subject=subject, received=True))
                    wanted.append(subject)
            self.config.change("account", "alice", folders=folders)
            agent.start()
            self.wait_copies(len(wanted))
        self.assert_exactly_once(self.wait_copies(len(wanted)), wanted)
        agent.stop()
        self.assertEqual(self.states()["before_baseline"], 1)


class Default(case.Case):
    """INBOX and Sent, no other."""

    def test_inbox_and_sent(self):
        self.config.rule("everything", incoming="all", outgoing="all")
        with self.dovecot.mailbox("alice") as mailbox:
            mailbox.create("Other")
        self.started()
        with self.dovecot.mailbox("alice") as mailbox:
            mailbox.append("Other", mail.message(subject="elsewhere", received=True))
        self.save_sent("alice", "in Sent")
        self.deliver("alice", "in INBOX")
        self.assert_exactly_once(self.wait_copies(2), ["in Sent", "in INBOX"])

    def test_mail_in_both_folders_at_once(self):
        """Every look at the one folder leaves the other for a moment."""
        self.config.rule("everything", incoming="all", outgoing="all")
        self.started()
        wanted = []
        for n in range(60):
            for save, where in ((self.deliver, "INBOX"), (self.save_sent, "Sent")):
                wanted.append("%s %d" % (where, n))
                save("alice", wanted[-1])
            time.sleep(0.01 * (n % 7))
        self.assert_exactly_once(self.wait_copies(len(wanted)), wanted)

    def test_folders_by_name(self):
        self.config.change("account", "alice", folders=["Other"])
        self.config.rule("everything", incoming="all")
        with self.dovecot.mailbox("alice") as mailbox:
            mailbox.create("Other")
        self.started()
        self.deliver("alice", "in INBOX")
        with self.dovecot.mailbox("alice") as mailbox:
            mailbox.append("Other", mail.message(subject="elsewhere", received=True))
        self.assert_exactly_once(self.wait_copies(1), ["elsewhere"])


class Gone(case.Case):
    """What nobody could capture is counted, never claimed."""

    def test_message_deleted_while_the_agent_was_down_is_told_as_vanished(self):
        self.config.rule("everything", incoming="all")
        agent = self.started()
        agent.stop()
        self.deliver("alice", "never seen")
        self.deliver("alice", "stays")
        with self.dovecot.mailbox("alice") as mailbox:
            mailbox.delete("INBOX", 1)
        agent.start()
        self.assert_exactly_once(self.wait_copies(1), ["stays"])
        agent.stop()
        told = self.command("ledger", "--json")
        self.assertEqual(told.returncode, 0, told.stderr)
        messages = json.loads(told.stdout)["messages"]
        self.assertEqual(sum(messages.get(one, 0) for one in ("vanished", "vanished_inferred")), 1, messages)

    def test_what_vanished_since_the_last_look_is_proven(self):
        """With QRESYNC the server itself says which UIDs came and went."""
        self.config.rule("everything", incoming="all")
        agent = self.started()
        self.deliver("alice", "the first")
        self.wait_copies(1)
        agent.stop()
        agent.start()  # now the ledger knows a HIGHESTMODSEQ behind the first message
        agent.stop()
        self.deliver("alice", "never seen")
        self.deliver("alice", "stays")
        with self.dovecot.mailbox("alice") as mailbox:
            mailbox.delete("INBOX", 2)
        agent.start()
        self.assert_exactly_once(self.wait_copies(2), ["the first", "stays"])
        agent.stop()
        told = self.command("ledger", "--json")
        messages = json.loads(told.stdout)["messages"]
        self.assertEqual((messages.get("vanished"), messages.get("vanished_inferred")),
                         (1, None), messages)

    def test_new_uidvalidity_loses_nothing_and_copies_nothing_twice(self):
        self.config.rule("everything", incoming="all")
        agent = self.started()
        for n in range(3):
            self.deliver("alice", "number %d" % n)
        self.wait_copies(3)
        agent.stop()
        self.deliver("alice", "meanwhile")
        # As after a restore: Dovecot numbers the folder anew.
        self.dovecot.stop()
        pattern = "%s/home/alice@example.org/Maildir/dovecot*" % self.dovecot.dir
        quiet = 0
        while quiet < 5:  # a process that ends late writes them again
            quiet = 0 if glob.glob(pattern) else quiet + 1
            for path in glob.glob(pattern):
                os.unlink(path)
            time.sleep(0.1)
        self.dovecot.start()
        mark = agent.mark()
        agent.start()
        self.deliver("alice", "afterwards")
        # Older than the first sight of the account, but moved in now.
        with self.dovecot.mailbox("alice") as mailbox:
            mailbox.append("INBOX", mail.message(subject="an old one", received=True),
                           date=1577872800)
        self.assert_exactly_once(self.wait_copies(6), [
            "number 0", "number 1", "number 2", "meanwhile", "afterwards", "an old one"])
        agent.wait_line("(?i)uidvalidity", since=mark)


if __name__ == "__main__":
    case.main()
