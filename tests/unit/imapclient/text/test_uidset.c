#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "imapclient/text/uidset.h"
#include "in_range.h"

/* The whole set as text, or "" for an empty one. */
static char *text_of(const struct imap_uidset *set)
{
    size_t range = 0;
    char *text = imap_uidset_text(set, &range, SIZE_MAX);
    return text != NULL ? text : strdup("");
}

static void check_text(const struct imap_uidset *set, const char *expected)
{
    char *text = text_of(set);
    assert_string_equal(text, expected);
    free(text);
}

static void well_formed_sets_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text, *again;
        uint64_t size;
    } sets[] = {
        {"1", "1", 1},
        {"1:3", "1:3", 3},
        {"5:3", "3:5", 3},
        {"7,3", "7,3", 2},
        {"1,2,3", "1:3", 3},
        {"1:2,3:4", "1:4", 4},
        {"3:4,1:2", "3:4,1:2", 4},
        {"2,2", "2,2", 2},
        {"4294967294", "4294967294", 1},
        {"4294967295", "*", 1},
        {"*", "*", 1},
        {"5:*", "5:*", UINT32_MAX - 4u},
        {"*:5", "5:*", UINT32_MAX - 4u},
        {"1:*,1:*", "1:*,1:*", 2 * (uint64_t)UINT32_MAX},
    };
    for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++) {
        struct imap_uidset set = {0};
        if (!imap_uidset_parse(&set, sets[i].text, strlen(sets[i].text)))
            fail_msg("\"%s\" is a set", sets[i].text);
        check_text(&set, sets[i].again);
        assert_int_equal(imap_uidset_size(&set), sets[i].size);
        imap_uidset_clear(&set);
    }
}

static void malformed_sets_are_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "0",
        "0:5",
        "1:0",
        "01",
        ",",
        "1,",
        ",1",
        "1,,2",
        "1:",
        ":1",
        "1:2:3",
        "a",
        "1a",
        "1 2",
        " 1",
        "1 ",
        "-1",
        "4294967296",
        "99999999999999999999999",
        "1:4294967296",
        "**",
        "1:**",
        "1;2",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct imap_uidset set = {0};
        if (imap_uidset_parse(&set, texts[i], strlen(texts[i])))
            fail_msg("\"%s\" is no set", texts[i]);
        assert_int_equal(set.count, 0);
    }
}

static void only_len_octets_are_read(void **state)
{
    (void)state;
    struct imap_uidset set = {0};
    assert_true(imap_uidset_parse(&set, "1:23", 3));
    check_text(&set, "1:2");
    imap_uidset_clear(&set);
}

static void parsing_replaces_what_was_there(void **state)
{
    (void)state;
    struct imap_uidset set = {0};
    assert_true(imap_uidset_add(&set, 9, 9));
    assert_true(imap_uidset_parse(&set, "4", 1));
    check_text(&set, "4");
    assert_false(imap_uidset_parse(&set, "x", 1));
    check_text(&set, "");
}

static void zero_is_not_a_uid(void **state)
{
    (void)state;
    struct imap_uidset set = {0};
    assert_false(imap_uidset_add(&set, 0, 5));
    assert_int_equal(set.count, 0);
}

static void ranges_are_bounded(void **state)
{
    (void)state;
    struct imap_uidset set = {0};
    for (uint32_t i = 0; i < IMAP_UIDSET_MAX_RANGES; i++)
        assert_true(imap_uidset_add(&set, 2 * i + 1, 2 * i + 1));
    assert_false(imap_uidset_add(&set, 4000000000u, 4000000000u));
    assert_int_equal(set.count, IMAP_UIDSET_MAX_RANGES);
    imap_uidset_clear(&set);
}

