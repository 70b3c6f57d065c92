#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>

#include "rules/regex_literal.h"
#include "rules/util/buffer.h"

/* The literals joined by "|", the sets by "&". */
static char *literals_of(const char *regex, bool caseless)
{
    struct regex_literals literals = regex_literals_find(regex, strlen(regex), caseless);
    struct buffer text = {0};
    for (size_t i = 0; i < literals.count; i++) {
        bool new_set = i > 0 && literals.literals[i].set != literals.literals[i - 1].set;
        buffer_text(&text, new_set ? "&" : i > 0 ? "|" : "");
        buffer_add(&text, literals.literals[i].text, literals.literals[i].len);
    }
    return buffer_take(&text);
}

static void test_literals(void **state)
{
    static const struct {
        const char *regex, *literals, *caseless;
    } examples[] = {
        {"[0-9]+ (EUR|USD)", " &EUR|USD", " &eur|u"},
        {"invoice", "invoice", "invoice"},
        {"ab?c", "a&c", "a&c"},
        {"ab{0,2}cde", "a&cde", "a&cde"},
        {"ab+c", "ab&c", "ab&c"},
        {"a.bc", "a&bc", "a&bc"},
        {"(abc)?d", "d", "d"},
        {"(abc)+d", "abc&d", "abc&d"},
        {"(abc|)d", "d", "d"},
        {"abc|d|", "", ""},
        {"abc|de", "abc|de", "abc|de"},
        {"(?=abc)d", "d", "d"},
        {"(?<!abc)d+", "d", "d"},
        {"\\.exe\\n", ".exe\n", ".exe\n"},
        {"[abc]", "", ""},
        {"[]abc]d", "d", "d"},
        {"Kiosk", "Kiosk", "io"},
        {"(a|bc)d(ef|gh|ij)k*l", "a|bc&d&ef|gh|ij&l", "a|bc&d&ef|gh|ij&l"},
        {"Stra\xC3\x9F"
         "e",
         "Stra\xC3\x9F"
         "e",
         "tra&e"},
        {"abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnop&qrstuvwxyz", "abcdefghij&lmnopqr&tuvwxyz"},
        /* not understood */
        {"(?i)abc", "", ""},
        {"\\Qab?\\E", "", ""},
        {"a\\x{62}?", "", ""},
        {"abc(?(?=d)e)", "", ""},
        {"ab{,2}c", "", ""},
        {"(?>ab)?c", "", ""},
        {"a|b|c|d|e|f|g|h|i", "", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(examples) / sizeof(*examples); i++) {
        char *literals = literals_of(examples[i].regex, false);
        assert_string_equal(literals, examples[i].literals);
        free(literals);
        literals = literals_of(examples[i].regex, true);
        assert_string_equal(literals, examples[i].caseless);
        free(literals);
    }
}

static bool occur(const char *regex, bool caseless, const char *text)
{
    struct regex_literals literals = regex_literals_find(regex, strlen(regex), caseless);
    size_t compared = 0;
    return regex_literals_occur(&literals, text, strlen(text), &compared);
}

static void test_occurrences(void **state)
{
    (void)state;
    assert_true(occur("(EUR|USD)", false, "5 USD"));
    assert_false(occur("(EUR|USD)", false, "5 usd"));
    assert_true(occur("(?:abc|de)", true, "xDEx"));
    assert_false(occur("abc", true, "ABABAB"));
    assert_true(occur("abc", true, "ABABABC"));
    assert_false(occur("abc", false, ""));
    assert_true(occur("quick.*lazy", false, "lazy quick"));
    assert_false(occur("quick.*lazy", false, "quick dog"));
    assert_false(occur("(?:quick|slow).*lazy", false, "lazy dog"));
    assert_true(occur("(?:quick|slow).*lazy", false, "lazy, slow dog"));
    assert_true(occur("(?:quick|quicker).*lazy", false, "quicker, lazy dog"));
    assert_true(occur("[0-9]", false, ""));
}

static bool matches_caseless(char letter, const char *text)
{
    int error;
    PCRE2_SIZE offset;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)&letter, 1, PCRE2_UTF | PCRE2_UCP | PCRE2_CASELESS,
                                     &error, &offset, NULL);
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    int result = pcre2_match(code, (PCRE2_SPTR)text, strlen(text), 0, 0, data, NULL);
    pcre2_match_data_free(data);
    pcre2_code_free(code);
    return result >= 0;
}

/* Which ASCII letters are, without regard to case, also a character beyond ASCII. */
static void test_letters_with_other_cases(void **state)
{
    (void)state;
    struct buffer others = {0};
    for (unsigned c = 0x80; c < 0x800; c++)
        buffer_printf(&others, "%c%c", (char)(0xC0 | c >> 6), (char)(0x80 | (c & 0x3f)));
    for (unsigned c = 0x800; c < 0x10000; c++)
        if (c < 0xd800 || c > 0xdfff)
            buffer_printf(&others, "%c%c%c", (char)(0xE0 | c >> 12), (char)(0x80 | (c >> 6 & 0x3f)),
                          (char)(0x80 | (c & 0x3f)));
    for (char letter = 'a'; letter <= 'z'; letter++)
        assert_int_equal(matches_caseless(letter, others.data), letter == 'k' || letter == 's');
    buffer_free(&others);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_literals),
        cmocka_unit_test(test_occurrences),
        cmocka_unit_test(test_letters_with_other_cases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
