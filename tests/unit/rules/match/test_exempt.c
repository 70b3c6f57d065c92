/* Whom the rules believe: the samples, and that nothing a sender adds takes a message away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules/rule_maker.h"
#include "rules/samples.h"
#include "rules/util/buffer.h"

enum { OUTGOING, INCOMING_ONLY, INTERNAL, FROM, TO, SUBJECT, EXEMPT, N_RULES };

static struct rule_set *make_rules(void)
{
    struct rule_set *set = make_set();
    for (size_t i = 0; i < 3; i++) {
        struct rule *rule = make_rule(set, "direction");
        rule->incoming = i == INCOMING_ONLY ? SELECT_ALL : SELECT_NONE;
        rule->outgoing = i == OUTGOING ? SELECT_ALL : SELECT_NONE;
        rule->internal = i == INTERNAL ? SELECT_ALL : SELECT_NONE;
    }
    make_rule(set, "from")->from = LIST("*@partner.test", "*@shop.test");
    make_rule(set, "to")->to = LIST("*@outside.test", "*@x.test");
    make_rule(set, "subject")->subject = LIST("*secret*", "x");
    struct rule *rule = rule_set_add(set);
    rule->name = xstrdup("exempt");
    rule->exempt = true;
    rule->addresses = LIST("*@law.test", "council@example.org");
    prepare(set);
    return set;
}

static struct decision *decide_text(const struct rule_set *set, const char *text, size_t len,
                                    enum folder_role role)
{
    struct header *header = header_parse(text, len);
    struct message message = make_message("", role);
    free_message(&message);
    message.header = header;
    struct decision *decision = decide_both(set, &message);
    header_free(header);
    return decision;
}

static struct decision *decide_sample(const struct rule_set *set, const char *name,
                                      enum folder_role role)
{
    struct buffer text = sample_read(name);
    struct decision *decision = decide_text(set, text.data, text.len, role);
    buffer_free(&text);
    return decision;
}

/* ---- the samples ---- */

static void test_a_quoted_whole_recipient(void **state)
{
    struct decision *decision = decide_sample(*state, "to-quoted-whole-address.eml", FOLDER_SENT);
    assert_int_equal(decision->route->directions, DIRECTION_OUTGOING | DIRECTION_INTERNAL);
    assert_int_equal(decision->route->n_recipients, 2);
    assert_string_equal(decision->route->recipients[1].address, "<\"rival@outside.test\">");
    assert_int_equal(decision->route->warnings, WARNING_UNREADABLE_RECIPIENT);
    assert_int_equal(decision->rules[TO].result, MATCH_YES);
    assert_non_null(strstr(decision->rules[TO].reasons[1].text,
                           "the message is to \"rival@outside.test\" (as a program may show"));
    decision_free(decision);
}

static void test_a_quoted_whole_author(void **state)
{
    struct decision *decision =
        decide_sample(*state, "from-quoted-whole-address.eml", FOLDER_OTHER);
    assert_string_equal(decision->route->sender, "no-reply@shop.test");
    assert_true(decision->route->sender_claimed);
    assert_int_equal(decision->route->directions, DIRECTION_INCOMING);
    assert_int_equal(decision->rules[FROM].result, MATCH_YES);
    decision_free(decision);
}

static void test_a_forged_delivered_to_exempts_nothing(void **state)
{
    struct decision *decision =
        decide_sample(*state, "exempt-by-forged-delivered-to.eml", FOLDER_SENT);
    assert_false(decision->exempt);
    assert_int_equal(decision->result, MATCH_YES);
    decision_free(decision);
}

static void test_headers_that_programs_read_differently(void **state)
{
    struct decision *decision = decide_sample(*state, "barecr-header.eml", FOLDER_OTHER);
    assert_int_equal(decision->route->warnings, WARNING_BARE_CR);
    decision_free(decision);
    decision = decide_sample(*state, "no-blank-line.eml", FOLDER_OTHER);
    assert_int_equal(decision->route->warnings, WARNING_NO_BLANK_LINE);
    assert_int_equal(decision->route->directions, DIRECTION_INCOMING);
    decision_free(decision);
}

