/* Plans: what a decision says, as text and back, and what two captures say together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/ledger/plan.h"
#include "rules/util/memory.h"

#define MANY 10000

static char name_all[] = "all", name_board[] = "board", purpose_audit[] = "audit",
            purpose_law[] = "law 7", approver[] = "Carol";
static const struct rule all = {.name = name_all, .purpose = purpose_audit};
static const struct rule board = {
    .name = name_board, .purpose = purpose_law, .approved_by = approver};
static const struct owner owner = {.account = "alice", .address = "alice@example.org"};

/* The plan of a route under these rules. */
static char *text_of(struct route *route, const struct rule **rules, size_t n_rules)
{
    struct decision decision = {.result = MATCH_YES, .route = route};
    struct target_decision target = {.target = "t", .rules = rules, .n_rules = n_rules};
    return plan_text(&decision, &target, &owner);
}

static void says_what_was_decided(void **state)
{
    (void)state;
    struct recipient recipients[] = {
        {"bob@x.test", BASIS_TO},
        {"carol@x.test", BASIS_CC},
        {"dan@x.test", BASIS_BCC},
        {"eve@x.test", BASIS_DELIVERED_TO},
        {"fay@x.test", BASIS_X_ORIGINAL_TO},
        {"gus@x.test", BASIS_ENVELOPE_TO},
        {"alice@example.org", BASIS_OWNER},
    };
    struct route route = {
        .directions = DIRECTION_OUTGOING | DIRECTION_INTERNAL,
        .warnings = WARNING_FROM_MISMATCH,
        .sender = (char *)"alice@example.org",
        .recipients = recipients,
        .n_recipients = sizeof(recipients) / sizeof(*recipients),
    };
    const struct rule *rules[] = {&all, &board};
    char *text = text_of(&route, rules, 2);
    assert_string_equal(text, "directions 6\nwarnings 1\nmailbox alice@example.org\n"
                              "to bob@x.test\ncc carol@x.test\nbcc dan@x.test\n"
                              "delivered-to eve@x.test\nx-original-to fay@x.test\n"
                              "envelope-to gus@x.test\nowner alice@example.org\n"
                              "rule all\nrule board\npurpose audit; law 7\n"
                              "approved-by Carol\ndomain example.org\n");
    free(text);
}

static void is_read_as_it_was_written(void **state)
{
    (void)state;
    struct recipient recipients[] = {{"\"b ob\"@x.test", BASIS_TO}, {"", BASIS_CC}};
    struct route route = {
        .directions = DIRECTION_INCOMING,
        .warnings = WARNING_CLAIMED_INTERNAL | WARNING_BODY_LIMITED,
        .sender = (char *)"",
        .sender_claimed = true,
        .recipients = recipients,
        .n_recipients = 2,
    };
    const struct rule *rules[] = {&board};
    char *text = text_of(&route, rules, 1);
    struct plan *plan = plan_parse(text);
    assert_int_equal(plan->directions, DIRECTION_INCOMING);
    assert_int_equal(plan->warnings, WARNING_CLAIMED_INTERNAL | WARNING_BODY_LIMITED);
    assert_string_equal(plan->sender, "");
    assert_true(plan->sender_claimed);
    assert_int_equal(plan->n_recipients, 2);
    assert_string_equal(plan->recipients[0].address, "\"b ob\"@x.test");
    assert_int_equal(plan->recipients[0].basis, BASIS_TO);
    assert_string_equal(plan->recipients[1].address, "");
    assert_int_equal(plan->recipients[1].basis, BASIS_CC);
    assert_int_equal(plan->n_rules, 1);
    assert_string_equal(plan->rules[0], "board");
    assert_string_equal(plan->purpose, "law 7");
    assert_string_equal(plan->approved_by, "Carol");
    assert_string_equal(plan->domain, "example.org");
    plan_free(plan);
    free(text);
}

