#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules/route.h"
#include "rules/warning.h"

static void test_every_warning_has_a_meaning(void **state)
{
    unsigned count = 0;

    (void)state;
    for (; warning_text(1u << count) != NULL; count++)
        if (*warning_meaning(warning_text(1u << count)) == '\0')
            fail_msg("%s is not in rules/warning.c", warning_text(1u << count));
    assert_true(count >= 10);
    assert_string_equal(warning_meaning("nonsense"), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_warning_has_a_meaning)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
