"""The round trip with real parts: mailvigil, Postfix, a .forward, email_return, sendmail, Postfix,
Dovecot, mailvigil; and the other two ways back, plain forwarding and the reflector."""

import json
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import mta, places  # noqa: E402
from harness.agent import run_command  # noqa: E402
from harness.case import main  # noqa: E402
from harness.imap import wait_for  # noqa: E402
from harness.loop import SECRET, Loop  # noqa: E402
from harness.postfix import AUTH_LISTENER, Postfix  # noqa: E402

UNAVAILABLE = mta.available("postfix", "nsenter", "setpriv")
FAKETIME = "/usr/bin/faketime"


@unittest.skipIf(UNAVAILABLE, UNAVAILABLE)
class OnPostfix(Loop):
    def transfer_agent(self):
        auth_port = places.free_ports(1)[0]
        self.mailboxes(extra=AUTH_LISTENER % auth_port)
        self.postfix = Postfix(self.dovecot, auth_port, users=self.users)
        return self.postfix


class WaysBack(OnPostfix):
    def test_email_return_in_a_forward(self):
        self.install("scout")
        self.probe("scout")
        result = self.once("scout")
        trip = result["roundtrip"]
        self.assertEqual(trip["verdict"], "returned")
        self.assertEqual(trip["placement"], "inbox")
        self.assertTrue(trip["by_reflector"])
        for leg in ("out", "reflector", "back"):
            self.assertGreaterEqual(trip["legs"][leg]["min"], 0)
            self.assertGreaterEqual(trip["legs"][leg]["max"], trip["legs"][leg]["min"])
        self.assertLess(trip["seconds"], 20)
        self.assertGreaterEqual(len(trip["hops"]), 1)
        with self.dovecot.mailbox("scout") as mailbox:
            self.assertEqual(mailbox.count("INBOX"), 0, "kept without being asked to")
        with self.dovecot.mailbox("probe") as mailbox:
            answer = mailbox.fetch("INBOX")[0]
        self.assertEqual(answer["Auto-Submitted"], "auto-replied")
        self.assertEqual(answer["Return-Path"], "<>")
        self.assertRegex(answer["Subject"], r"^mailvigil return \S+ 2\d\d\d-.*Z$")

    def test_it_keeps_the_message_where_the_user_is_named(self):
        self.install("keeper", keep=True)
        self.probe("keeper")
        self.assertEqual(self.once("keeper")["roundtrip"]["verdict"], "returned")
        with self.dovecot.mailbox("keeper") as mailbox:
            self.assertEqual(mailbox.count("INBOX"), 1)

    def test_plain_forwarding(self):
        self.postfix.forward("plain", "probe@example.org")
        self.probe("plain")
        trip = self.once("plain")["roundtrip"]
        self.assertEqual(trip["verdict"], "returned")
        self.assertFalse(trip["by_reflector"])
        self.assertNotIn("legs", trip)

    def test_the_reflector_in_a_mailbox(self):
        self.config.account("mirror", watch=False, monitor=False)
        self.config.section("reflector", "mirror", account="mirror", server="office",
                            secret_file=self.config.secret("loop.secret", SECRET),
                            reply_to="probe@example.org")
        self.probe("mirror")
        self.started()
        self.wait_count("mirror", "returned_total")
        trip = self.last("mirror")["roundtrip"]
        self.assertEqual(trip["verdict"], "returned")
        self.assertTrue(trip["by_reflector"])
        self.assertGreaterEqual(trip["legs"]["out"]["min"], 0)
        self.assert_balance(self.books("mirror"))

    def last(self, name):
        done = run_command(self.config, "probe", name, "--last", "--json")
        self.assertEqual(done.returncode, 0, done.stdout)
        return json.loads(done.stdout)

    @unittest.skipIf(not os.path.exists(FAKETIME), "there is no " + FAKETIME)
    def test_an_hour_of_clock_skew_at_the_reflector(self):
        for user, skew in (("ahead", 3600), ("behind", -3600)):
            with self.subTest(skew):
                self.install(user, around="/usr/bin/env ASAN_OPTIONS=verify_asan_link_order=0 "
                             "%s -f %+ds " % (FAKETIME, skew))
                self.probe(user)
                trip = self.once(user)["roundtrip"]
                self.assertEqual(trip["verdict"], "returned")
                self.assertLess(trip["seconds"], 20, "only our own clock is a metric")
                self.assertLessEqual(trip["clock_offset"]["min"], skew + 0.1)
                self.assertGreaterEqual(trip["clock_offset"]["max"], skew - 0.1)
                for leg in ("out", "reflector", "back"):
                    self.assertGreaterEqual(trip["legs"][leg]["min"], 0)
                    self.assertLess(trip["legs"][leg]["max"], 20)

    def test_no_answer_in_the_time_that_is_given_is_critical(self):
        self.postfix.forward("scout", "/dev/null")
        self.probe("scout")
        result = self.once("scout", status=2, timeout=4)
        self.assertEqual(result["roundtrip"]["verdict"], "outstanding")
        self.assertRegex(result["summary"], "^not back after [34]")

    def test_a_bad_recipient_is_rejected_with_the_reason(self):
        self.probe("nobody", to="nobody")
        self.postfix.extra = "local_recipient_maps = unix:passwd.byname"
        self.config.change("probe", "nobody", to="no-such-user@example.org")
        self.postfix.reload()
        result = self.once("nobody", status=2)
        self.assertEqual(result["roundtrip"]["verdict"], "rejected")
        self.assertIn("550", result["paths"][0]["reply"])
        self.assertEqual(result["paths"][0]["command"], "RCPT")


