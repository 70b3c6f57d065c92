"""promtool of Debian's package prometheus, unpacked by tests/run.sh; an installed one does too."""

import os
import shutil
import subprocess
import unittest

UNPACKED = os.environ.get("MAILVIGIL_UNPACKED_TOOLS") or os.path.abspath(
    os.path.join(os.path.dirname(__file__), "..", "..", "..", "build", "unpacked-tools"))


def run(*arguments, octets=None, cwd=None):
    """What it did; the test is skipped where there is none."""
    program = os.path.join(UNPACKED, "usr/bin/promtool")
    if not os.path.exists(program):
        program = shutil.which("promtool")
    if program is None:
        raise unittest.SkipTest("no promtool (sh tests/run.sh unpacks it)")
    return subprocess.run((program, *arguments), input=octets, cwd=cwd, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=120, check=False)
