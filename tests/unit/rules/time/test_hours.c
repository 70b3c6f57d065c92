#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rules/time/calendar.h"
#include "rules/time/hours.h"
#include "rules/time/zone.h"
#include "rules/time/zone_rule.h"
#include "rules/util/memory.h"
#include "rules/zone_sample.h"

static struct hours *parse(const char *text)
{
    char *mistake = NULL;
    struct hours *hours = hours_parse(text, zone_sample, &mistake);
    if (hours == NULL)
        fail_msg("%s: %s", text, mistake);
    return hours;
}

/* 2026-01-04 was a Sunday. */
static time_t january(int day, int hour, int minute)
{
    return (time_t)(calendar_days(2026, 1, day) * DAY_SECONDS + hour * 3600 + minute * 60);
}

static const struct {
    const char *text;
    int day, hour, minute; /* of January 2026, UTC */
    bool matches;
} examples[] = {
    {"Mon-Fri 08:00-18:00", 5, 8, 0, true},
    {"Mon-Fri 08:00-18:00", 5, 7, 59, false},
    {"Mon-Fri 08:00-18:00", 9, 17, 59, true},
    {"Mon-Fri 08:00-18:00", 9, 18, 0, false},
    {"Mon-Fri 08:00-18:00", 10, 12, 0, false},
    {"Mon-Fri 08:00-18:00", 4, 12, 0, false},
    {"Mon-Fri 8:00-18:00 UTC", 5, 8, 0, true},
    {"mon-FRI 08:00-18:00", 5, 8, 0, true},
    {"Monday-Friday 08:00-18:00", 5, 8, 0, true},
    {"Mon,Wed 08:00-18:00", 5, 12, 0, true},
    {"Mon,Wed 08:00-18:00", 6, 12, 0, false},
    {"Mon,Wed 08:00-18:00", 7, 12, 0, true},
    {"Mon, Wed 08:00-18:00", 7, 12, 0, true},
    {"Mon-Fri 08:00-12:00,13:00-17:00", 5, 12, 30, false},
    {"Mon-Fri 08:00-12:00,13:00-17:00", 5, 13, 0, true},
    {"Mon-Fri 08:00-17:00, Sat 09:00-12:00", 10, 9, 0, true},
    {"Mon-Fri 08:00-17:00, Sat 09:00-12:00", 9, 8, 30, true},
    {"Mon-Fri 08:00-17:00, Sat 09:00-12:00", 10, 8, 30, false},
    {"Mon 08:00-09:00, Sat 10:00-11:00", 5, 10, 30, false},
    {"Mon 22:00-06:00", 5, 22, 0, true},
    {"Mon 22:00-06:00", 6, 5, 59, true},
    {"Mon 22:00-06:00", 6, 6, 0, false},
    {"Mon 22:00-06:00", 5, 5, 0, false},
    {"Sat 22:00-06:00", 4, 5, 0, true}, /* past the end of the week */
    {"22:00-06:00", 4, 5, 0, true},
    {"22:00-06:00", 4, 12, 0, false},
    {"Sat,Sun", 10, 0, 0, true},
    {"Sat,Sun", 11, 23, 59, true},
    {"Sat,Sun", 12, 0, 0, false},
    {"Sat,Sun UTC", 11, 23, 59, true},
    {"Fri-Mon 10:00-11:00", 4, 10, 0, true},
    {"Fri-Mon 10:00-11:00", 6, 10, 0, false},
    {"Sun 00:00-24:00", 4, 23, 59, true},
    {"Sun 00:00-24:00", 5, 0, 0, false},
    {"Mon 08:00-09:00 Europe/Berlin", 5, 7, 0, true},
    {"Mon 08:00-09:00 Europe/Berlin", 5, 8, 0, false},
    {"Mon 00:00-01:00 Europe/Berlin", 4, 23, 30, true},
    {"Sun 23:00-24:00 America/New_York", 5, 4, 30, true},
    {"Mon 05:30-05:45 Asia/Kathmandu", 4, 23, 45, true},
};

static void test_examples(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(examples) / sizeof(*examples); i++) {
        struct hours *hours = parse(examples[i].text);
        time_t time = january(examples[i].day, examples[i].hour, examples[i].minute);
        if (hours_match(hours, time) != examples[i].matches)
            fail_msg("%s at %d January %02d:%02d: expected %s", examples[i].text, examples[i].day,
                     examples[i].hour, examples[i].minute, examples[i].matches ? "yes" : "no");
        hours_free(hours);
    }
}

