#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "agent/util/screen.h"

static char shown[200];

static FILE *begin(void)
{
    memset(shown, 0, sizeof(shown));
    return fmemopen(shown, sizeof(shown), "w");
}

static void a_name_is_one_harmless_line(void **state)
{
    FILE *out = begin();

    (void)state;
    screen_text(out, "Bo\xc3\xabl\x1b[31m\r\n\xc2\x9b"
                     "2J\xe2\x80\xaegpj.exe\xff");
    fclose(out);
    assert_string_equal(shown, "Bo\xc3\xabl?[31m???2J?gpj.exe?");
}

static void a_message_keeps_its_lines(void **state)
{
    static const char text[] = "a:\tb\r\n\x1b]0;x\x07\rc\n";
    FILE *out = begin();

    (void)state;
    screen_lines(out, text, strlen(text));
    fclose(out);
    assert_string_equal(shown, "a:\tb\r\n?]0;x??c\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_one_harmless_line),
        cmocka_unit_test(a_message_keeps_its_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
