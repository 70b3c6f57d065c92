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
    check(a->text_len == b->text_len && memcmp(a->text, b->text, a->text_len) == 0);
    for (size_t i = 0; i < a->count; i++)
        check(strcmp(a->attachments[i].type, b->attachments[i].type) == 0 &&
              strcmp(a->attachments[i].name, b->attachments[i].name) == 0);
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
    check(whole->count <= BODY_ATTACHMENTS_MAX && whole->text_len <= BODY_TEXT_MAX);
    check_utf8(whole->text, whole->text_len);
    for (size_t i = 0; i < whole->count; i++)
        check_utf8(whole->attachments[i].name, strlen(whole->attachments[i].name));
    body_facts_free(whole);
    body_facts_free(pieces);
    free(text);
    return 0;
}
