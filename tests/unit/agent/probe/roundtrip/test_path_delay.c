/* Bounds of one-way delays: examples by hand, and a simulated reflector whose clock is wrong,
 * drifts and is moved: what is true lies always within them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agent/probe/roundtrip/path_delay.h"
#include "in_range.h"

#define SECOND INT64_C(1000000)
#define SLACK 2000 /* microseconds of drift that examples of some seconds are widened by */

static void assert_about(int64_t expected, int64_t value)
{
    if (value < expected - SLACK || value > expected + SLACK)
        fail_msg("%" PRId64 " is not about %" PRId64, value, expected);
}

static void one_sample_by_hand(void **state)
{
    (void)state;
    struct path_delay delay = {0};
    struct path_delay_bounds bounds;
    /* out 1 s, held 0.2 s, back 2 s; the remote clock is an hour ahead */
    const int64_t hour = 3600 * SECOND;
    const struct path_delay_sample sample = {0, hour + SECOND, hour + SECOND + SECOND / 5,
                                             SECOND + SECOND / 5 + 2 * SECOND};
    assert_true(path_delay_add(&delay, &sample, &bounds));
    assert_about(hour - 2 * SECOND, bounds.offset_min);
    assert_about(hour + SECOND, bounds.offset_max);
    assert_about(0, bounds.min[PATH_OUT]);
    assert_about(3 * SECOND, bounds.max[PATH_OUT]);
    assert_about(SECOND / 5, bounds.min[PATH_REFLECTOR]);
    assert_about(SECOND / 5, bounds.max[PATH_REFLECTOR]);
    assert_about(0, bounds.min[PATH_BACK]);
    assert_about(3 * SECOND, bounds.max[PATH_BACK]);
    assert_int_equal(delay.moved, 0);
}

/* One that is fast out and one that is fast back leave no doubt. */
static void samples_narrow_one_another(void **state)
{
    (void)state;
    struct path_delay delay = {0};
    struct path_delay_bounds bounds;
    const int64_t ahead = -7 * SECOND;
    const struct path_delay_sample fast_out = {0, ahead, ahead, 5 * SECOND};
    const struct path_delay_sample fast_back = {10 * SECOND, ahead + 14 * SECOND,
                                                ahead + 14 * SECOND, 14 * SECOND};
    assert_true(path_delay_add(&delay, &fast_out, &bounds));
    assert_true(path_delay_add(&delay, &fast_back, &bounds));
    assert_about(ahead, (bounds.offset_min + bounds.offset_max) / 2);
    assert_uint_in_range(bounds.offset_max - bounds.offset_min, 0, 6000);
    assert_uint_in_range(bounds.min[PATH_OUT], 4 * SECOND - 6000, 4 * SECOND);
    assert_uint_in_range(bounds.max[PATH_BACK], 0, 6000);
}

static void what_cannot_be_is_not_taken(void **state)
{
    (void)state;
    static const struct path_delay_sample impossible[] = {
        {100, 50, 60, 99},                 /* back before it left */
        {0, 60, 50, SECOND},               /* handed over before it came */
        {0, 0, 10 * SECOND, SECOND},       /* longer there than away */
        {0, INT64_MIN, INT64_MAX, SECOND}, /* stamps of an unfriendly reflector */
        {0, INT64_MAX, INT64_MAX, SECOND},
        {INT64_MIN, 0, 0, INT64_MAX},
        {0, INT64_MIN, INT64_MIN, INT64_MAX}};
    struct path_delay delay = {0};
    struct path_delay_bounds bounds = {.offset_min = 4711};
    for (size_t i = 0; i < sizeof(impossible) / sizeof(*impossible); i++)
        assert_false(path_delay_add(&delay, &impossible[i], &bounds));
    assert_int_equal(delay.count, 0);
    assert_int_equal(delay.moved, 0);
    assert_int_equal(bounds.offset_min, 4711);
}

