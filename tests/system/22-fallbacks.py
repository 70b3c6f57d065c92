"""Every extension that the agent uses may be missing."""

import time

from harness import case, mail, scripted

OPTIONAL = ("SASL-IR", "ID", "ENABLE", "IDLE", "MULTIAPPEND", "UNSELECT", "UIDPLUS",
            "LIST-EXTENDED", "CONDSTORE", "QRESYNC", "ESEARCH", "LIST-STATUS", "LITERAL+",
            "NOTIFY", "SPECIAL-USE", "NAMESPACE", "CHILDREN")


class Hidden(case.Case):
    """Dovecot without an extension: in both directions every message once, also after a pause."""

    def setUp(self):
        pass

    def works_without(self, *hide):
        self.dovecot = self.server(hide=hide)
        self.config = self.configuration(poll_interval="1s")
        self.config.change("account", "alice", folders=["*"])
        self.config.rule("everything", incoming="all", outgoing="all")
        agent = self.started()
        self.deliver("alice", "incoming")
        self.save_sent("alice", "outgoing")
        self.wait_copies(2)
        agent.stop()
        for n in range(5):
            self.deliver("alice", "meanwhile %d" % n)
        agent.start()
        self.save_sent("alice", "afterwards")
        self.assert_exactly_once(self.wait_copies(8), [
            "incoming", "outgoing", "afterwards"] + ["meanwhile %d" % n for n in range(5)])
        agent.stop()

    def test_without_idle_and_notify_it_polls(self):
        self.works_without("IDLE", "NOTIFY")

    def test_without_notify_it_idles(self):
        self.works_without("NOTIFY")

    def test_without_multiappend(self):
        self.works_without("MULTIAPPEND")

    def test_without_uidplus(self):
        self.works_without("UIDPLUS")

    def test_without_literal_plus(self):
        self.works_without("LITERAL+")

    def test_without_condstore_and_qresync(self):
        self.works_without("CONDSTORE", "QRESYNC")

    def test_without_qresync_but_with_condstore(self):
        self.works_without("QRESYNC")

    def test_without_special_use(self):
        self.works_without("SPECIAL-USE")

    def test_without_list_status(self):
        self.works_without("LIST-STATUS")

    def test_without_sasl_ir_id_enable_and_unselect(self):
        self.works_without("SASL-IR", "ID", "ENABLE", "UNSELECT")

    def test_with_nothing_but_imap(self):
        self.works_without(*OPTIONAL)


class Scripted(case.Case):
    """Watching and delivering on a server that obeys the test."""

    capabilities = scripted.BASE

    def setUp(self):
        self.source = scripted.Server(self.capabilities)
        self.addCleanup(self.source.close)
        self.vault = scripted.Server(self.capabilities)
        self.addCleanup(self.vault.close)
        self.config = case.Config(poll_interval="1s")
        self.addCleanup(self.config.close)
        self.config.section("server", "source", imap=self.source.url())
        self.config.section("server", "vault", imap=self.vault.url())
        self.config.account("alice", server="source")
        self.config.target("compliance", server="vault", login="keeper", folder="Copies")
        self.config.rule("everything", incoming="all")

    def add(self, subject, **keys):
        return self.source.add("alice@example.org",
                               mail.message(subject=subject, received=True, **keys))

    def wait_vault(self, count, timeout=30):
        case.wait_for(lambda: self.vault.count("keeper", "Copies") >= count, timeout,
                      "%d copies" % count, self.logs)
        found = self.vault.messages("keeper", "Copies")
        self.assertEqual(len(found), count, [one["Subject"] for one in found])
        return found


class Appending(Scripted):
    def lost_answer(self, stored):
        self.vault.on["APPEND"] = scripted.once(scripted.append_then_cut(store=stored))
        self.started()
        self.add("doubtful")
        self.wait_vault(1)
        self.add("behind it")
        self.assert_exactly_once(self.wait_vault(2), ["doubtful", "behind it"])

    def test_answer_lost_after_storing(self):
        self.lost_answer(stored=True)

    def test_answer_lost_before_storing(self):
        self.lost_answer(stored=False)

    def test_answers_lost_for_a_whole_batch(self):
        agent = self.started()
        agent.stop()
        subjects = ["number %d" % n for n in range(30)]
        for subject in subjects:
            self.add(subject)
        self.vault.on["APPEND"] = scripted.once(scripted.append_then_cut(store=True))
        agent.start()
        self.assert_exactly_once(self.wait_vault(30), subjects)
        self.add("behind them")
        self.assert_exactly_once(self.wait_vault(31), subjects + ["behind them"])

    def test_copy_that_becomes_visible_late_is_not_sent_again(self):
        self.vault.delay_visible = 1.0
        self.vault.on["APPEND"] = scripted.once(scripted.append_then_cut(store=True))
        self.started()
        self.add("slow to appear")
        self.wait_vault(1)
        self.add("behind it")
        self.assert_exactly_once(self.wait_vault(2), ["slow to appear", "behind it"])

    def refused_for_ever(self, code):
        self.vault.on["APPEND"] = scripted.only(
            lambda _, arguments: any(b"poison" in octets for octets, _, _ in arguments[1]),
            scripted.refuse(code))
        agent = self.started()
        self.add("poison")
        self.add("healthy")
        self.assert_exactly_once(self.wait_vault(1), ["healthy"])
        return agent

    def test_too_big_a_copy_is_kept_and_stops_nothing(self):
        agent = self.refused_for_ever("TOOBIG")
        case.wait_for(lambda: "failed" in self.command("ledger").stdout, 20,
                      "the failure in the ledger")
        agent.stop()

    def test_missing_folder_is_made(self):
        self.config.change("target", "compliance", folder="Made/%{user}")
        self.started()
        self.add("first")
        case.wait_for(lambda: self.vault.count("keeper", "Made/alice") == 1, 20, "the copy")


