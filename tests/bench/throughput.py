"""A backlog from one mailbox to another: isync's mbsync and mailvigil, in one run on one server.

    MAILVIGIL=build/release/agent/mailvigil python3 tests/bench/throughput.py
        [--messages 5000] [--megabytes 180] [--rounds 1] [--state-dir DIR] [--only mailvigil]

Dovecot on loopback with its Maildir on tmpfs. mailvigil rewrites every copy, keeps spool and ledger
with their fsyncs (in --state-dir, which should be on a disk) and has seen the folder empty before;
what is measured is from its start to the last copy in the target. mbsync's state lies beside it.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))

from harness import mail  # noqa: E402
from harness.agent import Agent, Config  # noqa: E402
from harness.dovecot import PASSWORD, Dovecot  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")
WAYS = ("plain", "tls")

MBSYNC = """
IMAPAccount {side}
Host localhost
Port {port}
User {user}
Pass {password}
SSLType {ssl}
{ca}AuthMechs {mechanism}

IMAPStore {side}
Account {side}
"""


def server_cpu(dovecot):
    """CPU seconds of the master, its children and those that have ended."""
    total = 0
    for pid in dovecot.pids():
        try:
            with open("/proc/%d/stat" % pid) as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        total += sum(int(one) for one in fields[11:15 if pid == dovecot.process.pid else 13])
    return total / TICKS


def stored(dovecot, user):
    """Messages in the user's folder Copies, counted without asking the server for work."""
    base = os.path.join(dovecot.dir, "home", dovecot.address(user), "Maildir", ".Copies")
    count = 0
    for part in ("new", "cur"):
        try:
            count += sum(1 for _ in os.scandir(os.path.join(base, part)))
        except FileNotFoundError:
            pass
    return count


class Result:
    def __init__(self, name, seconds, cpu, server, peak):
        self.name, self.seconds, self.cpu, self.server, self.peak = name, seconds, cpu, server, peak


def waited(pid):
    """Reaps the child: (status, CPU seconds, peak octets). The peak is read while it lives, as
    ru_maxrss counts what it was forked from."""
    peak = 0
    while True:
        try:
            with open("/proc/%d/status" % pid) as status:
                for line in status:
                    if line.startswith("VmHWM:"):
                        peak = int(line.split()[1]) * 1024
        except OSError:
            pass
        ended, status, usage = os.wait4(pid, os.WNOHANG)
        if ended:
            return status, usage.ru_utime + usage.ru_stime, peak
        time.sleep(0.005)


def run_mbsync(dovecot, way, target, place, count):
    place = os.path.join(place, "mbsync-" + way)
    os.makedirs(place)
    path = os.path.join(place, "mbsyncrc")
    with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w") as out:
        out.write("FSync yes\n")
        for side, user in (("far", "alice"), ("near", target)):
            out.write(MBSYNC.format(
                side=side, user=dovecot.address(user), password=PASSWORD,
                port=dovecot.imap_port if way == "plain" else dovecot.imaps_port,
                ssl="None" if way == "plain" else "IMAPS",
                ca="" if way == "plain" else "CertificateFile %s\n" % dovecot.ca_file,
                mechanism="LOGIN" if way == "plain" else "PLAIN"))
        out.write("\nChannel c\nFar :far:INBOX\nNear :near:Copies\nSync Pull New\nCreate Near\n"
                  "SyncState %s/\n" % place)
    before, began = server_cpu(dovecot), time.monotonic()
    child = subprocess.Popen(("mbsync", "-qq", "-c", path, "c"), stdin=subprocess.DEVNULL)
    status, cpu, peak = waited(child.pid)
    child.returncode = status
    seconds = time.monotonic() - began
    if status or stored(dovecot, target) != count:
        sys.exit("mbsync: status %d, %d messages" % (status, stored(dovecot, target)))
    return Result("mbsync " + way, seconds, cpu, server_cpu(dovecot) - before, peak)


