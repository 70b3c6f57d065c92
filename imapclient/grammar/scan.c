#include "imapclient/grammar/scan.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "imapclient/text/printable.h"

bool scan_spaces(struct scan *scan)
{
    const char *begin = scan->at;
    while (scan->at < scan->end && *scan->at == ' ')
        scan->at++;
    return scan->at != begin;
}

bool scan_char(struct scan *scan, char octet)
{
    if (scan->at == scan->end || *scan->at != octet)
        return false;
    scan->at++;
    return true;
}

bool scan_is_done(const struct scan *scan)
{
    struct scan rest = *scan;
    scan_spaces(&rest);
    return rest.at == rest.end;
}

static bool is_control(char octet)
{
    return (unsigned char)octet < ' ' || octet == '\x7f';
}

static bool is_word_octet(char octet)
{
    return octet != ' ' && octet != '(' && octet != ')' && octet != '"' && !is_control(octet);
}

bool scan_word(struct scan *scan, struct span *word)
{
    const char *begin = scan->at;
    while (scan->at < scan->end && is_word_octet(*scan->at))
        scan->at++;
    *word = (struct span){begin, (size_t)(scan->at - begin)};
    return word->len > 0;
}

bool scan_number(struct scan *scan, uint64_t max, uint64_t *number)
{
    const char *at = scan->at;
    uint64_t value = 0;
    for (; at < scan->end && *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (value > (max - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    if (at == scan->at)
        return false;
    scan->at = at;
    *number = value;
    return true;
}

/* A quoted string as written, including its quotes. */
static bool skip_quoted(struct scan *scan, struct span *raw)
{
    const char *at = scan->at;
    if (at == scan->end || *at++ != '"')
        return false;
    while (at < scan->end && *at != '"' && *at != '\r' && *at != '\n') {
        if (*at == '\\' && at + 1 < scan->end)
            at++;
        at++;
    }
    if (at == scan->end || *at != '"')
        return false;
    *raw = (struct span){scan->at, (size_t)(at + 1 - scan->at)};
    scan->at = at + 1;
    return true;
}

/* "{5}" CRLF and five octets, "~{5}" and "{5+}" too; text is the octets. */
static bool skip_literal(struct scan *scan, struct span *text)
{
    struct scan ahead = *scan;
    uint64_t size;
    scan_char(&ahead, '~');
    if (!scan_char(&ahead, '{') || !scan_number(&ahead, SIZE_MAX / 2, &size))
        return false;
    scan_char(&ahead, '+');
    if (!scan_char(&ahead, '}') || !scan_char(&ahead, '\r') || !scan_char(&ahead, '\n'))
        return false;
    if (size > (uint64_t)(ahead.end - ahead.at))
        return false;
    *text = (struct span){ahead.at, (size_t)size};
    scan->at = ahead.at + size;
    return true;
}

static struct span unquote(struct span raw, struct arena *arena)
{
    assert(raw.len >= 2 && raw.at[0] == '"' && raw.at[raw.len - 1] == '"');
    char *text = arena_alloc(arena, raw.len), *out = text;
    for (const char *at = raw.at + 1; at < raw.at + raw.len - 1; at++) {
        if (*at == '\\')
            at++;
        *out++ = *at;
    }
    *out = '\0';
    return (struct span){text, (size_t)(out - text)};
}

bool scan_string(struct scan *scan, struct arena *arena, struct span *text)
{
    struct span raw;
    if (skip_quoted(scan, &raw)) {
        *text = unquote(raw, arena);
        return true;
    }
    if (!skip_literal(scan, &raw))
        return false;
    *text = (struct span){arena_copy(arena, raw.at, raw.len), raw.len};
    return true;
}

bool scan_astring(struct scan *scan, struct arena *arena, struct span *text)
{
    if (scan_string(scan, arena, text))
        return true;
    if (scan->at < scan->end && *scan->at == '{')
        return false;
    if (!scan_word(scan, text))
        return false;
    text->at = arena_copy(arena, text->at, text->len);
    return true;
}

/* One token inside a list: a string, or a single octet. */
static bool skip_token(struct scan *scan, size_t *depth)
{
    struct span passed;
    char octet = *scan->at;
    if (octet == '"')
        return skip_quoted(scan, &passed);
    if ((octet == '{' || octet == '~') && skip_literal(scan, &passed))
        return true;
    if (is_control(octet))
        return false;
    if (octet == '(')
        ++*depth;
    else if (octet == ')')
        --*depth;
    scan->at++;
    return true;
}

static bool skip_list(struct scan *scan)
{
    assert(*scan->at == '(');
    size_t depth = 0;
    do {
        if (scan->at == scan->end || !skip_token(scan, &depth))
            return false;
    } while (depth > 0);
    return true;
}

bool scan_value(struct scan *scan, struct span *value)
{
    struct scan ahead = *scan;
    struct span passed;
    if (ahead.at == ahead.end)
        return false;
    bool whole;
    if (*ahead.at == '(')
        whole = skip_list(&ahead);
    else
        whole = skip_quoted(&ahead, &passed) || skip_literal(&ahead, &passed) ||
                scan_word(&ahead, &passed);
    if (!whole)
        return false;
    *value = (struct span){scan->at, (size_t)(ahead.at - scan->at)};
    scan->at = ahead.at;
    return true;
}

bool span_is(struct span span, const char *text)
{
    return strlen(text) == span.len && strncasecmp(span.at, text, span.len) == 0;
}

bool span_is_atom(struct span span)
{
    for (size_t i = 0; i < span.len; i++)
        if (!is_word_octet(span.at[i]) || strchr("{%*\\]", span.at[i]) != NULL)
            return false;
    return span.len > 0;
}

const char *span_printable(struct span span, struct arena *arena)
{
    char *text = arena_copy(arena, span.at, span.len);
    text_printable_octets(text, span.len, PRINTABLE_UTF8);
    return text;
}
