/*
 * Who signs in at SMTP and POP3, and the SASL exchange in which he does: which mechanism, what the
 * AUTH command says, what each challenge is answered. All copies are wiped by sign_in_clear().
 */
#ifndef AGENT_PROBE_DIALOGUE_SIGN_IN_H
#define AGENT_PROBE_DIALOGUE_SIGN_IN_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/config/config.h"
#include "agent/probe/dialogue/dialogue.h"

struct sign_in {
    char *login, *authorize_as, *secret; /* login NULL: nobody signs in */
    bool token;
    const char *mechanism;  /* NULL: none was chosen */
    char *responses[2];     /* in their order; the second of LOGIN only */
    const char *abort_with; /* the answer to a challenge behind the last response */
    unsigned next, challenges;
    char *status; /* of a refused token (RFC 7628 section 3.2.2), NULL: none told */
};

void sign_in_set(struct sign_in *sign_in, const struct dialogue_login *login);
void sign_in_clear(struct sign_in *sign_in);
bool sign_in_wanted(const struct sign_in *sign_in);

/*
 * Chooses among the AUTH=... of the capabilities: PLAIN for a password, else LOGIN (SMTP only, and
 * not on behalf of another); OAUTHBEARER, else XOAUTH2, for a token. false: nothing that fits.
 */
bool sign_in_choose(struct sign_in *sign_in, const char *capabilities,
                    const struct endpoint *endpoint, bool login_too);
/* "AUTH PLAIN AGFsaWNl...": with the initial response when the command then has no more than
 * line_max octets, without CRLF. Secret: for sasl_wipe(). */
char *sign_in_command(struct sign_in *sign_in, size_t line_max);
/* What a challenge is answered, borrowed, secret. NULL: the server asks on and on. */
const char *sign_in_answer(struct sign_in *sign_in, const char *challenge);
/* The server has shown that it does not like the token: what follows is about credentials. */
bool sign_in_disliked(const struct sign_in *sign_in);
/* Whether the secret, as it is or as it was sent, stands in what the server says. */
bool sign_in_is_told(const struct sign_in *sign_in, const char *text, size_t len);

#endif
