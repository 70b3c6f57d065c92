#include "rules/mime/body_content.h"

#include <assert.h>

#include "rules/util/buffer.h"
#include "rules/util/octet.h"

struct reader {
    const char *c, *end;
    bool comments;
    const char *doubt;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_comment(struct reader *reader)
{
    size_t depth = 0;
    for (; reader->c < reader->end; reader->c++) {
        if (*reader->c == '\\' && reader->c + 1 < reader->end)
            reader->c++;
        else if (*reader->c == '(')
            depth++;
        else if (*reader->c == ')' && --depth == 0) {
            reader->c++;
            return;
        }
    }
    reader->doubt = "a comment is not closed";
}

/* White space and, by grammar, comments. */
static void skip_space(struct reader *reader)
{
    while (reader->c < reader->end)
        if (*reader->c == '(' && reader->comments)
            skip_comment(reader);
        else if (is_space(*reader->c))
            reader->c++;
        else
            return;
}

/* Lower case, up to one of the stops; blanks, comments, controls and 8-bit octets are dropped. */
static char *read_word(struct reader *reader, const char *stops)
{
    struct buffer word = {0};
    for (skip_space(reader); reader->c < reader->end; skip_space(reader)) {
        char c = *reader->c;
        if (c != '\0' && strchr(stops, c) != NULL)
            break;
        if (c > ' ' && c <= '~')
            buffer_char(&word, octet_lower(c));
        else
            reader->doubt = "a field has control characters or 8-bit octets";
        reader->c++;
    }
    return buffer_take(&word);
}

static void skip_past(struct reader *reader, char stop)
{
    while (reader->c < reader->end && *reader->c != stop)
        reader->c++;
    if (reader->c < reader->end)
        reader->c++;
}

static void add_visible(struct buffer *value, char c)
{
    if (c != '\r' && c != '\n' && c != '\0')
        buffer_char(value, c);
}

static void trim_end(struct buffer *value)
{
    while (value->len > 0 && is_space(value->data[value->len - 1]))
        value->data[--value->len] = '\0';
}

static char *take_trimmed(const char *text, const char *end)
{
    struct buffer value = {0};
    while (text < end && is_space(*text))
        text++;
    for (; text < end; text++)
        add_visible(&value, *text);
    trim_end(&value);
    return buffer_take(&value);
}

static char *read_quoted(struct reader *reader)
{
    struct buffer value = {0};
    reader->c++;
    for (; reader->c < reader->end && *reader->c != '"'; reader->c++) {
        if (*reader->c == '\\' && reader->c + 1 < reader->end)
            reader->c++;
        add_visible(&value, *reader->c);
    }
    if (reader->c == reader->end)
        reader->doubt = "a quoted string is not closed";
    return buffer_take(&value);
}

/* Up to the semicolon, because senders do not quote file names with blanks. */
static char *read_unquoted(struct reader *reader)
{
    struct buffer value = {0};
    while (reader->c < reader->end && *reader->c != ';') {
        if (*reader->c == '(') {
            skip_comment(reader);
            continue;
        }
        add_visible(&value, *reader->c++);
    }
    trim_end(&value);
    return buffer_take(&value);
}

static void add_parameter(struct content *content, char *name, char *value, char *raw)
{
    assert(content->count < CONTENT_PARAMETERS_MAX);
    content->parameters[content->count++] = (struct content_parameter){name, value, raw};
}

static void read_by_grammar(struct content *content, struct reader *reader)
{
    char *name = read_word(reader, "=;");
    if (reader->c >= reader->end || *reader->c != '=') {
        add_parameter(content, name, xstrdup(""), xstrdup(""));
        skip_past(reader, ';');
        return;
    }
    reader->c++;
    skip_space(reader);
    const char *begin = reader->c;
    bool quoted = reader->c < reader->end && *reader->c == '"';
    char *value = quoted ? read_quoted(reader) : read_unquoted(reader);
    const char *end =
        reader->end > reader->c ? memchr(reader->c, ';', (size_t)(reader->end - reader->c)) : NULL;
    add_parameter(content, name, value, take_trimmed(begin, end != NULL ? end : reader->end));
    skip_past(reader, ';');
}

/* Lower case, with blanks within. */
static char *take_lower(const char *text, const char *end)
{
    char *value = take_trimmed(text, end);
    for (char *c = value; *c != '\0'; c++)
        *c = octet_lower(*c);
    return value;
}

static char *read_start(struct reader *reader)
{
    const char *begin = reader->c;
    while (reader->c < reader->end && *reader->c != ';')
        reader->c++;
    return take_lower(begin, reader->c);
}

/* The next semicolon outside of quotes, where a quote after a backslash is none. */
static const char *find_semicolon(struct reader *reader)
{
    bool quoted = false;
    const char *c = reader->c;
    for (; c < reader->end && (*c != ';' || quoted); c++)
        if (*c == '"' && (c == reader->c || c[-1] != '\\'))
            quoted = !quoted;
    if (quoted)
        reader->doubt = "a quoted string is not closed";
    return c;
}

/* Without outer quotes and the escapes within. */
static char *unquote(const char *raw)
{
    size_t len = strlen(raw);
    if (len < 2 || raw[0] != '"' || raw[len - 1] != '"')
        return xstrdup(raw);
    struct buffer value = {0};
    for (size_t i = 1; i < len - 1; i++) {
        if (raw[i] == '\\' && i + 1 < len - 1 && (raw[i + 1] == '\\' || raw[i + 1] == '"'))
            i++;
        buffer_char(&value, raw[i]);
    }
    return buffer_take(&value);
}

static void read_at_semicolons(struct content *content, struct reader *reader)
{
    const char *end = find_semicolon(reader);
    const char *equals = memchr(reader->c, '=', (size_t)(end - reader->c));
    char *name = take_lower(reader->c, equals != NULL ? equals : end);
    char *raw = equals != NULL ? take_trimmed(equals + 1, end) : xstrdup("");
    add_parameter(content, name, unquote(raw), raw);
    reader->c = end < reader->end ? end + 1 : end;
}

void content_parse(struct content *content, enum content_way way, const char *text, size_t len)
{
    struct reader reader = {text, text + len, way == CONTENT_BY_GRAMMAR, NULL};
    content->count = 0;
    content->value = way == CONTENT_BY_GRAMMAR ? read_word(&reader, ";") : read_start(&reader);
    skip_past(&reader, ';');
    while (reader.c < reader.end && content->count < CONTENT_PARAMETERS_MAX)
        if (way == CONTENT_BY_GRAMMAR)
            read_by_grammar(content, &reader);
        else
            read_at_semicolons(content, &reader);
    content->doubt = reader.c < reader.end ? "a field has too many parameters" : reader.doubt;
    if (len > 0 && memchr(text, '\0', len) != NULL)
        content->doubt = "there is a NUL in a field";
}

void content_clear(struct content *content)
{
    free(content->value);
    for (size_t i = 0; i < content->count; i++) {
        free(content->parameters[i].name);
        free(content->parameters[i].value);
        free(content->parameters[i].raw);
    }
    content->value = NULL;
    content->count = 0;
}
