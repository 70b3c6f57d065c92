#include "rules/mime/charset.h"

#include <assert.h>
#include <errno.h>
#include <iconv.h>
#include <stdbool.h>
#include <stdint.h>
#include <strings.h>

#define CHUNK 4096

enum kind { KIND_UTF8, KIND_WINDOWS1252, KIND_UNKNOWN, KIND_ICONV };

struct charset_reader {
    enum kind kind;
    iconv_t converter;
    size_t held_len;
    char held[CHUNK]; /* converted when full, so that the result does not depend on how the input is
                         split */
};

struct charset_name {
    const char *name;
    const char *iconv_name; /* NULL: decoded here */
    enum kind kind;
};

/* Supersets replace charsets that are commonly mislabelled (WHATWG Encoding, section 4.2). */
static const struct charset_name charset_names[] = {
    {"utf-8", NULL, KIND_UTF8},
    {"utf8", NULL, KIND_UTF8},
    {"us-ascii", NULL, KIND_UNKNOWN},
    {"ascii", NULL, KIND_UNKNOWN},
    {"ansi_x3.4-1968", NULL, KIND_UNKNOWN},
    {"iso-8859-1", NULL, KIND_WINDOWS1252},
    {"iso8859-1", NULL, KIND_WINDOWS1252},
    {"latin1", NULL, KIND_WINDOWS1252},
    {"windows-1252", NULL, KIND_WINDOWS1252},
    {"cp1252", NULL, KIND_WINDOWS1252},
    {"iso-8859-2", "ISO-8859-2", KIND_ICONV},
    {"iso-8859-3", "ISO-8859-3", KIND_ICONV},
    {"iso-8859-4", "ISO-8859-4", KIND_ICONV},
    {"iso-8859-5", "ISO-8859-5", KIND_ICONV},
    {"iso-8859-6", "ISO-8859-6", KIND_ICONV},
    {"iso-8859-7", "ISO-8859-7", KIND_ICONV},
    {"iso-8859-8", "ISO-8859-8", KIND_ICONV},
    {"iso-8859-8-i", "ISO-8859-8", KIND_ICONV},
    {"iso-8859-9", "ISO-8859-9", KIND_ICONV},
    {"iso-8859-10", "ISO-8859-10", KIND_ICONV},
    {"iso-8859-11", "TIS-620", KIND_ICONV},
    {"iso-8859-13", "ISO-8859-13", KIND_ICONV},
    {"iso-8859-14", "ISO-8859-14", KIND_ICONV},
    {"iso-8859-15", "ISO-8859-15", KIND_ICONV},
    {"iso-8859-16", "ISO-8859-16", KIND_ICONV},
    {"windows-874", "CP874", KIND_ICONV},
    {"windows-1250", "CP1250", KIND_ICONV},
    {"windows-1251", "CP1251", KIND_ICONV},
    {"windows-1253", "CP1253", KIND_ICONV},
    {"windows-1254", "CP1254", KIND_ICONV},
    {"windows-1255", "CP1255", KIND_ICONV},
    {"windows-1256", "CP1256", KIND_ICONV},
    {"windows-1257", "CP1257", KIND_ICONV},
    {"windows-1258", "CP1258", KIND_ICONV},
    {"cp1250", "CP1250", KIND_ICONV},
    {"cp1251", "CP1251", KIND_ICONV},
    {"cp437", "CP437", KIND_ICONV},
    {"cp850", "CP850", KIND_ICONV},
    {"cp852", "CP852", KIND_ICONV},
    {"cp866", "CP866", KIND_ICONV},
    {"koi8-r", "KOI8-R", KIND_ICONV},
    {"koi8-u", "KOI8-U", KIND_ICONV},
    {"macintosh", "MACINTOSH", KIND_ICONV},
    {"tis-620", "TIS-620", KIND_ICONV},
    {"iso-2022-jp", "ISO-2022-JP", KIND_ICONV},
    {"iso-2022-kr", "ISO-2022-KR", KIND_ICONV},
    {"shift_jis", "CP932", KIND_ICONV},
    {"shift-jis", "CP932", KIND_ICONV},
    {"cp932", "CP932", KIND_ICONV},
    {"windows-31j", "CP932", KIND_ICONV},
    {"euc-jp", "EUC-JP", KIND_ICONV},
    {"euc-kr", "CP949", KIND_ICONV},
    {"ks_c_5601-1987", "CP949", KIND_ICONV},
    {"cp949", "CP949", KIND_ICONV},
    {"gb2312", "GB18030", KIND_ICONV},
    {"gbk", "GB18030", KIND_ICONV},
    {"cp936", "GB18030", KIND_ICONV},
    {"gb18030", "GB18030", KIND_ICONV},
    {"euc-tw", "EUC-TW", KIND_ICONV},
    {"big5", "CP950", KIND_ICONV},
    {"big5-hkscs", "BIG5-HKSCS", KIND_ICONV},
    {"utf-7", "UTF-7", KIND_ICONV},
    {"utf-16", "UTF-16", KIND_ICONV},
    {"utf-16le", "UTF-16LE", KIND_ICONV},
    {"utf-16be", "UTF-16BE", KIND_ICONV},
};

