/* Names of target folders: every conversion, every word, and what hostile names may not do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "agent/config/folder_pattern.h"
#include "rules/util/memory.h"

#define WHEN 1767323045 /* Fri 2026-01-02 03:04:05 UTC */

static const struct folder_words usual = {
    .user = "alice", .direction = "outgoing", .rule = "all", .domain = "example.org"};

static void assert_name(const char *pattern, const struct folder_words *words, char separator,
                        const char *expected)
{
    char *name = folder_name_make(pattern, WHEN, words, separator);
    if (strcmp(name, expected) != 0)
        fail_msg("%s became %s instead of %s", pattern, name, expected);
    free(name);
}

struct pair {
    const char *pattern, *expected;
};

static const struct pair conversions[] = {
    {"%C", "20"},
    {"%d", "02"},
    {"%D", "01_02_26"},
    {"%e", " 2"},
    {"%F", "2026-01-02"},
    {"%g", "26"},
    {"%G", "2026"},
    {"%H", "03"},
    {"%I", "03"},
    {"%j", "002"},
    {"%m", "01"},
    {"%M", "04"},
    {"%n", "_"},
    {"%R", "03:04"},
    {"%s", "1767323045"},
    {"%S", "05"},
    {"%T", "03:04:05"},
    {"%u", "5"},
    {"%U", "00"},
    {"%V", "01"},
    {"%w", "5"},
    {"%W", "00"},
    {"%y", "26"},
    {"%Y", "2026"},
    {"%z", "+0000"},
    {"%Z", "GMT"},
    {"%%", "_"},
    {"M/%Y-%m", "M.2026-01"},
    {"%Y%m%d", "20260102"},
    {"a%%b", "a_b"},
};

static void converts_in_utc(void **state)
{
    (void)state;
    static const char *const zones[] = {"UTC", "America/New_York", "Asia/Tokyo"};
    for (size_t z = 0; z < sizeof(zones) / sizeof(*zones); z++) {
        setenv("TZ", zones[z], 1);
        tzset();
        for (size_t i = 0; i < sizeof(conversions) / sizeof(*conversions); i++) {
            assert_null(folder_name_check(conversions[i].pattern));
            assert_name(conversions[i].pattern, &usual, '.', conversions[i].expected);
        }
    }
    unsetenv("TZ");
    tzset();
}

static void times_without_a_year_still_make_a_name(void **state)
{
    (void)state;
    static const time_t times[] = {INT64_MAX, INT64_MIN, -1, 0};
    for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
        char *name = folder_name_make("M/%Y-%m", times[i], &usual, '/');
        assert_memory_equal(name, "M/", 2);
        assert_non_null(strchr(name + 2, '-'));
        free(name);
    }
}

static void words_stand_for_their_values(void **state)
{
    (void)state;
    assert_name("%{user}", &usual, '/', "alice");
    assert_name("%{domain}/%{direction}/%{rule}-%{user}", &usual, '/',
                "example.org/outgoing/all-alice");
    assert_name("x%{user}%{user}y", &usual, '/', "xalicealicey");
}

static void slash_is_the_separator(void **state)
{
    (void)state;
    assert_name("A/B/C", &usual, '.', "A.B.C");
    assert_name("A/B/C", &usual, '/', "A/B/C");
    assert_name("A/B/C", &usual, '\0', "A_B_C");
    assert_name("A/B", &usual, '\\', "A\\B");
}

struct hostile {
    const char *value;
    char separator;
    const char *expected; /* of "M/%{user}" */
};

static const struct hostile hostiles[] = {
    {"a/b", '/', "M/a_b"},
    {"a/b", '.', "M.a_b"},
    {"a.b", '.', "M.a_b"},
    {"a.b", '/', "M/a.b"},
    {"a\\b", '\\', "M\\a_b"},
    {"a^b", '^', "M^a_b"},
    {"a*b%c", '/', "M/a_b_c"},
    {"%Y", '/', "M/_Y"},
    {"%{rule}", '/', "M/_{rule}"},
    {"a\r\nb\tc\x7f", '/', "M/a__b_c_"},
    {"..", '/', "M/_."},
    {".", '/', "M/_"},
    {"../../x", '/', "M/_._.._x"},
    {"", '/', "M/_"},
    {NULL, '/', "M/_"},
    {"a/b_c", '_', "M_a-b-c"},
    {"m\xc3\xbcller", '/', "M/m\xc3\xbcller"},
};

