"""No copy is copied again and again, and nobody can pass a message off as a copy."""

import re
import threading
import time

from harness import case, mail, scripted

FAULT_APPEND_ANSWERED = 12


class Loops(case.Case):
    def setUp(self):
        super().setUp()
        self.config.keys["internal_wait"] = "1s"
        self.config.rule("everything", incoming="all", internal="all", outgoing="all")

    def warnings(self, subject):
        """Of the only copy whose subject ends so."""
        copy, = [one for one in self.copies() if one["Subject"].endswith(subject)]
        return (copy["X-Monitor-Warning"] or "").split(", ")

    # ---- loops ----

    def test_a_watched_target_makes_no_loop(self):
        self.config.account("monitor", folders=["*"])
        agent = self.started()
        self.deliver("alice", "round one")
        self.deliver("alice", "round two")
        self.wait_copies(2)
        # Behind the copies, in the same folder: where it is, its copy would go.
        with self.dovecot.mailbox("monitor") as mailbox:
            mailbox.append("Copies", mail.message(subject="behind them", received=True,
                                                  to="monitor@example.org"))
        agent.wait_line(r"not-wanted account=monitor folder=Copies uid=3")
        self.deliver("alice", "round three")
        self.assert_exactly_once([one for one in self.wait_copies(4) if one["X-Monitor-Id"]],
                                 ["round one", "round two", "round three"])

    def rewrite_for_ever(self, user, stop):
        """A program that stores each message of Copies anew, with a field more."""
        done = set()
        with self.dovecot.mailbox(user) as mailbox:
            while not stop.is_set():
                for one in mailbox.fetch("Copies"):
                    if one.uid not in done:
                        done.add(mailbox.append("Copies", b"X-Seen: yes\r\n" + one.octets))
                        mailbox.delete("Copies", one.uid)
                stop.wait(0.1)

    def test_targets_that_change_what_they_store_make_no_chain(self):
        self.config.account("monitor", folders=["*"])
        self.config.account("auditor", folders=["*"])
        self.config.target("second", login="auditor@example.org", folder="Copies")
        self.config.change("rule", "everything", targets=["compliance", "second"])
        self.started()
        stop = threading.Event()
        threads = [threading.Thread(target=self.rewrite_for_ever, args=(user, stop))
                   for user in ("monitor", "auditor")]
        self.addCleanup(lambda: [one.join() for one in threads])
        self.addCleanup(stop.set)
        for thread in threads:
            thread.start()
        self.deliver("alice", "round one")
        # The copy, and the copy of the changed copy that the other target has.
        self.wait_copies(2)
        self.wait_copies(2, user="auditor")
        time.sleep(6)
        for user in ("monitor", "auditor"):
            found = self.copies(user=user)
            self.assertEqual(len(found), 2, [one["Subject"] for one in found])
        self.assertEqual(sorted("forged-id" in (one["X-Monitor-Warning"] or "") for one in found),
                         [False, True])

    def test_a_filter_that_moves_copies_makes_no_loop(self):
        self.config.account("monitor", folders=["*"])
        agent = self.started()
        self.deliver("alice", "round one")
        with self.dovecot.mailbox("monitor") as mailbox:
            mailbox.create("Done")
            for _ in range(2):
                uid = self.only_copy().uid
                mailbox.move("Copies", uid, "Done")
                agent.wait_line(r"(captured|own-copy) account=monitor folder=Done uid=%d"
                                % mailbox.count("Done"))
        agent.wait_line(r"own-copy account=monitor folder=Done uid=2")
        self.assertEqual(len(self.copies()), 0)

    # ---- what is ours ----

    def test_a_copy_is_known_before_its_delivery_is_recorded(self):
        self.config.account("monitor", folders=["*"])
        agent = self.started()
        agent.stop()
        self.deliver("alice", "round one")
        agent.start(ready=False, environment={"MAILVIGIL_FAULT": str(FAULT_APPEND_ANSWERED)})
        agent.wait(30)
        agent.process = None
        agent.start()
        agent.wait_line(r"own-copy account=monitor folder=Copies uid=1")
        self.deliver("alice", "round two")
        self.assert_exactly_once(self.wait_copies(2), ["round one", "round two"])

    # ---- what is not ----

    def test_a_forged_id_is_no_way_around(self):
        self.started()
        self.deliver("alice", "forged", fields=["X-Monitor-Id: " + "a" * 26])
        copy = self.only_copy()
        self.assertNotEqual(copy["X-Monitor-Id"], "a" * 26)
        self.assertEqual(len(copy.all("X-Monitor-Id")), 1)
        self.assertEqual(self.warnings("forged"), ["forged-id"])

    def true_id(self):
        """The first message is copied; the line of its id."""
        self.started()
        self.deliver("alice", "the first", body="the body\r\n")
        copy = self.only_copy()
        self.assertIsNone(copy["X-Monitor-Warning"])
        return copy, re.search(rb"X-Monitor-Id: [a-z2-7]{26}\r\n", copy.octets).group(0)

    def test_a_true_id_on_another_body_is_no_way_around(self):
        _, stolen = self.true_id()
        octets = stolen + mail.message(subject="hidden behind it", body="another text\r\n")
        self.dovecot.deliver("alice", octets)
        self.assert_exactly_once(self.wait_copies(2), ["the first", "hidden behind it"])
        self.assertEqual(self.warnings("hidden behind it"), ["forged-id"])

    def test_a_true_id_on_its_body_is_no_way_around(self):
        _, stolen = self.true_id()
        octets = stolen + mail.message(subject="the vault opens with 4711", body="the body\r\n")
        self.dovecot.deliver("alice", octets)
        self.assert_exactly_once(self.wait_copies(2), ["the first", "the vault opens with 4711"])
        self.assertEqual(self.warnings("4711"), ["forged-id"])

    def test_a_copy_that_lies_elsewhere_is_mail(self):
        copy, _ = self.true_id()
        with self.dovecot.mailbox("alice") as mailbox:
            mailbox.append("INBOX", copy.octets)
        self.deliver("alice", "the second")
        found = self.wait_copies(3)
        self.assertEqual(sum(one["Subject"].endswith("the first") for one in found), 2)
        self.assertEqual(self.warnings("} {Mon-In} the first"), ["forged-id"])

    def test_a_copy_that_is_forwarded_is_mail(self):
        copy, _ = self.true_id()
        self.dovecot.deliver("alice", b"Resent-From: monitor@example.org\r\n" + copy.octets,
                             sender="monitor@example.org")
        self.wait_copies(2)
        self.assertEqual(self.warnings("} {Mon-In} the first"), ["forged-id"])


