/* Times that servers ask for in the texts of their refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "imapclient/session.h"

static void test_times_are_read(void **state)
{
    static const struct {
        const char *text;
        unsigned seconds;
    } cases[] = {
        {"Request is throttled. Suggested Backoff Time: 300000 milliseconds", 300},
        {"Request is throttled. Suggested Backoff Time: 4000 ms", 4},
        {"Suggested Backoff Time: 1", 1},
        {"Suggested Backoff Time:   299961", 300},
        {"Suggested Backoff Time: soon", 0},
        {"Suggested Backoff Time: 0", 0},
        {"Too many requests, try again in 30 seconds", 30},
        {"Too many requests; please try again in 30s.", 30},
        {"slow down, retry after 90", 90},
        {"please retry in 2 minutes", 120},
        {"try again in 5min", 300},
        {"Try Again After 1 hour", 3600},
        {"try again in 2 h", 7200},
        {"try again in 3 m.", 180},
        {"please wait 45 seconds before the next request", 45},
        {"you must wait for 10 secs", 10},
        {"Retry-After: 120", 120},
        {"try again in 9999999999999999999999 minutes", IMAP_BACKOFF_MAX},
        {"try again in 99999 minutes", IMAP_BACKOFF_MAX},
        {"try again later", 0},
        {"folder 30 is full", 0},
        {"again in -5 seconds", 0},
        {"", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct imap_text text = {.text = cases[i].text};
        if (imap_text_backoff(&text) != cases[i].seconds)
            fail_msg("\"%s\": %u s", cases[i].text, imap_text_backoff(&text));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_times_are_read)};

    return cmocka_run_group_tests_name("imapclient.hint", tests, NULL, NULL);
}
