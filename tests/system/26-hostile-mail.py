"""Mail that was written to escape: what each sample must lead to, and that the agent does with every
sample what `explain` says of it."""

import json
import os

from harness import case

SAMPLES = os.path.join(os.path.dirname(__file__), "..", "samples")

RULES = {
    "any": {"attachment": ["any"]},
    "zip": {"attachment": ["*.zip"]},
    "named": {"attachment": ["*"]},
    "message": {"attachment": ["message/rfc822"]},
    "body": {"body": ["*secret*"]},
    "words": {"body": ["*words that no sample has*"]},
    "subject": {"subject": ["*secret*"]},
    "shop": {"from": ["*@shop.test"]},
    "outgoing": {"incoming": "none", "internal": "none"},
    "internal": {"incoming": "none", "outgoing": "none"},
}

UNREADABLE = {"any": ("yes", "undecided"), "zip": "undecided", "words": "undecided"}
ZIP = {"any": "yes", "zip": "yes"}

# What each rule says, of the rules that are named; and words of the warning.
CASES = {
    "false-close": ("INBOX", ZIP),
    "long-boundary": ("INBOX", UNREADABLE),
    "dup-ct-second-mp": ("INBOX", UNREADABLE),
    "two-content-types": ("Sent", UNREADABLE),
    "rfc822-b64": ("INBOX", {"zip": "undecided", "words": "undecided"}),
    "name-100params": ("INBOX", {"zip": "undecided"}),
    "depth33": ("INBOX", UNREADABLE),
    "boundary-comment": ("INBOX", ZIP),
    "cd-unclosed-comment": ("INBOX", ZIP),
    "name-2231-vs-plain": ("INBOX", ZIP),
    "name-ct-vs-cd": ("INBOX", ZIP),
    "name-2231-leading0": ("INBOX", ZIP),
    "name-2231-gap": ("INBOX", ZIP),
    "name-long": ("INBOX", {"any": "yes", "zip": ("yes", "undecided")}),
    "name-trailing-dot": ("INBOX", ZIP),
    "name-zwsp": ("INBOX", ZIP),
    "sig-type-p7s": ("INBOX", {"any": "yes"}),
    "uuencode": ("Sent", ZIP),
    "forwarded-inline-rfc822": ("Sent", {"any": "yes", "message": "yes"}),
    "unnamed-attachment-star": ("INBOX", {"any": "yes", "named": "no"}),
    "charset-unicode-1-1-utf-7": ("INBOX", {"body": "yes"}),
    "charset-utf32": ("INBOX", {"body": "yes"}),
    "subj-ew-x-charset": ("INBOX", {"subject": "yes"}),
    "soft-hyphen": ("INBOX", {"body": "yes"}),
    "barecr-header": ("INBOX", {"any": ("yes", "undecided"), "zip": ("yes", "undecided")}),
    "bare-cr": ("INBOX", {"body": ("yes", "undecided")}),
    "to-quoted-whole-address": ("Sent", {"outgoing": "yes", "internal": "yes"}),
    "from-quoted-whole-address": ("INBOX", {"shop": "yes"}),
    "exempt-by-forged-delivered-to": ("Sent", {"outgoing": "yes"}),
}

WARNINGS = {
    "barecr-header": "bare-cr",
    "bare-cr": "bare-cr",
    "no-blank-line": None,
    "to-quoted-whole-address": "unreadable-recipient",
}


class HostileMail(case.Case):
    def setUp(self):
        super().setUp()
        self.config.remove("target", "compliance")
        for name, conditions in RULES.items():
            self.config.target(name, folder="Copies/" + name)
            keys = {"incoming": "all", "outgoing": "all", "internal": "all"}
            keys.update(conditions)
            self.config.rule(name, targets=[name], **keys)
        self.config.section("rule", "privileged", exempt=True, addresses=["council@example.org"])
        self.config.keys["internal_wait"] = "0s"

    def explain(self, *arguments):
        done = self.command("explain", "--json", "--account", "alice", *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_each_case_has_its_right_value(self):
        for name, (folder, expected) in CASES.items():
            with self.subTest(case=name):
                said = self.explain("--folder", folder, os.path.join(SAMPLES, name + ".eml"))
                self.assertIsNone(said["exempt_by"])
                verdicts = {rule["name"]: rule["verdict"] for rule in said["rules"]}
                for rule, verdict in expected.items():
                    allowed = verdict if isinstance(verdict, tuple) else (verdict,)
                    self.assertIn(verdicts[rule], allowed, (rule, said))
                if WARNINGS.get(name):
                    self.assertIn(WARNINGS[name], said["warnings"])

    def test_no_blank_line_is_told(self):
        said = self.explain(os.path.join(SAMPLES, "no-blank-line.eml"))
        self.assertNotEqual(said["warnings"], [])

    def test_senders_and_recipients_are_named(self):
        said = self.explain(os.path.join(SAMPLES, "from-quoted-whole-address.eml"))
        self.assertEqual((said["sender"], said["sender_claimed"]), ("no-reply@shop.test", True))
        said = self.explain("--folder", "Sent",
                            os.path.join(SAMPLES, "to-quoted-whole-address.eml"))
        named = " ".join(one["address"] for one in said["recipients"])
        self.assertIn("rival@outside.test", named)
        self.assertIn("bob@example.org", named)

    def test_a_copy_made_in_doubt_says_so(self):
        self.started()
        with open(os.path.join(SAMPLES, "depth33.eml"), "rb") as sample:
            with self.dovecot.mailbox("alice") as mailbox:
                mailbox.append("INBOX", sample.read())
        copy = self.only_copy(folder="Copies/zip")
        self.assertIn("undecided: attachment", copy["X-Monitor-Warning"])

    def append_all(self, folder):
        with self.dovecot.mailbox("alice") as mailbox:
            for name in sorted(os.listdir(SAMPLES)):
                if not name.endswith(".eml"):
                    continue
                with open(os.path.join(SAMPLES, name), "rb") as sample:
                    mailbox.append(folder, sample.read())
            return mailbox.count(folder)

    def targets_by_ledger(self):
        """What the agent did: {(folder, uid): ({target: undecided}, state)}."""
        done = self.command("ledger", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        found = {}
        for line in json.loads(done.stdout)["lines"]:
            for uid in range(line["first_uid"], line["last_uid"] + 1):
                targets, _ = found.setdefault((line["folder"], uid), ({}, line["state"]))
                if line["target"]:
                    targets[line["target"]] = line["undecided"]
        return found

    def compare(self, folder):
        agent = self.started()
        total = self.append_all(folder)
        case.wait_for(lambda: agent.status()["counts"]["seen"] >= total, 120, "all samples")
        self.wait_delivered(agent)
        agent.stop()
        done = self.targets_by_ledger()
        self.assertGreater(len(done), 50)
        for (folder, uid), (targets, state) in sorted(done.items()):
            if state in ("before_baseline", "duplicate"):
                continue
            with self.subTest(folder=folder, uid=uid):
                said = self.explain("--folder", folder, "--uid", str(uid))
                self.assertEqual(sorted(targets), sorted(said["targets"]), (state, said))
                self.assertEqual({t: u for t, u in targets.items() if u},
                                 {one["target"]: one["conditions"] for one in said["undecided"]})

    # One folder each: what is in both is one message, and each target gets it once.

    def test_explain_says_what_the_agent_does_in_inbox(self):
        self.compare("INBOX")

    def test_explain_says_what_the_agent_does_in_sent(self):
        self.compare("Sent")


if __name__ == "__main__":
    case.main()
