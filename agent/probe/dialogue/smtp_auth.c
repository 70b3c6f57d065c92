/* AUTH, RFC 4954. */
#include <assert.h>

#include "agent/probe/dialogue/smtp_private.h"
#include "imapclient/sasl.h"

#define COMMAND_LINE_MAX 510 /* RFC 5321 section 4.5.3.1.4, without CRLF */

static const char *mechanisms_wanted(const struct sign_in *sign_in)
{
    if (sign_in->token)
        return "neither AUTH OAUTHBEARER nor XOAUTH2";
    if (sign_in->authorize_as != NULL)
        return "no AUTH PLAIN, without which nobody can sign in on behalf of another";
    return "neither AUTH PLAIN nor LOGIN";
}

void smtp_auth_begin(struct smtp *smtp)
{
    struct line_failure failure = {.end = DIALOGUE_AUTH};
    const char *capabilities = line_dialogue_capabilities(smtp->dialogue)->text;
    line_dialogue_enter(smtp->dialogue, PHASE_AUTH);
    if (!sign_in_choose(&smtp->sign_in, capabilities, smtp->endpoint, true)) {
        line_dialogue_fail(smtp->dialogue, &failure, "the server offers %s",
                           mechanisms_wanted(&smtp->sign_in));
        return;
    }
    smtp->step = SMTP_AUTHENTICATING;
    char *command = sign_in_command(&smtp->sign_in, COMMAND_LINE_MAX);
    line_dialogue_send_secret(smtp->dialogue, "AUTH", command);
    sasl_wipe(command);
}

/* 500 to 504 are about the command, unless it was we who gave up over a refused token. */
static bool is_about_credentials(const struct smtp *smtp)
{
    unsigned code = smtp->reply.code;
    return code >= 500 && (code > 504 || sign_in_disliked(&smtp->sign_in));
}

static enum smtp_auth_progress answer_challenge(struct smtp *smtp, const char **why_r)
{
    size_t len;
    const char *challenge = smtp_reply_line(&smtp->reply, 0, &len);
    const char *answer = sign_in_answer(&smtp->sign_in, challenge);

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
        if (sign_in_disliked(&smtp->sign_in) && smtp->sign_in.status[0] != '\0')
            *why_r = smtp->sign_in.status;
        *end_r = is_about_credentials(smtp) ? DIALOGUE_AUTH : DIALOGUE_REFUSED;
        return SMTP_AUTH_REFUSED;
    }
    if (code != 235) {
        *why_r = "unexpected reply to AUTH";
        return SMTP_AUTH_OUT_OF_ORDER;
    }
    sign_in_clear(&smtp->sign_in);
    return SMTP_AUTH_LOGGED_IN;
}