/* Line ends in an address or a purpose begin no line of their own. */
static void values_stay_in_their_line(void **state)
{
    (void)state;
    struct recipient recipients[] = {{"bob@x.test\nrule evil\r\n", BASIS_TO}};
    struct route route = {
        .directions = DIRECTION_INCOMING,
        .sender = (char *)"eve@x.test\nmailbox ceo@example.org",
        .sender_claimed = true,
        .recipients = recipients,
        .n_recipients = 1,
    };
    const struct rule hostile = {.name = (char *)"a\nrule b", .purpose = (char *)"p\ndirections 7"};
    const struct rule *rules[] = {&hostile};
    char *text = text_of(&route, rules, 1);
    struct plan *plan = plan_parse(text);
    assert_int_equal(plan->directions, DIRECTION_INCOMING);
    assert_true(plan->sender_claimed);
    assert_string_equal(plan->sender, "eve@x.test mailbox ceo@example.org");
    assert_int_equal(plan->n_recipients, 1);
    assert_int_equal(plan->n_rules, 1);
    assert_string_equal(plan->rules[0], "a rule b");
    assert_string_equal(plan->purpose, "p directions 7");
    plan_free(plan);
    free(text);
}

struct hostile_case {
    const char *text;
    size_t n_recipients, n_rules;
};

static const struct hostile_case hostiles[] = {
    {"", 0, 0},
    {"plan", 0, 0},
    {"\n\n\n", 0, 0},
    {" \n  \n", 0, 0},
    {"to\ncc\nrule\n", 0, 0},
    {"to \nrule ", 1, 1},
    {"later key\nto a@b\nbasis c\n", 1, 0},
    {"TO a@b\nTo a@b\nto a@b", 1, 0},
    {"directions 99999999999999999999999\nwarnings -5\nto a@b\n", 1, 0},
    {"rule a\nrule a\nrule b\n", 0, 2},
    {"claimed a\nclaimed b\nmailbox c\npurpose 1\npurpose 2\ndomain x\ndomain y\n", 0, 0},
};

static void any_text_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(hostiles) / sizeof(*hostiles); i++) {
        struct plan *plan = plan_parse(hostiles[i].text);
        assert_non_null(plan->sender);
        assert_non_null(plan->domain);
        if (plan->n_recipients != hostiles[i].n_recipients || plan->n_rules != hostiles[i].n_rules)
            fail_msg("\"%s\": %zu recipients, %zu rules", hostiles[i].text, plan->n_recipients,
                     plan->n_rules);
        plan_free(plan);
    }
}

struct join_case {
    const char *title, *first, *second, *expected;
};

