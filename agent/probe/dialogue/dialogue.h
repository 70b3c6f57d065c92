/*
 * What the dialogues with SMTP, POP3 and IMAP services have in common: whom to speak to, as whom,
 * and how it ended. smtp.h, pop3.h and probe/dialogue/imap.h each are one dialogue from the
 * connection to its polite end.
 *
 * A dialogue is begun by its _new(), tells each phase as it begins, and calls done exactly once,
 * from the loop, never from inside _new(). Its _free() is allowed at any time, in callbacks too; it
 * closes the connection at once and calls nothing back. A dialogue that has failed still says QUIT
 * or LOGOUT where the connection stands, without waiting for the answer. done comes when the reply
 * to QUIT was read or the server has closed (a reply that does not come within its time is a
 * failure of PHASE_QUIT).
 *
 * It never speaks before the greeting is complete; replies are read whole, however they are cut;
 * capabilities are a set; nothing that the server sent before TLS is used after it; no secret goes
 * over a connection that is not TLS with a verified certificate, or loopback.
 * Time: the timeout is for the whole dialogue, in milliseconds.
 * Bounds: lines of DIALOGUE_LINE_MAX octets, DIALOGUE_REPLY_LINES lines a reply, a listing of POP3
 * apart. What is beyond is a PROTOCOL failure.
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
#define DIALOGUE_TEXT_MAX 512 /* octets of reason and reply */

struct dialogue_peer { /* all borrowed for the life of the dialogue, but for address: copied */
    struct event_base *base;
    struct evdns_base *dns;
    SSL_CTX *tls;
    const struct endpoint *endpoint;
    const struct sockaddr *address; /* NULL: the endpoint's host is resolved */
    int address_len;
    unsigned timeout; /* milliseconds */
};

struct dialogue_login { /* copied, wiped */
    const char *login;  /* NULL: no sign-in */
    const char *authorize_as;
    const char *secret;
    bool token; /* OAUTHBEARER or XOAUTH2; else a password */
};

enum dialogue_end {
    DIALOGUE_OK,
    DIALOGUE_RESOLVE,
    DIALOGUE_CONNECT,
    DIALOGUE_TLS,      /* handshake, certificate, STARTTLS not offered */
    DIALOGUE_PROTOCOL, /* not this protocol, or a limit was passed */
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
    bool temporary;      /* 4xx, [SYS/TEMP], [IN-USE], [UNAVAILABLE]: may be well soon */
    /* SMTP with a message: the server may have taken it, or not: the connection was lost, or no
     * reply came, after the last dot. */
    bool uncertain;
    const char *reason; /* for a person; "" when well */
    const char *reply;  /* the server's words, cleaned of controls, lines joined by " / "; "" */
    const char *tls_version;
    const char *capabilities; /* upper case, one space between: "STARTTLS SIZE PIPELINING" */
    const struct certificate_chain *certificates; /* NULL: none seen */
};

struct dialogue_events {
    void (*phase)(void *arg, enum phase phase);                      /* may be NULL */
    void (*done)(void *arg, const struct dialogue_outcome *outcome); /* borrowed for the call */
};

/* Controls and 8-bit become '?', lines are joined by " / ", cut at size - 1. */
void dialogue_clean(char *out, size_t size, const char *text, size_t len);
/* Whether the set of capabilities has that one: case does not matter; "AUTH=PLAIN" also finds a
 * PLAIN among the words of an "AUTH" or "SASL" line (kept as AUTH=WORD). */
bool dialogue_has(const char *capabilities, const char *capability);

#endif
