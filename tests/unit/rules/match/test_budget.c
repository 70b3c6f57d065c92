#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules/mime/body.h"
#include "rules/rule_maker.h"

/* Only going back and trying again can answer it: it takes what it gets. */
#define BURNING "/(a+)+\\1[yz]/"
#define BURNING_RULES 60

static char *repeated(const char *text, size_t len, const char *end)
{
    char *repeated = xmalloc(len + strlen(end) + 1);
    for (size_t i = 0; i < len; i++)
        repeated[i] = text[i % strlen(text)];
    memcpy(repeated + len, end, strlen(end) + 1);
    return repeated;
}

static struct rule *find_rule(struct rule_set *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->rules[i].name, name) == 0)
            return &set->rules[i];
    fail_msg("no rule %s", name);
    return NULL;
}

static enum match_result result_of(struct rule_set *set, const struct decision *decision,
                                   const char *name)
{
    return decision->rules[find_rule(set, name) - set->rules].result;
}

/* Quadratic for a matcher that tries each digit anew, and once more for each rule: it held the loop
 * for seconds. All of it is answered for certain. */
static void test_ten_rules_over_digits(void **state)
{
    (void)state;
    struct rule_set *set = make_set();
    for (int i = 0; i < 10; i++)
        make_rule(set, "rule")->body = LIST("/[0-9]+ (EUR|USD)/");
    prepare(set);
    static const char *const ends[] = {"", " EUX, EUR", " 7 EUR"};
    for (size_t i = 0; i < 3; i++) {
        char *text = repeated("7", 60000, ends[i]);
        struct body_facts body = {
            .text = {.list = {{"as written", text, strlen(text)}}, .count = 1}};
        struct message message = make_message(INCOMING, FOLDER_OTHER);
        message.body = &body;
        struct decision *decision = decide_both(set, &message);
        for (size_t rule = 0; rule < 10; rule++)
            assert_int_equal(decision->rules[rule].result, i < 2 ? MATCH_NO : MATCH_YES);
        decision_free(decision);
        free_message(&message);
        free(text);
    }
    rule_set_free(set);
}

/* Rules that burn the budget for the header, then others. */
static struct rule_set *burning_set(void)
{
    struct rule_set *set = make_set();
    for (int i = 0; i < BURNING_RULES; i++)
        make_rule(set, "burning")->subject = LIST(BURNING);
    make_rule(set, "late")->subject = LIST("never");
    make_rule(set, "hit")->subject = LIST("aaa*");
    struct rule *rule = make_rule(set, "other owner");
    rule->users = LIST("bob");
    rule->subject = LIST(BURNING);
    make_rule(set, "owner")->users = LIST("alice");
    make_rule(set, "body")->body = LIST("secret*");
    make_rule(set, "other body")->body = LIST("/public|open/");
    prepare(set);
    return set;
}

static void test_a_spent_budget_is_undecided(void **state)
{
    (void)state;
    struct rule_set *set = burning_set();
    char *text = repeated("a", 200000, "\r\n");
    char *header = xasprintf("Subject: %s", text);
    struct message message = make_message(header, FOLDER_OTHER);
    struct body_facts body = {
        .text = {.list = {{"as written", (char[]){"secret plan"}, 11}}, .count = 1}};
    message.body = &body;
    struct decision *decision = decide_both(set, &message);
    assert_int_equal(decision->rules[0].result, MATCH_UNDECIDED);
    assert_int_equal(result_of(set, decision, "late"), MATCH_UNDECIDED);
    assert_int_equal(result_of(set, decision, "hit"), MATCH_UNDECIDED);
    /* what it contains does not make it another owner's, nor hide its body */
    assert_int_equal(result_of(set, decision, "other owner"), MATCH_NO);
    assert_int_equal(result_of(set, decision, "owner"), MATCH_YES);
    assert_int_equal(result_of(set, decision, "body"), MATCH_YES);
    assert_int_equal(result_of(set, decision, "other body"), MATCH_NO);
    decision_free(decision);
    free_message(&message);
    free(header);
    free(text);
    rule_set_free(set);
}

/* What the header decides, it decides with any body, or the body would be asked for in vain. */
static void test_the_body_does_not_spend_the_headers_budget(void **state)
{
    (void)state;
    struct rule_set *set = make_set();
    for (int i = 0; i < BURNING_RULES; i++)
        make_rule(set, "burning")->body = LIST(BURNING);
    make_rule(set, "subject")->subject = LIST("never");
    make_rule(set, "late")->body = LIST("never");
    prepare(set);
    struct message message = make_message(INCOMING, FOLDER_OTHER);
    struct decision *decision = decide_both(set, &message);
    assert_int_equal(result_of(set, decision, "subject"), MATCH_NO);
    decision_free(decision);
    char *text = repeated("a", 1000000, "");
    struct body_facts body = {.text = {.list = {{"as written", text, strlen(text)}}, .count = 1}};
    message.body = &body;
    decision = decide_both(set, &message);
    assert_int_equal(result_of(set, decision, "subject"), MATCH_NO);
    assert_int_equal(result_of(set, decision, "late"), MATCH_UNDECIDED);
    decision_free(decision);
    free_message(&message);
    free(text);
    rule_set_free(set);
}

/* With reasons, conditions are asked that are not asked without: they must not make the rules after
 * them poorer. */
static void test_explain_spends_nothing_of_the_budget(void **state)
{
    (void)state;
    struct rule_set *set = make_set();
    for (int i = 0; i < BURNING_RULES; i++) {
        struct rule *rule = make_rule(set, "burning");
        rule->from = LIST("nobody");
        rule->subject = LIST(BURNING);
    }
    make_rule(set, "late")->subject = LIST("never");
    prepare(set);
    char *text = repeated("a", 200000, "\r\n");
    char *header = xasprintf("Subject: %s", text);
    struct message message = make_message(header, FOLDER_OTHER);
    struct decision *decision = decide_both(set, &message);
    assert_int_equal(decision->rules[0].result, MATCH_NO);
    assert_int_equal(result_of(set, decision, "late"), MATCH_NO);
    decision_free(decision);
    free_message(&message);
    free(header);
    free(text);
    rule_set_free(set);
}

/* An owner who is exempt is not copied because somebody writes him an expensive message. */
static void test_an_exempt_owner_stays_exempt(void **state)
{
    (void)state;
    struct rule_set *set = burning_set();
    struct rule *rule = make_rule(set, "privileged");
    rule->exempt = true;
    rule->addresses = LIST("alice@*");
    prepare(set);
    char *text = repeated("a", 200000, "\r\n");
    char *header = xasprintf("Subject: %s", text);
    struct message message = make_message(header, FOLDER_OTHER);
    struct decision *decision = decide_both(set, &message);
    assert_true(decision->exempt);
    decision_free(decision);
    free_message(&message);
    free(header);
    free(text);
    rule_set_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ten_rules_over_digits),
        cmocka_unit_test(test_a_spent_budget_is_undecided),
        cmocka_unit_test(test_the_body_does_not_spend_the_headers_budget),
        cmocka_unit_test(test_explain_spends_nothing_of_the_budget),
        cmocka_unit_test(test_an_exempt_owner_stays_exempt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
