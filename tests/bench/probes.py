"""What a probe costs, beside the field's own tools on the same servers in one run.

    MAILVIGIL=build/release/agent/mailvigil python3 tests/bench/probes.py
        [--seconds 60] [--probes 1000] [--runs 60]

1. overhead: the client's own share of each dialogue, by a relay that stands between (relay.c): the
   running agent, check_imap, check_pop and check_smtp of monitoring-plugins, blackbox_exporter.
2. processes: `mailvigil probe NAME` and the plugins, as whole processes, by turns.
3. rate: processor time of the agent with --probes probes every 60 s, and of blackbox_exporter asked
   for as many.
4. side by side: 2,000 messages copied without and with 200 probes a second, and the median of the
   probes (without sign-in) without and with the messages. The servers share the cores with all.

The plugins and the exporter are unpacked from Debian's packages below build/unpacked-probes (apt-get
download, dpkg-deb -x), never installed. They sign in nowhere but where that is written below:
mailvigil signs in by IMAP and POP3, the plugins cannot.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import time
import urllib.request

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "system"))

from harness import places  # noqa: E402
from harness.agent import Agent, Config, program  # noqa: E402
from harness.dovecot import Dovecot  # noqa: E402
from harness.imap import wait_for  # noqa: E402
from harness.mail import backlog  # noqa: E402
from harness.postfix import AUTH_LISTENER, Postfix  # noqa: E402

PACKAGES = ("monitoring-plugins-basic", "monitoring-plugins-common", "prometheus-blackbox-exporter")
BLACKBOX = """
modules:
  imap:
    prober: tcp
    timeout: 10s
    tcp:
      preferred_ip_protocol: ip4
      query_response:
        - expect: "^.*OK"
        - send: "a LOGIN alice@example.org secret"
        - expect: "^a OK"
        - send: "b EXAMINE INBOX"
        - expect: "^b OK"
        - send: "c NOOP"
        - expect: "^c OK"
        - send: "d LOGOUT"
  imaps:
    prober: tcp
    timeout: 10s
    tcp:
      preferred_ip_protocol: ip4
      tls: true
      tls_config: {{ca_file: {ca_file}, server_name: localhost}}
      query_response:
        - expect: "^.*OK"
        - send: "a LOGIN alice@example.org secret"
        - expect: "^a OK"
        - send: "b EXAMINE INBOX"
        - expect: "^b OK"
        - send: "c NOOP"
        - expect: "^c OK"
        - send: "d LOGOUT"
  pop3:
    prober: tcp
    timeout: 10s
    tcp:
      preferred_ip_protocol: ip4
      query_response:
        - expect: "^.OK"
        - send: "USER alice@example.org"
        - expect: "^.OK"
        - send: "PASS secret"
        - expect: "^.OK"
        - send: "STAT"
        - expect: "^.OK"
        - send: "QUIT"
  smtp:
    prober: tcp
    timeout: 10s
    tcp:
      preferred_ip_protocol: ip4
      query_response:
        - expect: "^220 "
        - send: "EHLO bench.example.org"
        - expect: "^250 "
        - send: "MAIL FROM:<probe@example.org>"
        - expect: "^250 "
        - send: "RCPT TO:<alice@example.org>"
        - expect: "^250 "
        - send: "RSET"
        - expect: "^250 "
        - send: "QUIT"
"""


def unpack():
    """The field's tools, as files."""
    where = os.path.join(ROOT, "build", "unpacked-probes")
    if not os.path.isdir(where + "/usr"):
        os.makedirs(where, exist_ok=True)
        subprocess.run(("apt-get", "-qq", "download") + PACKAGES, cwd=where, check=True)
        for name in os.listdir(where):
            if name.endswith(".deb"):
                subprocess.run(("dpkg-deb", "-x", name, "."), cwd=where, check=True)
    return where


def build_relay():
    relay = os.path.join(ROOT, "build", "relay")
    source = os.path.join(ROOT, "tests", "bench", "relay.c")
    if not os.path.exists(relay) or os.path.getmtime(relay) < os.path.getmtime(source):
        subprocess.run(("cc", "-O2", "-D_GNU_SOURCE", "-o", relay, source), check=True)
    return relay


class Relay:
    def __init__(self, port):
        self.process = subprocess.Popen((build_relay(), str(port)), stdout=subprocess.PIPE)
        self.port = int(self.process.stdout.readline())

    def results(self):
        """Microseconds of the client's share, a connection each."""
        self.process.terminate()
        lines = self.process.stdout.read().decode().split("\n")
        self.process.wait()
        return [int(line.split()[0]) for line in lines if line]


