"""A service that goes wrong at any step of its dialogue is told of by the phase, the server's words
and the exit code, in time and in the form that Nagios reads; nobody speaks before he is greeted."""

import collections
import concurrent.futures
import contextlib
import json
import re
import socket
import ssl
import unittest

from harness import agent, case, certs, faults, nagios, places
from harness.faults import Service

OK, WARNING, CRITICAL, UNKNOWN = range(4)
AT_ONCE = 10  # cases side by side: most of them wait
PHASES = ("resolve", "connect", "tls", "greeting", "capability", "auth", "command", "quit")
PATIENT, HASTY = "10s", "500ms"  # time limits of probes; what is kept waiting is hasty

# What a dialogue consists of: each step with its phase. With STARTTLS the part behind it is done
# over TLS; the first one is all that is done before.
FIRST = {"smtp": ("EHLO", "capability"), "pop3": ("CAPA", "capability"),
         "imap": ("CAPABILITY", "capability")}
START = {"smtp": "STARTTLS", "pop3": "STLS", "imap": "STARTTLS"}
REST = {"smtp": (("AUTH", "auth"), ("MAIL", "command"), ("RCPT", "command"), ("RSET", "command"),
                 ("QUIT", "quit")),
        "pop3": (("AUTH", "auth"), ("STAT", "command"), ("UIDL", "command"), ("QUIT", "quit")),
        "imap": (("AUTHENTICATE", "auth"), ("EXAMINE", "command"), ("NOOP", "command"),
                 ("LOGOUT", "quit"))}
LAST = ("QUIT", "LOGOUT")


def steps(protocol, way):
    """(step, phase), in their order."""
    greeting, tls = ("GREETING", "greeting"), ("TLS", "tls")
    talk = (FIRST[protocol],) + REST[protocol]
    if way == "plain":
        return (greeting,) + talk
    if way == "tls":
        return (tls, greeting) + talk
    over_tls = tuple((step + " over TLS", phase) for step, phase in talk)
    return (greeting, FIRST[protocol], (START[protocol], "tls"), tls) + over_tls


def bare(step):
    return step.replace(" over TLS", "")


Refusal = collections.namedtuple("Refusal", "name text temporary")  # temporary None: as it likes


def refusals(protocol, step):
    """What that protocol's server says when it will not."""
    word = bare(step)
    if protocol == "smtp":
        return (Refusal("4xx", "451 4.3.2 no %s today" % word, True),
                Refusal("5xx", "554 5.3.2 never %s" % word, False),
                Refusal("5xx in lines", "554-5.3.2 never\r\n554 5.3.2 not even %s" % word, False))
    if protocol == "pop3":
        return (Refusal("-ERR for now", "-ERR [SYS/TEMP] no %s today" % word, True),
                Refusal("-ERR", "-ERR never %s" % word, False))
    if step == "GREETING":
        return (Refusal("BYE", "* BYE never", None),)
    return (Refusal("NO for now", "{tag} NO [UNAVAILABLE] no %s today" % word, True),
            Refusal("NO", "{tag} NO never %s" % word, False),
            Refusal("BAD", "{tag} BAD never %s" % word, False))


def spoken(text):
    """A reply as the probe quotes it: without IMAP's tag; lines joined, with SMTP's code once."""
    first, *others = text.replace("{tag} ", "").replace("* ", "").split("\r\n")
    return " / ".join([first.replace("-", " ", 1) if others else first] +
                      [one[4:] for one in others])


def is_harmless(protocol, way, step, permanent=True):
    """Where a refusal is an answer like any other."""
    if bare(step) in LAST:
        return True
    if protocol != "pop3" or not permanent:
        return False
    # A server of before RFC 2449 has no CAPA, and UIDL is optional in RFC 1939.
    return bare(step) == "UIDL" or (bare(step) == "CAPA" and not (way == "starttls" and
                                                                  step == "CAPA"))


class Wanted:
    """What is expected of a run."""

    def __init__(self, status=CRITICAL, phase="none", ends=(), reply=None, temporary=None,
                 text=None):
        self.status, self.phase, self.ends = status, phase, ends
        self.reply, self.temporary, self.text = reply, temporary, text


