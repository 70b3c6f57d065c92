"""kill -9 at random moments while messages flow.

Arguments: --messages N (100) --rounds N (1) --seed N. tests/crash_storm.sh runs the long version.
"""

import argparse
import random
import sys
import threading
import time
import unittest

from harness import case, mail

OPTIONS = argparse.Namespace(messages=100, rounds=1, seed=None)


class Storm(case.Case):
    def setUp(self):
        super().setUp()
        self.config.account("bob", folders=["*"])
        self.config.rule("everything", incoming="all", outgoing="all")
        self.seed = OPTIONS.seed if OPTIONS.seed is not None else random.randrange(1 << 30)
        print("seed %d" % self.seed, file=sys.stderr)
        self.chance = random.Random(self.seed)

    def flow(self, subjects):
        """Delivers and saves, a little faster than one by one would be seen."""
        chance = random.Random(self.seed + 1)
        for subject in subjects:
            size = chance.choice((1500, 4000, 30_000, 30_000, 400_000))
            if chance.random() < 0.3:
                self.save_sent("alice", subject, size=size)
            else:
                self.deliver(chance.choice(("alice", "bob")), subject, size=size)
            time.sleep(chance.random() * 0.03)

    def round(self, number):
        subjects = ["round %d number %d" % (number, n) for n in range(OPTIONS.messages)]
        agent = self.started() if number == 0 else self.last.start()
        self.last = agent
        flow = threading.Thread(target=self.flow, args=(subjects,))
        flow.start()
        kills = 0
        while flow.is_alive():
            time.sleep(self.chance.random() * 0.7)
            agent.kill()
            kills += 1
            agent.start(ready=False)
        flow.join()
        # A few more deaths while it catches up.
        for _ in range(4):
            time.sleep(self.chance.random() * 0.5)
            agent.kill()
            kills += 1
            agent.start(ready=False)
        print("%d messages, %d kills" % (len(subjects), kills), file=sys.stderr)
        self.assertGreater(kills, 4)
        agent.wait_ready(60)
        return subjects

    def test_exactly_once(self):
        subjects = []
        for number in range(OPTIONS.rounds):
            subjects += self.round(number)
            found = self.wait_copies(len(subjects), timeout=120, items="BODY.PEEK[HEADER]")
            self.assert_exactly_once(found, subjects)
            self.last.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for option in ("messages", "rounds", "seed"):
        parser.add_argument("--" + option, type=int, default=getattr(OPTIONS, option))
    OPTIONS = parser.parse_args()
    unittest.main(argv=sys.argv[:1])
