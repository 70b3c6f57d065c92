#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules/mime/body.h"
#include "rules/rule_maker.h"
#include "rules/util/buffer.h"

static const struct body_facts no_attachment = {
    .text = {.list = {{"as written", (char[]){"Dear Alice"}, 10}}, .count = 1}};

#define YES MATCH_YES
#define NO MATCH_NO
#define BODY MATCH_NEEDS_BODY

static const struct owner unmonitored = {.account = "dave", .address = "dave@example.org"};

/* ---- Directions ---- */

#define SENT_TO_BOTH "From: alice@example.org\r\nTo: b@example.org, c@x.test\r\n"

static void test_directions_that_a_rule_selects(void **state)
{
    static const struct {
        enum selector outgoing, internal;
        unsigned directions;
    } cases[] = {
        {SELECT_ALL, SELECT_ALL, DIRECTION_OUTGOING | DIRECTION_INTERNAL},
        {SELECT_ALL, SELECT_NONE, DIRECTION_OUTGOING},
        {SELECT_NONE, SELECT_ALL, DIRECTION_INTERNAL},
        {SELECT_NONE, SELECT_NONE, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct rule_set *set = make_set();
        struct rule *rule = make_rule(set, "rule");
        rule->outgoing = cases[i].outgoing;
        rule->internal = cases[i].internal;
        prepare(set);
        struct message message = make_message(SENT_TO_BOTH, FOLDER_SENT);
        struct decision *decision = decide_both(set, &message);
        assert_int_equal(decision->result, cases[i].directions != 0 ? YES : NO);
        assert_int_equal(decision->rules[0].directions, cases[i].directions);
        decision_free(decision);
        free_message(&message);
        rule_set_free(set);
    }
}

/* ---- Targets ---- */

static void test_one_target_many_rules(void **state)
{
    (void)state;
    struct rule_set *set = make_set();
    struct rule *rule = make_rule(set, "out");
    rule->internal = SELECT_NONE;
    rule = make_rule(set, "never");
    rule->subject = LIST("never");
    rule = make_rule(set, "in");
    rule->outgoing = SELECT_NONE;
    free(rule->targets[0]);
    free(rule->targets);
    rule->targets = LIST("second", "t", "second");
    prepare(set);
    struct message message = make_message(SENT_TO_BOTH, FOLDER_SENT);
    struct decision *decision = decide_both(set, &message);

    assert_int_equal(decision->n_targets, 2);
    const struct target_decision *first = &decision->targets[0];
    assert_string_equal(first->target, "t");
    assert_int_equal(first->n_rules, 2);
    assert_string_equal(first->rules[0]->name, "out");
    assert_string_equal(first->rules[1]->name, "in");
    const struct target_decision *second = &decision->targets[1];
    assert_string_equal(second->target, "second");
    assert_int_equal(second->n_rules, 1);
    assert_string_equal(second->rules[0]->name, "in");

    decision_free(decision);
    free_message(&message);
    rule_set_free(set);
}

static void test_certain_targets_while_the_body_is_needed(void **state)
{
    (void)state;
    struct rule_set *set = make_set();
    make_rule(set, "certain");
    make_rule(set, "undecided")->body = LIST("/x/");
    prepare(set);
    struct message message = make_message(INCOMING, FOLDER_OTHER);
    struct decision *decision = decide_both(set, &message);
    assert_int_equal(decision->result, BODY);
    assert_int_equal(decision->n_targets, 1);
    assert_int_equal(decision->targets[0].n_rules, 1);
    decision_free(decision);
    free_message(&message);
    rule_set_free(set);
}

static void test_no_rules(void **state)
{
    (void)state;
    struct rule_set *set = make_set();
    prepare(set);
    struct message message = make_message(INCOMING, FOLDER_OTHER);
    struct decision *decision = decide_both(set, &message);
    assert_int_equal(decision->result, NO);
    assert_string_equal(decision->route->sender, "bob@partner.test");
    decision_free(decision);
    free_message(&message);
    rule_set_free(set);
}

/* ---- Exempt ---- */

static struct rule *make_exempt(struct rule_set *set, const char *address)
{
    struct rule *rule = rule_set_add(set);
    rule->name = xstrdup("exempt");
    rule->exempt = true;
    rule->addresses = LIST(address);
    return rule;
}

#define OUTSIDE RECEIVED "From: Dr <doctor@x.test>\r\n"
#define INSIDE RECEIVED "From: bob@example.org\r\n"
#define CHECKED(results) "Authentication-Results: mx.example.org; " results "\r\n"

struct exempt_case {
    const char *address, *header;
    enum folder_role role;
    const char *basis; /* NULL: not exempt */
    bool checks;       /* the server's results are known by their name */
};

static const struct exempt_case exempt_cases[] = {
    /* received: the owner, or the only author */
    {"alice@example.org", INCOMING, FOLDER_OTHER, "owner", false},
    {"wonder@example.net", INCOMING, FOLDER_OTHER, "owner", false},
    {"bob@partner.test", INCOMING, FOLDER_OTHER, "from bob@partner.test (claimed)", false},
    {"*@partner.test", INCOMING, FOLDER_OTHER, "from bob@partner.test (claimed)", false},
    {"doctor@example.org", INCOMING, FOLDER_OTHER, NULL, false},
    {"builder", INCOMING, FOLDER_OTHER, NULL, false},
    /* no other field of his */
    {"office@x.test", INCOMING, FOLDER_OTHER, NULL, false},
    {"carol@example.org", INCOMING, FOLDER_OTHER, NULL, false},
    {"doctor@x.test", "Delivered-To: doctor@x.test\r\n" INCOMING, FOLDER_OTHER, NULL, false},
    {"doctor@x.test", INCOMING "X-Original-To: doctor@x.test\r\n", FOLDER_OTHER, NULL, false},
    {"doctor@x.test", INCOMING "Envelope-To: doctor@x.test\r\n", FOLDER_OTHER, NULL, false},
    {"doctor@x.test", INCOMING "X-Envelope-To: doctor@x.test\r\n", FOLDER_OTHER, NULL, false},
    {"doctor@x.test", INCOMING "Resent-To: doctor@x.test\r\n", FOLDER_OTHER, NULL, false},
    {"doctor@x.test", INCOMING "Resent-From: doctor@x.test\r\n", FOLDER_OTHER, NULL, false},
    {"doctor@x.test", INCOMING "Reply-To: doctor@x.test\r\n", FOLDER_OTHER, NULL, false},
    {"doctor@x.test", INCOMING "From: doctor@x.test\r\n", FOLDER_OTHER, NULL, false},
    {"doctor@x.test", INCOMING "X-Note: doctor@x.test\r\n", FOLDER_OTHER, NULL, false},
    /* the author must be certain */
    {"doctor@x.test", OUTSIDE, FOLDER_OTHER, "from doctor@x.test (claimed)", false},
    {"doctor@x.test", OUTSIDE "From: doctor@x.test\r\n", FOLDER_OTHER, NULL, false},
    {"doctor@x.test", RECEIVED "From: doctor@x.test, a@b.test\r\n", FOLDER_OTHER, NULL, false},
    {"doctor@x.test", RECEIVED "From: a@b@c, doctor@x.test\r\n", FOLDER_OTHER, NULL, false},
    {"doctor@x.test", RECEIVED "From: <\"doctor@x.test\">\r\n", FOLDER_OTHER, NULL, false},
    {"doctor@x.test", RECEIVED "From: \"doctor@x.test\" <a@b.test>\r\n", FOLDER_OTHER, NULL, false},
    {"doctor@x.test", RECEIVED "X: y\rFrom: a@b.test\r\nFrom: doctor@x.test\r\n", FOLDER_OTHER,
     NULL, false},
    {"doctor@x.test", RECEIVED "no field\r\nFrom: doctor@x.test\r\n", FOLDER_OTHER, NULL, false},
    {"doctor@x.test", OUTSIDE "Fr\001om: a@b.test\r\n", FOLDER_OTHER, NULL, false},
    /* from inside: every recipient */
    {"carol@example.org", INSIDE "To: carol@example.org\r\n", FOLDER_OTHER,
     "every recipient, from bob@example.org (claimed)", false},
    {"carol@example.org", INSIDE "To: carol@example.org\r\nCc: a@x.test\r\n", FOLDER_OTHER, NULL,
     false},
    {"carol@example.org", INSIDE "To: carol@example.org, <\"a@x.test\">\r\n", FOLDER_OTHER, NULL,
     false},
    {"carol@example.org", OUTSIDE "To: carol@example.org\r\n", FOLDER_OTHER, NULL, false},
    {"carol@example.org", INSIDE, FOLDER_OTHER, NULL, false},
    {"bob@example.org", INSIDE, FOLDER_OTHER, "from bob@example.org (claimed)", false},
    /* what the server has checked */
    {"doctor@x.test", OUTSIDE, FOLDER_OTHER, NULL, true},
    {"doctor@x.test", CHECKED("dmarc=pass header.from=x.test") OUTSIDE, FOLDER_OTHER,
     "from doctor@x.test (authenticated)", true},
    {"doctor@x.test", CHECKED("dmarc=fail") OUTSIDE, FOLDER_OTHER, NULL, true},
    {"doctor@x.test", OUTSIDE CHECKED("dmarc=pass"), FOLDER_OTHER,
     "from doctor@x.test (authenticated)", true}, /* below the MTA's Received */
    {"doctor@x.test", CHECKED("spf=none") OUTSIDE CHECKED("dmarc=pass"), FOLDER_OTHER, NULL, true},
    {"doctor@x.test", "Authentication-Results: x.test; dmarc=pass\r\n" OUTSIDE, FOLDER_OTHER, NULL,
     true},
    {"bob@example.org", INSIDE, FOLDER_OTHER, "from bob@example.org (claimed)", true},
    {"bob@example.org", CHECKED("dmarc=fail") INSIDE, FOLDER_OTHER, NULL, true},
    {"carol@example.org", CHECKED("dmarc=fail") INSIDE "To: carol@example.org\r\n", FOLDER_OTHER,
     NULL, true},
    {"bob@example.org", CHECKED("spf=pass smtp.mailfrom=evil.test; dmarc=none") INSIDE,
     FOLDER_OTHER, NULL, true},
    {"bob@example.org", CHECKED("spf=pass smtp.mailfrom=evil.test; auth=pass") INSIDE, FOLDER_OTHER,
     "from bob@example.org (claimed)", true},
    {"doctor@x.test", CHECKED("spf=pass smtp.mailfrom=b.test smtp.mailfrom=x.test") OUTSIDE,
     FOLDER_OTHER, NULL, true},
    /* sent: the owner, or every recipient */
    {"alice@example.org", SENT_TO_BOTH, FOLDER_SENT, "owner", false},
    {"doctor@x.test", "From: doctor@x.test\r\nTo: b@x.test\r\n", FOLDER_SENT, NULL, false},
    {"doctor@x.test", SENT_TO_BOTH "Bcc: Dr <Doctor@X.test>\r\n", FOLDER_SENT, NULL, false},
    {"doctor@x.test", SENT_TO_BOTH "Cc: a: doctor@x.test;\r\n", FOLDER_SENT, NULL, false},
    {"doctor@x.test", SENT_TO_BOTH "Delivered-To: doctor@x.test\r\n", FOLDER_SENT, NULL, false},
    {"*@x.test", "From: alice@example.org\r\nTo: a@x.test\r\nBcc: b@x.test\r\n", FOLDER_SENT,
     "every recipient", false},
    {"*@x.test", "From: alice@example.org\r\nTo: a@x.test, <\"b@x.test\">\r\n", FOLDER_SENT, NULL,
     false},
    {"*@x.test", "From: alice@example.org\r\nTo: a@x.test\r\nResent-To: b@y.test\r\n", FOLDER_SENT,
     NULL, false},
    {"*@x.test", "From: alice@example.org\r\nTo: a@x.test\r\nX: y\rCc: b@x.test\r\n", FOLDER_SENT,
     NULL, false},
    {"*@x.test", "From: alice@example.org\r\nTo: a@x.test\r\nC\001c: b@y.test\r\n", FOLDER_SENT,
     NULL, false},
    {"*", "From: alice@example.net\r\nTo:\r\n", FOLDER_SENT, "owner", false},
    {"*@x.test", "From: alice@example.org\r\nTo:\r\n", FOLDER_SENT, NULL, false},
    {"*@x.test", "From: alice@example.org\r\nTo: a@x.test\r\n", FOLDER_OTHER, "every recipient",
     false},
    {"*@x.test", "From: alice@example.org, b@y.test\r\nTo: a@x.test\r\n", FOLDER_OTHER, NULL,
     false},
};

static void check_exempt(const struct exempt_case *one)
{
    struct rule_set *set = make_set();
    make_rule(set, "all");
    make_exempt(set, one->address); /* its position does not matter */
    prepare(set);
    struct message message = make_message(one->header, one->role);
    struct owner owner = *message.owner;
    owner.authserv_id = one->checks ? "mx.example.org" : NULL;
    message.owner = &owner;
    struct decision *decision = decide_both(set, &message);
    const char *basis = decision->exempt ? decision->exempt_basis : "not exempt";
    if (strcmp(basis, one->basis != NULL ? one->basis : "not exempt") != 0)
        fail_msg("%s, %s: %s", one->address, one->header, basis);
    bool exempt = one->basis != NULL;
    assert_int_equal(decision->result, exempt ? NO : YES);
    assert_int_equal(decision->n_targets, exempt ? 0 : 1);
    assert_ptr_equal(decision->exempt_by, exempt ? &set->rules[1] : NULL);
    decision_free(decision);
    free_message(&message);
    rule_set_free(set);
}

static void test_exempt_addresses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(exempt_cases) / sizeof(*exempt_cases); i++)
        check_exempt(&exempt_cases[i]);
}

