"""A message of 60 MB goes through in constant memory."""

import hashlib
import sys

from harness import case, mail

MEGABYTE = 1_000_000


class Big(case.Case):
    def test_sixty_megabytes_in_less_than_32_of_memory(self):
        self.config.rule("everything", incoming="all")
        # The sanitizer keeps freed memory back; what is measured is what the agent holds.
        agent = self.started(environment={
            "ASAN_OPTIONS": "quarantine_size_mb=0:thread_local_quarantine_size_kb=0"})
        self.deliver("alice", "small, to have seen every path once")
        self.wait_copies(1)
        idle = agent.memory("VmRSS")
        agent.reset_peak()
        octets = mail.message(subject="big", received=True, size=60 * MEGABYTE)
        self.dovecot.deliver("alice", octets)
        copy = self.wait_copies(2, timeout=120)[1]
        peak = agent.memory("VmHWM")
        body = octets.partition(b"\r\n\r\n")[2]
        self.assertEqual(hashlib.sha256(copy.body).digest(), hashlib.sha256(body).digest())
        print("%.1f MB above idle" % ((peak - idle) / MEGABYTE), file=sys.stderr)
        self.assertLess(peak - idle, 32 * MEGABYTE)


if __name__ == "__main__":
    case.main()
