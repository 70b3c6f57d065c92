/*
 * What smtp.c, smtp_auth.c and smtp_message.c share. Nobody else includes it.
 */
#ifndef AGENT_PROBE_DIALOGUE_SMTP_PRIVATE_H
#define AGENT_PROBE_DIALOGUE_SMTP_PRIVATE_H

#include "agent/probe/dialogue/line_dialogue.h"
#include "agent/probe/dialogue/reply.h"
#include "agent/probe/dialogue/sign_in.h"
#include "agent/probe/dialogue/smtp.h"

enum smtp_step {
    SMTP_GREETING,
    SMTP_EHLO,
    SMTP_STARTTLS,
    SMTP_SECURING,
    SMTP_AUTH,
    SMTP_MAIL,
    SMTP_RCPT,
    SMTP_DATA,
    SMTP_SENDING, /* the message, but for its last dot */
    SMTP_DOT,
    SMTP_RSET,
    SMTP_NOOP,
    SMTP_QUIT,
};

struct smtp {
    struct line_dialogue *dialogue;
    const struct endpoint *endpoint;
    enum smtp_step step;
    bool secured; /* as the endpoint asks for */
    struct sign_in sign_in;
    char *helo, *mail_from, *rcpt_to;
    struct evbuffer *message; /* as it is sent, but for its last dot; NULL: none */
    uint64_t message_size;    /* before dots were doubled */
    bool no_reports;
    void (*committing)(void *arg);
    void *arg;
    struct smtp_reply reply;
};

/* Fails with the reply that is there. */
void smtp_refused(struct smtp *smtp, enum dialogue_end end, const char *what);
void smtp_out_of_order(struct smtp *smtp, const char *what);
/* Behind EHLO or AUTH: what comes next. */
void smtp_signed_in(struct smtp *smtp);

void smtp_auth_begin(struct smtp *smtp);
void smtp_auth_reply(struct smtp *smtp);

/* A new buffer: lines end with CRLF, the last one too, and dots that begin one are doubled
 * (RFC 5321 section 4.5.2). *size: octets without the doubles, as SIZE wants it (RFC 1870). */
struct evbuffer *smtp_message_new(const char *message, size_t len, uint64_t *size);
/* "[192.0.2.1]", "[IPv6:2001:db8::1]": the address from which the peer is reached. Caller frees. */
char *smtp_address_literal(const struct dialogue_peer *peer);

#endif
