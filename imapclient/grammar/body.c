#include "imapclient/grammar/body.h"

#include <ctype.h>
#include <stdbool.h>
#include <strings.h>

#include "imapclient/util/memory.h"

#define SECTION_MAX 8000

struct reader {
    const char *at, *end;
};

static uint32_t read_number(struct reader *reader)
{
    uint64_t number = 0;
    while (reader->at < reader->end && isdigit((unsigned char)*reader->at)) {
        number = number <= UINT32_MAX ? number * 10 + (uint64_t)(*reader->at - '0') : number;
        reader->at++;
    }
    return number <= UINT32_MAX ? (uint32_t)number : 0;
}

static void skip_quoted(struct reader *reader)
{
    for (reader->at++; reader->at < reader->end && *reader->at != '"'; reader->at++)
        if (*reader->at == '\\' && reader->at + 1 < reader->end)
            reader->at++;
    reader->at += reader->at < reader->end ? 1 : 0;
}

/* "{5}\r\nhello"; at is at the brace. */
static void skip_literal(struct reader *reader)
{
    reader->at++;
    uint32_t size = read_number(reader);
    while (reader->at < reader->end && *reader->at != '\n')
        reader->at++;
    reader->at += reader->at < reader->end ? 1 : 0;
    size_t left = (size_t)(reader->end - reader->at);
    reader->at += size < left ? size : left;
}

/* One word, string, list or NIL, with balanced brackets. */
static void skip_value(struct reader *reader)
{
    unsigned depth = 0;
    while (reader->at < reader->end) {
        char c = *reader->at;
        if (c == ' ' && depth == 0)
            return;
        if (c == '"') {
            skip_quoted(reader);
            continue;
        }
        if (c == '{') {
            skip_literal(reader);
            continue;
        }
        depth += c == '(' || c == '[' ? 1 : 0;
        depth -= (c == ')' || c == ']') && depth > 0 ? 1 : 0;
        reader->at++;
    }
}

static void skip_spaces(struct reader *reader)
{
    while (reader->at < reader->end && *reader->at == ' ')
        reader->at++;
}

static bool is_word(const char *item, size_t len, const char *word)
{
    return len == strlen(word) && strncasecmp(item, word, len) == 0;
}

static char *section_of(const char *item, size_t len)
{
    if (is_word(item, len, "RFC822.HEADER"))
        return xstrdup("HEADER");
    if (is_word(item, len, "RFC822.TEXT"))
        return xstrdup("TEXT");
    const char *open = memchr(item, '[', len);
    if (open == NULL)
        return xstrdup("");
    size_t left = len - (size_t)(open + 1 - item);
    const char *close = memrchr(open + 1, ']', left);
    size_t section_len = close != NULL ? (size_t)(close - open - 1) : left;
    return xstrndup(open + 1, section_len < SECTION_MAX ? section_len : SECTION_MAX);
}

void body_head_read(struct body_head *head, const char *text, size_t len)
{
    *head = (struct body_head){0};
    struct reader reader = {text, text + len};
    reader.end -= len > 0 && text[len - 1] == '~' ? 1 : 0; /* of a literal8, RFC 3516 */
    reader.at += len > 1 ? 1 : len;                        /* "*" */
    skip_spaces(&reader);                                  /* DavMail sends two */
    head->seq = read_number(&reader);
    while (reader.at < reader.end && *reader.at != '(')
        reader.at++;
    reader.at += reader.at < reader.end ? 1 : 0;
    const char *item = reader.at;
    size_t item_len = 0;
    for (skip_spaces(&reader); reader.at < reader.end; skip_spaces(&reader)) {
        item = reader.at;
        skip_value(&reader);
        item_len = (size_t)(reader.at - item);
        skip_spaces(&reader);
        if (reader.at < reader.end && is_word(item, item_len, "UID"))
            head->uid = read_number(&reader);
        if (reader.at < reader.end) {
            skip_value(&reader);
            item_len = 0; /* it has a value: not the item of the body */
        }
    }
    head->section = section_of(item, item_len);
}
