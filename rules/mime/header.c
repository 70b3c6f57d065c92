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

/* Whether a bare CR ends a line too. */
enum line_ends { FEED, FEED_OR_RETURN };

static const char *line_end(const char *line, const char *end, enum line_ends ends)
{
    if (ends == FEED) {
        const char *feed = memchr(line, '\n', (size_t)(end - line));
        return feed != NULL ? feed + 1 : end;
    }
    for (; line < end; line++)
        if (*line == '\n' || (*line == '\r' && (line + 1 == end || line[1] != '\n')))
            return line + 1;
    return end;
}

/* The end of the field at start, after its last folded line. */
static const char *field_end(const char *start, const char *end, enum line_ends ends)
{
    const char *next = line_end(start, end, ends);
    while (next < end && octet_is_blank(*next))
        next = line_end(next, end, ends);
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

static struct header_field make_field(const char *start, const char *end, enum line_ends ends)
{
    assert(start < end);
    struct header_field field = {.start = start, .len = (size_t)(end - start)};
    const char *value_end = end;
    if (value_end > start && value_end[-1] == '\n')
        value_end--;
    if (value_end > start && (value_end < end || ends == FEED_OR_RETURN) && value_end[-1] == '\r')
        value_end--;

    const char *first_line = line_end(start, value_end, ends);
    const char *colon = memchr(start, ':', (size_t)(first_line - start));
    if (colon != NULL)
        field.name_len = name_length(start, colon);
    field.value = field.name_len > 0 ? colon + 1 : start;
    field.value_len = (size_t)(value_end - field.value);
    return field;
}

static bool next_field(const char **at, const char *end, struct header_field *field,
                       enum line_ends ends)
{
    if (*at >= end)
        return false;
    const char *next = field_end(*at, end, ends);
    assert(next > *at && next <= end);
    *field = make_field(*at, next, ends);
    *at = next;
    return true;
}

bool header_next(const char **at, const char *end, struct header_field *field)
{
    return next_field(at, end, field, FEED);
}

bool header_next_bare_cr(const char **at, const char *end, struct header_field *field)
{
    return next_field(at, end, field, FEED_OR_RETURN);
}

struct list {
    struct header_field *fields;
    size_t count, room;
};

static void add_field(struct list *list, struct header_field field)
{
    if (list->count == list->room) {
        list->room = list->room == 0 ? 32 : list->room * 2;
        list->fields = xreallocarray(list->fields, list->room, sizeof(*list->fields));
    }
    list->fields[list->count++] = field;
}

static bool is_control(char c)
{
    return (unsigned char)c < ' ' || c == 0x7f;
}

/* The first CR at or after text that is not followed by LF; NULL: none. */
static const char *bare_cr(const char *text, const char *end)
{
    while (text < end && (text = memchr(text, '\r', (size_t)(end - text))) != NULL) {
        if (text + 1 == end || text[1] != '\n')
            return text;
        text += 2;
    }
    return NULL;
}

/* What some program drops around the name of a field: white space, folds, controls, and octets that
 * are a blank or nothing in some charset (a no-break space, a byte order mark). */
static bool is_around_name(char c)
{
    return c == ' ' || is_control(c) || (unsigned char)c >= 0x80;
}

/* What a line that is no field is where the octets around a name and in it are dropped. */
enum further { NO_FIELD, GARBLED, FIELD };

/*
 * FIELD: `further` is that field. GARBLED: its name has control characters, in it or around it;
 * around it, `further` is the field too, else its name_len is 0.
 */
static enum further read_further(const struct header_field *field, struct header_field *further)
{
    const char *colon = memchr(field->start, ':', field->len);
    const char *start = field->start, *end = colon;
    *further = (struct header_field){.start = start};
    while (colon != NULL && start < colon && is_around_name(*start))
        start++;
    while (colon != NULL && end > start && is_around_name(end[-1]))
        end--;
    if (colon == NULL || start == end)
        return NO_FIELD;
    bool inside = false, around = false;
    for (const char *c = start; c < end; c++) {
        if (*c == ' ' || *c == '\r' || *c == '\n' || (unsigned char)*c >= 0x80)
            return NO_FIELD;
        inside |= is_control(*c);
    }
    for (const char *c = field->start; c < colon; c++)
        around |=
            (c < start || c >= end) && is_control(*c) && *c != '\t' && *c != '\r' && *c != '\n';
    *further = (struct header_field){.start = start, .value = colon + 1};
    further->len = (size_t)(field->start + field->len - start);
    further->value_len = (size_t)(field->value + field->value_len - further->value);
    if (!inside)
        further->name_len = (size_t)(end - start);
    return inside || around ? GARBLED : FIELD;
}

/* An mbox separator, as a file of that format has it before the header. */
static bool is_mbox_from(const struct header *header, const struct header_field *field)
{
    return field->start == header->text && field->len > 5 && memcmp(field->start, "From ", 5) == 0;
}

static void note_field(struct header *header, const struct header_field *field, bool *further)
{
    if (field->name_len > 0)
        return;
    struct header_field again;
    enum further kind = read_further(field, &again);
    header->garbled |= kind == GARBLED;
    *further |= kind != NO_FIELD;
    size_t start = (size_t)(field->start - header->text);
    if (start < header->fields_len && !is_mbox_from(header, field))
        header->fields_len = start;
}

/* Adds the field, and what it is where the octets around its name are dropped. */
static void add_read(struct header *header, struct list *read, const struct header_field *field)
{
    struct header_field further;
    add_field(read, *field);
    if (field->name_len > 0 || field->len > HEADER_MAX)
        return;
    header->garbled |= read_further(field, &further) == GARBLED;
    if (further.name_len > 0)
        add_field(read, further);
}

/* Adds the lines of the field where a bare CR ends a line; true: an empty one is among them. */
static bool split_field(struct header *header, struct list *read, size_t *further,
                        const struct header_field *field)
{
    const char *at = field->start, *end = field->start + field->len;
    while (at < end) {
        if (*at == '\r' || *at == '\n')
            return true;
        if (++*further > HEADER_FIELDS_MAX) {
            header->truncated = true;
            return true;
        }
        struct header_field line;
        next_field(&at, end, &line, FEED_OR_RETURN);
        add_read(header, read, &line);
    }
    return false;
}

static void read_all(struct header *header)
{
    struct list read = {0};
    size_t further = 0;
    bool ended = false;
    for (size_t i = 0; i < header->count; i++) {
        const struct header_field *field = &header->fields[i];
        add_read(header, &read, field);
        if (!ended && bare_cr(field->start, field->start + field->len) != NULL)
            ended = split_field(header, &read, &further, field);
    }
    header->read = read.fields;
    header->n_read = read.count;
}

struct header *header_parse(const char *text, size_t len)
{
    struct header *header = xcalloc(1, sizeof(*header));
    header->text = text;
    header->len = header->fields_len = header_section_len(text, len);

    struct list list = {0};
    bool further = false;
    const char *end = text + header->len;
    for (const char *start = text; start < end;) {
        if ((size_t)(start - text) >= HEADER_MAX || list.count >= HEADER_FIELDS_MAX) {
            struct header_field rest = {
                .start = start, .len = (size_t)(end - start), .value = start};
            rest.value_len = rest.len;
            add_field(&list, rest);
            header->truncated = true;
            break;
        }
        struct header_field field;
        header_next(&start, end, &field);
        note_field(header, &field, &further);
        add_field(&list, field);
    }
    header->fields = list.fields;
    header->count = list.count;
    header->bare_cr = bare_cr(text, end) != NULL;
    if (header->bare_cr || further)
        read_all(header);
    assert(header->count == 0 || header->fields[0].start == text);
    return header;
}

const struct header_field *header_read(const struct header *header, size_t *count)
{
    *count = header->read != NULL ? header->n_read : header->count;
    return header->read != NULL ? header->read : header->fields;
}

void header_free(struct header *header)
{
    if (header == NULL)
        return;
    free(header->read);
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
