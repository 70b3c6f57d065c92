"""What does not fit together is flagged in the copy, and copied all the same."""

from harness import case, mail


class Suspicious(case.Case):
    def setUp(self):
        super().setUp()
        self.config.keys["internal_wait"] = "1s"
        self.config.rule("everything", incoming="all", outgoing="all", internal="all")
        self.started()

    def test_from_that_is_not_the_owners_in_sent(self):
        self.save_sent("alice", sender="bob@example.org")
        copy = self.only_copy()
        self.assertEqual(copy["X-Monitor-Warning"], "from-mismatch")
        self.assertEqual(copy["X-Monitor-Sender"], "alice@example.org (mailbox)")

    def test_received_message_that_claims_an_inside_sender(self):
        self.deliver("alice", sender="chief@example.org")
        copy = self.only_copy()
        self.assertEqual(copy["X-Monitor-Warning"], "claimed-internal")
        self.assertEqual(copy["X-Monitor-Sender"], "chief@example.org (claimed)")
        self.assertEqual(copy["X-Monitor-Direction"], "internal")

    def test_no_from_at_all(self):
        self.deliver("alice", sender=None)
        copy = self.only_copy()
        self.assertIn("no-from", copy["X-Monitor-Warning"])
        self.assertEqual(copy["X-Monitor-Direction"], "incoming")

    def test_two_from_fields(self):
        self.deliver("alice", fields=["From: second@elsewhere.test"])
        self.assertIn("several-from", self.only_copy()["X-Monitor-Warning"])

    def test_ordinary_mail_carries_no_warning(self):
        self.deliver("alice")
        self.assertIsNone(self.only_copy()["X-Monitor-Warning"])

    def test_forged_monitor_fields_are_taken_out_and_named(self):
        self.deliver("alice", fields=["X-Monitor-Direction: none",
                                      "X-Monitor-Sender: angel@example.org (mailbox)"])
        copy = self.only_copy()
        self.assertEqual(copy.all("X-Monitor-Direction"), ["incoming"])
        self.assertEqual(len(copy.all("X-Monitor-Sender")), 1)
        self.assertIn("x-monitor-sender", copy["X-Monitor-Removed"].lower())


class StrangeMessages(case.Case):
    """Broken mail is mail: its copy is made, its body is kept."""

    def setUp(self):
        super().setUp()
        self.config.rule("everything", incoming="all", internal="all", outgoing="all")
        self.started()

    def copied(self, octets):
        with self.dovecot.mailbox("alice") as mailbox:
            mailbox.append("INBOX", octets)
            stored = mailbox.fetch("INBOX")[-1].octets
        copy = self.only_copy()
        return copy, stored

    def test_empty_subject(self):
        copy, _ = self.copied(mail.message(subject="", received=True))
        self.assertEqual(copy["Subject"].strip(), "{Mon-In}")

    def test_missing_subject_is_made(self):
        copy, _ = self.copied(mail.message(subject=None, received=True))
        self.assertEqual(copy["Subject"].strip(), "{Mon-In}")

    def test_encoded_folded_subject_stays_byte_for_byte(self):
        text = "=?UTF-8?B?w5xiZXJyYXNjaHVuZw==?=\r\n =?UTF-8?Q?_und_mehr?="
        copy, _ = self.copied(mail.message(subject=text, received=True))
        self.assertIn(b"Subject: {Mon-In} " + text.encode(), copy.octets)

    def test_eight_bit_subject_stays_byte_for_byte(self):
        octets = mail.message(subject="EIGHT", received=True).replace(b"EIGHT", b"\xdcbel \xff")
        copy, _ = self.copied(octets)
        self.assertIn(b"Subject: {Mon-In} \xdcbel \xff\r\n", copy.octets)

    def test_header_only(self):
        copy, stored = self.copied(mail.message(received=True, body=b""))
        self.assertEqual(copy.body, b"")
        self.assertTrue(stored.endswith(b"\r\n\r\n"))

    def test_long_line_in_the_body(self):
        octets = mail.message(received=True, body=b"x" * 1_000_000 + b"\r\nend\r\n")
        copy, _ = self.copied(octets)
        self.assertEqual(copy.body, octets.partition(b"\r\n\r\n")[2])

    def test_ten_thousand_recipients(self):
        many = ",\r\n ".join("user%d@elsewhere.test" % n for n in range(10_000))
        copy, _ = self.copied(mail.message(to=many, received=True))
        self.assertEqual(copy["X-Monitor-Direction"], "incoming")


if __name__ == "__main__":
    case.main()