WELL = Wanted(OK)


class Faults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = places.temporary("mvf")
        cls.addClassCleanup(places.remove, cls.directory)
        cls.authority = certs.Authority(cls.directory)
        cls.good = cls.context(cls.authority.certificate("good"))

    @staticmethod
    def context(certificate):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        return context

    # ---- one run ----

    def configuration(self, protocol, url, timeout=PATIENT, sign_in=True, **keys):
        config = agent.Config()
        ca_file = None if "+plain" in url else self.authority.cert
        config.section("server", "faulty", ca_file=ca_file, **{protocol: url})
        config.account("probe", server="faulty", monitor=None, watch=False)
        given = {"type": protocol, "server": "faulty", "timeout": timeout,
                 "account": "probe" if sign_in else None}
        if protocol == "smtp":
            given.update({"from": "probe@example.org", "to": "postmaster@example.org"})
        given.update(keys)
        config.section("probe", "it", **given)
        config.write()
        return config

    def both(self, config):
        """The run as a plugin, and another one as JSON."""
        try:
            done = agent.run_command(config, "probe", "it", "-v", timeout=30)
            told = agent.run_command(config, "probe", "it", "--json", timeout=30)
        finally:
            config.close()
        self.assertEqual((done.stderr, told.stderr), ("", ""))
        self.assertEqual(done.returncode, told.returncode, done.stdout + told.stdout)
        return done.returncode, nagios.read(done.stdout), done.stdout, json.loads(told.stdout)

    def examine(self, config, wanted, protocol, way, sign_in=True):
        status, output, text, told = self.both(config)
        self.assertEqual(status, wanted.status, text)
        self.assertEqual(nagios.STATES[output.state], status)
        self.assertEqual(told["status"], output.state)
        self.assertEqual(output.service, protocol.upper())
        self.assertEqual(told["phase"], wanted.phase, text)
        if wanted.phase != "none":
            self.assertRegex(output.text, r"\A%s (failed|timed out)\b" % wanted.phase)
        self.examine_figures(output.figures, told, wanted, protocol, way, sign_in)
        if wanted.reply is not None:
            self.assertEqual(told["reply"], wanted.reply)
            self.assertIn(wanted.reply, text)
        if wanted.text is not None:
            self.assertRegex(text, wanted.text)
        path = told["paths"][0]
        if wanted.ends:
            self.assertIn(path["end"], wanted.ends, path)
        if wanted.temporary is not None:
            self.assertEqual(path["temporary"], wanted.temporary, path)
        return output, told

    def examine_figures(self, figures, told, wanted, protocol, way, sign_in):
        """Those of every run are there and stand first; those of phases up to where it ended."""
        always = ["time"]
        always += ["cert_days"] if way != "plain" else []
        if sign_in and protocol != "smtp":
            always += ["messages", "octets"] if protocol == "pop3" else ["messages"]
        self.assertEqual(list(figures)[:len(always)], always)
        self.assertEqual({figures[one].unit for one in figures if one.startswith("time")}, {"s"})
        phases = [one[5:] for one in figures if one.startswith("time_")]
        self.assertEqual(sorted(told["paths"][0]["phases"], key=PHASES.index), phases)
        self.assertEqual(phases, sorted(phases, key=PHASES.index))
        if wanted.phase != "none":
            self.assertIn(wanted.phase, phases)
        parts = sum(figures["time_" + one].value for one in phases)
        # Between the phases are only moments of our own, but on a busy machine these take long.
        self.assertLessEqual(parts, figures["time"].value + 0.00002)
        self.assertAlmostEqual(parts, figures["time"].value, delta=0.1)
        for phase in phases:
            self.assertGreaterEqual(figures["time_" + phase].value, 0)

    # ---- many runs ----

    def try_all(self, cases):
        """cases: {name: function without arguments}. All are tried; the failures are told."""
        failures = []
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            running = {pool.submit(one): name for name, one in cases.items()}
            for done in concurrent.futures.as_completed(running):
                try:
                    done.result()
                except Exception as failure:  # whatever it is, it is that case's
                    failures.append("%s: %s" % (running[done], failure or repr(failure)))
        self.assertGreater(len(cases), 0)
        if failures:
            self.fail("%d of %d cases:\n%s" % (len(failures), len(cases), "\n\n".join(failures)))

    @contextlib.contextmanager
    def service(self, protocol, way="plain", **keys):
        keys.setdefault("context", self.good)
        service = Service(protocol, way, **keys)
        try:
            yield service
            self.assertEqual(service.early, [], "it spoke before it was greeted")
            self.assertNotIn("DATA", service.commands)
        finally:
            service.close()

    def faulty(self, protocol, way, step, fault, wanted, timeout=PATIENT, farewell=None, **keys):
        with self.service(protocol, way, faults={step: fault} if fault else None,
                          **keys) as service:
            self.examine(self.configuration(protocol, service.url, timeout), wanted, protocol, way)
            if farewell is not None:
                self.assertEqual(service.farewells, 2 if farewell else 0, service.commands)
            self.assertLess(service.flooded, faults.FLOOD, "it let itself be flooded")


