"""A scripted IMAP server: small, real enough to be watched and appended to, and obedient in the
faults that no real server shows on request. One thread a session, a mailbox store in memory.

Hooks: server.on["FETCH"] = function(session, tag, arguments); it is called instead of the built-in
command and returns True when it answered, False to let the built-in command do it. "GREETING" is
called with tag None; UID commands have the names "UID FETCH", "UID SEARCH". The ready-made faults
are the functions at the end of this file.
"""

import base64
import re
import socket
import ssl
import threading
import time

from .imap import Found

BASE = "IMAP4rev1 ID ENABLE IDLE UNSELECT UIDPLUS MULTIAPPEND LITERAL+ SPECIAL-USE SASL-IR"
DATE = "02-Feb-2026 10:00:00 +0000"


class Message:
    def __init__(self, uid, octets, flags=(), date=DATE, visible_at=0.0):
        self.uid, self.octets, self.flags = uid, octets, set(flags)
        self.date, self.visible_at = date or DATE, visible_at


class Folder:
    def __init__(self, name, attributes=(), uidvalidity=1700000001):
        self.name, self.attributes, self.uidvalidity = name, set(attributes), uidvalidity
        self.uidnext, self.messages = 1, []

    def visible(self):
        now = time.monotonic()
        return [one for one in self.messages if one.visible_at <= now]


class Store:
    """The mailboxes of one login."""

    def __init__(self):
        self.folders = {}
        for name, attributes in (("INBOX", ()), ("Sent", ("\\Sent",)), ("Drafts", ("\\Drafts",))):
            self.folders[name] = Folder(name, attributes)

    def get(self, name):
        return self.folders.get("INBOX" if name.upper() == "INBOX" else name)


class Server:
    """stores: {login: Store}; any login with `password` is let in and gets a store."""

    def __init__(self, capabilities=BASE, password="secret", authority=None, certificate=None,
                 tls=False):
        self.capabilities = capabilities.split()
        self.password, self.tls = password, tls
        self.on, self.stores, self.sessions = {}, {}, []
        self.commands, self.logins = [], []
        self.delay_visible = 0.0
        self.changed = threading.Condition()
        self.ca_file = authority.cert if authority else None
        self.context = None
        if authority:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*(certificate or authority.certificate("scripted")))
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.imap_port = self.imaps_port = self.listener.getsockname()[1]
        self.closing = False
        threading.Thread(target=self._accept, args=(self.listener,), daemon=True).start()

    def url(self):
        if self.tls:
            return "imaps://localhost:%d" % self.port
        return ("imap://localhost:%d" if self.context else "imap+plain://127.0.0.1:%d") % self.port

    def _accept(self, listener):
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            session = Session(self, peer)
            with self.changed:
                self.sessions.append(session)
            threading.Thread(target=session.run, daemon=True).start()

    def disconnect(self):
        """Cuts every session."""
        with self.changed:
            sessions = list(self.sessions)
        for session in sessions:
            session.cut()

    def close(self):
        self.closing = True
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        self.disconnect()
        with self.changed:
            self.changed.notify_all()

    # ---- the store, from the test's side ----

    def store(self, login):
        with self.changed:
            return self.stores.setdefault(login, Store())

    def add(self, login, octets, folder="INBOX", flags=(), date=DATE):
        """A message arrives; watching sessions are told."""
        self.store(login)
        with self.changed:
            return self._add(self.stores[login].get(folder), octets, flags, date).uid

    def _add(self, folder, octets, flags, date, delay=0.0):
        message = Message(folder.uidnext, octets, flags, date,
                          time.monotonic() + delay if delay else 0.0)
        folder.uidnext += 1
        folder.messages.append(message)
        self.changed.notify_all()
        return message

    def remove(self, login, uid, folder="INBOX"):
        with self.changed:
            box = self.stores[login].get(folder)
            box.messages = [one for one in box.messages if one.uid != uid]
            self.changed.notify_all()

    def new_uidvalidity(self, login, folder="INBOX", value=1800000001):
        """The folder is rebuilt: same messages, new numbers. Sessions are cut."""
        with self.changed:
            box = self.stores[login].get(folder)
            box.uidvalidity, box.uidnext = value, 1
            for message in box.messages:
                message.uid, box.uidnext = box.uidnext, box.uidnext + 1
        self.disconnect()

    def messages(self, login, folder="INBOX"):
        """What lies there, as the independent reader has it."""
        with self.changed:
            box = self.stores[login].get(folder) if login in self.stores else None
            return [Found(one.uid, one.flags, one.date, one.octets)
                    for one in (box.messages if box else ())]

    def count(self, login, folder="INBOX"):
        return len(self.messages(login, folder))

    def seen(self, word):
        """Commands received whose text begins with that word, with their times."""
        with self.changed:
            return [(at, text) for at, text in self.commands if text.upper().startswith(word)]


