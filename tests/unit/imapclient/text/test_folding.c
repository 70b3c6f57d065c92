#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "imapclient/text/folding.h"

static void names_that_look_the_same_are_equal(void **state)
{
    static const char *const same[][2] = {
        {"", ""},
        {"Sent", "SENT"},
        {"\u00c9l\u00e9ments", "E\u0301LE\u0301MENTS"},
        {"\uff33\uff45\uff4e\uff54", "sent"},
        {"Sent\u00a0Items", "sent items"},
        {"se\u00adnt\u200b", "sent"},
        {"\u0130let\u0131", "ileti"},
        {"I\u0307leti", "ileti"},
        {"\u039f\u03a3", "\u03bf\u03c2"},
        {"\ud55c\uae00", "\u1112\u1161\u11ab\u1100\u1173\u11af"},
        {"\u0643\u064a", "\u06a9\u06cc"},
        {"\u0645\u064f\u0631", "\u0645\u0631"},
        {"Gr\u00f6\u00dfe", "GR\u00d6SSE"},
        {"\u1e74\u1ed8", "\u1e75\u1ed9"}, /* letters of no known name */
        {"\ufdfa", "\ufdfa"},
    };
    static const char *const different[][2] = {
        {"sent", "sen"},      {"", "a"},       {"\xff", "\xff"},
        {"sent", "sent\xc3"}, {"a", "\u0430"}, {"\u00e9", "e"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++)
        if (!folding_equal(same[i][0], same[i][1]) || !folding_equal(same[i][1], same[i][0]))
            fail_msg("\"%s\" and \"%s\"", same[i][0], same[i][1]);
    for (size_t i = 0; i < sizeof(different) / sizeof(*different); i++)
        if (folding_equal(different[i][0], different[i][1]))
            fail_msg("\"%s\" and \"%s\"", different[i][0], different[i][1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_that_look_the_same_are_equal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
