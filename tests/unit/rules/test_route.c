#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules/mime/address.h"
#include "rules/rule_maker.h"
#include "rules/util/buffer.h"

#define IN DIRECTION_INCOMING
#define OUT DIRECTION_OUTGOING
#define INT DIRECTION_INTERNAL

struct example {
    const char *name, *header;
    enum folder_role role;
    unsigned directions;
    const char *sender;
    bool sent;
    const char *recipients; /* "address basis, address basis" */
    unsigned warnings;
};

static const struct example examples[] = {
    {"sent outside", "From: alice@example.org\r\nTo: bob@partner.test\r\n", FOLDER_SENT, OUT,
     "alice@example.org", true, "bob@partner.test to", 0},
    {"sent inside", "From: alice@example.org\r\nTo: bob@example.net\r\n", FOLDER_SENT, INT,
     "alice@example.org", true, "bob@example.net to", 0},
    {"sent to both, Bcc counts",
     "From: alice@example.org\r\nTo: b@example.org\r\nBcc: c@x.test\r\n", FOLDER_SENT, OUT | INT,
     "alice@example.org", true, "b@example.org to, c@x.test bcc", 0},
    {"the strongest basis holds",
     "From: alice@example.org\r\nBcc: b@x.test\r\nCc: b@x.test, c@x.test\r\nTo: B@X.test\r\n",
     FOLDER_SENT, OUT, "alice@example.org", true, "B@x.test to, c@x.test cc", 0},
    {"sent to nobody", "From: alice@example.org\r\nTo: undisclosed-recipients:;\r\n", FOLDER_SENT,
     OUT, "alice@example.org", true, "", 0},
    {"sent without any recipient field", "From: alice@example.org\r\n", FOLDER_SENT, OUT,
     "alice@example.org", true, "", 0},
    {"recipients in a group",
     "From: alice@example.org\r\nTo: us: b@example.org, c@example.org;\r\n", FOLDER_SENT, INT,
     "alice@example.org", true, "b@example.org to, c@example.org to", 0},
    {"sent by an alias", "From: A.Liddell@Example.org\r\nTo: bob@x.test\r\n", FOLDER_SENT, OUT,
     "alice@example.org", true, "bob@x.test to", 0},
    {"a subdomain is outside", "From: alice@example.org\r\nTo: bob@sub.example.org\r\n",
     FOLDER_SENT, OUT, "alice@example.org", true, "bob@sub.example.org to", 0},
    {"a domain that ends like ours is outside",
     "From: alice@example.org\r\nTo: bob@notexample.org\r\n", FOLDER_SENT, OUT, "alice@example.org",
     true, "bob@notexample.org to", 0},
    {"case of a domain", "From: alice@example.org\r\nTo: bob@EXAMPLE.ORG\r\n", FOLDER_SENT, INT,
     "alice@example.org", true, "bob@example.org to", 0},
    {"Resent fields name recipients too",
     "From: alice@example.org\r\nResent-To: x@x.test\r\nTo: bob@example.org\r\nResent-Bcc: "
     "y@x.test\r\nResent-Cc: b@example.org\r\n",
     FOLDER_SENT, OUT | INT, "alice@example.org", true,
     "bob@example.org to, x@x.test resent-to, b@example.org resent-cc, y@x.test resent-bcc", 0},
    {"a block without recipients is none",
     "Resent-From: alice@example.org\r\n" RECEIVED
     "Resent-To: x@x.test\r\nFrom: alice@example.org\r\nTo: bob@example.org\r\n",
     FOLDER_SENT, OUT | INT, "alice@example.org", true, "bob@example.org to, x@x.test resent-to",
     0},
    {"only those of the topmost block",
     "Resent-From: alice@example.org\r\nResent-To: b@example.org\r\n" RECEIVED
     "Resent-To: x@x.test\r\nFrom: alice@example.org\r\nTo: bob@example.org\r\n",
     FOLDER_SENT, INT, "alice@example.org", true, "bob@example.org to, b@example.org resent-to", 0},
    {"a quoted whole address counts as outside",
     "From: alice@example.org\r\nTo: bob@example.org, <\"rival@outside.test\">\r\n", FOLDER_SENT,
     OUT | INT, "alice@example.org", true, "bob@example.org to, <\"rival@outside.test\"> to",
     WARNING_UNREADABLE_RECIPIENT},
    {"also where it reads as an inside one", "From: alice@example.org\r\nTo: <\"bob@example.org\">",
     FOLDER_SENT, OUT | INT, "alice@example.org", true, "<\"bob@example.org\"> to",
     WARNING_UNREADABLE_RECIPIENT},
    {"a name without a domain", "From: alice@example.org\r\nCc: bob\r\n", FOLDER_SENT, OUT | INT,
     "alice@example.org", true, "bob cc", WARNING_UNREADABLE_RECIPIENT},
    {"a folded name is a field to some",
     "From: alice@example.org\r\nTo: b@example.org\r\nCc\r\n : x@x.test\r\n", FOLDER_SENT,
     OUT | INT, "alice@example.org", true, "b@example.org to, x@x.test cc", WARNING_NO_BLANK_LINE},
    {"so is one beside a blank of some charset",
     "From: alice@example.org\r\nTo: b@example.org\r\n\xa0"
     "Bcc\xa0: x@x.test\r\n",
     FOLDER_SENT, OUT | INT, "alice@example.org", true, "b@example.org to, x@x.test bcc",
     WARNING_NO_BLANK_LINE},
    {"an address that a server may relay counts as outside too",
     "From: alice@example.org\r\nTo: x%x.test@example.org\r\n", FOLDER_SENT, OUT | INT,
     "alice@example.org", true, "x%x.test@example.org to", 0},
    {"also with the host before the name",
     "From: alice@example.org\r\nTo: x.test!x@example.org\r\n", FOLDER_SENT, OUT | INT,
     "alice@example.org", true, "x.test!x@example.org to", 0},
    {"the mail system is nobody inside",
     RECEIVED "From: Mail Delivery Subsystem <MAILER-DAEMON>\r\nTo: alice@example.org\r\n",
     FOLDER_OTHER, IN, "Mail Delivery Subsystem <MAILER-DAEMON>", false, "alice@example.org owner",
     WARNING_NO_FROM},
    {"but another name may be", RECEIVED "From: <bob> x <MAILER-DAEMON>\r\n", FOLDER_OTHER,
     IN | INT, "<bob> x <MAILER-DAEMON>", false, "alice@example.org owner", WARNING_NO_FROM},
    {"two @", "From: alice@example.org\r\nBcc: b@example.org, a@x.test@example.org\r\n",
     FOLDER_SENT, OUT | INT, "alice@example.org", true,
     "b@example.org bcc, a@x.test@example.org bcc", WARNING_UNREADABLE_RECIPIENT},
    {"an encoded word as the address",
     "From: alice@example.org\r\nTo: b@example.org, <=?utf-8?q?r=40x.test?=>\r\n", FOLDER_SENT,
     OUT | INT, "alice@example.org", true, "b@example.org to, <=?utf-8?q?r=40x.test?=> to",
     WARNING_UNREADABLE_RECIPIENT},
    {"a recipient after a bare CR",
     "From: alice@example.org\r\nX-A: b\rBcc: r@x.test\r\nTo: b@example.org\r\n", FOLDER_SENT,
     OUT | INT, "alice@example.org", true, "b@example.org to, r@x.test bcc", WARNING_BARE_CR},
    {"a recipient after a line that is no field",
     "From: alice@example.org\r\nTo: b@example.org\r\nno field\r\nCc: r@x.test\r\n", FOLDER_SENT,
     OUT | INT, "alice@example.org", true, "b@example.org to, r@x.test cc", WARNING_NO_BLANK_LINE},
    {"a recipient field with a control character in its name",
     "From: alice@example.org\r\nTo: b@example.org\r\nC\001c: r@x.test\r\n", FOLDER_SENT, OUT | INT,
     "alice@example.org", true, "b@example.org to",
     WARNING_NO_BLANK_LINE | WARNING_UNREADABLE_RECIPIENT},
    {"repeated fields all count",
     "From: alice@example.org\r\nTo: b@example.org\r\nTo : r@x.test\r\n", FOLDER_SENT, OUT | INT,
     "alice@example.org", true, "b@example.org to, r@x.test to", 0},
    {"a sub-address is the owner's", "From: Alice+news@example.org\r\nTo: b@x.test\r\n",
     FOLDER_SENT, OUT, "alice@example.org", true, "b@x.test to", 0},
    {"a longer name is not", "From: alice-news@example.org\r\nTo: b@x.test\r\n", FOLDER_SENT, OUT,
     "alice@example.org", true, "b@x.test to", WARNING_FROM_MISMATCH},
    {"an unreadable From in Sent", "From: <\"alice@example.org\">\r\nTo: b@x.test\r\n", FOLDER_SENT,
     OUT, "alice@example.org", true, "b@x.test to", 0},
    {"From of somebody else in Sent", "From: eve@x.test\r\nTo: bob@x.test\r\n", FOLDER_SENT, OUT,
     "alice@example.org", true, "bob@x.test to", WARNING_FROM_MISMATCH},
    {"no From in Sent", "To: bob@x.test\r\n", FOLDER_SENT, OUT, "alice@example.org", true,
     "bob@x.test to", WARNING_NO_FROM},
    {"one of several authors in Sent",
     "From: bob@example.org, alice@example.org\r\nTo: b@x.test\r\n", FOLDER_SENT, OUT,
     "alice@example.org", true, "b@x.test to", WARNING_SEVERAL_FROM},
    {"Sent holds what was received", RECEIVED "From: eve@x.test\r\nTo: alice@example.org\r\n",
     FOLDER_SENT, IN | INT, "alice@example.org", true, "alice@example.org to",
     WARNING_FROM_MISMATCH},
    {"her own that went through a server", RECEIVED "From: alice@example.org\r\nTo: bob@x.test\r\n",
     FOLDER_SENT, OUT, "alice@example.org", true, "bob@x.test to", 0},
    {"Sent holds what nobody signed", RECEIVED "To: bob@x.test\r\n", FOLDER_SENT, IN | OUT,
     "alice@example.org", true, "bob@x.test to", WARNING_NO_FROM},

    {"filed elsewhere by the owner", "From: alice@example.org\r\nTo: bob@x.test\r\n", FOLDER_OTHER,
     OUT, "alice@example.org", true, "bob@x.test to", 0},
    {"filed elsewhere by an alias", "From: wonder@example.net\r\nTo: b@example.org\r\n",
     FOLDER_OTHER, INT, "alice@example.org", true, "b@example.org to", 0},
    {"filed, but one author is another", "From: alice@example.org, bob@x.test\r\n", FOLDER_OTHER,
     IN | INT | OUT, "alice@example.org", false, "alice@example.org owner",
     WARNING_SEVERAL_FROM | WARNING_CLAIMED_INTERNAL},
    {"filed, but her address is quoted", "From: <\"alice@example.org\">\r\nTo: bob@x.test\r\n",
     FOLDER_OTHER, IN | INT | OUT, "alice@example.org", false, "alice@example.org owner",
     WARNING_CLAIMED_INTERNAL},
    {"filed, received for those who end a line at a bare CR",
     "From: alice@example.org\r\nX: a\rReceived: x\r\nTo: bob@x.test\r\n", FOLDER_OTHER, INT | OUT,
     "alice@example.org", false, "alice@example.org owner",
     WARNING_CLAIMED_INTERNAL | WARNING_BARE_CR},
    {"filed under a sub-address", "From: alice+x@example.org\r\nTo: bob@x.test\r\n", FOLDER_OTHER,
     OUT, "alice@example.org", true, "bob@x.test to", 0},
    {"to herself, received", RECEIVED "From: alice@example.org\r\nTo: alice@example.org\r\n",
     FOLDER_OTHER, INT, "alice@example.org", false, "alice@example.org owner",
     WARNING_CLAIMED_INTERNAL},
    {"received without Received", "From: bob@x.test\r\nTo: alice@example.org\r\n", FOLDER_OTHER, IN,
     "bob@x.test", false, "alice@example.org owner", 0},

    {"incoming", RECEIVED "From: Bob <bob@x.test>\r\nTo: alice@example.org\r\n", FOLDER_OTHER, IN,
     "bob@x.test", false, "alice@example.org owner", 0},
    {"claims to be from inside", RECEIVED "From: bob@example.net\r\nTo: alice@example.org\r\n",
     FOLDER_OTHER, INT, "bob@example.net", false, "alice@example.org owner",
     WARNING_CLAIMED_INTERNAL},
    {"no From", RECEIVED "To: alice@example.org\r\n", FOLDER_OTHER, IN, "", false,
     "alice@example.org owner", WARNING_NO_FROM},
    {"empty From", RECEIVED "From:\r\n", FOLDER_OTHER, IN, "", false, "alice@example.org owner",
     WARNING_NO_FROM},
    {"a quoted whole address", RECEIVED "From: \"Shop\" <\"no-reply@shop.test\">\r\n", FOLDER_OTHER,
     IN, "no-reply@shop.test", false, "alice@example.org owner", 0},
    {"a quoted whole address inside", RECEIVED "From: <\"bob@example.org\">\r\n", FOLDER_OTHER,
     IN | INT, "bob@example.org", false, "alice@example.org owner", WARNING_CLAIMED_INTERNAL},
    {"nobody who can be read", RECEIVED "From: the boss\r\n", FOLDER_OTHER, IN | INT, "the boss",
     false, "alice@example.org owner", WARNING_NO_FROM},
    {"an unquoted comma", RECEIVED "From: Doe, John <j@x.test>\r\n", FOLDER_OTHER, IN, "j@x.test",
     false, "alice@example.org owner", WARNING_SEVERAL_FROM},
    {"From after a line that is no field", RECEIVED "no field\r\nFrom: bob@example.org\r\n",
     FOLDER_OTHER, IN | INT, "bob@example.org", false, "alice@example.org owner",
     WARNING_CLAIMED_INTERNAL | WARNING_NO_BLANK_LINE},
    {"another From after a bare CR", RECEIVED "From: bob@example.org\r\nX: y\rFrom: a@x.test\r\n",
     FOLDER_OTHER, IN | INT, "bob@example.org", false, "alice@example.org owner",
     WARNING_CLAIMED_INTERNAL | WARNING_BARE_CR | WARNING_SEVERAL_FROM},
    {"From with a control character in its name",
     RECEIVED "Fr\001om: a@x.test\r\nFrom: bob@example.org\r\n", FOLDER_OTHER, IN | INT,
     "bob@example.org", false, "alice@example.org owner",
     WARNING_CLAIMED_INTERNAL | WARNING_NO_BLANK_LINE},
    {"two From fields", RECEIVED "From: a@x.test\r\nFrom: b@x.test\r\n", FOLDER_OTHER, IN,
     "a@x.test", false, "alice@example.org owner", WARNING_SEVERAL_FROM},
    {"an inside author in front hides no outside one",
     RECEIVED "From: bob@example.org, eve@x.test\r\n", FOLDER_OTHER, IN | INT, "bob@example.org",
     false, "alice@example.org owner", WARNING_SEVERAL_FROM | WARNING_CLAIMED_INTERNAL},
    {"no recipient is named: Bcc", RECEIVED "From: bob@x.test\r\nTo: undisclosed-recipients:;\r\n",
     FOLDER_OTHER, IN, "bob@x.test", false, "alice@example.org owner", 0},
    {"others in To", RECEIVED "From: bob@x.test\r\nTo: all@example.org, carol@x.test\r\n",
     FOLDER_OTHER, IN, "bob@x.test", false, "alice@example.org owner", 0},
    {"alias in To", RECEIVED "From: bob@x.test\r\nTo: c@x.test, A.LIDDELL@example.org\r\n",
     FOLDER_OTHER, IN, "bob@x.test", false, "a.liddell@example.org to", 0},
    {"alias in Cc", RECEIVED "From: bob@x.test\r\nTo: c@x.test\r\nCc: wonder@example.net\r\n",
     FOLDER_OTHER, IN, "bob@x.test", false, "wonder@example.net cc", 0},
    {"To precedes Cc in any order",
     RECEIVED "From: bob@x.test\r\nCc: wonder@example.net\r\nTo: a.liddell@example.org\r\n",
     FOLDER_OTHER, IN, "bob@x.test", false, "a.liddell@example.org to", 0},
    {"alias by Delivered-To",
     "Delivered-To: wonder@example.net\r\n" RECEIVED
     "From: bob@x.test\r\nTo: a.liddell@example.org\r\n",
     FOLDER_OTHER, IN, "bob@x.test", false, "wonder@example.net delivered-to", 0},
    {"Delivered-To below the first Received is the sender's",
     RECEIVED "Delivered-To: wonder@example.net\r\nFrom: bob@x.test\r\n", FOLDER_OTHER, IN,
     "bob@x.test", false, "alice@example.org owner", 0},
    {"Delivered-To without any Received is the sender's",
     "Delivered-To: wonder@example.net\r\nFrom: bob@x.test\r\n", FOLDER_OTHER, IN, "bob@x.test",
     false, "alice@example.org owner", 0},
    {"the topmost that names the owner",
     "Return-Path: <x@x.test>\r\nDelivered-To: list@example.org\r\nX-Original-To: "
     "a.liddell@example.org\r\nDelivered-To: wonder@example.net\r\n" RECEIVED
     "From: bob@x.test\r\n",
     FOLDER_OTHER, IN, "bob@x.test", false, "a.liddell@example.org x-original-to", 0},
    {"Envelope-To", "Envelope-to: wonder@example.net\r\n" RECEIVED "From: bob@x.test\r\n",
     FOLDER_OTHER, IN, "bob@x.test", false, "wonder@example.net envelope-to", 0},
    {"the main address needs no proof",
     "Delivered-To: alice@example.org\r\n" RECEIVED
     "From: bob@x.test\r\nTo: a.liddell@example.org\r\n",
     FOLDER_OTHER, IN, "bob@x.test", false, "alice@example.org owner", 0},
    {"no header at all", "", FOLDER_OTHER, IN, "", false, "alice@example.org owner",
     WARNING_NO_FROM},
    {"no header at all, in Sent", "", FOLDER_SENT, OUT, "alice@example.org", true, "",
     WARNING_NO_FROM},
};

