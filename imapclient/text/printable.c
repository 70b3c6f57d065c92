#include "imapclient/text/printable.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

/* Octets of a valid character (RFC 3629 section 4), 0: not UTF-8. */
static size_t decode(const unsigned char *c, size_t len, uint32_t *point)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t need = c[0] < 0x80 ? 1 : c[0] < 0xc2 ? 0 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : 4;

    if (need == 0 || c[0] > 0xf4 || need > len)
        return 0;
    *point = need == 1 ? c[0] : c[0] & (0x7fu >> need);
    for (size_t i = 1; i < need; i++) {
        if ((c[i] & 0xc0) != 0x80)
            return 0;
        *point = *point << 6 | (c[i] & 0x3f);
    }
    bool surrogate = *point >= 0xd800 && *point <= 0xdfff;
    return *point < least[need] || *point > 0x10ffff || surrogate ? 0 : need;
}

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
    uint32_t point = 0;
    assert(len > 0);
    size_t octets = decode((const unsigned char *)text, len, &point);
    *safe = octets > 0 && is_safe(point);
    return octets > 0 ? octets : 1;
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
