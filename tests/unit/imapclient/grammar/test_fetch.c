#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "imapclient/describe_response.h"

static void fetch_items_in_any_order(void **state)
{
    static const struct unit units[] = {
        {"* 12 FETCH (UID 7)", "fetch seq=12 uid=7"},
        {"* 12 FETCH (FLAGS (\\Seen $MDNSent) UID 7)",
         "fetch seq=12 uid=7 flags=<\\Seen><$MDNSent>"},
        {"* 1 FETCH (INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" UID 7)",
         "fetch seq=1 uid=7 date=837596665-420"},
        {"* 1 FETCH (INTERNALDATE \" 1-Feb-2020 02:44:25 +0530\")",
         "fetch seq=1 date=1580505265+330"},
        {"* 1 FETCH (UID 7 RFC822.SIZE 44827 MODSEQ (65402))",
         "fetch seq=1 uid=7 size=44827 modseq=65402"},
        {"* 1 FETCH (RFC822.SIZE 5000000000)", "fetch seq=1 size=5000000000"},
        {"* 1 fetch (uid 7 flags (\\seen) rfc822.size 5)",
         "fetch seq=1 uid=7 flags=<\\Seen> size=5"},
        {"*  1  FETCH  ( UID  7  FLAGS  ( \\Seen  a ) ) ", "fetch seq=1 uid=7 flags=<\\Seen><a>"},
        {"* 1 FETCH (FLAGS ())", "fetch seq=1 flags="},
        {"* 1 FETCH ()", "fetch seq=1"},
        {"* 1 FETCH (UID 4294967295)", "fetch seq=1 uid=4294967295"},
        {"* 1 FETCH (FLAGS (\\Answered \\Flagged \\Deleted \\Draft \\Recent))",
         "fetch seq=1 flags=<\\Answered><\\Flagged><\\Deleted><\\Draft><\\Recent>"},
        {"* 0 FETCH (UID 7)", "other"},
        {"* 1 FETCH (UID 7", "other"},
        {"* 1 FETCH (UID)", "other"},
        {"* 1 FETCH UID 7", "other"},
        {"* 1 FETCH (UID 7) x", "other"},
        {"* 1 FETCH (UID 7 ENVELOPE (\"a\" NIL)", "other"},
    };
    CHECK(units);
}

static void unknown_fetch_items_cost_only_themselves(void **state)
{
    static const struct unit units[] = {
        {"* 1 FETCH (EMAILID (M6d99ac3275bb4e) UID 7)", "fetch seq=1 uid=7 email=M6d99ac3275bb4e"},
        {"* 1 FETCH (X-GM-MSGID 1278455344230334865 UID 7)",
         "fetch seq=1 uid=7 email=1278455344230334865"},
        {"* 1 FETCH (THREADID NIL EMAILID NIL UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (EMAILID (a/b) UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (SAVEDATE NIL UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (SAVEDATE \"17-Jul-1996 02:44:25 -0700\" UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (PREVIEW \"say \\\"UID 9\\\"\" UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (PREVIEW {7}\r\nx UID 9 UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (X-GM-LABELS (\"\\\\Sent\" foo {3}\r\n)) UID 7)", "other"},
        {"* 1 FETCH (X-GM-LABELS (\"\\\\Sent\" foo {2}\r\n))) UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (X-GM-THRID 1266894439832287888 UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (BINARY.SIZE[1] 55 UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (X-FOO ((a (b)) \")\") UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (ENVELOPE (NIL \"a \\\" ( b\" NIL) UID 7)", "fetch seq=1 uid=7"},
    };
    CHECK(units);
}

static void malformed_fetch_items_cost_only_themselves(void **state)
{
    static const struct unit units[] = {
        {"* 1 FETCH (UID 0 FLAGS (a))", "fetch seq=1 flags=<a>"},
        {"* 1 FETCH (UID 4294967296 FLAGS (a))", "fetch seq=1 flags=<a>"},
        {"* 1 FETCH (UID NIL FLAGS (a))", "fetch seq=1 flags=<a>"},
        {"* 1 FETCH (UID -7 FLAGS (a))", "fetch seq=1 flags=<a>"},
        {"* 1 FETCH (RFC822.SIZE 99999999999999999999 UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (RFC822.SIZE NIL UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (MODSEQ 5 UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (INTERNALDATE \"17-Jul-1996 02:44:25 (x)\" UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (INTERNALDATE \"17-Jul-1996 25:44:25 -0700\" UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (EMAILID () UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (BODY[(] NIL UID 7)", "other"},
        {"* 1 FETCH (BODY[", "other"},
        {"* 1 FETCH (BODY[]<x> NIL UID 7)", "other"},
        {"* 1 FETCH (MODSEQ (9223372036854775808) UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (MODSEQ (9223372036854775807) UID 7)",
         "fetch seq=1 uid=7 modseq=9223372036854775807"},
        {"* 1 FETCH (FLAGS NIL UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (INTERNALDATE NIL UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (INTERNALDATE \"\" UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (INTERNALDATE \"yesterday\" UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (INTERNALDATE \"32-Jan-2020 00:00:00 +0000\" UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (INTERNALDATE \"31-Feb-2020 00:00:00 +0000\" UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (INTERNALDATE \"01-Foo-2020 00:00:00 +0000\" UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (INTERNALDATE \"01-Jan-2020 24:00:00 +0000\" UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (INTERNALDATE \"01-Jan-2020 00:00:00 +0060\" UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (INTERNALDATE \"01-Jan-2020 00:00:00 +9900\" UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (INTERNALDATE \"99999999999-Jan-2020 00:00:00 +0000\" UID 7)",
         "fetch seq=1 uid=7"},
        {"* 1 FETCH (UID 7 UID 8)", "fetch seq=1 uid=7"},
    };
    CHECK(units);
}

