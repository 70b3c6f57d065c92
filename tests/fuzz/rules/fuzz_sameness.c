/*
 * A message, and the same message with some octets changed: their digests are equal if and only if
 * what counts of both is equal, as a second, simpler reader of both sees it. The first octets of
 * the input say what is changed.
 */
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "rules/mime/header.h"
#include "rules/sameness.h"
#include "rules/util/buffer.h"
#include "rules/util/sha256.h"

#define CHANGES 6

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

/* ---- the simple reader ---- */

static struct buffer line_feeds_only(const char *text, size_t len)
{
    struct buffer out = {0};
    for (size_t i = 0; i < len; i++)
        if (text[i] != '\r' || i + 1 == len || text[i + 1] != '\n')
            buffer_add(&out, text + i, 1);
    return out;
}

static bool names_one_of(const char *line, size_t len, const char *const *names)
{
    const char *colon = memchr(line, ':', len);
    if (colon == NULL)
        return false;
    while (colon > line && (colon[-1] == ' ' || colon[-1] == '\t'))
        colon--;
    size_t name_len = (size_t)(colon - line);
    for (size_t i = 0; i < name_len; i++)
        if (line[i] <= ' ' || line[i] > '~')
            return false;
    for (; name_len > 0 && *names != NULL; names++) {
        size_t whole = strlen(*names);
        bool prefix = (*names)[whole - 1] == '*';
        if (prefix ? name_len >= whole - 1 && strncasecmp(line, *names, whole - 1) == 0
                   : name_len == whole && strncasecmp(line, *names, whole) == 0)
            return true;
    }
    return false;
}

/* What counts of a message: each field that does in a line of its own, an empty line, the body. */
static struct buffer what_counts(const char *text, size_t len, enum half half)
{
    struct buffer lines = line_feeds_only(text, len), out = {0};
    bool above = true, left_out = false;
    size_t at = 0;
    while (at < lines.len && lines.data[at] != '\n') {
        const char *line = lines.data + at;
        const char *feed = memchr(line, '\n', lines.len - at);
        size_t line_len = feed != NULL ? (size_t)(feed - line) : lines.len - at;
        at += line_len + (feed != NULL);
        if ((*line == ' ' || *line == '\t') && out.len + (size_t)left_out > 0) {
            if (!left_out)
                buffer_add(&out, line, line_len);
            continue;
        }
        left_out = half == HALF_SENT && names_one_of(line, line_len, sameness_sent_fields);
        if (!left_out)
            left_out = above = above && names_one_of(line, line_len, sameness_trace_fields);
        if (left_out)
            continue;
        buffer_text(&out, "\n");
        buffer_add(&out, line, line_len);
    }
    buffer_text(&out, "\n\n");
    if (at < lines.len)
        at++; /* the empty line */
    if (at < lines.len) {
        buffer_add(&out, lines.data + at, lines.len - at);
        if (lines.data[lines.len - 1] != '\n')
            buffer_text(&out, "\n");
    }
    buffer_free(&lines);
    return out;
}

/* ---- ours ---- */

static bool digest_of(const char *text, size_t len, enum half half, size_t piece,
                      unsigned char digest[32])
{
    struct header_scan scan = {0};
    long end = header_scan_feed(&scan, text, len);
    size_t header_len = end < 0 ? len : (size_t)end;
    struct header *header = header_parse(text, header_len);
    struct sameness *sameness = sameness_new();
    for (size_t at = header_len; at < len; at += piece)
        sameness_body(sameness, text + at, len - at < piece ? len - at : piece);
    bool known = sameness_end(sameness, header, half, digest);
    header_free(header);
    return known;
}

static void check_pair(const char *a, size_t a_len, enum half a_half, const char *b, size_t b_len,
                       enum half b_half, size_t piece)
{
    unsigned char a_digest[32], b_digest[32];
    if (!digest_of(a, a_len, a_half, piece, a_digest) ||
        !digest_of(b, b_len, b_half, 1 + piece / 2, b_digest))
        return;
    struct buffer a_counts = what_counts(a, a_len, a_half);
    struct buffer b_counts = what_counts(b, b_len, b_half);
    bool equal =
        a_counts.len == b_counts.len && memcmp(a_counts.data, b_counts.data, a_counts.len) == 0;
    check(equal == (memcmp(a_digest, b_digest, 32) == 0));
    buffer_free(&a_counts);
    buffer_free(&b_counts);
}

/* Each change: two octets where, one what. 0: the octet is removed; 1: doubled. */
static struct buffer changed(const char *text, size_t len, const uint8_t *changes)
{
    struct buffer out = {0};
    size_t at[CHANGES];
    for (size_t i = 0; i < CHANGES; i++)
        at[i] = (changes[3 * i] | (size_t)changes[3 * i + 1] << 8) % (len + len / 2 + 1);
    for (size_t i = 0; i < len; i++) {
        int what = -1;
        for (size_t k = 0; k < CHANGES; k++)
            what = at[k] == i ? changes[3 * k + 2] : what;
        char octet = what > 1 ? (char)what : text[i];
        if (what != 0)
            buffer_add(&out, &octet, 1);
        if (what == 1)
            buffer_add(&out, &octet, 1);
    }
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3 * CHANGES + 2)
        return 0;
    enum half a_half = data[0] & 1 ? HALF_SENT : HALF_RECEIVED;
    enum half b_half = data[0] & 2 ? HALF_SENT : HALF_RECEIVED;
    size_t piece = 1 + data[1];
    size_t len = size - 3 * CHANGES - 2;
    char *text = xmemdup0(data + 3 * CHANGES + 2, len);
    struct buffer other = changed(text, len, data + 2);
    check_pair(text, len, a_half, other.data != NULL ? other.data : "", other.len, b_half, piece);
    check_pair(text, len, HALF_SENT, text, len, HALF_RECEIVED, piece);
    buffer_free(&other);
    free(text);
    return 0;
}
