#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules/text/charset.h"
#include "rules/text/fold.h"

static void expect(const char *text, const char *folded)
{
    struct buffer out = {0};
    assert_true(fold_text(&out, text, strlen(text), 10000));
    assert_string_equal(out.data != NULL ? out.data : "", folded);
    buffer_free(&out);
}

static void what_shows_nothing_is_left_out(void **state)
{
    (void)state;
    expect("", "");
    expect("plain text\nof two lines", "plain text\nof two lines");
    expect("sec\u00adret", "secret");
    expect("sec\u200bret s\u200ce\u200dc\u2060ret \ufeffsecret", "secret secret secret");
    expect("\u202esecret\u202c \u2066a\u2069", "secret a");
    expect("se\u034fcret", "secret");
    expect("secret\ufe0f\U000e0073\U000e007f", "secret");
    expect("sec\ufffdret", "secret");
    expect("a\xc2\x81\xc2\x9f"
           "b",
           "ab");
}

static void presentation_forms_become_letters(void **state)
{
    (void)state;
    expect("\uff53\uff45\uff43\uff52\uff45\uff54", "secret");
    expect("\U0001d42c\U0001d41e\U0001d41c\U0001d42b\U0001d41e\U0001d42d", "secret");
    expect("\u24e2\u24d4\u24d2\u24e1\u24d4\u24e3", "secret");
    expect("o\ufb03ce", "office");
    expect("1\u00a0000\u2003EUR\u3000\u202f.", "1 000 EUR  .");
    expect("a\u2028b\u2029c", "a\nb\nc");
    expect("Mu\u0308ller", "M\u00fcller");
    expect("u\u00ad\u0308", "\u00fc");
    expect("u\ufffd\u0308", "\u00fc");
    expect("\u1112\u1161\u11ab\u1100\u1173\u11af", "\ud55c\uae00");
    expect("\u30cf\u3099", "\u30d0");
    expect("SECRET", "SECRET");
    expect("\u0441ecret", "\u0441ecret"); /* a Cyrillic letter is another letter */
}

static void the_result_is_cut_at_a_character(void **state)
{
    (void)state;
    struct buffer out = {0};
    assert_false(fold_text(&out, "\u00e9\u00e9", 4, 3));
    assert_string_equal(out.data, "\u00e9");
    assert_false(fold_text(&out, "\ufdfa\ufdfa", 6, 40));
    assert_true(out.len <= 42);
    assert_int_equal(utf8_cut(out.data, out.len, out.len), out.len);
    buffer_free(&out);
}

/* A long run of marks in the worst order for a sort is done by parts. */
static void a_million_marks_are_no_work(void **state)
{
    (void)state;
    struct buffer text = {0}, out = {0};
    buffer_text(&text, "a");
    for (int i = 0; i < 500000; i++)
        buffer_text(&text, i % 2 == 0 ? "\u0301" : "\u0323");
    assert_true(fold_text(&out, text.data, text.len, 2 * text.len));
    assert_true(out.len > text.len / 2);
    buffer_free(&text);
    buffer_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_shows_nothing_is_left_out),
        cmocka_unit_test(presentation_forms_become_letters),
        cmocka_unit_test(the_result_is_cut_at_a_character),
        cmocka_unit_test(a_million_marks_are_no_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
