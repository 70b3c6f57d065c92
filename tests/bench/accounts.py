"""What a watched account costs the running agent: memory of parked TLS sessions with all that the
agent keeps for them (watch, folders, ledger), and the time until all are watched.

    MAILVIGIL=build/release/agent/mailvigil python3 tests/bench/accounts.py [--accounts 500]

Dovecot on loopback over TLS, one session an account (NOTIFY and IDLE), accounts from a CSV file, a
master user. Two sizes are measured, so that what the process needs anyway is not counted.
"""

import argparse
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "system"))

from harness.agent import Agent, Config  # noqa: E402
from harness.dovecot import MASTER, MASTER_PASSWORD, Dovecot  # noqa: E402

LIMITS = """
default_client_limit = 20000
default_vsz_limit = 1G
service imap {{
  process_limit = {most}
}}
service anvil {{
  client_limit = {double}
}}
service auth {{
  client_limit = {double}
}}
service stats {{
  client_limit = {double}
}}
service imap-login {{
  client_limit = {double}
}}
"""


def measure(dovecot, users):
    config = Config()
    config.server("office", dovecot, master_user=MASTER,
                  master_password_file=config.secret("master.secret", MASTER_PASSWORD))
    with open(os.path.join(config.dir, "users.csv"), "w") as out:
        out.write("address,monitor\n")
        out.writelines("%s@example.org,yes\n" % user for user in users)
    config.keys["accounts_file"] = "users.csv"
    config.target("compliance", folder="Copies")
    config.rule("everything", incoming="all")
    agent = Agent(config)
    try:
        agent.start(ready=False)
        agent.wait_notify("READY=1", 300)
        return agent.memory(), agent.private_memory()
    finally:
        agent.stop()
        config.close()


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--accounts", type=int, default=500)
    count = arguments.parse_args().accounts
    users = ["user%d" % n for n in range(count)]
    dovecot = Dovecot(users=["monitor"] + users,
                      extra=LIMITS.format(most=2 * count + 100, double=4 * count + 1000)).start()
    try:
        few = max(count // 10, 1)
        small, large = measure(dovecot, users[:few]), measure(dovecot, users)
    finally:
        dovecot.close()
    for name, at_few, at_all in zip(("resident", "private"), small, large):
        print("%-9s %7.1f kB with %d accounts, %7.1f kB with %d: %.1f kB an account"
              % (name, at_few / 1024, few, at_all / 1024, count,
                 (at_all - at_few) / 1024 / (count - few)))


if __name__ == "__main__":
    main()
