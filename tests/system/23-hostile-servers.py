"""A server that misbehaves harms nobody: the others go on, memory stays bounded, and when it comes
to its senses nothing is lost and nothing is copied twice."""

from harness import case, mail, scripted

MEGABYTE = 1_000_000


class Bad(case.Case):
    def setUp(self):
        super().setUp()
        self.source = scripted.Server()
        self.addCleanup(self.source.close)
        self.config.section("server", "bad", imap=self.source.url())
        self.config.account("mallory", server="bad", folders=["INBOX"])
        self.config.rule("everything", incoming="all")

    def add(self, subject):
        return self.source.add("mallory@example.org", mail.message(subject=subject, received=True))


class Hostile(Bad):
    def survives(self, command, fault):
        """The fault answers `command` on a connection that worked before; alice's mail comes
        through meanwhile; then the fault ends."""
        agent = self.started()
        self.add("before")
        self.wait_copies(1)
        agent.reset_peak()
        before = agent.memory("VmRSS")
        self.source.on[command] = fault
        self.add("during")
        self.source.disconnect()
        for n in range(3):
            self.deliver("alice", "alice %d" % n)
            case.wait_for(lambda: any("alice %d" % n in one["Subject"]
                                      for one in self.copies(items="BODY.PEEK[HEADER]")),
                          20, "alice's mail")
        self.assertTrue(agent.alive())
        self.assertLess(agent.memory("VmHWM") - before, 48 * MEGABYTE)
        self.source.on.clear()
        self.source.disconnect()
        self.add("after")
        subjects = ["before", "during", "after"] + ["alice %d" % n for n in range(3)]
        self.assert_exactly_once(self.wait_copies(6, timeout=90), subjects)
        agent.stop()

    def test_garbage_for_a_greeting(self):
        self.survives("GREETING", scripted.garbage())

    def test_garbage_in_a_session(self):
        self.survives("UID FETCH", scripted.garbage())

    def test_literal_of_four_gigabytes_for_a_message(self):
        self.survives("UID FETCH", scripted.only(lambda session, _: session.told,
                                                 scripted.huge_literal()))

    def test_literal_of_four_gigabytes_elsewhere(self):
        self.survives("LIST", scripted.huge_literal_elsewhere())

    def test_endless_line(self):
        self.survives("EXAMINE", scripted.endless_line())

    def test_endless_greeting(self):
        self.survives("GREETING", scripted.endless_line())

    def test_endless_untagged_replies(self):
        self.survives("EXAMINE", scripted.endless_untagged())

    def test_endless_list_of_folders(self):
        self.config.change("account", "mallory", folders=["*"])
        self.survives("LIST", scripted.endless_list())

    def test_deep_nesting(self):
        self.survives("UID FETCH", scripted.deep_nesting())

    def test_silence_instead_of_a_greeting(self):
        self.survives("GREETING", scripted.silence())

    def test_silence_in_a_session(self):
        self.survives("EXAMINE", scripted.silence())

    def test_connection_cut_at_sign_in(self):
        self.survives("LOGIN", scripted.once(scripted.cut()))

    def test_connection_cut_in_a_body(self):
        self.survives("UID FETCH", scripted.once(scripted.fetch_cut_in_body(), 3))

    def test_what_crashes_other_parsers(self):
        for line in ("* OK [ALERT]", "* OK [PARSE]", "* NO [BADCHARSET (a)] x [BADCHARSET (b)]",
                     "* OK [PERMANENTFLAGS (((] x", "* FLAGS (((", "* 99999999999 EXISTS",
                     "* 4294967295 EXPUNGE", "* LIST (\\x) {3}", "* BYE", "* STATUS x (UIDNEXT -1)",
                     "* 1 FETCH (UID 0 FLAGS ())", "* VANISHED (EARLIER) 1:4294967295",
                     "* ESEARCH (TAG \"x\") UID ALL 5:", "+ ", "", "* "):
            with self.subTest(line):
                agent = self.agent()
                self.source.on["EXAMINE"] = scripted.only(
                    lambda session, _, line=line: session.line(line), lambda *_: False)
                agent.start(ready=False)
                agent.wait_ready()
                self.assertTrue(agent.alive())
                agent.stop()


class UnfetchableMessages(Bad):
    """One message that does not come stops no other."""

    def test_a_message_over_which_each_session_is_lost(self):
        agent = self.started()
        self.add("before")
        self.wait_copies(1)
        poison = self.add("poison")

        def cut_over_poison(session, _tag, arguments):
            ranges, items = str(arguments[0]), str(arguments[1:])
            if "BODY" in items and str(poison) in [one.split(":")[0] for one in ranges.split(",")]:
                session.cut()
                return True
            return False

        self.source.on["UID FETCH"] = cut_over_poison
        self.source.disconnect()
        self.add("behind")
        self.assert_exactly_once(self.wait_copies(2, timeout=60), ["before", "behind"])
        agent.stop()
        told = self.command("ledger", "--account", "mallory")
        self.assertIn("the session was lost each time", told.stdout)

    def comes_later(self, fault):
        self.started()
        self.add("first")
        self.wait_copies(1)
        self.source.on["UID FETCH"] = fault
        self.add("poison")
        self.add("third")
        self.assert_exactly_once(self.wait_copies(2), ["first", "third"])

    def test_answered_ok_without_the_body(self):
        self.comes_later(scripted.fetch_without_body({2}))

    def test_body_nil(self):
        self.comes_later(scripted.fetch_nil({2}))

    def test_what_the_server_gives_at_last_is_copied(self):
        self.comes_later(scripted.fetch_without_body({2}))
        self.source.on.clear()
        self.source.disconnect()
        self.assert_exactly_once(self.wait_copies(3, timeout=90), ["first", "third", "poison"])


if __name__ == "__main__":
    case.main()
