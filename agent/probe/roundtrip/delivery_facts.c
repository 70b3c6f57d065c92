#include "agent/probe/roundtrip/delivery_facts.h"

#include <string.h>
#include <strings.h>

/* ---- hops ---- */

size_t delivery_hops(const struct header *header, int64_t seconds[ROUNDTRIP_HOPS_MAX])
{
    int64_t dates[ROUNDTRIP_HOPS_MAX + 1]; /* newest first */
    size_t n = 0;
    for (size_t i = 0; i < header->count && n <= ROUNDTRIP_HOPS_MAX; i++) {
        const struct header_field *field = &header->fields[i];
        if (header_field_is(field, "Received"))
            n += delivery_date(field->value, field->value_len, &dates[n]);
    }
    size_t hops = n > 0 ? n - 1 : 0;
    for (size_t i = 0; i < hops; i++)
        seconds[i] = dates[hops - 1 - i] - dates[hops - i];
    return hops;
}

/* ---- Authentication-Results, RFC 8601 section 2.2 ---- */

struct text {
    const char *at, *end;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Past the comment that begins there: nested ones are counted, not recursed into. */
static void skip_comment(struct text *text)
{
    size_t depth = 0;
    for (; text->at < text->end; text->at++) {
        if (*text->at == '\\' && text->at + 1 < text->end)
            text->at++;
        else if (*text->at == '(')
            depth++;
        else if (*text->at == ')' && --depth == 0) {
            text->at++;
            return;
        }
    }
}

/* White space, folding and comments. */
static void skip_space(struct text *text)
{
    while (text->at < text->end)
        if (*text->at == '(')
            skip_comment(text);
        else if (is_space(*text->at))
            text->at++;
        else
            return;
}

static bool take(struct text *text, char c)
{
    skip_space(text);
    if (text->at == text->end || *text->at != c)
        return false;
    text->at++;
    return true;
}

static struct text take_quoted(struct text *text)
{
    struct text value = {++text->at, text->end};
    while (text->at < text->end && *text->at != '"') {
        if (*text->at == '\\' && text->at + 1 < text->end)
            text->at++;
        text->at++;
    }
    value.end = text->at;
    if (text->at < text->end)
        text->at++;
    return value;
}

/* A token or a quoted string without its quotes; empty if there is neither. */
static struct text take_value(struct text *text)
{
    skip_space(text);
    if (text->at < text->end && *text->at == '"')
        return take_quoted(text);
    struct text value = {text->at, text->end};
    while (text->at < text->end && !is_space(*text->at) && *text->at != '\0' &&
           strchr("()<>,;\\\"/[]?=", *text->at) == NULL)
        text->at++;
    value.end = text->at;
    return value;
}

/* Past the next semicolon outside of comments and quoted strings; false: there is none. */
static bool next_result(struct text *text)
{
    while (text->at < text->end) {
        char c = *text->at;
        if (c == '(')
            skip_comment(text);
        else if (c == '"')
            take_quoted(text);
        else
            text->at++;
        if (c == ';')
            return true;
    }
    return false;
}

static bool is_word(const struct text *text, const char *word)
{
    size_t len = (size_t)(text->end - text->at);
    return strlen(word) == len && strncasecmp(text->at, word, len) == 0;
}

static enum auth_result result_of(const struct text *word)
{
    static const char *const failures[] = {"fail", "softfail", "hardfail", "permerror", "policy"};
    if (is_word(word, "pass"))
        return AUTH_PASS;
    for (size_t i = 0; i < sizeof(failures) / sizeof(*failures); i++)
        if (is_word(word, failures[i]))
            return AUTH_FAIL;
    return AUTH_OTHER;
}

/* Of several results of one method: one pass is a pass, and a failure outranks the others. */
static enum auth_result better(enum auth_result a, enum auth_result b)
{
    static const enum auth_result order[] = {AUTH_PASS, AUTH_FAIL, AUTH_OTHER};
    for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++)
        if (a == order[i] || b == order[i])
            return order[i];
    return AUTH_ABSENT;
}

/* method [ "/" version ] "=" result; anything else is skipped. */
static void read_result(struct text *text, enum auth_result results[AUTH_METHODS])
{
    static const char *const methods[AUTH_METHODS] = {
        [AUTH_SPF] = "spf", [AUTH_DKIM] = "dkim", [AUTH_DMARC] = "dmarc"};
    struct text method = take_value(text);
    if (take(text, '/'))
        take_value(text);
    if (!take(text, '='))
        return;
    struct text result = take_value(text);
    for (size_t i = 0; i < AUTH_METHODS; i++)
        if (is_word(&method, methods[i]))
            results[i] = better(results[i], result_of(&result));
}

/* The authserv-id, which Microsoft's servers omit: then it is empty, and *text does not move. */
static struct text take_server(struct text *text)
{
    struct text before = *text, server = take_value(text);
    struct text after = *text;
    if (take(&after, '=')) {
        *text = before;
        server.end = server.at;
    }
    return server;
}

static bool same_server(const struct text *a, const struct text *b)
{
    size_t len = (size_t)(a->end - a->at);
    return (size_t)(b->end - b->at) == len && (len == 0 || strncasecmp(a->at, b->at, len) == 0);
}

static void read_results(struct text *text, bool begins_at_once,
                         enum auth_result results[AUTH_METHODS])
{
    if (begins_at_once)
        read_result(text, results);
    while (next_result(text))
        read_result(text, results);
}

void delivery_auth(const struct header *header, const char *authserv_id,
                   enum auth_result results[AUTH_METHODS])
{
    bool known = authserv_id != NULL;
    struct text wanted = {authserv_id, known ? authserv_id + strlen(authserv_id) : NULL};
    for (size_t i = 0; i < AUTH_METHODS; i++)
        results[i] = AUTH_ABSENT;
    for (size_t i = 0; i < header->count; i++) {
        const struct header_field *field = &header->fields[i];
        if (!header_field_is(field, "Authentication-Results"))
            continue;
        struct text text = {field->value, field->value + field->value_len};
        struct text server = take_server(&text);
        if (!known)
            wanted = server;
        known = true;
        if (!same_server(&server, &wanted))
            continue;
        enum auth_result of_field[AUTH_METHODS] = {AUTH_ABSENT};
        read_results(&text, server.at == server.end, of_field);
        for (size_t j = 0; j < AUTH_METHODS; j++)
            if (results[j] == AUTH_ABSENT)
                results[j] = of_field[j];
    }
}
