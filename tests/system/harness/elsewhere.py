"""What must hold on any real server; 4x-*.py run it on servers other than Dovecot."""

import time

from . import case


class Elsewhere(case.Case):
    """A subclass says how its server is made and what it calls the folders."""

    kind = None
    options = {}
    sent = "Sent"
    monitor = "Monitor/%Y-%m"  # as the server calls it
    way = "imap"

    def server(self, **options):
        server = self.kind(**dict(self.options, **options))
        self.addCleanup(server.close)
        return server.start()

    def configuration(self, **keys):
        config = super().configuration(**keys)
        config.change("target", "compliance", folder="Monitor/%Y-%m")
        config.rule("everything", incoming="all", outgoing="all")
        return config

    def logs(self):
        return super().logs() + "\n---- the server\n" + self.dovecot.log()

    def target(self):
        return time.strftime(self.monitor, time.gmtime())

    def save_sent(self, user, subject="hello", **keys):
        return super().save_sent(user, subject, folder=keys.pop("folder", self.sent), **keys)

    def wait_subjects(self, subjects, timeout=30):
        found = self.wait_copies(len(subjects), folder=self.target(), timeout=timeout)
        try:
            self.assert_exactly_once(found, subjects)
        except AssertionError as failure:
            raise AssertionError("%s%s" % (failure, self.logs())) from None
        return found


class Common:
    """The tests themselves."""

    def test_both_directions_exactly_once_over_a_restart_and_a_crash(self):
        subjects = ["incoming", "outgoing"]
        self.deliver("alice", "old, before the first start")
        agent = self.started()
        octets = self.deliver("alice", "incoming")
        self.save_sent("alice", "outgoing")
        found = {one["Subject"]: one for one in self.wait_subjects(subjects)}
        self.assertEqual(sorted(found), ["{Mon-In} incoming", "{Mon-Out} outgoing"])
        self.assertEqual(found["{Mon-In} incoming"].body, octets.partition(b"\r\n\r\n")[2])
        self.assertIn("$MDNSent", found["{Mon-In} incoming"].flags)
        agent.stop()

        for n in range(20):
            self.deliver("alice", "meanwhile %d" % n)
            subjects.append("meanwhile %d" % n)
        agent.start(ready=False)
        case.wait_for(lambda: len(self.copies(folder=self.target())) > 2, 20, "a copy", self.logs)
        agent.kill()
        self.save_sent("alice", "after the crash")
        subjects.append("after the crash")
        agent.start()
        self.wait_subjects(subjects)
        self.deliver("alice", "the last")
        self.wait_subjects(subjects + ["the last"])
        agent.stop()

    def test_polling_where_idle_is_not_offered(self):
        self.dovecot.close()
        self.dovecot = self.server(idle=False)
        self.config = self.configuration(poll_interval="1s")
        agent = self.started()
        self.deliver("alice", "polled")
        self.wait_subjects(["polled"])
        agent.stop()

    def test_check_tells_of_folders_and_target(self):
        done = self.command("check", "--connect")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("account alice <alice@example.org>: logged in, TLSv1.", done.stdout)
        self.assertIn('folders watched: "INBOX", "%s" (Sent)\n' % self.sent, done.stdout)
        self.assertIn("UIDs are reported by the server (UIDPLUS)", done.stdout)
