#include "rules/mime/base64.h"

#include <assert.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static void read_padding(struct base64_reader *reader)
{
    reader->odd |= reader->count == 1;
    reader->unpaired = reader->count == 2;
    reader->count = 0;
}

void base64_read(struct base64_reader *reader, const char *data, size_t len, struct buffer *out)
{
    buffer_reserve(out, len / 4 * 3 + 3);
    for (size_t i = 0; i < len; i++) {
        if (data[i] == '=')
            read_padding(reader);
        assert(reader->count < 4);
        int value = digit(data[i]);
        if (value < 0)
            continue;
        reader->odd |= reader->unpaired;
        reader->bits = (reader->bits << 6 | (unsigned)value) & 0xffffff;
        reader->count++;
        /* the second, third and fourth digit of a group each complete an octet */
        if (reader->count > 1)
            buffer_char(out, (char)(reader->bits >> (8 - 2 * reader->count)));
        reader->count %= 4;
    }
}

void base64_write(struct buffer *out, const void *data, size_t len)
{
    const unsigned char *in = data;
    for (; len > 0; len -= len < 3 ? len : 3, in += 3) {
        unsigned bits = (unsigned)in[0] << 16;
        if (len > 1)
            bits |= (unsigned)in[1] << 8;
        if (len > 2)
            bits |= in[2];
        char group[4] = {alphabet[bits >> 18], alphabet[bits >> 12 & 63],
                         len > 1 ? alphabet[bits >> 6 & 63] : '=',
                         len > 2 ? alphabet[bits & 63] : '='};
        buffer_add(out, group, 4);
    }
}
