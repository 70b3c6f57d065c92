"""A crash at any numbered step of the way leaves every message exactly once in its target.

Needs a build with fault points. Their numbers and names are read from agent/system/fault.h, so that a new
one is tried at once.
"""

import os
import re
import subprocess

from harness import case, mail

FAULT_H = os.path.join(os.path.dirname(__file__), "..", "..", "agent", "system", "fault.h")
COUNT = 12
KILLED = -9


def fault_points():
    """[(number, name)], in order."""
    with open(FAULT_H) as source:
        text = source.read()
    names = re.findall(r"^\s*(FAULT_\w+)(?: = 1)?,", text, re.M)
    return [(number, name) for number, name in enumerate(
        (one for one in names if one != "FAULT_LAST"), 1)]


class Crashes(case.Case):
    def setUp(self):
        super().setUp()
        self.config.rule("everything", incoming="all")
        self.subjects = []

    def deliver_some(self, word):
        messages = []
        for n in range(COUNT):
            self.subjects.append("%s %d" % (word, n))
            # One of them is longer than what one write takes.
            messages.append(mail.message(subject=self.subjects[-1],
                                         size=1_500_000 if n == 3 else 3000))
        self.dovecot.deliver_many("alice", messages)

    def dies(self, agent, point, timeout=30):
        """Runs it with the fault point armed until it dies; False when it got by alive."""
        agent.start(ready=False, environment={"MAILVIGIL_FAULT": point})
        try:
            status = agent.wait(timeout)
        except subprocess.TimeoutExpired:
            agent.stop()
            return False
        agent.process = None
        self.assertEqual(status, KILLED, agent.log())
        return True

    def proves(self, number, passes):
        """Baseline; mail while it is down; crash at the point; restart; more mail."""
        agent = self.started()
        agent.stop()
        self.deliver_some("backlog")
        died = self.dies(agent, "%d:%d" % (number, passes), timeout=15)
        agent.start()
        self.deliver_some("afterwards")
        self.assert_exactly_once(
            self.wait_copies(len(self.subjects), timeout=60, items="BODY.PEEK[HEADER]"),
            self.subjects)
        agent.stop()
        return died


class FirstStart(Crashes):
    """The very first start crashes: the baseline is taken once, nothing old is copied."""

    def test_crash_at_the_baseline(self):
        for number in (1, 2):
            with self.subTest(point=number):
                self.config.keys["state_dir"] = os.path.join(self.config.dir, "state%d" % number)
                self.deliver("alice", "old")
                agent = self.agent()
                self.assertTrue(self.dies(agent, str(number)))
                agent.start()
                subject = "new at %d" % number
                self.deliver("alice", subject)
                case.wait_for(lambda: subject in str([one["Subject"] for one in self.copies()]),
                              20, "the copy")
                agent.stop()
                self.assertNotIn("old", str([one["Subject"] for one in self.copies()]))


# The baseline is noted at the first start only, the target searched only after another crash: each
# has a test of its own.
NOT_ON_THIS_WAY = {"FAULT_FOLDER_NOTED", "FAULT_RECOVERY_SEARCHED"}


class SecondCrash(Crashes):
    """The recovery crashes too."""

    def test_crash_while_recovering(self):
        points = dict((name, number) for number, name in fault_points())
        agent = self.started()
        agent.stop()
        self.deliver_some("backlog")
        self.assertTrue(self.dies(agent, str(points["FAULT_APPEND_ANSWERED"])))
        self.assertTrue(self.dies(agent, str(points["FAULT_RECOVERY_SEARCHED"])))
        self.assertTrue(self.dies(agent, str(points["FAULT_RECOVERY_SEARCHED"])))
        agent.start()
        self.deliver_some("afterwards")
        self.assert_exactly_once(
            self.wait_copies(len(self.subjects), timeout=60, items="BODY.PEEK[HEADER]"),
            self.subjects)
        agent.stop()


class EveryPoint(Crashes):
    """Each point, at its first and at its third passing."""


def add_test(number, name, passes):
    def test(self):
        died = self.proves(number, passes)
        if passes == 1 and name not in NOT_ON_THIS_WAY:
            self.assertTrue(died, "fault point %s was never passed" % name)
    setattr(EveryPoint, "test_%02d_%s_%d" % (number, name[6:].lower(), passes), test)


for _number, _name in fault_points():
    for _passes in (1, 3):
        add_test(_number, _name, _passes)


if __name__ == "__main__":
    case.main()
