"""The command line and its output."""

import json
import os
import re
import signal

from harness import case, mail

USAGE, AGAIN, CONFIGURATION = 64, 75, 78


class CommandLine(case.Case):
    def setUp(self):
        super().setUp()
        self.config.account("bob", monitor=False, aliases=["b.builder@example.org"])
        self.config.rule("incoming-attachments", incoming="selected", attachment=["any"])
        self.config.rule("everything-sent", outgoing="all")


class Usage(CommandLine):
    def test_no_command_is_a_usage_error(self):
        self.assertEqual(self.command().returncode, USAGE)

    def test_unknown_command_is_named(self):
        done = self.command("chekc")
        self.assertEqual(done.returncode, USAGE)
        self.assertIn("chekc", done.stderr)

    def test_wrong_option_is_named(self):
        for words, option in ((("check", "--conect"), "--conect"), (("status", "-x"), "-x"),
                              (("ledger", "--since"), "--since")):
            done = self.command(*words)
            self.assertEqual(done.returncode, USAGE, words)
            self.assertRegex(done.stderr, r"\Amailvigil: [^\n]*option %s[^\n]*\n\Z" % option)

    def test_option_of_another_command_is_named(self):
        done = self.command("check", "--since", "7d")
        self.assertEqual(done.returncode, USAGE)
        self.assertIn("option --since is not valid for this command", done.stderr)

    def test_too_many_arguments(self):
        done = self.command("status", "now")
        self.assertEqual(done.returncode, USAGE)
        self.assertIn("too many arguments", done.stderr)

    def test_missing_configuration_is_named(self):
        done = case.run_command("/nonexistent/mailvigil.conf", "check")
        self.assertEqual(done.returncode, CONFIGURATION)
        self.assertIn("/nonexistent/mailvigil.conf", done.stderr)

    def test_status_without_an_agent_says_so(self):
        done = self.command("status")
        self.assertEqual(done.returncode, AGAIN)
        self.assertTrue(done.stderr.strip())


class Check(CommandLine):
    def test_good_configuration_is_shown(self):
        done = self.command("check")
        self.assertEqual(done.returncode, 0, done.stderr)
        for word in ("office", "alice@example.org", "compliance", "incoming-attachments"):
            self.assertIn(word, done.stdout)
        self.assertNotIn("secret\n", done.stdout)

    def test_the_shown_configuration_is_a_configuration(self):
        shown = self.command("check").stdout
        # It holds the rules too: they are not to be read a second time.
        shown = re.sub(r"(?m)^\s*rules_dir\s*=.*$", "", shown)
        os.mkdir(os.path.join(self.config.dir, "again"))
        path = os.path.join(self.config.dir, "again", "again.conf")
        with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w") as out:
            out.write(shown)
        done = case.run_command(path, "check")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_all_mistakes_are_shown_with_file_and_line(self):
        self.config.raw = "no_such_key = 1\n"
        self.config.change("account", "bob", server="nowhere")
        self.config.change("rule", "everything-sent", targets=["nobody"])
        done = self.command("check")
        self.assertEqual(done.returncode, CONFIGURATION)
        for pattern in (r"mailvigil\.conf:\d+: .*no_such_key", r"mailvigil\.conf:\d+: .*nowhere",
                        r"10-test\.conf:\d+: .*nobody"):
            self.assertRegex(done.stderr, pattern)

    def test_connect_shows_what_the_server_offers(self):
        done = self.command("check", "--connect")
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        for word in ("NOTIFY", "MULTIAPPEND", "UIDPLUS", "Sent"):
            self.assertIn(word, done.stdout)

    def test_connect_reports_the_wrong_password(self):
        self.config.secret("account-bob.secret", "wrong")
        done = self.command("check", "--connect")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout + done.stderr, "bob")
        self.assertRegex((done.stdout + done.stderr).lower(), "auth|reject|password")

    def test_connect_says_how_to_trust_an_unknown_authority(self):
        self.config.change("server", "office", ca_file=None)
        done = self.command("check", "--connect")
        self.assertEqual(done.returncode, 1)
        self.assertIn("unknown CA", done.stdout)
        self.assertIn("ca_file of the server", done.stdout)
        self.assertIn("3 problems", done.stdout)

    def test_ten_thousand_accounts_are_read_in_a_second(self):
        path = os.path.join(self.config.dir, "users.csv")
        secret = self.config.secret("all.secret", "secret")
        with open(path, "w") as out:
            out.write("address,login,monitor,aliases,password_file\n")
            for n in range(10_000):
                out.write("user%d@example.org,,yes,,%s\n" % (n, secret))
        self.config.raw = 'accounts_file = "users.csv"\n'
        self.config.change("server", "office", ca_file=self.dovecot.ca_file)
        self.config.write()
        began = os.times()
        done = self.command("check")
        used = os.times()
        self.assertEqual(done.returncode, 0, done.stderr)
        seconds = (used.children_user - began.children_user
                   + used.children_system - began.children_system)
        # The sanitizers cost some times over; the figure without them is in the benchmarks.
        self.assertLess(seconds, 5)


    def test_traps_are_shown_and_are_no_errors(self):
        self.config.change("rule", "everything-sent", subject=["secret"])
        self.config.change("target", "compliance", login="alice@example.org")
        done = self.command("check")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, r'10-test\.conf:\d+: warning: .*"\*secret\*"')
        self.assertRegex(done.stderr, r"mailvigil\.conf:\d+: warning: .*mailbox of the watched "
                                      r'account "alice"')


