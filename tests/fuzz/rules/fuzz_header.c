/* Spans cover every octet; values are clean; the scan finds the same end however it is split. */
#include <stdint.h>

#include "rules/mime/header.h"
#include "rules/text/charset.h"
#include "rules/util/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_field(const struct header_field *field)
{
    check(field->name_len < field->len || field->name_len == 0);
    check(field->value >= field->start &&
          field->value + field->value_len <= field->start + field->len);
    char *value = header_value(field, 1000), *decoded = header_value_decoded(field, 1000);
    check(strlen(value) <= 1000 && strlen(decoded) <= 1000);
    for (const char *c = value; *c != '\0'; c++)
        check((unsigned char)*c >= ' ' && *c != 0x7f);
    for (const char *c = decoded; *c != '\0';) {
        size_t n = utf8_length(c, strlen(c));
        check(n > 0 && (unsigned char)*c >= ' ' && *c != 0x7f);
        c += n;
    }
    free(value);
    free(decoded);
}

static void check_scan(const char *text, size_t size)
{
    struct header_scan whole = {0}, pieces = {0};
    long end = header_scan_feed(&whole, text, size);
    size_t cut = size > 0 ? (unsigned char)text[size - 1] % size : 0;
    long seen = header_scan_feed(&pieces, text, cut);
    if (seen < 0) {
        seen = header_scan_feed(&pieces, text + cut, size - cut);
        seen = seen < 0 ? seen : seen + (long)cut;
    }
    check(seen == end);
    size_t len = header_section_len(text, size);
    check(end < 0 ? len == size : (size_t)end - len == 1 || (size_t)end - len == 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = xmemdup0(data, size);
    text = xrealloc(text, size);
    check_scan(text, size);
    struct header *header = header_parse(text, size);
    const char *next = text;
    for (size_t i = 0; i < header->count; i++) {
        check(header->fields[i].start == next && header->fields[i].len > 0);
        check_field(&header->fields[i]);
        next += header->fields[i].len;
    }
    check(next == text + header->len);
    header_free(header);
    free(text);
    return 0;
}
