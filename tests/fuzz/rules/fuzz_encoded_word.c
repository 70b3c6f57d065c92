/* Readings of a field are UTF-8 on one line, bounded, and no word before it hides another without
 * doubt. */
#include <stdint.h>

#include "rules/mime/encoded_word.h"
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

static bool any_contains(const struct readings *readings, const char *what)
{
    for (size_t i = 0; i < readings->count; i++)
        if (strstr(readings->list[i].text, what) != NULL)
            return true;
    return readings->doubt != NULL;
}

static void check_readings(const struct readings *readings, size_t len)
{
    check(readings->count > 0 && readings->count <= READINGS_MAX);
    for (size_t i = 0; i < readings->count; i++) {
        const struct reading *reading = &readings->list[i];
        check(strlen(reading->text) == reading->len);
        check_utf8(reading->text, reading->len);
        check(strpbrk(reading->text, "\r\n\t") == NULL);
        check(reading->len <= 18 * (len + 1));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const ends[] = {" secret", " =?utf-8?q?secret?=", " =?utf-8?b?c2VjcmV0?="};
    if (size == 0)
        return 0;
    struct buffer text = {0};
    buffer_add(&text, data + 1, size - 1);
    buffer_text(&text, ends[data[0] % 3]);
    struct readings readings = {0};
    encoded_word_read(&readings, text.data, text.len);
    check_readings(&readings, text.len);
    check(any_contains(&readings, "secret") || data[0] % 3 == 2);
    readings_clear(&readings);
    char *decoded = encoded_word_decode(text.data, text.len, 100);
    check(strlen(decoded) <= 100);
    check_utf8(decoded, strlen(decoded));
    free(decoded);
    buffer_free(&text);
    return 0;
}