def every_dialogue(function):
    """Calls function(self, protocol, way) for each of the nine."""
    def test(self):
        cases = {}
        for protocol in faults.SESSIONS:
            for way in faults.WAYS:
                cases.update(function(self, protocol, way))
        self.try_all(cases)
    return test


class AtEveryStep(Faults):
    """Each fault, at each step of each protocol, in the clear, with STARTTLS and with TLS."""

    def each(self, protocol, way, what, make):
        """make(step, phase) is None, or (fault, wanted, further arguments)."""
        cases = {}
        for step, phase in steps(protocol, way):
            made = make(step, phase)
            if made is not None:
                fault, wanted, keys = made
                name = "%s %s: %s at %s" % (protocol, way, what, step)
                cases[name] = lambda step=step, fault=fault, wanted=wanted, keys=keys: \
                    self.faulty(protocol, way, step, fault, wanted, **keys)
        return cases

    @every_dialogue
    def test_nothing_is_wrong(self, protocol, way):
        return {"%s %s" % (protocol, way):
                lambda: self.faulty(protocol, way, None, None, WELL, farewell=True)}

    @every_dialogue
    def test_silence(self, protocol, way):
        return self.each(protocol, way, "silence", lambda step, phase: (
            faults.hang, Wanted(phase=phase, ends=("timeout",), text="after 0.5 s"),
            {"timeout": HASTY}))

    @every_dialogue
    def test_half_a_reply(self, protocol, way):
        return self.each(protocol, way, "half a reply", lambda step, phase: None if step == "TLS"
                         else (faults.half, Wanted(phase=phase, ends=("timeout",)),
                               {"timeout": HASTY}))

    @every_dialogue
    def test_the_connection_is_dropped(self, protocol, way):
        def make(step, phase):
            if bare(step) in LAST:
                return faults.drop, WELL, {}
            ends = ("tls", "closed") if step == "TLS" else ("closed",)
            return faults.drop, Wanted(phase=phase, ends=ends), {}
        return self.each(protocol, way, "dropped", make)

    @every_dialogue
    def test_garbage(self, protocol, way):
        # What is no IMAP may be told at once, or be passed over as a reply nobody asked for.
        ends = ("protocol", "tls", "timeout" if protocol == "imap" else "protocol")
        return self.each(protocol, way, "garbage", lambda step, phase: (
            faults.garbage, Wanted(phase=phase, ends=ends), {"timeout": "2s"}))

    @every_dialogue
    def test_endless_line(self, protocol, way):
        return self.each(protocol, way, "an endless line", lambda step, phase: None if step == "TLS"
                         else (faults.endless_line, Wanted(phase=phase, ends=("protocol",)), {}))

    @every_dialogue
    def test_endless_reply(self, protocol, way):
        def make(step, phase):
            listing = protocol == "smtp" or bare(step) == "CAPA"
            if step == "TLS" or not listing:
                return None
            return faults.endless_reply, Wanted(phase=phase, ends=("protocol",)), {}
        return self.each(protocol, way, "an endless reply", make)

    @every_dialogue
    def test_refusal(self, protocol, way):
        cases = {}
        for step, phase in steps(protocol, way):
            for refusal in () if step == "TLS" else refusals(protocol, step):
                name = "%s %s: %s at %s" % (protocol, way, refusal.name, step)
                cases[name] = lambda step=step, phase=phase, refusal=refusal: \
                    self.refused(protocol, way, step, phase, refusal)
        return cases

    def refused(self, protocol, way, step, phase, refusal):
        fault = faults.say(refusal.text)
        if is_harmless(protocol, way, step, not refusal.temporary):
            self.faulty(protocol, way, step, fault, WELL, farewell=True)
            return
        if protocol == "pop3" and step == "CAPA" and not refusal.temporary:
            # Without CAPA nothing tells of STLS.
            wanted = Wanted(phase="tls", ends=("tls",), text="STLS")
        else:
            wanted = Wanted(phase=phase, ends=("refused", "auth", "tls"),
                            reply=spoken(refusal.text),
                            temporary=refusal.temporary)
        # A server that has greeted with BYE has left.
        polite = not (protocol == "imap" and step == "GREETING")
        self.faulty(protocol, way, step, fault, wanted, farewell=polite or None)