/* ---- what a sender can do to a header ---- */

static const char *const headers[] = {
    "From: alice@example.org\r\nTo: bob@example.org\r\nSubject: a secret\r\n",
    "From: alice@example.org\r\nTo: bob@example.org, c@x.test\r\nCc: <\"r@outside.test\">\r\n",
    "From: alice@example.org\r\nTo: a@law.test\r\nBcc: r@outside.test\r\n",
    "From: a@law.test\r\nTo: r@outside.test\r\n",
    "From: eve@partner.test\r\nTo: alice@example.org\r\nSubject: x\r\n" RECEIVED,
    "From: bob@example.org, eve@partner.test\r\nTo: council@example.org\r\n" RECEIVED,
    "From: \"Shop\" <\"no-reply@shop.test\">\r\n" RECEIVED,
    "From: bob@example.org\r\nTo: alice@example.org, council@example.org\r\n" RECEIVED,
    "From: alice+x@example.org\r\nFrom: bob@example.org\r\nTo: c@x.test\r\n",
    "From: nobody\r\nSubject: =?utf-8?q?secret?=\r\n" RECEIVED,
};

static const char *const additions[] = {
    "Sender: x@law.test\r\n",
    "Reply-To: x@law.test\r\n",
    "Resent-From: x@law.test\r\n",
    "Resent-Sender: x@law.test\r\n",
    "Delivered-To: council@example.org\r\n",
    "X-Original-To: council@example.org\r\n",
    "Envelope-To: council@example.org\r\n",
    "X-Envelope-To: council@example.org\r\n",
    "To: x@law.test\r\n",
    "To: council@example.org\r\n",
    "Cc: \"council@example.org\"\r\n",
    "Bcc: a@b@c, d\r\n",
    "Resent-To: x@law.test\r\n",
    "From: x@law.test\r\n",
    "From: council@example.org\r\n",
    "From : council@example.org\r\n",
    "X-A: b\rFrom: council@example.org\r\n",
    "X-A: b\r\rFrom: council@example.org\r\n",
    "Fr\001om: council@example.org\r\n",
    "a line that is no field\r\n",
    "From bob Mon Jan  1 00:00:00 2026\r\n",
    "Subject: y\r\n",
    "Authentication-Results: mx.example.org; dmarc=pass header.from=law.test\r\n",
    "X-Monitor-Id: AAAAAAAAAAAAAAAAAAAAAAAAAA\r\n",
};

/* Each rule that took the message still does, and nothing has exempted it. */
static void assert_still_wanted(const struct decision *before, const struct rule_set *set,
                                const struct buffer *text, enum folder_role role, const char *what)
{
    struct decision *after = decide_text(set, text->data, text->len, role);
    for (size_t i = 0; i < EXEMPT; i++)
        if (before->rules[i].result != MATCH_NO && after->rules[i].result == MATCH_NO)
            fail_msg("rule %zu no longer takes, after %s:\n%s", i, what, text->data);
    if (!before->exempt && after->exempt)
        fail_msg("exempt (%s) after %s:\n%s", after->exempt_basis, what, text->data);
    decision_free(after);
}

static void check_additions(const struct rule_set *set, const char *header, enum folder_role role)
{
    struct decision *before = decide_text(set, header, strlen(header), role);
    for (size_t i = 0; i < sizeof(additions) / sizeof(*additions); i++) {
        struct buffer front = {0}, back = {0};
        buffer_printf(&front, "%s%s", additions[i], header);
        buffer_printf(&back, "%s%s", header, additions[i]);
        bool first = before->route->n_recipients == 0; /* the first recipient may exempt */
        if (!first || before->exempt) {
            assert_still_wanted(before, set, &front, role, additions[i]);
            assert_still_wanted(before, set, &back, role, additions[i]);
        }
        buffer_free(&front);
        buffer_free(&back);
    }
    decision_free(before);
}

