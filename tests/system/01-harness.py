"""The harness itself: what the other tests stand on must be true."""

import imaplib
import os
import shutil
import ssl
import subprocess
import sys
import time
import unittest

from harness import case, mail, scripted
from harness.certs import Authority
from harness.imap import Mailbox, wait_for

NEEDED = {"IDLE", "NOTIFY", "MULTIAPPEND", "UIDPLUS", "CONDSTORE", "QRESYNC", "SPECIAL-USE",
          "LIST-STATUS", "LITERAL+", "ENABLE", "ID", "SASL-IR", "UNSELECT"}


class Offers(case.Case):
    def test_dovecot_offers_what_the_agent_can_use(self):
        with self.dovecot.mailbox("alice") as mailbox:
            self.assertEqual(NEEDED - mailbox.capabilities(), set())

    def test_sent_is_marked(self):
        with self.dovecot.mailbox("alice") as mailbox:
            self.assertIn("\\Sent", mailbox.folders()["Sent"])

    def test_lmtp_delivery_arrives(self):
        self.deliver("alice", "over LMTP")
        with self.dovecot.mailbox("alice") as mailbox:
            found = wait_for(lambda: mailbox.fetch("INBOX"), 5, "the message")
        self.assertEqual([one["Subject"] for one in found], ["over LMTP"])
        self.assertIsNotNone(found[0]["Received"])

    def test_sieve_files_elsewhere(self):
        self.dovecot.sieve("alice", 'require ["fileinto", "mailbox"];\n'
                                    'fileinto :create "Lists";\n')
        self.deliver("alice", "filed")
        with self.dovecot.mailbox("alice") as mailbox:
            wait_for(lambda: mailbox.count("Lists") == 1, 5, "the filed message")
            self.assertEqual(mailbox.count("INBOX"), 0)

    def test_append_keeps_octets_flags_and_date(self):
        octets = mail.message(subject="kept", body=b"one\r\ntwo\r\n")
        with self.dovecot.mailbox("alice") as mailbox:
            uid = mailbox.append("Sent", octets, "\\Seen", 1700000000)
            found = mailbox.fetch("Sent")[0]
        self.assertEqual((found.uid, found.octets), (uid, octets))
        self.assertIn("\\Seen", found.flags)
        self.assertEqual(imaplib.Internaldate2tuple(
            b'INTERNALDATE "%s"' % found.internaldate.encode()), time.localtime(1700000000))

    def test_master_user_signs_in_for_another(self):
        imap = imaplib.IMAP4("127.0.0.1", self.dovecot.imap_port, timeout=10)
        status, _ = imap.authenticate("PLAIN", lambda _: b"alice@example.org\0vigil\0master-secret")
        self.assertEqual(status, "OK")
        imap.logout()

    def test_server_comes_back_on_the_same_ports(self):
        ports = (self.dovecot.imap_port, self.dovecot.imaps_port)
        self.dovecot.stop()
        self.dovecot.start()
        self.assertEqual(ports, (self.dovecot.imap_port, self.dovecot.imaps_port))
        self.dovecot.mailbox("alice").close()

    def test_tls_verifies_against_the_authority(self):
        context = ssl.create_default_context(cafile=self.dovecot.ca_file)
        imap = imaplib.IMAP4_SSL("localhost", self.dovecot.imaps_port, ssl_context=context,
                                 timeout=10)
        imap.logout()
        imap = imaplib.IMAP4("localhost", self.dovecot.imap_port, timeout=10)
        self.assertEqual(imap.starttls(context)[0], "OK")
        imap.logout()

    def test_a_frozen_server_says_nothing(self):
        mailbox = self.dovecot.mailbox("alice")
        mailbox.imap.sock.settimeout(0.5)
        self.dovecot.pause()
        try:
            with self.assertRaises(OSError):
                mailbox.imap.noop()
        finally:
            self.dovecot.resume()

    def test_a_new_password_counts_at_once(self):
        self.dovecot.set_password("alice", "another")
        imap = imaplib.IMAP4("127.0.0.1", self.dovecot.imap_port, timeout=10)
        with self.assertRaises(imaplib.IMAP4.error):
            imap.login("alice@example.org", "secret")
        imap.shutdown()
        self.dovecot.mailbox("alice").close()


