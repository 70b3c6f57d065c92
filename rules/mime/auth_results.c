#include "rules/mime/auth_results.h"

#include <string.h>
#include <strings.h>

#include "rules/util/octet.h"

#define WORD_MAX 320

struct cursor {
    const char *c, *end;
};

struct results {
    const char *domain;
    bool dmarc, dmarc_pass;       /* there is a result that decides, and which */
    bool dkim_seen, spf_seen;     /* in a field further up */
    bool aligned_pass, any_fails; /* of dkim and spf */
    bool aligned_dkim_fail;
    bool others_pass;   /* dkim or spf, for another domain */
    bool submitted;     /* auth=pass */
    bool contradictory; /* one field says two things */
};

/* One method=result with its properties. */
struct result {
    char method[WORD_MAX], value[WORD_MAX];
    bool has_identity; /* a property that names whom the result is about */
    bool is_aligned;   /* and it is the domain */
    bool is_strong;    /* has_identity, and not only from header.i */
    bool is_torn;      /* several, and they differ */
    bool is_other;     /* a name in it has nothing to do with the domain */
};

static bool is_space(char c)
{
    return octet_is_blank(c) || c == '\r' || c == '\n';
}

/* Nested comments too; one that is not closed ends the text. */
static void skip_comment(struct cursor *at)
{
    size_t depth = 0;
    for (; at->c < at->end; at->c++) {
        if (*at->c == '\\' && at->c + 1 < at->end)
            at->c++;
        else if (*at->c == '(')
            depth++;
        else if (*at->c == ')' && --depth == 0) {
            at->c++;
            return;
        }
    }
}

static void skip_space(struct cursor *at)
{
    while (at->c < at->end && (is_space(*at->c) || *at->c == '('))
        if (*at->c == '(')
            skip_comment(at);
        else
            at->c++;
}

static bool read_char(struct cursor *at, char c)
{
    skip_space(at);
    if (at->c == at->end || *at->c != c)
        return false;
    at->c++;
    return true;
}

static void put(char word[WORD_MAX], size_t *len, char c)
{
    if (*len < WORD_MAX)
        word[(*len)++] = c;
}

/* A word or quoted string up to white space, a comment, ";" or `stop`; one that is too long is
 * empty. */
static void read_word(struct cursor *at, char word[WORD_MAX], char stop)
{
    size_t len = 0;
    bool quoted = false;
    skip_space(at);
    for (; at->c < at->end; at->c++) {
        char c = *at->c;
        if (c == '"')
            quoted = !quoted;
        else if (quoted && c == '\\' && at->c + 1 < at->end)
            put(word, &len, *++at->c);
        else if (!quoted && (is_space(c) || c == '(' || c == ';' || c == stop))
            break;
        else
            put(word, &len, c);
    }
    word[len < WORD_MAX ? len : 0] = '\0';
}

static void skip_to_semicolon(struct cursor *at)
{
    char word[WORD_MAX];
    for (skip_space(at); at->c < at->end && *at->c != ';'; skip_space(at))
        read_word(at, word, ';');
}

/* Relaxed alignment without a list of public suffixes: a parent must have a dot. */
static bool is_aligned(const char *identity, const char *domain)
{
    const char *at = strrchr(identity, '@');
    if (at != NULL)
        identity = at + 1;
    size_t len = strlen(identity), whole = strlen(domain);
    if (strcasecmp(identity, domain) == 0)
        return len > 0;
    return len < whole && strchr(identity, '.') != NULL && domain[whole - len - 1] == '.' &&
           strcasecmp(domain + whole - len, identity) == 0;
}

static bool is_below(const char *identity, const char *domain)
{
    const char *at = strrchr(identity, '@');
    return is_aligned(domain, at != NULL ? at + 1 : identity);
}

static void note_property(struct result *result, const char *key, const char *value,
                          const char *domain)
{
    bool dmarc = strcasecmp(result->method, "dmarc") == 0;
    bool dkim = strcasecmp(result->method, "dkim") == 0;
    bool spf = strcasecmp(result->method, "spf") == 0;
    bool weak = dkim && strcasecmp(key, "header.i") == 0;
    bool strong = (dmarc && strcasecmp(key, "header.from") == 0) ||
                  (dkim && strcasecmp(key, "header.d") == 0) ||
                  (spf && strcasecmp(key, "smtp.mailfrom") == 0);
    const char *at = strrchr(value, '@');
    bool aligned =
        dmarc ? strcasecmp(at != NULL ? at + 1 : value, domain) == 0 : is_aligned(value, domain);
    if (strong || weak || (spf && strcasecmp(key, "smtp.helo") == 0))
        result->is_other |= !aligned && !is_below(value, domain);
    if (!strong && (!weak || result->is_strong))
        return;
    result->is_torn |= strong && result->is_strong && result->is_aligned != aligned;
    result->has_identity = true;
    result->is_strong |= strong;
    result->is_aligned = aligned;
}

