"""From the server's notification to the stored copy.

    MAILVIGIL=build/release/agent/mailvigil python3 tests/bench/latency.py [--messages 60]

Messages are delivered one by one. An independent session stands in IDLE on the same folder: when it
hears of the message, the agent does. The copy's file in the target's Maildir, seen by inotify, is
the end. Dovecot waits 500 ms before it notifies, so the time from the delivery is printed as well.
"""

import argparse
import ctypes
import os
import select
import statistics
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))

from harness import mail  # noqa: E402
from harness.agent import Agent, Config  # noqa: E402
from harness.dovecot import Dovecot  # noqa: E402

IN_MOVED_TO, IN_CREATE = 0x80, 0x100


class Arrivals:
    """Files that come into a Maildir folder, by inotify."""

    def __init__(self, maildir):
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.inotify_init()
        for part in ("new", "cur"):
            path = os.path.join(maildir, part).encode()
            if libc.inotify_add_watch(self.fd, path, IN_MOVED_TO | IN_CREATE) < 0:
                sys.exit("cannot watch " + maildir)

    def take(self):
        data, names = os.read(self.fd, 65536), []
        while data:
            _, _, _, length = struct.unpack_from("iIII", data)
            names.append(data[16:16 + length].rstrip(b"\0"))
            data = data[16 + length:]
        return names


class Watcher:
    """A session in IDLE; one line is one event."""

    def __init__(self, dovecot):
        self.mailbox = dovecot.mailbox("alice")
        self.mailbox.imap.select("INBOX", readonly=True)
        self.mailbox.imap.send(b"w1 IDLE\r\n")
        self.mailbox.imap.readline()
        self.socket = self.mailbox.imap.sock
        self.rest = b""

    def hears_exists(self):
        self.rest += self.socket.recv(65536)
        lines = self.rest.split(b"\r\n")
        self.rest = lines.pop()
        return any(line.endswith(b" EXISTS") for line in lines)


def one_message(dovecot, watcher, arrivals, number):
    """(delivery to copy, notification to copy), seconds."""
    octets = mail.message(subject="number %d" % number, size=20_000)
    dovecot.deliver("alice", octets)
    delivered = time.monotonic()
    heard = stored = None
    until = delivered + 30
    while heard is None or stored is None:
        ready, _, _ = select.select([watcher.socket, arrivals.fd], [], [],
                                    max(0, until - time.monotonic()))
        now = time.monotonic()
        if not ready:
            sys.exit("message %d: %s" % (number, "no copy" if stored is None else "not notified"))
        if arrivals.fd in ready and arrivals.take():
            stored = stored or now
        if watcher.socket in ready and watcher.hears_exists():
            heard = heard or now
    return stored - delivered, stored - heard


def show(name, values):
    values = sorted(one * 1000 for one in values)
    print("%-28s median %8.1f ms   p95 %8.1f ms   most %8.1f ms"
          % (name, statistics.median(values), values[int(len(values) * 0.95)], values[-1]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=60)
    options = parser.parse_args()
    config = Config()
    with Dovecot() as dovecot:
        dovecot.doveadm("mailbox", "create", "-u", "monitor@example.org", "Copies")
        config.server("office", dovecot)
        config.account("alice")
        config.target("copies", folder="Copies")
        config.rule("everything", targets=["copies"], incoming="all")
        agent = Agent(config, log_file=os.path.join(config.dir, "log")).start()
        maildir = os.path.join(dovecot.dir, "home", "monitor@example.org", "Maildir", ".Copies")
        arrivals, watcher = Arrivals(maildir), Watcher(dovecot)
        results = []
        for number in range(options.messages):
            results.append(one_message(dovecot, watcher, arrivals, number))
            time.sleep(0.05 * (number % 7))
        agent.stop()
    config.close()
    print("%d messages over TLS, delivered one by one" % len(results))
    show("LMTP delivery to copy", [one[0] for one in results])
    show("notification to copy", [one[1] for one in results])


if __name__ == "__main__":
    main()
