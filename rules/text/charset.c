#include "rules/text/charset.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#define CHUNK 4096

struct charset_reader {
    struct charset charset;
    enum charset_kind named;  /* UTF-16 and UTF-32 become one of orders by what they begin with */
    struct charset orders[2]; /* little-endian, big-endian; opened on first use */
    bool mark_controls;
    size_t undecoded;
    bool hz_double, hz_tilde;
    size_t held_len;
    char held[CHUNK]; /* converted when full, so that the result does not depend on how the input is
                         split */
};

static const uint16_t windows1252_high[32] = {
    0x20ac, 0xfffd, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0xfffd, 0x017d, 0xfffd, 0xfffd, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0xfffd, 0x017e, 0x0178};

struct charset_reader *charset_reader_new(const char *name, size_t name_len)
{
    struct charset_reader *reader = xmalloc(sizeof(*reader));
    *reader = (struct charset_reader){.charset = charset_find(name, name_len)};
    reader->named = reader->charset.kind;
    if (reader->named == CHARSET_HZ) {
        reader->charset = charset_find("gb18030", 7);
        if (reader->charset.kind != CHARSET_ICONV)
            reader->named = CHARSET_UNKNOWN;
    }
    return reader;
}

static void close_converter(const struct charset *charset)
{
    if (charset->kind == CHARSET_ICONV)
        iconv_close(charset->converter);
}

void charset_reader_free(struct charset_reader *reader)
{
    if (reader == NULL)
        return;
    if (reader->named != CHARSET_UTF16 && reader->named != CHARSET_UTF32)
        close_converter(&reader->charset);
    close_converter(&reader->orders[0]);
    close_converter(&reader->orders[1]);
    free(reader);
}

enum charset_kind charset_reader_kind(const struct charset_reader *reader)
{
    return reader->named;
}

bool charset_reader_is_single_octet(const struct charset_reader *reader)
{
    return reader->charset.single_octet;
}

size_t charset_reader_undecoded(const struct charset_reader *reader)
{
    return reader->undecoded;
}

void charset_reader_mark_controls(struct charset_reader *reader)
{
    reader->mark_controls = true;
}

size_t utf8_length(const char *text, size_t len)
{
    const unsigned char *c = (const unsigned char *)text;
    size_t need = c[0] < 0x80 ? 1 : c[0] < 0xc2 ? 0 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : 4;
    if (need == 0 || c[0] > 0xf4 || need > len)
        return 0;
    for (size_t i = 1; i < need; i++)
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    /* overlong forms, surrogates, and code points above U+10FFFF (RFC 3629 section 4) */
    if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f) ||
        (c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] > 0x8f))
        return 0;
    return need;
}

size_t utf8_cut(const char *text, size_t len, size_t max)
{
    if (len <= max)
        return len;
    while (max > 0 && ((unsigned char)text[max] & 0xc0) == 0x80)
        max--;
    return max;
}

/* Whether the incomplete character at the end of the text may still be completed. */
static bool may_continue(const char *text, size_t len)
{
    unsigned char first = (unsigned char)text[0];
    size_t need = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first <= 0xf4 ? 4 : 0;
    if (len >= need)
        return false;
    char probe[4] = {text[0], 0, 0, 0};
    for (size_t i = 1; i < 4; i++)
        probe[i] = i < len ? text[i] : (char)0x9f;
    return len == 1 || utf8_length(probe, need) > 0;
}

static void add_code_point(struct buffer *out, unsigned code)
{
    char utf8[3];
    assert(code >= 0x80 && code < 0x10000);
    if (code < 0x800) {
        utf8[0] = (char)(0xc0 | code >> 6);
        utf8[1] = (char)(0x80 | (code & 0x3f));
        buffer_add(out, utf8, 2);
    } else {
        utf8[0] = (char)(0xe0 | code >> 12);
        utf8[1] = (char)(0x80 | (code >> 6 & 0x3f));
        utf8[2] = (char)(0x80 | (code & 0x3f));
        buffer_add(out, utf8, 3);
    }
}

static unsigned windows1252(unsigned char c)
{
    return c >= 0x80 && c < 0xa0 ? windows1252_high[c - 0x80] : c;
}

/* Replaces controls; CR is dropped, which turns CRLF into a line feed. */
static void add_ascii(const struct charset_reader *reader, struct buffer *out, char c)
{
    if ((unsigned char)c < ' ' || c == 0x7f) {
        if (c == '\r')
            return;
        if (reader->mark_controls && c != '\n' && c != '\t' && c != '\f' && c != '\v') {
            buffer_text(out, CHARSET_CONTROL_MARK);
            return;
        }
        if (c != '\n' && c != '\t')
            c = ' ';
    }
    buffer_char(out, c);
}

static void add_undecoded(struct charset_reader *reader, struct buffer *out)
{
    add_code_point(out, 0xfffd);
    reader->undecoded++;
}

/* Converts held octets of a charset that is decoded here; returns how many were consumed. */
static size_t convert_here(struct charset_reader *reader, bool last, struct buffer *out)
{
    size_t i = 0;
    while (i < reader->held_len) {
        const char *c = reader->held + i;
        size_t left = reader->held_len - i;
        if ((unsigned char)*c < 0x80) {
            add_ascii(reader, out, *c);
            i++;
            continue;
        }
        size_t n = reader->charset.kind == CHARSET_WINDOWS1252 ? 0 : utf8_length(c, left);
        if (n > 0) {
            buffer_add(out, c, n);
            i += n;
            continue;
        }
        if (!last && reader->charset.kind != CHARSET_WINDOWS1252 && may_continue(c, left))
            break;
        if (reader->charset.kind == CHARSET_UTF8)
            add_undecoded(reader, out);
        else
            add_code_point(out, windows1252((unsigned char)*c));
        i++;
    }
    return i;
}