class Manners(Faults):
    """How octets come does not matter, and who waits is not spoken to."""

    @every_dialogue
    def test_octet_by_octet(self, protocol, way):
        return {"%s %s" % (protocol, way):
                lambda: self.faulty(protocol, way, None, None, WELL, cut="single")}

    @every_dialogue
    def test_replies_in_two_records(self, protocol, way):
        return {"%s %s" % (protocol, way):
                lambda: self.faulty(protocol, way, None, None, WELL, cut="halves")}

    def test_greeting_of_several_lines(self):
        """As postscreen's: who speaks between the lines is put off with 554."""
        greeting = ["220-faults.test waits", "220-and waits", "220 faults.test ESMTP"]
        self.try_all({way: lambda way=way: self.faulty("smtp", way, None, None, WELL,
                                                       greeting=greeting, farewell=True)
                      for way in faults.WAYS})

    def test_greeting_without_the_word_esmtp(self):
        self.faulty("smtp", "starttls", None, None, WELL, greeting=["220 hello"])

    def test_who_talks_first_is_caught(self):
        """The service itself, asked by a client that does not wait."""
        with contextlib.closing(Service("smtp")) as service, \
                socket.create_connection(("127.0.0.1", service.port), 5) as client:
            client.sendall(b"EHLO hasty\r\n")
            self.assertTrue(client.recv(100).startswith(b"554"))
            self.assertEqual(service.early, [b"EHLO hasty\r\n"])

    def test_starttls_is_the_last_that_is_offered(self):
        self.try_all({
            "smtp": lambda: self.faulty("smtp", "starttls", None, None, WELL,
                                        clear=["8BITMIME", "STARTTLS"]),
            "pop3": lambda: self.faulty("pop3", "starttls", None, None, WELL,
                                        clear=["SASL", "STLS"]),
            "imap": lambda: self.faulty("imap", "starttls", None, None, WELL,
                                        clear="IMAP4rev1 LOGINDISABLED STARTTLS")})

    def test_starttls_is_not_offered(self):
        wanted = Wanted(phase="tls", ends=("tls",), text="STARTTLS|STLS")
        self.try_all({protocol: lambda protocol=protocol, clear=clear: self.faulty(
            protocol, "starttls", None, None, wanted, clear=clear, farewell=True)
            for protocol, clear in (("smtp", ["8BITMIME"]), ("pop3", ["UIDL"]),
                                    ("imap", "IMAP4rev1"))})

    def test_what_stands_behind_the_answer_to_starttls_is_not_believed(self):
        """CVE-2011-0411: a man in the middle answers for the server what TLS should protect."""
        behind = {"smtp": "250-faults.test\r\n250 AUTH LOGIN\r\n", "pop3": "+OK\r\nUSER\r\n.\r\n",
                  "imap": "* CAPABILITY IMAP4rev1 AUTH=LOGIN\r\n"}
        wanted = Wanted(phase="tls", ends=("tls", "protocol"))
        self.try_all({protocol: lambda protocol=protocol: self.faulty(
            protocol, "starttls", START[protocol], faults.inject(behind[protocol]), wanted)
            for protocol in behind})

    def test_ways_to_sign_in(self):
        ways = {
            "smtp LOGIN": ("smtp", {"secure": ["AUTH LOGIN"]}, "AUTH LOGIN"),
            "smtp AUTH=": ("smtp", {"secure": ["AUTH=LOGIN PLAIN", "AUTH PLAIN"]}, "AUTH PLAIN"),
            "pop3 USER": ("pop3", {"secure": ["USER"]}, "USER "),
            "pop3 SASL": ("pop3", {"secure": ["SASL PLAIN"]}, "AUTH PLAIN"),
            "pop3 APOP": ("pop3", {"secure": ["TOP"], "greeting": ["+OK <1.2@faults.test>"]},
                          "APOP "),
            "imap SASL": ("imap", {"secure": "IMAP4rev1 AUTH=PLAIN"}, "AUTHENTICATE PLAIN"),
            "imap LOGIN": ("imap", {"secure": "IMAP4rev1"}, "LOGIN "),
        }
        cases = {}
        for name, (protocol, offers, said) in ways.items():
            cases[name] = lambda protocol=protocol, offers=offers, said=said: \
                self.signs_in(protocol, offers, said)
        self.try_all(cases)

    def signs_in(self, protocol, offers, said):
        with self.service(protocol, "tls", **offers) as service:
            self.examine(self.configuration(protocol, service.url), WELL, protocol, "tls")
            self.assertTrue(any(said in one for one in service.commands), service.commands)

    @every_dialogue
    def test_without_sign_in(self, protocol, way):
        def anonymous():
            with self.service(protocol, way) as service:
                config = self.configuration(protocol, service.url, sign_in=False)
                _, told = self.examine(config, WELL, protocol, way, sign_in=False)
                self.assertNotIn("auth", told["paths"][0]["phases"])
                self.assertFalse([one for one in service.commands
                                  if re.search("AUTH|LOGIN|USER|PASS", one)])
        return {"%s %s" % (protocol, way): anonymous}

    @every_dialogue
    def test_wrong_password(self, protocol, way):
        words = {"smtp": "535 5.7.8 not with that password",
                 "pop3": "-ERR [AUTH] not with that password",
                 "imap": "NO [AUTHENTICATIONFAILED] not with that password"}[protocol]

        def wrong():
            with self.service(protocol, way) as service:
                config = self.configuration(protocol, service.url)
                config.secret("account-probe.secret", "wr0ng")
                wanted = Wanted(phase="auth", ends=("auth",), reply=words)
                output, _ = self.examine(config, wanted, protocol, way)
                self.assertNotIn("wr0ng", repr(output))
        return {"%s %s" % (protocol, way): wrong}


