"""A scripted mail service for IMAP, POP3 and SMTP that can go wrong at every step of a dialogue.

    Service("smtp", "starttls", context, faults={"EHLO over TLS": hang})

Steps are GREETING, TLS (the handshake) and the commands by their names; those of the second part of
a dialogue with STARTTLS have " over TLS" behind them. A fault is a function (session, reply): it is
called in place of sending that reply.

A client that speaks before the greeting is complete is noted in `early` and answered as postscreen
does. `commands` is what was said, by all sessions.
"""

import base64
import contextlib
import socket
import ssl
import threading
import time

LIMIT = 20          # seconds that a session waits for its client
MANNERS = 0.02      # seconds in which a client that talks first shows
FLOOD = 64 * 1000 * 1000

NAME, PASSWORD = "probe@example.org", "secret"
PORTS = {"imap": ("imap+plain", "imap", "imaps"), "pop3": ("pop3+plain", "pop3", "pop3s"),
         "smtp": ("smtp+plain", "smtp", "smtps")}
WAYS = ("plain", "starttls", "tls")


class Gone(Exception):
    """The client has left, or was left."""


class Service:
    """One listening port; a thread for each session. `cut` says how octets are sent (whole, halves,
    single), `offers` replaces what a protocol's class offers."""

    def __init__(self, protocol, way="plain", context=None, faults=None, cut="whole", **offers):
        self.protocol, self.way, self.context, self.cut = protocol, way, context, cut
        self.faults, self.offers = faults or {}, offers
        self.commands, self.early, self.farewells, self.flooded = [], [], 0, 0
        self.sockets = set()
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=16)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self):
        return "%s://127.0.0.1:%d" % (PORTS[self.protocol][WAYS.index(self.way)], self.port)

    def _accept(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.sockets.add(peer)
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer):
        session = SESSIONS[self.protocol](self, peer)
        with contextlib.suppress(Gone, OSError, ValueError):
            session.run()
        session.close()

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self.lock:
            sockets = list(self.sockets)
        for one in sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def note(self, command):
        with self.lock:
            self.commands.append(command)


