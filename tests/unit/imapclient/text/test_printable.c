#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "imapclient/text/printable.h"

static void test_controls_become_question_marks(void **state)
{
    (void)state;
    char text[] = "a\tb\r\n\x01\x1f\x7f ~";
    text_printable(text, PRINTABLE_UTF8);
    assert_string_equal(text, "a?b????? ~");
}

static void test_text_without_controls_stays_as_it_is(void **state)
{
    (void)state;
    char plain[95 + 1] = {0}, text[95 + 1];
    for (int i = 0; i < 95; i++)
        plain[i] = (char)(' ' + i);
    memcpy(text, plain, sizeof(text));
    text_printable(text, PRINTABLE_UTF8);
    assert_string_equal(text, plain);
    text_printable(text, PRINTABLE_ASCII);
    assert_string_equal(text, plain);
}

static void test_the_empty_text_stays_empty(void **state)
{
    (void)state;
    char text[] = "";
    text_printable(text, PRINTABLE_ASCII);
    assert_string_equal(text, "");
}

static void test_octets_above_ascii_stay_or_go_as_asked(void **state)
{
    (void)state;
    char kept[] = "gr\xc3\xbc\xc3\x9f\x80\xff", replaced[sizeof(kept)];
    memcpy(replaced, kept, sizeof(kept));
    text_printable(kept, PRINTABLE_UTF8);
    assert_string_equal(kept, "gr\xc3\xbc\xc3\x9f??");
    text_printable(replaced, PRINTABLE_ASCII);
    assert_string_equal(replaced, "gr??????");
}

/* What a terminal would obey, or what makes a name look like another. */
static void test_c1_and_marks_of_direction_are_unsafe(void **state)
{
    (void)state;
    char text[] = "a\xc2\x9b"
                  "31m\xe2\x80\xae"
                  "cod.exe\xe2\x81\xa6\xd8\x9c\xe2\x80\xa8\x9b";
    text_printable(text, PRINTABLE_UTF8);
    assert_string_equal(text, "a??31m???cod.exe?????"
                              "????");
    char kept[] = "\xe2\x80\xaf\xe2\x82\xac\xf0\x9f\x99\x82";
    text_printable(kept, PRINTABLE_UTF8);
    assert_string_equal(kept, "\xe2\x80\xaf\xe2\x82\xac\xf0\x9f\x99\x82");
}

static void test_a_buffer_ends_at_its_length_and_not_at_a_nul(void **state)
{
    (void)state;
    char data[] = {'a', '\0', 'b', '\n', '\n'};
    text_printable_octets(data, 4, PRINTABLE_UTF8);
    assert_memory_equal(data, "a?b?\n", 5);
    text_printable_octets(data + 4, 0, PRINTABLE_UTF8);
    assert_int_equal(data[4], '\n');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_controls_become_question_marks),
        cmocka_unit_test(test_text_without_controls_stays_as_it_is),
        cmocka_unit_test(test_the_empty_text_stays_empty),
        cmocka_unit_test(test_octets_above_ascii_stay_or_go_as_asked),
        cmocka_unit_test(test_c1_and_marks_of_direction_are_unsafe),
        cmocka_unit_test(test_a_buffer_ends_at_its_length_and_not_at_a_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
