"""The round trip through Exim: its .forward and its pipes; two MTAs, the second one of which
greylists; and what happens when a probe cannot be delivered in time."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import exim, mta, places  # noqa: E402
from harness.case import main  # noqa: E402
from harness.exim import Exim  # noqa: E402
from harness.imap import wait_for  # noqa: E402
from harness.loop import Loop  # noqa: E402
from harness.postfix import AUTH_LISTENER, Postfix  # noqa: E402

UNAVAILABLE = exim.available()
NO_POSTFIX = mta.available("postfix")


@unittest.skipIf(UNAVAILABLE, UNAVAILABLE)
class OnExim(Loop):
    options = {}

    def transfer_agent(self):
        self.mailboxes()
        return Exim(self.dovecot, users=self.users, **self.options)

    def tearDown(self):
        for one in self.mtas:
            if isinstance(one, Exim):
                self.assertEqual(one.panic_log(), "")

    def subjects(self, user):
        with self.dovecot.mailbox(user) as mailbox:
            return [one["Subject"] for one in mailbox.fetch("INBOX")]


class WaysBack(OnExim):
    def test_email_return_in_a_forward(self):
        self.install("scout")
        self.probe("scout")
        trip = self.once("scout")["roundtrip"]
        self.assertEqual(trip["verdict"], "returned")
        self.assertEqual(trip["placement"], "inbox")
        self.assertTrue(trip["by_reflector"])
        for leg in ("out", "reflector", "back"):
            self.assertGreaterEqual(trip["legs"][leg]["min"], 0)
            self.assertGreaterEqual(trip["legs"][leg]["max"], trip["legs"][leg]["min"])
        self.assertLess(trip["seconds"], 20)
        self.assertGreaterEqual(len(trip["hops"]), 1)
        self.assertEqual(self.subjects("scout"), [], "kept without being asked to")
        with self.dovecot.mailbox("probe") as mailbox:
            answer = mailbox.fetch("INBOX")[0]
        self.assertEqual(answer["Auto-Submitted"], "auto-replied")
        self.assertEqual(answer["Return-Path"], "<>")
        self.assertIsNone(answer["Sender"], "Exim took the answer for a forged one")

    def test_it_keeps_the_message_where_the_user_is_named(self):
        self.install("keeper", keep=True)
        self.probe("keeper")
        self.assertEqual(self.once("keeper")["roundtrip"]["verdict"], "returned")
        wait_for(lambda: self.subjects("keeper"), 10, "the probe to be kept")
        self.assertEqual(len(self.subjects("keeper")), 1)
        self.assertEqual(self.mta.main_log().count("T=address_pipe"), 1)

    def test_it_keeps_the_message_with_the_domain_or_without_check_ancestor_too(self):
        self.mta.check_ancestor = False
        self.mta.reload()
        for user, own in (("keeper", "\\keeper"), ("double", "double@example.org")):
            with self.subTest(own):
                self.install(user)
                with open(self.mta.home(user) + "/.forward") as file:
                    self.mta.forward(user, "%s, %s" % (own, file.read().strip()))
                self.probe(user)
                self.assertEqual(self.once(user)["roundtrip"]["verdict"], "returned")
                wait_for(lambda: self.subjects(user), 10, "the probe to be kept")
                self.assertEqual(len(self.subjects(user)), 1)
        self.assertEqual(self.mta.main_log().count("T=address_pipe"), 2)

    def test_plain_forwarding(self):
        self.mta.forward("plain", "probe@example.org")
        self.probe("plain")
        trip = self.once("plain")["roundtrip"]
        self.assertEqual(trip["verdict"], "returned")
        self.assertFalse(trip["by_reflector"])
        self.assertNotIn("legs", trip)

    def test_a_bad_recipient_is_rejected_with_the_reason(self):
        self.probe("nobody", to="no-such-user")
        result = self.once("nobody", status=2)
        self.assertEqual(result["roundtrip"]["verdict"], "rejected")
        self.assertIn("550", result["paths"][0]["reply"])
        self.assertEqual(result["paths"][0]["command"], "RCPT")


@unittest.skipIf(NO_POSTFIX, NO_POSTFIX)
class Greylisted(OnExim):
    """Probes are submitted to Postfix, which hands them to Exim; answers go the same way back."""

    DELAY = 7

    def transfer_agent(self):
        auth_port = places.free_ports(1)[0]
        self.mailboxes(users=["scout@remote.test"], extra=AUTH_LISTENER % auth_port)
        postfix = Postfix(self.dovecot, auth_port, users=self.users, backoff=2)
        self.far = self.started_mta(Exim(
            self.dovecot, users=("scout",), domains=("remote.test",), greylist=self.DELAY,
            routes={"example.org": postfix.smtp_port}))
        postfix.routes["remote.test"] = self.far.smtp_port
        postfix.configure()
        return postfix

    def setUp(self):
        super().setUp()
        self.install("scout", mta=self.far)

    def assert_deferred(self):
        self.assertIn("greylisted, try again in a while", self.far.log())
        self.assertIn("status=deferred", self.mta.log())

    def test_the_first_probe_comes_back_with_a_warning_and_the_next_without(self):
        self.probe("scout", to="scout@remote.test", every="1h", warn="4s", crit="40s")
        result = self.once("scout", status=1, timeout=60)
        self.assert_deferred()
        trip = result["roundtrip"]
        self.assertEqual(trip["verdict"], "returned")
        self.assertGreaterEqual(trip["seconds"], self.DELAY - 1)  # a second is what it counts in
        self.assertGreaterEqual(trip["legs"]["out"]["max"], self.DELAY - 1)
        self.assertLess(trip["legs"]["back"]["min"], 4)
        trip = self.once("scout", timeout=60)["roundtrip"]
        self.assertEqual(trip["verdict"], "returned")
        self.assertLess(trip["seconds"], 4)

    def test_what_is_late_is_not_lost_and_the_alarm_goes_when_the_next_is_in_time(self):
        self.probe("scout", to="scout@remote.test", warn="4s", crit="5s",
                   **{"raise": "1/1", "clear": 1})
        agent = self.started()
        agent.wait_line("event=raised probe=scout", 30)
        self.wait_count("scout", "late_total")
        self.assert_deferred()
        self.wait_count("scout", "returned_total")
        agent.wait_line("event=cleared probe=scout", 30)
        books = self.books("scout")
        self.assert_balance(books)
        self.assertEqual((books["late"], books["lost"], books["duplicates"]), (1, 0, 0))
        agent.stop()


class Expired(OnExim):
    """A probe that cannot be answered in time goes back to its sender as a bounce."""

    options = {"expiry": 3}

    def finished(self):
        """Nothing is on its way any more."""
        wait_for(lambda: "Completed" in self.mta.main_log() and not self.mta.queue().strip(), 40,
                 "the queue to be empty", self.mta.log)

    def arrived(self, sender):
        """Messages with that envelope sender that the MTA took."""
        return self.mta.main_log().count(" <= %s " % sender)

    def test_a_bounce_in_the_mailbox_of_answers_is_none(self):
        """And email_return, which sees it as well and would answer its probe, does not."""
        self.install("probe", keep=True, address="scout@example.org")
        self.install("scout", sendmail="/nonexistent/sendmail")
        self.probe("scout", every="1h")
        agent = self.started()
        wait_for(lambda: self.arrived("<>"), 40, "a bounce", self.logs)
        self.finished()
        self.assertIn("address_pipe transport returned 75", self.mta.main_log())
        bounce = self.subjects("probe")
        self.assertEqual(len(bounce), 1)
        self.assertRegex(bounce[0], "(?i)mail delivery failed")
        self.assertEqual(self.arrived("<>"), 1, self.logs())
        self.assert_outstanding()
        agent.stop()

    def test_an_answer_that_nobody_takes_is_given_up(self):
        """Its sender is null: there is no bounce, nor an answer to it."""
        self.install("scout")
        self.mta.forward("probe", '"|/bin/false"')
        self.probe("scout", every="1h", warn="2s", crit="3s", **{"raise": "1/1"})
        agent = self.started()
        wait_for(lambda: self.arrived("<>"), 40, "the answer", self.logs)
        self.finished()
        agent.wait_line("event=raised probe=scout", 30)
        self.assertEqual(self.arrived("<>"), 1, "the answer, and no bounce of it\n" + self.logs())
        self.assertEqual(self.arrived("probe@example.org"), 1)
        self.assertEqual(self.subjects("probe"), [])
        self.assert_outstanding()
        agent.stop()

    def assert_outstanding(self):
        books = self.books("scout")
        self.assertEqual((books["sent"], books["outstanding"]), (1, 1), books)
        self.assert_balance(books)


if __name__ == "__main__":
    main()