/* from and to of an exempt rule believe no more than its addresses do. */
static void test_exempt_by_users_with_from_and_to(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *header;
        enum folder_role role;
        bool exempt;
    } cases[] = {
        {"*@x.test", NULL, OUTSIDE, FOLDER_OTHER, true},
        {"*@x.test", NULL, OUTSIDE "From: a@x.test\r\n", FOLDER_OTHER, false},
        {"*@x.test", NULL, RECEIVED "From: \"doctor@x.test\" <a@b.test>\r\n", FOLDER_OTHER, false},
        {"*@x.test", NULL, INCOMING "Sender: doctor@x.test\r\n", FOLDER_OTHER, false},
        {"*@x.test", NULL, "From: a@x.test\r\nTo: b@x.test\r\n", FOLDER_SENT, false},
        {"alice@*", NULL, "From: a@x.test\r\nTo: b@x.test\r\n", FOLDER_SENT, true},
        {NULL, "*@x.test", "To: b@x.test\r\nCc: c@x.test\r\n", FOLDER_SENT, true},
        {NULL, "*@x.test", SENT_TO_BOTH, FOLDER_SENT, false},
        {NULL, "*@x.test", "To: b@x.test, <\"c@x.test\">\r\n", FOLDER_SENT, false},
        {NULL, "*", "Subject: x\r\n", FOLDER_SENT, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct rule_set *set = make_set();
        make_rule(set, "all");
        struct rule *rule = rule_set_add(set);
        rule->name = xstrdup("exempt");
        rule->exempt = true;
        rule->users = LIST("alice");
        rule->from = cases[i].from != NULL ? LIST(cases[i].from) : NULL;
        rule->to = cases[i].to != NULL ? LIST(cases[i].to) : NULL;
        prepare(set);
        struct message message = make_message(cases[i].header, cases[i].role);
        struct decision *decision = decide_both(set, &message);
        if (decision->exempt != cases[i].exempt)
            fail_msg("case %zu: %d", i, decision->exempt);
        decision_free(decision);
        free_message(&message);
        rule_set_free(set);
    }
}