def mailvigil_config(dovecot, way, target, place):
    place = os.path.join(place, "mailvigil-" + way)
    os.makedirs(place)
    config = Config(place, instance="bench-" + way)
    config.server("office", dovecot, "imap+plain" if way == "plain" else "imaps")
    config.account("alice", folders=["INBOX"])
    config.target("copies", login=dovecot.address(target), folder="Copies")
    config.rule("everything", targets=["copies"], incoming="all", outgoing="all", internal="all")
    return config


def run_mailvigil(dovecot, way, target, config, count):
    agent = Agent(config, log_file=os.path.join(config.dir, "log"))
    before, began = server_cpu(dovecot), time.monotonic()
    agent.start(ready=False)
    while stored(dovecot, target) < count:
        if not agent.alive() or time.monotonic() - began > 600:
            sys.exit("mailvigil stopped at %d messages:\n%s"
                     % (stored(dovecot, target), agent.log()[-3000:]))
        time.sleep(0.005)
    seconds = time.monotonic() - began
    cpu, peak = agent.cpu_seconds(), agent.memory("VmHWM")
    server = server_cpu(dovecot) - before
    agent.stop()
    if stored(dovecot, target) != count:
        sys.exit("mailvigil: %d copies" % stored(dovecot, target))
    return Result("mailvigil " + way, seconds, cpu, server, peak)


def one_round(options, number):
    place = os.path.join(options.state_dir, "round%d" % number)
    shutil.rmtree(place, ignore_errors=True)
    os.makedirs(place)
    tools = [one for one in ("mbsync", "mailvigil") if options.only in (None, one)]
    users = ["alice"] + ["%s-%s" % (tool, way) for tool in tools for way in WAYS]
    results = []
    with Dovecot(users=users) as dovecot:
        configs = {}
        if "mailvigil" in tools:
            for way in WAYS:  # the baseline: an empty folder
                configs[way] = mailvigil_config(dovecot, way, "mailvigil-" + way, place)
                agent = Agent(configs[way], log_file=os.path.join(configs[way].dir, "log"))
                agent.start()
                agent.stop()
        octets = 0
        messages = list(mail.backlog(options.messages, options.megabytes * 1_000_000))
        octets = sum(map(len, messages))
        dovecot.deliver_many("alice", messages)
        del messages
        for way in WAYS:
            for tool in tools:
                target = "%s-%s" % (tool, way)
                dovecot.doveadm("mailbox", "create", "-u", dovecot.address(target), "Copies")
                if tool == "mbsync":
                    results.append(run_mbsync(dovecot, way, target, place, options.messages))
                else:
                    results.append(run_mailvigil(dovecot, way, target, configs[way],
                                                 options.messages))
    shutil.rmtree(place, ignore_errors=True)
    return octets, results


def show(options, octets, results):
    print("%d messages, %.0f MB" % (options.messages, octets / 1e6))
    print("%-16s %9s %11s %8s %10s %11s %9s" % ("", "seconds", "messages/s", "MB/s", "CPU s",
                                               "server CPU", "peak MB"))
    for one in results:
        print("%-16s %9.2f %11.0f %8.1f %10.2f %11.2f %9.1f"
              % (one.name, one.seconds, options.messages / one.seconds, octets / 1e6 / one.seconds,
                 one.cpu, one.server, one.peak / 1e6))
    seconds = {one.name: one.seconds for one in results}
    for way in WAYS:
        if "mbsync " + way in seconds and "mailvigil " + way in seconds:
            print("mailvigil is %.2f times as fast as mbsync (%s)"
                  % (seconds["mbsync " + way] / seconds["mailvigil " + way], way))
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--megabytes", type=int, default=180)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--state-dir", default="/var/tmp/mailvigil-bench-%d" % os.getpid())
    parser.add_argument("--only", choices=("mbsync", "mailvigil"))
    options = parser.parse_args()
    try:
        for number in range(options.rounds):
            show(options, *one_round(options, number))
    finally:
        shutil.rmtree(options.state_dir, ignore_errors=True)


if __name__ == "__main__":
    main()