class CheckWithoutRules(case.Case):
    def test_no_rule_is_a_finding(self):
        for words in (("check",), ("check", "--connect")):
            done = self.command(*words)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn("nobody is monitored, as there is no rule", done.stderr)


class Users(CommandLine):
    def test_who_is_monitored_and_who_is_not(self):
        done = self.command("users")
        self.assertEqual(done.returncode, 0, done.stderr)
        for word in ("alice", "bob", "incoming-attachments", "everything-sent", "compliance"):
            self.assertIn(word, done.stdout)

    def test_as_json(self):
        shown = json.loads(self.command("users", "--json").stdout)
        self.assertIn("alice", json.dumps(shown))


class Explain(CommandLine):
    def test_message_from_a_file(self):
        path = os.path.join(self.config.dir, "message.eml")
        with open(path, "wb") as out:
            out.write(mail.with_attachment("a.zip", subject="with one", received=True))
        done = self.command("explain", "--account", "alice", path)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("incoming-attachments", done.stdout)
        self.assertIn("{Mon-In} with one", done.stdout)
        self.assertIn("compliance", done.stdout)

    def test_message_from_standard_input_that_no_rule_wants(self):
        done = self.command("explain", "--account", "alice",
                            stdin=mail.message(subject="plain", received=True))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("attachment", done.stdout)
        self.assertNotIn("{Mon-In}", done.stdout)

    def test_nothing_on_standard_input_is_no_message(self):
        done = self.command("explain", "--account", "alice", stdin=b"")
        self.assertEqual(done.returncode, 66)
        self.assertIn("empty", done.stderr)

    def test_folder_makes_it_sent(self):
        done = self.command("explain", "--account", "alice", "--folder", "Sent", stdin=mail.message(
            subject="the offer", sender="alice@example.org", to="partner@elsewhere.test"))
        self.assertIn("{Mon-Out} the offer", done.stdout)

    def test_message_from_the_server(self):
        self.dovecot.deliver("alice", mail.with_attachment("a.zip", subject="on the server"))
        done = self.command("explain", "--account", "alice", "--folder", "INBOX", "--uid", "1")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("{Mon-In} on the server", done.stdout)

    def test_explain_changes_nothing(self):
        self.dovecot.deliver("alice", mail.with_attachment("a.zip"))
        self.command("explain", "--account", "alice", "--folder", "INBOX", "--uid", "1")
        with self.dovecot.mailbox("alice") as mailbox:
            self.assertEqual([one - {"\\Recent"} for one in mailbox.flags("INBOX").values()],
                             [set()])
        self.assertEqual(self.copies(), [])