static void test_exempt_with_further_conditions(void **state)
{
    (void)state;
    struct rule_set *set = make_set();
    make_exempt(set, "alice@example.org")->subject = LIST("private*");
    make_rule(set, "all");
    prepare(set);
    struct message message = make_message(INCOMING, FOLDER_OTHER);
    struct decision *decision = decide_both(set, &message);
    assert_int_equal(decision->result, YES);
    decision_free(decision);
    free_message(&message);
    rule_set_free(set);
}

static void test_exempt_in_one_direction_only(void **state)
{
    (void)state;
    struct rule_set *set = make_set();
    make_exempt(set, "alice@example.org")->outgoing = SELECT_ALL;
    make_rule(set, "all");
    prepare(set);
    struct message message = make_message(INCOMING, FOLDER_OTHER);
    struct decision *decision = decide_both(set, &message);
    assert_false(decision->exempt);
    decision_free(decision);
    free_message(&message);
    rule_set_free(set);
}

/* Nothing is certain while an exempt rule may still match. */
static void test_exempt_that_needs_the_body(void **state)
{
    (void)state;
    struct rule_set *set = make_set();
    make_exempt(set, "alice@example.org")->body = LIST("/dear/i");
    make_rule(set, "all");
    prepare(set);
    struct message message = make_message(INCOMING, FOLDER_OTHER);
    struct decision *decision = decide_both(set, &message);
    assert_int_equal(decision->result, BODY);
    assert_int_equal(decision->n_targets, 0);
    decision_free(decision);
    message.body = &no_attachment;
    decision = decide_both(set, &message);
    assert_true(decision->exempt);
    decision_free(decision);
    free_message(&message);
    rule_set_free(set);
}

