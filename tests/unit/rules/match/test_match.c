#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules/mime/body.h"
#include "rules/rule_maker.h"
#include "rules/util/buffer.h"

static struct attachment zip = {.type = (char[]){"application/x-zip"},
                                .names = (char *[]){(char[]){"Photos.ZIP"}, (char[]){"b.exe"}},
                                .n_names = 2};
static struct attachment nameless = {.type = (char[]){"image/png"}};
static const struct body_facts no_attachment = {
    .text = {.list = {{"as written", (char[]){"Dear Alice"}, 10}}, .count = 1}};
static const struct body_facts with_zip = {
    .attachments = &zip,
    .count = 1,
    .text = {.list = {{"as written", (char[]){"Dear Alice"}, 10}}, .count = 1}};
static const struct body_facts with_image = {
    .attachments = &nameless,
    .count = 1,
    .text = {.list = {{"as written", (char[]){""}, 0}}, .count = 1}};

#define YES MATCH_YES
#define NO MATCH_NO
#define BODY MATCH_NEEDS_BODY

/* ---- One condition each, on the message INCOMING ---- */

struct condition {
    size_t key;
    const char *values[3];
    enum match_result result;
    const struct body_facts *body;
};

#define KEY(name) offsetof(struct rule, name)

static const struct condition conditions[] = {
    {KEY(users), {"alice"}, YES, NULL},
    {KEY(users), {"bob", "ALICE"}, YES, NULL},
    {KEY(users), {"al*"}, YES, NULL},
    {KEY(users), {"alice@example.org"}, YES, NULL},
    {KEY(users), {"wonder@example.net"}, YES, NULL},
    {KEY(users), {"*@example.org"}, YES, NULL},
    {KEY(users), {"bob"}, NO, NULL},
    {KEY(users), {"alic"}, NO, NULL},
    {KEY(not_users), {"bob"}, YES, NULL},
    {KEY(not_users), {"bob", "alice"}, NO, NULL},
    {KEY(not_users), {"*@example.net"}, NO, NULL},
    {KEY(from), {"bob@partner.test"}, YES, NULL},
    {KEY(from), {"*@PARTNER.test"}, YES, NULL},
    {KEY(from), {"x", "*@x.test"}, YES, NULL}, /* Sender */
    {KEY(from), {"*Builder*"}, NO, NULL},      /* a glob is matched against addresses only */
    {KEY(from), {"/bob builder/i"}, YES, NULL},
    {KEY(from), {"/^bob@partner\\.test$/"}, YES, NULL},
    {KEY(from), {"partner.test"}, NO, NULL},
    {KEY(from), {"alice@example.org"}, NO, NULL},
    {KEY(to), {"alice@*"}, YES, NULL},
    {KEY(to), {"carol@example.org"}, YES, NULL},
    {KEY(to), {"/carol </i"}, YES, NULL},
    {KEY(to), {"bob@partner.test"}, NO, NULL},
    {KEY(subject), {"re: invoice f\xC3\x9Cr mai"}, YES, NULL},
    {KEY(subject), {"*invoice*"}, YES, NULL},
    {KEY(subject), {"invoice"}, NO, NULL},
    {KEY(subject), {"/\\binvoice\\b/i"}, YES, NULL},
    {KEY(subject), {"*utf-8*"}, NO, NULL},
    {KEY(header), {"X-Class: secret"}, YES, NULL},
    {KEY(header), {"x-class:SECRET"}, YES, NULL},
    {KEY(header), {"X-Class: \xC3\xBC*"}, YES, NULL}, /* the second field, decoded */
    {KEY(header), {"X-Class: sec"}, NO, NULL},
    {KEY(header), {"X-Class: /^sec/"}, YES, NULL},
    {KEY(header), {"X-Clas: *"}, NO, NULL},
    {KEY(header), {"X-Other: *", "Cc: *carol*"}, YES, NULL},
    {KEY(body), {"*alice*"}, BODY, NULL},
    {KEY(body), {"*alice*"}, YES, &no_attachment},
    {KEY(body), {"alice"}, NO, &no_attachment},
    {KEY(body), {"/alice/i"}, YES, &no_attachment},
    {KEY(body), {"/alice/"}, NO, &no_attachment},
    {KEY(attachment), {"any"}, BODY, NULL},
    {KEY(attachment), {"any"}, NO, &no_attachment},
    {KEY(attachment), {"any"}, YES, &with_zip},
    {KEY(attachment), {"any"}, YES, &with_image},
    {KEY(attachment), {"*.zip"}, YES, &with_zip},
    {KEY(attachment), {"*.zip"}, NO, &with_image},
    {KEY(attachment), {"application/x-*"}, YES, &with_zip},
    {KEY(attachment), {"application/x-*"}, NO, &with_image},
    {KEY(attachment), {"*.pdf", "image/*"}, YES, &with_image},
    {KEY(attachment), {"/\\.zip$/i"}, YES, &with_zip},
    {KEY(attachment), {"/x-zip/"}, NO, &with_zip}, /* a /regex/ is matched against the name */
};

