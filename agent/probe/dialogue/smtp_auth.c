/* AUTH, RFC 4954. */
#include <assert.h>

#include "agent/probe/dialogue/smtp_private.h"
#include "imapclient/sasl.h"

#define COMMAND_LINE_MAX 510 /* RFC 5321 section 4.5.3.1.4, without CRLF */

static const char *mechanisms_wanted(const struct login *login)
{
    if (login->token)
        return "neither AUTH OAUTHBEARER nor XOAUTH2";
    if (login->authorize_as != NULL)
        return "no AUTH PLAIN, which is needed to log in on behalf of another";
    return "neither AUTH PLAIN nor LOGIN";
}

void smtp_auth_begin(struct smtp *smtp)
{
    struct line_failure failure = {.end = DIALOGUE_AUTH};
    const char *capabilities = line_dialogue_capabilities(smtp->dialogue)->text;
    line_dialogue_enter(smtp->dialogue, PHASE_AUTH);
    if (!login_choose(&smtp->login, capabilities, smtp->endpoint, true)) {
        line_dialogue_fail(smtp->dialogue, &failure, "the server offers %s",
                           mechanisms_wanted(&smtp->login));
        return;
    }
    smtp->step = SMTP_AUTHENTICATING;
    char *command = login_command(&smtp->login, COMMAND_LINE_MAX);
    line_dialogue_send_secret(smtp->dialogue, "AUTH", command);
    sasl_wipe(command);
}

/* 500 to 504 are about the command, unless we gave up after the token was rejected. */
static bool is_about_credentials(const struct smtp *smtp)
{
    unsigned code = smtp->reply.code;
    return code >= 500 && (code > 504 || login_token_is_refused(&smtp->login));
}

static enum smtp_auth_progress answer_challenge(struct smtp *smtp, const char **why_r)
{
    size_t len;
    const char *challenge = smtp_reply_line(&smtp->reply, 0, &len);
    const char *answer = login_answer(&smtp->login, challenge);

    if (answer == NULL) {
        *why_r = "the server does not stop sending challenges";
        return SMTP_AUTH_OUT_OF_ORDER;
    }
    line_dialogue_send_secret(smtp->dialogue, "AUTH", answer);
    return SMTP_AUTH_MORE;
}

enum smtp_auth_progress smtp_auth_reply(struct smtp *smtp, enum dialogue_end *end_r,
                                        const char **why_r)
{
    unsigned code = smtp->reply.code;

    assert(smtp->step == SMTP_AUTHENTICATING);
    *why_r = NULL;
    if (code == 334)
        return answer_challenge(smtp, why_r);
    if (code >= 400) {
        if (login_token_is_refused(&smtp->login) && smtp->login.status[0] != '\0')
            *why_r = smtp->login.status;
        *end_r = is_about_credentials(smtp) ? DIALOGUE_AUTH : DIALOGUE_REFUSED;
        return SMTP_AUTH_REFUSED;
    }
    if (code != 235) {
        *why_r = "unexpected reply to AUTH";
        return SMTP_AUTH_OUT_OF_ORDER;
    }
    login_clear(&smtp->login);
    return SMTP_AUTH_LOGGED_IN;
}
