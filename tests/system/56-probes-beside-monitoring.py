"""Monitoring and many probes in one agent: neither loses anything by the other, and a dead server
costs only its own probes. (How fast both are is measured by tests/bench/probes.py.)"""

import os
import re
import socket
import sys
import threading
import time
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import places  # noqa: E402
from harness.case import Case, main  # noqa: E402
from harness.imap import wait_for  # noqa: E402
from harness.mail import message  # noqa: E402


class BlackHole:
    """Takes connections and never says a word."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port = self.listener.getsockname()[1]
        self.taken = []
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self):
        while True:
            try:
                self.taken.append(self.listener.accept()[0])
            except OSError:
                return

    def close(self):
        self.listener.close()
        for one in self.taken:
            one.close()


class SideBySide(Case):
    dovecot_options = {"pop3": True}

    def setUp(self):
        super().setUp()
        self.http_port = places.free_ports(1)[0]
        self.config.section("status", None, listen="127.0.0.1:%d" % self.http_port)
        self.config.section("server", "near",
                            imap="imap+plain://127.0.0.1:%d" % self.dovecot.imap_port,
                            pop3="pop3+plain://127.0.0.1:%d" % self.dovecot.pop3_port)

    def metric(self, name):
        """{probe: value} of a metric."""
        text = urllib.request.urlopen("http://127.0.0.1:%d/metrics" % self.http_port,
                                      timeout=30).read().decode()
        return {probe: float(value) for probe, value in
                re.findall(r'^%s\{[^}]*probe="([^"]+)"[^}]*\} (\S+)$' % name, text, re.M)}

    def test_200_probes_a_second_and_every_message_copied_once(self):
        self.config.rule("everything", incoming="all")
        for number in range(200):
            self.config.section("probe", "p%d" % number, type=("imap", "pop3")[number % 2],
                                server="near", every="1s", timeout="900ms")
        agent = self.started()
        began, subjects = time.monotonic(), []
        while time.monotonic() - began < 10 or len(subjects) < 200:
            subjects.append("message %d" % len(subjects))
            self.dovecot.deliver("alice", message(subject=subjects[-1]))
            time.sleep(0.02)
        self.assert_exactly_once(self.wait_copies(len(subjects), timeout=60), subjects)
        wait_for(lambda: min(self.metric("mailvigil_probe_runs_total").values()) >= 5, 60,
                 "every probe to have run five times")
        runs = self.metric("mailvigil_probe_runs_total")
        self.assertEqual(len(runs), 200)
        well = self.metric("probe_success")
        self.assertGreaterEqual(sum(well.values()), 190, "probes that failed beside monitoring")
        agent.stop()

    def test_a_dead_server_costs_only_its_own_probes(self):
        self.config.rule("everything", incoming="all")
        hole = BlackHole()
        self.addCleanup(hole.close)
        self.config.section("server", "dead", imap="imap+plain://127.0.0.1:%d" % hole.port,
                            smtp="smtp+plain://127.0.0.1:%d" % hole.port)
        for number in range(100):
            self.config.section("probe", "dead%d" % number, type=("imap", "smtp")[number % 2],
                                server="dead", every="3s", timeout="2s")
        for number in range(10):
            self.config.section("probe", "well%d" % number, type="imap", server="near",
                                every="1s", timeout="900ms")
        agent = self.started()
        wait_for(lambda: len(hole.taken) >= 100, 30, "all dead probes to hang")
        before = self.metric("mailvigil_probe_runs_total")
        octets = self.deliver("alice", "beside the dead")
        copy = self.only_copy(timeout=10)
        self.assertIn(b"A line of text", octets)
        self.assertEqual(copy["Subject"], "{Mon-In} beside the dead")
        wait_for(lambda: all(value >= before[name] + 5 for name, value in
                             self.metric("mailvigil_probe_runs_total").items()
                             if name.startswith("well")), 30, "the others to go on")
        success = self.metric("probe_success")
        self.assertEqual({name for name, value in success.items() if value == 1},
                         {"well%d" % number for number in range(10)})
        phases = urllib.request.urlopen("http://127.0.0.1:%d/metrics" % self.http_port
                                        ).read().decode()
        self.assertRegex(phases, r'probe_mail_failure\{[^}]*probe="dead0"[^}]*phase="greeting"\} 1')
        agent.stop()


if __name__ == "__main__":
    main()
