/* Folded text is UTF-8, bounded, whole words survive, and to fold it again changes nothing. */
#include <stdint.h>

#include "rules/text/charset.h"
#include "rules/text/fold.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_utf8(const char *text, size_t len)
{
    for (size_t i = 0, n; i < len; i += n) {
        n = utf8_length(text + i, len - i);
        check(n > 0 && text[i] != '\0');
    }
}

static void clean(struct buffer *text, const uint8_t *data, size_t size)
{
    struct charset_reader *reader = charset_reader_new(NULL, 0);
    charset_reader_feed(reader, (const char *)data, size, text);
    charset_reader_flush(reader, text);
    charset_reader_free(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer text = {0}, folded = {0}, again = {0}, cut = {0};
    clean(&text, data, size);
    buffer_text(&text, "secret");
    check(fold_text(&folded, text.data, text.len, 18 * text.len));
    check_utf8(folded.data, folded.len);
    check(folded.len >= 6 && strcmp(folded.data + folded.len - 6, "secret") == 0);
    if (text.len < 90) { /* else a run may be cut before a mark */
        check(fold_text(&again, folded.data, folded.len, 18 * folded.len));
        check(again.len == folded.len && memcmp(again.data, folded.data, again.len) == 0);
    }
    size_t max = size > 0 ? data[0] : 0;
    check(fold_text(&cut, text.data, text.len, max) == (folded.len <= max));
    check(cut.len <= max);
    if (cut.len > 0)
        check_utf8(cut.data, cut.len);
    buffer_free(&text);
    buffer_free(&folded);
    buffer_free(&again);
    buffer_free(&cut);
    return 0;
}