static void test_mistakes(void **state)
{
    static const char *const texts[] = {
        "",
        " , ",
        "UTC",
        "Mon-Fri 08:00-18:00 Europe/Nowhere",
        "Mon-Fri 08:00-18:00 UTC UTC",
        "UTC Mon-Fri 08:00-18:00",
        "Mon-Fri 08:00",
        "Mon-Fri 08:00-",
        "Mon-Fri 0800-1800",
        "Mon-Fri 08:00-18:60",
        "Mon-Fri 25:00-26:00",
        "Mon-Fri 08:00-24:01",
        "Mon-Fri 24:00-08:00",
        "Mon-Fri 08:00-08:00",
        "Mon-Fri 08:0-18:00",
        "Mon-Fri 08:00-18:00x",
        "Mon-Foo 08:00-18:00",
        "Mo-Fr 08:00-18:00",
        "Montag",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        char *mistake = NULL;
        struct hours *hours = hours_parse(texts[i], zone_sample, &mistake);
        if (hours != NULL || mistake == NULL)
            fail_msg("\"%s\" was accepted", texts[i]);
        free(mistake);
    }
}

static void test_without_zones_there_is_only_utc(void **state)
{
    (void)state;
    char *mistake = NULL;
    struct hours *hours = hours_parse("Mon 08:00-09:00 UTC", NULL, &mistake);
    assert_non_null(hours);
    assert_true(hours_match(hours, january(5, 8, 0)));
    hours_free(hours);
    assert_null(hours_parse("Mon 08:00-09:00 Europe/Berlin", NULL, &mistake));
    assert_string_equal(mistake, "unknown time zone \"Europe/Berlin\"");
    free(mistake);
}

static void test_clock(void **state)
{
    (void)state;
    struct hours *hours = parse("Mon 08:00-09:00 Europe/Berlin");
    char *clock = hours_clock(hours, january(5, 23, 30));
    assert_string_equal(clock, "Tue 2026-01-06 00:30 Europe/Berlin");
    free(clock);
    hours_free(hours);
}

static void test_any_time_is_answered(void **state)
{
    static const int64_t times[] = {INT64_MIN, INT64_MIN + 1, -1, 0, INT64_MAX};
    (void)state;
    struct hours *hours = parse("Mon-Sun Europe/Berlin");
    for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++)
        assert_true(hours_match(hours, (time_t)times[i]));
    hours_free(hours);
}

/* Compared with the C library; a test has one thread and may set TZ. */
static void compare_zone(const char *name)
{
    char *mistake = NULL;
    struct zone *zone = zone_sample(name, &mistake);
    if (zone == NULL)
        fail_msg("%s: %s", name, mistake);
    setenv("TZ", name, 1);
    tzset();
    for (int64_t time = -5000000000; time < 8000000000; time += 1234567) {
        time_t seconds = (time_t)time;
        struct tm tm;
        localtime_r(&seconds, &tm);
        if (tm.tm_gmtoff != zone_offset(zone, time))
            fail_msg("%s at %lld: %d seconds, the C library says %ld", name, (long long)time,
                     zone_offset(zone, time), tm.tm_gmtoff);
    }
    zone_free(zone);
}

