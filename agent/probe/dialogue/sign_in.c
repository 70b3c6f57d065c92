#include "agent/probe/dialogue/sign_in.h"

#include <openssl/evp.h>
#include <string.h>

#include "imapclient/sasl.h"
#include "rules/util/memory.h"

#define CHALLENGES_MAX 4
#define RESPONSES (sizeof((struct sign_in *)0)->responses / sizeof(char *))

static char *copy_of(const char *text)
{
    return text != NULL ? xstrdup(text) : NULL;
}

void sign_in_set(struct sign_in *sign_in, const struct dialogue_login *login)
{
    *sign_in = (struct sign_in){.token = login->token};
    if (login->login == NULL)
        return;
    sign_in->login = xstrdup(login->login);
    sign_in->secret = xstrdup(login->secret != NULL ? login->secret : "");
    sign_in->authorize_as = copy_of(login->authorize_as);
}

void sign_in_clear(struct sign_in *sign_in)
{
    sasl_wipe(sign_in->login);
    sasl_wipe(sign_in->secret);
    sasl_wipe(sign_in->authorize_as);
    for (size_t i = 0; i < RESPONSES; i++)
        sasl_wipe(sign_in->responses[i]);
    free(sign_in->status);
    *sign_in = (struct sign_in){0};
}

bool sign_in_wanted(const struct sign_in *sign_in)
{
    return sign_in->login != NULL;
}

static char *base64(const char *text)
{
    size_t len = strlen(text);
    char *encoded = xmalloc((len + 2) / 3 * 4 + 1);
    EVP_EncodeBlock((unsigned char *)encoded, (const unsigned char *)text, (int)len);
    return encoded;
}

static bool choose_token(struct sign_in *sign_in, const char *capabilities,
                         const struct endpoint *endpoint)
{
    const char *as = sign_in->authorize_as != NULL ? sign_in->authorize_as : sign_in->login;
    if (dialogue_has(capabilities, "AUTH=OAUTHBEARER")) {
        sign_in->mechanism = "OAUTHBEARER";
        sign_in->responses[0] =
            sasl_oauthbearer(as, endpoint->host, endpoint->port, sign_in->secret);
        sign_in->abort_with = "AQ=="; /* RFC 7628 section 3.2.3 */
        return true;
    }
    if (!dialogue_has(capabilities, "AUTH=XOAUTH2"))
        return false;
    sign_in->mechanism = "XOAUTH2";
    sign_in->responses[0] = sasl_xoauth2(as, sign_in->secret);
    sign_in->abort_with = "";
    return true;
}

bool sign_in_choose(struct sign_in *sign_in, const char *capabilities,
                    const struct endpoint *endpoint, bool login_too)
{
    if (sign_in->token)
        return choose_token(sign_in, capabilities, endpoint);
    sign_in->abort_with = "*";
    if (dialogue_has(capabilities, "AUTH=PLAIN")) {
        sign_in->mechanism = "PLAIN";
        sign_in->responses[0] = sasl_plain(sign_in->authorize_as, sign_in->login, sign_in->secret);
        return true;
    }
    if (!login_too || sign_in->authorize_as != NULL || !dialogue_has(capabilities, "AUTH=LOGIN"))
        return false;
    sign_in->mechanism = "LOGIN";
    sign_in->responses[0] = base64(sign_in->login);
    sign_in->responses[1] = base64(sign_in->secret);
    return true;
}

char *sign_in_command(struct sign_in *sign_in, size_t line_max)
{
    /* LOGIN begins with the server's question: many servers know no initial response to it. */
    bool asked_first = sign_in->responses[1] != NULL;
    char *whole = xasprintf("AUTH %s %s", sign_in->mechanism, sign_in->responses[0]);
    if (!asked_first && strlen(whole) <= line_max) {
        sign_in->next = 1;
        return whole;
    }
    sasl_wipe(whole);
    return xasprintf("AUTH %s", sign_in->mechanism);
}

const char *sign_in_answer(struct sign_in *sign_in, const char *challenge)
{
    if (++sign_in->challenges > CHALLENGES_MAX)
        return NULL;
    if (sign_in->next < RESPONSES && sign_in->responses[sign_in->next] != NULL)
        return sign_in->responses[sign_in->next++];
    if (sign_in->token && sign_in->status == NULL) {
        char *status = sasl_oauth_status(challenge);
        sign_in->status = status != NULL ? status : xstrdup("");
    }
    return sign_in->abort_with;
}

bool sign_in_disliked(const struct sign_in *sign_in)
{
    return sign_in->status != NULL;
}

static bool stands_in(const char *secret, const char *text, size_t len)
{
    return secret != NULL && secret[0] != '\0' && memmem(text, len, secret, strlen(secret)) != NULL;
}

bool sign_in_is_told(const struct sign_in *sign_in, const char *text, size_t len)
{
    bool told = stands_in(sign_in->secret, text, len);
    for (size_t i = 0; i < RESPONSES; i++)
        told = told || stands_in(sign_in->responses[i], text, len);
    return told;
}
