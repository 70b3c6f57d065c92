/* Dates of mail headers, good and bad ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/time/mail_date.h"

struct date_case {
    const char *text;
    long long at;
    int zone;
    bool zone_known;
};

static const struct date_case good[] = {
    {"Fri, 02 Jan 2026 12:00:00 +0000", 1767355200, 0, true},
    {"Fri, 2 Jan 2026 13:00:00 +0100 (CET)", 1767355200, 60, true},
    {" \r\n\tFri,\r\n 2 Jan 2026 04:30 -0730\r\n", 1767355200, -450, true},
    {"(a (nested \\) one)) Fri (x), 2 (y) Jan 2026 12:00:00 (z) GMT (and an open one", 1767355200,
     0, true},
    {"2 Jan 26 07:00:00 EST", 1767355200, -300, true},
    {"2 Jan 2026 05:00 PDT", 1767355200, -420, true},
    {"2-Jan-2026 12:00:00 +0000", 1767355200, 0, true},
    {"Friday, 2 january 2026 12:00:00.25 Z", 1767355200, 0, true},
    {"Fri Jan  2 12:00:00 2026", 1767355200, 0, false},
    {"Fri Jan 02 12:00:00 UTC 2026", 1767355200, 0, true},
    {"Fri Jan 02 13:00:00 2026 +0100", 1767355200, 60, true},
    {"Fri, 02 Jan 2026 12:00:00", 1767355200, 0, false},
    {"Fri, 02 Jan 2026 12:00:00 MSK", 1767355200, 0, false},
    {"Fri, 02 Jan 2026 12:00:00 A", 1767355200, 0, false},
    {"31 Dec 2016 23:59:60 +0000", 1483228799, 0, true},
    {"29 Feb 2024 00:00 +0000", 1709164800, 0, true},
    {"1 Jan 70 00:00:00 +0000", 0, 0, true},
    {"1 Jan 099 00:00:00 +0000", 915148800, 0, true},
    {"31 Dec 9999 23:59:59 +0000", 253402300799, 0, true},
};

static const char *const bad[] = {
    "",
    "(",
    ",,,",
    "now",
    "Fri",
    "00 Jan 0000 00:00:00 +0000",
    "30 Feb 2026 00:00:00 +0000",
    "29 Feb 2025 00:00:00 +0000",
    "2 Jan 2026 24:00:00 +0000",
    "2 Jan 2026 12:60:00 +0000",
    "2 Jan 2026 12:00:61 +0000",
    "2 Jan 2026 12:00:00 +9900",
    "2 Jan 2026 12:00:00 +0060",
    "2 Jan 2026 12:00:00 +01000",
    "2 Jan 2026 12:00:00 1",
    "2 Jan 2026 12 +0000",
    "2 Jan 2026 12:00:00:00 +0000",
    "2 Jan 2026 +0000",
    "222 Jan 2026 12:00:00 +0000",
    "2 Jan 12026 12:00:00 +0000",
    "2 Jan 1 12:00:00 +0000",
    "2 Ja 2026 12:00:00 +0000",
    "2026-01-02T12:00:00Z",
    "-1 Jan 2026 12:00:00 +0000",
};

static void good_dates_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        struct mail_date date = {0};
        if (!mail_date_parse(good[i].text, strlen(good[i].text), &date))
            fail_msg("not read: %s", good[i].text);
        if (date.at != good[i].at || date.zone != good[i].zone ||
            date.zone_known != good[i].zone_known)
            fail_msg("%s: %lld, zone %d, known %d", good[i].text, (long long)date.at, date.zone,
                     date.zone_known);
    }
}

static void bad_dates_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct mail_date date = {.at = 7};
        if (mail_date_parse(bad[i], strlen(bad[i]), &date))
            fail_msg("read as %lld: %s", (long long)date.at, bad[i]);
        assert_int_equal(date.at, 7);
    }
    struct mail_date date;
    assert_false(mail_date_parse("2 Jan\0 2026 12:00 +0000", 23, &date));
}

static void no_prefix_and_no_length_is_read_past(void **state)
{
    const char *text = "Fri, 2 (c) Jan 2026 13:00:00 +0100 (CET)";
    struct mail_date date;
    (void)state;
    for (size_t len = 0; len <= strlen(text); len++) {
        char *copy = malloc(len > 0 ? len : 1);
        assert_non_null(copy);
        memcpy(copy, text, len);
        mail_date_parse(copy, len, &date);
        mail_date_of_received(copy, len, &date);
        free(copy);
    }
}

static long long received(const char *value)
{
    struct mail_date date = {.at = -1};
    if (!mail_date_of_received(value, strlen(value), &date))
        return -1;
    return date.at;
}

static void of_received_the_date_follows_the_last_semicolon(void **state)
{
    (void)state;
    assert_int_equal(received(" from a (b; c) by d; Fri, 02 Jan 2026 12:00:00 +0000\r\n"),
                     1767355200);
    assert_int_equal(received("from a by d; Fri, 02 Jan 2026 12:00:00 +0000 (x; y; 1 Jan)"),
                     1767355200);
    assert_int_equal(received("from a by d"), -1);
    assert_int_equal(received("from a by d; yesterday"), -1);
    assert_int_equal(received("Fri, 02 Jan 2026 12:00:00 +0000"), -1);
    assert_int_equal(received("a; 2 Jan 2026 12:00:00 +0000;;;;;"), -1);
}

static void of_a_long_received_the_end_is_read(void **state)
{
    static const char end[] = "; Fri, 02 Jan 2026 12:00:00 +0000";
    size_t len = 200000;
    char *text = malloc(len + sizeof(end));
    (void)state;
    assert_non_null(text);
    memset(text, '(', len);
    memcpy(text + len, end, sizeof(end));
    assert_int_equal(received(text), 1767355200);
    free(text);
}

/* Every day of 140 years against the C library. */
static void agrees_with_the_c_library(void **state)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    (void)state;
    for (long day = -365 * 60L; day < 365 * 80L; day++) {
        time_t at = day * 86400 + (day * 7919 % 86400 + 86400) % 86400;
        int zone = (int)(day % 13) * 60 + 30, local = zone < 0 ? -zone : zone;
        time_t shifted = at + zone * 60;
        struct tm tm;
        char text[80];
        struct mail_date date;
        gmtime_r(&shifted, &tm);
        snprintf(text, sizeof(text), "%d %s %d %02d:%02d:%02d %c%02d%02d", tm.tm_mday,
                 months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec,
                 zone < 0 ? '-' : '+', local / 60, local % 60);
        if (!mail_date_parse(text, strlen(text), &date) || date.at != at || date.zone != zone)
            fail_msg("%s is not %lld", text, (long long)at);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_dates_are_read),
        cmocka_unit_test(bad_dates_are_refused),
        cmocka_unit_test(no_prefix_and_no_length_is_read_past),
        cmocka_unit_test(of_received_the_date_follows_the_last_semicolon),
        cmocka_unit_test(of_a_long_received_the_end_is_read),
        cmocka_unit_test(agrees_with_the_c_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
