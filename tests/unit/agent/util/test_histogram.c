/* Every duration is counted once, in the first bucket whose bound is not below it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "agent/util/histogram.h"

static const struct {
    double seconds, counted_as;
    size_t bucket;
} durations[] = {
    {0, 0, 0},
    {-0.001, 0, 0}, /* a clock was set back */
    {-1e12, 0, 0},
    {.005, .005, 0}, /* a bound belongs to its bucket */
    {.0050001, .0050001, 1},
    {.3, .3, 6},
    {1, 1, 7},
    {1.5, 1.5, 8},
    {10, 10, 10},
    {59, 59, 11},
    {3600, 3600, 13},
    {3600.5, 3600.5, 14},
    {1e9, 1e9, 14},
};

static void each_duration_falls_into_one_bucket(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(durations) / sizeof(*durations); i++) {
        struct histogram histogram = {0};

        histogram_add(&histogram, durations[i].seconds);
        for (size_t k = 0; k <= HISTOGRAM_BUCKETS; k++)
            if (histogram.buckets[k] != (k == durations[i].bucket))
                fail_msg("%g: bucket %zu holds %d", durations[i].seconds, k,
                         (int)histogram.buckets[k]);
        assert_true(histogram.sum == durations[i].counted_as);
    }
}

static void what_is_no_number_is_not_counted(void **state)
{
    (void)state;
    struct histogram histogram = {0};
    const struct histogram none = {0};

    histogram_add(&histogram, NAN);
    assert_memory_equal(&histogram, &none, sizeof(none));
}

static void bounds_ascend(void **state)
{
    (void)state;
    for (size_t i = 1; i < HISTOGRAM_BUCKETS; i++)
        assert_true(histogram_bounds[i] > histogram_bounds[i - 1]);
}

static void since_a_second_of_the_wall_clock(void **state)
{
    (void)state;
    struct histogram histogram = {0};

    histogram_add_since(&histogram, time(NULL) - 300);
    assert_int_equal(histogram.buckets[12], 1);
    assert_true(histogram.sum >= 300 && histogram.sum < 310);
    histogram_add_since(&histogram, time(NULL) + 1000);
    assert_int_equal(histogram.buckets[0], 1);
    assert_true(histogram.sum < 310);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_duration_falls_into_one_bucket),
        cmocka_unit_test(what_is_no_number_is_not_counted),
        cmocka_unit_test(bounds_ascend),
        cmocka_unit_test(since_a_second_of_the_wall_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