static void test_body_warnings(void **state)
{
    (void)state;
    struct rule_set *set = make_set();
    make_rule(set, "rule")->body = LIST("/x/");
    prepare(set);
    struct message message = make_message(INCOMING, FOLDER_OTHER);
    struct body_facts body = {.doubt = BODY_DOUBT_TEXT, .text_doubt_why = "too much", .tnef = true};
    message.body = &body;
    struct decision *decision = decide_both(set, &message);
    assert_int_equal(decision->route->warnings, WARNING_BODY_LIMITED | WARNING_TNEF);
    decision_free(decision);
    free_message(&message);
    rule_set_free(set);
}

static void test_a_limited_body_matters_to_body_rules_only(void **state)
{
    (void)state;
    struct rule_set *set = make_set();
    make_rule(set, "rule")->subject = LIST("/x/");
    prepare(set);
    struct message message = make_message(INCOMING, FOLDER_OTHER);
    struct body_facts body = {.doubt = BODY_DOUBT_TEXT, .text_doubt_why = "too much"};
    message.body = &body;
    struct decision *decision = decide_both(set, &message);
    assert_int_equal(decision->route->warnings, 0);
    decision_free(decision);
    free_message(&message);
    rule_set_free(set);
}

static void test_null_can_be_freed(void **state)
{
    (void)state;
    decision_free(NULL);
    route_free(NULL);
    rule_set_free(NULL);
    header_free(NULL);
}