class RefusedForNow(Scripted):
    def test_limit_and_quota_are_tried_again(self):
        for code in ("LIMIT", "OVERQUOTA"):
            with self.subTest(code):
                self.vault.on["APPEND"] = scripted.once(scripted.refuse(code))
                agent = self.started()
                before = self.vault.count("keeper", "Copies")
                self.add("held up by " + code)
                self.wait_vault(before + 1, timeout=60)
                agent.stop()


class WithoutUidplus(Appending):
    capabilities = "IMAP4rev1 IDLE MULTIAPPEND LITERAL+"


class WithoutMultiappend(Appending):
    capabilities = "IMAP4rev1 IDLE UIDPLUS LITERAL+"


class WithSynchronisingLiterals(Appending):
    capabilities = "IMAP4rev1 IDLE UIDPLUS"

    def test_literals_wait_for_the_server(self):
        self.started()
        self.add("asked first")
        self.wait_vault(1)
        literals = [text for _, text in self.vault.seen("APPEND") if text.endswith("+}")]
        self.assertEqual(literals, [])


class WithShortLiterals(Scripted):
    """LITERAL-: up to 4096 octets without asking."""

    capabilities = "IMAP4rev1 IDLE UIDPLUS LITERAL-"

    def test_only_small_ones_go_without_asking(self):
        self.started()
        self.add("small", body="x\r\n")
        self.add("large", size=9000)
        self.wait_vault(2)
        for _, text in self.vault.seen("APPEND"):
            size = int(text.rsplit("{", 1)[1].rstrip("+}"))
            self.assertEqual(text.endswith("+}"), size <= 4096, text)


class SigningIn(Scripted):
    def signed_in_by(self, mechanism):
        self.started()
        self.add("signed in")
        self.wait_vault(1)
        self.assertEqual({one[1] for one in self.source.logins}, {mechanism})

    def test_authenticate_plain(self):
        self.source.capabilities.append("AUTH=PLAIN")
        self.signed_in_by("PLAIN")

    def test_login_where_nothing_else_is_offered(self):
        self.signed_in_by("LOGIN")

    def token(self, mechanism):
        self.source.capabilities.append("AUTH=" + mechanism)
        self.config.account("alice", server="source", password=None,
                            oauth_token_command="echo secret")
        self.signed_in_by(mechanism)

    def test_xoauth2_with_a_token_command(self):
        self.token("XOAUTH2")

    def test_oauthbearer_with_a_token_command(self):
        self.token("OAUTHBEARER")

    def test_logindisabled_is_obeyed(self):
        self.source.capabilities.append("LOGINDISABLED")
        agent = self.agent().start(ready=False)
        agent.wait_line("account=alice.*")
        agent.wait_ready()
        agent.stop()
        self.assertEqual(self.source.seen("LOGIN"), [])


class IdleRobustness(Scripted):
    def test_idle_is_renewed(self):
        self.config.keys["idle_renew"] = "2s"
        self.started()
        case.wait_for(lambda: len(self.source.seen("IDLE")) >= 4, 20, "IDLE to be renewed")

    def test_news_that_the_server_swallows_is_found_at_the_next_look(self):
        added = []

        def add_quietly(session, *_):
            if not added:
                added.append(self.add("swallowed"))
                session.told = [added[0]]
            return False
        self.source.on["IDLE"] = add_quietly
        self.config.keys.update(idle_renew="2s", safety_poll="2s")
        self.config.change("account", "alice", folders=["INBOX"])
        self.started()
        self.wait_vault(1)

    def test_a_slow_poll_finds_what_idle_does_not_tell(self):
        def deaf(session, tag, _):
            session.line("+ idling")
            session.read_line()
            session.line(tag + " OK done")
            return True
        self.source.on["IDLE"] = deaf
        self.config.keys.update(safety_poll="2s", idle_renew="60s")
        self.config.change("account", "alice", folders=["INBOX"])
        self.started()
        time.sleep(0.5)
        self.add("unheard of")
        self.wait_vault(1)

    def test_idle_that_is_refused_becomes_polling(self):
        self.source.on["IDLE"] = scripted.says("%s BAD not today")
        self.started()
        self.add("polled")
        self.wait_vault(1)


if __name__ == "__main__":
    case.main()
