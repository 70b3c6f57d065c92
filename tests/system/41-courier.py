"""Courier IMAP: folders below "INBOX.", no LITERAL+, no MULTIAPPEND, no UNSELECT, no SPECIAL-USE,
and no UIDNEXT in its answer to SELECT."""

from harness import case, elsewhere
from harness.courier import Courier


class BelowInbox(elsewhere.Common, elsewhere.Elsewhere):
    kind = Courier
    sent = "INBOX.Sent"
    monitor = "INBOX.Monitor.%Y-%m"

    def test_news_comes_by_idle(self):
        self.config.keys.update(safety_poll="10m", poll_interval="10m")
        agent = self.started()
        self.deliver("alice", "told")
        self.wait_subjects(["told"], timeout=10)
        self.save_sent("alice", "told too")
        self.wait_subjects(["told", "told too"], timeout=10)
        agent.stop()


if __name__ == "__main__":
    case.main()