static void values_reach_no_other_folder(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(hostiles) / sizeof(*hostiles); i++) {
        struct folder_words words = {.user = hostiles[i].value};
        assert_name("M/%{user}", &words, hostiles[i].separator, hostiles[i].expected);
    }
}

static void long_names_are_cut_between_characters(void **state)
{
    (void)state;
    for (size_t lead = 0; lead < 3; lead++) {
        char value[1600] = "";
        memset(value, 'x', lead);
        for (size_t i = 0; i < 400; i++)
            strcat(value, "\xe2\x82\xac");
        struct folder_words words = {.user = value};
        char *name = folder_name_make("%{user}", WHEN, &words, '/');
        assert_int_equal(strlen(name), (FOLDER_NAME_MAX - lead) / 3 * 3 + lead);
        free(name);
    }
}

static void a_cut_name_ends_in_no_separator(void **state)
{
    (void)state;
    char value[FOLDER_NAME_MAX];
    memset(value, 'x', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    struct folder_words words = {.user = value};
    char *name = folder_name_make("%{user}/more", WHEN, &words, '/');
    assert_string_equal(name, value);
    free(name);
}

static const struct pair checks[] = {
    {"Monitor/%Y-%m", NULL},
    {"%{user}/%{direction}/%{rule}/%{domain}", NULL},
    {"\xc3\x9c"
     "berwachung",
     NULL},
    {"", "is empty"},
    {"/a", "has an empty part between slashes"},
    {"a/", "has an empty part between slashes"},
    {"a//b", "has an empty part between slashes"},
    {"/", "has an empty part between slashes"},
    {"a*", "contains a control character or \"*\""},
    {"a\tb", "contains a control character or \"*\""},
    {"a\x7f", "contains a control character or \"*\""},
    {"%{usr}", "has an unknown %{...}; expected %{user}, %{direction}, %{rule} or %{domain}"},
    {"%{user", "has an unknown %{...}; expected %{user}, %{direction}, %{rule} or %{domain}"},
    {"%{}", "has an unknown %{...}; expected %{user}, %{direction}, %{rule} or %{domain}"},
    {"%B", "has an unknown conversion; only those of strftime(3) that give numbers are allowed"},
    {"%p", "has an unknown conversion; only those of strftime(3) that give numbers are allowed"},
    {"%r", "has an unknown conversion; only those of strftime(3) that give numbers are allowed"},
    {"%Ey", "has an unknown conversion; only those of strftime(3) that give numbers are allowed"},
    {"a%", "has an unknown conversion; only those of strftime(3) that give numbers are allowed"},
};

static void check_says_what_is_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
        const char *why = folder_name_check(checks[i].pattern);
        if (checks[i].expected == NULL ? why != NULL
                                       : why == NULL || strcmp(why, checks[i].expected) != 0)
            fail_msg("\"%s\": %s", checks[i].pattern, why != NULL ? why : "accepted");
    }
}

static void check_bounds_the_length(void **state)
{
    (void)state;
    char pattern[FOLDER_NAME_MAX];
    memset(pattern, 'x', sizeof(pattern));
    pattern[FOLDER_NAME_MAX / 4] = '\0';
    assert_null(folder_name_check(pattern));
    pattern[FOLDER_NAME_MAX / 4] = 'x';
    pattern[FOLDER_NAME_MAX / 4 + 1] = '\0';
    assert_string_equal(folder_name_check(pattern), "is too long");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(converts_in_utc),
        cmocka_unit_test(times_without_a_year_still_make_a_name),
        cmocka_unit_test(words_stand_for_their_values),
        cmocka_unit_test(slash_is_the_separator),
        cmocka_unit_test(values_reach_no_other_folder),
        cmocka_unit_test(long_names_are_cut_between_characters),
        cmocka_unit_test(a_cut_name_ends_in_no_separator),
        cmocka_unit_test(check_says_what_is_wrong),
        cmocka_unit_test(check_bounds_the_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
