"""Alerts of the running agent: one for each change, to a command and to a webhook, over a reload
too; none in a maintenance window; what each is told."""

import http.server
import json
import os
import socket
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import places  # noqa: E402
from harness.agent import Agent, Config, run_command  # noqa: E402
from harness.case import main  # noqa: E402
from harness.imap import wait_for  # noqa: E402

SCRIPT = """#!/bin/sh
name=$(mktemp "%s/alert.XXXXXX.part")
{ env | sort; echo; cat; } >"$name"
mv "$name" "${name%%.part}.done"
"""


class SmtpService:
    """Answers an SMTP probe as well as it should, or 421 while it is `down`."""

    def __init__(self):
        self.down = False
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection):
        with connection, connection.makefile("rwb") as stream:
            if self.down:
                stream.write(b"421 4.3.2 down for the test\r\n")
                stream.flush()
                return
            stream.write(b"220 test ESMTP\r\n")
            stream.flush()
            for line in stream:
                stream.write(b"221 bye\r\n" if line.upper().startswith(b"QUIT") else b"250 well\r\n")
                stream.flush()
                if line.upper().startswith(b"QUIT"):
                    return

    def close(self):
        self.listener.close()


class Webhook:
    """Keeps what is posted; answers 503 as often as `refuse` says."""

    def __init__(self):
        outer = self
        self.posted, self.tries, self.refuse = [], 0, 0

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.tries += 1
                if outer.refuse > 0:
                    outer.refuse -= 1
                    self.send_response(503)
                else:
                    outer.posted.append((self.headers["Content-Type"], json.loads(body)))
                    self.send_response(204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d/hook" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Alerts(unittest.TestCase):
    def setUp(self):
        self.service, self.hook = SmtpService(), Webhook()
        self.addCleanup(self.service.close)
        self.addCleanup(self.hook.close)
        self.told = places.temporary("mva")
        self.addCleanup(places.remove, self.told)
        self.config = Config()
        self.addCleanup(self.config.close)
        self.config.section("server", "test", smtp="smtp+plain://127.0.0.1:%d" % self.service.port)
        self.config.section("probe", "mx", type="smtp", server="test", every="1s", timeout="500ms",
                            **{"raise": "2/3", "clear": 2})

    def command(self, **keys):
        path = os.path.join(self.told, "tell me")
        with open(path, "w") as out:
            out.write(SCRIPT % self.told)
        os.chmod(path, 0o755)
        self.config.section("alert", "command", command=[path, "an argument"], **keys)

    def started(self):
        agent = Agent(self.config)
        self.addCleanup(agent.kill)
        return agent.start()

    def alerts(self):
        """(environment, facts) of each run of the command, in order of their time."""
        found = []
        for name in os.listdir(self.told):
            if name.endswith(".done"):
                with open(os.path.join(self.told, name)) as file:
                    environment, facts = file.read().split("\n\n", 1)
                found.append((dict(line.split("=", 1) for line in environment.split("\n")
                                   if "=" in line), json.loads(facts)))
        return sorted(found, key=lambda one: (one[1]["at"], one[1]["event"] == "cleared"))

    def wait_alerts(self, count, timeout=30):
        wait_for(lambda: len(self.alerts()) >= count, timeout, "%d alerts" % count)
        time.sleep(2.5)  # and no more than those: two further turns
        self.assertEqual(len(self.alerts()), count, self.alerts())
        return self.alerts()

    def test_a_command_is_told_of_each_change_once(self):
        self.command()
        os.environ["A_SECRET_OF_OURS"] = "x"
        self.addCleanup(os.environ.pop, "A_SECRET_OF_OURS")
        agent = self.started()
        wait_for(lambda: run_command(self.config, "probe", "mx", "--last").returncode == 0, 30,
                 "the first good result")
        self.service.down = True
        (environment, facts), = self.wait_alerts(1)
        self.assertEqual(facts["event"], "raised")
        self.assertEqual((facts["probe"], facts["type"], facts["server"]), ("mx", "smtp", "test"))
        self.assertEqual((facts["state"], facts["previous"]), ("CRITICAL", "OK"))
        self.assertEqual(facts["phase"], "greeting")
        self.assertIn("421 4.3.2 down for the test", facts["reply"])
        self.assertEqual(environment["MAILVIGIL_PROBE"], "mx")
        self.assertEqual(environment["MAILVIGIL_EVENT"], "raised")
        self.assertEqual(environment["MAILVIGIL_STATE"], "CRITICAL")
        self.assertNotIn("A_SECRET_OF_OURS", environment)
        done = run_command(self.config, "status")
        self.assertEqual(done.returncode, 1)
        self.assertIn("mx", done.stdout)
        agent.signal(1)  # a reload with the same sections: nothing is told again
        agent.wait_line("^.*reloaded", 10)
        self.service.down = False
        self.assertEqual([one[1]["event"] for one in self.wait_alerts(2)], ["raised", "cleared"])
        self.assertEqual(run_command(self.config, "status").returncode, 0)
        agent.stop()

    def test_a_restart_tells_nothing_twice_and_forgets_no_end(self):
        self.command()
        self.service.down = True
        agent = self.started()
        self.wait_alerts(1)
        agent.restart()
        self.wait_alerts(1)
        agent.stop()
        self.service.down = False
        agent.start()
        found = self.wait_alerts(2)
        self.assertEqual([one[1]["event"] for one in found], ["raised", "cleared"])
        self.assertEqual(found[1][1]["previous"], "CRITICAL")
        agent.restart()
        self.wait_alerts(2)
        agent.stop()

    def test_a_webhook_is_tried_again(self):
        self.config.section("alert", "hook", webhook=self.hook.url)
        self.service.down, self.hook.refuse = True, 2
        agent = self.started()
        wait_for(lambda: self.hook.posted, 60, "the webhook to be told")
        self.assertEqual(self.hook.tries, 3)
        kind, facts = self.hook.posted[0]
        self.assertEqual(kind, "application/json")
        self.assertEqual((facts["event"], facts["state"]), ("raised", "CRITICAL"))
        self.assertEqual(facts["instance"], "example.org")
        agent.stop()

    def test_a_destination_that_hangs_holds_nobody_up(self):
        self.command()
        silent = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(silent.close)
        self.config.section("alert", "hang",
                            webhook="http://127.0.0.1:%d/" % silent.getsockname()[1])
        self.service.down = True
        agent = self.started()
        self.wait_alerts(1)
        self.service.down = False
        self.wait_alerts(2)
        agent.stop()

    def test_maintenance_and_probes_that_are_not_meant(self):
        self.command(probes=["other"])
        self.config.section("alert", "hook", webhook=self.hook.url)
        self.config.section("probe", "other", type="smtp", server="test", every="1s",
                            timeout="500ms", maintenance=["00:00-24:00"])
        self.service.down = True
        agent = self.started()
        wait_for(lambda: self.hook.posted, 30, "the other probe to be told of")
        self.assertEqual([one[1]["probe"] for one in self.hook.posted], ["mx"])
        self.assertEqual(self.alerts(), [])
        probes = {one["name"]: one for one in agent.status()["probes"]}
        self.assertTrue(probes["other"]["maintenance"])
        agent.stop()


if __name__ == "__main__":
    main()
