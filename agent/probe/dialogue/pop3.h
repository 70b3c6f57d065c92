/*
 * A POP3 dialogue, RFC 1939: greeting, CAPA (RFC 2449), STLS where the endpoint has it (RFC 2595)
 * and CAPA again, login, STAT, UIDL of the newest message, QUIT. It neither deletes nor fetches
 * anything.
 *
 * Login: AUTH PLAIN (RFC 5034) where offered; else USER and PASS; APOP (MD5) only where the
 * greeting has a timestamp, neither SASL PLAIN nor USER is offered, and the connection is TLS or
 * loopback. Tokens: OAUTHBEARER or XOAUTH2. A server without CAPA gets USER and PASS.
 */
#ifndef AGENT_PROBE_DIALOGUE_POP3_H
#define AGENT_PROBE_DIALOGUE_POP3_H

#include "agent/probe/dialogue/dialogue.h"

struct pop3;

struct pop3_options { /* copied */
    struct dialogue_peer peer;
    struct dialogue_login login; /* none: CAPA, then QUIT */
};

struct pop3_facts {
    uint64_t messages, octets;
    char newest_uidl[72]; /* RFC 1939 section 7: 1 to 70 characters; "" if none */
};

struct pop3 *pop3_new(const struct pop3_options *options, const struct dialogue_events *events,
                      void *arg);
void pop3_free(struct pop3 *pop3);
/* Inside of done, when nothing failed. */
const struct pop3_facts *pop3_facts(const struct pop3 *pop3);

#endif