class Books(OnPostfix):
    def test_delay_duplicates_and_a_stopped_queue(self):
        """One agent, several probes that share a mailbox."""
        self.install("scout")
        self.postfix.forward("double", '"|%s/libexec/email_return", probe@example.org'
                             % self.postfix.dir)
        for name in (".email_return.conf", ".email_return.secret"):
            with open(self.postfix.home("scout") + "/" + name) as file:
                self.postfix.write("home/double/" + name, file.read().replace("scout", "double"),
                                   0o400, "double")
        self.probe("scout", every="12s", warn="3s", crit="5s", raise_="1/1")
        self.config.sections[("probe", "scout")]["raise"] = "1/1"
        del self.config.sections[("probe", "scout")]["raise_"]
        self.probe("double", every="1h")
        agent = self.started()
        self.wait_count("scout", "returned_total")
        self.wait_count("double", "duplicates_total")
        books = self.books("double")
        self.assertEqual((books["sent"], books["returned"], books["duplicates"]), (1, 1, 1))

        self.postfix.hold()
        held = self.count("scout", "sent_total")
        wait_for(lambda: self.count("scout", "sent_total") > held, 30, "one more to be sent")
        agent.wait_line("event=raised probe=scout", 30)
        self.assertEqual(self.books("scout")["late"], 0)
        self.assertGreaterEqual(self.books("scout")["outstanding"], 1)

        agent.restart()  # the books are on disk
        before = self.books("scout")
        self.assertGreaterEqual(before["outstanding"], 1)
        self.assert_balance(before)
        self.postfix.hold(False)
        self.wait_count("scout", "late_total", timeout=60)
        books = self.books("scout")
        self.assert_balance(books)
        self.assertEqual(books["lost"], 0)
        self.assertEqual(books["duplicates"], 0)
        agent.stop()

    def test_lost_and_what_is_cleaned_up(self):
        """Only what verifies and is past `lost` is deleted: look-alikes stay."""
        self.install("scout")
        self.probe("scout", every="10s", warn="1s", crit="3s", lost="6s")
        like = (b"From: scout@example.org\r\nTo: probe@example.org\r\nSubject: mailvigil return "
                + b"A" * 157 + b"\r\nX-Mailvigil-Return: " + b"A" * 92 + b"." + b"A" * 64
                + b"\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\nlook-alike\r\n")
        self.dovecot.deliver("probe", like)
        self.dovecot.deliver("probe", b"Subject: real mail\r\n\r\nkeep me\r\n")
        self.started()
        self.wait_count("scout", "returned_total", 2)

        def remaining():
            with self.dovecot.mailbox("probe") as mailbox:
                return [one["Subject"] for one in mailbox.fetch("INBOX")]
        wait_for(lambda: self.count("scout", "returned_total") >= 3 and len(remaining()) <= 4, 60,
                 "old answers to be deleted")
        self.assertIn("real mail", remaining())
        self.assertEqual(len([one for one in remaining() if one.endswith("A" * 10)]), 1)

        self.postfix.forward("scout", "/dev/null")
        self.wait_count("scout", "lost_total", 1, 60)
        self.assert_balance(self.books("scout"))


if __name__ == "__main__":
    main()
