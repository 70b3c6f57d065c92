"""Targets that refuse: quota, permissions, names, throttling. A refusal is not for ever, one refused
copy stops no other, and an officer can retry and drop what waits."""

import json
import time

from harness import case, mail, scripted

QUOTA = """
mail_plugins = $mail_plugins quota
protocol imap {
  mail_plugins = $mail_plugins quota imap_quota
}
plugin {
  quota = maildir:User quota
  quota_rule = *:storage=%s
}
"""


class Refusals(case.Case):
    def setUp(self):
        super().setUp()
        self.config.rule("everything", incoming="all")

    def vault(self, **options):
        """A server for the target alone; its user is keeper."""
        vault = self.server(domain="vault.test", users=("keeper",), **options)
        self.config.server("vault", vault)
        self.config.change("target", "compliance", server="vault", login="keeper@vault.test")
        return vault

    def waiting(self):
        done = self.command("ledger", "--waiting", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)["waiting"]

    def target(self, agent):
        return [one for one in agent.status()["targets"] if one["name"] == "compliance"][0]

    def test_a_full_mailbox_is_waited_for_and_takes_what_fits(self):
        vault = self.vault(extra=QUOTA % "300K")
        self.config.change("target", "compliance", alarm_after="1m")
        agent = self.started()
        for n in range(3):
            self.deliver("alice", "big %d" % n, size=180_000)
        for n in range(11):
            self.deliver("alice", "small %d" % n)
        case.wait_for(lambda: len(self.waiting()) == 2 and
                      all(one["attempts"] for one in self.waiting()), 30,
                      "two big ones to be refused, and nothing else")
        found = self.wait_copies(12, dovecot=vault, user="keeper")
        self.assertEqual(sum("small" in one["Subject"] for one in found), 11)
        for one in self.waiting():
            self.assertRegex(one["reason"], "(?i)quota")
            self.assertEqual((one["state"], one["target"]), ("held", "compliance"))
            self.assertIsNotNone(one["next_try"])
        self.assertEqual(self.target(agent)["failed"], 0)
        self.empty(vault)
        for n in range(2):
            done = self.command("retry", "--target", "compliance")
            self.assertEqual(done.returncode, 0, done.stderr)
            case.wait_for(lambda: len(self.waiting()) == 1 - n, 20, "one more to fit", self.logs)
            self.empty(vault)
        self.wait_delivered(agent)

    def empty(self, vault):
        with vault.mailbox("keeper") as mailbox:
            for uid in mailbox.flags("Copies"):
                mailbox.delete("Copies", uid)
            self.assertEqual(mailbox.count("Copies"), 0)

    def test_retry_and_drop_with_an_agent_and_without(self):
        server = scripted.Server()
        self.addCleanup(server.close)
        server.on["APPEND"] = scripted.says("%s NO [OVERQUOTA] full")
        self.config.section("server", "vault", imap=server.url())
        self.config.change("target", "compliance", server="vault",
                           login="keeper@vault.test", folder="INBOX")
        agent = self.started()
        for subject in ("one", "two", "three"):
            self.deliver("alice", subject)
        case.wait_for(lambda: len([w for w in self.waiting() if w["attempts"]]) == 3, 20,
                      "three refusals")
        one, two, three = [w["id"] for w in self.waiting()]
        self.assertIn("full", self.command("ledger", "--waiting").stdout)
        self.assertEqual(self.command("drop", one).returncode, 64)
        self.assertEqual(self.command("drop", "--why", "x").returncode, 64)
        self.assertEqual(self.command("drop", "no-such-copy", "--why", "x").returncode, 66)
        self.assertEqual(self.command("retry", "no-such-copy").returncode, 66)
        done = self.command("drop", one, "--why", "by order of the court")
        self.assertEqual((done.returncode, done.stdout), (0, "dropped\n"), done.stderr)
        self.assertEqual([w["id"] for w in self.waiting()], [two, three])
        agent.stop()
        done = self.command("drop", two, "--why", "that one too")
        self.assertEqual((done.returncode, done.stdout), (0, "dropped\n"), done.stderr)
        done = self.command("retry", three)
        self.assertEqual((done.returncode, done.stdout), (0, "1 copy is due now\n"), done.stderr)
        self.assertIsNone(self.waiting()[0]["next_try"])
        del server.on["APPEND"]
        agent.start()
        case.wait_for(lambda: server.count("keeper@vault.test") == 1, 20, "the third")
        text = self.command("ledger").stdout
        self.assertIn("by order of the court", text)
        self.assertIn("All wanted copies have been delivered.", text)
        self.assertRegex(text, r"dropped +2")

    def test_retry_reaches_a_copy_in_its_pause_while_the_agent_runs(self):
        server = scripted.Server()
        self.addCleanup(server.close)
        server.on["APPEND"] = scripted.once(scripted.says(
            "%s BAD Request is throttled. Suggested Backoff Time: 3000000 milliseconds"))
        self.config.section("server", "vault", imap=server.url())
        self.config.change("target", "compliance", server="vault",
                           login="keeper@vault.test", folder="INBOX")
        agent = self.started()
        self.deliver("alice", "one")
        case.wait_for(lambda: [w for w in self.waiting() if w["attempts"]], 20, "a refusal")
        self.deliver("alice", "two")
        time.sleep(2)
        self.assertEqual(server.count("keeper@vault.test"), 0, "the hint of time is not obeyed")
        next_try = self.waiting()[0]["next_try"]
        self.assertIsNotNone(next_try)
        self.assertEqual(self.command("retry").returncode, 0)
        case.wait_for(lambda: server.count("keeper@vault.test") == 2, 20, "both")
        self.wait_delivered(agent)

    def test_folders_whose_names_the_server_refuses(self):
        """Maildir++ with the separator "/" takes no dot in a name."""
        self.config.remove("account", "alice")
        self.config.account("alice@example.org", address="alice@example.org",
                            login="alice@example.org")
        self.config.change("target", "compliance", folder="Audit/%{user}")
        done = self.command("check", "--connect")
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        self.assertRegex(done.stdout, r'"Audit/alice@example_org-mailvigil-check-\d+" was created '
                                      r'and deleted')
        with self.dovecot.mailbox("monitor") as mailbox:
            self.assertEqual([one for one in mailbox.folders() if "Audit" in str(one)], [])
        self.started()
        self.deliver("alice", "hello")
        self.wait_copies(1, folder="Audit/alice@example_org")

    def test_a_folder_that_cannot_be_made_is_asked_for_seldom(self):
        server = scripted.Server()
        self.addCleanup(server.close)
        server.on["CREATE"] = scripted.says("%s NO [NOPERM] permission denied")
        self.config.section("server", "vault", imap=server.url())
        self.config.change("target", "compliance", server="vault", login="keeper@vault.test",
                           folder="Copies")
        done = self.command("check", "--connect")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, "ERROR: as a test, the folder Copies.* cannot be created: "
                                      "permission denied")
        agent = self.started()
        for n in range(20):
            self.deliver("alice", "number %d" % n)
        case.wait_for(lambda: len(self.waiting()) == 20 and
                      all(one["reason"] for one in self.waiting()), 20, "all to wait")
        self.assertEqual(len(agent.events("folder-refused")), 1, agent.log())
        self.assertEqual(len(agent.events("refused")), 0, agent.log())
        self.assertEqual([one["attempts"] for one in self.waiting()], [0] * 20)
        del server.on["CREATE"]
        self.command("retry")
        case.wait_for(lambda: server.count("keeper@vault.test", "Copies") == 20, 20, "all")

    def test_commands_work_while_the_configuration_is_faulty(self):
        agent = self.started()
        self.deliver("alice", "one")
        self.only_copy()
        agent.stop()
        self.config.write()
        path = self.config.path
        with open(path, "a", encoding="utf-8") as out:
            out.write('\nserver "broken" { imap = 17 nonsense\n')
        for words in (["ledger"], ["ledger", "--waiting"]):
            done = case.run_command(self.config, *words)
            self.assertEqual(done.returncode, 0, done.stderr)
        done = case.run_command(self.config, "retry")
        self.assertEqual(done.returncode, 66, done.stderr)


if __name__ == "__main__":
    case.main()