class BadCertificates(unittest.TestCase):
    """Each kind is refused by Python's own verification, for its own reason."""

    def setUp(self):
        self.dir = case.Config().dir
        self.authority = Authority(self.dir)

    def tearDown(self):
        case.Config(self.dir).close()

    def refused(self, certificate, word, ca_file=None):
        with case.Dovecot(cert=certificate, authority=self.authority) as dovecot:
            context = ssl.create_default_context(cafile=ca_file or self.authority.cert)
            with self.assertRaisesRegex(ssl.SSLCertVerificationError, word):
                imaplib.IMAP4_SSL("localhost", dovecot.imaps_port, ssl_context=context, timeout=10)

    def test_wrong_name(self):
        self.refused(self.authority.certificate("other", "DNS:other.example.org"), "mismatch")

    def test_expired(self):
        self.refused(self.authority.certificate("old", expired=True), "expired")

    def test_unknown_authority(self):
        other = Authority(self.dir, "other-ca")
        self.refused(self.authority.certificate("fine"), "unable to get local issuer", other.cert)


class Hidden(case.Case):
    dovecot_options = {"hide": ("IDLE", "NOTIFY", "UIDPLUS"), "special_use": False,
                       "sent_name": "Gesendet"}

    def test_hidden_capabilities_are_hidden(self):
        with self.dovecot.mailbox("alice") as mailbox:
            shown = mailbox.capabilities()
        self.assertEqual(shown & {"IDLE", "NOTIFY", "UIDPLUS"}, set())
        self.assertEqual(NEEDED - shown, {"IDLE", "NOTIFY", "UIDPLUS"})

    def test_sent_has_another_name_and_no_mark(self):
        with self.dovecot.mailbox("alice") as mailbox:
            self.assertEqual(mailbox.folders()["Gesendet"] & {"\\Sent"}, set())


class OrdinaryUser(unittest.TestCase):
    @unittest.skipUnless(os.geteuid() == 0, "is run as an ordinary user already")
    def test_dovecot_runs_without_root(self):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
                with case.Dovecot() as dovecot:
                    dovecot.deliver("alice", mail.message())
                    with dovecot.mailbox("alice") as mailbox:
                        wait_for(lambda: mailbox.count("INBOX") == 1, 5, "the message")
                status = 0
            finally:
                os._exit(status)
        self.assertEqual(os.waitpid(child, 0)[1], 0)


