/* The same facts however the message is split; text is UTF-8 and within its bounds. */
#include <stdint.h>

#include "rules/mime/body.h"
#include "rules/mime/charset.h"
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    size_t piece = (size_t)data[0] + 1;
    char *text = xrealloc(xmemdup0(data + 1, size - 1), size - 1);
    struct body_facts *whole = scan_pieces(text, size - 1, size);
    struct body_facts *pieces = scan_pieces(text, size - 1, piece);
    check_same(whole, pieces);
    check_facts(whole);
    body_facts_free(whole);
    body_facts_free(pieces);
    free(text);
    return 0;
}