static const struct join_case joins[] = {
    {"a mailbox beats a claim and takes the warning with him",
     "directions 4\nwarnings 34\nclaimed ceo@x\nowner bob@x\ndomain x\n",
     "directions 4\nwarnings 0\nmailbox alice@x\nto bob@x\nbcc eve@x\ndomain x\n",
     "directions 4\nwarnings 32\nmailbox alice@x\nto bob@x\nbcc eve@x\ndomain x\n"},
    {"also the other way round",
     "directions 4\nwarnings 0\nmailbox alice@x\nto bob@x\nbcc eve@x\ndomain x\n",
     "directions 4\nwarnings 34\nclaimed ceo@x\nowner bob@x\ndomain x\n",
     "directions 4\nwarnings 32\nmailbox alice@x\nto bob@x\nbcc eve@x\ndomain x\n"},
    {"two claims stay a claim", "directions 4\nwarnings 2\nclaimed a@x\nto b@x\ndomain x\n",
     "directions 4\nwarnings 64\nclaimed c@x\nto d@x\ndomain x\n",
     "directions 4\nwarnings 66\nclaimed a@x\nto b@x\nto d@x\ndomain x\n"},
    {"the first of two mailboxes", "directions 4\nwarnings 0\nmailbox a@x\ndomain x\n",
     "directions 4\nwarnings 0\nmailbox b@x\ndomain y\n",
     "directions 4\nwarnings 0\nmailbox a@x\ndomain x\n"},
    {"directions of both", "directions 4\nwarnings 0\nmailbox a@x\ndomain x\n",
     "directions 2\nwarnings 0\nmailbox a@x\ndomain x\n",
     "directions 6\nwarnings 0\nmailbox a@x\ndomain x\n"},
    {"an address in another case is the same",
     "directions 4\nwarnings 0\nmailbox a@x\nowner Bob@x\ncc c@x\ndomain x\n",
     "directions 4\nwarnings 0\nmailbox a@x\nbcc bOb@x\nowner C@x\ndomain x\n",
     "directions 4\nwarnings 0\nmailbox a@x\nbcc Bob@x\ncc c@x\ndomain x\n"},
    {"the first field of two", "directions 4\nwarnings 0\nmailbox a@x\nto b@x\ndomain x\n",
     "directions 4\nwarnings 0\nmailbox a@x\nbcc b@x\ndomain x\n",
     "directions 4\nwarnings 0\nmailbox a@x\nto b@x\ndomain x\n"},
    {"rules and purposes once each",
     "directions 4\nwarnings 0\nmailbox a@x\nrule r\nrule s\npurpose p; q\napproved-by k\ndomain "
     "x\n",
     "directions 4\nwarnings 0\nmailbox a@x\nrule s\nrule t\npurpose q; u\napproved-by k\ndomain "
     "x\n",
     "directions 4\nwarnings 0\nmailbox a@x\nrule r\nrule s\nrule t\npurpose p; q; u\n"
     "approved-by k\ndomain x\n"},
    {"a purpose that is a part of another's words",
     "directions 4\nwarnings 0\nmailbox a@x\npurpose internal audit\ndomain x\n",
     "directions 4\nwarnings 0\nmailbox a@x\npurpose audit\napproved-by k\ndomain x\n",
     "directions 4\nwarnings 0\nmailbox a@x\npurpose internal audit; audit\napproved-by k\ndomain "
     "x\n"},
    {"with nothing", "directions 4\nwarnings 2\nclaimed a@x\nto b@x\ndomain x\n", "",
     "directions 4\nwarnings 2\nclaimed a@x\nto b@x\ndomain x\n"},
    {"what is certain for one is not undecided",
     "directions 4\nwarnings 0\nmailbox a@x\nrule r\nundecided attachment\ndomain x\n",
     "directions 4\nwarnings 0\nmailbox a@x\nrule s\ndomain x\n",
     "directions 4\nwarnings 0\nmailbox a@x\nrule r\nrule s\ndomain x\n"},
    {"undecided for both",
     "directions 4\nwarnings 0\nmailbox a@x\nrule r\nundecided attachment\ndomain x\n",
     "directions 4\nwarnings 0\nmailbox a@x\nrule r\nundecided attachment\ndomain x\n",
     "directions 4\nwarnings 0\nmailbox a@x\nrule r\nundecided attachment\ndomain x\n"},
    {"an address that appears twice in one of them",
     "directions 4\nwarnings 0\nmailbox a@x\nowner b@x\nowner B@x\ndomain x\n",
     "directions 4\nwarnings 0\nmailbox a@x\nto b@x\ncc c@x\nbcc c@x\ndomain x\n",
     "directions 4\nwarnings 0\nmailbox a@x\nto b@x\ncc c@x\ndomain x\n"},
};

static void two_say_together(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(joins) / sizeof(*joins); i++) {
        char *text = plan_join(joins[i].first, joins[i].second);
        if (strcmp(text, joins[i].expected) != 0)
            fail_msg("%s:\n%s", joins[i].title, text);
        free(text);
    }
}

static void joined_with_itself_it_is_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(joins) / sizeof(*joins); i++) {
        char *once = plan_join(joins[i].first, joins[i].first);
        char *twice = plan_join(once, once);
        assert_string_equal(once, twice);
        free(once);
        free(twice);
    }
}

