"""What the system tests share: a private Dovecot, a scripted IMAP server, the agent as a child
process, and an independent reader. Python's standard library only."""
