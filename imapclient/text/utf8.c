#include "imapclient/text/utf8.h"

#include <assert.h>

/* RFC 3629 section 4: the number of octets after the first, and the least point of that length. */
static int tail_length(unsigned char lead, uint32_t *point_r, uint32_t *least_r)
{
    if (lead >= 0xc2 && lead <= 0xdf) {
        *point_r = lead & 0x1fu;
        *least_r = 0x80;
        return 1;
    }
    if (lead >= 0xe0 && lead <= 0xef) {
        *point_r = lead & 0x0fu;
        *least_r = 0x800;
        return 2;
    }
    if (lead >= 0xf0 && lead <= 0xf4) {
        *point_r = lead & 0x07u;
        *least_r = 0x10000;
        return 3;
    }
    return -1;
}

uint32_t utf8_next(const char **text)
{
    const unsigned char *at = (const unsigned char *)*text;
    uint32_t point = *at++, least = 0;
    if (point >= 0x80) {
        int tail = tail_length((unsigned char)point, &point, &least);
        if (tail < 0)
            return UTF8_INVALID;
        /* NUL is not a continuation octet, so this stops at the end. */
        for (; tail > 0; tail--, at++) {
            if ((*at & 0xc0) != 0x80)
                return UTF8_INVALID;
            point = point << 6 | (*at & 0x3fu);
        }
    }
    if (point < least || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
        return UTF8_INVALID;
    *text = (const char *)at;
    return point;
}

char *utf8_put(char *out, uint32_t point)
{
    assert(point <= 0x10ffff);
    static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    int len = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    for (int i = len - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (point & 0x3f));
        point >>= 6;
    }
    out[0] = (char)(leads[len] | point);
    return out + len;
}