static void one_covers_another(void **state)
{
    static const struct {
        const char *first, *second;
        bool covers;
    } cases[] = {
        {"directions 6\nrule r\nrule s\nto b@x\n", "directions 4\nrule s\n", true},
        {"directions 4\nrule r\n", "directions 6\nrule r\n", false},
        {"directions 4\nrule r\n", "directions 4\nrule s\n", false},
        {"directions 4\nto b@x\n", "directions 4\nto c@x\nowner d@x\n", true},
        {"directions 4\nto b@x\n", "directions 4\nbcc c@x\n", false},
        {"directions 4\nto b@x\nto b@x\nowner C@x\n", "directions 4\nbcc c@x\n", true},
        {"", "", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        if (plan_covers(cases[i].first, cases[i].second) != cases[i].covers)
            fail_msg("case %zu: expected %s", i, cases[i].covers ? "covered" : "not covered");
    for (size_t i = 0; i < sizeof(joins) / sizeof(*joins); i++) {
        char *both = plan_join(joins[i].first, joins[i].second);
        assert_true(plan_covers(both, joins[i].first) && plan_covers(both, joins[i].second));
        free(both);
    }
}

/* As many lines of that form as wanted, the number counted from `from`. */
static char *lines(const char *form, int from, int n)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    fputs("directions 4\nwarnings 0\nmailbox a@x\n", out);
    for (int i = from; i < from + n; i++)
        fprintf(out, form, i);
    fclose(out);
    return text;
}

static double seconds_to_join(const char *first, const char *second, size_t recipients)
{
    struct timespec begin, end;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
    char *text = plan_join(first, second);
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
    struct plan *plan = plan_parse(text);
    assert_int_equal(plan->n_recipients, recipients);
    plan_free(plan);
    free(text);
    return (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
}

/* A quadratic one takes many seconds under the sanitizers: 200 million comparisons. */
static void ten_thousand_recipients_on_each_side_are_fast(void **state)
{
    (void)state;
    char *first = lines("to user%d@example.org\n", 0, MANY);
    char *second = lines("bcc user%d@example.org\n", MANY / 2, MANY);
    assert_true(seconds_to_join(first, second, MANY + MANY / 2) < 1.0);
    free(first);
    free(second);
}

static void a_recipient_named_ten_thousand_times_is_fast(void **state)
{
    (void)state;
    char *first = lines("to a@x\n", 0, MANY);
    char *second = lines("owner user%d@x\n", 0, MANY);
    assert_true(seconds_to_join(first, second, MANY + 1) < 1.0);
    free(first);
    free(second);
}

static void a_copy_is_described_by_its_plan(void **state)
{
    (void)state;
    struct plan *plan = plan_parse("directions 6\nwarnings 1\nclaimed eve@x\nto bob@x\nrule all\n"
                                   "rule board\npurpose audit\ndomain example.org\n");
    struct copy_plan copy = plan_copy(plan);
    assert_int_equal(copy.directions, 6);
    assert_int_equal(copy.warnings, 1);
    assert_string_equal(copy.sender, "eve@x");
    assert_true(copy.sender_claimed);
    assert_int_equal(copy.n_recipients, 1);
    assert_string_equal(copy.recipients[0].address, "bob@x");
    assert_int_equal(copy.n_rules, 2);
    assert_string_equal(copy.rules[1], "board");
    assert_string_equal(copy.purpose, "audit");
    plan_free(plan);
    plan_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_was_decided),
        cmocka_unit_test(is_read_as_it_was_written),
        cmocka_unit_test(values_stay_in_their_line),
        cmocka_unit_test(any_text_is_read),
        cmocka_unit_test(a_copy_is_described_by_its_plan),
        cmocka_unit_test(two_say_together),
        cmocka_unit_test(one_covers_another),
        cmocka_unit_test(joined_with_itself_it_is_the_same),
        cmocka_unit_test(ten_thousand_recipients_on_each_side_are_fast),
        cmocka_unit_test(a_recipient_named_ten_thousand_times_is_fast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
