#include "imapclient/text/printable.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>
#include <utf8proc.h>

static bool is_safe(uint32_t point)
{
    if (point < 0x20 || (point >= 0x7f && point < 0xa0))
        return false;
    if (point == 0x61c || point == 0x200e || point == 0x200f)
        return false;
    return !(point >= 0x2028 && point <= 0x202e) && !(point >= 0x2066 && point <= 0x2069);
}

size_t text_character(const char *text, size_t len, bool *safe)
{
    utf8proc_int32_t point;
    assert(len > 0);
    utf8proc_ssize_t octets =
        utf8proc_iterate((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)len, &point);
    *safe = octets > 0 && is_safe((uint32_t)point);
    return octets > 0 ? (size_t)octets : 1;
}

void text_printable_octets(char *data, size_t len, enum printable keep)
{
    for (size_t i = 0; i < len;) {
        bool safe;
        size_t octets = text_character(data + i, len - i, &safe);
        if (!safe || (octets > 1 && keep == PRINTABLE_ASCII))
            memset(data + i, '?', octets);
        i += octets;
    }
}

void text_printable(char *text, enum printable keep)
{
    text_printable_octets(text, strlen(text), keep);
}
