/*
 * What smtp.c, smtp_auth.c and smtp_message.c share. No other file includes it.
 */
#ifndef AGENT_PROBE_DIALOGUE_SMTP_PRIVATE_H
#define AGENT_PROBE_DIALOGUE_SMTP_PRIVATE_H

#include "agent/probe/dialogue/line_dialogue.h"
#include "agent/probe/dialogue/login.h"
#include "agent/probe/dialogue/reply.h"
#include "agent/probe/dialogue/smtp.h"

enum smtp_step {
    SMTP_GREETING,
    SMTP_EHLO,
    SMTP_STARTTLS,
    SMTP_SECURING,
    SMTP_AUTHENTICATING,
    SMTP_MAIL,
    SMTP_RCPT,
    SMTP_DATA,
    SMTP_SENDING, /* the message, except its final dot */
    SMTP_DOT,
    SMTP_RSET,
    SMTP_NOOP,
    SMTP_QUIT,
};

struct smtp {
    struct line_dialogue *dialogue;
    const struct endpoint *endpoint;
    enum smtp_step step;
    bool secured; /* as the endpoint demands */
    struct login login;
    char *helo, *mail_from, *rcpt_to;
    struct evbuffer *message; /* as it is sent, except its final dot; NULL: none */
    uint64_t message_size;    /* before dots were doubled */
    bool no_reports;
    void (*committing)(void *arg);
    void *arg;
    struct smtp_reply reply;
};

/* Sends AUTH, or fails where the server offers no mechanism that can be used. */
void smtp_auth_begin(struct smtp *smtp);

enum smtp_auth_progress {
    SMTP_AUTH_MORE,         /* a challenge was answered: another reply follows */
    SMTP_AUTH_LOGGED_IN,    /* the credentials are wiped */
    SMTP_AUTH_REFUSED,      /* why_r: the status that the server gave with its refusal, or NULL */
    SMTP_AUTH_OUT_OF_ORDER, /* why_r: what is wrong with the reply; constant */
};
/* Acts on the reply to AUTH or to a challenge's answer. *end_r: for REFUSED, whether it is about
 * the credentials. */
enum smtp_auth_progress smtp_auth_reply(struct smtp *smtp, enum dialogue_end *end_r,
                                        const char **why_r);

/* A new buffer: lines end with CRLF, the last one too, and dots that begin one are doubled
 * (RFC 5321 section 4.5.2). *size: octets before doubling, as SIZE wants it (RFC 1870). */
struct evbuffer *smtp_message_new(const char *message, size_t len, uint64_t *size);
/* "[192.0.2.1]", "[IPv6:2001:db8::1]": the address from which the peer is reached. Caller frees. */
char *smtp_address_literal(const struct dialogue_peer *peer);

#endif