/* ---- Before anything is fetched ---- */

static void change_nothing(struct rule_set *set)
{
    (void)set;
}

static void no_rules(struct rule_set *set)
{
    set->count = 0;
}

static void incoming_only(struct rule_set *set)
{
    set->rules[0].outgoing = set->rules[0].internal = SELECT_NONE;
}

static void all_that_is_sent(struct rule_set *set)
{
    set->rules[0].incoming = SELECT_NONE;
}

static void only_selected(struct rule_set *set)
{
    set->rules[0].incoming = set->rules[0].outgoing = set->rules[0].internal = SELECT_SELECTED;
}

static void needs_subject(struct rule_set *set)
{
    set->rules[0].subject = LIST("*");
}

static void needs_size(struct rule_set *set)
{
    set->rules[0].has_min_size = true;
}

static void needs_sample(struct rule_set *set)
{
    set->rules[0].sample = 50;
}

static void sample_of_none(struct rule_set *set)
{
    set->rules[0].sample = 0;
}

static void for_alice(struct rule_set *set)
{
    set->rules[0].users = LIST("alice");
}

static void not_for_alice(struct rule_set *set)
{
    set->rules[0].not_users = LIST("alice");
    set->rules[0].subject = LIST("*");
}

static void one_needs_the_header_one_does_not(struct rule_set *set)
{
    needs_subject(set);
    make_rule(set, "second");
}