static void order_is_that_of_the_server(void **state)
{
    (void)state;
    struct imap_uidset set = {0};
    assert_true(imap_uidset_parse(&set, "10:12,3,7:8", 11));
    static const uint32_t expected[] = {10, 11, 12, 3, 7, 8, 0};
    for (size_t k = 0; k < sizeof(expected) / sizeof(*expected); k++)
        assert_int_equal(imap_uidset_nth(&set, k), expected[k]);
    imap_uidset_clear(&set);
}

static void normalised_ranges_ascend_and_are_not_adjacent(void **state)
{
    (void)state;
    static const struct {
        const char *text, *normal;
    } sets[] = {
        {"3:4,1:2", "1:4"},
        {"10,1:3,2:5", "1:5,10"},
        {"5,5,5", "5"},
        {"1:*,7", "1:*"},
        {"*,4294967294", "4294967294:*"},
        {"1:10,2:3,12", "1:10,12"},
        {"9,7,5", "5,7,9"},
        {"8:9", "8:9"},
    };
    for (size_t i = 0; i < sizeof(sets) / sizeof(*sets); i++) {
        struct imap_uidset set = {0};
        assert_true(imap_uidset_parse(&set, sets[i].text, strlen(sets[i].text)));
        imap_uidset_normalise(&set);
        check_text(&set, sets[i].normal);
        imap_uidset_clear(&set);
    }
}

static void a_set_contains_its_uids(void **state)
{
    (void)state;
    struct imap_uidset set = {0};
    assert_true(imap_uidset_parse(&set, "10:12,3", 7));
    static const struct {
        uint32_t uid;
        bool inside;
    } cases[] = {{9, false}, {10, true}, {12, true}, {13, false}, {3, true}, {0, false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_int_equal(imap_uidset_contains(&set, cases[i].uid), cases[i].inside);
    imap_uidset_clear(&set);
}

static void text_comes_in_parts_below_the_limit(void **state)
{
    (void)state;
    struct imap_uidset set = {0}, again = {0};
    for (uint32_t i = 1; i <= 1000; i++)
        assert_true(imap_uidset_add(&set, i * 10, i * 10 + i % 3));
    size_t range = 0;
    for (char *part; (part = imap_uidset_text(&set, &range, 100)) != NULL; free(part)) {
        assert_uint_in_range(strlen(part), 1, 100);
        struct imap_uidset some = {0};
        assert_true(imap_uidset_parse(&some, part, strlen(part)));
        for (size_t i = 0; i < some.count; i++)
            assert_true(imap_uidset_add(&again, some.ranges[i].first, some.ranges[i].last));
        imap_uidset_clear(&some);
    }
    assert_int_equal(again.count, set.count);
    assert_memory_equal(again.ranges, set.ranges, set.count * sizeof(*set.ranges));
    imap_uidset_clear(&set);
    imap_uidset_clear(&again);
}

static void a_low_limit_still_gives_one_range(void **state)
{
    (void)state;
    struct imap_uidset set = {0};
    assert_true(imap_uidset_parse(&set, "100:200,300", 11));
    size_t range = 0;
    char *first = imap_uidset_text(&set, &range, 1), *second = imap_uidset_text(&set, &range, 1);
    assert_string_equal(first, "100:200");
    assert_string_equal(second, "300");
    assert_null(imap_uidset_text(&set, &range, 1));
    free(first);
    free(second);
    imap_uidset_clear(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(well_formed_sets_are_read),
        cmocka_unit_test(malformed_sets_are_refused),
        cmocka_unit_test(only_len_octets_are_read),
        cmocka_unit_test(parsing_replaces_what_was_there),
        cmocka_unit_test(zero_is_not_a_uid),
        cmocka_unit_test(ranges_are_bounded),
        cmocka_unit_test(order_is_that_of_the_server),
        cmocka_unit_test(normalised_ranges_ascend_and_are_not_adjacent),
        cmocka_unit_test(a_set_contains_its_uids),
        cmocka_unit_test(text_comes_in_parts_below_the_limit),
        cmocka_unit_test(a_low_limit_still_gives_one_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
