/*
 * Submits one message to a submission service (RFC 6409): the secret is obtained first, then the
 * SMTP dialogue runs. Round trips and reflectors send with it.
 *
 * The login: login with its secret; without a secret of its own, the server's master user on its
 * behalf; without that, none.
 */
#ifndef AGENT_PROBE_DIALOGUE_SUBMISSION_H
#define AGENT_PROBE_DIALOGUE_SUBMISSION_H

#include "agent/probe/dialogue/smtp.h"
#include "agent/session/link.h"

struct submission;

struct submission_options { /* borrowed for the life of the submission */
    const struct server *server;
    const char *login; /* NULL: no login */
    const struct secret_source *secret;
    unsigned timeout;      /* milliseconds of the dialogue */
    const char *mail_from; /* "": the null sender */
    const char *rcpt_to;
};

struct submission_events {
    /* why NULL: submission_send() may be called, at any time from now on. */
    void (*ready)(void *arg, const char *why);
    void (*phase)(void *arg, enum phase phase); /* may be NULL */
    void (*committing)(void *arg);              /* the final dot is about to be sent; may be NULL */
    void (*done)(void *arg, const struct dialogue_outcome *outcome);
};

/* Callbacks are never called inside of these; each may call submission_free(). */
struct submission *submission_new(struct links *links, const struct submission_options *options,
                                  const struct submission_events *events, void *arg);
void submission_free(struct submission *submission);
/* The message is copied. Once, after ready. */
void submission_send(struct submission *submission, const char *message, size_t len);

/* Whether the server has the message, even if the dialogue failed: then it failed at QUIT. */
bool submission_was_accepted(const struct dialogue_outcome *outcome);

#endif
