#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "agent/config/syntax/names.h"
#include "agent/config/syntax/units.h"
#include "agent/util/suggest.h"

static void test_sizes(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } cases[] = {
        {"0", 0},
        {"10000", 10000},
        {"7B", 7},
        {"10kB", 10000},
        {"10KB", 10000},
        {"10kb", 10000},
        {"10KiB", 10240},
        {"2MB", 2000000},
        {"2MiB", 2097152},
        {"1GB", 1000000000},
        {"1GiB", 1073741824},
        {"3TiB", 3298534883328},
        {"10 kB", 10000},
        {"9223372036854775807", INT64_MAX},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        uint64_t bytes = 1;
        if (units_size(cases[i].text, &bytes) != NULL || bytes != cases[i].bytes)
            fail_msg("%s: %ju", cases[i].text, (uintmax_t)bytes);
    }
}

static void test_no_sizes(void **state)
{
    static const char *const cases[] = {
        "",
        "kB",
        "-1",
        "+1",
        "1.5MB",
        "10  kB",
        "10kBx",
        "10XB",
        "1e3",
        "0x1",
        " 10kB",
        "10kB ",
        "9223372036854775808",
        "18446744073709551616",
        "9999999TB",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        uint64_t bytes = 4711;
        if (units_size(cases[i], &bytes) == NULL || bytes != 4711)
            fail_msg("\"%s\" is accepted as %ju", cases[i], (uintmax_t)bytes);
    }
}

static void test_durations(void **state)
{
    static const struct {
        const char *text;
        unsigned seconds;
    } cases[] = {
        {"0", 0},       {"0s", 0},        {"30s", 30},     {"5m", 300},
        {"12h", 43200}, {"90d", 7776000}, {"2w", 1209600}, {"5 m", 300},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        unsigned seconds = 1;
        if (units_duration(cases[i].text, &seconds) != NULL || seconds != cases[i].seconds)
            fail_msg("%s: %u", cases[i].text, seconds);
    }
}

static void test_no_durations(void **state)
{
    static const char *const cases[] = {"",      "5",  "s",    "-5s",    "5min",
                                        "1h30m", "5.", "5.5h", "36501d", "99999999999999999999s"};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        unsigned seconds = 4711;
        if (units_duration(cases[i], &seconds) == NULL || seconds != 4711)
            fail_msg("\"%s\" is accepted as %u", cases[i], seconds);
    }
}

static void test_milliseconds(void **state)
{
    static const struct {
        const char *text;
        unsigned milliseconds;
    } cases[] = {
        {"1ms", 1},        {"500ms", 500},    {"1.5s", 1500},  {"10s", 10000},
        {"0.25s", 250},    {"2 s", 2000},     {"1.5m", 90000}, {"1h", 3600000},
        {"24h", 86400000}, {"2.0004s", 2000}, {"0.5m", 30000}, {"250MS", 250},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        unsigned milliseconds = 4711;
        if (units_milliseconds(cases[i].text, &milliseconds) != NULL ||
            milliseconds != cases[i].milliseconds)
            fail_msg("%s: %u", cases[i].text, milliseconds);
    }
}

static void test_no_milliseconds(void **state)
{
    static const char *const cases[] = {"",      "0",      "0s",    "0.5ms",
                                        "10",    "ms",     "-1s",   "+1s",
                                        "1.5.s", "1,5s",   "1e3ms", "25h",
                                        "1d",    "1s 5ms", ".5s",   " 1s",
                                        "1s ",   "nans",   "infs",  "99999999999999999999999s"};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        unsigned milliseconds = 4711;
        if (units_milliseconds(cases[i], &milliseconds) == NULL || milliseconds != 4711)
            fail_msg("\"%s\" is accepted as %u", cases[i], milliseconds);
    }
}

static void test_dates(void **state)
{
    static const struct {
        const char *text;
        time_t start;
    } cases[] = {
        {"1970-01-01", 0},          {"2026-01-01", 1767225600}, {"2000-02-29", 951782400},
        {"2024-02-29", 1709164800}, {"2026-12-31", 1798675200},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        time_t start = 1;
        if (units_date(cases[i].text, &start) != NULL || start != cases[i].start)
            fail_msg("%s: %jd", cases[i].text, (intmax_t)start);
    }
}

static void test_no_dates(void **state)
{
    static const char *const cases[] = {"",           "2026-1-1",   "2026-01-00", "2026-01-32",
                                        "2026-00-01", "2026-13-01", "2025-02-29", "2100-02-29",
                                        "1969-12-31", "2026/01/01", "01.01.2026", "2026-01-01 ",
                                        "2026-04-31", "yesterday",  "202a-01-01"};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        time_t start = 4711;
        if (units_date(cases[i], &start) == NULL || start != 4711)
            fail_msg("\"%s\" is accepted as %jd", cases[i], (intmax_t)start);
    }
}

