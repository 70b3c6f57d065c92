#include "rules/text/fold.h"

#include <assert.h>
#include <utf8proc.h>

#include "rules/text/charset.h"

/* What is normalized at once: the longer run only where no boundary is found in the shorter. */
#define RUN 96
#define RUN_MAX 128
#define POINTS_MAX (RUN_MAX * 18) /* the longest decomposition: U+FDFA */

static const utf8proc_option_t options =
    UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT | UTF8PROC_IGNORE;

static bool is_ascii(char c)
{
    return (unsigned char)c < 0x80;
}

static utf8proc_int32_t code_point(const char *text, size_t octets)
{
    utf8proc_int32_t point = -1;
    utf8proc_iterate((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)octets, &point);
    return point;
}

/* Whether normal forms may be computed apart before and after this character. */
static bool is_boundary(utf8proc_int32_t point)
{
    bool jamo = point >= 0x1160 && point <= 0x11ff;
    return !jamo && utf8proc_get_property(point)->combining_class == 0;
}

/* The octets of the next run: a character, and what may compose with it. */
static size_t run_length(const char *text, size_t len)
{
    size_t at = 0;
    for (size_t count = 0; at < len && count < RUN_MAX; count++) {
        size_t octets = utf8_length(text + at, len - at);
        if (octets == 0 || (count > 0 && is_ascii(text[at])))
            break;
        if (count >= RUN && is_boundary(code_point(text + at, octets)))
            break;
        at += octets;
    }
    return at;
}

/* Makes ignorable what Unicode does not call so but shows nothing all the same. */
static utf8proc_int32_t map_point(utf8proc_int32_t point, void *arg)
{
    (void)arg;
    if (point == 0x85 || point == 0x2028 || point == 0x2029)
        return '\n';
    bool invisible = (point >= 0x80 && point < 0xa0) || (point >= 0xfff9 && point <= 0xfffd);
    return invisible ? 0xad : point;
}

static void add_run(struct buffer *out, const char *text, size_t len)
{
    utf8proc_int32_t points[POINTS_MAX + 1];
    utf8proc_ssize_t count =
        utf8proc_decompose_custom((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)len, points,
                                  POINTS_MAX, options, map_point, NULL);
    assert(count >= 0 && count <= POINTS_MAX);
    count = utf8proc_normalize_utf32(points, count, options);
    for (utf8proc_ssize_t i = 0; i < count; i++) {
        utf8proc_uint8_t utf8[4];
        utf8proc_ssize_t octets = utf8proc_encode_char(points[i], utf8);
        assert(octets > 0 && octets <= 4);
        buffer_add(out, utf8, (size_t)octets);
    }
}

bool fold_text(struct buffer *out, const char *text, size_t len, size_t max)
{
    size_t start = out->len;
    for (size_t i = 0; i < len && out->len - start <= max;) {
        size_t plain = 0;
        while (i + plain < len && is_ascii(text[i + plain]))
            plain++;
        /* the last of them may compose with what follows */
        if (plain > 0 && i + plain < len)
            plain--;
        buffer_add(out, text + i, plain);
        i += plain;
        size_t run = run_length(text + i, len - i);
        if (run == 0 && i < len)
            run = 1; /* not UTF-8: left out */
        else if (run > 0)
            add_run(out, text + i, run);
        i += run;
    }
    if (out->len - start <= max)
        return true;
    out->len = start + utf8_cut(out->data + start, out->len - start, max);
    out->data[out->len] = '\0';
    return false;
}
