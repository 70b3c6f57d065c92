"""Servers that Debian does not let stand beside Dovecot: their packages are unpacked, not
installed, by tests/run.sh. What is common to them: ports, processes, who reads and who delivers."""

import atexit
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from . import places
from .certs import Authority
from .dovecot import PASSWORD, USERS
from .imap import Mailbox

UNPACKED = os.environ.get("MAILVIGIL_UNPACKED") or os.path.abspath(
    os.path.join(os.path.dirname(__file__), "..", "..", "..", "build", "unpacked"))


def _reachable(path):
    """The servers do not run as root: below a directory like /root they get a copy elsewhere."""
    above = path
    while os.path.isdir(above) and os.stat(above).st_mode & 0o001 and above != "/":
        above = os.path.dirname(above)
    if above == "/" or not os.path.isdir(path):
        return path
    copy = tempfile.mkdtemp(prefix="mvp-")
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    os.chmod(copy, 0o755)
    shutil.copytree(path, copy, symlinks=True, dirs_exist_ok=True)
    os.chmod(copy, 0o755)
    return copy


ROOT = _reachable(UNPACKED)


def need(path):
    """A file of the unpacked packages; without it the test is skipped."""
    full = os.path.join(ROOT, path)
    if not os.path.exists(full):
        raise unittest.SkipTest("not unpacked: %s (sh tests/run.sh does it)" % path)
    return full


def environment():
    """In which the unpacked programs find their libraries."""
    libraries = [os.path.join(ROOT, "usr/lib")]
    for name in os.listdir(libraries[0]):
        if name.endswith("-linux-gnu"):
            libraries.append(os.path.join(libraries[0], name))
    return dict(os.environ, LD_LIBRARY_PATH=":".join(libraries))


def descendants(pid):
    """Process ids of its children, theirs, and so on."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name) as stat:
                    parents[int(name)] = int(stat.read().rsplit(")", 1)[1].split()[1])
            except OSError:
                pass
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


class Unpacked:
    """A private server in a temporary directory; what runs is in self.processes."""

    domain = "example.org"

    def __init__(self, users=USERS):
        self.dir = places.temporary("mvu")
        self.users = users
        self.authority = Authority(self.dir)
        self.ca_file = self.authority.cert
        self.cert, self.key = self.authority.certificate("localhost")
        self.imap_port, self.imaps_port = places.free_ports(2)
        self.processes, self.guards = [], []

    def address(self, user):
        return "%s@%s" % (user, self.domain)

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def write(self, name, text, mode=0o644):
        with open(os.open(self.path(name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as out:
            out.write(text)
        return self.path(name)

    def run(self, *command, **keys):
        """Starts one of its processes."""
        with open(self.path("output"), "ab") as output:
            self.processes.append(subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                **keys))
        self.guards.append(places.Guard(self.processes[-1].pid))

    def wait_listening(self, *ports):
        until = time.monotonic() + 20
        for port in ports:
            while not self._listening(port):
                if time.monotonic() > until or any(one.poll() is not None
                                                   for one in self.processes):
                    raise RuntimeError("the server did not start: " + self.log())
                time.sleep(0.02)

    @staticmethod
    def _listening(port):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            return False

    def stop(self):
        """Ends it with all sessions."""
        for process in self.processes:
            children = descendants(process.pid)
            process.terminate()
            for pid in children:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            try:
                process.wait(1)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for guard in self.guards:
            guard.release()
        self.processes, self.guards = [], []

    def log(self):
        with open(self.path("output"), errors="replace") as log:
            return log.read()

    def close(self):
        self.stop()
        places.remove(self.dir)

    def mailbox(self, user):
        """An independent reader's session as that user."""
        return Mailbox(self.imap_port, self.address(user), PASSWORD)