static void test_zones_as_the_c_library(void **state)
{
    static const char *const names[] = {
        "UTC",
        "Europe/Berlin",
        "Europe/London",
        "Europe/Dublin",
        "America/New_York",
        "America/Sao_Paulo",
        "Australia/Sydney",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
        "Asia/Tehran",
        "Africa/Casablanca",
        "America/St_Johns",
        "Pacific/Apia",
        "America/Nuuk",
        "Antarctica/Troll",
        "Etc/GMT+5",
        "Asia/Gaza",
        "Pacific/Auckland",
        "EST5EDT",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        compare_zone(names[i]);
}

static void test_change_of_clocks_to_the_second(void **state)
{
    (void)state;
    char *mistake = NULL;
    struct zone *zone = zone_sample("Europe/Berlin", &mistake);
    assert_non_null(zone);
    /* 2060-03-28 and 2060-10-31, after all listed changes, at 01:00 UTC */
    int64_t spring = calendar_days(2060, 3, 28) * DAY_SECONDS + 3600;
    int64_t autumn = calendar_days(2060, 10, 31) * DAY_SECONDS + 3600;
    assert_int_equal(zone_offset(zone, spring - 1), 3600);
    assert_int_equal(zone_offset(zone, spring), 7200);
    assert_int_equal(zone_offset(zone, autumn - 1), 7200);
    assert_int_equal(zone_offset(zone, autumn), 3600);
    zone_free(zone);
}

static void test_rules(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } cases[] = {
        {"CET-1CEST,M3.5.0,M10.5.0/3", true},
        {"<+0330>-3:30", true},
        {"<-03>3<-02>,M3.5.0/-2,M10.5.0/-1", true},
        {"EST5EDT,J60/2,300/167", true},
        {"XXX3EDT4,0/0,J365/23", true},
        {"UTC0", true},
        {"", false},
        {"UTC", false},
        {"<UTC0", false},
        {"AB0", false},
        {"CET-25", false},
        {"CET-1x", false},
        {"CET-1:60", false},
        {"CET-1:30:60", false},
        {"CET-1:30:59", true},
        {"CET-1CEST", false},
        {"CET-1CEST,M3.5.0", false},
        {"CET-1CEST,M13.5.0,M10.5.0", false},
        {"CET-1CEST,M3.6.0,M10.5.0", false},
        {"CET-1CEST,M3.5.7,M10.5.0", false},
        {"CET-1CEST,J0,J366", false},
        {"CET-1CEST,M3.5.0,M10.5.0/168", false},
        {"CET-1CEST,M3.5.0,M10.5.0/3 ", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct zone_rule rule;
        if (zone_rule_parse(cases[i].text, strlen(cases[i].text), &rule) != cases[i].good)
            fail_msg("%s: expected to be %s", cases[i].text,
                     cases[i].good ? "accepted" : "refused");
    }
}

/* J60 is the first of March in every year, 59 only in some. */
static void test_days_of_the_year(void **state)
{
    static const char text[] = "AAA0BBB,J60/0,300/0";
    (void)state;
    struct zone_rule rule;
    assert_true(zone_rule_parse(text, strlen(text), &rule));
    for (int year = 2027; year <= 2028; year++) {
        int64_t spring = calendar_days(year, 3, 1) * DAY_SECONDS;
        int64_t autumn = (calendar_days(year, 1, 1) + 300) * DAY_SECONDS - 3600;
        assert_int_equal(zone_rule_offset(&rule, spring - 1), 0);
        assert_int_equal(zone_rule_offset(&rule, spring), 3600);
        assert_int_equal(zone_rule_offset(&rule, autumn - 1), 3600);
        assert_int_equal(zone_rule_offset(&rule, autumn), 0);
    }
}

/* Truncated or changed anywhere, a file is refused or usable, and never read past its end. */
static void test_broken_files(void **state)
{
    (void)state;
    size_t len = 0;
    unsigned char *data = zone_sample_data("Europe/Berlin", &len);
    assert_non_null(data);
    data = xrealloc(data, len);
    for (size_t cut = 0; cut < len; cut++) {
        unsigned char *part = (unsigned char *)xmemdup0(data, cut);
        part = xrealloc(part, cut > 0 ? cut : 1);
        assert_null(zone_parse(part, cut));
        free(part);
    }
    for (size_t i = 0; i < len; i++) {
        data[i] ^= 0xff;
        struct zone *zone = zone_parse(data, len);
        if (zone != NULL)
            (void)zone_offset(zone, INT64_MAX);
        zone_free(zone);
        data[i] ^= 0xff;
    }
    free(data);
}

static void test_calendar_as_the_c_library(void **state)
{
    (void)state;
    for (int64_t time = -100000000000; time < 100000000000; time += 987654321) {
        time_t seconds = (time_t)time;
        struct tm tm;
        gmtime_r(&seconds, &tm);
        struct calendar calendar = calendar_split(time);
        assert_int_equal(calendar.year, tm.tm_year + 1900);
        assert_int_equal(calendar.month, tm.tm_mon + 1);
        assert_int_equal(calendar.day, tm.tm_mday);
        assert_int_equal(calendar.weekday, tm.tm_wday);
        assert_int_equal(calendar.hour * 3600 + calendar.minute * 60 + calendar.second,
                         tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec);
        assert_int_equal(calendar_days(calendar.year, calendar.month, calendar.day),
                         timegm(&tm) / DAY_SECONDS - (timegm(&tm) % DAY_SECONDS < 0));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_without_zones_there_is_only_utc),
        cmocka_unit_test(test_clock),
        cmocka_unit_test(test_any_time_is_answered),
        cmocka_unit_test(test_zones_as_the_c_library),
        cmocka_unit_test(test_change_of_clocks_to_the_second),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_days_of_the_year),
        cmocka_unit_test(test_broken_files),
        cmocka_unit_test(test_calendar_as_the_c_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
