/*
 * The same facts however the message is split; text and names are UTF-8, and within their bounds.
 * With lower bounds every attachment is still there by all of its names, or there is doubt. A line
 * that merely begins as a delimiter, a field more or a CR more never takes an attachment away
 * without doubt.
 */
#include <stdint.h>

#include "rules/mime/body.h"
#include "rules/text/charset.h"
#include "rules/util/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static struct body_facts *scan_pieces(const char *text, size_t size, size_t piece)
{
    struct body_scan *scan = body_scan_new(true);
    for (size_t done = 0; done < size; done += piece)
        body_scan_feed(scan, text + done, size - done < piece ? size - done : piece);
    return body_scan_end(scan);
}

static void check_utf8(const char *text, size_t len)
{
    check(strlen(text) == len);
    for (size_t i = 0; i < len;) {
        size_t n = utf8_length(text + i, len - i);
        check(n > 0);
        i += n;
    }
}

static void check_same(const struct body_facts *a, const struct body_facts *b)
{
    check(a->count == b->count && a->doubt == b->doubt && a->tnef == b->tnef);
    check(a->bare_cr == b->bare_cr && a->doubt_why == b->doubt_why);
    check(a->text.count == b->text.count && a->text.doubt == b->text.doubt);
    for (size_t i = 0; i < a->text.count; i++)
        check(strcmp(a->text.list[i].text, b->text.list[i].text) == 0);
    for (size_t i = 0; i < a->count; i++) {
        const struct attachment *one = &a->attachments[i], *other = &b->attachments[i];
        check(strcmp(one->type, other->type) == 0 && one->n_names == other->n_names);
        for (size_t n = 0; n < one->n_names; n++)
            check(strcmp(one->names[n], other->names[n]) == 0);
    }
}

static void check_facts(const struct body_facts *facts)
{
    check(facts->count <= BODY_ATTACHMENTS_MAX);
    check((facts->doubt != 0) == (facts->doubt_why != NULL || facts->text_doubt_why != NULL));
    for (size_t i = 0; i < facts->text.count; i++)
        check_utf8(facts->text.list[i].text, facts->text.list[i].len);
    for (size_t i = 0; i < facts->count; i++)
        for (size_t n = 0; n < facts->attachments[i].n_names; n++)
            check_utf8(facts->attachments[i].names[n], strlen(facts->attachments[i].names[n]));
}

static bool has_name(const struct body_facts *facts, const char *type, const char *name)
{
    for (size_t i = 0; i < facts->count; i++) {
        const struct attachment *attachment = &facts->attachments[i];
        bool found = name == NULL;
        for (size_t n = 0; n < attachment->n_names && !found; n++)
            found = strcmp(attachment->names[n], name) == 0;
        if (found && strcmp(attachment->type, type) == 0)
            return true;
    }
    return false;
}

/* Whoever asks the other facts for what is in these never hears no. */
static void check_never_no(const struct body_facts *facts, const struct body_facts *other,
                           const char *but_type)
{
    if ((other->doubt & BODY_DOUBT_ATTACHMENTS) != 0)
        return;
    for (size_t i = 0; i < facts->count; i++) {
        const struct attachment *attachment = &facts->attachments[i];
        if (but_type != NULL && strcmp(attachment->type, but_type) == 0)
            continue;
        check(has_name(other, attachment->type, NULL));
        for (size_t n = 0; n < attachment->n_names; n++)
            check(has_name(other, attachment->type, attachment->names[n]));
    }
}

static void check_bounds(const char *text, size_t size, uint8_t seed,
                         const struct body_facts *whole)
{
    const struct body_bounds bounds = {.depth = seed & 3,
                                       .attachments = seed >> 2 & 3,
                                       .parts = 1 + (seed >> 4 & 3),
                                       .name_octets = seed >> 6 == 0 ? 10 : 1000};
    struct body_scan *scan = body_scan_new(false);
    body_scan_lower(scan, &bounds);
    body_scan_feed(scan, text, size);
    struct body_facts *facts = body_scan_end(scan);
    check_facts(facts);
    check_never_no(whole, facts, NULL);
    body_facts_free(facts);
}

/* Junk between lines that are not continued (a file within text may be, which is left out). */
static void check_junk(const char *text, size_t size, uint8_t seed, const struct body_facts *whole)
{
    static const char *const junk[] = {"--b--x\r\n", "--bx\n", "x\ry\n", "X-Junk: (\r\n",
                                       "Content-Disposition: inline\r\n"};
    size_t at = size * seed / 256;
    const char *feed = at < size ? memchr(text + at, '\n', size - at) : NULL;
    size_t before = feed != NULL ? (size_t)(feed + 1 - text) : size;
    if (before == size || text[before] == ' ' || text[before] == '\t')
        return;
    const char *more = junk[seed % (sizeof(junk) / sizeof(*junk))];
    struct body_scan *scan = body_scan_new(false);
    body_scan_feed(scan, text, before);
    body_scan_feed(scan, more, strlen(more));
    body_scan_feed(scan, text + before, size - before);
    struct body_facts *facts = body_scan_end(scan);
    check_never_no(whole, facts, "application/octet-stream");
    body_facts_free(facts);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    size_t piece = (size_t)data[0] + 1;
    char *text = xrealloc(xmemdup0(data + 2, size - 2), size - 1);
    size -= 2;
    struct body_facts *whole = scan_pieces(text, size, size + 1);
    struct body_facts *pieces = scan_pieces(text, size, piece);
    check_same(whole, pieces);
    check_facts(whole);
    check_bounds(text, size, data[1], whole);
    check_junk(text, size, data[1], whole);
    body_facts_free(whole);
    body_facts_free(pieces);
    free(text);
    return 0;
}
