#include "rules/regex_token.h"

#include <string.h>

#include "rules/util/octet.h"

/* 0: the text ends before it. */
static char octet_at(const struct regex_reader *reader, size_t i)
{
    return (size_t)(reader->end - reader->at) > i ? reader->at[i] : '\0';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    c = octet_lower(c);
    return c >= 'a' && c <= 'z';
}

static struct regex_token take(struct regex_reader *reader, enum regex_kind kind, size_t len)
{
    struct regex_token token = {.kind = kind, .text = reader->at, .len = len};
    reader->at += len;
    return token;
}

static struct regex_token unknown(struct regex_reader *reader)
{
    return take(reader, REGEX_UNKNOWN, (size_t)(reader->end - reader->at));
}

static struct regex_token character(struct regex_reader *reader, size_t len, const char *octets,
                                    size_t count)
{
    struct regex_token token = take(reader, REGEX_CHARACTER, len);
    memcpy(token.character, octets, count);
    token.octets = count;
    return token;
}

static struct regex_token read_escape(struct regex_reader *reader)
{
    static const char controls[] = "nrtfea", values[] = "\n\r\t\f\x1b\a";
    char c = octet_at(reader, 1);
    if (c == '\0' || (unsigned char)c >= 0x80)
        return unknown(reader);
    if (!is_letter(c) && !is_digit(c))
        return character(reader, 2, &c, 1);
    const char *control = strchr(controls, c);
    if (control != NULL)
        return character(reader, 2, values + (control - controls), 1);
    if (strchr("dDwWsShHvV", c) != NULL || (c == 'N' && octet_at(reader, 2) != '{'))
        return take(reader, REGEX_SINGLE, 2);
    return strchr("bBAzZ", c) != NULL ? take(reader, REGEX_ASSERTION, 2) : unknown(reader);
}

/* The length of [:name:] at text, or 0. */
static size_t posix_class_len(const char *text, const char *end)
{
    const char *c = text + 2;
    if (c < end && *c == '^')
        c++;
    while (c < end && is_letter(*c))
        c++;
    return c + 1 < end && strncmp(c, ":]", 2) == 0 ? (size_t)(c + 2 - text) : 0;
}

static struct regex_token read_class(struct regex_reader *reader)
{
    const char *c = reader->at + 1, *end = reader->end;
    if (c < end && *c == '^')
        c++;
    if (c < end && *c == ']')
        c++;
    while (c < end && *c != ']') {
        size_t len = 1;
        if (*c == '\\') {
            if (end - c < 2 || c[1] == 'Q' || c[1] == 'E' || c[1] == 'c')
                return unknown(reader);
            len = 2;
        } else if (*c == '[' && end - c >= 2 && strchr(":.=", c[1]) != NULL) {
            len = posix_class_len(c, end);
            if (len == 0)
                return unknown(reader);
        }
        c += len;
    }
    return c < end ? take(reader, REGEX_SINGLE, (size_t)(c + 1 - reader->at)) : unknown(reader);
}

static struct regex_token read_open(struct regex_reader *reader)
{
    char second = octet_at(reader, 1), third = octet_at(reader, 2);
    if (second == '*')
        return unknown(reader);
    if (second != '?')
        return take(reader, REGEX_OPEN, 1);
    if (third == ':')
        return take(reader, REGEX_OPEN, 3);
    if (third == '=' || third == '!')
        return take(reader, REGEX_LOOK, 3);
    if (third == '<' && (octet_at(reader, 3) == '=' || octet_at(reader, 3) == '!'))
        return take(reader, REGEX_LOOK, 4);
    size_t len = 2;
    while (octet_at(reader, len) != '\0' && strchr("ims-", octet_at(reader, len)) != NULL)
        len++;
    if (len == 2 || octet_at(reader, len) != ')')
        return unknown(reader);
    return take(reader, REGEX_FLAGS, len + 1);
}

static unsigned read_number(const char **c, const char *end)
{
    unsigned number = 0;
    for (; *c < end && is_digit(**c); ++*c)
        number = number < 100000 ? number * 10 + (unsigned)(**c - '0') : number;
    return number;
}

/* The length of {n}, {n,} or {n,m}, or 0: PCRE2 may take it for something else. */
static size_t read_braces(const struct regex_reader *reader, struct regex_token *repeat)
{
    const char *c = reader->at + 1, *digits = c;
    repeat->min = repeat->max = read_number(&c, reader->end);
    if (c == digits || c == reader->end)
        return 0;
    if (*c == ',') {
        digits = ++c;
        repeat->max = read_number(&c, reader->end);
        repeat->endless = c == digits;
    }
    return c < reader->end && *c == '}' ? (size_t)(c + 1 - reader->at) : 0;
}

static struct regex_token read_repeat(struct regex_reader *reader)
{
    struct regex_token repeat = {.text = reader->at, .kind = REGEX_REPEAT};
    char c = *reader->at;
    if (c == '{') {
        repeat.len = read_braces(reader, &repeat);
        if (repeat.len == 0)
            return unknown(reader);
    } else {
        repeat.len = 1;
        repeat.min = c == '+';
        repeat.max = 1;
        repeat.endless = c != '?';
    }
    char suffix = octet_at(reader, repeat.len);
    repeat.possessive = suffix == '+';
    repeat.len += suffix == '+' || suffix == '?';
    reader->at += repeat.len;
    return repeat;
}

static size_t character_len(const struct regex_reader *reader)
{
    unsigned char c = (unsigned char)*reader->at;
    size_t len = c < 0xC0 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    size_t left = (size_t)(reader->end - reader->at);
    return len < left ? len : left;
}

struct regex_token regex_next(struct regex_reader *reader)
{
    if (reader->at == reader->end)
        return take(reader, REGEX_END, 0);
    size_t len = character_len(reader);
    switch (*reader->at) {
    case '\0':
        return unknown(reader);
    case '\\':
        return read_escape(reader);
    case '[':
        return read_class(reader);
    case '.':
        return take(reader, REGEX_SINGLE, 1);
    case '^':
    case '$':
        return take(reader, REGEX_ASSERTION, 1);
    case '(':
        return read_open(reader);
    case ')':
        return take(reader, REGEX_CLOSE, 1);
    case '|':
        return take(reader, REGEX_ALTERNATIVE, 1);
    case '*':
    case '+':
    case '?':
    case '{':
        return read_repeat(reader);
    default:
        return character(reader, len, reader->at, len);
    }
}

struct regex_token regex_peek(const struct regex_reader *reader)
{
    struct regex_reader ahead = *reader;
    return regex_next(&ahead);
}
