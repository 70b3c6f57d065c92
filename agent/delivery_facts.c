#include "agent/delivery_facts.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "rules/memory.h"
#include "rules/octet.h"

#define FIELD_MAX 8192   /* octets of one field that are looked at */
#define SEMICOLONS_MAX 4 /* of a Received field that are tried */

/* ---- Received ---- */

/* The date stands behind the last semicolon that is not in a comment behind it. */
static bool received_date(const struct header_field *field, int64_t *seconds)
{
    char *value = header_value(field, FIELD_MAX), *semicolon;
    bool read = false;

    for (int tries = 0; tries < SEMICOLONS_MAX && !read; tries++) {
        semicolon = strrchr(value, ';');
        if (semicolon == NULL)
            break;
        read = delivery_date(semicolon + 1, strlen(semicolon + 1), seconds);
        *semicolon = '\0';
    }
    free(value);
    return read;
}

size_t delivery_hops(const struct header *header, int64_t seconds[ROUNDTRIP_HOPS_MAX])
{
    int64_t dates[ROUNDTRIP_HOPS_MAX + 1]; /* newest first */
    size_t count = 0;

    for (size_t i = 0; i < header->count && count < ROUNDTRIP_HOPS_MAX + 1; i++) {
        if (header_field_is(&header->fields[i], "Received") &&
            received_date(&header->fields[i], &dates[count]))
            count++;
    }
    for (size_t i = 0; i + 1 < count; i++)
        seconds[i] = dates[count - 2 - i] - dates[count - 1 - i];
    return count > 0 ? count - 1 : 0;
}

/* ---- Authentication-Results, RFC 8601 section 2.2 ---- */

/* Behind blanks and comments, which may nest. */
static const char *skip_blanks(const char *at)
{
    unsigned depth = 0;

    for (; *at != '\0'; at++) {
        if (*at == '\\' && depth > 0 && at[1] != '\0')
            at++;
        else if (*at == '(')
            depth++;
        else if (*at == ')' && depth > 0)
            depth--;
        else if (depth == 0 && !octet_is_blank(*at))
            break;
    }
    return at;
}

/* At the semicolon that ends this result, or at the end. */
static const char *skip_result(const char *at)
{
    bool quoted = false;

    while (*at != '\0' && (quoted || *at != ';')) {
        if (*at == '\\' && at[1] != '\0')
            at += 2;
        else if (*at == '"')
            quoted = !quoted, at++;
        else if (*at == '(' && !quoted)
            at = skip_blanks(at);
        else
            at++;
    }
    return at;
}

static size_t word_len(const char *at)
{
    return strcspn(at, " \t=/;()\"");
}

static bool word_is(const char *at, size_t len, const char *word)
{
    return strlen(word) == len && strncasecmp(at, word, len) == 0;
}

static enum auth_result result_of(const char *at, size_t len)
{
    static const char *const fails[] = {"fail", "softfail", "hardfail", "permerror", "policy"};

    if (word_is(at, len, "pass"))
        return AUTH_PASS;
    for (size_t i = 0; i < sizeof(fails) / sizeof(*fails); i++)
        if (word_is(at, len, fails[i]))
            return AUTH_FAIL;
    return AUTH_OTHER;
}

/* Of several results of a method the best for the message: one valid signature is enough. */
static enum auth_result better(enum auth_result a, enum auth_result b)
{
    static const int rank[] = {
        [AUTH_ABSENT] = 0, [AUTH_OTHER] = 1, [AUTH_FAIL] = 2, [AUTH_PASS] = 3};

    return rank[a] >= rank[b] ? a : b;
}

/* at: behind a semicolon. method [/ version] = result */
static void read_result(const char *at, enum auth_result results[AUTH_METHODS])
{
    const char *method = skip_blanks(at);
    size_t len = word_len(method);

    at = skip_blanks(method + len);
    if (*at == '/') {
        at = skip_blanks(at + 1);
        at = skip_blanks(at + word_len(at));
    }
    if (*at != '=')
        return;
    at = skip_blanks(at + 1);
    for (enum auth_method i = AUTH_SPF; i < AUTH_METHODS; i++)
        if (word_is(method, len, auth_method_text(i)))
            results[i] = better(results[i], result_of(at, word_len(at)));
}

/* false: another server wrote it. */
static bool read_field(const char *value, const char *authserv_id,
                       enum auth_result results[AUTH_METHODS])
{
    const char *at = skip_blanks(value);
    size_t len = strcspn(at, " \t;(");

    if (authserv_id != NULL && !word_is(at, len, authserv_id))
        return false;
    for (at = skip_result(at); *at == ';'; at = skip_result(at + 1))
        read_result(at + 1, results);
    return true;
}

void delivery_auth(const struct header *header, const char *authserv_id,
                   enum auth_result results[AUTH_METHODS])
{
    bool found = false;

    for (enum auth_method i = AUTH_SPF; i < AUTH_METHODS; i++)
        results[i] = AUTH_ABSENT;
    for (size_t i = 0; i < header->count && !found; i++) {
        char *value;

        if (!header_field_is(&header->fields[i], "Authentication-Results"))
            continue;
        value = header_value(&header->fields[i], FIELD_MAX);
        found = read_field(value, authserv_id, results);
        free(value);
    }
}
