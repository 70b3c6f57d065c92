"""SIGHUP reads the configuration anew, SIGTERM ends the agent cleanly at any time."""

import signal
import time

from harness import case, mail


class Hangup(case.Case):
    def setUp(self):
        super().setUp()
        self.config.rule("everything", incoming="all", subject=["*old*"])

    def test_good_configuration_counts_from_then_on(self):
        agent = self.started()
        self.deliver("alice", "old one")
        self.wait_copies(1)
        self.config.change("rule", "everything", subject=["*new*"])
        self.config.account("bob")
        self.config.write()
        mark = agent.mark()
        agent.signal(signal.SIGHUP)
        agent.wait_line(r"reload", since=mark)
        self.deliver("alice", "old two")
        self.deliver("alice", "new three")
        self.assert_exactly_once(self.wait_copies(2), ["old one", "new three"])
        case.wait_for(lambda: "bob" in str(agent.status()), 20, "bob in the status")

    def test_in_the_first_moments_it_is_a_reload_too(self):
        agent = self.agent().start(pending=signal.SIGHUP)
        agent.wait_line(r"reloaded")
        self.assertTrue(agent.alive())

    def test_new_account_is_watched_after_the_reload(self):
        agent = self.started()
        self.config.account("bob")
        self.config.write()
        agent.signal(signal.SIGHUP)
        # The first sight is a baseline: go on until one arrives behind it.
        with self.dovecot.mailbox("monitor") as mailbox:
            def delivered():
                self.deliver("bob", "old mail of bob")
                time.sleep(0.5)
                return mailbox.count("Copies") > 0
            case.wait_for(delivered, 30, "a copy of bob's mail")

    def test_removed_account_is_watched_no_longer(self):
        self.config.account("bob")
        agent = self.started()
        self.config.remove("account", "bob")
        self.config.write()
        mark = agent.mark()
        agent.signal(signal.SIGHUP)
        agent.wait_line(r"reload", since=mark)
        self.deliver("bob", "old of bob")
        self.deliver("alice", "old of alice")
        self.assert_exactly_once(self.wait_copies(1), ["old of alice"])

    def test_faulty_configuration_is_refused_and_the_old_one_stays(self):
        agent = self.started()
        self.config.raw = "no_such_key = 1\n"
        self.config.write()
        mark = agent.mark()
        agent.signal(signal.SIGHUP)
        agent.wait_line(r"no_such_key", since=mark)
        self.deliver("alice", "old still counts")
        self.assert_exactly_once(self.wait_copies(1), ["old still counts"])
        self.assertTrue(agent.alive())
        self.config.raw = ""
        agent.stop()


class Terminate(case.Case):
    COUNT = 400

    def test_term_in_the_middle_of_a_batch(self):
        self.config.rule("everything", incoming="all")
        agent = self.started()
        agent.stop()
        self.dovecot.deliver_many("alice", (mail.message(subject="number %d" % n, size=20000)
                                            for n in range(self.COUNT)))
        stopped_inside = 0
        with self.dovecot.mailbox("monitor") as mailbox:
            for few in (1, 100, 200):
                mark = agent.mark()
                agent.start(ready=False)
                agent.wait_line("started", since=mark)
                case.wait_for(lambda: mailbox.count("Copies") >= few, 30, "some copies")
                agent.stop(timeout=30)
                stopped_inside += mailbox.count("Copies") < self.COUNT
        agent.start()
        self.assert_exactly_once(
            self.wait_copies(self.COUNT, timeout=60, items="BODY.PEEK[HEADER]"),
            ["number %d" % n for n in range(self.COUNT)])
        self.assertGreater(stopped_inside, 0, "all was done before the first SIGTERM")

    def test_term_while_nothing_happens_is_quick(self):
        agent = self.started()
        began = time.monotonic()
        agent.stop()
        self.assertLess(time.monotonic() - began, 5)

    def test_term_before_it_is_ready(self):
        agent = self.agent()
        self.dovecot.pause()
        try:
            agent.start(ready=False)
            agent.wait_line("started")
            agent.stop(timeout=30)
        finally:
            self.dovecot.resume()


if __name__ == "__main__":
    case.main()