static char *recipients_text(const struct route *route)
{
    struct buffer text = {0};
    for (size_t i = 0; i < route->n_recipients; i++)
        buffer_printf(&text, "%s%s %s", i > 0 ? ", " : "", route->recipients[i].address,
                      basis_text(route->recipients[i].basis));
    return buffer_take(&text);
}

static void check(const struct rule_set *set, const struct example *example)
{
    struct message message = make_message(example->header, example->role);
    struct route *route = route_find(set, &message);
    char *recipients = recipients_text(route);
    if (route->directions != example->directions)
        fail_msg("%s: directions %u", example->name, route->directions);
    if ((route->directions & route_certain(example->role)) == 0)
        fail_msg("%s: no direction of route_certain()", example->name);
    if (strcmp(route->sender, example->sender) != 0)
        fail_msg("%s: sender %s", example->name, route->sender);
    if (route->sent != example->sent || route->sender_claimed == example->sent)
        fail_msg("%s: sent %d, claimed %d", example->name, route->sent, route->sender_claimed);
    if (strcmp(recipients, example->recipients) != 0)
        fail_msg("%s: recipients %s", example->name, recipients);
    if (route->warnings != example->warnings)
        fail_msg("%s: warnings %x", example->name, route->warnings);
    free(recipients);
    route_free(route);
    free_message(&message);
}

