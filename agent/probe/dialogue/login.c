#include "agent/probe/dialogue/login.h"

#include <openssl/evp.h>
#include <string.h>

#include "imapclient/sasl.h"
#include "rules/util/memory.h"

#define CHALLENGES_MAX 4
#define RESPONSES (sizeof((struct login *)0)->responses / sizeof(char *))

static char *copy_of(const char *text)
{
    return text != NULL ? xstrdup(text) : NULL;
}

void login_set(struct login *login, const struct dialogue_login *options)
{
    *login = (struct login){.token = options->token};
    if (options->login == NULL)
        return;
    login->user = xstrdup(options->login);
    login->secret = xstrdup(options->secret != NULL ? options->secret : "");
    login->authorize_as = copy_of(options->authorize_as);
}

void login_clear(struct login *login)
{
    sasl_wipe(login->user);
    sasl_wipe(login->secret);
    sasl_wipe(login->authorize_as);
    for (size_t i = 0; i < RESPONSES; i++)
        sasl_wipe(login->responses[i]);
    free(login->status);
    *login = (struct login){0};
}

bool login_is_wanted(const struct login *login)
{
    return login->user != NULL;
}

static char *base64(const char *text)
{
    size_t len = strlen(text);
    char *encoded = xmalloc((len + 2) / 3 * 4 + 1);
    EVP_EncodeBlock((unsigned char *)encoded, (const unsigned char *)text, (int)len);
    return encoded;
}

static bool choose_token(struct login *login, const char *capabilities,
                         const struct endpoint *endpoint)
{
    const char *as = login->authorize_as != NULL ? login->authorize_as : login->user;
    if (dialogue_has(capabilities, "AUTH=OAUTHBEARER")) {
        login->mechanism = "OAUTHBEARER";
        login->responses[0] = sasl_oauthbearer(as, endpoint->host, endpoint->port, login->secret);
        login->abort_with = "AQ=="; /* RFC 7628 section 3.2.3 */
        return true;
    }
    if (!dialogue_has(capabilities, "AUTH=XOAUTH2"))
        return false;
    login->mechanism = "XOAUTH2";
    login->responses[0] = sasl_xoauth2(as, login->secret);
    login->abort_with = "";
    return true;
}

bool login_choose(struct login *login, const char *capabilities, const struct endpoint *endpoint,
                  bool login_too)
{
    if (login->token)
        return choose_token(login, capabilities, endpoint);
    login->abort_with = "*";
    if (dialogue_has(capabilities, "AUTH=PLAIN")) {
        login->mechanism = "PLAIN";
        login->responses[0] = sasl_plain(login->authorize_as, login->user, login->secret);
        return true;
    }
    if (!login_too || login->authorize_as != NULL || !dialogue_has(capabilities, "AUTH=LOGIN"))
        return false;
    login->mechanism = "LOGIN";
    login->responses[0] = base64(login->user);
    login->responses[1] = base64(login->secret);
    return true;
}

char *login_command(struct login *login, size_t line_max)
{
    /* LOGIN begins with the server's challenge: many servers accept no initial response. */
    bool asked_first = login->responses[1] != NULL;
    char *whole = xasprintf("AUTH %s %s", login->mechanism, login->responses[0]);
    if (!asked_first && strlen(whole) <= line_max) {
        login->next = 1;
        return whole;
    }
    sasl_wipe(whole);
    return xasprintf("AUTH %s", login->mechanism);
}

const char *login_answer(struct login *login, const char *challenge)
{
    if (++login->challenges > CHALLENGES_MAX)
        return NULL;
    if (login->next < RESPONSES && login->responses[login->next] != NULL)
        return login->responses[login->next++];
    if (login->token && login->status == NULL) {
        char *status = sasl_oauth_status(challenge);
        login->status = status != NULL ? status : xstrdup("");
    }
    return login->abort_with;
}

bool login_token_is_refused(const struct login *login)
{
    return login->status != NULL;
}

static bool contains(const char *secret, const char *text, size_t len)
{
    return secret != NULL && secret[0] != '\0' && memmem(text, len, secret, strlen(secret)) != NULL;
}

bool login_secret_is_in(const struct login *login, const char *text, size_t len)
{
    bool found = contains(login->secret, text, len);
    for (size_t i = 0; i < RESPONSES; i++)
        found = found || contains(login->responses[i], text, len);
    return found;
}
