"""A private Cyrus IMAP on loopback: IMAP (TLS, STARTTLS, plain) and LMTP, passwords in a sasldb.

Its processes refuse to be root: then they run as nobody.
"""

import os
import pwd
import shutil
import smtplib
import subprocess
import time

from . import places, unpacked
from .dovecot import PASSWORD
from .mail import message

IMAPD_CONF = """
configdirectory: {dir}/conf
partition-default: {dir}/spool
proc_path: {dir}/proc
mboxname_lockpath: {dir}/lock
idlesocket: {dir}/idle
lmtpsocket: {dir}/lmtp.socket
temp_path: {dir}/tmp
cyrus_user: {user}
servername: example.org
virtdomains: userid
defaultdomain: example.org
admins: admin
altnamespace: {altnamespace}
unixhierarchysep: {unixhierarchysep}
autocreate_quota: 0
autocreate_post: yes
autocreate_inbox_folders: Sent | Drafts | Junk | Trash
{special_use}
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {dir}/sasldb
sasl_mech_list: PLAIN
allowplaintext: yes
tls_server_cert: {cert}
tls_server_key: {key}
tls_client_ca_file: {ca}
duplicatesuppression: no
imapidlepoll: {idle}
"""

SPECIAL_USE = """
xlist-Sent: Sent
xlist-Drafts: Drafts
xlist-Junk: Junk
xlist-Trash: Trash
"""

CYRUS_CONF = """
START {{
  recover cmd="{bin}/ctl_cyrusdb -C {conf} -r"
}}
DAEMON {{
  idled cmd="{bin}/idled -C {conf} -d"
}}
SERVICES {{
  imap cmd="{bin}/imapd -C {conf} -U 1" listen="127.0.0.1:{imap_port}" prefork=0 proto="tcp4"
  imaps cmd="{bin}/imapd -C {conf} -s -U 1" listen="127.0.0.1:{imaps_port}" prefork=0 proto="tcp4"
  lmtp cmd="{bin}/lmtpd -C {conf} -a" listen="127.0.0.1:{lmtp_port}" prefork=0 proto="tcp4"
}}
EVENTS {{
}}
"""


class Cyrus(unpacked.Unpacked):
    """altnamespace: folders lie beside INBOX, not below it. unixhierarchysep: "/", not ".".
    idle=False: it is not offered."""

    def __init__(self, altnamespace=True, unixhierarchysep=True, special_use=True, idle=True,
                 **keys):
        self.bin = os.path.dirname(unpacked.need("usr/lib/cyrus/bin/master"))
        super().__init__(**keys)
        self.environment = unpacked.environment()
        self.lmtp_port, = places.free_ports(1)
        identity = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        self.identity = {"user": identity.pw_uid, "group": identity.pw_gid,
                         "extra_groups": []} if os.geteuid() == 0 else {}
        yes_no = {True: "yes", False: "no"}
        self.conf = self.write("imapd.conf", IMAPD_CONF.format(
            dir=self.dir, user=identity.pw_name, altnamespace=yes_no[altnamespace],
            unixhierarchysep=yes_no[unixhierarchysep], cert=self.cert, key=self.key,
            ca=self.ca_file, special_use=SPECIAL_USE if special_use else "",
            idle=60 if idle else 0))
        self.cyrus_conf = self.write("cyrus.conf", CYRUS_CONF.format(
            bin=self.bin, conf=self.conf, imap_port=self.imap_port, imaps_port=self.imaps_port,
            lmtp_port=self.lmtp_port))
        for name in ("conf", "conf/socket", "spool", "proc", "lock", "tmp"):
            os.mkdir(self.path(name))
        self._passwords()
        if os.geteuid() == 0:
            for directory, _, files in os.walk(self.dir):
                for name in [directory] + [os.path.join(directory, one) for one in files]:
                    shutil.chown(name, identity.pw_uid, identity.pw_gid)

    def _passwords(self):
        for user in self.users:
            subprocess.run((unpacked.need("usr/sbin/saslpasswd2"), "-f", self.path("sasldb"),
                            "-c", "-p", "-u", self.domain, user), input=PASSWORD.encode(),
                           env=self.environment, check=True)

    def start(self):
        self.run(self.bin + "/master", "-C", self.conf, "-M", self.cyrus_conf,
                 "-p", self.path("master.pid"), env=self.environment, **self.identity)
        self.wait_listening(self.imap_port, self.imaps_port, self.lmtp_port)
        # Processes that begin in the same second make mailboxes with the same identifiers, and so
        # one mailbox of two: one process makes those of all users, alone in its second.
        self.deliver(self.users, message(subject="welcome", received=True))
        time.sleep(1.01 - time.time() % 1)
        return self

    def deliver(self, user, octets, sender="outside@elsewhere.test"):
        """LMTP, as an MTA would: to one user or to several in one session."""
        with smtplib.LMTP("127.0.0.1", self.lmtp_port) as lmtp:
            for one in [user] if isinstance(user, str) else user:
                lmtp.sendmail(sender, [self.address(one)], octets)
