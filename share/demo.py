"""The demonstration run by share/demo.sh: a temporary Dovecot, the agent, two messages, two copies.

    MAILVIGIL=path/to/mailvigil python3 share/demo.py [--keep]
"""

import os
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tests", "system"))

from harness import mail  # noqa: E402
from harness.agent import Agent, Config  # noqa: E402
from harness.dovecot import PASSWORD, Dovecot  # noqa: E402

USERS = ("alice", "bob", "carol", "monitor")
CHANGED = ("subject", "message-id")


def say(text=""):
    print(text)
    sys.stdout.flush()


def configure(dovecot, directory):
    config = Config(directory)
    config.server("office", dovecot)
    for user in USERS[:-1]:
        config.account(user)
    config.target("compliance", folder="Monitor/%Y-%m")
    config.rule("received", incoming="selected")
    config.rule("sent", outgoing="selected")
    config.write()
    return config


def show(copy):
    """Prints the copy; header fields that differ from the original are marked with '>'."""
    mine = False
    for line in copy.header.split(b"\r\n"):
        if not line.startswith((b" ", b"\t")):
            name = line.split(b":")[0].lower().decode("latin-1")
            mine = name in CHANGED or name.startswith("x-monitor-")
        say("  %s %s" % (">" if mine else " ", line.decode("utf-8", "replace")))
    body = copy.body.decode("utf-8", "replace").rstrip().split("\r\n")
    for line in [""] + body[:4] + (["..."] if len(body) > 4 else []):
        say("    " + line)
    say()


def wait_copy(reader, folder, count):
    """Waits for `count` copies; returns the newest, and when it appeared."""
    until = time.monotonic() + 30
    while reader.count(folder) < count:
        if time.monotonic() > until:
            raise RuntimeError("no copy arrived within 30 seconds")
        time.sleep(0.005)
    return reader.fetch(folder)[-1], time.monotonic()


def demonstrate(dovecot):
    folder = time.strftime("Monitor/%Y-%m", time.gmtime())
    with dovecot.mailbox("monitor") as reader:
        incoming = mail.message(
            subject="Tender 2041", sender="Ann <ann@partner.test>", body="Our offer is enclosed.\r\n",
            fields=["Disposition-Notification-To: ann@partner.test"])
        dovecot.deliver("alice", incoming, sender="ann@partner.test")
        began = time.monotonic()
        say("Delivered by LMTP to alice@example.org: Tender 2041 (it asks for a receipt).")
        copy, arrived = wait_copy(reader, folder, 1)
        say("Its copy in %s, %.0f ms after the delivery (Dovecot delays notifications by 500 ms):\n"
            % (folder, (arrived - began) * 1000))
        show(copy)

        outgoing = mail.message(
            subject="Re: Tender 2041", sender="Bob <bob@example.org>", to="ann@partner.test",
            bcc="rival@elsewhere.test", body="Here are the figures you wanted.\r\n")
        with dovecot.mailbox("bob") as mailbox:
            mailbox.append("Sent", outgoing, "\\Seen")
        began = time.monotonic()
        say("Saved in the Sent folder of bob@example.org: Re: Tender 2041 (with a Bcc).")
        copy, arrived = wait_copy(reader, folder, 2)
        say("Its copy, %.0f ms after it was saved:\n" % ((arrived - began) * 1000))
        show(copy)
        say("Lines marked > were written by mailvigil; all others, and the body, are identical to the"
            " original.")


def print_login_help(dovecot, agent, config):
    say("""
Still running. Log in with any mail client (the password of all users is "%s"):

  IMAP with TLS  localhost port %d, CA certificate %s
  users          %s
  for example    curl --cacert %s imaps://localhost:%d/INBOX -u alice@example.org:%s
  deliver        LMTP on 127.0.0.1 port %d
  configuration  %s
  log            %s
  state          %s -c %s status

To stop it:  kill %d %d; rm -r %s %s"""
        % (PASSWORD, dovecot.imaps_port, dovecot.ca_file,
           " ".join(dovecot.address(one) for one in USERS), dovecot.ca_file, dovecot.imaps_port,
           PASSWORD, dovecot.lmtp_port, config.path, agent.log_file, os.environ["MAILVIGIL"],
           config.path, agent.process.pid, dovecot.process.pid, config.dir, dovecot.dir))


def main():
    keep = "--keep" in sys.argv[1:]
    # Like Ctrl-C: what was started is stopped, what was written is removed.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    dovecot = Dovecot(users=USERS, own_session=keep)
    config = agent = None
    try:
        dovecot.start()
        say("Dovecot on loopback: IMAP with TLS on port %d, LMTP on port %d."
            % (dovecot.imaps_port, dovecot.lmtp_port))
        config = configure(dovecot, None)
        agent = Agent(config, log_file=os.path.join(config.dir, "log"), own_session=keep)
        agent.start()
        say("mailvigil is watching alice, bob and carol; copies go to monitor.\n")
        demonstrate(dovecot)
        if keep:
            print_login_help(dovecot, agent, config)
            return 0
        agent.stop()
        return 0
    except KeyboardInterrupt:
        keep = False
        say("\nInterrupted.")
        return 130
    except (AssertionError, RuntimeError, OSError) as failure:
        keep = False
        say("The demonstration failed: %s" % failure)
        if agent and agent.log_file and os.path.exists(agent.log_file):
            say(agent.log())
        return 1
    finally:
        if not keep:
            if agent:
                agent.kill()
            if config:
                config.close()
            dovecot.close()


if __name__ == "__main__":
    sys.exit(main())
