"""email_return as an MTA runs it: answers a signed probe once, and nothing else at all.

Tokens are made and answers are checked here by Python's own hmac. The sendmail is a script that
records what it is given. Each test runs the program as it was built and, where the build has
sanitizers, also as it is installed.
"""

import base64
import email
import fcntl
import hashlib
import hmac
import os
import pwd
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from harness import case, places  # noqa: E402
from harness.imap import wait_for  # noqa: E402
from harness.loop import email_return  # noqa: E402

BUILT = os.path.dirname(email_return())
KEY = b"0123456789abcdef0123456789abcdef"
OTHER_KEY = b"fedcba9876543210fedcba9876543210"
ADDRESS = "scout@company.test"
REPLY_TO = "probe@example.org"
EVIL = "evil@attacker.test"
DAY = 86400

SENDMAIL = """#!/bin/sh
one=$(mktemp -d {dir}/sent/XXXXXX) || exit 1
cat /proc/$$/cmdline >$one/arguments
cat /proc/$$/environ >$one/environment
echo /proc/$$/fd/* >$one/descriptors
ulimit -a >$one/limits
cat >$one/message
echo the MTA says something
echo and complains >&2
touch $one/done
{end}
"""


def base64url(octets):
    return base64.urlsafe_b64encode(octets).decode()


def make_token(key=KEY, to=ADDRESS, reply_to=REPLY_TO, ago=0, nonce=None, version=1):
    sent = int((time.time() - ago) * 1000)
    head = (bytes([version]) + hashlib.sha256(key).digest()[:6]
            + hashlib.sha256(b"instance\0loop").digest()[:8]
            + (nonce or os.urandom(16)) + struct.pack(">Q", sent)[2:])
    addresses = to.encode() + b"\0" + reply_to.encode() + b"\0"
    sign = hmac.new(key, b"mailvigil probe 1\0" + head + addresses, hashlib.sha256).digest()
    return base64url(head + sign)


def stamp_times(answer, key=KEY):
    """(token, received, handed over), verified."""
    token, stamp = answer.split(".")
    octets, signed = base64.urlsafe_b64decode(token), base64.urlsafe_b64decode(stamp)
    addresses = ADDRESS.encode() + b"\0" + REPLY_TO.encode() + b"\0"
    sign = hmac.new(key, b"mailvigil return 1\0" + octets + signed[:16] + addresses,
                    hashlib.sha256).digest()
    assert hmac.compare_digest(sign, signed[16:]), "the stamp's signature"
    return (token, *struct.unpack(">QQ", signed[:16]))


def probe(token=None, without=(), extra=(), **fields):
    """The octets of a probe; fields replace those of its header, names with _ for -."""
    token = token or make_token()
    header = {"Return-Path": "<probe@example.org>", "Received": "from mx by company.test; now",
              "From": "probe@example.org", "To": ADDRESS,
              "Subject": "mailvigil probe " + token, "Message-ID": "<1.abc@mail.example.org>",
              "Auto-Submitted": "auto-generated", "X-Mailvigil-Probe": token}
    header.update({name.replace("_", "-"): value for name, value in fields.items()})
    lines = ["%s: %s" % item for item in header.items() if item[0] not in without]
    text = "\n".join([*lines, *extra]) + "\n\nA test message.\n"
    return text.encode("utf-8", "surrogateescape")


def status_of(pid):
    with open("/proc/%d/status" % pid) as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


class Sent:
    """One call of the sendmail."""

    def __init__(self, path):
        def octets(name):
            with open(os.path.join(path, name), "rb") as file:
                return file.read()
        self.arguments = octets("arguments").decode().split("\0")[1:-1]
        self.environment = octets("environment").decode().split("\0")[:-1]
        self.descriptors = {os.path.basename(path)
                            for path in octets("descriptors").decode().split()}
        self.limits = octets("limits").decode()
        self.octets = octets("message")
        self.message = email.message_from_bytes(self.octets)


