/* What HTML shows is UTF-8, bounded, and nothing before it hides a word at the end. */
#include <stdint.h>

#include "rules/text/charset.h"
#include "rules/text/html.h"

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const show[])(struct buffer *, const char *,
                                size_t) = {html_show, html_run_together, html_strip};
    struct buffer html = {0};
    struct charset_reader *reader = charset_reader_new(NULL, 0);
    charset_reader_feed(reader, (const char *)data, size, &html);
    charset_reader_flush(reader, &html);
    charset_reader_free(reader);
    buffer_text(&html, " secret");
    for (size_t i = 0; i < sizeof(show) / sizeof(*show); i++) {
        struct buffer shown = {0};
        show[i](&shown, html.data, html.len);
        check_utf8(shown.data, shown.len);
        check(shown.len <= 2 * html.len + 10);
        check(strstr(shown.data, "secret") != NULL);
        buffer_free(&shown);
    }
    size_t len;
    const char *charset = html_charset(html.data, html.len, &len);
    check(len == 0 || (charset >= html.data && charset + len <= html.data + html.len));
    buffer_free(&html);
    return 0;
}
