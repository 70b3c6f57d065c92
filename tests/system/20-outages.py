"""What is wrong with one server or one account is told, and is nobody else's trouble."""

import time

from harness import case, mail, scripted
from harness.certs import Authority


class Outages(case.Case):
    def setUp(self):
        super().setUp()
        self.config.rule("everything", incoming="all")

    def scripted(self, **options):
        server = scripted.Server(**options)
        self.addCleanup(server.close)
        return server

    def problem(self, agent, name):
        """What `status` says of that account or target."""
        told = agent.status()
        for one in told["accounts"] + told["targets"]:
            if one["name"] == name:
                return one
        raise AssertionError("no %s in %r" % (name, told))

    def test_rejected_password_is_told_and_the_others_go_on(self):
        self.config.account("bob", password="wrong")
        agent = self.started()
        self.deliver("alice", "goes on")
        self.only_copy()
        told = self.problem(agent, "bob")
        self.assertRegex(str(told).lower(), "auth|password|reject")
        self.assertIn("since", str(told))

    def test_rejected_password_is_not_tried_again_quickly(self):
        server = self.scripted(password="another")
        self.config.section("server", "strict", imap=server.url())
        self.config.account("bob", server="strict")
        agent = self.started()
        agent.wait_line("account=bob|bob@example.org")
        self.deliver("alice", "meanwhile")
        self.only_copy()
        time.sleep(5)
        self.assertEqual(len(server.logins), 1)

    def test_server_that_is_down_at_start_is_watched_when_it_comes(self):
        other = self.server(domain="late.test", users=("bob",))
        other.stop()
        self.config.server("late", other)
        self.config.account("bob", server="late", domain="late.test")
        agent = self.started()
        self.deliver("alice", "goes on")
        self.wait_copies(1)
        self.assertRegex(str(self.problem(agent, "bob")).lower(), "refused|connect")
        other.start()
        case.wait_for(lambda: self.watching(agent, "bob"), 30, "bob's server")
        other.deliver("bob", mail.message(subject="of the late one"))
        self.assert_exactly_once(self.wait_copies(2), ["goes on", "of the late one"])

    def watching(self, agent, name):
        return self.problem(agent, name)["state"] in ("watching", "working")

    def test_server_that_goes_away_and_comes_back(self):
        other = self.server(domain="away.test", users=("bob",))
        self.config.server("away", other)
        self.config.account("bob", server="away", domain="away.test")
        agent = self.started()
        other.deliver("bob", mail.message(subject="before"))
        self.wait_copies(1)
        other.stop()
        case.wait_for(lambda: not self.watching(agent, "bob"), 20, "the loss to be noticed")
        self.deliver("alice", "meanwhile")
        self.wait_copies(2)
        other.start()
        other.deliver("bob", mail.message(subject="after"))
        self.assert_exactly_once(self.wait_copies(3, timeout=40),
                                 ["before", "meanwhile", "after"])

    def test_target_that_goes_away_and_comes_back(self):
        vault = self.server(domain="vault.test", users=("keeper",))
        self.config.server("vault", vault)
        self.config.target("compliance", server="vault", login="keeper@vault.test",
                           folder="Copies")
        agent = self.started()
        self.deliver("alice", "before")
        self.wait_copies(1, dovecot=vault, user="keeper")
        vault.stop()
        for n in range(5):
            self.deliver("alice", "number %d" % n)
        case.wait_for(lambda: self.problem(agent, "compliance")["pending"] == 5, 20,
                      "five pending copies")
        vault.start()
        self.assert_exactly_once(
            self.wait_copies(6, dovecot=vault, user="keeper", timeout=40),
            ["before"] + ["number %d" % n for n in range(5)])

    def test_reconnects_back_off(self):
        server = self.scripted()
        attempts = []

        def refuse(session, *_):
            attempts.append(time.monotonic())
            raise scripted.Gone()
        server.on["GREETING"] = refuse
        self.config.section("server", "flaky", imap=server.url())
        self.config.account("bob", server="flaky")
        self.started()
        self.deliver("alice", "goes on")
        self.wait_copies(1)
        case.wait_for(lambda: len(attempts) >= 4, 60, "a fourth attempt")
        gaps = [after - before for before, after in zip(attempts, attempts[1:])]
        self.assertGreater(gaps[0], 0.3)
        self.assertGreater(gaps[2], gaps[0])

    def test_two_hundred_accounts_do_not_come_back_at_the_same_moment(self):
        server = self.scripted()
        self.config.section("server", "big", imap=server.url())
        for n in range(200):
            self.config.account("user%d" % n, server="big", folders=["INBOX"])
        self.started()
        before = len(server.logins)
        server.disconnect()
        case.wait_for(lambda: len(server.logins) >= before + 200, 60, "all to be back")
        times = sorted(at for at, *_ in server.logins[before:before + 200])
        self.assertGreater(times[-1] - times[0], 0.3, "no jitter")

    def test_a_server_asks_for_time_and_gets_it(self):
        server = self.scripted()
        server.on["LOGIN"] = server.on["AUTHENTICATE"] = scripted.once(scripted.says(
            "%s NO [UNAVAILABLE] Request is throttled. Suggested Backoff Time: 4000 ms"))
        tries = []
        server.on["GREETING"] = lambda *_: tries.append(time.monotonic())
        self.config.section("server", "busy", imap=server.url())
        self.config.account("bob", server="busy")
        self.started()
        case.wait_for(lambda: server.logins, 60, "the second sign-in")
        self.assertGreaterEqual(tries[1] - tries[0], 4)


class Certificates(case.Case):
    """A certificate that does not fit is refused, with the reason in words."""

    def refused(self, words, certificate=None, ca_file=None):
        self.dovecot = self.server(cert=certificate, authority=self.authority)
        self.config = self.configuration()
        self.config.rule("everything", incoming="all")
        if ca_file:
            self.config.change("server", "office", ca_file=ca_file)
        for way in ("imaps", "imap"):
            port = self.dovecot.imaps_port if way == "imaps" else self.dovecot.imap_port
            self.config.change("server", "office", imap="%s://localhost:%d" % (way, port))
            agent = self.agent().start(ready=False)
            agent.wait_line("(?i)" + words)
            agent.stop()
        self.assertNotIn("Login: user", self.dovecot.log())

    def setUp(self):
        place = case.Config()
        self.addCleanup(place.close)
        self.place = place.dir
        self.authority = Authority(self.place)

    def test_wrong_name(self):
        self.refused("name|host",
                     self.authority.certificate("other", "DNS:other.example.org"))

    def test_expired(self):
        self.refused("expired", self.authority.certificate("old", expired=True))

    def test_unknown_authority(self):
        stranger = Authority(self.place, "stranger")
        self.refused("issuer|unknown|self.signed", ca_file=stranger.cert)


if __name__ == "__main__":
    case.main()
