/* Readings of parts in any charset are UTF-8 and bounded; how they are split does not matter; a
 * part hides nothing in the next without doubt. The first line of the input names the charset. */
#include <stdint.h>

#include "rules/mime/text.h"
#include "rules/text/charset.h"

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

static void feed(struct text_reader *reader, const char *text, size_t len, size_t piece)
{
    for (size_t done = 0; done < len; done += piece)
        text_reader_feed(reader, text + done, len - done < piece ? len - done : piece);
}

static struct readings read_parts(const char *charset, size_t charset_len, const char *text,
                                  size_t len, unsigned options, size_t piece)
{
    struct text_reader *reader = text_reader_new();
    struct text_part part = {.subtype = (options & 1) != 0 ? "html" : "plain",
                             .charset = (options & 2) != 0 ? charset : NULL,
                             .charset_len = charset_len,
                             .delsp = (options & 4) != 0};
    text_reader_begin(reader, &part);
    feed(reader, text, len, piece);
    part = (struct text_part){.subtype = "plain", .charset = "us-ascii", .charset_len = 8};
    text_reader_begin(reader, &part);
    feed(reader, "secret", 6, piece);
    return text_reader_end(reader);
}

static void check_readings(const struct readings *readings, size_t size)
{
    bool found = readings->doubt != NULL;
    check(readings->count > 0 && readings->count <= READINGS_MAX);
    for (size_t i = 0; i < readings->count; i++) {
        const struct reading *reading = &readings->list[i];
        check(strlen(reading->text) == reading->len);
        check_utf8(reading->text, reading->len);
        check(reading->len <= 40 * (size + 10));
        found |= strstr(reading->text, "secret") != NULL;
    }
    check(found);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const char *charset = (const char *)data + 1, *end = memchr(charset, '\n', size - 1);
    if (end == NULL)
        return 0;
    const char *text = end + 1;
    size_t len = (size_t)((const char *)data + size - text), charset_len = (size_t)(end - charset);
    struct readings whole = read_parts(charset, charset_len, text, len, data[0], size);
    struct readings split = read_parts(charset, charset_len, text, len, data[0], 1 + data[0] / 8);
    check_readings(&whole, size);
    check(whole.count == split.count && whole.doubt == split.doubt);
    for (size_t i = 0; i < whole.count; i++)
        check(strcmp(whole.list[i].text, split.list[i].text) == 0);
    readings_clear(&whole);
    readings_clear(&split);
    return 0;
}
