/*
 * The login at SMTP and POP3 services, and its SASL exchange: which mechanism, the arguments of the
 * AUTH command, the response to each challenge. All copies are wiped by login_clear().
 */
#ifndef AGENT_PROBE_DIALOGUE_LOGIN_H
#define AGENT_PROBE_DIALOGUE_LOGIN_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/config/config.h"
#include "agent/probe/dialogue/dialogue.h"

struct login {
    char *user, *authorize_as, *secret; /* user NULL: no login is wanted */
    bool token;
    const char *mechanism;  /* NULL: none was chosen */
    char *responses[2];     /* in order; the second for LOGIN only */
    const char *abort_with; /* the response to a challenge after the last one */
    unsigned next, challenges;
    char *status; /* of a refused token (RFC 7628 section 3.2.2), NULL: none */
};

void login_set(struct login *login, const struct dialogue_login *options);
void login_clear(struct login *login);
bool login_is_wanted(const struct login *login);

/*
 * Chooses among the AUTH=... of the capabilities: PLAIN for a password, else LOGIN (SMTP only, and
 * not on behalf of another); OAUTHBEARER, else XOAUTH2, for a token. false: none can be used.
 */
bool login_choose(struct login *login, const char *capabilities, const struct endpoint *endpoint,
                  bool login_too);
/* "AUTH PLAIN AGFsaWNl...": with the initial response where the command is then no longer than
 * line_max bytes, without CRLF. Secret: for sasl_wipe(). */
char *login_command(struct login *login, size_t line_max);
/* The response to a challenge, borrowed, secret. NULL: there were too many challenges. */
const char *login_answer(struct login *login, const char *challenge);
/* The server has rejected the token: what follows is about credentials. */
bool login_token_is_refused(const struct login *login);
/* Whether the text contains the secret, plain or as it was sent. */
bool login_secret_is_in(const struct login *login, const char *text, size_t len);

#endif