class Session:
    """What the protocols have in common: octets, TLS, steps."""

    rude = b""

    def __init__(self, service, peer):
        self.service, self.socket, self.raw = service, peer, peer
        self.buffer, self.secure, self.tag = b"", service.way == "tls", ""
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer.settimeout(LIMIT)

    # ---- octets ----

    def send(self, data):
        """As the service cuts it: each piece is a segment, or a TLS record, of its own."""
        if isinstance(data, str):
            data = data.encode("latin-1")
        size = {"whole": len(data), "halves": (len(data) + 1) // 2, "single": 1}[self.service.cut]
        for at in range(0, len(data), max(size, 1)):
            if at:
                time.sleep(0.001 if self.service.cut == "single" else 0.02)
            self.socket.sendall(data[at:at + size])

    def hear(self, seconds):
        """Whether more comes within that time."""
        self.socket.settimeout(max(seconds, 0.001))
        try:
            octets = self.socket.recv(65536)
        except (socket.timeout, ssl.SSLWantReadError):
            return False
        finally:
            self.socket.settimeout(LIMIT)
        if not octets:
            raise Gone()
        self.buffer += octets
        return True

    def read_line(self):
        while b"\n" not in self.buffer:
            if not self.hear(LIMIT):
                raise Gone()
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.rstrip(b"\r").decode("latin-1")

    def wait_gone(self):
        """Says nothing more, until the client leaves."""
        while self.hear(LIMIT):
            self.buffer = b""
        raise Gone()

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.raw.close()

    # ---- steps ----

    def step(self, name):
        over_tls = self.service.way == "starttls" and self.secure
        return name + (" over TLS" if over_tls else "")

    def fault(self, name):
        return self.service.faults.get(self.step(name))

    def answer(self, name, reply):
        """Sends the reply, or lets the fault of that step have its way; whether it was sent."""
        fault = self.fault(name)
        if fault is None:
            self.send(reply)
        else:
            fault(self, reply)
        return fault is None

    def start_tls(self):
        """Inside of a running session: `secure` is set before, so that the step has its name."""
        fault = self.service.faults.get("TLS")
        if fault is not None:
            fault(self, b"")
            self.wait_gone()
        self.socket = self.service.context.wrap_socket(self.raw, server_side=True)
        with self.service.lock:
            self.service.sockets.add(self.socket)
        self.socket.settimeout(LIMIT)
        self.buffer, self.secure = b"", True

    def watch_manners(self):
        """Before the greeting, and between its pieces."""
        if not self.buffer and not self.hear(MANNERS):
            return
        with self.service.lock:
            self.service.early.append(self.buffer)
        self.socket.sendall(self.rude)
        raise Gone()

    def greet(self, lines):
        self.watch_manners()
        for n, line in enumerate(lines):
            if n:
                time.sleep(0.03)
                self.watch_manners()
            self.send(line + "\r\n")

    def run(self):
        if self.service.way == "tls":
            self.start_tls()
        fault = self.service.faults.get("GREETING")
        if fault is not None:
            self.watch_manners()
            fault(self, ("%s\r\n" % self.greeting()[-1]).encode())
        else:
            self.greet(self.greeting())
        while self.command(self.read_line()):
            pass

    def offered(self, key, default):
        return self.service.offers.get(key, default)

    def is_password(self, encoded):
        try:
            parts = base64.b64decode(encoded, validate=True).split(b"\0")
        except ValueError:
            return False
        return parts[-1] == PASSWORD.encode()


class Smtp(Session):
    rude = b"554 5.5.1 Protocol error: you talk first\r\n"

    def greeting(self):
        return self.offered("greeting", ["220 faults.test ESMTP ready"])

    def extensions(self):
        begun = ["faults.test", "PIPELINING", "SIZE 10240000"]
        if self.service.way == "starttls" and not self.secure:
            return begun + self.offered("clear", ["STARTTLS", "8BITMIME"])
        return begun + self.offered("secure", ["AUTH PLAIN LOGIN", "8BITMIME"])

    def command(self, line):
        self.service.note(line)
        verb = line.split(" ")[0].upper()
        if verb == "EHLO":
            lines = self.extensions()
            self.answer(verb, "".join("250%s%s\r\n" % (" " if one is lines[-1] else "-", one)
                                      for one in lines))
        elif verb == "STARTTLS":
            if self.answer(verb, "220 2.0.0 go on\r\n"):
                self.start_tls()
        elif verb == "AUTH":
            self.auth(line)
        elif verb == "QUIT":
            self.service.farewells += 1
            self.answer(verb, "221 2.0.0 bye\r\n")
            return False
        elif verb in ("MAIL", "RCPT", "RSET", "NOOP"):
            self.answer(verb, "250 2.0.0 %s is fine\r\n" % verb)
        else:
            self.send("500 5.5.1 what is %s\r\n" % verb)
        return True

    def auth(self, line):
        words = line.split(" ")
        if self.fault("AUTH") is not None:
            self.answer("AUTH", "235 2.7.0 welcome\r\n")
            return
        if words[1].upper() == "LOGIN":
            self.send("334 VXNlcm5hbWU6\r\n")
            self.read_line()
            self.send("334 UGFzc3dvcmQ6\r\n")
            secret = self.read_line()
        elif len(words) > 2:
            secret = words[2]
        else:
            self.send("334 \r\n")
            secret = self.read_line()
        right = self.is_password(secret)
        self.send("235 2.7.0 welcome\r\n" if right else "535 5.7.8 not with that password\r\n")


class Pop3(Session):
    rude = b"-ERR you talk first\r\n"

    def greeting(self):
        return self.offered("greeting", ["+OK faults ready"])

    def capabilities(self):
        begun = ["TOP", "UIDL", "RESP-CODES"]
        if self.service.way == "starttls" and not self.secure:
            return begun + self.offered("clear", ["STLS"])
        return begun + self.offered("secure", ["USER", "SASL PLAIN"])

    def command(self, line):
        self.service.note(line)
        verb, _, argument = line.partition(" ")
        verb = verb.upper()
        if verb == "CAPA":
            listing = "".join(one + "\r\n" for one in self.capabilities())
            self.answer(verb, "+OK here they are\r\n%s.\r\n" % listing)
        elif verb == "STLS":
            if self.answer(verb, "+OK go on\r\n"):
                self.start_tls()
        elif verb in ("AUTH", "PASS", "APOP"):
            right = verb == "APOP" or self.is_right(verb, argument)
            self.answer(verb, "+OK welcome\r\n" if right
                        else "-ERR [AUTH] not with that password\r\n")
        elif verb == "QUIT":
            self.service.farewells += 1
            self.answer(verb, "+OK bye\r\n")
            return False
        else:
            replies = {"USER": "+OK and", "STAT": "+OK 2 320", "UIDL": "+OK 2 uidl-of-two"}
            self.answer(verb, replies.get(verb, "-ERR what is that") + "\r\n")
        return True

    def is_right(self, verb, argument):
        if verb == "PASS":
            return argument == PASSWORD
        _, _, encoded = argument.partition(" ")
        if not encoded:
            self.send("+ \r\n")
            encoded = self.read_line()
        return self.is_password(encoded)


class Imap(Session):
    rude = b"* BYE you talk first\r\n"

    def greeting(self):
        return self.offered("greeting", ["* OK faults ready"])

    def capabilities(self):
        if self.service.way == "starttls" and not self.secure:
            return self.offered("clear", "IMAP4rev1 STARTTLS LOGINDISABLED")
        return self.offered("secure", "IMAP4rev1 AUTH=PLAIN SASL-IR IDLE UIDPLUS")

    def command(self, line):
        self.service.note(line)
        self.tag, _, rest = line.partition(" ")
        verb, _, argument = rest.partition(" ")
        verb = verb.upper()
        untagged = ""
        if verb == "CAPABILITY":
            untagged = "* CAPABILITY %s\r\n" % self.capabilities()
        elif verb == "EXAMINE":
            untagged = ("* FLAGS (\\Seen)\r\n* 3 EXISTS\r\n* 0 RECENT\r\n"
                        "* OK [UIDVALIDITY 7] is it\r\n* OK [UIDNEXT 4] is next\r\n")
        elif verb == "LOGOUT":
            self.service.farewells += 1
            untagged = "* BYE\r\n"
        elif verb in ("AUTHENTICATE", "LOGIN"):
            self.authenticate(verb, argument)
            return True
        known = ("CAPABILITY", "STARTTLS", "EXAMINE", "NOOP", "LOGOUT")
        if verb not in known:
            self.send("%s BAD what is %s\r\n" % (self.tag, verb))
        elif self.answer(verb, "%s%s OK %s is fine\r\n" % (untagged, self.tag, verb)) \
                and verb == "STARTTLS":
            self.start_tls()
        return verb != "LOGOUT"

    def authenticate(self, verb, argument):
        if self.fault(verb) is not None:
            self.answer(verb, "%s OK welcome\r\n" % self.tag)
            return
        words = argument.split(" ")
        if verb == "LOGIN":
            right = words[-1].strip('"') == PASSWORD
        else:
            if len(words) == 1:
                self.send("+ \r\n")
            right = self.is_password(words[1] if len(words) > 1 else self.read_line())
        self.send("%s %s\r\n" % (self.tag, "OK [CAPABILITY %s] welcome" % self.capabilities()
                                 if right else "NO [AUTHENTICATIONFAILED] not with that password"))


SESSIONS = {"smtp": Smtp, "pop3": Pop3, "imap": Imap}

# ---- faults ----


def hang(session, _):
    session.wait_gone()


def drop(session, _):
    session.close()
    raise Gone()


def half(session, reply):
    """The reply without its end, and then nothing."""
    session.send(reply[:-2])
    session.wait_gone()


def garbage(session, _):
    """No protocol at all; the connection stays."""
    session.send(b"\x00\xff\xfe\x80 <html>\x1b[31m|'=;\r\n\r\n")
    session.wait_gone()


def say(text):
    """That line instead; {tag} is IMAP's. The session goes on."""
    def fault(session, _):
        session.send(text.replace("{tag}", session.tag) + "\r\n")
    return fault


def inject(text):
    """The reply, and in the same packet what only a man in the middle would say."""
    def fault(session, reply):
        octets = reply if isinstance(reply, bytes) else reply.encode()
        session.raw.sendall(octets + text.encode())
        session.wait_gone()
    return fault


def _flood(session, piece):
    """Until the client leaves; `flooded` is how much it let itself be sent."""
    sent = 0
    try:
        while sent < FLOOD:
            session.socket.sendall(piece)
            sent += len(piece)
    finally:
        session.service.flooded = max(session.service.flooded, sent)
    session.wait_gone()


def endless_line(session, _):
    begin = {"smtp": b"220 ", "pop3": b"+OK ", "imap": b"* OK "}[session.service.protocol]
    session.socket.sendall(begin)
    _flood(session, b"x" * 16384)


def endless_reply(session, reply):
    """A reply that has always one line more."""
    protocol = session.service.protocol
    if protocol == "pop3":
        session.socket.sendall(b"+OK\r\n")
    code = (reply if isinstance(reply, bytes) else reply.encode())[:3]
    line = {"smtp": code + b"-and more\r\n", "pop3": b"AND-MORE\r\n",
            "imap": b"* OK and more\r\n"}[protocol]
    _flood(session, line * 500)
