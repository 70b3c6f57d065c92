"""A round trip with real parts: a Dovecot, a mail transfer agent whose users have email_return in
their .forward, and the configuration of the agent that probes them."""

import json
import os
import re
import shutil
import unittest
import urllib.request

from . import places
from .agent import Agent, Config, program, run_command
from .dovecot import PASSWORD, Dovecot
from .imap import wait_for

USERS = ("probe", "scout", "keeper", "plain", "double", "mirror", "ahead", "behind")
SECRET = "a secret that both sides know, 1"


def email_return():
    return os.environ.get("EMAIL_RETURN") or os.path.join(
        os.path.dirname(program()), "email_return", "email_return")


class Loop(unittest.TestCase):
    """A Dovecot and an MTA for each test; subclasses say which MTA. `mtas` are all that take part,
    the first one is where probes are submitted and answers arrive."""

    users = USERS

    def setUp(self):
        self.mtas = []
        self.mta = self.started_mta(self.transfer_agent())
        self.config = self.configuration()
        self.addCleanup(self.config.close)

    def transfer_agent(self):
        """Starts the mailboxes, returns the MTA that delivers to them, not started."""
        raise NotImplementedError

    def mailboxes(self, users=(), **keys):
        """users: further ones, such as those of other domains."""
        self.dovecot = Dovecot(users=(*self.users, *users), **keys)
        self.addCleanup(self.dovecot.close)
        return self.dovecot.start()

    def started_mta(self, one):
        self.addCleanup(one.close)
        self.mtas.append(one)
        return one.start()

    def logs(self):
        return "".join("\n---- log of %s\n%s" % (type(one).__name__, one.log())
                       for one in self.mtas)

    def configuration(self):
        config = Config()
        config.section("server", "office", ca_file=self.dovecot.ca_file,
                       imap="imaps://localhost:%d" % self.dovecot.imaps_port,
                       smtp="smtp://localhost:%d" % self.mta.submission_port)
        config.account("probe", watch=False, monitor=False)
        self.http_port = places.free_ports(1)[0]
        config.section("status", None, listen="127.0.0.1:%d" % self.http_port)
        return config

    def probe(self, name, to=None, **keys):
        """to: whom to, when that is not its name; an address or a local part of example.org."""
        to = to or name
        given = {"type": "roundtrip", "server": "office", "from": "probe@example.org",
                 "to": to if "@" in to else to + "@example.org", "return_account": "probe",
                 "every": "10s", "timeout": "9s", "warn": "8s", "crit": "20s", "lost": "1h",
                 "password_file": self.config.secret("probe.secret", PASSWORD),
                 "secret_file": self.config.secret("loop.secret", SECRET)}
        given.update(keys)
        self.config.section("probe", name, **given)

    def install(self, user, around="", keep=False, mta=None, **keys):
        """email_return in the user's .forward; around: what it is started by."""
        mta = mta or self.mta
        program_file = mta.dir + "/libexec/email_return"
        if not os.path.exists(program_file):
            os.mkdir(os.path.dirname(program_file), 0o755)
            shutil.copy(email_return(), program_file)
            os.chmod(program_file, 0o755)
        given = {"address": "%s@%s" % (user, mta.domains[0]), "reply_to": "probe@example.org",
                 "secret_file": ".email_return.secret", "sendmail": mta.sendmail}
        given.update(keys)
        mta.write("home/%s/.email_return.secret" % user, SECRET + "\n", 0o400, user)
        mta.write("home/%s/.email_return.conf" % user,
                  "".join("%s = %s\n" % one for one in given.items()), 0o600, user)
        mta.forward(user, '%s"|%s%s"' % ("\\%s, " % user if keep else "", around, program_file))

    def once(self, name, status=0, timeout=30):
        """`mailvigil probe NAME --json`: the result."""
        self.config.write()
        done = run_command(self.config, "probe", name, "--json", "-t", str(timeout))
        self.assertEqual(done.returncode, status, done.stdout + done.stderr + self.logs())
        return json.loads(done.stdout)

    def started(self):
        agent = Agent(self.config)
        self.addCleanup(agent.kill)
        return agent.start()

    def metrics(self):
        """{(name, labels as written): value}"""
        text = urllib.request.urlopen("http://127.0.0.1:%d/metrics" % self.http_port,
                                      timeout=10).read().decode()
        return {(name, labels): float(value) for name, labels, value in re.findall(
            r"^(\w+)(?:\{(.*)\})? (\S+)$", text, re.M)}

    def count(self, probe, what):
        return self.metrics().get(("mail_roundtrip_" + what, 'probe="%s"' % probe), 0)

    def books(self, probe):
        found = self.metrics()
        return {what: found.get(("mail_roundtrip_%s" % name, 'probe="%s"' % probe))
                for what, name in (("sent", "sent_total"), ("returned", "returned_total"),
                                   ("late", "late_total"), ("lost", "lost_total"),
                                   ("uncertain", "send_uncertain_total"),
                                   ("outstanding", "outstanding"),
                                   ("duplicates", "duplicates_total"))}

    def assert_balance(self, books):
        self.assertEqual(books["sent"], books["returned"] + books["late"] + books["lost"] +
                         books["uncertain"] + books["outstanding"], books)

    def wait_count(self, probe, what, least=1, timeout=45):
        wait_for(lambda: self.count(probe, what) >= least, timeout,
                 "%s of %s to be %d" % (what, probe, least), self.logs)