class Gone(Exception):
    pass


class Session:
    def __init__(self, server, peer):
        self.server, self.socket = server, peer
        self.file = None
        self.login = self.folder = None
        self.told = []  # UIDs in the order of their sequence numbers, as told to the client
        self.secure = False

    # ---- octets ----

    def send(self, data):
        if isinstance(data, str):
            data = data.encode("latin-1")
        self.socket.sendall(data)

    def line(self, text):
        self.send(text + "\r\n")

    def cut(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def read_line(self):
        line = self.file.readline(1 << 20)
        if not line.endswith(b"\n"):
            raise Gone()
        return line.rstrip(b"\r\n")

    def read_exactly(self, count):
        data = self.file.read(count)
        if len(data) < count:
            raise Gone()
        return data

    # ---- life ----

    def run(self):
        try:
            if self.server.tls:
                self.start_tls()
            self.file = self.socket.makefile("rb")
            if not self.hook("GREETING", None, []):
                self.line("* OK [CAPABILITY %s] scripted" % " ".join(self.capabilities()))
            while True:
                self.one_command()
        except (Gone, OSError, ValueError):
            pass
        finally:
            with self.server.changed:
                if self in self.server.sessions:
                    self.server.sessions.remove(self)
            self.cut()
            self.socket.close()

    def start_tls(self):
        self.socket = self.server.context.wrap_socket(self.socket, server_side=True)
        self.secure = True

    def capabilities(self):
        shown = list(self.server.capabilities)
        if self.server.context and not self.secure:
            shown.append("STARTTLS")
        return shown

    def hook(self, name, tag, arguments):
        function = self.server.on.get(name)
        return bool(function and function(self, tag, arguments))

    def one_command(self):
        line = self.read_line()
        tag, _, rest = line.partition(b" ")
        tag = tag.decode("latin-1")
        name = rest.split(b" ", 1)[0].decode("latin-1").upper()
        if name == "APPEND":
            self.record(rest)
            return self.append(tag, rest[7:])
        words, text = self.arguments(rest)
        self.record(text)
        name, words = words[0].upper(), words[1:]
        if name == "UID":
            name, words = "UID " + words[0].upper(), words[1:]
        if self.hook(name, tag, words):
            return None
        method = getattr(self, "do_" + name.lower().replace(" ", "_"), None)
        if method is None:
            return self.line("%s BAD unknown command" % tag)
        return method(tag, words)

    def record(self, text):
        with self.server.changed:
            self.server.commands.append((time.monotonic(), text.decode("latin-1")))
            self.server.changed.notify_all()

    LITERAL = re.compile(rb"\{(\d+)(\+|-)?\}$")

    def literal(self, line):
        """The literal that `line` announces, or None."""
        match = self.LITERAL.search(line)
        if not match:
            return None
        if not match.group(2):
            self.line("+ go on")
        return self.read_exactly(int(match.group(1)))

    def arguments(self, line):
        """The command's words (strings, parenthesised ones as lists) and its text."""
        words, text = [], b""
        while True:
            literal = self.literal(line)
            plain = self.LITERAL.sub(b"", line) if literal is not None else line
            words += re.findall(rb'\(|\)|"(?:[^"\\]|\\.)*"|(?:\[[^\]]*\]|[^\s()"])+(?:<[\d.]+>)?',
                                plain)
            text += line
            if literal is None:
                break
            words.append(b'"' + literal.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"')
            line = self.read_line()
        return self.nest([one.decode("latin-1") for one in words]), text

    @staticmethod
    def nest(words):
        stack = [[]]
        for word in words:
            if word == "(":
                stack.append([])
            elif word == ")" and len(stack) > 1:
                inner = stack.pop()
                stack[-1].append(inner)
            elif word.startswith('"'):
                stack[-1].append(re.sub(r"\\(.)", r"\1", word[1:-1]))
            else:
                stack[-1].append(word)
        return stack[0]

    # ---- any state ----

    def do_capability(self, tag, _):
        self.line("* CAPABILITY " + " ".join(self.capabilities()))
        self.line(tag + " OK done")

    def do_noop(self, tag, _):
        self.tell_news()
        self.line(tag + " OK done")

    do_check = do_noop

    def do_id(self, tag, _):
        self.line('* ID ("name" "scripted")')
        self.line(tag + " OK done")

    def do_enable(self, tag, _):
        self.line("* ENABLED")
        self.line(tag + " OK done")

    def do_namespace(self, tag, _):
        self.line('* NAMESPACE (("" "/")) NIL NIL')
        self.line(tag + " OK done")

    def do_logout(self, tag, _):
        self.line("* BYE bye")
        self.line(tag + " OK done")
        raise Gone()

    def do_starttls(self, tag, _):
        self.line(tag + " OK begin")
        self.start_tls()
        self.file = self.socket.makefile("rb")

    # ---- signing in ----

    def enter(self, tag, mechanism, login, password):
        with self.server.changed:
            self.server.logins.append((time.monotonic(), mechanism, login, password))
        if password != self.server.password:
            return self.line(tag + " NO [AUTHENTICATIONFAILED] wrong")
        self.login = login
        self.store = self.server.store(login)
        return self.line("%s OK [CAPABILITY %s] in" % (tag, " ".join(self.capabilities())))

    def do_login(self, tag, words):
        self.enter(tag, "LOGIN", words[0], words[1])

    def do_authenticate(self, tag, words):
        if len(words) > 1:
            given = words[1]
        else:
            self.line("+ ")
            given = self.read_line().decode("latin-1")
        said = base64.b64decode(given).decode("utf-8", "replace") if given != "=" else ""
        mechanism = words[0].upper()
        if mechanism == "PLAIN":
            authzid, authcid, password = said.split("\0")
            return self.enter(tag, "PLAIN", authzid or authcid, password)
        token = re.search(r"auth=Bearer ([^\x01]*)", said)
        user = re.search(r"(?:user=|,a=)([^\x01,]*)", said)
        if token and token.group(1) != self.server.password:
            # RFC 7628 §3.2.3: the error comes as a challenge, the client answers with one octet.
            self.line("+ " + base64.b64encode(b'{"status":"invalid_token"}').decode())
            self.read_line()
        return self.enter(tag, mechanism, user.group(1) if user else "",
                          token.group(1) if token else "")

    # ---- folders ----

    def do_list(self, tag, words):
        only_special = words and words[0] == ["SPECIAL-USE"]
        patterns = [one for one in words if isinstance(one, str)]
        if len(patterns) >= 2 and patterns[1] == "":
            self.line('* LIST (\\Noselect) "/" ""')
            return self.line(tag + " OK done")
        wanted = re.compile(re.escape(patterns[1] if len(patterns) > 1 else "*")
                            .replace(r"\*", ".*").replace("%", "[^/]*") + "$", re.I)
        special = "SPECIAL-USE" in self.server.capabilities
        for folder in list(self.store.folders.values()):
            if wanted.match(folder.name) and (folder.attributes or not only_special):
                marks = " ".join(sorted(folder.attributes)) if special else ""
                self.line('* LIST (%s) "/" "%s"' % (marks, folder.name))
        return self.line(tag + " OK done")

    do_lsub = do_list

    def do_create(self, tag, words):
        with self.server.changed:
            if self.store.get(words[0]):
                return self.line(tag + " NO [ALREADYEXISTS] it exists")
            self.store.folders[words[0]] = Folder(words[0])
        return self.line(tag + " OK done")

    def do_subscribe(self, tag, _):
        self.line(tag + " OK done")

    def do_status(self, tag, words):
        folder = self.store.get(words[0])
        if not folder:
            return self.line(tag + " NO [NONEXISTENT] no such folder")
        known = {"MESSAGES": len(folder.visible()), "UIDNEXT": folder.uidnext,
                 "UIDVALIDITY": folder.uidvalidity, "RECENT": 0, "UNSEEN": 0}
        told = ["%s %d" % (item, known[item]) for item in words[1] if item in known]
        self.line('* STATUS "%s" (%s)' % (folder.name, " ".join(told)))
        return self.line(tag + " OK done")

    def open(self, tag, words, mode):
        folder = self.store.get(words[0])
        if not folder:
            self.folder = None
            return self.line(tag + " NO [NONEXISTENT] no such folder")
        self.folder = folder
        with self.server.changed:
            self.told = [one.uid for one in folder.visible()]
        self.line("* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $MDNSent)")
        self.line("* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)] ok")
        self.line("* %d EXISTS" % len(self.told))
        self.line("* 0 RECENT")
        self.line("* OK [UIDVALIDITY %d] valid" % folder.uidvalidity)
        self.line("* OK [UIDNEXT %d] next" % folder.uidnext)
        return self.line("%s OK [%s] opened" % (tag, mode))

    def do_select(self, tag, words):
        self.open(tag, words, "READ-WRITE")

    def do_examine(self, tag, words):
        self.open(tag, words, "READ-ONLY")

    def do_unselect(self, tag, _):
        self.folder = None
        self.line(tag + " OK done")

    do_close = do_unselect

    def tell_news(self):
        """EXPUNGE and EXISTS for what changed since the last time."""
        if self.folder is None:
            return
        with self.server.changed:
            now = [one.uid for one in self.folder.visible()]
        gone = set(self.told) - set(now)
        for number in range(len(self.told), 0, -1):
            if self.told[number - 1] in gone:
                self.line("* %d EXPUNGE" % number)
                del self.told[number - 1]
        if now != self.told:
            self.told = now
            self.line("* %d EXISTS" % len(now))

    def do_idle(self, tag, _):
        self.line("+ idling")
        ended = threading.Event()

        def push():
            while not ended.is_set() and not self.server.closing:
                try:
                    self.tell_news()
                except OSError:
                    return
                with self.server.changed:
                    self.server.changed.wait(0.05)

        pusher = threading.Thread(target=push, daemon=True)
        pusher.start()
        try:
            done = self.read_line()
        finally:
            ended.set()
            pusher.join()
        self.line(tag + (" OK done" if done.upper() == b"DONE" else " BAD not DONE"))

    # ---- messages ----

    def chosen(self, uidset):
        """(sequence number, message) of a UID set."""
        with self.server.changed:
            messages = {one.uid: one for one in self.folder.visible()}
        top = max(self.told, default=0)
        wanted = set()
        for part in uidset.split(","):
            first, _, last = part.partition(":")
            first = top if first == "*" else int(first)
            last = first if not last else top if last == "*" else int(last)
            first, last = min(first, last), max(first, last)
            wanted |= {uid for uid in self.told if first <= uid <= last}
        return [(number, messages[uid]) for number, uid in enumerate(self.told, 1)
                if uid in wanted and uid in messages]

    def do_uid_fetch(self, tag, words):
        items = words[1] if isinstance(words[1], list) else [words[1]]
        for number, message in self.chosen(words[0]):
            self.send(self.fetched(number, message, items))
        self.tell_news()
        self.line(tag + " OK done")

    def fetched(self, number, message, items):
        parts = [b"UID %d" % message.uid]
        skip = None
        for at, item in enumerate(items):
            if skip is item or not isinstance(item, str):
                continue
            name = item.upper()
            if name == "FLAGS":
                parts.append(b"FLAGS (%s)" % " ".join(sorted(message.flags)).encode())
            elif name == "INTERNALDATE":
                parts.append(b'INTERNALDATE "%s"' % message.date.encode())
            elif name == "RFC822.SIZE":
                parts.append(b"RFC822.SIZE %d" % len(message.octets))
            elif name.startswith(("BODY.PEEK[", "BODY[")):
                parts.append(self.section(item, items[at + 1:], message))
        return b"* %d FETCH (%s)\r\n" % (number, b" ".join(parts))

    @staticmethod
    def section(item, _, message):
        header = message.octets.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        spec = re.match(r"BODY(?:\.PEEK)?\[([^\]]*)\](?:<(\d+)\.(\d+)>)?", item, re.I)
        name, data = spec.group(1), message.octets
        if name.upper() == "HEADER":
            data = header
        elif name.upper().startswith("HEADER.FIELDS"):
            wanted = {one.lower().strip('"') for one in re.findall(r"[^\s()]+", name[13:])}
            data = b"".join(field for field in re.findall(rb"[^\r\n]+\r\n(?:[ \t][^\r\n]*\r\n)*",
                                                          header)
                            if field.split(b":")[0].decode("latin-1").lower() in wanted) + b"\r\n"
        origin = b""
        if spec.group(2):
            start = int(spec.group(2))
            data = data[start:start + int(spec.group(3))]
            origin = b"<%d>" % start
        return b"BODY[%s]%s {%d}\r\n%s" % (name.encode(), origin, len(data), data)

    def do_uid_search(self, tag, words):
        found = [message for _, message in self.chosen("1:*")]
        words = [one for one in words if isinstance(one, str)]
        while words:
            key = words.pop(0).upper()
            if key == "HEADER":
                field, value = words.pop(0).lower(), words.pop(0).lower()
                found = [one for one in found if any(
                    name.lower() == field and value in text.lower()
                    for name, text in Found(0, (), "", one.octets).message.items())]
            elif key == "UID":
                among = {one.uid for _, one in self.chosen(words.pop(0))}
                found = [one for one in found if one.uid in among]
            elif re.match(r"[\d*]", key):
                among = {one.uid for _, one in self.chosen(key)}
                found = [one for one in found if one.uid in among]
            elif key in ("SINCE", "BEFORE", "SENTSINCE", "CHARSET"):
                words.pop(0)
        self.line("* SEARCH" + "".join(" %d" % one.uid for one in found))
        self.line(tag + " OK done")

    # ---- APPEND ----

    def append(self, tag, rest):
        match = re.match(rb'\s*("(?:[^"\\]|\\.)*"|\{\d+\+?\}$|\S+)(.*)', rest)
        name = match.group(1)
        if name.startswith(b"{"):
            name, rest = self.literal(name), self.read_line()
        else:
            name, rest = name.strip(b'"').replace(b'\\"', b'"'), match.group(2)
        given = []
        if self.hook("APPEND BEGIN", tag, [name.decode(), rest]):
            return None
        while rest.strip():
            parts = re.match(rb'\s*(?:\(([^)]*)\))?\s*(?:"([^"]*)")?\s*(\{\d+[+-]?\})$', rest)
            if not parts:
                return self.line(tag + " BAD no literal")
            octets = self.literal(parts.group(3))
            flags = (parts.group(1) or b"").decode().split()
            given.append((octets, flags, (parts.group(2) or b"").decode()))
            rest = self.read_line()
            if rest.strip() and "MULTIAPPEND" not in self.server.capabilities:
                return self.line(tag + " BAD only one message")
        if self.hook("APPEND", tag, [name.decode(), given]):
            return None
        return self.stored(tag, name.decode(), given)

    def store_messages(self, name, given):
        """The UIDs, or None where there is no such folder."""
        folder = self.store.get(name)
        if folder is None:
            return None
        with self.server.changed:
            return [self.server._add(folder, octets, flags, date, self.server.delay_visible).uid
                    for octets, flags, date in given]

    def stored(self, tag, name, given):
        uids = self.store_messages(name, given)
        if uids is None:
            return self.line(tag + " NO [TRYCREATE] no such folder")
        if self.folder is self.store.get(name):
            self.tell_news()
        told = ""
        if "UIDPLUS" in self.server.capabilities:
            told = "[APPENDUID %d %d%s] " % (self.store.get(name).uidvalidity, uids[0],
                                             ":%d" % uids[-1] if len(uids) > 1 else "")
        return self.line("%s OK %sstored" % (tag, told))


# ---- ready-made faults: each returns a hook ----

def once(hook, times=1):
    """The hook, for the first `times` calls only."""
    left = [times]

    def limited(session, tag, arguments):
        if left[0] <= 0:
            return False
        left[0] -= 1
        return hook(session, tag, arguments)
    return limited


def only(test, hook):
    """The hook, where test(session, arguments) is true."""
    return lambda session, tag, arguments: test(session, arguments) and hook(session, tag,
                                                                             arguments)


def says(*lines):
    """Sends the lines; %s in them is the tag."""
    def hook(session, tag, _):
        for line in lines:
            session.line(line.replace("%s", tag or "*"))
        return True
    return hook


def sends_then_cuts(octets):
    def hook(session, *_):
        session.send(octets)
        raise Gone()
    return hook


def garbage(octets=4096):
    """Octets that are no IMAP, the same at every run; goes on until the client leaves."""
    def hook(session, *_):
        noise = bytes((n * 7919 + (n >> 3)) & 0xFF for n in range(octets))
        while True:
            session.send(noise + b"\r\n")
    return hook


def endless_line():
    def hook(session, *_):
        session.send(b"* OK ")
        while True:
            session.send(b"x" * 65536)
    return hook


def endless_untagged(line="* 1 RECENT"):
    def hook(session, *_):
        block = (line + "\r\n").encode() * 1000
        while True:
            session.send(block)
    return hook


def endless_list():
    def hook(session, *_):
        number = 0
        while True:
            session.send(b"".join(b'* LIST () "/" "folder-%d"\r\n' % (number + n)
                                  for n in range(1000)))
            number += 1000
    return hook


def deep_nesting():
    def hook(session, *_):
        session.send(b"* 1 FETCH " + b"(" * 1_000_000)
        session.read_line()
        raise Gone()
    return hook


def silence():
    """Reads on and says nothing more."""
    def hook(session, *_):
        while True:
            session.read_line()
    return hook


def cut():
    def hook(*_):
        raise Gone()
    return hook


def huge_literal(octets=4 << 30, sent=100_000):
    """A FETCH that announces 4 GB, sends a part and stays."""
    def hook(session, tag, arguments):
        session.send("* 1 FETCH (UID %d BODY[] {%d}\r\n" % (session.told[0], octets))
        session.send(b"x" * sent)
        return silence()(session, tag, arguments)
    return hook


def huge_literal_elsewhere(octets=4 << 30):
    """A literal of 4 GB where no body belongs, with octets that never end."""
    def hook(session, *_):
        session.send("* LIST () \"/\" {%d}\r\n" % octets)
        while True:
            session.send(b"x" * 65536)
    return hook


def fetch_without_body(uids=None):
    """FETCH is answered OK, but of these UIDs (None: all) nothing comes."""
    return _fetch_differently(uids, lambda session, number, message, items: b"")


def fetch_nil(uids=None):
    """BODY[] NIL for these UIDs."""
    def nil(_, number, message, items):
        names = [re.sub(r"\.PEEK", "", one, flags=re.I) for one in items
                 if isinstance(one, str) and one.upper().startswith("BODY")]
        return b"* %d FETCH (UID %d%s)\r\n" % (number, message.uid,
                                              "".join(" %s NIL" % one for one in names).encode())
    return _fetch_differently(uids, nil)


def fetch_cut_in_body(uids=None):
    """The connection ends in the middle of the literal."""
    def broken(session, number, message, items):
        whole = session.fetched(number, message, items)
        session.send(whole[:len(whole) - len(message.octets) // 2])
        raise Gone()
    return _fetch_differently(uids, broken)


def _asks_for_body(items):
    items = items if isinstance(items, list) else [items]
    return any(isinstance(one, str) and one.upper().startswith("BODY") for one in items)


def _fetch_differently(uids, make):
    def hook(session, tag, arguments):
        items = arguments[1] if isinstance(arguments[1], list) else [arguments[1]]
        if not _asks_for_body(items):
            return False
        for number, message in session.chosen(arguments[0]):
            if uids is None or message.uid in uids:
                session.send(make(session, number, message, items))
            else:
                session.send(session.fetched(number, message, items))
        session.line(tag + " OK done")
        return True
    return hook


def refuse(code, text="refused"):
    """For APPEND: NO with that response code, such as TOOBIG, LIMIT, OVERQUOTA."""
    def hook(session, tag, _):
        session.line("%s NO [%s] %s" % (tag, code, text))
        return True
    return hook


def append_then_cut(store):
    """APPEND is taken and the connection ends before the tagged reply; with or without storing."""
    def hook(session, _, arguments):
        if store:
            session.store_messages(*arguments)
        raise Gone()
    return hook