static void exempt_may_match(struct rule_set *set)
{
    make_exempt(set, "doctor@example.org");
}

static void exempt_is_alice(struct rule_set *set)
{
    make_exempt(set, "a.liddell@*");
}

static void exempt_is_alice_at_times(struct rule_set *set)
{
    make_exempt(set, "alice@example.org")->hours_text = xstrdup("Mon");
}

static void exempt_for_others(struct rule_set *set)
{
    make_exempt(set, "doctor@example.org")->users = LIST("dave");
}

static const struct {
    const char *name;
    void (*change)(struct rule_set *set);
    enum match_result alice_inbox, alice_sent, dave_inbox;
} before[] = {
    {"a rule for all", change_nothing, YES, YES, YES},
    {"no rules", no_rules, NO, NO, NO},
    {"incoming only", incoming_only, BODY, BODY, BODY}, /* received, and filed in Sent */
    {"all that is sent", all_that_is_sent, BODY, YES, BODY},
    {"only selected", only_selected, YES, YES, NO},
    {"needs the subject", needs_subject, BODY, BODY, BODY},
    {"needs the size", needs_size, BODY, BODY, BODY},
    {"needs a sample", needs_sample, BODY, BODY, BODY},
    {"a sample of none", sample_of_none, NO, NO, NO},
    {"for alice", for_alice, YES, YES, NO},
    {"not for alice", not_for_alice, NO, NO, BODY},
    {"one needs the header, one does not", one_needs_the_header_one_does_not, YES, YES, YES},
    {"an exempt rule may match", exempt_may_match, BODY, BODY, BODY},
    {"an exempt rule names the owner", exempt_is_alice, NO, NO, BODY},
    {"an exempt rule names the owner at times", exempt_is_alice_at_times, BODY, BODY, BODY},
    {"an exempt rule for other owners", exempt_for_others, YES, YES, BODY},
};

static void test_before_fetch(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(before) / sizeof(*before); i++) {
        struct rule_set *set = make_set();
        make_rule(set, "rule");
        before[i].change(set);
        size_t count = set->count;
        prepare(set);
        if (decide_before_fetch(set, &alice, FOLDER_OTHER) != before[i].alice_inbox)
            fail_msg("%s: alice's INBOX", before[i].name);
        if (decide_before_fetch(set, &alice, FOLDER_SENT) != before[i].alice_sent)
            fail_msg("%s: alice's Sent", before[i].name);
        if (decide_before_fetch(set, &unmonitored, FOLDER_OTHER) != before[i].dave_inbox)
            fail_msg("%s: dave's INBOX", before[i].name);
        set->count = count > 0 ? count : 1; /* the rule that was hidden is freed too */
        rule_set_free(set);
    }
}