static void check_condition(const struct condition *condition)
{
    struct rule_set *set = make_set();
    struct rule *rule = make_rule(set, "rule");
    *(char ***)((char *)rule + condition->key) = make_list(condition->values);
    prepare(set);
    struct message message = make_message(INCOMING, FOLDER_OTHER);
    message.body = condition->body;
    struct decision *decision = decide_both(set, &message);
    const struct reason *reason = &decision->rules[0].reasons[1]; /* after the direction */
    if (decision->result != condition->result)
        fail_msg("\"%s\": unexpected: %s: %s", condition->values[0], reason->condition,
                 reason->text);
    assert_int_equal(reason->result, condition->result);
    decision_free(decision);
    free_message(&message);
    rule_set_free(set);
}

static void test_conditions(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(conditions) / sizeof(*conditions); i++)
        check_condition(&conditions[i]);
}

/* The result of a single rule, after `change`, for the message INCOMING. */
static enum match_result result_with(void (*change)(struct rule *rule, struct message *message))
{
    struct rule_set *set = make_set();
    struct message message = make_message(INCOMING, FOLDER_OTHER);
    change(make_rule(set, "rule"), &message);
    prepare(set);
    struct decision *decision = decide_both(set, &message);
    enum match_result result = decision->result;
    decision_free(decision);
    free_message(&message);
    rule_set_free(set);
    return result;
}

static void just_large_enough(struct rule *rule, struct message *message)
{
    rule->has_min_size = true;
    rule->min_size = message->size = 10000;
}

static void just_too_small(struct rule *rule, struct message *message)
{
    rule->has_min_size = true;
    rule->min_size = 10000;
    message->size = 9999;
}

static void just_small_enough(struct rule *rule, struct message *message)
{
    rule->has_max_size = true;
    rule->max_size = message->size = 10000;
}

static void just_too_large(struct rule *rule, struct message *message)
{
    rule->has_max_size = true;
    rule->max_size = 10000;
    message->size = 10001;
}

static void on_the_first_second(struct rule *rule, struct message *message)
{
    rule->has_since = true;
    rule->since = message->internaldate;
}

static void before_the_first_second(struct rule *rule, struct message *message)
{
    rule->has_since = true;
    rule->since = message->internaldate + 1;
}

static void on_the_last_second(struct rule *rule, struct message *message)
{
    rule->has_until = true;
    rule->until = message->internaldate + 1;
}

static void after_the_last_second(struct rule *rule, struct message *message)
{
    rule->has_until = true;
    rule->until = message->internaldate;
}

/* INTERNALDATE is a Thursday, 01:00 in Berlin. */
static void within_the_hours(struct rule *rule, struct message *message)
{
    (void)message;
    rule->hours_text = xstrdup("Thu 00:30-01:30 Europe/Berlin");
}

static void outside_the_hours(struct rule *rule, struct message *message)
{
    (void)message;
    rule->hours_text = xstrdup("Thu 00:30-01:30 Europe/London");
}

static void no_sample(struct rule *rule, struct message *message)
{
    (void)message;
    rule->sample = 0;
}

static void no_target(struct rule *rule, struct message *message)
{
    (void)message;
    free(rule->targets[0]);
    rule->targets[0] = NULL;
}

static void no_direction(struct rule *rule, struct message *message)
{
    (void)message;
    rule->incoming = rule->outgoing = rule->internal = SELECT_NONE;
}

static void another_direction(struct rule *rule, struct message *message)
{
    (void)message;
    rule->incoming = SELECT_NONE;
}