class Connecting(Faults):
    @every_dialogue
    def test_nobody_listens(self, protocol, way):
        def closed():
            with contextlib.closing(Service(protocol, way)) as service:
                url = service.url
            wanted = Wanted(phase="connect", ends=("connect",), text="refused")
            self.examine(self.configuration(protocol, url), wanted, protocol, way)
        return {"%s %s" % (protocol, way): closed}

    def test_nobody_answers(self):
        """A full queue of connections: the first packet is dropped."""
        with socket.socket() as listener, contextlib.ExitStack() as waiting:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            for _ in range(4):
                one = waiting.enter_context(socket.socket())
                one.setblocking(False)
                one.connect_ex(listener.getsockname())
            url = "imap+plain://127.0.0.1:%d" % listener.getsockname()[1]
            wanted = Wanted(phase="connect", ends=("timeout",))
            self.examine(self.configuration("imap", url, HASTY), wanted, "imap", "plain")

    def test_no_such_name(self):
        for protocol in faults.SESSIONS:
            config = self.configuration(protocol, "%s://no-such-host.invalid" % protocol, "2s")
            status, output, text, told = self.both(config)
            self.assertEqual((status, told["phase"]), (CRITICAL, "resolve"), text)
            self.assertRegex(output.text, r"\Aresolve (failed|timed out)")
            self.assertIsNone(output.figures["cert_days"].value)

    def test_one_family_only(self):
        """Each address family by itself: that IPv4 is well hides nothing."""
        found = {one[0] for one in socket.getaddrinfo("localhost", None)}
        if found != {socket.AF_INET, socket.AF_INET6}:
            self.skipTest("localhost has not both families here")
        with self.service("smtp") as service:
            url = service.url.replace("127.0.0.1", "localhost")
            status, output, _, told = self.both(self.configuration("smtp", url))
            if len(told["paths"]) < 2:
                self.skipTest("localhost is not resolved to both families here")
            self.assertEqual((status, told["phase"]), (CRITICAL, "connect"))
            self.assertIn("IPv6 only", output.text)
            self.assertEqual({one["family"]: one["success"] for one in told["paths"]},
                             {"ipv4": True, "ipv6": False})
            self.assertIn("time_quit_ipv4", output.figures)
            self.assertNotIn("time_quit_ipv6", output.figures)
            status, output, text, _ = self.both(self.configuration("smtp", url, family="ipv4"))
            self.assertEqual(status, OK, text)

    def test_probe_of_no_name(self):
        config = self.configuration("smtp", "smtp+plain://127.0.0.1:1")
        self.addCleanup(config.close)
        done = agent.run_command(config, "probe", "ti")
        self.assertEqual(done.returncode, UNKNOWN)
        self.assertIn("UNKNOWN", done.stdout)


