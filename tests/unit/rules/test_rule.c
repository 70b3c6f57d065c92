#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "rules/rule_maker.h"

/* The last mistake, and how many there were. */
struct reported {
    int count;
    char key[40], rule[40], what[200];
};

static void record(void *arg, const struct rule *rule, const char *key, const char *what)
{
    struct reported *reported = arg;
    reported->count++;
    snprintf(reported->key, sizeof(reported->key), "%s", key);
    snprintf(reported->rule, sizeof(reported->rule), "%s", rule->name);
    snprintf(reported->what, sizeof(reported->what), "%s", what);
}

static void test_a_good_rule(void **state)
{
    (void)state;
    struct rule_set *set = make_set();
    struct rule *rule = make_rule(set, "good");
    rule->from = LIST("*@x.test", "/^a/i");
    rule->header = LIST("X-Class: secret", "X-Any:*", "List-Id : /x/");
    rule->attachment = LIST("any", "*.zip", "application/x-*", "/exe$/i");
    rule->hours_text = xstrdup("Mon-Fri 08:00-18:00 Europe/Berlin");
    rule->has_min_size = rule->has_max_size = true;
    rule->min_size = rule->max_size = 10;
    struct reported reported = {0};
    assert_int_equal(rules_prepare(set, zone_sample, record, &reported), 0);
    assert_int_equal(reported.count, 0);
    assert_non_null(set->rules[0].from_patterns);
    assert_non_null(set->rules[0].hours);
    assert_null(set->rules[0].to_patterns);
    rule_set_free(set);
}

static void bad_from(struct rule *rule)
{
    rule->from = LIST("*", "/(/");
}

static void bad_header(struct rule *rule)
{
    rule->header = LIST("X-Class secret");
}

static void bad_header_name(struct rule *rule)
{
    rule->header = LIST(": secret");
}

static void bad_header_pattern(struct rule *rule)
{
    rule->header = LIST("X-Class: /a/q");
}

static void bad_body(struct rule *rule)
{
    rule->body = LIST("/a");
}

static void empty_list(struct rule *rule)
{
    rule->users = xcalloc(1, sizeof(*rule->users));
}

static void bad_hours(struct rule *rule)
{
    rule->hours_text = xstrdup("Mon-Fri 08:00-18:00 Europe/Nowhere");
}

static void bad_sizes(struct rule *rule)
{
    rule->has_min_size = rule->has_max_size = true;
    rule->min_size = 11;
    rule->max_size = 10;
}

static void bad_dates(struct rule *rule)
{
    rule->has_since = rule->has_until = true;
    rule->since = rule->until = INTERNALDATE;
}

static void negative_sample(struct rule *rule)
{
    rule->sample = -0.1;
}

static void large_sample(struct rule *rule)
{
    rule->sample = 100.1;
}

static void no_number_sample(struct rule *rule)
{
    rule->sample = __builtin_nan("");
}

static void addresses_without_exempt(struct rule *rule)
{
    rule->addresses = LIST("a@x.test");
}

static void exempt_for_all(struct rule *rule)
{
    rule->exempt = true;
}

static const struct {
    const char *key;
    void (*make)(struct rule *rule);
} mistakes[] = {
    {"from", bad_from},
    {"header", bad_header},
    {"header", bad_header_name},
    {"header", bad_header_pattern},
    {"body", bad_body},
    {"users", empty_list},
    {"hours", bad_hours},
    {"min_size", bad_sizes},
    {"since", bad_dates},
    {"sample", negative_sample},
    {"sample", large_sample},
    {"sample", no_number_sample},
    {"addresses", addresses_without_exempt},
    {"exempt", exempt_for_all},
};

static void test_mistakes_name_rule_and_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++) {
        struct rule_set *set = make_set();
        make_rule(set, "good");
        mistakes[i].make(make_rule(set, "bad"));
        struct reported reported = {0};
        if (rules_prepare(set, zone_sample, record, &reported) != 1 || reported.count != 1)
            fail_msg("mistake %zu, %s: reported %d times", i, mistakes[i].key, reported.count);
        assert_string_equal(reported.key, mistakes[i].key);
        assert_string_equal(reported.rule, "bad");
        assert_string_not_equal(reported.what, "");
        rule_set_free(set);
    }
}

static void test_all_mistakes_are_reported(void **state)
{
    (void)state;
    struct rule_set *set = make_set();
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++)
        mistakes[i].make(make_rule(set, "bad"));
    struct reported reported = {0};
    int count = (int)(sizeof(mistakes) / sizeof(*mistakes));
    assert_int_equal(rules_prepare(set, zone_sample, record, &reported), count);
    assert_int_equal(reported.count, count);
    rule_set_free(set);
}

static void test_reporting_is_optional(void **state)
{
    (void)state;
    struct rule_set *set = make_set();
    bad_from(make_rule(set, "bad"));
    assert_int_equal(rules_prepare(set, zone_sample, NULL, NULL), 1);
    rule_set_free(set);
}

static void test_a_pattern_is_named(void **state)
{
    (void)state;
    struct rule_set *set = make_set();
    bad_from(make_rule(set, "bad"));
    struct reported reported = {0};
    rules_prepare(set, zone_sample, record, &reported);
    assert_non_null(strstr(reported.what, "/(/"));
    rule_set_free(set);
}

static void test_prefixes(void **state)
{
    (void)state;
    struct rule_set *set = make_set();
    set->subject_prefix[1] = xstrdup("");
    assert_int_equal(rules_prepare(set, zone_sample, NULL, NULL), 0);
    assert_string_equal(set->subject_prefix[0], "{Mon-In} ");
    assert_string_equal(set->subject_prefix[1], "");
    assert_string_equal(set->subject_prefix[2], "{Mon-Int} ");
    rule_set_free(set);
}

static void test_new_rules_include_every_message(void **state)
{
    (void)state;
    struct rule_set *set = rule_set_new();
    for (int i = 0; i < 100; i++) {
        struct rule *rule = rule_set_add(set);
        assert_true(rule->sample >= 100);
        assert_int_equal(rule->incoming, SELECT_NONE);
    }
    assert_int_equal(set->count, 100);
    rule_set_free(set);
}

static void test_domains_are_lowered(void **state)
{
    (void)state;
    struct rule_set *set = rule_set_new();
    set->domains = LIST("Example.ORG");
    assert_int_equal(rules_prepare(set, zone_sample, NULL, NULL), 0);
    assert_string_equal(set->domains[0], "example.org");
    rule_set_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_good_rule),
        cmocka_unit_test(test_mistakes_name_rule_and_key),
        cmocka_unit_test(test_all_mistakes_are_reported),
        cmocka_unit_test(test_reporting_is_optional),
        cmocka_unit_test(test_a_pattern_is_named),
        cmocka_unit_test(test_prefixes),
        cmocka_unit_test(test_new_rules_include_every_message),
        cmocka_unit_test(test_domains_are_lowered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
