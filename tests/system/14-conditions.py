"""The conditions of a rule, each on real mail."""

import os

from harness import case, mail


class Conditions(case.Case):
    def setUp(self):
        super().setUp()
        self.config.rule("last", incoming="all", subject=["last word"])

    def wanted(self, messages, **conditions):
        """Which of {subject: octets} the rule takes."""
        self.config.rule("r", incoming="all", **conditions)
        agent = self.started()
        with self.dovecot.mailbox("alice") as mailbox:
            for octets in messages.values():
                mailbox.append("INBOX", octets)
            mailbox.append("INBOX", mail.message(subject="last word", received=True))
        with self.dovecot.mailbox("monitor") as mailbox:
            case.wait_for(lambda: any("last word" in one["Subject"]
                                      for one in mailbox.headers("Copies")), 30, "the last word")
        agent.stop()
        found = [one["Subject"].split("} ")[1] for one in self.copies()]
        self.assertEqual(len(found), len(set(found)), found)
        return set(found) - {"last word"}

    def test_min_size_just_below_and_above(self):
        self.assertEqual(self.wanted({
            "below": mail.message(subject="below", received=True, size=9999),
            "equal": mail.message(subject="equal", received=True, size=10000),
            "above": mail.message(subject="above", received=True, size=10001),
        }, min_size="10kB"), {"equal", "above"})

    def test_max_size_just_below_and_above(self):
        self.assertEqual(self.wanted({
            "equal": mail.message(subject="equal", received=True, size=10240),
            "above": mail.message(subject="above", received=True, size=10241),
        }, max_size="10KiB"), {"equal"})

    def attachments(self):
        def one(subject, name, kind):
            return mail.with_attachment(name, kind, subject=subject, received=True)
        return {"zip": one("zip", "Report.ZIP", "application/octet-stream"),
                "type": one("type", "report.bin", "application/x-tar"),
                "picture": one("picture", "cat.png", "image/png"),
                "none": mail.message(subject="none", received=True)}

    def test_attachment_by_name(self):
        self.assertEqual(self.wanted(self.attachments(), attachment=["*.zip"]), {"zip"})

    def test_attachment_by_type(self):
        self.assertEqual(self.wanted(self.attachments(), attachment=["application/x-*"]), {"type"})

    def test_any_attachment(self):
        self.assertEqual(self.wanted(self.attachments(), attachment=["any"]),
                         {"zip", "type", "picture"})

    def test_from(self):
        self.assertEqual(self.wanted({
            "partner": mail.message(subject="partner", sender="Ann <ann@partner.test>",
                                    received=True),
            "other": mail.message(subject="other", sender="ann@other.test", received=True),
        }, **{"from": ["*@partner.test"]}), {"partner"})

    def test_to_as_a_regular_expression(self):
        self.assertEqual(self.wanted({
            "sales": mail.message(subject="sales", to="sales-eu@example.org", received=True),
            "other": mail.message(subject="other", received=True),
        }, to=["/^sales-(eu|us)@/"]), {"sales"})

    def test_subject_is_matched_decoded(self):
        self.assertEqual(self.wanted({
            "=?UTF-8?Q?invoice_42?=": mail.message(subject="=?UTF-8?Q?invoice_42?=", received=True),
            "else": mail.message(subject="else", received=True),
        }, subject=["*invoice*"]), {"=?UTF-8?Q?invoice_42?="})

    def test_header_field(self):
        self.assertEqual(self.wanted({
            "secret": mail.message(subject="secret", fields=["X-Class: secret"], received=True),
            "public": mail.message(subject="public", fields=["X-Class: public"], received=True),
        }, header=["X-Class: secret"]), {"secret"})

    def test_body_is_matched_decoded(self):
        self.assertEqual(self.wanted({
            "hit": mail.with_attachment("a.txt", "text/plain", b"the codeword is kestrel",
                                        subject="hit", received=True),
            "miss": mail.message(subject="miss", received=True),
        }, body=["/codeword is k/"]), {"hit"})

    def test_users_and_not_users(self):
        self.config.account("bob")
        self.assertEqual(self.wanted({"m": mail.message(subject="m", received=True)},
                                     users=["bob"]), set())

    def test_until_is_past(self):
        self.assertEqual(self.wanted({"m": mail.message(subject="m", received=True)},
                                     until="2020-12-31"), set())

    def test_all_conditions_must_hold(self):
        self.assertEqual(self.wanted({
            "both": mail.message(subject="both", sender="a@partner.test", size=2000, received=True),
            "one": mail.message(subject="one", sender="a@partner.test", received=True),
        }, min_size="2kB", **{"from": ["*@partner.test"]}), {"both"})

    def test_exempt_beats_every_rule(self):
        self.config.section("rule", "privileged", exempt=True, addresses=["doctor@elsewhere.test"])
        self.assertEqual(self.wanted({
            "doctor": mail.message(subject="doctor", sender="doctor@elsewhere.test", received=True),
            "other": mail.message(subject="other", received=True),
            "claimed": mail.message(subject="claimed", received=True, fields=(
                "Sender: doctor@elsewhere.test", "Delivered-To: doctor@elsewhere.test")),
        }), {"other", "claimed"})


class Sample(case.Case):
    COUNT, PERCENT = 2000, 25

    def choice(self):
        """Subjects that are copied of 2,000 messages."""
        agent = self.started()
        self.dovecot.deliver_many("alice", (
            mail.message(subject="number %d" % n, message_id="<sample-%d@elsewhere.test>" % n)
            for n in range(self.COUNT)))
        self.deliver("alice", "last word")
        with self.dovecot.mailbox("monitor") as mailbox:
            case.wait_for(lambda: mailbox.count("Last") == 1, 120, "the last word")
        agent.stop()
        with self.dovecot.mailbox("monitor") as mailbox:
            found = [one["Subject"] for one in mailbox.headers("Copies")]
        self.assertEqual(len(found), len(set(found)))
        return set(found)

    def empty(self):
        for user, folder in (("alice", "INBOX"), ("monitor", "Copies"), ("monitor", "Last")):
            self.dovecot.doveadm("expunge", "-u", user + "@example.org", "mailbox", folder, "all")

    def test_sample_has_its_size_and_is_the_same_without_the_ledger(self):
        self.config.target("last", folder="Last")
        self.config.rule("last", targets=["last"], incoming="all", subject=["last word"])
        self.config.rule("r", incoming="all", sample=self.PERCENT, subject=["number*"])
        first = self.choice()
        expected = self.COUNT * self.PERCENT / 100
        sigma = (expected * (1 - self.PERCENT / 100)) ** 0.5
        self.assertAlmostEqual(len(first), expected, delta=3 * sigma)
        # The ledger goes, the instance key stays.
        for name in os.listdir(self.config.state_dir):
            if name.startswith("ledger.db"):
                os.unlink(os.path.join(self.config.state_dir, name))
        self.empty()
        self.assertEqual(self.choice(), first)


if __name__ == "__main__":
    case.main()