static void test_nothing_that_is_added_takes_a_message_away(void **state)
{
    for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++) {
        check_additions(*state, headers[i], FOLDER_SENT);
        check_additions(*state, headers[i], FOLDER_OTHER);
    }
}

static void add_fields(struct buffer *text, const struct header *header, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        buffer_add(text, header->fields[i].start, header->fields[i].len);
}

/* Every rotation, the reverse order, and every field twice. */
static void check_order(const struct rule_set *set, const char *text, enum folder_role role)
{
    struct decision *before = decide_text(set, text, strlen(text), role);
    struct header *header = header_parse(text, strlen(text));
    struct buffer reversed = {0};
    for (size_t i = 0; i < header->count; i++) {
        struct buffer rotated = {0}, twice = {0};
        add_fields(&rotated, header, i, header->count);
        add_fields(&rotated, header, 0, i);
        add_fields(&twice, header, 0, header->count);
        add_fields(&twice, header, i, i + 1);
        add_fields(&reversed, header, header->count - i - 1, header->count - i);
        assert_still_wanted(before, set, &rotated, role, "a rotation");
        assert_still_wanted(before, set, &twice, role, "a repetition");
        buffer_free(&rotated);
        buffer_free(&twice);
    }
    assert_still_wanted(before, set, &reversed, role, "a reversal");
    buffer_free(&reversed);
    header_free(header);
    decision_free(before);
}

static void test_no_order_and_no_repetition_takes_a_message_away(void **state)
{
    for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++) {
        check_order(*state, headers[i], FOLDER_SENT);
        check_order(*state, headers[i], FOLDER_OTHER);
    }
}

/* What lies beyond a limit is unknown, not absent. */
static void test_no_limit_takes_a_message_away(void **state)
{
    struct buffer fields = {0}, octets = {0}, folded = {0};
    for (size_t i = 0; i < HEADER_FIELDS_MAX; i++)
        buffer_text(&fields, "X:\r\n");
    buffer_text(&folded, "X: ");
    while (octets.len < HEADER_MAX)
        buffer_text(&octets, "X-Filler: 0123456789012345678901234567890123456789\r\n");
    while (folded.len < HEADER_MAX)
        buffer_text(&folded, "0123456789012345678901234567890123456789\r\n ");
    buffer_text(&folded, "\r\n");
    const struct buffer *const junk[] = {&fields, &octets, &folded};
    for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++)
        for (size_t n = 0; n < 3; n++) {
            enum folder_role role = (i + n) % 2 == 0 ? FOLDER_SENT : FOLDER_OTHER;
            struct decision *before = decide_text(*state, headers[i], strlen(headers[i]), role);
            struct buffer text = {0};
            buffer_add(&text, junk[n]->data, junk[n]->len);
            buffer_text(&text, headers[i]);
            assert_still_wanted(before, *state, &text, role, "junk");
            buffer_free(&text);
            decision_free(before);
        }
    buffer_free(&fields);
    buffer_free(&octets);
    buffer_free(&folded);
}

static int setup(void **state)
{
    *state = make_rules();
    return 0;
}

static int teardown(void **state)
{
    rule_set_free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_quoted_whole_recipient),
        cmocka_unit_test(test_a_quoted_whole_author),
        cmocka_unit_test(test_a_forged_delivered_to_exempts_nothing),
        cmocka_unit_test(test_headers_that_programs_read_differently),
        cmocka_unit_test(test_nothing_that_is_added_takes_a_message_away),
        cmocka_unit_test(test_no_order_and_no_repetition_takes_a_message_away),
        cmocka_unit_test(test_no_limit_takes_a_message_away),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
