/* Ranges: the table of the Nagios plugin guidelines, what is refused, hysteresis. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "agent/util/range.h"

static struct range parsed(const char *text, bool duration)
{
    struct range range = {0};
    const char *expected = range_parse(text, duration, &range);

    if (expected != NULL)
        fail_msg("\"%s\" is refused: %s", text, expected);
    assert_true(range.set);
    return range;
}

/* "Generate an alert if x ...": each range with values at, below and above its ends. */
static const struct {
    const char *range;
    double value;
    bool alerts;
} guideline[] = {
    {"10", -0.001, true},     {"10", 0, false},          {"10", 10, false},
    {"10", 10.001, true},     {"10:", 9.999, true},      {"10:", 10, false},
    {"10:", 1e30, false},     {"10:", -5, true},         {"~:10", -1e30, false},
    {"~:10", 10, false},      {"~:10", 10.001, true},    {"10:20", 9.999, true},
    {"10:20", 10, false},     {"10:20", 20, false},      {"10:20", 20.001, true},
    {"@10:20", 9.999, false}, {"@10:20", 10, true},      {"@10:20", 15, true},
    {"@10:20", 20, true},     {"@10:20", 20.001, false}, {"@10", -0.001, false},
    {"@10", 0, true},         {"@10", 10, true},         {"@10", 10.001, false},
    {"@~:10", -1e30, true},   {"@~:10", 10.001, false},  {"@10:", 1e30, true},
    {"@10:", 9.999, false},   {"0", 0, false},           {"0", 0.001, true},
    {"0", -0.001, true},      {"0:", -0.001, true},      {"0:", 1e30, false},
    {"-10:-5", -11, true},    {"-10:-5", -7, false},     {"-10:-5", 0, true},
    {"5:5", 5, false},        {"5:5", 5.1, true},        {"~:", -1e30, false},
    {"~:", 1e30, false},      {"@~:", 0, true},          {"1.5:2.5", 1.4, true},
    {"1.5:2.5", 2, false},
};

static void alerts_as_the_guideline_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(guideline) / sizeof(*guideline); i++) {
        struct range range = parsed(guideline[i].range, false);
        if (range_alerts(&range, guideline[i].value) != guideline[i].alerts)
            fail_msg("%s with %g", guideline[i].range, guideline[i].value);
    }
}

static void without_a_range_or_a_number_nothing_alerts(void **state)
{
    (void)state;
    struct range none = {0}, within = parsed("@~:", false), beyond = parsed("10:20", false);
    assert_false(range_alerts(&none, 5));
    assert_false(range_alerts(&within, NAN));
    assert_false(range_alerts(&beyond, NAN));
}

static const char *const refused[] = {
    "",         "@",     ":",      ":10",    "~",   "@~",   "x",    "10x", "10:x",
    "10:20:30", "20:10", "@20:10", "10 :20", " 10", "10 ",  "1,5",  "1e3", "nan",
    "inf",      "0x10",  "--5",    "~10",    "10~", "10:~", "@@10", "5s",  "1000000000000",
};
static const char *const refused_durations[] = {
    "5 s", "5y", "s", "5ss", "5S", "5m3s", "1m:5s", "99999999999w", "5sec", "~s:5",
};

static void refuses_and_says_what_it_expected(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
        struct range range = {.start = 7};
        const char *expected = range_parse(refused[i], false, &range);
        if (expected == NULL)
            fail_msg("\"%s\" is a range", refused[i]);
        assert_true(strlen(expected) > 0);
        assert_true(range.start == 7 && !range.set);
    }
    for (size_t i = 0; i < sizeof(refused_durations) / sizeof(*refused_durations); i++) {
        struct range range;
        if (range_parse(refused_durations[i], true, &range) == NULL)
            fail_msg("\"%s\" is a range of durations", refused_durations[i]);
    }
}

static const struct {
    const char *text;
    double start, end;
} durations[] = {
    {"1s", 0, 1},          {"500ms", 0, 0.5},    {"10m", 0, 600},           {"2:5s", 2, 5},
    {"250us", 0, 0.00025}, {"2h", 0, 7200},      {"1d:2w", 86400, 1209600}, {"1.5m", 0, 90},
    {"3", 0, 3},           {"5s:", 5, INFINITY}, {"~:5m", -INFINITY, 300},
};

static void durations_have_units(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(durations) / sizeof(*durations); i++) {
        struct range range = parsed(durations[i].text, true);
        if (range.start != durations[i].start || range.end != durations[i].end)
            fail_msg("%s is %g to %g", durations[i].text, range.start, range.end);
    }
}

static const struct {
    const char *range, *text;
} texts[] = {
    {"10", "10"},
    {"0:10", "10"},
    {"10:", "10:"},
    {"0:", "0:"},
    {"~:10", "~:10"},
    {"~:", "~:"},
    {"~:0", "~:0"},
    {"10:20", "10:20"},
    {"@10:20", "@10:20"},
    {"@0:10", "@10"},
    {"-5:5", "-5:5"},
    {"0.250", "0.25"},
    {"@-999999999999.125:999999999999.625", "@-999999999999.125:999999999999.625"},
};

/* What is written is read as the same range again. */
static void written_shortest(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        char text[RANGE_TEXT_MAX];
        struct range range = parsed(texts[i].range, false);
        range_text(&range, text);
        assert_string_equal(text, texts[i].text);
        struct range again = parsed(text, false);
        assert_true(again.start == range.start && again.end == range.end);
        assert_int_equal(again.inside, range.inside);
    }
    char text[RANGE_TEXT_MAX] = "x";
    range_text(&(struct range){0}, text);
    assert_string_equal(text, "");
}

static const struct {
    const char *range;
    double hysteresis, start, end;
} narrowed[] = {
    {"10", 0.1, 0, 9},
    {"10", 0, 0, 10},
    {"10", 1, 0, 0},
    {"10:", 0.1, 11, INFINITY},
    {"~:10", 0.1, -INFINITY, 9},
    {"10:20", 0.1, 11, 18},
    {"-20:-10", 0.1, -18, -11},
    {"@10:20", 0.1, 9, 22},
    {"@~:10", 0.1, -INFINITY, 11},
    {"~:", 0.5, -INFINITY, INFINITY},
    {"10:11", 0.1, 10, 11}, /* too narrow */
};

static void narrowed_by_hysteresis(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(narrowed) / sizeof(*narrowed); i++) {
        struct range range = parsed(narrowed[i].range, false);
        struct range narrow = range_narrowed(&range, narrowed[i].hysteresis);
        if (narrow.start != narrowed[i].start || narrow.end != narrowed[i].end)
            fail_msg("%s becomes %g to %g", narrowed[i].range, narrow.start, narrow.end);
        assert_true(narrow.set);
        assert_int_equal(narrow.inside, range.inside);
    }
    struct range none = range_narrowed(&(struct range){0}, 0.1);
    assert_false(none.set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alerts_as_the_guideline_says),
        cmocka_unit_test(without_a_range_or_a_number_nothing_alerts),
        cmocka_unit_test(refuses_and_says_what_it_expected),
        cmocka_unit_test(durations_have_units),
        cmocka_unit_test(written_shortest),
        cmocka_unit_test(narrowed_by_hysteresis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
