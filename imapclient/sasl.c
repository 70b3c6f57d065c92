#include "imapclient/sasl.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "imapclient/text/printable.h"
#include "imapclient/util/memory.h"

#define CHALLENGE_MAX 4096

void sasl_wipe(char *secret)
{
    if (secret != NULL) {
        OPENSSL_cleanse(secret, strlen(secret));
        free(secret);
    }
}

static char *base64(const char *data, size_t len)
{
    char *text = xmalloc((len + 2) / 3 * 4 + 1);
    EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)data, (int)len);
    return text;
}

char *sasl_plain(const char *authzid, const char *authcid, const char *password)
{
    const char *as = authzid != NULL ? authzid : "";
    size_t as_len = strlen(as), login_len = strlen(authcid), password_len = strlen(password);
    size_t len = as_len + login_len + password_len + 2;
    char *plain = xmalloc(len + 1);
    memcpy(plain, as, as_len + 1);
    memcpy(plain + as_len + 1, authcid, login_len + 1);
    memcpy(plain + as_len + login_len + 2, password, password_len + 1);
    char *text = base64(plain, len);
    OPENSSL_cleanse(plain, len);
    free(plain);
    return text;
}

char *sasl_xoauth2(const char *user, const char *token)
{
    char *plain = xasprintf("user=%s\001auth=Bearer %s\001\001", user, token);
    char *text = base64(plain, strlen(plain));
    sasl_wipe(plain);
    return text;
}

/* saslname of RFC 5801 section 4: "=" and "," are escaped. */
static char *saslname(const char *name)
{
    char *escaped = xmalloc(strlen(name) * 3 + 1), *to = escaped;
    for (; *name != '\0'; name++) {
        if (*name == '=' || *name == ',') {
            memcpy(to, *name == '=' ? "=3D" : "=2C", 3);
            to += 3;
        } else {
            *to++ = *name;
        }
    }
    *to = '\0';
    return escaped;
}

char *sasl_oauthbearer(const char *authzid, const char *host, uint16_t port, const char *token)
{
    char *name = saslname(authzid);
    char *plain = xasprintf("n,a=%s,\001host=%s\001port=%u\001auth=Bearer %s\001\001", name, host,
                            port, token);
    char *text = base64(plain, strlen(plain));
    sasl_wipe(plain);
    free(name);
    return text;
}

/* The value of "status" in a flat JSON object; good enough for a log line. */
static char *json_status(const char *json)
{
    const char *at = strstr(json, "\"status\"");
    if (at == NULL)
        return NULL;
    at += strlen("\"status\"");
    at += strspn(at, " \t\r\n:");
    at += *at == '"' ? 1 : 0;
    size_t len = strcspn(at, "\",}");
    char *status = xstrndup(at, len < 200 ? len : 200);
    text_printable(status, PRINTABLE_ASCII);
    return status;
}

char *sasl_oauth_status(const char *challenge)
{
    size_t len = strlen(challenge);
    if (len == 0 || len > CHALLENGE_MAX || len % 4 != 0)
        return NULL;
    char *json = xcalloc(1, len / 4 * 3 + 1);
    int decoded =
        EVP_DecodeBlock((unsigned char *)json, (const unsigned char *)challenge, (int)len);
    char *status = decoded > 0 ? json_status(json) : NULL;
    free(json);
    return status;
}