static void test_percents(void **state)
{
    static const struct {
        const char *text;
        double percent;
    } cases[] = {
        {"0", 0}, {"5", 5}, {"0.5", 0.5}, {"12.25", 12.25}, {"100", 100}, {"100.0", 100}, {"5%", 5},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        double percent = -1;
        if (units_percent(cases[i].text, &percent) != NULL || percent < cases[i].percent - 1e-9 ||
            percent > cases[i].percent + 1e-9)
            fail_msg("%s: %g", cases[i].text, percent);
    }
}

static void test_no_percents(void **state)
{
    static const char *const cases[] = {"",    "-1",  "101", "100.1", ".5",  "5.",
                                        "1e1", "nan", "inf", "5 %",   "5%%", "1,5"};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        double percent = 47;
        if (units_percent(cases[i], &percent) == NULL || percent < 47 || percent > 47)
            fail_msg("\"%s\" is accepted as %g", cases[i], percent);
    }
}

static void test_bools_and_counts(void **state)
{
    bool value = false;
    unsigned count = 0;

    (void)state;
    assert_null(units_bool("Yes", &value));
    assert_true(value);
    assert_null(units_bool("off", &value));
    assert_false(value);
    assert_non_null(units_bool("", &value));
    assert_non_null(units_bool("2", &value));
    assert_null(units_count("1000000", &count));
    assert_int_equal(count, 1000000);
    assert_non_null(units_count("1000001", &count));
    assert_non_null(units_count("1k", &count));
    assert_non_null(units_count("", &count));
}

static void test_addresses(void **state)
{
    static const char *const good[] = {
        "a@b",   "alice@example.org", "o'brien+x@a-b.test", "ünï@example.org", "a.b..c@example.org",
        "=?@x.y"};
    static const char *const bad[] = {
        "",        "a",         "@b",       "a@",          "a b@c.de",      "a@b c",
        "a@b..c",  "a@-b.c",    "a@b-.c",   "a@.b",        "a@b.",          "a,b@c.de",
        "<a@b.c>", "\"a\"@b.c", "a@b@c.de", "a@[1.2.3.4]", "a@exämple.org", "a(b)@c.de"};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        if (names_address(good[i]) != NULL)
            fail_msg("%s is refused", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        if (names_address(bad[i]) == NULL)
            fail_msg("%s is accepted", bad[i]);
}

static void test_long_names(void **state)
{
    char label[300], address[400];

    (void)state;
    memset(label, 'a', sizeof(label));
    label[63] = '\0';
    assert_null(names_domain(label));
    label[63] = 'a';
    label[64] = '\0';
    assert_non_null(names_domain(label));
    memset(address, 'a', sizeof(address));
    strcpy(address + 65, "@b.de");
    assert_non_null(names_address(address));
    assert_null(names_address(address + 1));
}

static void test_listen(void **state)
{
    static const char *const good[] = {"127.0.0.1:8025", "[::1]:8025", "localhost:1"};
    static const char *const bad[] = {
        "",      ":8025", "8025",  "127.0.0.1", "127.0.0.1:0",   "::1:8025",
        "[::1]", "[]:1",  "a b:1", "x:65536",   "mail.test:8025"};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        assert_null(names_listen(good[i]));
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        if (names_listen(bad[i]) == NULL)
            fail_msg("%s is accepted", bad[i]);
}

static const char *suggest(const char *word)
{
    static const char *const known[] = {"password_file", "password_command", "folders",
                                        "monitor",       "server",           "to"};
    struct suggestion suggestion;

    suggest_begin(&suggestion, word);
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        suggest_offer(&suggestion, known[i]);
    return suggestion.best;
}

static void test_suggestions(void **state)
{
    static const struct {
        const char *word, *meant;
    } cases[] = {
        {"pasword_file", "password_file"},
        {"passwrod_file", "password_file"},
        {"folder", "folders"},
        {"Monitor", "monitor"},
        {"sevrer", "server"},
        {"tp", "to"},
        {"xyz", NULL},
        {"", NULL},
        {"completely_different", NULL},
    };
    char word[200];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *found = suggest(cases[i].word);
        if ((found == NULL) != (cases[i].meant == NULL) ||
            (found != NULL && strcmp(found, cases[i].meant) != 0))
            fail_msg("%s: %s", cases[i].word, found != NULL ? found : "nothing");
    }
    memset(word, 'a', sizeof(word) - 1);
    word[sizeof(word) - 1] = '\0';
    assert_null(suggest(word));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_no_sizes),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_no_durations),
        cmocka_unit_test(test_milliseconds),
        cmocka_unit_test(test_no_milliseconds),
        cmocka_unit_test(test_dates),
        cmocka_unit_test(test_no_dates),
        cmocka_unit_test(test_percents),
        cmocka_unit_test(test_no_percents),
        cmocka_unit_test(test_bools_and_counts),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_listen),
        cmocka_unit_test(test_suggestions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