class ChangingServer(case.Case):
    """Two watched targets on a server that changes what it stores."""

    def setUp(self):
        self.server = None
        self.config = case.Config(poll_interval="1s", internal_wait="1s")
        self.addCleanup(self.config.close)

    def begin(self, change, without=()):
        capabilities = [one for one in scripted.BASE.split() if one not in without]
        self.server = scripted.Server(" ".join(capabilities))
        self.addCleanup(self.server.close)
        store = self.server._add

        def changed(folder, octets, *rest):
            return store(folder, change(octets) if folder.name == "Copies" else octets, *rest)

        self.server._add = changed
        self.config.section("server", "scripted", imap=self.server.url())
        for name in ("alice", "keeper", "auditor"):
            self.config.account(name, server="scripted", folders=["*"])
        for name in ("keeper", "auditor"):
            self.config.target(name, server="scripted", login="%s@example.org" % name,
                               folder="Copies")
        self.config.rule("everything", incoming="all", internal="all", outgoing="all",
                         targets=["keeper", "auditor"])
        self.started()

    def assert_ends(self, most):
        """One copy of each message in each target, or a copy of the other target's copy too."""
        for number in range(3):
            self.server.add("alice@example.org",
                            mail.message(subject="round %d" % number, received=True))
        time.sleep(10)
        for name in ("keeper", "auditor"):
            found = [one["Subject"]
                     for one in self.server.messages("%s@example.org" % name, "Copies")]
            self.assertLessEqual(len(found), most, found)
            for number in range(3):
                self.assertIn("{Mon-In} round %d" % number, found)

    def test_with_uidplus_its_copies_are_known(self):
        self.begin(lambda octets: b"X-Seen: yes\r\n" + octets)
        self.assert_ends(most=6)

    def test_without_uidplus(self):
        self.begin(lambda octets: b"X-Seen: yes\r\n" + octets, without=["UIDPLUS"])
        self.assert_ends(most=6)

    def test_without_the_id(self):
        self.begin(lambda octets: re.sub(rb"X-Monitor-[^\n]*\n([ \t][^\n]*\n)*", b"", octets))
        self.assert_ends(most=6)


if __name__ == "__main__":
    case.main()