static void selected(struct rule *rule, struct message *message)
{
    (void)message;
    rule->incoming = SELECT_SELECTED;
}

static const struct owner unmonitored = {.account = "dave", .address = "dave@example.org"};

static void not_selected(struct rule *rule, struct message *message)
{
    rule->incoming = SELECT_SELECTED;
    message->owner = &unmonitored;
}

static void all_although_not_selected(struct rule *rule, struct message *message)
{
    (void)rule;
    message->owner = &unmonitored;
}

/* What the header decides needs no body. */
static void body_required_but_too_small(struct rule *rule, struct message *message)
{
    rule->body = LIST("/x/");
    rule->attachment = LIST("any");
    just_too_small(rule, message);
}

static void body_required_and_wrong_subject(struct rule *rule, struct message *message)
{
    (void)message;
    rule->attachment = LIST("any");
    rule->subject = LIST("never");
}

static void body_required_and_no_sample(struct rule *rule, struct message *message)
{
    (void)message;
    rule->attachment = LIST("any");
    rule->sample = 0;
}

static void all_match_but_the_body(struct rule *rule, struct message *message)
{
    rule->attachment = LIST("any");
    rule->subject = LIST("*invoice*");
    just_large_enough(rule, message);
}

static void one_key_does_not_match(struct rule *rule, struct message *message)
{
    (void)message;
    rule->from = LIST("*@partner.test");
    rule->to = LIST("nobody@x.test");
}

static void test_results(void **state)
{
    static const struct {
        const char *name;
        void (*change)(struct rule *rule, struct message *message);
        enum match_result result;
    } cases[] = {
        {"just large enough", just_large_enough, YES},
        {"just too small", just_too_small, NO},
        {"just small enough", just_small_enough, YES},
        {"just too large", just_too_large, NO},
        {"on the first second", on_the_first_second, YES},
        {"before the first second", before_the_first_second, NO},
        {"on the last second", on_the_last_second, YES},
        {"after the last second", after_the_last_second, NO},
        {"within the hours", within_the_hours, YES},
        {"outside the hours", outside_the_hours, NO},
        {"no sample", no_sample, NO},
        {"no target", no_target, NO},
        {"no direction", no_direction, NO},
        {"another direction", another_direction, NO},
        {"selected", selected, YES},
        {"not selected", not_selected, NO},
        {"all although not selected", all_although_not_selected, YES},
        {"body required but too small", body_required_but_too_small, NO},
        {"body required and wrong subject", body_required_and_wrong_subject, NO},
        {"body required and no sample", body_required_and_no_sample, NO},
        {"all match but the body", all_match_but_the_body, BODY},
        {"one key does not match", one_key_does_not_match, NO},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        if (result_with(cases[i].change) != cases[i].result)
            fail_msg("%s: unexpected result", cases[i].name);
}

/* ---- The header alone never proves that there is no attachment: text may contain a file ---- */

static void test_attachments_are_never_excluded_by_the_header(void **state)
{
    static const char *const headers[] = {
        "Content-Type: text/plain\r\n",
        "Content-Type: text/html; charset=utf-8\r\n",
        "Content-Type: text/plain; name=a.txt\r\n",
        "Content-Type: multipart/mixed; boundary=x\r\n",
        "",
    };
    (void)state;
    struct rule_set *set = make_set();
    make_rule(set, "rule")->attachment = LIST("any");
    prepare(set);
    for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++) {
        struct message message = make_message(headers[i], FOLDER_OTHER);
        struct decision *decision = decide_both(set, &message);
        assert_int_equal(decision->result, BODY);
        decision_free(decision);
        free_message(&message);
    }
    rule_set_free(set);
}

/* ---- Reasons ---- */

static const char *reason_of(const struct decision *decision, const char *condition)
{
    for (size_t i = 0; i < decision->rules[0].n_reasons; i++)
        if (strcmp(decision->rules[0].reasons[i].condition, condition) == 0)
            return decision->rules[0].reasons[i].text;
    return "";
}

