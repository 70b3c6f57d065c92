/* The wait before a next try: doubles up to its bound, and no two clients wait the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>

#include "agent/util/backoff.h"
#include "in_range.h"

static long milliseconds(struct timeval wait)
{
    return (long)wait.tv_sec * 1000 + wait.tv_usec / 1000;
}

static void assert_around(long seconds, long wait)
{
    assert_uint_in_range(wait, seconds * 750, seconds * 1250);
}

static void doubles_up_to_its_bound(void **state)
{
    (void)state;
    static const long expected[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300};
    for (int round = 0; round < 50; round++) {
        struct backoff backoff = {.first = 1, .last = 300};
        for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++)
            assert_around(expected[i], milliseconds(backoff_next(&backoff)));
    }
}

static void begins_anew_after_success(void **state)
{
    (void)state;
    struct backoff backoff = {.first = 2, .last = 300};
    for (int i = 0; i < 6; i++)
        backoff_next(&backoff);
    assert_int_equal(backoff.tries, 6);
    backoff_succeeded(&backoff);
    assert_around(2, milliseconds(backoff_next(&backoff)));
}

static void many_tries_stay_at_the_bound(void **state)
{
    (void)state;
    struct backoff backoff = {.first = 600, .last = 3600, .tries = UINT_MAX - 1};
    assert_around(3600, milliseconds(backoff_next(&backoff)));
}

static void a_first_above_the_bound_is_the_bound(void **state)
{
    (void)state;
    struct backoff backoff = {.first = 50, .last = 10};
    assert_around(10, milliseconds(backoff_next(&backoff)));
}

/* Of a thousand clients no tenth of a second within the half that is left to chance gets more than
 * five times its share, and both ends are reached. */
static void chance_spreads_them(void **state)
{
    (void)state;
    unsigned shares[51] = {0};
    for (int i = 0; i < 1000; i++) {
        struct backoff backoff = {.first = 10, .last = 10};
        shares[(milliseconds(backoff_next(&backoff)) - 7500) / 100]++;
    }
    unsigned early = 0, late = 0;
    for (size_t i = 0; i < 51; i++) {
        assert_uint_in_range(shares[i], 0, 100);
        early += i < 5 ? shares[i] : 0;
        late += i > 45 ? shares[i] : 0;
    }
    assert_true(early > 0);
    assert_true(late > 0);
}

static void microseconds_are_well_formed(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        struct backoff backoff = {.first = 1, .last = 300, .tries = (unsigned)i % 10};
        struct timeval wait = backoff_next(&backoff);
        assert_uint_in_range(wait.tv_usec, 0, 999999);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(doubles_up_to_its_bound),
        cmocka_unit_test(begins_anew_after_success),
        cmocka_unit_test(many_tries_stay_at_the_bound),
        cmocka_unit_test(a_first_above_the_bound_is_the_bound),
        cmocka_unit_test(chance_spreads_them),
        cmocka_unit_test(microseconds_are_well_formed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