class Program(unittest.TestCase):
    """A home with all that email_return needs, owned by a user who is not root."""

    program = "email_return"

    def setUp(self):
        self.dir = places.temporary("mvr")
        self.addCleanup(places.remove, self.dir)
        self.as_user = {}
        self.uid = os.geteuid()
        if self.uid == 0:
            user = pwd.getpwnam("nobody")
            self.uid = user.pw_uid
            self.as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        self.binary = os.path.join(self.dir, "email_return")
        built = email_return()
        if self.program != "email_return":
            built = os.path.join(BUILT, self.program)
            if not os.path.exists(built):
                self.skipTest("there is no " + built)
        shutil.copy(built, self.binary)
        os.chmod(self.binary, 0o755)
        os.mkdir(os.path.join(self.dir, "home"))
        os.mkdir(os.path.join(self.dir, "sent"))
        self.config, self.key = self.path("home/conf"), self.path("home/key")
        self.cache, self.sendmail = self.path("home/cache"), self.path("sendmail")
        self.write(self.key, KEY.decode() + "\n", 0o400)
        self.configure()
        self.make_sendmail()
        self.own()

    def path(self, name):
        return os.path.join(self.dir, name)

    def own(self):
        """All in the home is the user's."""
        for name in ("home", "sent"):
            for folder, _, files in os.walk(self.path(name)):
                for one in [folder, *(os.path.join(folder, file) for file in files)]:
                    os.chown(one, self.uid, -1, follow_symlinks=False)

    def write(self, path, text, mode=0o600):
        if os.path.lexists(path):
            os.unlink(path)
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, mode)
        os.chown(path, self.uid, -1)

    def configure(self, without=(), extra=(), **keys):
        values = {"address": ADDRESS, "reply_to": REPLY_TO, "secret_file": "key", "cache": "cache",
                  "sendmail": self.sendmail, "min_interval": "0", **keys}
        lines = ["%s = %s" % item for item in values.items() if item[0] not in without]
        self.write(self.config, "\n".join(["# a test", *lines, *extra]) + "\n")

    def make_sendmail(self, end="exit 0"):
        self.write(self.sendmail, SENDMAIL.format(dir=self.dir, end=end), 0o755)

    def start(self, stdin, environment=None, command=None, **keys):
        if environment is None:
            environment = {"PATH": "/nonexistent", "SENDER": "probe@example.org",
                           "RECIPIENT": ADDRESS, "HOME": "/nonexistent", "SECRET": "in the way"}
        return subprocess.Popen(command or [self.binary, "-c", self.config], stdin=stdin,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
                                **{"cwd": "/", **self.as_user, **keys})

    def run_program(self, octets, **keys):
        """(exit status, what it wrote to standard output and error)"""
        process = self.start(subprocess.PIPE, **keys)
        out, err = process.communicate(octets, timeout=120)
        return process.returncode, out + err

    @staticmethod
    def readers(process):
        """The processes that read mail, confined as they are to be."""
        with open("/proc/%d/task/%d/children" % (process.pid, process.pid)) as file:
            return [pid for pid in map(int, file.read().split())
                    if status_of(pid)["NoNewPrivs"] == "1"]

    def calls(self):
        return {os.path.join(self.path("sent"), name) for name in os.listdir(self.path("sent"))}

    def sent(self):
        return [Sent(path) for path in sorted(self.calls())]

    def cache_octets(self):
        if not os.path.exists(self.cache):
            return None
        with open(self.cache, "rb") as file:
            return file.read()

    def answered(self, octets, **keys):
        """Exactly one more answer goes out, quietly; it is returned."""
        before = self.calls()
        status, output = self.run_program(octets, **keys)
        self.assertEqual((status, output), (0, b""))
        self.assertEqual(len(self.calls()), len(before) + 1)
        return Sent((self.calls() - before).pop())

    def refused(self, octets, status=0, **keys):
        """Nothing is started, nothing is written, nothing is noted."""
        before, cache = len(self.sent()), self.cache_octets()
        done = self.run_program(octets, **keys)
        self.assertEqual(done, (status, b""))
        self.assertEqual(len(self.sent()), before)
        self.assertEqual(self.cache_octets(), cache)