static void test_examples(void **state)
{
    (void)state;
    struct rule_set *set = make_set();
    for (size_t i = 0; i < sizeof(examples) / sizeof(*examples); i++)
        check(set, &examples[i]);
    rule_set_free(set);
}

static struct route *route_to_many(size_t count)
{
    struct buffer text = {0};
    buffer_text(&text, "From: alice@example.org\r\nTo: first@example.org");
    for (size_t i = 1; i < count; i++)
        buffer_printf(&text, ",\r\n u%zu@example.org", i);
    buffer_text(&text, "\r\n");
    struct rule_set *set = make_set();
    struct message message = make_message(text.data, FOLDER_SENT);
    struct route *route = route_find(set, &message);
    free_message(&message);
    rule_set_free(set);
    buffer_free(&text);
    return route;
}

static void test_many_recipients(void **state)
{
    (void)state;
    struct route *route = route_to_many(10000);
    assert_int_equal(route->n_recipients, 10000);
    assert_int_equal(route->directions, INT);
    assert_int_equal(route->warnings, 0);
    assert_string_equal(route->recipients[9999].address, "u9999@example.org");
    route_free(route);
}

static void test_exactly_the_bound(void **state)
{
    (void)state;
    struct route *route = route_to_many(ADDRESS_LIST_MAX);
    assert_int_equal(route->n_recipients, ADDRESS_LIST_MAX);
    assert_int_equal(route->warnings, 0);
    route_free(route);
}

