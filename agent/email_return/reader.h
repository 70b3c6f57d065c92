/*
 * Reads a message in a process of its own that can do nothing else: it parses the header and
 * returns a struct of fixed size, which is validated.
 */
#ifndef AGENT_EMAIL_RETURN_READER_H
#define AGENT_EMAIL_RETURN_READER_H

#include "agent/reflect/probe_mail.h"

#define READER_SECONDS 60

/* Reads fd to its end and discards it: some MTAs treat unread input as a failure. */
void reader_drain(int fd);

/* Reads fd to its end. false: why (static) says what went wrong; there is no mail then. */
bool reader_read(int fd, struct probe_mail *mail, const char **why);

#endif
