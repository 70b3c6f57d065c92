"""Each address family by itself: that one is well hides nothing of the other. The name with both is
in an /etc/hosts of our own, in a mount namespace (which needs root)."""

import json
import os
import socket
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import mta, places  # noqa: E402
from harness.agent import Config, program  # noqa: E402
from harness.case import main  # noqa: E402

UNAVAILABLE = mta.available()


def has_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        return True
    except OSError:
        return False


class SmtpService:
    def __init__(self, address, port=0):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.listener = socket.create_server((address, port), family=family)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            with connection, connection.makefile("rwb") as stream:
                stream.write(b"220 test ESMTP\r\n")
                stream.flush()
                for line in stream:
                    stream.write(b"250 well\r\n")
                    stream.flush()
                    if line.upper().startswith(b"QUIT"):
                        break

    def close(self):
        self.listener.close()


@unittest.skipIf(UNAVAILABLE, UNAVAILABLE)
@unittest.skipIf(not has_ipv6(), "there is no IPv6 on loopback here")
class Families(unittest.TestCase):
    def setUp(self):
        self.config = Config()
        self.addCleanup(self.config.close)
        self.dir = places.temporary("mvf")
        self.addCleanup(places.remove, self.dir)

    def service(self, address, port=0):
        service = SmtpService(address, port)
        self.addCleanup(service.close)
        return service

    def probe(self, *arguments):
        """In the namespace; status and output."""
        path = self.config.write() or self.config.path
        script = "mount --bind '%s/hosts' /etc/hosts && exec \"$0\" \"$@\"" % self.dir
        done = subprocess.run(("unshare", "-m", "--propagation", "private", "sh", "-c", script,
                               program(), "-c", path, "probe", "both") + arguments,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        return done.returncode, done.stdout.decode()

    def configure(self, port, **keys):
        # Without TLS only loopback is spoken to, and "localhost" is the only name that is.
        with open(self.dir + "/hosts", "w") as out:
            out.write("127.0.0.1 localhost\n::1 localhost\n")
        self.config.section("server", "test", smtp="smtp+plain://localhost:%d" % port)
        self.config.section("probe", "both", type="smtp", server="test", timeout="3s", **keys)

    def test_both_are_well(self):
        port = self.service("::1").port
        self.service("127.0.0.1", port)
        self.configure(port)
        status, output = self.probe("--json")
        paths = json.loads(output)["paths"]
        self.assertEqual(status, 0, output)
        self.assertEqual([(one["family"], one["success"]) for one in paths],
                         [("ipv6", True), ("ipv4", True)])

    def test_a_dead_family_is_named_and_the_other_told_as_well(self):
        for address, dead in (("127.0.0.1", "ipv6"), ("::1", "ipv4")):
            with self.subTest(dead=dead):
                self.configure(self.service(address).port)
                status, output = self.probe("--json")
                told = json.loads(output)
                self.assertEqual(status, 2, output)
                self.assertEqual({one["family"]: one["success"] for one in told["paths"]},
                                 {"ipv4": dead != "ipv4", "ipv6": dead != "ipv6"})
                self.assertEqual(told["phase"], "connect")
                self.assertIn("IPv%s only" % dead[-1], self.probe()[1])

    def test_only_one_is_asked_for(self):
        self.configure(self.service("127.0.0.1").port, family="ipv4")
        self.assertEqual(self.probe()[0], 0)
        self.config.change("probe", "both", family="ipv6")
        self.assertEqual(self.probe()[0], 2)
        self.assertEqual(self.probe("-4")[0], 0)


if __name__ == "__main__":
    main()