static void test_rule_covers(void **state)
{
    (void)state;
    struct rule_set *set = make_set();
    struct rule *rule = make_rule(set, "rule");
    rule->incoming = SELECT_NONE;
    rule->outgoing = SELECT_SELECTED;
    rule->not_users = LIST("carol");
    rule->subject = LIST("*");
    prepare(set);
    static const struct owner carol = {
        .account = "carol", .address = "carol@example.org", .monitor = true};
    rule = &set->rules[0];
    assert_false(rule_covers(rule, &alice, DIRECTION_INCOMING));
    assert_true(rule_covers(rule, &alice, DIRECTION_OUTGOING));
    assert_true(rule_covers(rule, &alice, DIRECTION_INTERNAL));
    assert_false(rule_covers(rule, &unmonitored, DIRECTION_OUTGOING));
    assert_true(rule_covers(rule, &unmonitored, DIRECTION_INTERNAL));
    assert_false(rule_covers(rule, &carol, DIRECTION_OUTGOING));
    rule->sample = 0;
    assert_false(rule_covers(rule, &alice, DIRECTION_OUTGOING));
    rule->sample = 1;
    rule->exempt = true;
    assert_false(rule_covers(rule, &alice, DIRECTION_OUTGOING));
    rule_set_free(set);
}

/* ---- Cost ---- */

static void test_a_large_header(void **state)
{
    (void)state;
    struct buffer text = {0};
    buffer_text(&text, RECEIVED "From: a@x.test\r\n");
    for (int i = 0; i < 90000; i++)
        buffer_text(&text, "X-Class: aaaaaaaaaaaaaaaaaaaaaaa\r\n");
    struct rule_set *set = make_set();
    make_rule(set, "rule")->header = LIST("X-Class: /(a+)+[yz]/", "X-Class: *b");
    prepare(set);
    struct message message = make_message(text.data, FOLDER_OTHER);
    struct decision *decision = decide(set, &message, true);
    assert_int_equal(decision->rules[0].result, MATCH_UNDECIDED);
    decision_free(decision);
    free_message(&message);
    rule_set_free(set);
    buffer_free(&text);
}

/* ---- Doubt ---- */

static const struct body_facts unreadable = {
    .doubt = BODY_DOUBT_ATTACHMENTS | BODY_DOUBT_TEXT,
    .doubt_why = "a field is too long",
    .text_doubt_why = "a field is too long",
};

static char *undecided_text(const struct decision *decision, size_t target)
{
    return decide_conditions_text(decision->targets[target].undecided);
}

static void test_doubt_copies(void **state)
{
    (void)state;
    struct rule_set *set = make_set();
    struct rule *rule = make_rule(set, "rule");
    rule->attachment = LIST("*.zip");
    rule->body = LIST("*secret*");
    prepare(set);
    struct message message = make_message(INCOMING, FOLDER_OTHER);
    message.body = &unreadable;
    struct decision *decision = decide_both(set, &message);
    assert_int_equal(decision->result, YES);
    assert_int_equal(decision->rules[0].result, MATCH_UNDECIDED);
    char *text = undecided_text(decision, 0);
    assert_string_equal(text, "attachment, body");
    free(text);
    decision_free(decision);
    free_message(&message);
    rule_set_free(set);
}

static void test_what_is_certain_is_not_undecided(void **state)
{
    (void)state;
    struct rule_set *set = make_set();
    make_rule(set, "doubtful")->attachment = LIST("*.zip");
    make_rule(set, "certain")->subject = LIST("*");
    struct rule *rule = make_rule(set, "never");
    rule->subject = LIST("never");
    rule->attachment = LIST("*.zip");
    prepare(set);
    struct message message = make_message(INCOMING, FOLDER_OTHER);
    message.body = &unreadable;
    struct decision *decision = decide_both(set, &message);
    assert_int_equal(decision->rules[2].result, NO);
    assert_int_equal(decision->rules[2].undecided, 0);
    assert_int_equal(decision->targets[0].n_rules, 2);
    assert_int_equal(decision->targets[0].undecided, 0);
    decision_free(decision);
    free_message(&message);
    rule_set_free(set);
}

