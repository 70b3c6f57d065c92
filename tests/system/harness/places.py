"""Temporary places and free ports."""

import ctypes
import os
import shutil
import signal
import socket
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


def dies_with_us():
    """For preexec_fn: a test that is killed leaves no server and no agent behind (PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
