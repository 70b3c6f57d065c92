/*
 * What the dialogues with SMTP, POP3 and IMAP services have in common: the peer, the login, and the
 * outcome. smtp.h, pop3.h and probe/dialogue/imap.h each are one dialogue from the connection to
 * its orderly end.
 *
 * A dialogue is started by its _new(), reports each phase as it begins, and calls done exactly
 * once, from the loop, never from inside of _new(). Its _free() is allowed at any time, in
 * callbacks too; it closes the connection at once and calls nothing back. A dialogue that has
 * failed still sends QUIT or LOGOUT where there is a connection, without waiting for the reply.
 * done is called when the reply to QUIT was read or the server has closed (a reply that does not
 * arrive in time is a failure of PHASE_QUIT).
 *
 * It never sends anything before the greeting is complete; replies are read completely, however
 * they are split; capabilities are a set; nothing that the server sent before TLS is used after it;
 * no secret is sent over a connection that is neither TLS with a verified certificate nor loopback.
 * Time: the timeout is for the whole dialogue, in milliseconds.
 * Bounds: lines of DIALOGUE_LINE_MAX bytes, DIALOGUE_REPLY_LINES lines a reply, except for a POP3
 * listing. More is a PROTOCOL failure.
 */
#ifndef AGENT_PROBE_DIALOGUE_DIALOGUE_H
#define AGENT_PROBE_DIALOGUE_DIALOGUE_H

#include <event2/dns.h>
#include <event2/event.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "agent/config/config.h"
#include "agent/probe/dialogue/phase.h"
#include "imapclient/wire/certificate.h"

#define DIALOGUE_LINE_MAX 4096
#define DIALOGUE_REPLY_LINES 256
#define DIALOGUE_TEXT_MAX 512 /* bytes of reason and reply */

struct dialogue_peer { /* borrowed for the life of the dialogue, except address: copied */
    struct event_base *base;
    struct evdns_base *dns;
    SSL_CTX *tls;
    const struct endpoint *endpoint;
    const struct sockaddr *address; /* NULL: the endpoint's host is resolved */
    int address_len;
    unsigned timeout; /* milliseconds */
};

struct dialogue_login { /* copied, wiped */
    const char *login;  /* NULL: no login */
    const char *authorize_as;
    const char *secret;
    bool token; /* OAUTHBEARER or XOAUTH2; else a password */
};

enum dialogue_end {
    DIALOGUE_OK,
    DIALOGUE_RESOLVE,
    DIALOGUE_CONNECT,
    DIALOGUE_TLS,      /* handshake, certificate, STARTTLS not offered */
    DIALOGUE_PROTOCOL, /* not this protocol, or over a limit */
    DIALOGUE_AUTH,     /* credentials rejected */
    DIALOGUE_REFUSED,  /* 4xx, 5xx, -ERR, NO, BAD, BYE */
    DIALOGUE_TIMEOUT,
    DIALOGUE_CLOSED,
};

struct dialogue_outcome {
    enum dialogue_end end;
    enum phase phase;    /* in which it failed; PHASE_NONE */
    const char *command; /* "EHLO", "MAIL", "RCPT", "DATA" ... that failed; "" */
    unsigned code;       /* of SMTP, 0: none */
    bool temporary;      /* 4xx, [SYS/TEMP], [IN-USE], [UNAVAILABLE]: worth trying again */
    /* SMTP with a message: it is unknown whether the server has accepted it: the connection was
     * lost, or there was no reply, after the final dot. */
    bool uncertain;
    const char *reason; /* for people; "" when nothing failed */
    const char *reply;  /* the server's, printable, lines joined by " / "; "" */
    const char *tls_version;
    const char *capabilities; /* upper case, one space between: "STARTTLS SIZE PIPELINING" */
    const struct certificate_chain *certificates; /* NULL: none seen */
};

struct dialogue_events {
    void (*phase)(void *arg, enum phase phase);                      /* may be NULL */
    void (*done)(void *arg, const struct dialogue_outcome *outcome); /* borrowed for the call */
};

/* Controls and 8-bit characters become '?', lines are joined by " / ", cut at size - 1. */
void dialogue_clean(char *out, size_t size, const char *text, size_t len);
/* Whether the set of capabilities has that one: case does not matter; "AUTH=PLAIN" also finds a
 * PLAIN among the words of an "AUTH" or "SASL" line (kept as AUTH=WORD). */
bool dialogue_has(const char *capabilities, const char *capability);

#endif
