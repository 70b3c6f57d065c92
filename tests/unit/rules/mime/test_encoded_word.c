#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules/mime/encoded_word.h"
#include "rules/util/buffer.h"

static void test_what_is_not_a_word_stays(void **state)
{
    static const char *const texts[] = {
        "",
        "=",
        "=?",
        "=?utf-8",
        "=?utf-8?Q",
        "=?utf-8?Q?",
        "=?a?b?c=d?e",
        "=?utf-8?X?a?=",
        "=?utf-8?Q?a?b?=",
        "=?utf-8?Qx?a?=",
        "a = b =? c",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        char *decoded = encoded_word_decode(texts[i], strlen(texts[i]), 1000);
        assert_string_equal(decoded, texts[i]);
        free(decoded);
    }
}

static void test_a_name_of_a_charset_is_bounded(void **state)
{
    (void)state;
    struct buffer text = {0};
    buffer_text(&text, "=?");
    for (int i = 0; i < 70; i++)
        buffer_char(&text, 'x');
    buffer_text(&text, "?Q?a?=");
    char *decoded = encoded_word_decode(text.data, text.len, 1000);
    assert_string_equal(decoded, text.data);
    free(decoded);
    buffer_free(&text);
}

static void test_written_words_are_read_again(void **state)
{
    static const struct {
        const char *text, *read;
    } cases[] = {
        {"a", "a"},
        {"Gr\xc3\xbc\xc3\x9f"
         "e",
         "Gr\xc3\xbc\xc3\x9f"
         "e"},
        {" \xc3\xbc ", " \xc3\xbc "},
        {"a\nb\tc\xc3\xbc", "a b c\xc3\xbc"},
        {"\xfc", "\xc3\xbc"},
        {"=?utf-8?Q?a?=", "=?utf-8?Q?a?="},
        {"\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5"
         "\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5x",
         "\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5"
         "\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5x"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buffer words = {0};
        encoded_word_write(&words, cases[i].text);
        for (const char *word = words.data; word != NULL; word = strchr(word, ' ')) {
            word += *word == ' ';
            assert_true(strcspn(word, " ") <= 56);
        }
        char *read = encoded_word_decode(words.data, words.len, 1000);
        assert_string_equal(read, cases[i].read);
        free(read);
        buffer_free(&words);
    }
}

static void test_plain(void **state)
{
    (void)state;
    assert_true(encoded_word_plain(""));
    assert_true(encoded_word_plain("a = b?"));
    assert_false(encoded_word_plain("a =?b"));
    assert_false(encoded_word_plain("\xc3\xbc"));
    assert_false(encoded_word_plain("a\tb"));
}

static struct readings read_text(const char *text)
{
    struct readings readings = {0};
    encoded_word_read(&readings, text, strlen(text));
    return readings;
}

static bool any_is(const struct readings *readings, const char *text)
{
    for (size_t i = 0; i < readings->count; i++)
        if (strcmp(readings->list[i].text, text) == 0)
            return true;
    return false;
}

static void test_what_programs_decode_differently_is_read_in_all_ways(void **state)
{
    static const struct {
        const char *text, *reading;
    } cases[] = {
        {"secret", "secret"},
        {"=?utf-8?q?secret?=", "secret"},
        {"a=?utf-8?q?secret?=", "a=?utf-8?q?secret?="},
        {"=?utf-8?b?secret words here?=", "=?utf-8?b?secret words here?="},
        {"=?UTF-8?Q?top?= =?utf-8?q?secret?=", "topsecret"},
        {"=?UTF-8?Q?top?= =?utf-8?q?secret?=", "top secret"},
        {"=?utf-8?q?sec ret?=", "sec ret"},
        {"=?utf-8?q?sec ret?=", "secret"},
        {"=?utf-8?q?sec?ret?=", "sec?ret"},
        {"=?utf-8*aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa?q?secret?=",
         "secret"},
        {"=?utf-8?b?c2Vjcm V0?=", "secret"},
        {"=?utf-8?b?c2V?= =?utf-8?b?jcmV0?=", "secret"},
        {"=?utf-8?b?c2VjcmV0IQ?=", "secret!"},
        {"=?utf-8?q?caf=C3?= =?utf-8?q?=A9?=", "caf\u00e9"},
        {"=?unicode-1-1-utf-7?q?+AHM-ecret?=", "secret"},
        {"=?utf-16?b?cwBlAGMAcgBlAHQA?=", "secret"},
        {"=?utf-16?b?AHMAZQBjAHIAZQB0?=", "secret"},
        {"=?utf-8?q?sec=C2=ADret?=", "secret"},
        {"sec\u200bret", "secret"},
        {"top\u00a0 \t secret", "top secret"},
        {"\"=?utf-8?q?secret?=\"", "\"secret\""},
        {"se=?us-ascii?q?cr?=et", "secret"},
        {"=??q?secret?=", "secret"},
        {"=?utf-8?q?s=00ecret?=", "secret"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct readings readings = read_text(cases[i].text);
        if (!any_is(&readings, cases[i].reading))
            fail_msg("%s is never read %s", cases[i].text, cases[i].reading);
        if (readings.doubt != NULL)
            fail_msg("%s: %s", cases[i].text, readings.doubt);
        readings_clear(&readings);
    }
}

static void test_what_cannot_be_decoded_is_doubt(void **state)
{
    (void)state;
    struct readings readings = read_text("=?no-such-charset?q?a?=");
    assert_string_equal(readings.doubt, "unknown charset");
    readings_clear(&readings);
    readings = read_text("=?gb18030?q?=FF=FFa?=");
    assert_string_equal(readings.doubt, "octets that the charset does not have");
    readings_clear(&readings);
    readings = read_text("=?utf-8?q?a?= =?koi8-r?b?YQ==?=\t(b)");
    assert_false(any_is(&readings, "=?utf-8?q?a?= =?koi8-r?b?YQ==?= (b)"));
    readings_clear(&readings);
    readings = read_text("a =? ?= b");
    assert_null(readings.doubt);
    assert_int_equal(readings.count, 1);
    readings_clear(&readings);
}

/* The first 200 words, or the first megabyte, hid the rest. */
static void test_words_are_read_however_many(void **state)
{
    (void)state;
    struct buffer text = {0};
    for (int i = 0; i < 10000; i++)
        buffer_text(&text, i % 2 == 0 ? "=?koi8-r?q?a?= " : "=?utf-16?b?YQBhAA==?= ");
    buffer_text(&text, "=?us-ascii?q?secret?=");
    struct readings readings = read_text(text.data);
    assert_null(readings.doubt);
    assert_non_null(strstr(readings.list[0].text, "secret"));
    readings_clear(&readings);

    while (text.len <= ENCODED_WORD_TEXT_MAX)
        buffer_text(&text, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    readings = read_text(text.data);
    assert_string_equal(readings.doubt, "more than 1 MiB in a field");
    readings_clear(&readings);

    text.len = 0;
    for (int i = 0; i < 40; i++)
        buffer_printf(&text, "=?cp%d?q?a?= ", 430 + i);
    readings = read_text(text.data);
    assert_non_null(readings.doubt);
    readings_clear(&readings);
    buffer_free(&text);
}

/* Each of these is quadratic in a reader that looks for an end again and again. */
static void test_work_is_linear(void **state)
{
    static const char *const pieces[] = {"=?",    "=?a?q?",           "=?a?q",
                                         "=",     "=?utf-16?q?a?= ",  "=?utf-7?b?a?==?hz?q?a?=",
                                         "=?x?b", "=?unknown?q?a?= ", "\xff"};
    (void)state;
    for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
        struct buffer text = {0};
        while (text.len < ENCODED_WORD_TEXT_MAX / 4)
            buffer_text(&text, pieces[i]);
        struct readings readings = read_text(text.data);
        for (size_t n = 0; n < readings.count; n++)
            assert_true(readings.list[n].len <= 4 * text.len);
        readings_clear(&readings);
        buffer_free(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_not_a_word_stays),
        cmocka_unit_test(test_a_name_of_a_charset_is_bounded),
        cmocka_unit_test(test_written_words_are_read_again),
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_what_programs_decode_differently_is_read_in_all_ways),
        cmocka_unit_test(test_what_cannot_be_decoded_is_doubt),
        cmocka_unit_test(test_words_are_read_however_many),
        cmocka_unit_test(test_work_is_linear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