static void test_reasons_as_printed(void **state)
{
    static const struct {
        const char *condition, *text;
    } expected[] = {
        {"direction",
         "the message is incoming and its owner is selected, the rule requires incoming "
         "for all owners, outgoing for all owners, internal for all owners"},
        {"min_size", "the message has 9,999 bytes, the rule requires at least 10,000"},
        {"max_size", "the message has 9,999 bytes, the rule requires at most 1,234,567"},
        {"users", "the owner is \"alice\", the rule requires \"bob\" or \"carol\""},
        {"from",
         "the message is from \"bob@partner.test\" and \"office@x.test\", the rule requires "
         "\"eve@*\""},
        {"subject",
         "the subject is \"Re: Invoice f\xC3\xBCr Mai\", the rule requires \"*invoice*\""},
        {"since",
         "the message arrived on 2026-01-01 00:00 UTC, the rule requires 2026-01-01 00:00 UTC "
         "or later"},
        {"hours", "the message arrived on Thu 2026-01-01 01:00 Europe/Berlin, the rule requires "
                  "Mon-Fri 08:00-18:00 Europe/Berlin"},
        {"sample", "the message is not in the sample, the rule requires a sample of 0 %"},
        {"header", "the field X-Class is \"secret\", the rule requires \"X-Class: s*\""},
        {"attachment", "the body has not been read, the rule requires \"any\""},
    };
    (void)state;
    struct rule_set *set = make_set();
    struct rule *rule = make_rule(set, "rule");
    rule->has_min_size = rule->has_max_size = rule->has_since = true;
    rule->min_size = 10000;
    rule->max_size = 1234567;
    rule->since = INTERNALDATE;
    rule->users = LIST("bob", "carol");
    rule->from = LIST("eve@*");
    rule->subject = LIST("*invoice*");
    rule->header = LIST("X-Class: s*");
    rule->attachment = LIST("any");
    rule->hours_text = xstrdup("Mon-Fri 08:00-18:00 Europe/Berlin");
    rule->sample = 0;
    prepare(set);
    struct message message = make_message(INCOMING, FOLDER_OTHER);
    message.size = 9999;
    struct decision *decision = decide_both(set, &message);
    for (size_t i = 0; i < sizeof(expected) / sizeof(*expected); i++)
        assert_string_equal(reason_of(decision, expected[i].condition), expected[i].text);
    assert_int_equal(decision->rules[0].n_reasons, sizeof(expected) / sizeof(*expected));
    decision_free(decision);
    free_message(&message);
    rule_set_free(set);
}

/* The reason of the first rule's condition for a message, to be freed. */
static char *reason_for(struct rule_set *set, const char *header, const struct body_facts *body,
                        const char *condition)
{
    prepare(set);
    struct message message = make_message(header, FOLDER_OTHER);
    message.body = body;
    struct decision *decision = decide_both(set, &message);
    char *text = xstrdup(reason_of(decision, condition));
    decision_free(decision);
    free_message(&message);
    rule_set_free(set);
    return text;
}

static struct attachment two_attachments[] = {
    {(char[]){"image/png"}, (char *[]){(char[]){"a.png"}}, 1},
    {(char[]){"text/csv"}, (char *[]){(char[]){"b.csv"}}, 1},
};
static const struct body_facts several = {
    .attachments = two_attachments,
    .count = 2,
    .doubt = BODY_DOUBT_ATTACHMENTS | BODY_DOUBT_TEXT,
    .doubt_why = "a field is too long",
    .text_doubt_why = "a field is too long",
    .text = {.list = {{"as written", (char[]){"text"}, 4}}, .count = 1}};

