"""No copy is copied again, and nobody can pass a message off as a copy."""

import re

from harness import case, mail


class Loops(case.Case):
    def setUp(self):
        super().setUp()
        self.config.keys["internal_wait"] = "1s"
        self.config.rule("everything", incoming="all", internal="all", outgoing="all")

    def test_a_watched_target_makes_no_loop(self):
        self.config.account("monitor", folders=["*"])
        self.started()
        self.deliver("alice", "round one")
        self.deliver("alice", "round two")
        self.wait_copies(2)
        # Behind the copies, in the same folder: when it is copied they have been looked at.
        with self.dovecot.mailbox("monitor") as mailbox:
            mailbox.append("Copies", mail.message(subject="behind them", received=True,
                                                  to="monitor@example.org"))
        copies = self.wait_copies(4)
        self.assert_exactly_once([one for one in copies if one["X-Monitor-Id"]],
                                 ["round one", "round two", "behind them"])

    def test_a_forged_id_is_no_way_around(self):
        self.started()
        self.deliver("alice", "forged", fields=["X-Monitor-Id: " + "a" * 26])
        copy = self.only_copy()
        self.assertNotEqual(copy["X-Monitor-Id"], "a" * 26)
        self.assertEqual(len(copy.all("X-Monitor-Id")), 1)

    def test_a_true_id_on_another_body_is_no_way_around(self):
        self.started()
        self.deliver("alice", "the first")
        copy = self.only_copy()
        stolen = re.search(rb"X-Monitor-Id: [a-z2-7]{26}\r\n", copy.octets).group(0)
        octets = stolen + mail.message(subject="hidden behind it", body="another text\r\n")
        self.dovecot.deliver("alice", octets)
        self.assert_exactly_once(self.wait_copies(2), ["the first", "hidden behind it"])

    def test_a_copy_that_is_sent_back_is_known(self):
        self.started()
        self.deliver("alice", "the first")
        copy = self.only_copy()
        with self.dovecot.mailbox("alice") as mailbox:
            mailbox.append("INBOX", copy.octets)
        self.deliver("alice", "the second")
        self.assert_exactly_once(self.wait_copies(2), ["the first", "the second"])


if __name__ == "__main__":
    case.main()