class Blackbox:
    def __init__(self, where, ca_file):
        self.port = places.free_ports(1)[0]
        self.dir = places.temporary("mvb")
        with open(self.dir + "/blackbox.yml", "w") as out:
            out.write(BLACKBOX.format(ca_file=ca_file))
        self.process = subprocess.Popen(
            (where + "/usr/bin/prometheus-blackbox-exporter",
             "--config.file=" + self.dir + "/blackbox.yml",
             "--web.listen-address=127.0.0.1:%d" % self.port),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            try:
                urllib.request.urlopen("http://127.0.0.1:%d/-/healthy" % self.port).read()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("blackbox_exporter did not start")

    def probe(self, module, port, host="127.0.0.1"):
        url = "http://127.0.0.1:%d/probe?module=%s&target=%s:%d" % (self.port, module, host, port)
        text = urllib.request.urlopen(url).read().decode()
        if "probe_success 1" not in text:
            raise RuntimeError("blackbox_exporter: %s failed" % module)

    def cpu_seconds(self):
        with open("/proc/%d/stat" % self.process.pid) as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self):
        self.process.terminate()
        self.process.wait()
        places.remove(self.dir)


def median(values):
    return "%8.0f" % statistics.median(values) if values else "       -"


def spread(values):
    values = sorted(values)
    return "%s us  (p90 %.0f, n %d)" % (median(values), values[len(values) * 9 // 10], len(values))


def configuration(dovecot, probes, every="1s"):
    """probes: name: (type, scheme, port); sign-in for IMAP and POP3, envelope for SMTP."""
    config = Config()
    for name, (kind, scheme, port) in probes.items():
        host = "127.0.0.1" if scheme.endswith("plain") else "localhost"
        key = {"imap": "imap", "pop3": "pop3", "smtp": "smtp"}[kind]
        config.section("server", "at-" + name, ca_file=dovecot.ca_file,
                       **{key: "%s://%s:%d" % (scheme, host, port)})
        if kind == "smtp":
            extra = {"from": "probe@example.org", "to": "alice@example.org"}
        else:
            extra = {"account": "alice"}
        config.section("probe", name, type=kind, server="at-" + name, every=every, timeout="900ms",
                       family="ipv4", **extra)
    config.section("server", "office", ca_file=dovecot.ca_file,
                   imap="imaps://localhost:%d" % dovecot.imaps_port)
    config.account("alice", watch=False, monitor=False)
    return config


def kinds(dovecot, postfix):
    return {
        "imap": ("imap", "imap+plain", dovecot.imap_port),
        "imaps": ("imap", "imaps", dovecot.imaps_port),
        "pop3": ("pop3", "pop3+plain", dovecot.pop3_port),
        "pop3s": ("pop3", "pop3s", dovecot.pop3s_port),
        "smtp": ("smtp", "smtp+plain", postfix.smtp_port),
        "smtps": ("smtp", "smtps", postfix.smtps_port),
    }


def plugin_commands(where):
    plugins = where + "/usr/lib/nagios/plugins/"
    return {
        "imap": lambda port: (plugins + "check_imap", "-H", "127.0.0.1", "-p", str(port)),
        "imaps": lambda port: (plugins + "check_imap", "-H", "127.0.0.1", "-p", str(port), "-S"),
        "pop3": lambda port: (plugins + "check_pop", "-H", "127.0.0.1", "-p", str(port)),
        "pop3s": lambda port: (plugins + "check_pop", "-H", "127.0.0.1", "-p", str(port), "-S"),
        "smtp": lambda port: (plugins + "check_smtp", "-H", "127.0.0.1", "-p", str(port), "-f",
                              "probe@example.org", "-C", "RCPT TO:<alice@example.org>", "-R",
                              "250"),
    }


def overhead(dovecot, postfix, where, blackbox, runs):
    print("1. the client's own share of a dialogue, microseconds, median")
    print("   (agent and blackbox_exporter sign in; the plugins only look at the greeting)")
    every = kinds(dovecot, postfix)
    relays = {name: Relay(port) for name, (_, _, port) in every.items()}
    config = configuration(dovecot, {
        name: (kind, scheme, relays[name].port) for name, (kind, scheme, _) in every.items()})
    agent = Agent(config).start()
    time.sleep(runs)
    agent.stop()
    config.close()
    for name, relay in relays.items():
        print("   %-6s mailvigil      %s" % (name, spread(relay.results())))
    commands = plugin_commands(where)
    for name, command in commands.items():
        relay = Relay(every[name][2])
        for _ in range(runs):
            subprocess.run(command(relay.port), stdout=subprocess.DEVNULL, check=False)
        print("   %-6s plugin         %s" % (name, spread(relay.results())))
    for name in ("imap", "imaps", "pop3", "smtp"):
        relay = Relay(every[name][2])
        for _ in range(runs):
            blackbox.probe(name, relay.port)
        print("   %-6s blackbox       %s" % (name, spread(relay.results())))


def timed(command):
    began = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise RuntimeError("%s: %s" % (command, done.stdout))
    return time.monotonic() - began


def processes(dovecot, postfix, where, runs):
    print("2. whole processes, milliseconds, median of %d by turns" % runs)
    every = kinds(dovecot, postfix)
    config = configuration(dovecot, every)
    path = config.write()
    for name, command in plugin_commands(where).items():
        ours, theirs = [], []
        for _ in range(runs):
            ours.append(timed((program(), "-c", path or config.path, "probe", name)) * 1000)
            theirs.append(timed(command(every[name][2])) * 1000)
        a, b = statistics.median(ours), statistics.median(theirs)
        print("   %-6s mailvigil probe %6.1f   plugin %6.1f   ratio %.2f" % (name, a, b, a / b))
    config.close()


def rate(dovecot, postfix, blackbox, count, seconds):
    print("3. processor time of %d probes every 60 s, measured over %d s" % (count, seconds))
    for names in (("imap", "pop3", "smtp"), ("imaps", "pop3s", "smtps")):
        every = kinds(dovecot, postfix)
        probes = {"%s-%d" % (names[i % 3], i): every[names[i % 3]] for i in range(count)}
        config = configuration(dovecot, probes, "60s")
        agent = Agent(config).start()
        time.sleep(15)  # the first turn is spread over 10 s
        began, cpu = time.monotonic(), agent.cpu_seconds()
        time.sleep(seconds)
        spent = agent.cpu_seconds() - cpu
        share = 100 * spent / (time.monotonic() - began)
        print("   mailvigil %-20s %.2f %% of a core, %.0f us a probe"
              % ("/".join(names), share, spent / seconds * 60 / count * 1e6))
        agent.stop()
        config.close()
    floor = subprocess.run(
        ("openssl", "s_time", "-new", "-time", "5", "-verify", "3", "-CAfile", dovecot.ca_file,
         "-connect", "127.0.0.1:%d" % dovecot.imaps_port), stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, check=False).stdout.decode()
    match = re.search(r"([0-9.]+) connections/user sec", floor)
    if match:
        print("   openssl s_time, a TLS handshake and nothing else: %.0f us of user time"
              % (1e6 / float(match.group(1))))
    for names in (("imap", "pop3", "smtp"), ("imaps",)):
        every = kinds(dovecot, postfix)
        cpu = blackbox.cpu_seconds()
        for i in range(count):
            name = names[i % len(names)]
            host = "127.0.0.1" if name != "imaps" else "localhost"
            blackbox.probe(name, every[name][2], host)
        spent = blackbox.cpu_seconds() - cpu
        print("   blackbox  %-20s %.2f %% of a core, %.0f us a probe"
              % ("/".join(names), 100 * spent / 60, spent / count * 1e6))


def durations(port):
    text = urllib.request.urlopen("http://127.0.0.1:%d/metrics" % port).read().decode()
    return [float(value) * 1e6 for value in
            re.findall(r"^probe_duration_seconds\{[^}]*\} (\S+)$", text, re.M)]


def copied(dovecot, count):
    with dovecot.mailbox("monitor") as mailbox:
        return mailbox.count("Copies") >= count


def side_by_side(dovecot, postfix):
    print("4. side by side")
    every = kinds(dovecot, postfix)
    messages = list(backlog(2000, 20_000_000))
    done = 0
    for with_probes in (False, True):
        config = configuration(dovecot, {"p%d" % i: every[("imap", "pop3")[i % 2]]
                                         for i in range(200 if with_probes else 0)})
        for kind, name in config.sections:
            if kind == "probe":  # a process of the server for each sign-in is not to be measured
                config.change(kind, name, account=None)
        config.change("account", "alice", watch=True, monitor=True)
        config.target("compliance", folder="Copies")
        config.rule("everything", incoming="all")
        port = places.free_ports(1)[0]
        config.section("status", None, listen="127.0.0.1:%d" % port)
        agent = Agent(config).start()
        time.sleep(12 if with_probes else 1)
        if with_probes:
            print("   probes alone: median %.0f us" % statistics.median(durations(port)))
        began = time.monotonic()
        dovecot.deliver_many("alice", messages)
        delivered = time.monotonic() - began
        if with_probes:
            print("   probes beside the messages: median %.0f us"
                  % statistics.median(durations(port)))
        done += len(messages)
        wait_for(lambda: copied(dovecot, done), 300, "all copies")
        print("   2,000 messages %s probes: delivered by LMTP in %.1f s, copied in %.1f s"
              % ("with" if with_probes else "without", delivered, time.monotonic() - began))
        agent.stop()
        config.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--probes", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=60)
    wanted = parser.parse_args()
    where = unpack()
    auth_port = places.free_ports(1)[0]
    with Dovecot(pop3=True, users=("alice", "probe", "monitor"),
                 extra=AUTH_LISTENER % auth_port) as dovecot, \
            Postfix(dovecot, auth_port, users=("alice", "probe")) as postfix:
        blackbox = Blackbox(where, dovecot.ca_file)
        try:
            overhead(dovecot, postfix, where, blackbox, wanted.runs)
            processes(dovecot, postfix, where, wanted.runs)
            rate(dovecot, postfix, blackbox, wanted.probes, wanted.seconds)
            side_by_side(dovecot, postfix)
        finally:
            blackbox.close()


if __name__ == "__main__":
    main()