static void test_reasons_of_unusual_messages(void **state)
{
    static const struct {
        size_t key;
        const char *pattern, *condition, *header;
        const struct body_facts *body;
        const char *reason;
    } cases[] = {
        {KEY(from), "x@y.z", "from", "Subject: a\r\n", NULL,
         "the message is from no readable address, the rule requires \"x@y.z\""},
        {KEY(from), "x@y.z", "from", "From: a@b.c, b@b.c, c@b.c, d@b.c, e@b.c, f@b.c, g@b.c\r\n",
         NULL,
         "the message is from \"a@b.c\", \"b@b.c\", \"c@b.c\", \"d@b.c\", \"e@b.c\" and 2 more, "
         "the rule requires \"x@y.z\""},
        {KEY(subject), "never", "subject", "From: a@b.c\r\n", NULL,
         "the message has no subject, the rule requires \"never\""},
        {KEY(subject), "never", "subject", "Subject: \xe2\x82\xac \xe6\x97\xa5 \xe2\x81\xa6 x\r\n",
         NULL, "the subject is \"\xe2\x82\xac \xe6\x97\xa5 ? x\", the rule requires \"never\""},
        {KEY(header), "X-A: b", "header", "X-A: c\r\n", NULL,
         "no such field matches, the rule requires \"X-A: b\""},
        {KEY(attachment), "*.csv", "attachment", "Subject: a\r\n", &several,
         "the message has the attachment \"b.csv\" of type \"text/csv\", one of 2, the "
         "rule requires \"*.csv\""},
        {KEY(attachment), "any", "attachment", "Content-Type: text/plain\r\n", NULL,
         "the body has not been read, the rule requires \"any\""},
        {KEY(attachment), "any", "attachment", "Subject: a\r\n", &no_attachment,
         "the message has no attachment, the rule requires \"any\""},
        {KEY(body), "never", "body", "Subject: a\r\n", &several,
         "the body text does not match (4 bytes) (undecided: a field is too long), the rule "
         "requires "
         "\"never\""},
        {KEY(not_users), "bob", "not_users", "Subject: a\r\n", NULL,
         "the owner is \"alice\", the rule requires anyone but \"bob\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct rule_set *set = make_set();
        *(char ***)((char *)make_rule(set, "rule") + cases[i].key) = LIST(cases[i].pattern);
        char *reason = reason_for(set, cases[i].header, cases[i].body, cases[i].condition);
        assert_string_equal(reason, cases[i].reason);
        free(reason);
    }
}

static void test_reasons_of_dates_directions_and_exemptions(void **state)
{
    (void)state;
    struct rule_set *set = make_set();
    struct rule *rule = make_rule(set, "rule");
    rule->has_until = true;
    rule->until = INTERNALDATE + 90 * 60;
    char *reason = reason_for(set, INCOMING, NULL, "until");
    assert_string_equal(reason, "the message arrived on 2026-01-01 00:00 UTC, the rule requires "
                                "before 2026-01-01 01:30 UTC");
    free(reason);

    set = make_set();
    rule = make_rule(set, "rule");
    rule->incoming = rule->outgoing = rule->internal = SELECT_NONE;
    reason = reason_for(set, INCOMING, NULL, "direction");
    assert_string_equal(reason, "the message is incoming and its owner is selected, the rule "
                                "requires no direction: incoming, outgoing and internal are none");
    free(reason);

    set = make_set();
    rule = make_rule(set, "rule");
    rule->exempt = true;
    rule->addresses = LIST("doctor@*");
    reason = reason_for(set, INCOMING, NULL, "addresses");
    assert_string_equal(reason, "its author is not listed, the rule requires \"doctor@*\"");
    free(reason);
}

/* Two conditions that look at the same fields. */
/* A name without a domain is delivered at one of ours, or is part of a display name. */
static void test_recipients_without_a_domain(void **state)
{
    (void)state;
    static const struct {
        const char *to, *pattern;
        enum match_result result;
    } cases[] = {
        {"Dane, Carol <c@x.test>", "*@rival.test", NO},
        {"Dane, Carol <c@x.test>", "c@x.test", YES},
        {"Dane Smith, Carol <c@x.test>", "smith@example.org", MATCH_UNDECIDED},
        {"bob, Carol <c@x.test>", "bob@example.org", MATCH_UNDECIDED},
        {"root", "*@rival.test", NO},
        {"root", "root@*", MATCH_UNDECIDED},
        {"<root>", "*@rival.test", MATCH_UNDECIDED},
        {"J\xc3\xb6rg, a@x.test", "*@rival.test", MATCH_UNDECIDED},
        {"x%rival.test, a@x.test", "*@rival.test", MATCH_UNDECIDED},
        {"bob, <\"a@x.test\">", "*@rival.test", MATCH_UNDECIDED},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct rule_set *set = make_set();
        make_rule(set, "rule")->to = LIST(cases[i].pattern);
        prepare(set);
        char *text = xasprintf("Received: x\r\nFrom: b@y.test\r\nTo: %s\r\n", cases[i].to);
        struct message message = make_message(text, FOLDER_OTHER);
        struct decision *decision = decide_both(set, &message);
        print_message("case %zu\n", i);
        assert_int_equal(decision->rules[0].reasons[1].result, cases[i].result);
        decision_free(decision);
        free_message(&message);
        rule_set_free(set);
        free(text);
    }
}

/* A field may be what one reader sees and another does not. */
static void test_names_that_programs_read_differently(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        enum match_result subject, field;
    } cases[] = {
        {"Subject\r\n : secret\r\nX-Class\r\n : secret\r\n", YES, YES},
        {"Subject\xa0: secret\r\n\xa0X-Class: secret\r\n", YES, YES},
        {"Subject\f: secret\r\nX-Class\v: secret\r\n", YES, YES},
        {"S\001ubject: secret\r\n", MATCH_UNDECIDED, MATCH_UNDECIDED},
        {"Subject: x\r\nX-Class: y\r\n", NO, NO},
    };
    static const char *const subject[] = {"secret", NULL}, *const field[] = {"X-Class: secret",
                                                                             NULL};
    for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(*cases); i++) {
        struct rule_set *set = make_set();
        struct rule *rule = make_rule(set, "rule");
        if (i % 2 == 0)
            rule->subject = make_list(subject);
        else
            rule->header = make_list(field);
        prepare(set);
        char *text = xasprintf("From: bob@partner.test\r\n%s", cases[i / 2].header);
        struct message message = make_message(text, FOLDER_OTHER);
        struct decision *decision = decide_both(set, &message);
        print_message("case %zu\n", i);
        assert_int_equal(decision->rules[0].reasons[1].result,
                         i % 2 == 0 ? cases[i / 2].subject : cases[i / 2].field);
        decision_free(decision);
        free_message(&message);
        rule_set_free(set);
        free(text);
    }
}

