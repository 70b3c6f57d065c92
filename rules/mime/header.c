#include "rules/mime/header.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "rules/mime/encoded_word.h"
#include "rules/util/buffer.h"
#include "rules/util/memory.h"
#include "rules/util/octet.h"

enum scan_state { LINE_START, IN_LINE, LINE_START_CR, ENDED };

long header_scan_feed(struct header_scan *scan, const char *data, size_t len)
{
    size_t i = 0;
    while (i < len && scan->state != ENDED) {
        char c = data[i];
        if (c == '\n') {
            scan->state = scan->state == IN_LINE ? LINE_START : ENDED;
            i++;
        } else if (c == '\r' && scan->state == LINE_START) {
            scan->state = LINE_START_CR;
            i++;
        } else {
            const char *end = memchr(data + i, '\n', len - i);
            scan->state = IN_LINE;
            i = end != NULL ? (size_t)(end - data) : len;
        }
    }
    return scan->state == ENDED ? (long)i : -1;
}

size_t header_section_len(const char *text, size_t len)
{
    struct header_scan scan = {0};
    long all = header_scan_feed(&scan, text, len);
    if (all < 0)
        return len;
    size_t end = (size_t)all - 1;
    if (end > 0 && text[end - 1] == '\r')
        end--;
    return end;
}

static const char *line_end(const char *line, const char *end)
{
    const char *feed = memchr(line, '\n', (size_t)(end - line));
    return feed != NULL ? feed + 1 : end;
}

/* The end of the field at start, after its last folded line. */
static const char *field_end(const char *start, const char *end)
{
    const char *next = line_end(start, end);
    while (next < end && octet_is_blank(*next))
        next = line_end(next, end);
    return next;
}

static size_t name_length(const char *start, const char *colon)
{
    while (colon > start && octet_is_blank(colon[-1]))
        colon--;
    for (const char *c = start; c < colon; c++)
        if (*c <= ' ' || *c > '~')
            return 0;
    return (size_t)(colon - start);
}

static struct header_field make_field(const char *start, const char *end)
{
    assert(start < end);
    struct header_field field = {.start = start, .len = (size_t)(end - start)};
    const char *value_end = end;
    if (value_end > start && value_end[-1] == '\n')
        value_end--;
    if (value_end > start && value_end < end && value_end[-1] == '\r')
        value_end--;

    const char *first_line = line_end(start, value_end);
    const char *colon = memchr(start, ':', (size_t)(first_line - start));
    if (colon != NULL)
        field.name_len = name_length(start, colon);
    field.value = field.name_len > 0 ? colon + 1 : start;
    field.value_len = (size_t)(value_end - field.value);
    return field;
}

bool header_next(const char **at, const char *end, struct header_field *field)
{
    if (*at >= end)
        return false;
    const char *next = field_end(*at, end);
    assert(next > *at && next <= end);
    *field = make_field(*at, next);
    *at = next;
    return true;
}

static void add_field(struct header *header, size_t *room, struct header_field field)
{
    if (header->count == *room) {
        *room = *room == 0 ? 32 : *room * 2;
        header->fields = xreallocarray(header->fields, *room, sizeof(*header->fields));
    }
    header->fields[header->count++] = field;
}

struct header *header_parse(const char *text, size_t len)
{
    struct header *header = xcalloc(1, sizeof(*header));
    header->text = text;
    header->len = header_section_len(text, len);

    size_t room = 0;
    const char *end = text + header->len;
    for (const char *start = text; start < end;) {
        if ((size_t)(start - text) >= HEADER_MAX || header->count >= HEADER_FIELDS_MAX) {
            struct header_field rest = {
                .start = start, .len = (size_t)(end - start), .value = start};
            rest.value_len = rest.len;
            add_field(header, &room, rest);
            header->truncated = true;
            break;
        }
        struct header_field field;
        header_next(&start, end, &field);
        add_field(header, &room, field);
    }
    assert(header->count == 0 || header->fields[0].start == text);
    return header;
}

void header_free(struct header *header)
{
    if (header == NULL)
        return;
    free(header->fields);
    free(header);
}

bool header_field_is(const struct header_field *field, const char *name)
{
    return field->name_len > 0 && strlen(name) == field->name_len &&
           strncasecmp(field->start, name, field->name_len) == 0;
}

const struct header_field *header_find(const struct header *header, const char *name, size_t n)
{
    for (size_t i = 0; i < header->count; i++)
        if (header_field_is(&header->fields[i], name) && n-- == 0)
            return &header->fields[i];
    return NULL;
}

static bool is_control(char c)
{
    return (unsigned char)c < ' ' || c == 0x7f;
}

char *header_value(const struct header_field *field, size_t max)
{
    const char *in = field->value, *end = field->value + field->value_len;
    while (in < end && (octet_is_blank(*in) || is_control(*in)))
        in++;

    size_t left = (size_t)(end - in);
    char *value = xmalloc((left < max ? left : max) + 1);
    size_t len = 0;
    for (; in < end && len < max; in++) {
        bool fold = *in == '\n' || (*in == '\r' && in + 1 < end && in[1] == '\n');
        if (!fold)
            value[len++] = is_control(*in) ? ' ' : *in;
    }
    while (len > 0 && value[len - 1] == ' ')
        len--;
    value[len] = '\0';
    return value;
}

char *header_value_decoded(const struct header_field *field, size_t max)
{
    char *value = header_value(field, field->value_len);
    char *decoded = encoded_word_decode(value, strlen(value), max);
    free(value);
    return decoded;
}

/* As header_value(), but with controls: they are nothing to some readings. */
static void add_unfolded(struct buffer *value, const struct header_field *field)
{
    const char *in = field->value, *end = field->value + field->value_len;
    while (in < end && (octet_is_blank(*in) || is_control(*in)))
        in++;
    for (; in < end; in++) {
        if (*in == '\n' || (*in == '\r' && in + 1 < end && in[1] == '\n'))
            continue;
        buffer_char(value, *in == '\r' || *in == '\f' || *in == '\v' ? ' ' : *in);
    }
    while (value->len > 0 &&
           (octet_is_blank(value->data[value->len - 1]) || is_control(value->data[value->len - 1])))
        value->len--;
}

struct readings header_readings(const struct header_field *field, struct charset_cache *charsets)
{
    struct readings readings = {0};
    struct buffer value = {0};
    add_unfolded(&value, field);
    encoded_word_read_more(&readings, charsets, value.len > 0 ? value.data : "", value.len);
    buffer_free(&value);
    return readings;
}
