"""A private Courier IMAP on loopback, in a changed root: the paths of its passwords, its
configuration and its sockets are fixed in its programs. Needs root."""

import os
import shutil
import subprocess
import time
import unittest

from . import unpacked
from .dovecot import PASSWORD
from .imap import wait_for

CAPABILITIES = ("IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT THREAD=REFERENCES SORT "
                "QUOTA")
# Of the host, seen in the changed root.
SHARED = ("/lib64", "/usr/lib/%s-linux-gnu" % os.uname().machine, "/bin", "/dev", "/proc")
ROOM = """
set -e
root=$1; shift
for directory in %s; do
    mkdir -p "$root$directory"
    mount --rbind "$directory" "$root$directory"
done
exec /usr/sbin/chroot "$root" "$@"
""" % " ".join(SHARED)


class Courier(unpacked.Unpacked):
    """Folders lie below "INBOX.". idle=False: it is not offered."""

    def __init__(self, idle=True, **keys):
        if os.geteuid() != 0:
            raise unittest.SkipTest("Courier needs root")
        login = unpacked.need("usr/lib/courier/courier/imaplogin")
        super().__init__(**keys)
        self.delivered = 0
        self.uid = 20000 + os.getpid() % 40000
        self.capability = CAPABILITIES + (" IDLE" if idle else "")
        self.root = self.path("root")
        shutil.copytree(login[:login.index("/lib/")], os.path.join(self.root, "usr"), symlinks=True)
        os.symlink("usr/lib", os.path.join(self.root, "lib"))
        for name in ("etc/courier", "run/courier/authdaemon", "home", "tmp"):
            os.makedirs(os.path.join(self.root, name), exist_ok=True)
        os.chmod(os.path.join(self.root, "tmp"), 0o1777)
        self._passwords()
        for user in self.users:
            self._maildir(user)
        self._certificate()

    def _passwords(self):
        crypted = subprocess.run(("openssl", "passwd", "-6", PASSWORD), stdout=subprocess.PIPE,
                                 check=True).stdout.decode().strip()
        fields = {"userdb": "uid=%d|gid=%d|home=/home/%%s|mail=/home/%%s/Maildir" % (self.uid, self.uid),
                  "userdbshadow": "systempw=" + crypted}
        for name, form in fields.items():
            base = self.write("root/etc/courier/" + name, "".join(
                "%s\t%s\n" % (self.address(user), form.replace("%s", user))
                for user in self.users) + ".\n")
            subprocess.run((unpacked.need("usr/lib/courier/courier-authlib/makedatprog"),
                            base, base + ".tmp", base + ".dat"), check=True,
                           env=unpacked.environment())
        # gamin's socket has the user's name, and lies in a namespace that all tests share.
        self.write("root/etc/passwd", "root:x:0:0:::\ncourier:x:1:1:::\nmail%d:x:%d:%d:::\n"
                   % (self.uid, self.uid, self.uid))
        self.write("root/etc/courier/authdaemonrc",
                   'authmodulelist="authuserdb"\ndaemons=2\n'
                   "authdaemonvar=/run/courier/authdaemon\nDEBUG_LOGIN=0\n")

    def _maildir(self, user):
        maildir = os.path.join(self.root, "home", user, "Maildir")
        for folder in ("", ".Sent", ".Drafts", ".Trash"):
            for part in ("cur", "new", "tmp"):
                os.makedirs(os.path.join(maildir, folder, part))
            if folder:
                open(os.path.join(maildir, folder, "maildirfolder"), "w").close()
        for directory, _, files in os.walk(os.path.dirname(maildir)):
            for name in [directory] + [os.path.join(directory, one) for one in files]:
                os.chown(name, self.uid, self.uid)

    def _certificate(self):
        with open(self.cert) as cert, open(self.key) as key:
            self.write("root/etc/courier/imapd.pem", cert.read() + key.read())

    def start(self):
        environment = {
            "PATH": "/usr/bin:/bin", "LD_LIBRARY_PATH": "/usr/lib", "IMAPDSTART": "YES",
            "IMAP_CAPABILITY": self.capability, "IMAP_KEYWORDS": "1", "IMAP_ACL": "0",
            "IMAP_CAPABILITY_TLS": self.capability + " AUTH=PLAIN",
            "IMAP_IDLE_TIMEOUT": "1", "IMAP_CHECK_ALL_FOLDERS": "0", "IMAP_UMASK": "022",
            "IMAP_ULIMITD": "131072", "IMAP_USELOCKS": "1", "IMAP_ENHANCEDIDLE": "1",
            "IMAP_STARTTLS": "YES", "IMAPDSTARTTLS": "YES", "IMAP_TLS_REQUIRED": "0",
            "COURIERTLS": "/usr/bin/couriertls", "TLS_CERTFILE": "/etc/courier/imapd.pem",
            "TLS_VERIFYPEER": "NONE", "MAILDIRPATH": "Maildir", "DEBUG_LOGIN": "0"}
        self._in_room("/usr/lib/courier/courier-authlib/authdaemond", environment)
        self._in_room("/usr/sbin/couriertcpd", environment, "-address=127.0.0.1",
                      "-maxprocs=100", "-maxperip=100", "-nodnslookup", "-noidentlookup",
                      str(self.imap_port), "/usr/lib/courier/courier/imaplogin",
                      "/usr/bin/imapd", "Maildir")
        wait_for(lambda: os.path.exists(self.path("root/run/courier/authdaemon/socket")), 20,
                 "authdaemond")
        self.wait_listening(self.imap_port)
        # Who only ever EXAMINEs sees another UIDVALIDITY each second: SELECT fixes it. Every user
        # was here before.
        for user in self.users:
            with self.mailbox(user) as mailbox:
                for folder in mailbox.folders():
                    mailbox.imap.select(folder)
        return self

    def _in_room(self, program, environment, *arguments):
        self.run("unshare", "--mount", "--pid", "--fork", "--kill-child",
                 "sh", "-c", ROOM, "room", self.root, program, *arguments,
                 env=environment)

    def deliver(self, user, octets):
        """As maildrop does: tmp/, then new/."""
        maildir = os.path.join(self.root, "home", user, "Maildir")
        self.delivered += 1
        name = "%d.M%06dP1.mail" % (time.time(), self.delivered)  # their order is that of names
        path = os.path.join(maildir, "tmp", name)
        with open(path, "wb") as out:
            out.write((b"Received: from mx.elsewhere.test by mail.example.org; "
                       b"Mon, 02 Feb 2026 10:00:00 +0000\r\n" + octets).replace(b"\r\n", b"\n"))
        os.chown(path, self.uid, self.uid)
        os.rename(path, os.path.join(maildir, "new", name))

    def mailbox(self, user):
        found = super().mailbox(user)
        found.imap.unselect = found.imap.close  # it has no UNSELECT; what is closed was EXAMINEd
        return found
