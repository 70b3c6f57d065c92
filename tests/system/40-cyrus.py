"""Cyrus IMAP."""

from harness import case, elsewhere
from harness.cyrus import Cyrus


class BesideInbox(elsewhere.Common, elsewhere.Elsewhere):
    """altnamespace and unixhierarchysep, the form of new installations."""

    kind = Cyrus
    way = "imaps"

    def test_news_comes_by_idle(self):
        self.config.keys.update(safety_poll="10m", poll_interval="10m")
        agent = self.started()
        self.deliver("alice", "told")
        self.wait_subjects(["told"], timeout=10)
        self.save_sent("alice", "told too")
        self.wait_subjects(["told", "told too"], timeout=10)
        agent.stop()

    def refused(self, subject, **keys):
        """A copy that Cyrus will never take: from Dovecot, which takes all."""
        source = case.Case.server(self)
        self.config.server("source", source, "imap+plain")
        self.config.account("alice", server="source")
        agent = self.started()
        source.deliver("alice", case.message(subject=subject, **keys))
        agent.wait_line("failed|given up|refused", timeout=20)
        source.deliver("alice", case.message(subject="healthy"))
        self.wait_subjects(["healthy"])
        case.wait_for(lambda: "failed" in self.command("ledger").stdout, 20,
                      "the failure in the ledger", self.logs)
        agent.stop()
        return self.command("ledger").stdout

    def test_what_cyrus_refuses_is_given_up_and_stops_nothing(self):
        told = self.refused("bad header", fields=["no field at all"])
        self.assertIn("Message contains invalid header", told)


class BelowInbox(elsewhere.Common, elsewhere.Elsewhere):
    """Folders are INBOX.Sent, the separator is "."; no marks for special use."""

    kind = Cyrus
    options = {"altnamespace": False, "unixhierarchysep": False, "special_use": False}
    sent = "INBOX.Sent"
    monitor = "INBOX.Monitor.%Y-%m"


if __name__ == "__main__":
    case.main()
