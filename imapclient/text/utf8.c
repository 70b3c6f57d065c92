#include "imapclient/text/utf8.h"

#include <assert.h>
#include <utf8proc.h>

/* A continuation octet is never NUL, so this reads no further than the end of a string. */
#define UTF8_TERMINATED (-1)

uint32_t utf8_next(const char **text)
{
    utf8proc_int32_t point;
    utf8proc_ssize_t octets =
        utf8proc_iterate((const utf8proc_uint8_t *)*text, UTF8_TERMINATED, &point);
    if (octets <= 0)
        return UTF8_INVALID;
    *text += octets;
    return (uint32_t)point;
}

char *utf8_put(char *out, uint32_t point)
{
    assert(point <= 0x10ffff);
    return out + utf8proc_encode_char((utf8proc_int32_t)point, (utf8proc_uint8_t *)out);
}
