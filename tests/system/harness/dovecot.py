"""A private Dovecot on loopback: IMAP (TLS, STARTTLS, plain), POP3, LMTP, Sieve, a master user.

Works as root in a container without systemd and as an ordinary user. Everything lies in one
temporary directory, and the server is stopped by its process id.
"""

import grp
import os
import pwd
import signal
import smtplib
import socket
import subprocess
import time

from . import places
from .certs import Authority
from .imap import Mailbox

PASSWORD = "secret"
MASTER = "vigil"
MASTER_PASSWORD = "master-secret"
USERS = ("alice", "bob", "carol", "dave", "monitor", "auditor")

# What Dovecot 2.3 offers after login; options hide some of it.
CAPABILITIES = (
    "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE SORT SORT=DISPLAY THREAD=REFERENCES "
    "THREAD=REFS THREAD=ORDEREDSUBJECT MULTIAPPEND URL-PARTIAL CATENATE UNSELECT CHILDREN "
    "NAMESPACE UIDPLUS LIST-EXTENDED I18NLEVEL=1 CONDSTORE QRESYNC ESEARCH ESORT SEARCHRES WITHIN "
    "CONTEXT=SEARCH LIST-STATUS BINARY MOVE SNIPPET=FUZZY PREVIEW=FUZZY PREVIEW STATUS=SIZE "
    "SAVEDATE LITERAL+ NOTIFY SPECIAL-USE").split()

CONFIGURATION = """
base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/dovecot.log
instance_name = {name}
protocols = imap lmtp{pop3}
listen = 127.0.0.1
default_internal_user = {internal_user}
default_internal_group = {internal_group}
default_login_user = {login_user}
default_vsz_limit = 1G
default_process_limit = 2000
default_client_limit = 20000
first_valid_uid = 0
first_valid_gid = 0
mail_location = maildir:~/Maildir
mail_fsync = never
mail_max_userip_connections = 10000
mail_temp_dir = {dir}/tmp
auth_mechanisms = plain login
auth_verbose = no
auth_failure_delay = 0
auth_cache_size = 0
disable_plaintext_auth = no
ssl = yes
ssl_cert = <{cert}
ssl_key = <{key}
ssl_min_protocol = TLSv1.2
lda_mailbox_autocreate = yes
postmaster_address = postmaster@example.org
hostname = mail.example.org
submission_host = 127.0.0.1:9
{imap_capability}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {dir}/masters
  master = yes
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {dir}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={dir}/home/%u
}}
namespace inbox {{
  inbox = yes
  separator = {separator}
  prefix = {prefix}
  mailbox Drafts {{
    auto = create
    {drafts}
  }}
  mailbox Junk {{
    auto = create
    {junk}
  }}
  mailbox Trash {{
    auto = create
    {trash}
  }}
  mailbox {sent_name} {{
    auto = create
    {sent}
  }}
}}
protocol lmtp {{
  mail_plugins = sieve
}}
plugin {{
  sieve = file:~/sieve;active=~/.dovecot.sieve
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service auth {{
  unix_listener auth-userdb {{
    mode = 0666
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
service imap-login {{
  chroot =
  service_count = 0
  process_min_avail = 1
  inet_listener imap {{
    port = {imap_port}
  }}
  inet_listener imaps {{
    port = {imaps_port}
    ssl = yes
  }}
}}
service imap {{
  process_min_avail = 1
  service_count = 100
}}
service lmtp {{
  {lmtp_user}
  process_min_avail = 1
  service_count = 0
  unix_listener lmtp {{
    mode = 0600
  }}
  inet_listener lmtp {{
    port = {lmtp_port}
  }}
}}
{extra}
"""

POP3 = """
service pop3-login {{
  chroot =
  service_count = 0
  process_min_avail = 1
  inet_listener pop3 {{
    port = {pop3_port}
  }}
  inet_listener pop3s {{
    port = {pop3s_port}
    ssl = yes
  }}
}}
service pop3 {{
  process_min_avail = 1
  service_count = 100
}}
"""