/* A stamp of whole seconds may be up to a second early. */
static void whole_seconds_are_intervals(void **state)
{
    (void)state;
    struct path_delay delay = {.fuzz = SECOND};
    struct path_delay_bounds bounds;
    const struct path_delay_sample sample = {SECOND / 2, 0, SECOND, SECOND + SECOND / 2};
    assert_true(path_delay_add(&delay, &sample, &bounds));
    assert_about(-SECOND / 2, bounds.offset_min);
    assert_about(SECOND / 2, bounds.offset_max);
    assert_int_equal(bounds.min[PATH_OUT], 0);
    assert_int_equal(bounds.min[PATH_REFLECTOR], 0);
    assert_int_equal(bounds.max[PATH_REFLECTOR], SECOND); /* no longer than it was away */
}

static void path_parts_have_names(void **state)
{
    (void)state;
    assert_string_equal(path_part_name(PATH_OUT), "out");
    assert_string_equal(path_part_name(PATH_REFLECTOR), "reflector");
    assert_string_equal(path_part_name(PATH_BACK), "back");
    assert_string_equal(path_part_name(PATH_PARTS), "unknown");
}

/* ---- the simulation ---- */

static uint64_t chance_next(uint64_t *chance)
{
    uint64_t z = (*chance += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Above 0, up to 1. */
static double chance_fraction(uint64_t *chance)
{
    return ((double)(chance_next(chance) >> 11) + 1) / 9007199254740992.0;
}

/* Log-normal, as delays of mail are; Box and Muller. In microseconds. */
static int64_t some_delay(uint64_t *chance, double median, double spread)
{
    double normal =
        sqrt(-2 * log(chance_fraction(chance))) * cos(2 * acos(-1) * chance_fraction(chance));
    return (int64_t)(median * 1e6 * exp(spread * normal));
}

struct far_clock {
    double offset, ppm; /* seconds at local time 0 */
    int64_t fuzz;       /* 0: none */
};

/* What that clock is ahead by, at that local time. */
static int64_t ahead(const struct far_clock *clock, int64_t local)
{
    return (int64_t)(clock->offset * 1e6 + clock->ppm * 1e-6 * (double)local);
}

static int64_t stamp(const struct far_clock *clock, int64_t local)
{
    int64_t exact = local + ahead(clock, local);
    if (clock->fuzz <= 1)
        return exact;
    int64_t rest = exact % clock->fuzz;
    return exact - (rest < 0 ? rest + clock->fuzz : rest);
}

static void assert_within(uint64_t seed, const char *what, int64_t min, int64_t value, int64_t max)
{
    if (value < min || value > max)
        fail_msg("seed %" PRIu64 ": %s is %" PRId64 ", not within %" PRId64 " and %" PRId64, seed,
                 what, value, min, max);
}

struct trip {
    int64_t took[PATH_PARTS], t1;
};

static struct trip make_trip(uint64_t *chance, int64_t t1)
{
    return (struct trip){.took = {some_delay(chance, 1.5, 1), some_delay(chance, 0.05, 1),
                                  some_delay(chance, 2, 1.2)},
                         .t1 = t1};
}

/* Sends one, and what is true must lie within the bounds. The width of the offset's bounds. */
static int64_t play(uint64_t seed, struct path_delay *delay, const struct far_clock *clock,
                    const struct trip *trip)
{
    int64_t t2 = trip->t1 + trip->took[PATH_OUT], t3 = t2 + trip->took[PATH_REFLECTOR];
    const struct path_delay_sample sample = {.t1 = trip->t1,
                                             .t2 = stamp(clock, t2),
                                             .t3 = stamp(clock, t3),
                                             .t4 = t3 + trip->took[PATH_BACK]};
    struct path_delay_bounds bounds;
    assert_true(path_delay_add(delay, &sample, &bounds));
    assert_within(seed, "offset", bounds.offset_min, ahead(clock, t2), bounds.offset_max);
    assert_within(seed, "offset", bounds.offset_min, ahead(clock, t3), bounds.offset_max);
    for (enum path_part part = 0; part < PATH_PARTS; part++) {
        assert_within(seed, path_part_name(part), bounds.min[part], trip->took[part],
                      bounds.max[part]);
        assert_true(bounds.min[part] >= 0 && bounds.max[part] <= sample.t4 - sample.t1);
    }
    return bounds.offset_max - bounds.offset_min;
}

static const uint64_t seeds[] = {1, 2006, 37, 0xfeedface};

/* +37 s, 20 ppm, whole seconds; one probe each five minutes for some weeks. */
static void truth_lies_within(void **state)
{
    (void)state;
    const int64_t fuzzes[] = {0, 1000, SECOND};
    const double drifts[] = {20, -20, 0};
    for (size_t i = 0; i < sizeof(seeds) / sizeof(*seeds); i++)
        for (size_t j = 0; j < 9; j++) {
            const struct far_clock clock = {37, drifts[j % 3], fuzzes[j / 3]};
            struct path_delay delay = {.fuzz = clock.fuzz};
            uint64_t chance = seeds[i];
            double first = 0, last = 0;
            for (int64_t n = 0; n < 5000; n++) {
                struct trip trip = make_trip(&chance, n * 300 * SECOND);
                double width = (double)play(seeds[i], &delay, &clock, &trip);
                first += n == 0 ? width : 0;
                last += n >= 20 ? width / 4980 : 0;
            }
            assert_int_equal(delay.moved, 0);
            /* the window is worth having */
            assert_true(last < first && last < 2.5e6);
        }
}

/* It is found with the next probe, and the bounds after that are right again. */
static void moved_clocks_are_found(void **state)
{
    (void)state;
    static const double moves[] = {3600, -3600, 120, -120, 86400 * 400.0};
    for (size_t i = 0; i < sizeof(seeds) / sizeof(*seeds); i++) {
        struct far_clock clock = {37, 20, SECOND};
        struct path_delay delay = {.fuzz = SECOND};
        uint64_t chance = seeds[i];
        int64_t n = 0;
        for (unsigned move = 0; move < sizeof(moves) / sizeof(*moves); move++) {
            for (int64_t end = n + 30; n < end; n++) {
                struct trip trip = make_trip(&chance, n * 300 * SECOND);
                play(seeds[i], &delay, &clock, &trip);
            }
            assert_int_equal(delay.moved, move);
            clock.offset += moves[move];
            struct trip trip = make_trip(&chance, n++ * 300 * SECOND);
            play(seeds[i], &delay, &clock, &trip);
            assert_int_equal(delay.moved, move + 1);
            assert_int_equal(delay.count, 1);
        }
    }
}

/* An answer that arrives a day late, after newer ones. */
static void answers_may_overtake_one_another(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(seeds) / sizeof(*seeds); i++) {
        const struct far_clock clock = {37, 20, SECOND};
        struct path_delay delay = {.fuzz = SECOND};
        uint64_t chance = seeds[i];
        for (int64_t n = 0; n < 2000; n++) {
            int64_t back = (int64_t)(chance_next(&chance) % 288) * 300 * SECOND;
            bool is_late = chance_next(&chance) % 5 == 0 && n > 300;
            struct trip trip = make_trip(&chance, n * 300 * SECOND - (is_late ? back : 0));
            trip.took[PATH_BACK] += is_late ? back : 0;
            play(seeds[i], &delay, &clock, &trip);
        }
        assert_int_equal(delay.moved, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_sample_by_hand),
        cmocka_unit_test(samples_narrow_one_another),
        cmocka_unit_test(what_cannot_be_is_not_taken),
        cmocka_unit_test(whole_seconds_are_intervals),
        cmocka_unit_test(path_parts_have_names),
        cmocka_unit_test(truth_lies_within),
        cmocka_unit_test(moved_clocks_are_found),
        cmocka_unit_test(answers_may_overtake_one_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