class Certificates(Faults):
    def presented(self, certificate, wanted, way="tls", protocol="imap", **keys):
        with self.service(protocol, way, context=self.context(certificate)) as service:
            config = self.configuration(protocol, service.url, **keys)
            return self.examine(config, wanted, protocol, way)

    def try_certificate(self, certificate, words, check):
        """At each protocol, with TLS and STARTTLS: told with its dates although it is refused."""
        def one(protocol, way):
            wanted = Wanted(phase="tls", ends=("tls",), text=words)
            output, told = self.presented(certificate, wanted, way, protocol)
            chain = told["paths"][0]["certificates"]
            self.assertFalse(chain["verified"])
            self.assertTrue(chain["error"])
            self.assertTrue(chain["members"][0]["not_after"])
            check(output, chain)
        self.try_all({"%s %s" % (protocol, way): lambda protocol=protocol, way=way:
                      one(protocol, way)
                      for protocol in faults.SESSIONS for way in ("tls", "starttls")})

    def test_expired(self):
        def check(output, chain):
            self.assertLess(output.figures["cert_days"].value, -1000)
            self.assertIn("2020-02-01", chain["members"][0]["not_after"])
        self.try_certificate(self.authority.certificate("expired", expired=True),
                             "expired.*2020-02-01", check)

    def test_of_another_name(self):
        def check(output, chain):
            self.assertGreater(output.figures["cert_days"].value, 28)
            self.assertIn("another", chain["members"][0]["subject"])
        self.try_certificate(
            self.authority.certificate("another", "DNS:another.test,IP:127.0.0.2"),
            "name|match", check)

    def test_of_an_unknown_authority(self):
        def check(output, chain):
            self.assertGreater(output.figures["cert_days"].value, 28)
            self.assertIn("test stranger", chain["members"][0]["issuer"])
        stranger = certs.Authority(self.directory, "stranger")
        self.try_certificate(stranger.certificate("strange"), "unknown CA|authority|issuer", check)

    def test_that_ends_soon(self):
        soon = self.authority.certificate("soon")  # 30 days
        self.try_all({
            "good": lambda: self.presented(soon, WELL),
            "warning": lambda: self.presented(soon, Wanted(WARNING, text="expires in"),
                                              cert_warn="60d"),
            "critical": lambda: self.presented(soon, Wanted(CRITICAL, text="expires in"),
                                               cert_warn="60d", cert_crit="40d"),
            "not asked for": lambda: self.presented(soon, WELL, cert_warn="0", cert_crit="0")})