class Running(CommandLine):
    def test_status_of_a_running_agent(self):
        agent = self.started()
        self.save_sent("alice")
        self.wait_copies(1)
        shown = agent.status()
        self.assertEqual({one["name"] for one in shown["accounts"]}, {"alice", "bob"})
        self.assertEqual([one["name"] for one in shown["targets"]], ["compliance"])
        done = self.command("status")
        self.assertEqual(done.returncode, 0, done.stderr)
        for word in ("alice", "compliance"):
            self.assertIn(word, done.stdout)

    def test_ledger_shows_the_fate_of_every_message(self):
        self.config.section("rule", "privileged", exempt=True, addresses=["doctor@elsewhere.test"])
        agent = self.started()
        self.deliver("alice", "no attachment")
        self.deliver("alice", "private", sender="doctor@elsewhere.test")
        self.dovecot.deliver("alice", mail.with_attachment("a.zip", subject="wanted"))
        self.wait_copies(1)
        agent.stop()
        done = self.command("ledger")
        self.assertEqual(done.returncode, 0, done.stderr)
        for word in ("not wanted", "exempt", "delivered"):
            self.assertIn(word, done.stdout)
        only_bob = self.command("ledger", "--account", "bob")
        self.assertRegex(only_bob.stdout, r"\ANo message of account bob has been seen since the "
                         r"baseline\.\nThe agent is not running, so what has arrived since "
                         r"[-\d]+ [:\d]+ UTC has not been seen\.\n\Z")
        self.assertEqual(self.command("ledger", "--account", "bob@example.org").stdout,
                         only_bob.stdout)
        self.assertEqual(self.command("ledger", "--account", "nobody").returncode, USAGE)
        shown = json.loads(self.command("ledger", "--json").stdout)
        self.assertLessEqual({"not_wanted", "exempt"}, set(shown["messages"]))
        basis = "rule privileged: from doctor@elsewhere.test (claimed)"
        exempt = self.command("ledger", "--exempt").stdout
        self.assertIn(basis, exempt)
        self.assertIn("\n1 message was exempted by a rule.\n", exempt)
        self.assertNotIn("delivered", exempt)
        only = json.loads(self.command("ledger", "--exempt", "--json").stdout)
        self.assertEqual([one["reason"] for one in only["lines"]], [basis])
        self.assertEqual(only["messages"], {"exempt": 1})
        self.assertEqual({one["state"] for one in shown["lines"]}, set(shown["messages"]))

    def verdict(self):
        shown = json.loads(self.command("ledger", "--json").stdout)
        return self.command("ledger").stdout, shown["complete"], shown["agent"], shown["problems"]

    def test_ledger_claims_no_more_than_the_agent_has_seen(self):
        agent = self.started()
        self.save_sent("alice")
        self.wait_copies(1)
        case.wait_for(lambda: self.verdict()[1], 20, "nothing in question")
        text, _, state, problems = self.verdict()
        self.assertIn("\nAll wanted copies have been delivered.\n", text)
        self.assertEqual((state, problems), ("running", []))
        agent.stop()
        text, complete, state, _ = self.verdict()
        self.assertRegex(text, r"\nAll wanted copies of the messages seen so far have been "
                         r"delivered; the agent is not running, so what has arrived since "
                         r"[-\d]+ [:\d]+ UTC has not been seen\.\n")
        self.assertEqual((complete, state), (False, "stopped"))
        self.config.secret("account-bob.secret", "wrong")
        agent.start()
        case.wait_for(lambda: any("account bob: " in one for one in self.verdict()[3]), 20,
                      "a problem of bob")
        text, complete, state, _ = self.verdict()
        self.assertRegex(text, r"\nAll wanted copies of the messages seen so far have been "
                         r"delivered, but there is 1 problem:\n  account bob: .*\n"
                         r'See "mailvigil status"\.\n')
        self.assertEqual((complete, state), (False, "running"))

    def test_a_folder_that_is_renamed_while_it_is_watched_is_missed(self):
        with self.dovecot.mailbox("alice") as mailbox:
            mailbox.create("Sales")
        self.config.change("account", "alice", folders=["INBOX", "\\Sent", "Sales"])
        agent = self.started()
        self.save_sent("alice")
        self.wait_copies(1)
        case.wait_for(lambda: self.verdict()[1], 20, "nothing in question")
        with self.dovecot.mailbox("alice") as mailbox:
            mailbox.rename("Sales", "Elsewhere")
        agent.signal(signal.SIGHUP)
        case.wait_for(lambda: self.command("status").returncode == 1, 20, "a problem")
        problem = "account alice: folders that are configured and not there: Sales"
        self.assertIn("PROBLEM  " + problem, self.command("status").stdout)
        text, complete, _, problems = self.verdict()
        self.assertIn("  " + problem, text)
        self.assertEqual((complete, problems), (False, [problem]))
        self.assertIn("folder-missing", agent.log())

    def test_log_holds_no_content_and_no_secret(self):
        agent = self.started()
        self.save_sent("alice", "a very private subject", body="a very private body\r\n")
        self.wait_copies(1)
        agent.stop()
        for word in ("very private", "secret\n", "=secret"):
            self.assertNotIn(word, agent.log())


if __name__ == "__main__":
    case.main()
