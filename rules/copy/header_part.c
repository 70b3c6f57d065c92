#include "rules/copy/header_part.h"

#include <string.h>

#include "rules/mime/header.h"
#include "rules/util/octet.h"

/* With its line end: CRLF, LF or CR. */
static size_t line_len(const char *text, size_t len)
{
    size_t n = 0;
    while (n < len && text[n] != '\r' && text[n] != '\n')
        n++;
    if (n + 1 < len && text[n] == '\r' && text[n + 1] == '\n')
        return n + 2;
    return n < len ? n + 1 : len;
}

static bool begins_field(const char *line, size_t len)
{
    size_t n = 0;
    while (n < len && line[n] > ' ' && line[n] <= '~' && line[n] != ':')
        n++;
    return n > 0 && n < len && line[n] == ':';
}

static bool continues_field(const char *line, size_t len)
{
    size_t n = 0;
    while (n < len && octet_is_blank(line[n]))
        n++;
    return n > 0 && n < len && line[n] != '\r' && line[n] != '\n';
}

static bool is_mbox_line(const char *line, size_t len)
{
    return (len > 5 && memcmp(line, "From ", 5) == 0) ||
           (len > 6 && memcmp(line, ">From ", 6) == 0);
}

struct header_part header_part_find(const char *text, size_t len)
{
    size_t section = header_section_len(text, len);
    size_t start = is_mbox_line(text, section) ? line_len(text, section) : 0;
    size_t at = start;
    while (at < section) {
        size_t line = line_len(text + at, section - at);
        bool more = at > start && continues_field(text + at, line);
        if (!more && !begins_field(text + at, line))
            break;
        at += line;
    }
    return (struct header_part){.text = text + start, .len = at - start, .cut = at < section};
}

static size_t field_len(const char *text, size_t len)
{
    size_t n = line_len(text, len);
    while (n < len && octet_is_blank(text[n]))
        n += line_len(text + n, len - n);
    return n;
}

/* The octets up to the last whole line within the limit, or just the limit. */
static size_t shown_len(const char *text, size_t len, size_t limit)
{
    if (len <= limit)
        return len;
    size_t shown = 0;
    for (size_t n; shown < limit; shown += n) {
        n = line_len(text + shown, len - shown);
        if (shown + n > limit)
            break;
    }
    return shown > 0 ? shown : limit;
}

static void note_cut(struct buffer *out, size_t octets, const char *of)
{
    if (out->len > 0 && out->data[out->len - 1] != '\r' && out->data[out->len - 1] != '\n')
        buffer_text(out, "\r\n");
    buffer_printf(out, "X-Monitor-Cut: %zu bytes of the %s\r\n", octets, of);
}

bool header_part_add(struct buffer *out, const struct header_part *part)
{
    bool cut = false;
    size_t start = out->len;
    for (size_t at = 0, n; at < part->len; at += n) {
        n = field_len(part->text + at, part->len - at);
        size_t shown = shown_len(part->text + at, n, HEADER_PART_FIELD_MAX);
        if (out->len - start + shown > HEADER_PART_MAX) {
            note_cut(out, part->len - at, "header");
            return true;
        }
        buffer_add(out, part->text + at, shown);
        if (shown < n)
            note_cut(out, n - shown, "field");
        cut |= shown < n;
    }
    return cut;
}
