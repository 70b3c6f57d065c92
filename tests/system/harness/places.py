"""Temporary places and free ports."""

import os
import shutil
import socket
import subprocess
import tempfile


def temporary(prefix="mv"):
    """A new directory in memory where there is one. Short: sockets in it must fit in 108 octets."""
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    path = tempfile.mkdtemp(prefix=prefix + "-", dir=base)
    os.chmod(path, 0o755)
    return path


def remove(path):
    if os.environ.get("KEEP"):
        print("kept: " + path)
    else:
        shutil.rmtree(path, ignore_errors=True)


def free_ports(count):
    """Loopback ports nobody listens on now. All are held until all are chosen."""
    sockets = []
    try:
        for _ in range(count):
            one = socket.socket()
            one.bind(("127.0.0.1", 0))
            sockets.append(one)
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


class Guard:
    """Ends the process `pid` when the test dies without having done so: a pipe to a small shell
    closes with us. (A signal at the parent's death would not do: Dovecot's master changes its
    credentials, which forgets it.)"""

    def __init__(self, pid):
        self.shell = subprocess.Popen(("sh", "-c", 'read -r _; kill "$1"', "guard", str(pid)),
                                      stdin=subprocess.PIPE, start_new_session=True)

    def release(self):
        self.shell.kill()
        self.shell.wait()
        self.shell.stdin.close()