def _identities():
    """Who runs what. As root mail belongs to a number of our own: inotify's limits count by uid."""
    if os.geteuid() == 0:
        uid = 20000 + os.getpid() % 40000
        return {"internal_user": "dovecot", "internal_group": "dovecot", "login_user": "dovenull",
                "uid": uid, "gid": uid, "lmtp_user": ""}
    user = pwd.getpwuid(os.geteuid()).pw_name
    group = grp.getgrgid(os.getegid()).gr_name
    return {"internal_user": user, "internal_group": group, "login_user": user,
            "uid": os.geteuid(), "gid": os.getegid(), "lmtp_user": "user = " + user}


class Dovecot:
    """pop3: with that service, too. hide: capabilities that are not shown. users: local parts of `domain`, or full addresses.
    special_use=False leaves the folders without their \\Sent ... marks. sent_name: name of Sent."""

    def __init__(self, domain="example.org", users=USERS, hide=(), special_use=True,
                 sent_name="Sent", separator="/", prefix="", cert=None, authority=None, extra="",
                 own_session=False, pop3=False):
        self.dir = places.temporary("mvd")
        self.domain = domain
        self.hide, self.special_use, self.sent_name = hide, special_use, sent_name
        self.separator, self.prefix, self.extra = separator, prefix, extra
        self.authority = authority or Authority(self.dir)
        self.ca_file = self.authority.cert
        self.cert, self.key = cert or self.authority.certificate("localhost")
        (self.imap_port, self.imaps_port, self.lmtp_port, self.pop3_port,
         self.pop3s_port) = places.free_ports(5)
        self.pop3 = pop3
        self.identities = _identities()
        self.own_session = own_session  # it outlives the terminal
        self.process = self.guard = None
        self.passwords = {}
        for directory in ("home", "tmp", "state"):
            os.mkdir(os.path.join(self.dir, directory))
        if os.geteuid() == 0:
            for directory in ("home", "tmp"):
                os.chown(os.path.join(self.dir, directory), self.identities["uid"],
                         self.identities["gid"])
        self._write("masters", "%s:{PLAIN}%s\n" % (MASTER, MASTER_PASSWORD))
        for user in users:
            self.passwords[self.address(user)] = PASSWORD
        self._write_users()
        self.configure()

    # ---- files ----

    def address(self, user):
        return user if "@" in user else "%s@%s" % (user, self.domain)

    def _write(self, name, text):
        path = os.path.join(self.dir, name)
        with open(path + ".new", "w") as out:
            out.write(text)
        os.chmod(path + ".new", 0o644)
        os.rename(path + ".new", path)
        return path

    def _write_users(self):
        self._write("users", "".join("%s:{PLAIN}%s::::::\n" % one
                                     for one in self.passwords.items()))

    def set_password(self, user, password):
        """Becomes valid at once (Dovecot looks at the file again when its size or time changes)."""
        self.passwords[self.address(user)] = password
        self._write_users()

    def configure(self):
        shown = [name for name in CAPABILITIES if name not in self.hide]
        use = (lambda name: "special_use = \\" + name) if self.special_use else (lambda name: "")
        self.conf = self._write("dovecot.conf", CONFIGURATION.format(
            dir=self.dir, name="mv%d" % self.imap_port, cert=self.cert, key=self.key,
            imap_port=self.imap_port, imaps_port=self.imaps_port, lmtp_port=self.lmtp_port,
            imap_capability="imap_capability = " + " ".join(shown) if self.hide else "",
            separator=self.separator, prefix=self.prefix, sent_name=self.sent_name,
            drafts=use("Drafts"), junk=use("Junk"), trash=use("Trash"), sent=use("Sent"),
            pop3=" pop3" if self.pop3 else "",
            extra=self.extra + (POP3.format(pop3_port=self.pop3_port, pop3s_port=self.pop3s_port)
                                if self.pop3 else ""), **self.identities))

    # ---- life ----

    def start(self):
        self.process = subprocess.Popen(("dovecot", "-F", "-c", self.conf),
                                        stdin=subprocess.DEVNULL,
                                        stdout=open(self.dir + "/stdout", "ab"),
                                        stderr=subprocess.STDOUT,
                                        start_new_session=self.own_session)
        self.guard = None if self.own_session else places.Guard(self.process.pid)
        until = time.monotonic() + 20
        ports = (self.imap_port, self.imaps_port, self.lmtp_port) + (
            (self.pop3_port, self.pop3s_port) if self.pop3 else ())
        for port in ports:
            while not self._listening(port):
                if self.process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError("dovecot did not start: " + self.log())
                time.sleep(0.02)
        return self

    @staticmethod
    def _listening(port):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            return False

    def stop(self):
        """Ends it with all sessions. Its processes take seconds to go by themselves."""
        if self.process is None:
            return
        if self.guard:
            self.guard.release()
        children = self.pids()[1:]
        self.process.send_signal(signal.SIGTERM)
        for pid in children:
            self._signal(pid, signal.SIGKILL)
        try:
            self.process.wait(1)
        except subprocess.TimeoutExpired:
            for pid in self.pids():
                self._signal(pid, signal.SIGKILL)
            self.process.wait()
        self.process = None

    def pause(self):
        """Stops answering without closing anything: all its processes are frozen."""
        self._signal_all(signal.SIGSTOP)

    def resume(self):
        self._signal_all(signal.SIGCONT)

    def pids(self):
        """The master and its children."""
        found, parents = [self.process.pid], {}
        for name in os.listdir("/proc"):
            if name.isdigit():
                try:
                    with open("/proc/%s/stat" % name) as stat:
                        parents[int(name)] = int(stat.read().rsplit(")", 1)[1].split()[1])
                except OSError:
                    pass
        found += [pid for pid, parent in parents.items() if parent == self.process.pid]
        return found

    def _signal_all(self, number):
        for pid in self.pids():
            self._signal(pid, number)

    @staticmethod
    def _signal(pid, number):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass

    def log(self):
        text = ""
        for name in ("stdout", "dovecot.log"):
            try:
                with open(os.path.join(self.dir, name), errors="replace") as log:
                    text += log.read()
            except OSError:
                pass
        return text

    def close(self):
        self.stop()
        places.remove(self.dir)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()

    # ---- use ----

    def doveadm(self, *arguments, check=True):
        done = subprocess.run(("doveadm", "-c", self.conf) + arguments, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if check and done.returncode:
            raise RuntimeError("doveadm %s: %s" % (" ".join(arguments), done.stderr.decode()))
        return done.stdout.decode(errors="replace")

    def mailbox(self, user):
        """An independent reader's session as that user."""
        return Mailbox(self.imap_port, self.address(user), self.passwords[self.address(user)])

    def deliver(self, user, octets, sender="outside@elsewhere.test"):
        """LMTP, as an MTA would: one message, its recipients (one or a list)."""
        users = [user] if isinstance(user, str) else user
        with smtplib.LMTP("127.0.0.1", self.lmtp_port) as lmtp:
            refused = lmtp.sendmail(sender, [self.address(one) for one in users], octets)
        if refused:
            raise RuntimeError("LMTP refused: %r" % refused)

    def deliver_many(self, user, messages, sender="outside@elsewhere.test"):
        """One LMTP session for all of them."""
        with smtplib.LMTP("127.0.0.1", self.lmtp_port) as lmtp:
            for octets in messages:
                lmtp.sendmail(sender, [self.address(user)], octets)

    def sieve(self, user, script):
        home = os.path.join(self.dir, "home", self.address(user))
        os.makedirs(home, exist_ok=True)
        path = os.path.join(home, ".dovecot.sieve")
        with open(path, "w") as out:
            out.write(script)
        if os.geteuid() == 0:
            for one in (home, path):
                os.chown(one, self.identities["uid"], self.identities["gid"])
