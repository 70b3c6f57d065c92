"""The independent reader: Python's imaplib, never our own client."""

import email
import imaplib
import re
import time

imaplib._MAXLINE = 100_000_000


def quoted(name):
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


class Found:
    """A message as the server tells it."""

    def __init__(self, uid, flags, internaldate, octets):
        self.uid, self.flags, self.internaldate, self.octets = uid, flags, internaldate, octets
        self.header, _, self.body = octets.partition(b"\r\n\r\n")
        self.message = email.message_from_bytes(self.header + b"\r\n\r\n")

    def __getitem__(self, name):
        """Value of a header field, unfolded, or None."""
        value = self.message[name]
        return None if value is None else re.sub(r"\r?\n[ \t]", " ", str(value))

    def all(self, name):
        return [re.sub(r"\r?\n[ \t]", " ", str(one)) for one in self.message.get_all(name, [])]

    def names(self, *fields):
        """The addresses in a list field such as X-Monitor-Recipients, either spelling."""
        for field in fields or ("X-Monitor-Recipients", "X-Monitor-Recipient"):
            if self[field] is not None:
                return {one.strip() for one in self[field].split(",")}
        return set()


class Mailbox:
    """One signed-in session."""

    def __init__(self, port, user, password, host="127.0.0.1"):
        self.imap = imaplib.IMAP4(host, port, timeout=30)
        self.imap.login(user, password)

    def close(self):
        try:
            self.imap.logout()
        except (OSError, imaplib.IMAP4.error):
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def capabilities(self):
        return set(self.imap.capability()[1][0].decode().upper().split())

    def folders(self):
        """{name: set of attributes}; names as the server writes them."""
        found = {}
        for line in self.imap.list()[1]:
            match = re.match(rb'\(([^)]*)\) (?:"[^"]*"|NIL) (.*)', line or b"")
            if match:
                name = match.group(2).decode().strip('"')
                found[name] = set(match.group(1).decode().split())
        return found

    def create(self, folder):
        self.imap.create(quoted(folder))

    def append(self, folder, octets, flags=None, date=None):
        """Returns the UID where the server tells it."""
        date = imaplib.Time2Internaldate(date) if date is not None else None
        status, reply = self.imap.append(quoted(folder), flags, date, octets)
        if status != "OK":
            raise RuntimeError("APPEND: %r" % reply)
        match = re.search(rb"APPENDUID \d+ (\d+)", reply[0] or b"")
        return int(match.group(1)) if match else None

    def append_many(self, folder, messages):
        for octets in messages:
            self.append(folder, octets)

    def _examine(self, folder):
        status, reply = self.imap.select(quoted(folder), readonly=True)
        return int(reply[0]) if status == "OK" else None

    def exists(self, folder):
        return folder in self.folders()

    def uidvalidity(self, folder):
        reply = self.imap.status(quoted(folder), "(UIDVALIDITY)")[1][0]
        return int(re.search(rb"UIDVALIDITY (\d+)", reply).group(1))

    def count(self, folder):
        """Messages in the folder, 0 where there is no such folder."""
        status, reply = self.imap.status(quoted(folder), "(MESSAGES)")
        if status != "OK":
            return 0
        return int(re.search(rb"MESSAGES (\d+)", reply[0]).group(1))

    def fetch(self, folder, items="BODY.PEEK[]"):
        """All messages of a folder as Found, oldest first; [] where there is no such folder."""
        if not self._examine(folder):
            return []
        status, replies = self.imap.uid("FETCH", "1:*", "(UID FLAGS INTERNALDATE %s)" % items)
        self.imap.unselect()  # STATUS of a selected folder may be of yesterday
        if status != "OK":
            raise RuntimeError("FETCH: %r" % replies)
        found = []
        for one in replies:
            if isinstance(one, tuple):
                found.append(self._found(one, replies[replies.index(one) + 1]))
        return found

    @staticmethod
    def _found(reply, rest):
        told = reply[0] + (rest if isinstance(rest, bytes) else b"")
        uid = int(re.search(rb"UID (\d+)", told).group(1))
        flags = set(re.search(rb"FLAGS \(([^)]*)\)", told).group(1).decode().split())
        date = re.search(rb'INTERNALDATE "([^"]*)"', told).group(1).decode()
        return Found(uid, flags, date, reply[1])

    def headers(self, folder):
        return self.fetch(folder, "BODY.PEEK[HEADER]")

    def flags(self, folder):
        """{uid: set of flags}"""
        if not self._examine(folder):
            return {}
        found = {}
        lines = self.imap.uid("FETCH", "1:*", "(UID FLAGS)")[1]
        self.imap.unselect()
        for line in lines:
            uid = int(re.search(rb"UID (\d+)", line).group(1))
            found[uid] = set(re.search(rb"FLAGS \(([^)]*)\)", line).group(1).decode().split())
        return found

    def _change(self, folder, command, *arguments):
        self.imap.select(quoted(folder))
        reply = getattr(self.imap, command)(*arguments)
        self.imap.close()
        if reply[0] != "OK":
            raise RuntimeError("%s: %r" % (command, reply))

    def move(self, folder, uid, to):
        self._change(folder, "uid", "MOVE", str(uid), quoted(to))

    def copy(self, folder, uid, to):
        self._change(folder, "uid", "COPY", str(uid), quoted(to))

    def delete(self, folder, uid):
        self.imap.select(quoted(folder))
        self.imap.uid("STORE", str(uid), "+FLAGS.SILENT", "(\\Deleted)")
        self.imap.uid("EXPUNGE", str(uid))
        self.imap.unselect()

    def rename(self, folder, to):
        self.imap.rename(quoted(folder), quoted(to))


def wait_for(predicate, timeout=20, what="a condition", more=None):
    """The first true value of predicate(); fails after the timeout. A bounded wait with short
    looks: the reader is another program than the one that makes the event."""
    until = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > until:
            raise AssertionError("waited %g s in vain for %s%s"
                                 % (timeout, what, more() if more else ""))
        time.sleep(0.05)
