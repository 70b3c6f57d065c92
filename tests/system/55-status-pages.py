"""The status service: what scrapers, load balancers and people are told, and that what we ship for
other programs (rules, dashboard, commands) fits to it."""

import base64
import hashlib
import html.parser
import http.client
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import places, promtool  # noqa: E402
from harness.agent import program  # noqa: E402
from harness.case import Case, main, wait_for  # noqa: E402
from harness.openmetrics import Metrics  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
HOSTILE = '"}<script>&amp;\''  # short: a summary is cut
METRIC = re.compile(r"\b(?:mailvigil|mail_roundtrip|probe)_[a-z_]+\b")


class Page(html.parser.HTMLParser):
    """Text by element, and all that a page could load or run."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.loads, self.heads, self.text, self.open = [], [], [], "", []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.open.append(tag)
        self.loads += [(tag, key) for key, value in attributes
                       if key in ("src", "srcset", "style", "data") or key.startswith("on")]

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        self.text += data
        if "th" in self.open and "tbody" in self.open:
            self.heads.append(data)


class StatusPages(Case):
    dovecot_options = {"pop3": True}

    def setUp(self):
        super().setUp()
        self.port = places.free_ports(1)[0]
        self.config.section("status", None, listen="127.0.0.1:%d" % self.port)
        self.config.rule("everything", incoming="all")
        self.config.change("server", "office",
                           pop3="pop3s://localhost:%d" % self.dovecot.pop3s_port)

    def probe(self, name, kind, **keys):
        given = {"type": kind, "server": "office", "account": "alice", "every": "5s", "timeout": "4s",
                 "cert_warn": "0s", "cert_crit": "0s"}
        given.update(keys)
        given.setdefault("family", "ipv4")  # the servers of the tests have no other
        self.config.section("probe", name, **given)

    def ask(self, path, method="GET", **fields):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request(method, path, headers={key.replace("_", "-"): value
                                                  for key, value in fields.items()})
        answer = connection.getresponse()
        answer.body = answer.read()
        connection.close()
        return answer

    def metrics(self, openmetrics=True):
        answer = self.ask("/metrics", **({"Accept": OPENMETRICS} if openmetrics else {}))
        self.assertEqual(answer.status, 200)
        return Metrics(answer.body, openmetrics)

    def wait_value(self, expected, name, **labels):
        wait_for(lambda: self.metrics().value(name, **labels) == expected, 20,
                 "%s%r to be %r" % (name, labels, expected), self.logs)

    def hostile(self):
        """Names and a server that want out of the page: its words are part of a result."""
        rude = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(rude.close)

        def greet():
            while True:
                try:
                    client = rude.accept()[0]
                except OSError:
                    return
                client.sendall(("554 %s\r\n" % HOSTILE).encode())
                client.recv(100)
                client.close()
        threading.Thread(target=greet, daemon=True).start()
        self.config.change("server", "office",
                           smtp="smtp+plain://127.0.0.1:%d" % rude.getsockname()[1])
        self.config.change("account", "alice", folders=["INBOX", HOSTILE])
        self.probe("rude", "smtp", account=None)
        self.started()
        self.wait_value(2, "mailvigil_probe_status", probe="rude", proto="smtp")

    def run_probes(self):
        """An agent that has captured, delivered and probed."""
        self.probe("imap", "imap")
        self.probe("pop", "pop3")
        self.probe("box", "mailbox")
        self.probe("dead", "smtp", account=None)
        dead = places.free_ports(1)[0]
        self.config.change("server", "office", smtp="smtp+plain://127.0.0.1:%d" % dead)
        agent = self.started()
        self.deliver("alice")
        self.wait_copies(1)
        for name, proto in (("imap", "imap"), ("pop", "pop3"), ("box", "mailbox"),
                            ("dead", "smtp")):
            wait_for(lambda: self.metrics().value("mailvigil_probe_runs_total", probe=name,
                                                  proto=proto) >= 1, 20, name, self.logs)
        return agent


class Metric(StatusPages):
    def test_figures_are_those_of_the_agent(self):
        began = time.time()
        self.run_probes()
        self.wait_value(1, "mailvigil_messages_captured_total")
        self.wait_value(1, "mailvigil_copies_delivered_total")
        metrics = self.metrics()
        self.assertEqual(metrics.value("mailvigil_capture_latency_seconds_count"), 1)
        self.assertLess(metrics.value("mailvigil_capture_latency_seconds_sum"), 30)
        self.assertEqual(metrics.value("mailvigil_delivery_latency_seconds_count"), 1)
        self.assertEqual(metrics.value("mailvigil_target_delivered_total", target="compliance"), 1)
        self.assertEqual(metrics.value("mailvigil_target_up", target="compliance"), 1)
        self.assertEqual(metrics.value("mailvigil_ledger_blocked"), 0)
        self.assertEqual(metrics.value("mailvigil_accounts"), 1)
        self.assertAlmostEqual(metrics.value("process_start_time_seconds"), began, delta=10)
        account = self.agents[0].status()["accounts"][0]
        self.assertEqual(sum(value for _, value in metrics.values("mailvigil_watches")),
                         account["sessions"])
        self.assertEqual(metrics.value("mailvigil_folders"), len(account["folders"]))

    def test_figures_are_those_of_the_probes(self):
        self.run_probes()
        metrics = self.metrics()
        imap = {"probe": "imap", "proto": "imap"}
        self.assertEqual(metrics.value("probe_success", **imap), 1)
        self.assertEqual(metrics.value("probe_mail_failure", phase="none", **imap), 1)
        phases = {labels["phase"]: value
                  for labels, value in metrics.values("probe_mail_duration_seconds")
                  if labels["probe"] == "imap"}
        self.assertEqual(set(phases), {"resolve", "connect", "tls", "greeting", "capability",
                                       "auth", "command", "quit"})
        for phase in ("connect", "tls", "auth", "command", "quit"):
            self.assertGreater(phases[phase], 0, phase)
        self.assertLessEqual(sum(phases.values()),
                             metrics.value("probe_duration_seconds", **imap) + 0.001)
        self.assertEqual(metrics.value("probe_tls_verify_failed", **imap), 0)
        self.assertEqual(metrics.value("probe_ssl_earliest_cert_expiry", **imap), self.expiry())
        self.assertEqual([labels["version"] for labels, _ in
                          metrics.values("probe_tls_version_info") if labels["probe"] == "imap"],
                         ["TLS 1.3"])
        self.assertEqual(metrics.value("probe_mailbox_messages", probe="box", proto="mailbox"), 1)
        dead = {"probe": "dead", "proto": "smtp"}
        self.assertEqual(metrics.value("probe_success", **dead), 0)
        self.assertEqual(metrics.value("probe_mail_failure", phase="connect", **dead), 1)
        self.assertEqual(metrics.value("probe_mail_failure", phase="none", **dead), 0)
        self.wait_value(2, "mailvigil_probe_status", **dead)

    def expiry(self):
        """As openssl reads it: of the earliest of what the server shows."""
        shown = subprocess.run(("openssl", "x509", "-noout", "-enddate", "-dateopt", "iso_8601",
                                "-in", self.dovecot.cert), stdout=subprocess.PIPE, check=True)
        text = shown.stdout.decode().strip().split("=")[1]
        return time.mktime(time.strptime(text, "%Y-%m-%d %H:%M:%SZ")) - time.timezone

    def test_both_formats_tell_the_same(self):
        self.run_probes()
        other = self.metrics(openmetrics=False)
        self.assertEqual(self.ask("/metrics").getheader("Content-Type"),
                         "text/plain; version=0.0.4; charset=utf-8")
        self.assertEqual(self.ask("/metrics", Accept=OPENMETRICS).getheader("Content-Type"),
                         OPENMETRICS + "; charset=utf-8")
        self.assertEqual(other.names(), self.metrics().names())

    def test_promtool_finds_nothing_to_say(self):
        self.run_probes()
        done = promtool.run("check", "metrics", octets=self.ask("/metrics").body)
        self.assertEqual((done.returncode, done.stdout), (0, b""))

    def test_all_is_there_before_anything_has_happened(self):
        self.probe("later", "imap", every="1h")
        self.started()
        metrics = self.metrics()
        for name in ("messages_seen", "messages_vanished", "messages_failed", "copies_delivered",
                     "reconnects", "alerts_sent"):
            self.assertEqual(metrics.value("mailvigil_%s_total" % name), 0, name)
        self.assertIsNotNone(metrics.value("mailvigil_probe_runs_total", probe="later",
                                           proto="imap"))

    def test_no_label_comes_from_a_server_or_a_message(self):
        self.hostile()
        self.deliver("alice", subject=HOSTILE, sender='"%s" <x@elsewhere.test>' % "script")
        self.wait_copies(1)
        for accept in ("*/*", OPENMETRICS):
            self.assertNotIn(b"script", self.ask("/metrics", Accept=accept).body)

    def test_a_reload_that_is_refused_is_told(self):
        agent = self.started()
        self.wait_value(1, "mailvigil_config_last_reload_successful")
        self.config.raw = "nonsense = 1\n"
        self.config.write()
        agent.signal(signal.SIGHUP)
        self.wait_value(0, "mailvigil_config_last_reload_successful")


class Health(StatusPages):
    def test_ready_when_every_account_was_tried(self):
        self.started()
        answer = self.ask("/readyz")
        self.assertEqual((answer.status, answer.body), (200, b"ok\n"))
        self.assertEqual(self.ask("/healthz").body, b"ok\n")

    def test_not_ready_while_an_account_is_waited_for(self):
        silent = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(silent.close)
        self.config.section("server", "silent",
                            imap="imap+plain://127.0.0.1:%d" % silent.getsockname()[1])
        self.config.account("bob", server="silent")
        agent = self.agent().start(ready=False)
        agent.wait_line("status-opened")
        answer = self.ask("/readyz")
        self.assertEqual(answer.status, 503)
        self.assertEqual(self.ask("/healthz").status, 200)

    def test_a_blocked_ledger_is_reported_and_all_pages_still_answer(self):
        place = places.temporary("mvf")
        self.addCleanup(places.remove, place)
        if subprocess.run(("mount", "-t", "tmpfs", "-o", "size=12m,mode=0700", "tmpfs", place),
                          stderr=subprocess.DEVNULL, check=False).returncode:
            self.skipTest("no file system can be mounted here")
        self.addCleanup(subprocess.run, ("umount", "-l", place), check=False)
        self.config.keys["state_dir"] = place
        self.started()
        filler = os.path.join(place, "filler")
        with open(filler, "wb", buffering=0) as out:
            try:
                while True:
                    out.write(b"x" * 4096)
            except OSError:
                pass
        self.deliver("alice", size=100_000)
        wait_for(lambda: self.ask("/healthz").status == 503, 30, "/healthz to say 503", self.logs)
        self.assertRegex(self.ask("/healthz").body.decode().lower(), "space|full")
        self.assertEqual(self.metrics().value("mailvigil_ledger_blocked"), 1)
        self.assertTrue(json.loads(self.ask("/status.json").body)["ledger"]["blocked"])
        self.assertIn("ledger", Page(self.ask("/").body.decode()).text)
        os.unlink(filler)
        self.wait_copies(1, timeout=60)
        wait_for(lambda: self.ask("/healthz").status == 200, 30, "/healthz to be well", self.logs)


class Pages(StatusPages):
    def test_status_json_is_what_the_command_says(self):
        agent = self.run_probes()
        served = json.loads(self.ask("/status.json").body)
        told = agent.status()
        self.assertEqual(served.keys(), told.keys())
        self.assertEqual([one["name"] for one in served["probes"]],
                         [one["name"] for one in told["probes"]])
        by_name = {one["name"]: one for one in served["probes"]}
        self.assertEqual(by_name["imap"]["last"]["status"], "OK")
        self.assertEqual(by_name["imap"]["state"], "OK")
        self.assertEqual(self.ask("/status.json").getheader("Content-Type"), "application/json")

    def test_the_page_says_what_is_wrong_and_shows_all(self):
        self.run_probes()
        self.wait_value(2, "mailvigil_probe_status", probe="dead", proto="smtp")
        answer = self.ask("/")
        page = Page(answer.body.decode())
        for name in ("alice", "compliance", "imap", "pop", "box", "dead", "example.org"):
            self.assertIn(name, page.heads)
        self.assertRegex(page.text, r"Problems: 1")
        self.assertRegex(page.text, r"probe dead.*CRITICAL")
        self.assertEqual(page.tags.count("svg"), 4)

    def test_the_page_runs_nothing_and_loads_nothing(self):
        self.hostile()
        answer = self.ask("/")
        text = answer.body.decode()
        page = Page(text)
        self.assertEqual(page.loads, [])
        self.assertFalse({"script", "link", "img", "iframe", "form"} & set(page.tags))
        self.assertNotIn("<script", text)
        # The folder that is missing and that as what is wrong, what the server said likewise.
        self.assertEqual(page.text.count(HOSTILE), 4)
        style = re.search("<style>(.*?)</style>", text, re.S).group(1)
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        policy = answer.getheader("Content-Security-Policy")
        self.assertTrue(policy.startswith("default-src 'none'; style-src 'sha256-%s';" % digest),
                        policy)
        self.assertNotIn("unsafe", policy)

    def test_methods_and_paths(self):
        self.started()
        for path in ("/", "/metrics", "/status.json", "/healthz", "/readyz"):
            head, get = self.ask(path, "HEAD"), self.ask(path)
            self.assertEqual((head.status, head.body), (200, b""), path)
            self.assertEqual(head.getheader("Content-Type"), get.getheader("Content-Type"))
            self.assertEqual(get.getheader("Cache-Control"), "no-store")
            for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
                answer = self.ask(path, method)
                self.assertEqual(answer.status, 405, (method, path))
                self.assertEqual(answer.getheader("Allow"), "GET, HEAD")
        for path in ("/index.html", "/metrics/x", "/../etc/passwd", "/%2e%2e/", "/Metrics"):
            self.assertEqual(self.ask(path).status, 404, path)

    def test_another_address_after_a_reload(self):
        agent = self.started()
        old, self.port = self.port, places.free_ports(1)[0]
        self.config.change("status", None, listen="127.0.0.1:%d" % self.port)
        self.config.write()
        agent.signal(signal.SIGHUP)
        agent.wait_line("status-opened.*port=%d" % self.port)
        self.assertEqual(self.ask("/healthz").status, 200)
        with self.assertRaises(OSError):
            socket.create_connection(("127.0.0.1", old), 2)


class Shipped(StatusPages):
    """What stands in share/ for other programs."""

    def read(self, *path):
        with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
            return file.read()

    def known(self):
        """The names of all series and families that the agent has, whatever is configured."""
        self.probe("imap", "imap")
        self.started()
        metrics = self.metrics(openmetrics=False)
        names = set(metrics.families)
        for family in metrics.families.values():
            if family.type == "histogram":
                names |= {family.name + suffix for suffix in ("_bucket", "_count", "_sum")}
        return names

    def test_rules_are_right(self):
        rules = os.path.join(ROOT, "share", "prometheus", "mailvigil.rules.yml")
        done = promtool.run("check", "rules", "--lint=all", "--lint-fatal", rules)
        self.assertEqual(done.returncode, 0, done.stdout.decode())
        done = promtool.run("test", "rules", "mailvigil.rules.test.yml",
                            cwd=os.path.join(ROOT, "tests", "prometheus"))
        self.assertEqual(done.returncode, 0, done.stdout.decode())

    def test_rules_and_dashboard_ask_for_what_there_is(self):
        known = self.known()
        rules = self.read("share", "prometheus", "mailvigil.rules.yml")
        board = json.loads(self.read("share", "grafana", "mailvigil.json"))
        queries = [one["expr"] for panel in board["panels"] for one in panel.get("targets", ())]
        queries += [one["definition"] for one in board["templating"]["list"]
                    if one["type"] == "query"]
        self.assertGreater(len(queries), 30)
        asked = set(METRIC.findall(rules)) | set(METRIC.findall("\n".join(queries)))
        self.assertGreater(len(asked), 40)
        self.assertEqual(sorted(asked - known), [])

    def test_every_alert_has_a_test(self):
        alerts = re.findall(r"- alert: (\w+)", self.read("share", "prometheus",
                                                         "mailvigil.rules.yml"))
        tests = self.read("tests", "prometheus", "mailvigil.rules.test.yml")
        self.assertEqual([one for one in alerts if one not in tests], [])

    def test_panels_of_the_dashboard_do_not_overlap(self):
        board = json.loads(self.read("share", "grafana", "mailvigil.json"))
        ids = [panel["id"] for panel in board["panels"]]
        self.assertEqual(len(ids), len(set(ids)))
        taken = set()
        for panel in board["panels"]:
            place = panel["gridPos"]
            self.assertLessEqual(place["x"] + place["w"], 24, panel["title"])
            cells = {(x, y) for x in range(place["x"], place["x"] + place["w"])
                     for y in range(place["y"], place["y"] + place["h"])}
            self.assertFalse(cells & taken, panel["title"])
            taken |= cells

    def test_commands_of_nagios_run(self):
        self.probe("imap", "imap")
        self.started()
        self.wait_value(1, "probe_success", probe="imap", proto="imap")
        text = self.read("share", "nagios", "mailvigil.cfg.in")
        commands = re.findall(r"^ *command_name +(\S+)\n *command_line +(.*)$", text, re.M)
        self.assertEqual(len(commands), 3)
        for name, line in commands:
            for macro, value in (("ARG1", "x"), ("ARG2", "imap"), ("ARG3", "5"), ("ARG4", "10")):
                line = line.replace("$%s$" % macro, value)
            words = shlex.split(line)
            self.assertEqual(words[:4], ["/usr/bin/sudo", "-n", "-u", "mailvigil"], name)
            self.assertEqual(words[5:7], ["-c", "@MAILVIGIL_CONFIG_DIR@/x.conf"], name)
            done = subprocess.run([program(), "-c", self.config.path] + words[7:],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
            self.assertEqual(done.returncode, 0, (name, done.stdout, done.stderr))
            self.assertRegex(done.stdout.decode(), r"\AIMAP OK: .*\|.*time")


if __name__ == "__main__":
    main()