static const uint16_t windows1252_high[32] = {
    0x20ac, 0xfffd, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0xfffd, 0x017d, 0xfffd, 0xfffd, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0xfffd, 0x017e, 0x0178};

static const struct charset_name *find_charset(const char *name, size_t len)
{
    for (size_t i = 0; i < sizeof(charset_names) / sizeof(*charset_names); i++)
        if (strlen(charset_names[i].name) == len &&
            strncasecmp(charset_names[i].name, name, len) == 0)
            return &charset_names[i];
    return NULL;
}

struct charset_reader *charset_reader_new(const char *name, size_t name_len)
{
    struct charset_reader *reader = xmalloc(sizeof(*reader));
    reader->kind = KIND_UNKNOWN;
    reader->held_len = 0;
    const struct charset_name *found = name != NULL ? find_charset(name, name_len) : NULL;
    if (found == NULL)
        return reader;
    reader->kind = found->kind;
    if (found->kind == KIND_ICONV) {
        reader->converter = iconv_open("UTF-8", found->iconv_name);
        if (reader->converter == (iconv_t)-1) /* NOLINT(performance-no-int-to-ptr): POSIX */
            reader->kind = KIND_UNKNOWN;
    }
    return reader;
}

void charset_reader_free(struct charset_reader *reader)
{
    if (reader == NULL)
        return;
    if (reader->kind == KIND_ICONV)
        iconv_close(reader->converter);
    free(reader);
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
static void add_ascii(struct buffer *out, char c)
{
    if ((unsigned char)c < ' ' || c == 0x7f) {
        if (c == '\r')
            return;
        if (c != '\n' && c != '\t')
            c = ' ';
    }
    buffer_char(out, c);
}

/* Converts held octets of a charset that is decoded here; returns how many were consumed. */
static size_t convert_here(struct charset_reader *reader, bool last, struct buffer *out)
{
    size_t i = 0;
    while (i < reader->held_len) {
        const char *c = reader->held + i;
        size_t left = reader->held_len - i;
        if ((unsigned char)*c < 0x80) {
            add_ascii(out, *c);
            i++;
            continue;
        }
        size_t n = reader->kind == KIND_WINDOWS1252 ? 0 : utf8_length(c, left);
        if (n > 0) {
            buffer_add(out, c, n);
            i += n;
            continue;
        }
        if (!last && reader->kind != KIND_WINDOWS1252 && may_continue(c, left))
            break;
        add_code_point(out, reader->kind == KIND_UTF8 ? 0xfffd : windows1252((unsigned char)*c));
        i++;
    }
    return i;
}

/* iconv's output is sanitized like our own: converters may emit controls, and have had bugs. */
static void add_clean(struct buffer *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t n = utf8_length(text + i, len - i);
        if (n > 1)
            buffer_add(out, text + i, n);
        else if (n == 1)
            add_ascii(out, text[i]);
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
        size_t result = iconv(reader->converter, &in, &left, &end, &room);
        int error = errno;
        add_clean(out, converted, (size_t)(end - converted));
        if (result != (size_t)-1 || (error == E2BIG && end != converted))
            continue;
        if (error == EINVAL && !last && left < 32)
            break;
        add_code_point(out, 0xfffd);
        in++;
        left--;
    }
    if (last) {
        char converted[64];
        char *end = converted;
        size_t room = sizeof(converted);
        iconv(reader->converter, NULL, NULL, &end, &room);
        add_clean(out, converted, (size_t)(end - converted));
    }
    return reader->held_len - left;
}

static void convert(struct charset_reader *reader, bool last, struct buffer *out)
{
    size_t used = reader->kind == KIND_ICONV ? convert_iconv(reader, last, out)
                                             : convert_here(reader, last, out);
    assert(used <= reader->held_len);
    reader->held_len -= used;
    memmove(reader->held, reader->held + used, reader->held_len);
}

void charset_reader_feed(struct charset_reader *reader, const char *data, size_t len,
                         struct buffer *out)
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

void charset_reader_flush(struct charset_reader *reader, struct buffer *out)
{
    convert(reader, true, out);
    assert(reader->held_len == 0);
}