/* iconv's output is sanitized like our own: converters may emit controls, and have had bugs. */
static void add_clean(const struct charset_reader *reader, struct buffer *out, const char *text,
                      size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t n = utf8_length(text + i, len - i);
        if (n > 1)
            buffer_add(out, text + i, n);
        else if (n == 1)
            add_ascii(reader, out, text[i]);
        i += n > 0 ? n : 1;
    }
}

static size_t convert_iconv(struct charset_reader *reader, bool last, struct buffer *out)
{
    char *in = reader->held;
    size_t left = reader->held_len;
    while (left > 0) {
        char converted[4 * CHUNK];
        char *end = converted;
        size_t room = sizeof(converted);
        size_t result = iconv(reader->charset.converter, &in, &left, &end, &room);
        int error = errno;
        add_clean(reader, out, converted, (size_t)(end - converted));
        if (result != (size_t)-1 || (error == E2BIG && end != converted))
            continue;
        if (error == EINVAL && !last && left < 32)
            break;
        size_t skip = reader->charset.unit < left ? reader->charset.unit : left;
        if (error == EINVAL) /* the last character is cut off, which hides nothing */
            add_code_point(out, 0xfffd);
        else
            add_undecoded(reader, out);
        in += skip;
        left -= skip;
    }
    if (last) {
        char converted[64];
        char *end = converted;
        size_t room = sizeof(converted);
        iconv(reader->charset.converter, NULL, NULL, &end, &room);
        add_clean(reader, out, converted, (size_t)(end - converted));
    }
    return reader->held_len - left;
}

/* Chooses the byte order of UTF-16 and UTF-32 by the mark at the beginning. */
static void choose_byte_order(struct charset_reader *reader)
{
    static const char *const names[2][2] = {{"utf-16le", "utf-16be"}, {"utf-32le", "utf-32be"}};
    const char *held = reader->held;
    bool wide = reader->named == CHARSET_UTF32;
    size_t unit = wide ? 4 : 2, len = reader->held_len;
    bool little = len >= unit && memcmp(held, "\xff\xfe\0\0", unit) == 0;
    bool big = len >= unit && memcmp(held, wide ? "\0\0\xfe\xff" : "\xfe\xff", unit) == 0;
    struct charset *order = &reader->orders[big ? 1 : 0];
    if (order->kind == CHARSET_NONE)
        *order = charset_find(names[wide ? 1 : 0][big ? 1 : 0], strlen("utf-16le"));
    reader->charset = *order;
    if (little || big) {
        reader->held_len -= unit;
        memmove(reader->held, reader->held + unit, reader->held_len);
    }
}

static void convert(struct charset_reader *reader, bool last, struct buffer *out)
{
    if (reader->charset.kind == CHARSET_UTF16 || reader->charset.kind == CHARSET_UTF32)
        choose_byte_order(reader);
    size_t used = reader->charset.kind == CHARSET_ICONV ? convert_iconv(reader, last, out)
                                                        : convert_here(reader, last, out);
    assert(used <= reader->held_len);
    reader->held_len -= used;
    memmove(reader->held, reader->held + used, reader->held_len);
}

static void hold(struct charset_reader *reader, const char *data, size_t len, struct buffer *out)
{
    while (len > 0) {
        size_t take = CHUNK - reader->held_len;
        if (take > len)
            take = len;
        memcpy(reader->held + reader->held_len, data, take);
        reader->held_len += take;
        data += take;
        len -= take;
        if (reader->held_len == CHUNK)
            convert(reader, false, out);
        assert(reader->held_len < CHUNK);
    }
}

/* RFC 1843: "~{" and "~}" around pairs of GB 2312 without their high bits, "~~" for a tilde. */
static void hold_hz(struct charset_reader *reader, char c, struct buffer *out)
{
    if (reader->hz_tilde) {
        reader->hz_tilde = false;
        if (c == '{' || c == '}' || c == '\n') {
            reader->hz_double = c == '{';
            return;
        }
        hold(reader, "~", 1, out);
        if (c == '~')
            return;
    } else if (c == '~') {
        reader->hz_tilde = true;
        return;
    }
    if (c == '\n')
        reader->hz_double = false;
    if (reader->hz_double && c > ' ' && c < 0x7f)
        c = (char)((unsigned char)c | 0x80);
    hold(reader, &c, 1, out);
}

void charset_reader_feed(struct charset_reader *reader, const char *data, size_t len,
                         struct buffer *out)
{
    if (reader->named != CHARSET_HZ)
        hold(reader, data, len, out);
    else
        for (size_t i = 0; i < len; i++)
            hold_hz(reader, data[i], out);
}

void charset_reader_flush(struct charset_reader *reader, struct buffer *out)
{
    convert(reader, true, out);
    assert(reader->held_len == 0);
    reader->hz_double = reader->hz_tilde = false;
    if (reader->named == CHARSET_UTF16 || reader->named == CHARSET_UTF32)
        reader->charset.kind = reader->named;
}