class Answers(Program):
    def test_a_probe_is_answered_once(self):
        token = make_token()
        began = time.time_ns() // 1000
        sent = self.answered(probe(token))
        ended = time.time_ns() // 1000
        self.assertEqual(sent.arguments, [self.sendmail, "-i", "-f", "<>", "--", REPLY_TO])
        user = pwd.getpwuid(self.uid)
        self.assertEqual(sorted(sent.environment), sorted(
            ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + user.pw_dir, "USER=" + user.pw_name,
             "LOGNAME=" + user.pw_name]))
        # The shell reads the directory by one, and the script by 10 or 255.
        self.assertEqual(sent.descriptors - {"3", "10", "255"}, {"0", "1", "2"})
        answer = sent.message["X-Mailvigil-Return"]
        again, received, handed = stamp_times(answer)
        self.assertEqual(again, token)
        self.assertTrue(began <= received <= handed <= ended, (began, received, handed, ended))
        self.assertRegex(sent.message["Subject"], "^mailvigil return %s %s$" % (
            re.escape(answer), time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(handed // 10**6))
            + r"\.%03dZ" % (handed // 1000 % 1000)))
        self.refused(probe(token))
        self.answered(probe())

    def test_the_header_of_an_answer(self):
        message = self.answered(probe()).message
        self.assertEqual(sorted(message.keys()), sorted(
            ["Date", "From", "To", "Subject", "Message-ID", "In-Reply-To", "References",
             "X-Mailvigil-Return", "Auto-Submitted", "Precedence", "X-Auto-Response-Suppress",
             "MIME-Version", "Content-Type"]))
        self.assertEqual(message["From"], ADDRESS)
        self.assertEqual(message["To"], REPLY_TO)
        self.assertEqual(message["In-Reply-To"], "<1.abc@mail.example.org>")
        self.assertEqual(message["References"], "<1.abc@mail.example.org>")
        self.assertEqual(message["Auto-Submitted"], "auto-replied")
        self.assertEqual(message["Precedence"], "bulk")
        self.assertEqual(message["X-Auto-Response-Suppress"], "All")
        self.assertRegex(message["Message-ID"], r"^<[0-9a-f]{32}@company\.test>$")
        date = email.utils.parsedate_to_datetime(message["Date"])
        self.assertLess(abs(date.timestamp() - time.time()), 60)
        self.assertLess(len(message.get_payload()), 200)

    def test_tokens_where_gateways_leave_them(self):
        self.answered(probe(without=["X-Mailvigil-Probe"]))
        self.answered(probe(Subject="[EXTERNAL] something else"))
        token = make_token()
        self.answered(probe(token, without=["X-Mailvigil-Probe"],
                            Subject="mailvigil probe\n " + token))
        self.answered(probe().replace(b"\n", b"\r\n"))
        self.answered(b"From probe@example.org Thu Jan  1 00:00:00 2026\n" + probe())

    def test_without_anything_from_the_mta(self):
        self.answered(probe(without=["Return-Path", "Received", "Message-ID"]), environment={})

    def test_queues_hold_mail_for_days(self):
        self.answered(probe(make_token(ago=5 * DAY - 60)))
        self.answered(probe(make_token(ago=-3540)))
        self.refused(probe(make_token(ago=5 * DAY + 60)))
        self.refused(probe(make_token(ago=-3660)))

    def test_its_own_sender_address(self):
        self.configure(sender='"%s"' % ADDRESS)
        self.assertEqual(self.answered(probe()).arguments[2:4], ["-f", ADDRESS])

    def test_keys_are_changed(self):
        self.write(self.key, "%s\n%s\n" % (OTHER_KEY.decode(), KEY.decode()))
        old = self.answered(probe(make_token(KEY)))
        stamp_times(old.message["X-Mailvigil-Return"], KEY)
        new = self.answered(probe(make_token(OTHER_KEY)))
        self.assertNotEqual(old.message["X-Mailvigil-Return"], new.message["X-Mailvigil-Return"])
        self.write(self.key, OTHER_KEY.decode() + "\n")
        self.refused(probe(make_token(KEY)))

    def test_a_body_of_100_mb(self):
        for token, answers in ((make_token(), 1), (make_token(OTHER_KEY), 1)):
            path = self.path("big")
            with open(path, "wb") as file:
                file.write(probe(token))
                file.truncate(100 * 1024 * 1024)
            with open(path, "rb") as file:
                process = self.start(file)
                out, err = process.communicate(timeout=120)
                self.assertEqual(file.seek(0, os.SEEK_CUR), 100 * 1024 * 1024)
            self.assertEqual((process.returncode, out + err), (0, b""))
            self.assertEqual(len(self.sent()), answers)

    def test_two_at_once(self):
        for _ in range(5):
            before = len(self.sent())
            octets = probe()
            both = [self.start(subprocess.PIPE) for _ in range(2)]
            for process in both:
                process.stdin.write(octets)
            for process in both:
                self.assertEqual(process.communicate(timeout=60), (b"", b""))
                self.assertEqual(process.returncode, 0)
            self.assertEqual(len(self.sent()), before + 1)

    def test_one_waits_for_the_other(self):
        """While one looks at the cache no other does."""
        self.answered(probe())
        octets = probe()
        with open(self.cache, "rb") as cache:
            fcntl.flock(cache, fcntl.LOCK_EX)
            inode = os.fstat(cache.fileno()).st_ino
            every = [self.start(subprocess.PIPE) for _ in range(4)]
            for process in every:
                process.stdin.write(octets)
                process.stdin.close()
                process.stdin = None

            def waiting():
                with open("/proc/locks") as locks:
                    return sum("-> FLOCK" in line and ":%d " % inode in line for line in locks)
            wait_for(lambda: waiting() == len(every), 30, "all to wait for the cache")
            self.assertEqual(len(self.sent()), 1)
        for process in every:
            self.assertEqual(process.communicate(timeout=60), (b"", b""))
            self.assertEqual(process.returncode, 0)
        self.assertEqual(len(self.sent()), 2)

    def test_a_queue_that_is_let_go(self):
        """Each of many probes waits for its turn; none is dropped."""
        self.configure(min_interval="1")
        every = [self.start(subprocess.PIPE) for _ in range(4)]
        tokens = {make_token() for _ in every}
        for process, token in zip(every, tokens):
            process.stdin.write(probe(token))
            process.stdin.close()
            process.stdin = None
        for process in every:
            self.assertEqual(process.communicate(timeout=60), (b"", b""))
            self.assertEqual(process.returncode, 0)
        times = [stamp_times(one.message["X-Mailvigil-Return"]) for one in self.sent()]
        self.assertEqual({token for token, _, _ in times}, tokens)
        handed = sorted(handed for _, _, handed in times)
        # Between noting an answer and stamping it lie some milliseconds.
        self.assertTrue(all(b - a > 700_000 for a, b in zip(handed, handed[1:])), handed)

    def test_answers_an_hour(self):
        self.configure(max_per_hour="3")
        for _ in range(3):
            self.answered(probe())
        self.refused(probe())


class Hostile(Program):
    def setUp(self):
        super().setUp()
        self.answered(probe())

    def test_forged(self):
        token = make_token()
        self.refused(probe(make_token(OTHER_KEY)))
        self.refused(probe(make_token(to=EVIL)))
        self.refused(probe(make_token(reply_to=EVIL)))
        self.refused(probe(make_token(version=2)))
        self.refused(probe(token[:-1] + ("A" if token[-1] != "A" else "B")))
        self.refused(probe(token[:-1]))
        self.refused(probe(token + "A"))
        self.refused(probe(token[:50] + "=" + token[51:]))
        self.refused(probe("A" * 92))
        self.refused(probe("A" * 1000))
        self.refused(probe(token, Subject="mailvigil probe " + make_token()))
        self.refused(probe(without=["X-Mailvigil-Probe", "Subject"]))
        self.refused(b"")
        self.refused(b"\n" + probe())

    def test_a_replay_in_other_clothes(self):
        token = make_token()
        self.answered(probe(token))
        self.refused(probe(token))
        self.refused(probe(token, Message_ID="<2@example.org>", From="else@example.org"))
        self.refused(probe(token, without=["X-Mailvigil-Probe"]))

    def test_mail_of_automata(self):
        field = "X-Mailvigil-Return: %s.%s" % (make_token(), "A" * 64)
        for name, octets in {
                "bounce": probe(Return_Path="<>"),
                "bounce without brackets": probe(Return_Path=""),
                "a second Return-Path": probe(extra=["Return-Path: <>"]),
                "daemon": probe(From="MAILER-DAEMON@example.org (Mail Delivery System)"),
                "postmaster": probe(Return_Path="<postmaster@example.org>"),
                "auto-replied": probe(Auto_Submitted="auto-replied (vacation)"),
                "auto-notified": probe(Auto_Submitted="auto-notified"),
                "twice": probe(extra=["Auto-Submitted: auto-replied"]),
                "list": probe(extra=["List-Id: a list <list.example.org>"]),
                "unsubscribe": probe(extra=["LIST-UNSUBSCRIBE: <mailto:x@example.org>"]),
                "bulk": probe(extra=["Precedence: bulk"]),
                "junk": probe(extra=["precedence: Junk"]),
                "from ourselves": probe(From=ADDRESS),
                "sent by ourselves": probe(Return_Path="<%s>" % ADDRESS.upper()),
                "its own answer": probe(extra=[field]),
                "answered in its Subject": probe(
                    Subject="mailvigil return %s.%s now" % (make_token(), "A" * 64)),
                "31 hops": probe(extra=["Received: from a by b"] * 30),
        }.items():
            with self.subTest(name):
                self.refused(octets)
        self.answered(probe(extra=["Received: from a by b"] * 29))
        self.answered(probe(Auto_Submitted="no"))

    def test_an_answer_that_comes_back(self):
        self.refused(self.sent()[0].octets)

    def test_envelope_senders(self):
        for sender in ("", "<>", "MAILER-DAEMON", "mailer-daemon@example.org", ADDRESS,
                       ADDRESS.upper()):
            with self.subTest(sender):
                self.refused(probe(), environment={"SENDER": sender})

    def test_fields_that_are_no_probes(self):
        token = make_token()
        for name, octets in {
                "repeated": probe(token, extra=["X-Mailvigil-Probe: " + token]),
                "repeated, another": probe(token, extra=["x-mailvigil-probe: " + make_token()]),
                "repeated, broken": probe(token, extra=["X-Mailvigil-Probe: x"]),
                "folded": probe(token, X_Mailvigil_Probe="\n " + token),
                "folded after it": probe(token, X_Mailvigil_Probe=token + "\n "),
                "folded inside": probe(token, X_Mailvigil_Probe=token[:46] + "\n " + token[46:]),
                "more after it": probe(token, X_Mailvigil_Probe=token + " " + EVIL),
                "8-bit": probe(token, X_Mailvigil_Probe=token[:91] + "\xe9"),
                "NUL": probe(token, X_Mailvigil_Probe=token + "\0"),
                "CR": probe(token, X_Mailvigil_Probe=token + "\rBcc: " + EVIL),
                "two Subjects": probe(token, extra=["Subject: mailvigil probe " + token]),
                "two From": probe(token, extra=["From: else@example.org"]),
                "a broken answer": probe(token, extra=["X-Mailvigil-Return: x"]),
                "no field at all": probe(token, extra=["no field at all"]),
                "a line too long": probe(token, extra=["X: " + "y" * 5000]),
                "10,000 lines": probe(token, extra=["X: y"] * 10_000),
                "10,000 lines of one field": probe(token, extra=["X: y"] + [" z"] * 10_000),
                "a header of 10 MB": probe(token, extra=["X: " + "y" * 1000] * 10_000),
                "a header without end": b"X: y\n" * 200_000,
        }.items():
            with self.subTest(name):
                self.refused(octets)

    def test_injection_through_every_field(self):
        """What a signed message says elsewhere may stop its answer; it never is in it."""
        payloads = ["\nBcc: " + EVIL, "\r\nBcc: " + EVIL, "\rBcc: " + EVIL, "\0" + EVIL,
                    "\xe9" + EVIL, "\n\n" + EVIL, "$(touch %s)" % self.path("shell"),
                    "`touch %s`" % self.path("shell"), "; " + EVIL, " -oQ/tmp -X/tmp/" + EVIL,
                    "%s%n" + EVIL, "x" * 3000 + EVIL]
        answers = 0
        for field in ("Return-Path", "Received", "From", "To", "Subject", "Message-ID",
                      "Auto-Submitted", "X-Mailvigil-Probe", "Reply-To", "Errors-To", "Date",
                      "Sender", "Resent-From"):
            for payload in payloads:
                for shape in ("%s", "<a%s@example.org>"):
                    before = self.calls()
                    octets = probe(**{field.replace("-", "_"): shape % payload})
                    self.assertEqual(self.run_program(octets), (0, b""))
                    for path in self.calls() - before:
                        answers += 1
                        self.check_clean(Sent(path), payload)
        self.assertGreater(answers, 100)
        self.assertFalse(os.path.exists(self.path("shell")))

    def check_clean(self, sent, payload):
        self.assertEqual(sent.arguments, [self.sendmail, "-i", "-f", "<>", "--", REPLY_TO])
        everything = sent.octets + "\0".join(sent.environment).encode()
        self.assertNotIn(b"attacker", everything, repr(payload))
        self.assertNotIn(b"touch", everything)
        self.assertEqual(set(everything) & set(range(128, 256)), set())
        self.assertNotIn(b"\r", sent.octets)
        self.assertEqual(sent.message["To"], REPLY_TO)
        self.assertLess(len(sent.octets), 2000)

    def test_an_environment_full_of_nonsense(self):
        environment = {"V%d" % n: "x" * 50 for n in range(10_000)}
        environment.update({
            "LD_LIBRARY_PATH": "/nonexistent", "LD_AUDIT_X": "x", "LD_BIND_NOT": "1",
            "OPENSSL_CONF": self.path("openssl.cnf"), "OPENSSL_MODULES": self.dir,
            "GCONV_PATH": self.dir, "LOCPATH": self.dir, "LANG": "xx_XX", "TZ": ":/etc/passwd",
            "IFS": "/", "ENV": self.path("rc"), "BASH_ENV": self.path("rc"), "PS4": "$(id)",
            "BASH_FUNC_cat%%": "() { touch %s; }" % self.path("shell"),
            "X": "() { :;}; touch %s" % self.path("shell"), "HOME": self.dir, "PATH": self.dir,
            "RECIPIENT": EVIL, "EXTENSION": "$(id)", "REPLY_TO": EVIL, "MAIL_CONFIG": self.dir})
        self.write(self.path("rc"), "touch %s\n" % self.path("shell"), 0o755)
        self.write(self.path("openssl.cnf"), "openssl_conf = x\n[x]\nproviders = y\n[y]\n", 0o644)
        for sender in ("x" * 100_000, "a\nBcc: %s\n" % EVIL, "\xff" * 300, "a@b@c" * 60,
                       "-oQ/tmp", "$(id)", "a b@example.org", "else@example.org"):
            environment["SENDER"] = sender
            with self.subTest(sender=sender[:20]):
                self.refused(probe(make_token(OTHER_KEY)), environment=environment)
                sent = self.answered(probe(), environment=environment)
                self.assertEqual(len(sent.environment), 4)
                self.check_clean(sent, sender)
        self.assertFalse(os.path.exists(self.path("shell")))

    def test_closed_descriptors(self):
        def closed(which):
            return ["/bin/sh", "-c", 'exec "$@" ' + which, "sh", self.binary, "-c", self.config]
        self.refused(b"", command=closed("<&-"))
        self.refused(b"", command=closed("<&- >&- 2>&-"))
        self.refused(probe(make_token(OTHER_KEY)), command=closed(">&- 2>&-"))
        sent = self.answered(probe(), command=closed(">&- 2>&-"))
        self.assertEqual(sent.descriptors - {"3", "10", "255"}, {"0", "1", "2"})
        sent = self.answered(probe(), command=closed("7</dev/null 8</etc/passwd"))
        self.assertFalse(sent.descriptors & {"7", "8"})

    def test_what_the_caller_ignores_and_limits(self):
        ignoring = ["/bin/sh", "-c", 'trap "" CHLD PIPE ALRM; ulimit -S -f 100000; exec "$@"', "sh",
                    self.binary, "-c", self.config]
        sent = self.answered(probe(), command=ignoring)
        self.assertRegex(sent.limits, r"file.*\b100000\n")
        self.assertRegex(sent.limits, r"(vmemory|virtual memory|address space).*unlimited")

    def test_wrong_arguments(self):
        for arguments in (["--wrong"], ["-c"], ["-c", self.config, EVIL], ["-c", "/nonexistent"],
                          ["-c", ""], ["-c", self.dir], ["-c", "/dev/zero"], [""]):
            with self.subTest(arguments):
                self.refused(probe(), command=[self.binary, *arguments])

    def test_what_cannot_be_looked_at_is_read_all_the_same(self):
        """An MTA that cannot get rid of a message takes it for a failure."""
        ways = [{"command": [self.binary, *words]} for words in (["--wrong"], ["-c", "/missing"])]
        if os.geteuid() == 0:
            ways.append({"user": None, "group": None, "extra_groups": None})
        path = self.path("big")
        with open(path, "wb") as file:
            file.write(probe())
            file.truncate(1024 * 1024)
        for keys in ways:
            with self.subTest(keys), open(path, "rb") as file:
                process = self.start(file, **keys)
                self.assertEqual(process.communicate(timeout=60), (b"", b""))
                self.assertEqual(process.returncode, 0)
                self.assertEqual(file.seek(0, os.SEEK_CUR), 1024 * 1024)
        self.assertEqual(len(self.sent()), 1)

    def test_a_message_that_is_not_all_there(self):
        process = self.start(subprocess.PIPE)
        process.stdin.write(probe()[:-200])
        process.stdin.flush()
        wait_for(lambda: self.readers(process), 30, "the reader")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.communicate(timeout=60), (b"", b""))
        self.assertEqual(process.returncode, 0)
        self.assertEqual(len(self.sent()), 1)


class Trouble(Program):
    """Local problems: the MTA is to try again, unless that cannot help."""

    def test_sendmail_is_missing(self):
        octets = probe()
        os.unlink(self.sendmail)
        self.refused(probe(make_token(OTHER_KEY)))
        self.assertEqual(self.run_program(octets), (75, b""))
        self.make_sendmail()
        self.answered(octets)
        self.refused(octets)

    def test_sendmail_fails(self):
        octets = probe()
        for end in ("exit 1", "exit 75", "exit 127", "chmod 000 $0; exit 3"):
            with self.subTest(end):
                self.make_sendmail(end)
                self.assertEqual(self.run_program(octets), (75, b""))
        self.write(self.sendmail, "no program\n", 0o755)
        self.assertEqual(self.run_program(octets), (75, b""))
        self.make_sendmail()
        self.answered(octets)

    def test_sendmail_is_killed(self):
        """Perhaps it has taken the answer; a second one is better than none."""
        octets = probe()
        for end in ("kill -9 $$", "sleep 1; kill -9 $$", "kill -TERM $$"):
            with self.subTest(end):
                self.make_sendmail(end)
                self.assertEqual(self.run_program(octets), (75, b""))
        self.make_sendmail()
        self.answered(octets)
        self.refused(octets)

    def test_strangers_never_make_the_mta_try_again(self):
        self.make_sendmail("exit 1")
        self.assertEqual(self.run_program(probe()), (75, b""))
        before = self.calls()
        for octets in (probe(make_token(OTHER_KEY)), probe(make_token(ago=6 * DAY)),
                       probe(extra=["List-Id: <list.example.org>"]), b"no header at all",
                       probe(make_token(to=EVIL)), probe(make_token(reply_to=EVIL))):
            self.assertEqual(self.run_program(octets), (0, b""))
        self.assertEqual(self.calls(), before)

    def test_directories_of_the_key_and_of_the_cache(self):
        """Each of its own, so that nothing else is wrong with them."""
        for name, file in (("secret_file", self.key), ("cache", self.cache)):
            folder = self.path("home/of_" + name)
            os.mkdir(folder)
            os.chown(folder, self.uid, -1)
            moved = os.path.join(folder, "file")
            if os.path.exists(file):
                os.rename(file, moved)
            self.configure(**{name: moved})
            self.answered(probe())
            for mode in (0o777, 0o775, 0o1777):
                with self.subTest("%s %o" % (name, mode)):
                    os.chmod(folder, mode)
                    self.refused(probe())
            os.chmod(folder, 0o755)
            self.answered(probe())
            if name == "secret_file":
                os.rename(moved, file)

    def test_sendmail_can_be_changed_by_others(self):
        os.chmod(self.sendmail, 0o757)
        self.refused(probe())

    def test_a_cache_that_is_not_ours(self):
        self.answered(probe())
        good = self.cache_octets()
        outside = self.path("outside")

        def as_user(path):
            os.chown(path, self.uid, -1, follow_symlinks=False)

        def put(octets, mode=0o600):
            if os.path.lexists(self.cache):
                os.unlink(self.cache)
            with open(self.cache, "wb") as file:
                file.write(octets)
            os.chmod(self.cache, mode)
            as_user(self.cache)

        for name, octets, mode in (("readable", good, 0o644), ("writable", good, 0o602),
                                   ("cut", good[:-1], 0o600), ("longer", good + b"x", 0o600),
                                   ("corrupt", b"x" * len(good), 0o600),
                                   ("a letter", b"Dear Sir", 0o600)):
            with self.subTest(name):
                put(octets, mode)
                self.refused(probe())
        put(good)
        os.rename(self.cache, outside)
        os.symlink(outside, self.cache)
        self.refused(probe())
        os.unlink(self.cache)
        os.link(outside, self.cache)
        self.refused(probe())
        os.unlink(self.cache)
        os.mkdir(self.cache)
        as_user(self.cache)
        self.assertEqual(self.run_program(probe()), (0, b""))
        os.rmdir(self.cache)
        os.mkfifo(self.cache)
        as_user(self.cache)
        self.assertEqual(self.run_program(probe()), (0, b""))
        os.unlink(self.cache)
        self.assertEqual(len(self.sent()), 1)
        self.answered(probe())

    def test_files_that_others_can_change_or_read(self):
        home = self.path("home")
        for path, bad, good in ((self.key, 0o444, 0o400), (self.key, 0o440, 0o400),
                                (self.key, 0o602, 0o400), (self.config, 0o666, 0o600),
                                (self.config, 0o620, 0o600), (home, 0o777, 0o755),
                                (home, 0o1777, 0o755), (self.dir, 0o775, 0o755),
                                (self.binary, 0o757, 0o755)):
            with self.subTest("%s %o" % (os.path.basename(path), bad)):
                os.chmod(path, bad)
                self.refused(probe())
                os.chmod(path, good)
                self.answered(probe())

    @unittest.skipIf(os.geteuid() != 0, "only root can give files away")
    def test_files_of_another_user(self):
        for path in (self.key, self.config, self.path("home")):
            with self.subTest(os.path.basename(path)):
                os.chown(path, 12345, -1)
                os.chmod(path, 0o755 if os.path.isdir(path) else 0o400)
                self.refused(probe())
                os.chown(path, self.uid, -1)

    @unittest.skipIf(os.geteuid() != 0, "needs root")
    def test_root_gets_no_answer(self):
        self.as_user = {}
        self.refused(probe())

    def test_configurations_that_are_wrong(self):
        for name, keys in {
                "an unknown key": {"extra": ["colour = green"]},
                "no key": {"extra": ["green"]},
                "a key twice": {"extra": ["address = " + ADDRESS]},
                "no address": {"without": ["address"]},
                "no reply_to": {"without": ["reply_to"]},
                "no secret": {"without": ["secret_file"]},
                "the same address": {"reply_to": ADDRESS},
                "an option as address": {"reply_to": "-oQ@example.org"},
                "two addresses": {"reply_to": "a@example.org, b@example.org"},
                "a number": {"max_per_hour": "many"},
                "too many": {"max_per_hour": "16385"},
                "too long": {"min_interval": "3601"},
                "sendmail is not absolute": {"sendmail": "sendmail"},
                "NUL": {"extra": ["# \0"]},
        }.items():
            with self.subTest(name):
                self.configure(**keys)
                self.refused(probe())
        self.configure()
        self.answered(probe())

    def test_one_line_a_minute_about_strangers(self):
        """The time of the last one is that of a file."""
        marker = self.cache + ".said"
        self.refused(b"Subject: a letter\n\nDear Sir\n")
        self.assertFalse(os.path.exists(marker))
        self.refused(probe(make_token(OTHER_KEY)))
        self.assertEqual(os.stat(marker).st_size, 1)
        then = time.time() - 30
        os.utime(marker, (then, then))
        self.refused(probe(make_token(OTHER_KEY)))
        self.assertAlmostEqual(os.stat(marker).st_mtime, then, 2)
        os.utime(marker, (then - 31, then - 31))
        self.refused(probe(make_token(OTHER_KEY)))
        self.assertGreater(os.stat(marker).st_mtime, then)
        os.unlink(marker)
        os.symlink(self.path("elsewhere"), marker)
        self.refused(probe(make_token(OTHER_KEY)))
        self.assertFalse(os.path.exists(self.path("elsewhere")))


class SelfTest(Program):
    def self_test(self, good=False):
        process = self.start(subprocess.DEVNULL, command=[self.binary, "-c", "conf", "--self-test"],
                             cwd=self.path("home"))
        out, err = process.communicate(timeout=60)
        self.assertEqual(err, b"")
        # The home of the password database is not of this test: it may be missing.
        lines = [line for line in out.decode().split("\n")
                 if not line.startswith("WRONG  home") and not line.startswith("WRONG  .forward")]
        wrong = [line for line in lines if line.startswith("WRONG")]
        self.assertEqual(process.returncode, 1 if "WRONG" in out.decode() else 0)
        self.assertEqual(wrong == [], good, out.decode())
        self.assertEqual(self.sent(), [])
        return "\n".join(lines)

    def test_nothing_is_wrong(self):
        told = self.self_test(good=True)
        for word in ("ok     user: ", "ok     this program: " + self.binary,
                     "ok     configuration: " + self.config,
                     "ok     probes to %s are answered to %s" % (ADDRESS, REPLY_TO),
                     "ok     secret_file: 1 key", "ok     a token can be signed and verified",
                     "ok     cache: " + self.cache, "ok     sendmail: " + self.sendmail):
            self.assertIn(word, told)
        self.answered(probe())

    def test_what_is_wrong_is_reported(self):
        for change, words in (
                (lambda: self.configure(extra=["colour = green"]), ["line 8", "colour"]),
                (lambda: self.configure(extra=["green"]), ["line 8", "key = value"]),
                (lambda: self.configure(address="scout"), ["line 2", "address = scout"]),
                (lambda: self.configure(without=["address"]), ["address is missing"]),
                (lambda: self.configure(max_per_hour="99999", reply_to="x"),
                 ["line 3: reply_to", "line 8: max_per_hour", "out of range"]),
                (lambda: self.configure(reply_to=ADDRESS), ["are the same"]),
                (lambda: self.configure(secret_file="nokey"), ["nokey: No such file"]),
                (lambda: os.chmod(self.config, 0o622), ["home/conf is writable", "0622", "chmod go-w"]),
                (lambda: os.unlink(self.config), ["home/conf: No such file"]),
                (lambda: os.chmod(self.key, 0o644), ["home/key can be", "0644", "chmod 400"]),
                (lambda: self.write(self.key, "short"), ["line 1 is too short"]),
                (lambda: self.write(self.cache, "a letter"), ["home/cache: not", "remove it"]),
                (lambda: os.chmod(self.path("home"), 0o777),
                 ["/home is writable by others (mode 0777)"]),
                (lambda: os.unlink(self.sendmail), ["/sendmail: No such file"]),
                (lambda: os.chmod(self.sendmail, 0o644), ["/sendmail is not executable"]),
                (lambda: os.chmod(self.binary, 0o775), ["/email_return is writable", "0775"]),
                (lambda: self.configure(cache="missing/cache"), ["missing: No such file"]),
        ):
            self.doCleanups()
            self.setUp()
            change()
            told = self.self_test()
            for word in words:
                self.assertIn(word, told)
            self.assertIn("Probes will NOT be answered.", told)

    def test_help_and_version(self):
        for option, word in (("--help", b"--self-test"), ("--version", b"email_return ")):
            done = self.run_program(b"", command=[self.binary, option])
            self.assertEqual(done[0], 0)
            self.assertIn(word, done[1])

    @unittest.skipIf(os.geteuid() != 0, "needs root")
    def test_root_is_refused(self):
        status, told = self.run_program(b"", command=[self.binary, "--self-test"], user=None,
                                        group=None, extra_groups=None)
        self.assertEqual(status, 1)
        self.assertIn(b"must not run as root", told)


def with_plain_program(cls):
    return type("Plain" + cls.__name__, (cls,), {"program": "email_return_plain",
                                                 "__module__": __name__})


PlainAnswers, PlainHostile, PlainTrouble = map(with_plain_program, (Answers, Hostile, Trouble))


class Hardened(Program):
    """As it is installed: a build without sanitizers has that under its own name."""

    program = "email_return_plain"
    if not os.path.exists(os.path.join(BUILT, program)):
        program = "email_return"

    def setUp(self):
        super().setUp()
        if "libasan" in self.readelf("-d"):
            self.skipTest("built with sanitizers")

    def readelf(self, *options):
        return subprocess.run(["readelf", "-W", *options, self.binary], check=True, text=True,
                              stdout=subprocess.PIPE, env={**os.environ, "LC_ALL": "C"}).stdout

    def test_it_needs_libc_and_libcrypto_only(self):
        needed = set(re.findall(r"NEEDED.*\[(.*?)\]", self.readelf("-d")))
        self.assertEqual({re.sub(r"\.so\..*", "", name) for name in needed}, {"libc", "libcrypto"})

    def test_it_is_hardened(self):
        dynamic, program = self.readelf("-d"), self.readelf("-lh")
        self.assertIn("BIND_NOW", dynamic)
        self.assertNotRegex(dynamic, "RPATH|RUNPATH|TEXTREL")
        self.assertIn("GNU_RELRO", program)
        self.assertRegex(program, r"Type:\s+DYN")
        self.assertRegex(program, r"GNU_STACK.* RW +0x")
        symbols = self.readelf("--dyn-syms")
        self.assertIn("__stack_chk_fail", symbols)
        self.assertIn("__snprintf_chk", symbols)
        self.assertNotRegex(symbols, r" (system|popen|execvp|execlp|wordexp)@")

    def test_mail_is_read_by_a_process_that_can_do_nothing_else(self):
        process = self.start(subprocess.PIPE)
        process.stdin.write(probe()[:-10])
        process.stdin.flush()

        wait_for(lambda: self.readers(process), 30, "the reader")
        reader = self.readers(process)[0]
        if status_of(os.getpid()).get("Seccomp") == "0":
            wait_for(lambda: status_of(reader)["Seccomp"] == "1", 30, "seccomp's strict mode")
        # What sendmail inherits has no such bonds: it may be setuid or setgid.
        self.assertEqual(status_of(process.pid)["NoNewPrivs"], "0")
        self.assertEqual(status_of(process.pid)["Seccomp"],
                         status_of(os.getpid())["Seccomp"])
        self.assertEqual(process.communicate(probe()[-10:], timeout=60), (b"", b""))
        self.assertEqual(process.returncode, 0)
        self.assertEqual(len(self.sent()), 1)


if __name__ == "__main__":
    case.main()
