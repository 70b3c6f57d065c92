#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules/text/charset.h"
#include "rules/util/buffer.h"

static void feed(struct charset_reader *reader, const char *text, size_t len, size_t piece,
                 struct buffer *out)
{
    for (size_t done = 0; done < len; done += piece)
        charset_reader_feed(reader, text + done, len - done < piece ? len - done : piece, out);
    charset_reader_flush(reader, out);
}

static char *convert(const char *charset, const char *text, size_t len, size_t piece)
{
    struct buffer out = {0};
    struct charset_reader *reader =
        charset_reader_new(charset, charset != NULL ? strlen(charset) : 0);
    feed(reader, text, len, piece, &out);
    charset_reader_free(reader);
    return buffer_take(&out);
}

static void test_charsets(void **state)
{
    static const struct {
        const char *charset, *text, *utf8;
    } cases[] = {
        {"utf-8", "a\xc3\xbc", "a\xc3\xbc"},
        {"UTF-8",
         "a\xff"
         "b",
         "a\xef\xbf\xbd"
         "b"},
        {"utf-8", "a\xe2\x82", "a\xef\xbf\xbd\xef\xbf\xbd"},
        {"iso-8859-1", "\xfc\x80", "\xc3\xbc\xe2\x82\xac"},
        {NULL, "\xfc \xc3\xbc", "\xc3\xbc \xc3\xbc"},
        {"us-ascii", "\xfc", "\xc3\xbc"},
        {"x-unknown", "\xfc", "\xc3\xbc"},
        {"unicode-1-1-utf-7", "a", "a"},
        {"koi8-r", "\xc1", "\xd0\xb0"},
        {"shift_jis", "\x93\xfa\x96\x7b", "\xe6\x97\xa5\xe6\x9c\xac"},
        {"shift_jis", "a\x93", "a\xef\xbf\xbd"},
        {"utf-16be", "\x65\xe5", "\xe6\x97\xa5"},
        {"utf-8", "a\r\nb\tc\001d\x7f", "a\nb\tc d "},
        {"koi8-r", "a\r\nb\tc\001d\x7f", "a\nb\tc d "},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        for (size_t piece = 1; piece < 5; piece++) {
            size_t len = strlen(cases[i].text);
            char *utf8 = convert(cases[i].charset, cases[i].text, len, piece);
            if (strcmp(utf8, cases[i].utf8) != 0)
                fail_msg("case %zu in pieces of %zu: \"%s\"", i, piece, utf8);
            free(utf8);
        }
}

/* Input is converted in chunks: a character may be split at any of their ends. */
static void test_characters_across_chunks(void **state)
{
    static const struct {
        const char *charset, *character, *utf8;
    } cases[] = {
        {"utf-8", "\xe2\x82\xac", "\xe2\x82\xac"}, {NULL, "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
        {"shift_jis", "\x93\xfa", "\xe6\x97\xa5"}, {"gb18030", "\xc8\xd5", "\xe6\x97\xa5"},
        {"euc-tw", "\xc5\xca", "\xe6\x97\xa5"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        for (size_t shift = 0; shift < 4; shift++) {
            struct buffer text = {0}, expected = {0};
            for (size_t n = 0; n < shift; n++) {
                buffer_char(&text, 'x');
                buffer_char(&expected, 'x');
            }
            while (text.len < 20000) {
                buffer_text(&text, cases[i].character);
                buffer_text(&expected, cases[i].utf8);
            }
            char *utf8 = convert(cases[i].charset, text.data, text.len, text.len);
            if (strcmp(utf8, expected.data) != 0)
                fail_msg("case %zu, shifted by %zu", i, shift);
            free(utf8);
            buffer_free(&text);
            buffer_free(&expected);
        }
}

static void test_a_flushed_reader_starts_again(void **state)
{
    (void)state;
    struct buffer out = {0};
    struct charset_reader *reader = charset_reader_new("iso-2022-jp", 11);
    feed(reader, "\x1b$BF|", 5, 5, &out); /* the shift to ASCII is missing */
    feed(reader, "F|", 2, 2, &out);
    assert_string_equal(out.data, "\xe6\x97\xa5"
                                  "F|");
    charset_reader_free(reader);
    charset_reader_free(NULL);
    buffer_free(&out);
}

static void test_lengths_and_cuts(void **state)
{
    static const struct {
        const char *text;
        size_t length;
    } cases[] = {
        {"a", 1},
        {"\xc3\xbc", 2},
        {"\xe2\x82\xac", 3},
        {"\xf0\x9f\x98\x80", 4},
        {"\x80", 0},
        {"\xc0\xaf", 0},         /* overlong */
        {"\xe0\x80\xaf", 0},     /* overlong */
        {"\xf0\x80\x80\xaf", 0}, /* overlong */
        {"\xed\xa0\x80", 0},     /* surrogate */
        {"\xf4\x90\x80\x80", 0}, /* above U+10FFFF */
        {"\xf5\x80\x80\x80", 0},
        {"\xe2\x82", 0},
        {"\xc3(", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_int_equal(utf8_length(cases[i].text, strlen(cases[i].text)), cases[i].length);
    assert_int_equal(utf8_cut("\xe2\x82\xac", 3, 5), 3);
    assert_int_equal(utf8_cut("\xe2\x82\xac", 3, 2), 0);
    assert_int_equal(utf8_cut("a\xe2\x82\xac", 4, 3), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_charsets),
        cmocka_unit_test(test_characters_across_chunks),
        cmocka_unit_test(test_a_flushed_reader_starts_again),
        cmocka_unit_test(test_lengths_and_cuts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