class Judged(Faults):
    """What was well, and is not good enough."""

    def judged(self, protocol, wanted, **keys):
        with self.service(protocol, "tls") as service:
            return self.examine(self.configuration(protocol, service.url, **keys), wanted,
                                protocol, "tls")

    def test_time(self):
        self.try_all({
            "good": lambda: self.judged("pop3", WELL, warn="5s", crit="9s"),
            "warning": lambda: self.judged("pop3", Wanted(WARNING, text="took"), warn="1ms"),
            "critical": lambda: self.judged("pop3", Wanted(CRITICAL, text="took"), warn="1us",
                                            crit="1ms"),
            "too fast": lambda: self.judged("pop3", Wanted(CRITICAL, text="took"), crit="9s:"),
            "inside": lambda: self.judged("pop3", Wanted(WARNING, text="took"), warn="@0:9s")})

    def test_thresholds_stand_in_the_figures(self):
        output, _ = self.judged("imap", WELL, warn="5s", crit="~:9s")
        time, days = output.figures["time"], output.figures["cert_days"]
        self.assertEqual((time.warn, time.crit, time.least),
                         ((0, 5, False), (float("-inf"), 9, False), 0))
        self.assertEqual((days.warn, days.crit), ((21, float("inf"), False),
                                                  (7, float("inf"), False)))

    def test_capabilities(self):
        for protocol, there in (("smtp", "8BITMIME"), ("smtp", "AUTH=PLAIN"), ("pop3", "UIDL"),
                                ("imap", "uidplus")):
            self.judged(protocol, WELL, expect_capability=[there])
            wanted = Wanted(CRITICAL, text="XNOTHING is missing")
            self.judged(protocol, wanted, expect_capability=[there, "XNOTHING"])

    def test_capabilities_before_tls(self):
        """STARTTLS is offered only before it is done: that counts."""
        def one(protocol):
            with self.service(protocol, "starttls") as service:
                config = self.configuration(protocol, service.url,
                                            expect_capability=[START[protocol]])
                self.examine(config, WELL, protocol, "starttls")
        self.try_all({protocol: lambda protocol=protocol: one(protocol) for protocol in START})

    def test_figures_of_mailboxes(self):
        output, _ = self.judged("pop3", WELL)
        self.assertEqual(output.figures["messages"].value, 2)
        self.assertEqual(output.figures["octets"].value, 320)
        output, _ = self.judged("imap", WELL)
        self.assertEqual(output.figures["messages"].value, 3)


class Parser(unittest.TestCase):
    """What reads the figures here would tell if they were wrong."""

    def test_good(self):
        self.assertEqual(nagios.perfdata("'a b'=1.5s;1;@2:3;0;9 c=U '''d'=-3%;~:4;5:;;"), {
            "a b": ("a b", 1.5, "s", (0, 1, False), (2, 3, True), 0, 9),
            "c": ("c", None, "", None, None, None, None),
            "'d": ("'d", -3, "%", (float("-inf"), 4, False), (5, float("inf"), False), None, None)})

    def test_bad(self):
        for text in ("a", "a=", "a=1;1;1;1;1;1", "a=1,5s", "a=1e3", "a=1 ", "a=1  b=2", "a=1 a=2",
                     "a b=1", "'a=1", "a=1x", "a=1;2:1", "a=Us", "a=nan", "a=inf", "a=1;a"):
            with self.assertRaises(ValueError, msg=text):
                nagios.perfdata(text)

    def test_bad_output(self):
        for text in ("", "SMTP OK: x", "SMTP FINE: x\n", "SMTP OK\n", "SMTP OK: x | \n",
                     "SMTP OK: a | b=1 | c=2\n", "SMTP OK: x\na | b=1\n"):
            with self.assertRaises(ValueError, msg=text):
                nagios.read(text)


if __name__ == "__main__":
    case.main()