/* false: the text ends, or there is no result before the next ";". */
static bool read_result(struct cursor *at, struct result *result, const char *domain)
{
    *result = (struct result){.has_identity = false};
    read_word(at, result->method, '=');
    char *version = strchr(result->method, '/');
    if (version != NULL)
        *version = '\0';
    if (!read_char(at, '='))
        return false;
    read_word(at, result->value, ';');
    for (skip_space(at); at->c < at->end && *at->c != ';'; skip_space(at)) {
        char key[WORD_MAX], value[WORD_MAX];
        const char *before = at->c;
        read_word(at, key, '=');
        if (read_char(at, '=')) {
            read_word(at, value, ';');
            note_property(result, key, value, domain);
        }
        if (at->c == before) /* nothing that could be read */
            at->c++;
    }
    return true;
}

static void note_dmarc(struct results *results, const struct result *result, bool pass)
{
    bool other = result->has_identity && !result->is_aligned && !result->is_torn;
    if (other)
        return;
    results->dmarc = true;
    results->dmarc_pass = pass;
}

static void note_result(struct results *results, const struct result *result)
{
    bool pass = strcasecmp(result->value, "pass") == 0;
    bool fails = strcasecmp(result->value, "fail") == 0;
    bool dkim = strcasecmp(result->method, "dkim") == 0 && !results->dkim_seen;
    bool spf = strcasecmp(result->method, "spf") == 0 && !results->spf_seen;
    bool dmarc = strcasecmp(result->method, "dmarc") == 0 && !results->dmarc;
    results->submitted |= pass && strcasecmp(result->method, "auth") == 0;
    results->contradictory |= (dkim || spf || dmarc) && pass && result->is_torn;
    if (dmarc && (pass || fails))
        note_dmarc(results, result, pass);
    if (!dkim && !spf)
        return;
    bool aligned = result->has_identity && result->is_aligned;
    results->aligned_pass |= pass && aligned;
    results->others_pass |= pass && result->is_other;
    results->aligned_dkim_fail |= dkim && fails && aligned;
    results->any_fails |= fails || strcasecmp(result->value, "softfail") == 0;
}

static void read_results(struct cursor *at, struct results *results)
{
    bool dkim = false, spf = false;
    for (skip_to_semicolon(at); at->c < at->end; skip_to_semicolon(at)) {
        struct result result;
        at->c++;
        if (!read_result(at, &result, results->domain))
            continue;
        note_result(results, &result);
        dkim |= strcasecmp(result.method, "dkim") == 0;
        spf |= strcasecmp(result.method, "spf") == 0;
    }
    results->dkim_seen |= dkim;
    results->spf_seen |= spf;
}

static enum auth_verdict find_verdict(const struct results *results)
{
    if (results->contradictory)
        return AUTH_FAILED;
    if (results->dmarc)
        return results->dmarc_pass ? AUTH_PASSED : AUTH_FAILED;
    if (results->aligned_pass)
        return results->aligned_dkim_fail ? AUTH_FAILED : AUTH_PASSED;
    if (results->any_fails)
        return AUTH_FAILED;
    return results->others_pass && !results->submitted ? AUTH_OTHERS : AUTH_UNKNOWN;
}

/* true: the field carries that id; *at is after it. */
static bool read_id(const struct header_field *field, const char *authserv_id, struct cursor *at)
{
    char id[WORD_MAX];
    *at = (struct cursor){field->value, field->value + field->value_len};
    read_word(at, id, ';');
    return strcasecmp(id, authserv_id) == 0;
}

enum auth_verdict auth_results_find(const struct header *header, const char *authserv_id,
                                    const char *domain)
{
    struct results results = {.domain = domain};
    bool started = false;
    for (size_t i = 0; i < header->count; i++) {
        const struct header_field *field = &header->fields[i];
        struct cursor at;
        if (started && header_field_is(field, "Received"))
            break;
        if (!header_field_is(field, "Authentication-Results"))
            continue;
        if (!read_id(field, authserv_id, &at))
            break;
        started = true;
        read_results(&at, &results);
    }
    return find_verdict(&results);
}
