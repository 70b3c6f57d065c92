"""What private mail transfer agents have in common: a mount namespace of their own, in which the
machine's /etc/passwd, its configuration and its spool are ours. So the programs run from where
Debian has them, /usr/sbin/sendmail included, with users that exist for the test only, and nothing
of the machine is changed. Needs root and unshare(1): available() says whether they are there.

Users have a home in `dir`/home, may have a .forward there, and their mail goes on to a Dovecot by
LMTP. Mail for other domains goes to the loopback ports that `routes` names.
"""

import os
import shutil
import subprocess
import time

from . import places

PASSWD = """root:x:0:0:root:/root:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
"""
UID = 21000  # of the first user


def available(*programs):
    """Why there can be no private MTA here; None: there can."""
    if os.geteuid() != 0:
        return "only root can make a mount namespace"
    missing = [one for one in programs if not shutil.which(one, path=os.environ["PATH"] +
                                                           ":/usr/sbin:/sbin")]
    if missing:
        return "there is no " + ", ".join(missing)
    done = subprocess.run(("unshare", "-m", "true"), stderr=subprocess.DEVNULL, check=False)
    return "unshare -m is not allowed here" if done.returncode else None


class Mta:
    """Subclasses write their configuration, name what stands over what, and start the program."""

    sendmail = "/usr/sbin/sendmail"

    def __init__(self, prefix, users, domains, dovecot, routes=None):
        self.dir = places.temporary(prefix)
        self.users, self.domains, self.dovecot = list(users), list(domains), dovecot
        self.routes = routes or {}
        self.process = self.keeper = self.guard = None
        self.over = {}  # what stands in the namespace: path: our file or directory
        os.makedirs(self.dir + "/home")
        self.uids = {user: UID + number for number, user in enumerate(self.users)}
        for user, uid in self.uids.items():
            os.mkdir(self.home(user), 0o755)
            os.chown(self.home(user), uid, uid)
        self._accounts()

    def _accounts(self):
        with open("/etc/passwd") as passwd, open("/etc/group") as group:
            have_users, have_groups = passwd.read(), group.read()
        for user, uid in self.uids.items():
            have_users += "%s:x:%d:%d::%s:/bin/sh\n" % (user, uid, uid, self.home(user))
            have_groups += "%s:x:%d:\n" % (user, uid)
        self.over["/etc/passwd"] = self.write("passwd", have_users)
        self.over["/etc/group"] = self.write("group", have_groups)
        self.over["/etc/aliases"] = self.write("aliases", "postmaster: %s\n" % self.users[0])

    def home(self, user):
        return "%s/home/%s" % (self.dir, user)

    def write(self, name, text, mode=0o644, user=None):
        path = os.path.join(self.dir, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as out:
            out.write(text)
        os.chmod(path, mode)
        if user:
            os.chown(path, self.uids[user], self.uids[user])
        return path

    def forward(self, user, text):
        """The user's .forward; None: without."""
        path = self.home(user) + "/.forward"
        if text is None:
            if os.path.exists(path):
                os.unlink(path)
        else:
            self.write("home/%s/.forward" % user, text + "\n", 0o600, user)

    # ---- the namespace ----

    def enter(self):
        """A process that keeps the namespace, in which all paths of `over` are ours."""
        for path in self.over:
            if not os.path.exists(path):
                raise RuntimeError("there is no %s to stand in for" % path)
        # Programs of ours run from our directory, set-user-ID ones too, whatever lies around it.
        script = ("mount --bind '%s' '%s' && mount -o remount,bind,exec,suid '%s' && "
                  % ((self.dir,) * 3))
        script += "".join("mount --bind '%s' '%s' && " % (ours, path)
                          for path, ours in self.over.items()) + "echo in && exec sleep 100000"
        self.keeper = subprocess.Popen(
            ("unshare", "-m", "--propagation", "private", "sh", "-c", script),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        if self.keeper.stdout.readline() != b"in\n":
            raise RuntimeError("no namespace of our own")

    def inside(self, *command):
        return ("nsenter", "-m", "-t", str(self.keeper.pid)) + command

    def run(self, *command, user=None, stdin=b"", check=True):
        """A command in the namespace, as that user or root; its output as text."""
        if user:
            number = str(self.uids[user])
            command = ("setpriv", "--reuid", number, "--regid", number, "--clear-groups") + command
        done = subprocess.run(self.inside(*command), input=stdin, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
        if check and done.returncode:
            raise RuntimeError("%s: %s" % (command, done.stdout.decode(errors="replace")))
        return done.stdout.decode(errors="replace")

    def wait_listening(self, *ports):
        until = time.monotonic() + 30
        for port in ports:
            while not self.dovecot._listening(port):
                if self.process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError("it did not start: " + self.log())
                time.sleep(0.02)

    def log(self):
        try:
            with open(self.dir + "/log", errors="replace") as log:
                return log.read()
        except OSError:
            return ""

    def close(self):
        self.stop()
        if self.keeper:
            self.keeper.kill()
            self.keeper.wait()
            self.keeper.stdout.close()
        places.remove(self.dir)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()