static void test_too_many_recipients(void **state)
{
    (void)state;
    struct route *route = route_to_many(ADDRESS_LIST_MAX + 1);
    assert_int_equal(route->n_recipients, ADDRESS_LIST_MAX);
    assert_int_equal(route->warnings, WARNING_TOO_MANY_RECIPIENTS | WARNING_UNREADABLE_RECIPIENT);
    assert_int_equal(route->directions, INT | OUT); /* the rest may be external */
    route_free(route);
}

/* The truncated part of a header may have contained Received. */
static void test_truncated_header_proves_no_missing_received(void **state)
{
    (void)state;
    static const char start[] = "From: alice@example.org\r\n";
    size_t lines = HEADER_FIELDS_MAX + 1, len = strlen(start) + lines * 4;
    char *text = xmalloc(len + 1);
    strcpy(text, start);
    for (size_t i = 0; i < lines; i++)
        memcpy(text + strlen(start) + i * 4, "X:\r\n", 4);
    text[len] = '\0';
    struct rule_set *set = make_set();
    struct message message = make_message(text, FOLDER_OTHER);
    struct route *route = route_find(set, &message);
    assert_false(route->sent);
    assert_int_equal(route->directions, IN | OUT | INT);
    assert_int_equal(route->warnings, WARNING_HEADER_TRUNCATED | WARNING_CLAIMED_INTERNAL);
    route_free(route);
    free_message(&message);
    rule_set_free(set);
    free(text);
}

static void test_no_domains_means_all_is_outside(void **state)
{
    (void)state;
    struct rule_set *set = rule_set_new();
    struct message message =
        make_message("From: alice@example.org\r\nTo: bob@example.org\r\n", FOLDER_SENT);
    struct route *route = route_find(set, &message);
    assert_int_equal(route->directions, OUT);
    route_free(route);
    free_message(&message);
    rule_set_free(set);
}

static void test_possible_directions(void **state)
{
    (void)state;
    assert_int_equal(route_certain(FOLDER_SENT), OUT | INT);
    assert_int_equal(route_certain(FOLDER_OTHER), IN | OUT | INT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_many_recipients),
        cmocka_unit_test(test_exactly_the_bound),
        cmocka_unit_test(test_too_many_recipients),
        cmocka_unit_test(test_truncated_header_proves_no_missing_received),
        cmocka_unit_test(test_no_domains_means_all_is_outside),
        cmocka_unit_test(test_possible_directions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
