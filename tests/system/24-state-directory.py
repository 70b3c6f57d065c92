"""The state directory: one instance, one agent, private, and never silently lost."""

import os
import sqlite3
import stat
import subprocess

from harness import case, mail, places

CONFIGURATION_ERROR = 78


class StateDirectory(case.Case):
    def setUp(self):
        super().setUp()
        self.config.rule("everything", incoming="all")

    def refused(self, *words, environment=None):
        """The agent ends by itself, not with 0, and says these words."""
        agent = self.agent().start(ready=False, environment=environment)
        status = agent.wait(30)
        agent.process = None
        self.assertNotEqual(status, 0)
        self.assertGreater(status, 0, "ended by a signal:\n" + agent.log())
        for word in words:
            self.assertRegex(agent.log(), "(?i)" + word)

    def test_is_private(self):
        self.started()
        for name in ("", "ledger.db", "instance.key"):
            mode = stat.S_IMODE(os.stat(os.path.join(self.config.state_dir, name)).st_mode)
            self.assertEqual(mode & 0o077, 0, name)

    def test_that_others_can_read_is_refused(self):
        self.config.write()
        os.chmod(self.config.state_dir, 0o755)
        self.refused("state", "0?700")

    def test_of_another_instance_is_refused(self):
        self.started().stop()
        self.config.keys["instance"] = "example.net"
        self.refused("example.org")

    def test_in_use_by_a_running_agent_is_refused(self):
        first = self.started()
        self.refused("use|running", str(first.process.pid))
        self.deliver("alice", "the first one goes on")
        self.only_copy()

    def test_lock_of_a_killed_agent_is_no_obstacle(self):
        agent = self.started()
        agent.kill()
        agent.start()
        self.deliver("alice")
        self.only_copy()

    def test_ledger_of_a_newer_version_is_refused(self):
        self.started().stop()
        database = sqlite3.connect(os.path.join(self.config.state_dir, "ledger.db"))
        version = database.execute("PRAGMA user_version").fetchone()[0]
        database.execute("PRAGMA user_version = %d" % (version + 1))
        database.commit()
        database.close()
        self.refused("newer|version")

    def test_ledger_that_is_no_database_is_refused(self):
        self.started().stop()
        for name in os.listdir(self.config.state_dir):
            if name.startswith("ledger.db"):
                os.unlink(os.path.join(self.config.state_dir, name))
        with open(os.path.join(self.config.state_dir, "ledger.db"), "wb") as out:
            out.write(b"this is no database. " * 1000)
        self.refused("ledger.db")

    def test_secret_that_others_can_read_is_refused(self):
        os.chmod(os.path.join(self.config.dir, "account-alice.secret"), 0o644)
        self.refused("account-alice.secret")

    def test_configuration_with_a_fault_ends_with_78(self):
        self.config.raw = "nonsense = 1\n"
        agent = self.agent().start(ready=False)
        self.assertEqual(agent.wait(30), CONFIGURATION_ERROR)
        agent.process = None


class FullDisk(case.Case):
    """State on a file system of 12 MB: capture stops, says so, goes on by itself."""

    def setUp(self):
        super().setUp()
        self.place = places.temporary("mvf")
        self.addCleanup(places.remove, self.place)
        mounted = subprocess.run(("mount", "-t", "tmpfs", "-o", "size=12m,mode=0700", "tmpfs",
                                  self.place), stderr=subprocess.PIPE, check=False)
        if mounted.returncode:
            self.skipTest("no file system can be mounted here")
        self.addCleanup(subprocess.run, ("umount", "-l", self.place), check=False)
        self.config.keys["state_dir"] = self.place
        self.config.rule("everything", incoming="all")

    def fill(self):
        path = os.path.join(self.place, "filler")
        with open(path, "wb", buffering=0) as out:
            try:
                while True:
                    out.write(b"x" * 4096)
            except OSError:
                pass
        return path

    def wait_blocked(self, agent):
        return case.wait_for(lambda: agent.status()["ledger"]["blocked"], 20,
                             "the status to say that the ledger is blocked", self.logs)

    def test_the_log_tells_of_it_loudly_and_of_its_end(self):
        agent = self.started()
        filler = self.fill()
        mark = agent.mark()
        self.deliver("alice", "full", size=100_000)
        line = agent.wait_line("(?i)no space|disk is full|full", since=mark)
        self.assertLessEqual(line.level if line.level is not None else 0, 4)
        os.unlink(filler)
        self.wait_copies(1, timeout=60)

    def test_nothing_is_lost_and_it_goes_on(self):
        agent = self.started()
        self.deliver("alice", "before")
        self.wait_copies(1)
        filler = self.fill()
        for n in range(5):
            self.deliver("alice", "full %d" % n, size=100_000)
        self.assertRegex(self.wait_blocked(agent).lower(), "space|full")
        self.assertTrue(agent.alive())
        os.unlink(filler)
        self.assert_exactly_once(self.wait_copies(6, timeout=60),
                                 ["before"] + ["full %d" % n for n in range(5)])

    def test_kill_while_it_is_full(self):
        agent = self.started()
        filler = self.fill()
        self.dovecot.deliver_many("alice", (mail.message(subject="full %d" % n, size=100_000)
                                            for n in range(5)))
        self.wait_blocked(agent)
        agent.kill()
        os.unlink(filler)
        agent.start()
        self.assert_exactly_once(self.wait_copies(5), ["full %d" % n for n in range(5)])


if __name__ == "__main__":
    case.main()