static void test_a_rule_may_skip_what_is_undecided(void **state)
{
    (void)state;
    struct rule_set *set = make_set();
    struct rule *rule = make_rule(set, "rule");
    rule->attachment = LIST("*.zip");
    rule->skip_undecided = true;
    prepare(set);
    struct message message = make_message(INCOMING, FOLDER_OTHER);
    message.body = &unreadable;
    struct decision *decision = decide_both(set, &message);
    assert_int_equal(decision->result, NO);
    assert_true(decision->rules[0].skipped);
    char *text = decide_conditions_text(decision->skipped);
    assert_string_equal(text, "attachment");
    free(text);
    decision_free(decision);
    free_message(&message);
    rule_set_free(set);
}

static void test_an_undecided_exemption_exempts_nothing(void **state)
{
    (void)state;
    struct rule_set *set = make_set();
    make_rule(set, "all");
    struct rule *rule = make_rule(set, "privileged");
    rule->exempt = true;
    rule->users = LIST("alice");
    rule->attachment = LIST("*.zip");
    prepare(set);
    struct message message = make_message(INCOMING, FOLDER_OTHER);
    message.body = &unreadable;
    struct decision *decision = decide_both(set, &message);
    assert_int_equal(decision->result, YES);
    assert_false(decision->exempt);
    char *text = undecided_text(decision, 0);
    assert_string_equal(text, "attachment");
    free(text);
    decision_free(decision);
    free_message(&message);
    rule_set_free(set);
}

static void test_an_unknown_date_is_undecided(void **state)
{
    (void)state;
    struct rule_set *set = make_set();
    struct rule *rule = make_rule(set, "rule");
    rule->has_since = rule->has_until = true;
    rule->since = INTERNALDATE + 1000;
    rule->until = INTERNALDATE + 2000;
    rule->hours_text = xstrdup("Sun 03:00-03:01 Europe/Berlin");
    prepare(set);
    struct message message = make_message(INCOMING, FOLDER_OTHER);
    message.date_unknown = true;
    struct decision *decision = decide_both(set, &message);
    assert_int_equal(decision->result, YES);
    char *text = undecided_text(decision, 0);
    assert_string_equal(text, "since, until, hours");
    free(text);
    decision_free(decision);
    free_message(&message);
    rule_set_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_directions_that_a_rule_selects),
        cmocka_unit_test(test_one_target_many_rules),
        cmocka_unit_test(test_certain_targets_while_the_body_is_needed),
        cmocka_unit_test(test_no_rules),
        cmocka_unit_test(test_exempt_addresses),
        cmocka_unit_test(test_exempt_by_users_with_from_and_to),
        cmocka_unit_test(test_exempt_with_further_conditions),
        cmocka_unit_test(test_exempt_in_one_direction_only),
        cmocka_unit_test(test_exempt_that_needs_the_body),
        cmocka_unit_test(test_body_warnings),
        cmocka_unit_test(test_a_limited_body_matters_to_body_rules_only),
        cmocka_unit_test(test_null_can_be_freed),
        cmocka_unit_test(test_before_fetch),
        cmocka_unit_test(test_rule_covers),
        cmocka_unit_test(test_a_large_header),
        cmocka_unit_test(test_doubt_copies),
        cmocka_unit_test(test_what_is_certain_is_not_undecided),
        cmocka_unit_test(test_a_rule_may_skip_what_is_undecided),
        cmocka_unit_test(test_an_undecided_exemption_exempts_nothing),
        cmocka_unit_test(test_an_unknown_date_is_undecided),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
