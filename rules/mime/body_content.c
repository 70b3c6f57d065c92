#include "rules/mime/body_content.h"

#include <assert.h>

#include "rules/mime/charset.h"
#include "rules/mime/encoded_word.h"
#include "rules/util/buffer.h"
#include "rules/util/octet.h"

struct reader {
    const char *c, *end;
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
}

/* White space and comments. */
static void skip_space(struct reader *reader)
{
    while (reader->c < reader->end)
        if (*reader->c == '(')
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

static char *read_quoted(struct reader *reader)
{
    struct buffer value = {0};
    reader->c++;
    for (; reader->c < reader->end && *reader->c != '"'; reader->c++) {
        if (*reader->c == '\\' && reader->c + 1 < reader->end)
            reader->c++;
        if (*reader->c != '\r' && *reader->c != '\n' && *reader->c != '\0')
            buffer_char(&value, *reader->c);
    }
    return buffer_take(&value);
}

/* Unquoted: up to the semicolon, because senders do not quote file names with blanks. */
static char *read_unquoted(struct reader *reader)
{
    struct buffer value = {0};
    for (; reader->c < reader->end && *reader->c != ';'; reader->c++)
        if (*reader->c != '\r' && *reader->c != '\n' && *reader->c != '\0')
            buffer_char(&value, *reader->c);
    while (value.len > 0 && is_space(value.data[value.len - 1]))
        value.data[--value.len] = '\0';
    return buffer_take(&value);
}

static void read_parameter(struct content *content, struct reader *reader)
{
    char *name = read_word(reader, "=;");
    if (reader->c >= reader->end || *reader->c != '=') {
        free(name);
        skip_past(reader, ';');
        return;
    }
    reader->c++;
    skip_space(reader);
    bool quoted = reader->c < reader->end && *reader->c == '"';
    char *value = quoted ? read_quoted(reader) : read_unquoted(reader);
    skip_past(reader, ';');
    assert(content->count < CONTENT_PARAMETERS_MAX);
    content->parameters[content->count++] = (struct content_parameter){name, value};
}

void content_parse(struct content *content, const char *text, size_t len)
{
    struct reader reader = {text, text + len};
    content->count = 0;
    content->value = read_word(&reader, ";");
    skip_past(&reader, ';');
    while (reader.c < reader.end && content->count < CONTENT_PARAMETERS_MAX)
        read_parameter(content, &reader);
    content->more = reader.c < reader.end;
}

void content_clear(struct content *content)
{
    free(content->value);
    for (size_t i = 0; i < content->count; i++) {
        free(content->parameters[i].name);
        free(content->parameters[i].value);
    }
    content->value = NULL;
    content->count = 0;
}

const char *content_parameter(const struct content *content, const char *name)
{
    for (size_t i = 0; i < content->count; i++)
        if (strcmp(content->parameters[i].name, name) == 0)
            return content->parameters[i].value;
    return NULL;
}

/* The value of parameter name*section or, with *extended set, of name*section*. */
static const char *find_section(const struct content *content, const char *name, unsigned section,
                                bool *extended)
{
    char *plain = xasprintf("%s*%u", name, section);
    char *coded = xasprintf("%s*%u*", name, section);
    const char *value = content_parameter(content, coded);
    *extended = value != NULL;
    if (value == NULL)
        value = content_parameter(content, plain);
    free(plain);
    free(coded);
    return value;
}

static void add_percent_decoded(struct buffer *out, const char *text)
{
    for (; *text != '\0'; text++) {
        int high = text[0] == '%' ? octet_hex(text[1]) : -1;
        int low = high >= 0 ? octet_hex(text[2]) : -1;
        if (low >= 0) {
            buffer_char(out, (char)(high << 4 | low));
            text += 2;
        } else {
            buffer_char(out, *text);
        }
    }
}

/* Skips charset'language' and sets *charset. */
static const char *split_charset(const char *value, const char **charset, size_t *charset_len)
{
    const char *first = strchr(value, '\'');
    const char *second = first != NULL ? strchr(first + 1, '\'') : NULL;
    if (second == NULL)
        return value;
    *charset = value;
    *charset_len = (size_t)(first - value);
    return second + 1;
}

static char *to_utf8(const struct buffer *octets, const char *charset, size_t charset_len)
{
    struct buffer utf8 = {0};
    struct charset_reader *reader = charset_reader_new(charset, charset_len);
    if (octets->len > 0)
        charset_reader_feed(reader, octets->data, octets->len, &utf8);
    charset_reader_flush(reader, &utf8);
    charset_reader_free(reader);
    for (size_t i = 0; i < utf8.len; i++)
        if (utf8.data[i] == '\n' || utf8.data[i] == '\t')
            utf8.data[i] = ' ';
    char *text = buffer_take(&utf8);
    text[utf8_cut(text, strlen(text), CONTENT_NAME_MAX)] = '\0';
    return text;
}

/* RFC 2231 sections 3 and 4; NULL: the parameter does not use them. */
static char *decode_extended(const struct content *content, const char *name)
{
    struct buffer octets = {0};
    const char *charset = NULL;
    size_t charset_len = 0;
    char *single = xasprintf("%s*", name);
    const char *value = content_parameter(content, single);
    free(single);
    bool found = value != NULL, extended = true;
    if (found)
        add_percent_decoded(&octets, split_charset(value, &charset, &charset_len));
    for (unsigned i = 0; value == NULL; i++) {
        const char *section = find_section(content, name, i, &extended);
        if (section == NULL)
            break;
        found = true;
        if (i == 0 && extended)
            section = split_charset(section, &charset, &charset_len);
        if (extended)
            add_percent_decoded(&octets, section);
        else
            buffer_text(&octets, section);
    }
    char *decoded = found ? to_utf8(&octets, charset, charset_len) : NULL;
    buffer_free(&octets);
    return decoded;
}

char *content_parameter_decoded(const struct content *content, const char *name)
{
    char *decoded = decode_extended(content, name);
    const char *plain = content_parameter(content, name);
    if (decoded != NULL || plain == NULL)
        return decoded;
    return encoded_word_decode(plain, strlen(plain), CONTENT_NAME_MAX);
}
