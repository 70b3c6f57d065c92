"""The test case all system tests are made of: a Dovecot, a configuration, an agent."""

import sys
import time
import unittest

from .agent import Agent, Config, run_command
from .dovecot import Dovecot
from .imap import wait_for
from .mail import message


class Case(unittest.TestCase):
    """Each test has a Dovecot of its own (it starts in a tenth of a second)."""

    dovecot_options = {}
    way = "imaps"
    agents = ()

    def setUp(self):
        self.dovecot = self.server(**self.dovecot_options)
        self.config = self.configuration()

    def server(self, **options):
        """One more Dovecot, stopped at the end of the test."""
        dovecot = Dovecot(**options)
        self.addCleanup(dovecot.close)
        return dovecot.start()

    def configuration(self, accounts=("alice",), **keys):
        """Server "office", the accounts, target "compliance": monitor's folder Copies."""
        config = Config(**keys)
        self.addCleanup(config.close)
        config.server("office", self.dovecot, self.way)
        for name in accounts:
            config.account(name)
        config.target("compliance", folder="Copies")
        return config

    def agent(self, config=None, **keys):
        agent = Agent(config or self.config, **keys)
        self.agents = (*self.agents, agent)
        self.addCleanup(agent.kill)
        return agent

    def logs(self):
        return "".join("\n---- log of the agent\n" + agent.log() for agent in self.agents)

    def started(self, config=None, **keys):
        """A running agent that is ready."""
        return self.agent(config, **keys).start()

    # ---- mail comes and goes ----

    def deliver(self, user, subject="hello", **keys):
        octets = message(subject=subject, to=keys.pop("to", "%s@example.org" % user), **keys)
        self.dovecot.deliver(user, octets)
        return octets

    def save_sent(self, user, subject="hello", folder="Sent", flags="\\Seen", date=None, **keys):
        """As the user's mail program does after sending."""
        octets = message(subject=subject, sender=keys.pop("sender", "%s@example.org" % user),
                         to=keys.pop("to", "partner@elsewhere.test"), **keys)
        with self.dovecot.mailbox(user) as mailbox:
            mailbox.append(folder, octets, flags, date)
        return octets

    # ---- the independent reader ----

    def copies(self, folder="Copies", user="monitor", dovecot=None, items="BODY.PEEK[]"):
        with (dovecot or self.dovecot).mailbox(user) as mailbox:
            return mailbox.fetch(folder, items)

    def wait_copies(self, count, folder="Copies", user="monitor", dovecot=None, timeout=30,
                    items="BODY.PEEK[]"):
        """Waits for `count` copies; more than that is a failure at once."""
        with (dovecot or self.dovecot).mailbox(user) as mailbox:
            try:
                wait_for(lambda: mailbox.count(folder) >= count, timeout,
                         "%d copies in %s" % (count, folder))
            except AssertionError as failure:
                raise AssertionError("%s; there are %d%s" % (failure, mailbox.count(folder),
                                                             self.logs())) from None
            found = mailbox.fetch(folder, items)
        self.assertEqual(len(found), count, [one["Subject"] for one in found])
        return found

    def only_copy(self, **keys):
        return self.wait_copies(1, **keys)[0]

    def wait_delivered(self, agent, timeout=60):
        """Waits until nothing is pending, held or on its way."""
        def idle():
            copies = agent.status()["copies"]
            return not copies["pending"] and not copies["held"] and not copies["sending"]
        wait_for(idle, timeout, "all copies to be delivered")

    def assert_exactly_once(self, copies, subjects):
        """Each subject has one copy and there is no other; subjects as in the originals."""
        found = {}
        for one in copies:
            subject = one["Subject"].split("} ", 1)[-1]
            found[subject] = found.get(subject, 0) + 1
        self.assertEqual({s: n for s, n in found.items() if n > 1}, {}, "copied more than once")
        self.assertEqual(sorted(set(subjects) - set(found)), [], "lost")
        self.assertEqual(sorted(set(found) - set(subjects)), [], "not expected")

    def command(self, *arguments, **keys):
        config = keys.pop("config", self.config)
        config.write()
        return run_command(config, *arguments, **keys)


def main():
    """As unittest.main(), and tells how long each test took."""
    class Result(unittest.TextTestResult):
        def startTest(self, test):
            self.began = time.monotonic()
            super().startTest(test)

        def addSuccess(self, test):
            unittest.TestResult.addSuccess(self, test)
            self.stream.writeln("ok %.1f s" % (time.monotonic() - self.began))

    unittest.main(testRunner=unittest.TextTestRunner(sys.stderr, verbosity=2, resultclass=Result))
