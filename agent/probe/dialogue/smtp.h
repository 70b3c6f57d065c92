/*
 * An SMTP dialogue, RFC 5321, as a client: a check that sends nothing, or the submission of one
 * message (RFC 6409).
 *
 * greeting (all lines of a 220), EHLO, STARTTLS and EHLO again where the endpoint has it, AUTH
 * (RFC 4954: PLAIN, else LOGIN; OAUTHBEARER, else XOAUTH2) where a login is given, then MAIL, RCPT
 * and DATA or, without a message, RSET; then QUIT. Without a recipient: NOOP in their place.
 * HELO is never tried: a server without ESMTP is not one to submit mail to.
 * A refused message says which command was refused; a lost connection whether the message is
 * uncertain.
 */
#ifndef AGENT_PROBE_DIALOGUE_SMTP_H
#define AGENT_PROBE_DIALOGUE_SMTP_H

#include "agent/probe/dialogue/dialogue.h"

struct smtp;

struct smtp_options { /* all copied */
    struct dialogue_peer peer;
    struct dialogue_login login;
    const char *helo;      /* NULL: the local address as a literal, "[127.0.0.1]" */
    const char *mail_from; /* NULL or "": the null sender, when there is a recipient */
    const char *rcpt_to;   /* NULL: neither MAIL nor RCPT */
    /* Lines with CRLF or LF; sent with CRLF and dots doubled. NULL: RSET in place of DATA. */
    const char *message;
    size_t message_len;
    bool no_reports; /* NOTIFY=NEVER where DSN (RFC 3461) is offered */
    /* Message only; may be NULL: called when the final dot is about to be sent. */
    void (*committing)(void *arg);
};

struct smtp *smtp_new(const struct smtp_options *options, const struct dialogue_events *events,
                      void *arg);
void smtp_free(struct smtp *smtp);

#endif
