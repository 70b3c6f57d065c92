"""The agent as a child process: its configuration, its readiness, its log, its memory."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

from . import places

SANITIZER = re.compile(r"ERROR: (Address|Leak)Sanitizer|runtime error:")


def program():
    """The binary under test, from the environment MAILVIGIL."""
    return os.environ.get("MAILVIGIL") or shutil.which("mailvigil") or "mailvigil"


def _value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple, set)):
        return "{%s}" % ", ".join(_value(one) for one in value)
    if isinstance(value, (int, float)):
        return str(value)
    return '"%s"' % value.replace("\\", "\\\\").replace('"', '\\"')


def _section(kind, title, keys):
    lines = ["    %s = %s\n" % (key, _value(value)) for key, value in keys.items()
             if value is not None]
    return "%s %s{\n%s}\n" % (kind, '"%s" ' % title if title else "", "".join(lines))


class Config:
    """A configuration in the making. Sections are kept by (kind, title) and may be changed until
    write(); lists and rules go to rules.d, all else to the main file."""

    def __init__(self, directory=None, **keys):
        self.dir = directory or places.temporary("mvc")
        self.keys = {"instance": "example.org", "domains": ["example.org"],
                     "state_dir": os.path.join(self.dir, "state"), "rules_dir": "rules.d"}
        self.keys.update(keys)
        self.sections = {}
        self.path = os.path.join(self.dir, "mailvigil.conf")
        self.raw = ""

    @property
    def state_dir(self):
        return self.keys["state_dir"]

    def section(self, kind, title, **keys):
        self.sections[(kind, title)] = keys
        return self

    def change(self, kind, title, **keys):
        self.sections[(kind, title)].update(keys)
        return self

    def remove(self, kind, title):
        self.sections.pop((kind, title), None)
        return self

    def secret(self, name, value):
        """A file only its owner can read; returns its name, relative to the configuration."""
        path = os.path.join(self.dir, name)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            out.write(value + "\n")
        return name

    def server(self, name, dovecot, way="imaps", **keys):
        """way: imaps, imap (STARTTLS), imap+plain."""
        port = dovecot.imaps_port if way == "imaps" else dovecot.imap_port
        given = {"imap": "%s://localhost:%d" % (way, port), "ca_file": dovecot.ca_file}
        if way == "imap+plain":
            given = {"imap": "imap+plain://127.0.0.1:%d" % port}
        given.update(keys)
        return self.section("server", name, **given)

    def account(self, name, server="office", domain="example.org", password="secret", **keys):
        given = {"server": server, "address": "%s@%s" % (name, domain), "monitor": True}
        if password is not None:
            given["password_file"] = self.secret("account-%s.secret" % name, password)
        given.update(keys)
        return self.section("account", name, **given)

    def target(self, name, server="office", login="monitor@example.org", password="secret",
               **keys):
        given = {"server": server, "login": login, "folder": "INBOX"}
        if password is not None:
            given["password_file"] = self.secret("target-%s.secret" % name, password)
        given.update(keys)
        return self.section("target", name, **given)

    def list(self, name, targets):
        return self.section("list", name, targets=targets)

    def rule(self, name, targets=("compliance",), incoming="none", outgoing="none",
             internal="none", **keys):
        given = {"incoming": incoming, "outgoing": outgoing, "internal": internal,
                 "targets": list(targets)}
        given.update(keys)
        return self.section("rule", name, **given)

    def text(self):
        main = "".join("%s = %s\n" % (key, _value(value)) for key, value in self.keys.items())
        return main + self._sections(("server", "account", "target", "texts", "status", "probe",
                                      "reflector", "alert")) + self.raw

    def rules_text(self):
        return self._sections(("list", "rule"))

    def _sections(self, kinds):
        # An alert has no name in the file, but here, so that there can be several.
        return "".join(_section(kind, title if kind != "alert" else None, keys)
                       for (kind, title), keys in self.sections.items() if kind in kinds)

    def write(self):
        directory = os.path.join(self.dir, self.keys["rules_dir"])
        os.makedirs(directory, exist_ok=True)
        if not os.path.isdir(self.state_dir):
            os.mkdir(self.state_dir, 0o700)
        with open(self.path, "w") as out:
            out.write(self.text())
        with open(os.path.join(directory, "10-test.conf"), "w") as out:
            out.write(self.rules_text())
        return self.path

    def close(self):
        places.remove(self.dir)


_PAIR = re.compile(r'([A-Za-z_][\w.-]*)=("(?:[^"\\]|\\.)*"|\S*)')


class Line:
    """One line of the log: "<6>captured account=alice uid=42"."""

    def __init__(self, text):
        self.at = time.monotonic()
        self.text = text
        match = re.match(r"(?:<(\d)>)?(\S+)", text)
        self.level = int(match.group(1)) if match and match.group(1) else None
        self.event = match.group(2) if match else ""
        self.keys = {key: value.strip('"') if value.startswith('"') else value
                     for key, value in _PAIR.findall(text)}

    def __repr__(self):
        return self.text


def _with_pending(number):
    if number is None:
        return None

    def prepare():
        signal.pthread_sigmask(signal.SIG_BLOCK, {number})
        os.kill(os.getpid(), number)
    return prepare


class Agent:
    """One running `mailvigil run`."""

    def __init__(self, config, environment=None, limit_seconds=60, log_file=None,
                 own_session=False):
        self.config = config
        self.own_session = own_session  # it outlives the terminal
        self.log_file = log_file  # standard error goes there and is not read
        self.environment = dict(os.environ, **(environment or {}))
        self.environment.pop("MAILVIGIL", None)
        # A dead agent's leaks are no news: what it holds at kill -9 is not lost, it is not freed.
        self.environment.setdefault("ASAN_OPTIONS", "detect_leaks=1:abort_on_error=0")
        self.environment.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
        self.limit_seconds = limit_seconds
        self.process = self.notify = self.reader = self.guard = None
        self.lines = []
        self.news = threading.Condition()
        self.started_at = None

    # ---- life ----

    def start(self, ready=True, environment=None, pending=None):
        """Starts it; with `ready`, waits until all accounts are watched. `pending`: a signal that
        waits for it from the first moment on."""
        self.config.write()
        path = os.path.join(self.config.dir, "notify")
        if os.path.exists(path):
            os.unlink(path)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(path)
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(
            (program(), "-c", self.config.path, "run"), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, start_new_session=self.own_session,
            preexec_fn=_with_pending(pending),
            stderr=open(self.log_file, "ab") if self.log_file else subprocess.PIPE,
            env=dict(self.environment, NOTIFY_SOCKET=path, **(environment or {})))
        self.guard = None if self.own_session else places.Guard(self.process.pid)
        if not self.log_file:
            self.reader = threading.Thread(target=self._read, args=(self.process.stderr,),
                                           daemon=True)
            self.reader.start()
        if ready:
            self.wait_ready()
        return self

    def _read(self, stream):
        for line in stream:
            with self.news:
                self.lines.append(Line(line.decode(errors="replace").rstrip("\n")))
                self.news.notify_all()
        stream.close()

    def wait_notify(self, word, timeout=None):
        """Waits for a datagram with that assignment, such as READY=1."""
        until = time.monotonic() + (timeout or self.limit_seconds)
        while time.monotonic() < until:
            self.notify.settimeout(0.1)
            try:
                if word in self.notify.recv(4096).decode(errors="replace").split("\n"):
                    return
            except socket.timeout:
                if self.process.poll() is not None:
                    break
        raise AssertionError("no %s from the agent (status %r):\n%s"
                             % (word, self.process.poll(), self.log()))

    def wait_ready(self, timeout=None):
        self.wait_notify("READY=1", timeout)

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, timeout=60):
        """Exit status; negative is a signal."""
        status = self.process.wait(timeout)
        if self.guard:
            self.guard.release()
            self.guard = None
        if self.reader:
            self.reader.join(10)
        self.notify.close()
        return status

    def stop(self, timeout=60):
        """SIGTERM; the status must be 0 and no sanitizer may have complained."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        status = self.wait(timeout)
        self.process = None
        if status != 0:
            raise AssertionError("the agent ended with %d:\n%s" % (status, self.log()))
        self.check_sanitizer()

    def check_sanitizer(self):
        if SANITIZER.search(self.log()):
            raise AssertionError("the sanitizer found:\n" + self.log())

    def kill(self):
        """As a crash does it."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
        if self.process is not None:
            self.wait()
        self.process = None

    def restart(self, **keys):
        self.stop()
        return self.start(**keys)

    def alive(self):
        return self.process is not None and self.process.poll() is None

    # ---- what it says ----

    def log(self):
        if self.log_file:
            with open(self.log_file, errors="replace") as log:
                return log.read()
        with self.news:
            return "\n".join(line.text for line in self.lines)

    def events(self, event=None, **keys):
        with self.news:
            return [line for line in self.lines
                    if (event is None or line.event == event)
                    and all(line.keys.get(key) == str(value) for key, value in keys.items())]

    def wait_line(self, pattern, timeout=20, since=0):
        """The first line (from index `since`) in which the regular expression is found."""
        wanted, until = re.compile(pattern), time.monotonic() + timeout
        with self.news:
            while True:
                for line in self.lines[since:]:
                    if wanted.search(line.text):
                        return line
                if not self.news.wait(max(0, until - time.monotonic())) \
                        and time.monotonic() >= until:
                    break
        raise AssertionError("no line like %r in:\n%s" % (pattern, self.log()))

    def mark(self):
        """An index for wait_line's `since`."""
        with self.news:
            return len(self.lines)

    def status(self):
        done = run_command(self.config, "status", "--json")
        if done.returncode:
            raise AssertionError("status: %s" % done.stderr)
        return json.loads(done.stdout)

    # ---- what it costs ----

    def memory(self, field="VmRSS"):
        """Octets, from /proc/PID/status: VmRSS, VmHWM."""
        with open("/proc/%d/status" % self.process.pid) as status:
            return int(re.search(r"%s:\s+(\d+) kB" % field, status.read()).group(1)) * 1024

    def private_memory(self):
        """Octets that are its own, from smaps_rollup."""
        with open("/proc/%d/smaps_rollup" % self.process.pid) as rollup:
            return sum(int(one) * 1024
                       for one in re.findall(r"Private_\w+:\s+(\d+) kB", rollup.read()))

    def reset_peak(self):
        """VmHWM starts anew from now."""
        with open("/proc/%d/clear_refs" % self.process.pid, "w") as out:
            out.write("5")

    def cpu_seconds(self):
        with open("/proc/%d/stat" % self.process.pid) as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run_command(config, *arguments, stdin=b"", timeout=120, environment=None):
    """`mailvigil -c CONFIG arguments`; returns a CompletedProcess with text."""
    path = config if isinstance(config, str) else config.path
    done = subprocess.run((program(), "-c", path) + arguments, input=stdin,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout,
                          env=dict(os.environ, **(environment or {})), check=False)
    done.stdout = done.stdout.decode(errors="replace")
    done.stderr = done.stderr.decode(errors="replace")
    if SANITIZER.search(done.stderr):
        raise AssertionError("the sanitizer found:\n" + done.stderr)
    return done