/* Keywords that users choose must not make messages invisible. */
static void odd_flags_cost_nothing(void **state)
{
    static const struct unit units[] = {
        {"* 1 FETCH (UID 7 FLAGS (a]b \\Seen))", "fetch seq=1 uid=7 flags=<a]b><\\Seen>"},
        {"* 1 FETCH (UID 7 FLAGS (\\* x))", "fetch seq=1 uid=7 flags=<\\*><x>"},
        {"* 1 FETCH (UID 7 FLAGS (\\Seenfoo))", "fetch seq=1 uid=7 flags=<\\Seenfoo>"},
        {"* 1 FETCH (UID 7 FLAGS (\\X-Own))", "fetch seq=1 uid=7 flags=<\\X-Own>"},
        {"* 1 FETCH (UID 7 FLAGS ({5}x %y))", "fetch seq=1 uid=7 flags=<{5}x><%y>"},
        {"* 1 FETCH (UID 7 FLAGS (caf\xc3\xa9 NIL))", "fetch seq=1 uid=7 flags=<caf\xc3\xa9><NIL>"},
        {"* 1 FETCH (UID 7 FLAGS (\\))", "fetch seq=1 uid=7 flags=<\\>"},
    };
    CHECK(units);
}

static void bodies(void **state)
{
    static const struct unit nil[] = {
        {"* 1 FETCH (UID 7 BODY[] NIL)", "fetch seq=1 uid=7 body=nil"},
        {"* 1 FETCH (BODY[HEADER.FIELDS (TO \"]\")] NIL UID 7)", "fetch seq=1 uid=7 body=nil"},
        {"* 1 FETCH (BODY[]<0> nil UID 7)", "fetch seq=1 uid=7 body=nil"},
        {"* 1 FETCH (RFC822 NIL UID 7)", "fetch seq=1 uid=7 body=nil"},
        {"* 1 FETCH (BINARY[1] NIL UID 7)", "fetch seq=1 uid=7 body=nil"},
        {"* 1 FETCH (BODY NIL UID 7)", "fetch seq=1 uid=7"},
        {"* 1 FETCH (BODY[ NIL UID 7)", "other"},
    };
    static const struct unit streamed[] = {
        {"* 1 FETCH (UID 7 BODY[] NIL)", "fetch seq=1 uid=7 body"},
    };
    CHECK(nil);
    check_units(state, streamed, 1, true);
}

static void a_body_in_the_unit_is_given(void **state)
{
    static const struct {
        const char *unit, *section, *octets;
    } cases[] = {
        {"* 1 FETCH (BODY[] \"a\\\"b\" UID 7)", "", "a\"b"},
        {"* 1 FETCH (UID 7 BODY[HEADER.FIELDS (TO)]<0> \"\")", "HEADER.FIELDS (TO)", ""},
        {"* 1 FETCH (UID 7 RFC822.HEADER \"x\")", "HEADER", "x"},
        {"* 1 FETCH (UID 7 RFC822.TEXT \"x\")", "TEXT", "x"},
        {"* 1 FETCH (UID 7 RFC822 \"x\")", "", "x"},
        {"* 1 FETCH (UID 7 BINARY[1] ~{3}\r\nxyz)", "1", "xyz"},
        {"* 1 FETCH (UID 7 BODY[1] \"x\" BODY[2] \"y\")", "1", "x"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const struct imap_inline_body *body;
        const struct imap_response *response =
            grammar_parse(*state, cases[i].unit, strlen(cases[i].unit), false, &body);
        assert_int_equal(response->untagged.fetch.uid, 7);
        assert_true(response->untagged.fetch.has_body);
        assert_false(response->untagged.fetch.body_is_nil);
        assert_non_null(body);
        assert_string_equal(body->section, cases[i].section);
        assert_int_equal(body->len, strlen(cases[i].octets));
        assert_memory_equal(body->data, cases[i].octets, body->len);
    }
}

static void without_a_body_none_is_given(void **state)
{
    static const char *const units[] = {
        "* 1 FETCH (BODY[] NIL)",
        "* 5 EXISTS",
        "* 1 FETCH (BODY[] \"x\"",
        "A1 OK x",
    };
    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
        const struct imap_inline_body *body;
        grammar_parse(*state, units[i], strlen(units[i]), false, &body);
        if (body != NULL)
            fail_msg("<%s> has no body", units[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fetch_items_in_any_order),
        cmocka_unit_test(unknown_fetch_items_cost_only_themselves),
        cmocka_unit_test(malformed_fetch_items_cost_only_themselves),
        cmocka_unit_test(odd_flags_cost_nothing),
        cmocka_unit_test(bodies),
        cmocka_unit_test(a_body_in_the_unit_is_given),
        cmocka_unit_test(without_a_body_none_is_given),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