static void test_two_rules_share_the_facts(void **state)
{
    (void)state;
    struct rule_set *set = make_set();
    make_rule(set, "one")->subject = LIST("*invoice*");
    make_rule(set, "two")->subject = LIST("*Mai");
    prepare(set);
    struct message message = make_message(INCOMING, FOLDER_OTHER);
    struct decision *decision = decide_both(set, &message);
    assert_int_equal(decision->rules[0].result, YES);
    assert_int_equal(decision->rules[1].result, YES);
    assert_int_equal(decision->targets[0].n_rules, 2);
    decision_free(decision);
    free_message(&message);
    rule_set_free(set);
}

/* A reason is printed on a terminal: no control characters, limited length. */
static void test_reasons_are_clean(void **state)
{
    (void)state;
    struct rule_set *set = make_set();
    make_rule(set, "rule")->subject = LIST("never");
    prepare(set);
    struct message message = make_message(
        "Subject: a\x1b[31m =?utf-8?q?=1B=C2=9B=E2=80=AE=0A?= "
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n",
        FOLDER_OTHER);
    struct decision *decision = decide_both(set, &message);
    const char *text = reason_of(decision, "subject");
    for (const char *c = text; *c != '\0'; c++)
        assert_true((unsigned char)*c >= ' ' && (unsigned char)*c < 0x7f);
    assert_true(strlen(text) < 120);
    decision_free(decision);
    free_message(&message);
    rule_set_free(set);
}

static void test_a_limit_is_reported(void **state)
{
    (void)state;
    struct rule_set *set = make_set();
    make_rule(set, "rule")->subject = LIST("/^(a+)+\\1[yz]/");
    prepare(set);
    char text[] = "Subject: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n";
    struct message message = make_message(text, FOLDER_OTHER);
    struct decision *decision = decide_both(set, &message);
    assert_int_equal(decision->result, YES);
    assert_int_equal(decision->rules[0].result, MATCH_UNDECIDED);
    assert_non_null(
        strstr(reason_of(decision, "subject"), "(undecided: the patterns would cost too much)"));
    decision_free(decision);
    free_message(&message);
    rule_set_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_results),
        cmocka_unit_test(test_attachments_are_never_excluded_by_the_header),
        cmocka_unit_test(test_reasons_as_printed),
        cmocka_unit_test(test_reasons_of_unusual_messages),
        cmocka_unit_test(test_reasons_of_dates_directions_and_exemptions),
        cmocka_unit_test(test_recipients_without_a_domain),
        cmocka_unit_test(test_names_that_programs_read_differently),
        cmocka_unit_test(test_two_rules_share_the_facts),
        cmocka_unit_test(test_reasons_are_clean),
        cmocka_unit_test(test_a_limit_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
