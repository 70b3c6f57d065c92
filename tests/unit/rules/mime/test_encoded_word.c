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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_not_a_word_stays),
        cmocka_unit_test(test_a_name_of_a_charset_is_bounded),
        cmocka_unit_test(test_written_words_are_read_again),
        cmocka_unit_test(test_plain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
