/* Initial responses, compared with what the specifications show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "imapclient/sasl.h"

static void test_plain(void **state)
{
    (void)state;
    /* RFC 4616 section 4: without, and with an authorization identity. */
    char *alone = sasl_plain(NULL, "tim", "tanstaaftanstaaf");
    char *as = sasl_plain("Ursel", "Kurt", "xipj3plmq");
    assert_string_equal(alone, "AHRpbQB0YW5zdGFhZnRhbnN0YWFm");
    assert_string_equal(as, "VXJzZWwAS3VydAB4aXBqM3BsbXE=");
    sasl_wipe(alone);
    sasl_wipe(as);
}

static void test_xoauth2(void **state)
{
    (void)state;
    /* Google's documentation of XOAUTH2. */
    char *response =
        sasl_xoauth2("someuser@example.com", "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg");
    assert_string_equal(response, "dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRm"
                                  "dDRxbVRjMk52YjNSbGNrQmhkSFJoZG1semRHRXVZMjl0Q2cBAQ==");
    sasl_wipe(response);
}

static void test_oauthbearer(void **state)
{
    (void)state;
    /* RFC 7628 section 4.1. */
    char *response = sasl_oauthbearer("user@example.com", "server.example.com", 143,
                                      "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==");
    assert_string_equal(response,
                        "bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9"
                        "MTQzAWF1dGg9QmVhcmVyIHZGOWRmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZ"
                        "Mjl0Q2c9PQEB");
    sasl_wipe(response);
}

static void test_oauthbearer_escapes_name(void **state)
{
    (void)state;
    char *response = sasl_oauthbearer("a,b=c", "h", 1, "t");
    assert_string_equal(response, "bixhPWE9MkNiPTNEYywBaG9zdD1oAXBvcnQ9MQFhdXRoPUJlYXJlciB0AQE=");
    sasl_wipe(response);
}

struct status_case {
    const char *title, *challenge, *status;
};

static const struct status_case statuses[] = {
    {"of Google", "eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiYmVhcmVyIn0=", "401"},
    {"with spaces and a number", "eyAic3RhdHVzIiA6IDQwMCB9", "400 "},
    {"with control characters", "eyJzdGF0dXMiOiJhGwdiIn0=", "a??b"},
    {"not there", "e30=", NULL},
    {"cut off", "eyJzdGF0dXMiOiI=", ""},
    {"not base64", "!!!!", NULL},
    {"of a wrong length", "e3", NULL},
    {"empty", "", NULL},
};

static void test_oauth_status(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++) {
        print_message("  %s\n", statuses[i].title);
        char *status = sasl_oauth_status(statuses[i].challenge);
        if (statuses[i].status == NULL) {
            assert_null(status);
        } else {
            assert_non_null(status);
            assert_string_equal(status, statuses[i].status);
        }
        free(status);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),        cmocka_unit_test(test_xoauth2),
        cmocka_unit_test(test_oauthbearer),  cmocka_unit_test(test_oauthbearer_escapes_name),
        cmocka_unit_test(test_oauth_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