class Scripted(unittest.TestCase):
    """The scripted server is IMAP enough for imaplib, and its faults are faults."""

    def setUp(self):
        self.server = scripted.Server()
        self.addCleanup(self.server.close)

    def reader(self):
        mailbox = Mailbox(self.server.port, "alice", "secret")
        self.addCleanup(mailbox.imap.shutdown)
        return mailbox

    def test_append_and_fetch(self):
        octets = mail.message(subject="scripted")
        mailbox = self.reader()
        uid = mailbox.append("INBOX", octets, "\\Seen", 1700000000)
        found = mailbox.fetch("INBOX")
        self.assertEqual([(one.uid, one.octets, one.flags) for one in found],
                         [(uid, octets, {"\\Seen"})])
        self.assertEqual(self.server.count("alice"), 1)
        self.assertEqual(mailbox.folders()["Sent"], {"\\Sent"})

    def test_header_and_search(self):
        self.server.add("alice", mail.message(subject="one", fields=["X-Mark: 77"]))
        self.server.add("alice", mail.message(subject="two"))
        mailbox = self.reader()
        self.assertEqual([one["Subject"] for one in mailbox.headers("INBOX")], ["one", "two"])
        mailbox.imap.select("INBOX", readonly=True)
        self.assertEqual(mailbox.imap.uid("SEARCH", "HEADER", "X-Mark", "77")[1], [b"1"])

    def test_idle_tells_of_news(self):
        mailbox = self.reader()
        mailbox.imap.select("INBOX", readonly=True)
        mailbox.imap.send(b"a1 IDLE\r\n")
        self.assertTrue(mailbox.imap.readline().startswith(b"+"))
        self.server.add("alice", mail.message())
        self.assertEqual(mailbox.imap.readline(), b"* 1 EXISTS\r\n")
        self.server.remove("alice", 1)
        self.assertEqual(mailbox.imap.readline(), b"* 1 EXPUNGE\r\n")
        mailbox.imap.send(b"DONE\r\n")
        self.assertTrue(mailbox.imap.readline().startswith(b"a1 OK"))

    def test_a_stored_append_may_lose_its_answer(self):
        self.server.on["APPEND"] = scripted.once(scripted.append_then_cut(store=True))
        with self.assertRaises((imaplib.IMAP4.abort, OSError)):
            self.reader().append("INBOX", mail.message())
        self.assertEqual(self.server.count("alice"), 1)
        self.reader().append("INBOX", mail.message())
        self.assertEqual(self.server.count("alice"), 2)

    def test_a_fetch_may_come_without_its_body(self):
        self.server.add("alice", mail.message())
        self.server.on["UID FETCH"] = scripted.fetch_without_body()
        self.assertEqual(self.reader().fetch("INBOX"), [])
        self.server.on.clear()
        self.assertEqual(len(self.reader().fetch("INBOX")), 1)

    def test_tls_and_starttls(self):
        directory = case.Config().dir
        self.addCleanup(case.Config(directory).close)
        authority = Authority(directory)
        context = ssl.create_default_context(cafile=authority.cert)
        for tls in (True, False):
            server = scripted.Server(authority=authority, tls=tls)
            self.addCleanup(server.close)
            if tls:
                imap = imaplib.IMAP4_SSL("localhost", server.port, ssl_context=context)
            else:
                imap = imaplib.IMAP4("localhost", server.port)
                imap.starttls(context)
            self.assertEqual(imap.login("alice", "secret")[0], "OK")
            imap.logout()

    def test_bearer_tokens(self):
        imap = imaplib.IMAP4("127.0.0.1", self.server.port)
        imap.authenticate("XOAUTH2", lambda _: b"user=alice\x01auth=Bearer secret\x01\x01")
        imap.logout()
        self.assertEqual(self.server.logins[0][1:], ("XOAUTH2", "alice", "secret"))


class Guarded(unittest.TestCase):
    def test_who_is_killed_leaves_no_server_behind(self):
        script = ("import os, sys\nfrom harness.dovecot import Dovecot\n"
                  "one = Dovecot().start()\nprint(one.process.pid, one.dir, flush=True)\n"
                  "os.kill(os.getpid(), 9)\n")
        told = subprocess.run((sys.executable, "-c", script), stdout=subprocess.PIPE,
                              cwd=os.path.dirname(os.path.abspath(__file__)), check=False).stdout
        pid, directory = told.decode().split()
        wait_for(lambda: not os.path.exists("/proc/" + pid), 10, "the end of Dovecot")
        shutil.rmtree(directory, ignore_errors=True)


class Writing(unittest.TestCase):
    def test_configuration_is_quoted(self):
        config = case.Config()
        config.account("alice", folders=["INBOX", "\\Sent"], monitor=False)
        config.rule("r", sample=12.5, incoming="all")
        text = config.text() + config.rules_text()
        config.close()
        self.assertIn('folders = {"INBOX", "\\\\Sent"}', text)
        self.assertIn("monitor = false", text)
        self.assertIn("sample = 12.5", text)

    def test_message_of_an_exact_size(self):
        self.assertEqual([len(mail.message(size=size)) for size in (900, 901, 100000)],
                         [900, 901, 100000])

    def test_backlog_has_the_size_asked(self):
        messages = list(mail.backlog(200, 2_000_000))
        self.assertEqual(len(messages), 200)
        self.assertAlmostEqual(sum(map(len, messages)) / 2_000_000, 1, delta=0.1)


if __name__ == "__main__":
    case.main()
