"""A private Postfix on loopback: SMTP, submission (STARTTLS, AUTH by a Dovecot), smtps, and local(8)
with users who have a .forward, /usr/sbin/sendmail for them, and mailboxes in that Dovecot."""

import os
import shutil
import signal
import subprocess
import time

from . import places
from .mta import Mta

# For the Dovecot that knows the passwords: Dovecot(extra=auth_listener(port)).
AUTH_LISTENER = """
service auth {
  inet_listener {
    port = %d
    address = 127.0.0.1
  }
}
"""

MAIN = """
compatibility_level = 3.6
queue_directory = /var/spool/postfix
data_directory = /var/lib/postfix
maillog_file = /dev/stdout
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mail.{first}
mydomain = {first}
myorigin = {first}
mydestination = {domains}
mynetworks = 127.0.0.1/32
smtpd_tls_cert_file = {cert}
smtpd_tls_key_file = {key}
smtpd_tls_security_level = may
smtp_tls_security_level = none
smtpd_sasl_type = dovecot
smtpd_sasl_path = inet:127.0.0.1:{auth_port}
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
smtpd_peername_lookup = no
smtpd_client_connection_rate_limit = 0
smtpd_client_connection_count_limit = 0
disable_dns_lookups = yes
local_recipient_maps =
alias_maps =
alias_database =
biff = no
recipient_delimiter = +
mailbox_transport = lmtp:inet:127.0.0.1:{lmtp_port}
lmtp_host_lookup = native
smtp_host_lookup = native
transport_maps = texthash:/etc/postfix/transport
minimal_backoff_time = {backoff}s
maximal_backoff_time = {backoff}s
queue_run_delay = {backoff}s
message_size_limit = 200000000
mailbox_size_limit = 0
{extra}
"""

MASTER = """
{smtp} inet n - n - - smtpd
{submission} inet n - n - - smtpd
  -o syslog_name=postfix/submission
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
  -o smtpd_recipient_restrictions=
{smtps} inet n - n - - smtpd
  -o syslog_name=postfix/smtps
  -o smtpd_tls_wrappermode=yes
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
pickup unix n - n 2 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 2 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix(Mta):
    """users: local parts, the same in every domain. auth_port: of the Dovecot's AUTH_LISTENER.
    routes: other domains: loopback port. backoff: seconds before a deferred message is tried again.
    extra: more lines of main.cf."""

    def __init__(self, dovecot, auth_port, users=("alice", "bob", "probe", "scout"),
                 domains=("example.org",), routes=None, backoff=2, extra=""):
        super().__init__("mvp", users, domains, dovecot, routes)
        self.smtp_port, self.submission_port, self.smtps_port = places.free_ports(3)
        self.auth_port, self.backoff, self.extra = auth_port, backoff, extra
        shutil.copytree("/etc/postfix", self.dir + "/etc", symlinks=True)
        for name in ("spool", "lib"):
            os.mkdir("%s/%s" % (self.dir, name), 0o755)
        shutil.chown(self.dir + "/lib", "postfix", "postfix")
        self.over.update({"/etc/postfix": self.dir + "/etc", "/var/spool/postfix":
                          self.dir + "/spool", "/var/lib/postfix": self.dir + "/lib"})
        self.configure()

    def configure(self):
        self.write("etc/main.cf", MAIN.format(
            first=self.domains[0], domains=", ".join(self.domains), cert=self.dovecot.cert,
            key=self.dovecot.key, auth_port=self.auth_port, lmtp_port=self.dovecot.lmtp_port,
            backoff=self.backoff, extra=self.extra))
        self.write("etc/master.cf", MASTER.format(
            smtp="127.0.0.1:%d" % self.smtp_port, smtps="127.0.0.1:%d" % self.smtps_port,
            submission="127.0.0.1:%d" % self.submission_port))
        self.write("etc/transport", "".join("%s smtp:[127.0.0.1]:%d\n" % route
                                            for route in self.routes.items()))

    def start(self):
        self.enter()
        self.process = subprocess.Popen(self.inside("/usr/sbin/postfix", "start-fg"),
                                        stdin=subprocess.DEVNULL,
                                        stdout=open(self.dir + "/log", "ab"),
                                        stderr=subprocess.STDOUT, start_new_session=True)
        self._wait_logging()
        self.wait_listening(self.smtp_port, self.submission_port, self.smtps_port)
        self.guard = places.Guard(self.master())
        return self

    def _wait_logging(self):
        """Its log service is up. Before, a few lines too many fill the socket of the log and stop
        the master, which then cannot start that service."""
        until = time.monotonic() + 30
        while "daemon started" not in self.log():
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError("Postfix did not start: " + self.log())
            time.sleep(0.02)

    def master(self):
        with open(self.dir + "/spool/pid/master.pid") as file:
            return int(file.read())

    def stop(self):
        """The master ends all its processes."""
        if self.process is None:
            return
        if self.guard:
            self.guard.release()
            self.guard = None
        if self.process.poll() is None:
            os.kill(self.master(), signal.SIGTERM)
        self.process.wait(20)
        self.process = None

    def reload(self):
        self.configure()
        self.run("/usr/sbin/postfix", "reload")

    def hold(self, yes=True):
        """New mail stays in the queue (the queue manager is told to defer all) until it is let go."""
        self.run("/usr/sbin/postconf", "-e",
                 "defer_transports = %s" % ("local lmtp smtp relay" if yes else ""))
        self.run("/usr/sbin/postfix", "reload")
        if not yes:
            self.run("/usr/sbin/postqueue", "-f")

    def queue(self):
        return self.run("/usr/sbin/postqueue", "-p")
