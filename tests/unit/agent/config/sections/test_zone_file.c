#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "agent/config/sections/zone_file.h"

static void test_a_zone_is_found_by_its_name(void **state)
{
    char *mistake = NULL;
    struct zone *zone = zone_file_load("Europe/Berlin", &mistake);

    (void)state;
    if (zone == NULL)
        fail_msg("%s", mistake);
    assert_int_equal(zone_offset(zone, 1767225600), 3600); /* 2026-01-01 */
    zone_free(zone);
}

static void test_a_name_cannot_leave_the_directory(void **state)
{
    static const char *const names[] = {
        "",
        "../../../etc/passwd",
        "Europe/../../../../etc/passwd",
        "/etc/localtime",
        ".",
        "Europe Berlin",
        "Europe/Berlin\n",
        "a-name-of-sixty-five-octets-which-is-one-more-than-a-zone-may-be-xx",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        char *mistake = NULL;

        assert_null(zone_file_load(names[i], &mistake));
        if (mistake == NULL || strstr(mistake, "is not a time zone like") == NULL)
            fail_msg("\"%s\": %s", names[i], mistake);
        free(mistake);
    }
}

static void test_what_is_no_zone_is_refused_with_its_path(void **state)
{
    static const struct {
        const char *name, *mistake;
    } cases[] = {
        {"Europe/Nowhere", "/usr/share/zoneinfo/Europe/Nowhere: No such file"},
        {"Europe", "/usr/share/zoneinfo/Europe: Is a directory"},
        {"right/UTC", "/usr/share/zoneinfo/right/UTC"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char *mistake = NULL;

        assert_null(zone_file_load(cases[i].name, &mistake));
        if (mistake == NULL || strstr(mistake, cases[i].mistake) == NULL)
            fail_msg("%s: %s", cases[i].name, mistake);
        free(mistake);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_zone_is_found_by_its_name),
        cmocka_unit_test(test_a_name_cannot_leave_the_directory),
        cmocka_unit_test(test_what_is_no_zone_is_refused_with_its_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
