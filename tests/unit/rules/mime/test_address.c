#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules/mime/address.h"
#include "rules/util/buffer.h"

/* Addresses joined by a blank, then "/" and the number of skipped ones if any. */
static char *read_all(const char *text, size_t len)
{
    struct address_list list = {0};
    address_list_parse(&list, text, len);
    struct buffer out = {0};
    buffer_text(&out, "");
    for (size_t i = 0; i < list.count; i++) {
        if (i > 0)
            buffer_char(&out, ' ');
        buffer_text(&out, list.addresses[i]);
    }
    if (list.skipped > 0)
        buffer_printf(&out, "/%zu", list.skipped);
    address_list_clear(&list);
    return buffer_take(&out);
}

static void test_lists(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"", ""},
        {"a@b.c", "a@b.c"},
        {"Alice@EXAMPLE.Org", "Alice@example.org"},
        {"Alice <a@b.c>, Bob <d@e.f>", "a@b.c d@e.f"},
        {"a@b.c, A@B.C, a@b.c", "a@b.c"},
        {"a@b.c; d@e.f", "a@b.c d@e.f"},
        {"a,,b", "/2"},
        {",,, a@b.c ,,", "a@b.c"},
        {"<>", ""},
        {"Foo Bar", "/1"},
        {"Foo Bar <a@b.c>", "a@b.c"},
        {"a@b.c d@e.f", "a@b.c d@e.f"},
        {"<a@b.c> <d@e.f>", "a@b.c d@e.f"},
        {"<a@b.c, d@e.f>", "a@b.c d@e.f"},
        {"Foo <a@b.c, Bar <d@e.f>", "a@b.c d@e.f"},
        {"Foo <a@b.c", "a@b.c"},
        {"a@b.c>", "a@b.c"},
        /* RFC 5322 appendix A */
        {"\"Joe Q. Public\" <john.q.public@example.com>", "john.q.public@example.com"},
        {"Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
         "mary@x.test jdoe@example.org one@y.test"},
        {"<boss@nil.test>, \"Giant; \\\"Big\\\" Box\" <sysservices@example.net>",
         "boss@nil.test sysservices@example.net"},
        {"A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
         "c@a.test joe@where.test jdoe@one.test"},
        {"Undisclosed recipients:;", ""},
        {"(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;", ""},
        {"Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", "pete@silly.test"},
        {"A Group(Some people)\r\n  :Chris Jones <c@(Chris's host.)public.example>,\r\n"
         "   joe@example.org,\r\n John <jdoe@one.test> (my dear friend); (the end of the group)",
         "c@public.example joe@example.org jdoe@one.test"},
        {"Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example",
         "mary@example.net jdoe@test.example"},
        {"John Doe <jdoe@machine(comment).  example>", "jdoe@machine.example"},
        {"Joe Q. Public <john.q.public@example.com>", "john.q.public@example.com"},
        /* obsolete routes */
        {"<@a,@b:c@d>", "c@d"},
        {"<@a.example,@b.example:c@d.example>, e@f", "c@d.example e@f"},
        /* quoted local parts */
        {"\"john doe\"@example.org", "\"john doe\"@example.org"},
        {"\"a@b\"@example.org", "\"a@b\"@example.org"},
        {"\"a\\\"b\"@example.org", "\"a\\\"b\"@example.org"},
        {"\"a\\\\\"@example.org", "\"a\\\\\"@example.org"},
        {"\"a\\\001 b\\\r\"@example.org", "\"a b\"@example.org/1"},
        {"\"bob\"@example.org", "bob@example.org"},
        {"\"bob.x\"@example.org", "bob.x@example.org"},
        {"\"bob.\"@example.org", "\"bob.\"@example.org"},
        {"\".bob\"@example.org", "\".bob\"@example.org"},
        {"\"\"@example.org", "\"\"@example.org"},
        {"<\"x, y\"@example.org>", "\"x, y\"@example.org"},
        /* display names that look like addresses */
        {"ceo@example.org <x@y.z>", "x@y.z"},
        {"\"ceo@example.org\" <x@y.z>", "x@y.z"},
        {"ceo@example.org Boss <x@y.z>", "x@y.z"},
        {"'bob@example.org'", "bob@example.org"},
        {"'bob@example.org' <bob@example.org>", "bob@example.org"},
        {"o'neil@example.org", "o'neil@example.org"},
        /* encoded words */
        {"=?utf-8?Q?J=C3=B6rg?= <j@x.y>", "j@x.y"},
        {"=?utf-8?B?SsO2cmc=?= <j@x.y>, k@x.y", "j@x.y k@x.y"},
        {"=?utf-8?Q?a@b, c?= <j@x.y>", "j@x.y/1"},
        /* odds and ends */
        {"\"'x\"@example.org", "\"'x\"@example.org"},
        {"a@\"b\"", "/1"},
        {"a@[1", "a@1"},
        {"a@b.c:d@e.f", "a@b.c d@e.f"},
        {"mailto:a@b.c", "a@b.c"},
        {"<mailto:a@b.c>", "a@b.c"},
        {"<a@b.c:25>", "a@b.c/1"},
        {"a@b.c.", "a@b.c"},
        {"a@b.c..., d@e.f", "a@b.c d@e.f"},
        {"a@b.c. Foo <d@e.f>", "d@e.f"},
        {"a@[192.0.2.1]", "a@[192.0.2.1]"},
        {"a@[IPv6:2001:DB8::1]", "a@[ipv6:2001:db8::1]"},
        {"<a@[ 192.0.2.1 ]>", "a@[192.0.2.1]"},
        {"a@[, b@c]", "b@c/1"},
        {"[EXTERNAL] Bob <b@c.d>", "b@c.d"},
        {"a@[]", "/1"},
        {"a@[1]b", "/1"},
        {"@b.c", "/1"},
        {"a@", "/1"},
        {"a@@b", "/1"},
        {"a@b@c", "/1"},
        {"a@.b", "/1"},
        {"x y@z", "y@z"},
        {"J\xc3\xb6rg@b\xc3\xbc"
         "cher.example",
         "J\xc3\xb6rg@b\xc3\xbc"
         "cher.example"},
        {"(bob@example.org, a@b.c", "bob@example.org a@b.c"},
        {"\"open a@b.c, d@e.f", "a@b.c d@e.f"},
        {"a\\@b@c", "/1"},
        {"a@b.c (Foo, Bar), d@e.f", "a@b.c d@e.f"},
        {"Doe, John <j@d.x>", "j@d.x/1"},
        {"a@b.c\r\n\t,d@e.f\r\n", "a@b.c d@e.f"},
        {"Group: a@b.c; , Other: d@e.f", "a@b.c d@e.f"},
        {"List: One: a@b.c, d@e.f;;", "a@b.c d@e.f"},
    };
    int wrong = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char *got = read_all(cases[i].text, strlen(cases[i].text));
        if (strcmp(got, cases[i].want) != 0) {
            print_error("%s: got \"%s\", want \"%s\"\n", cases[i].text, got, cases[i].want);
            wrong++;
        }
        free(got);
    }
    assert_int_equal(wrong, 0);
}

static void add_joined(struct buffer *out, char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buffer_text(out, i > 0 ? " | " : "");
        buffer_text(out, texts[i]);
    }
}

/* What cannot be read is kept as written, with the addresses that others may find in it. */
static void test_unreadable(void **state)
{
    (void)state;
    static const struct {
        const char *text, *written, *readings, *addresses;
    } cases[] = {
        {"bob@example.org, <\"rival@outside.test\">", "<\"rival@outside.test\">",
         "rival@outside.test", "bob@example.org"},
        {"Bob <\"rival@outside.test\">", "Bob <\"rival@outside.test\">", "rival@outside.test", ""},
        {"\"rival@outside.test\"", "\"rival@outside.test\"", "rival@outside.test", ""},
        {"\"rival@outside.test\" bob@example.org", "\"rival@outside.test\" bob@example.org",
         "rival@outside.test | bob@example.org", "bob@example.org"},
        {"<bob@example.org \"rival@outside.test\">", "<bob@example.org \"rival@outside.test\">",
         "bob@example.org | rival@outside.test", "bob@example.org"},
        {"<\"rival@outside.test\":bob@example.org>", "<\"rival@outside.test\":bob@example.org>",
         "rival@outside.test | bob@example.org", "bob@example.org"},
        {"bob@example.org <\"rival@outside.test\">", "bob@example.org <\"rival@outside.test\">",
         "bob@example.org | rival@outside.test", ""},
        {"\"rival@outside.test\" <>", "\"rival@outside.test\" <>", "rival@outside.test", ""},
        {"=?utf-8?q?rival?=@outside.test", "=?utf-8?q?rival?=@outside.test", "rival@outside.test",
         ""},
        {"<=?utf-8?q?rival=40outside.test?=>", "<=?utf-8?q?rival=40outside.test?=>",
         "rival@outside.test", ""},
        {"=?utf-8?b?cml2YWxAb3V0c2lkZS50ZXN0?=", "=?utf-8?b?cml2YWxAb3V0c2lkZS50ZXN0?=",
         "rival@outside.test", ""},
        {"a@b.x@c.test", "a@b.x@c.test", "a@b.x | b.x@c.test", ""},
        {"rival@outside.test@", "rival@outside.test@", "rival@outside.test", ""},
        {"rival", "rival", "", ""},
        {"Doe, John <j@d.x>", "Doe", "", "j@d.x"},
        {"us: rival@@outside.test, b@c.d;", "us: rival@@outside.test", "", "b@c.d"},
        {"a@[1]b , c@d.e", "a@[1]b", "", "c@d.e"},
        {"bob@example.org\001.evil.test", "bob@example.org.evil.test", "bob@example.org.evil.test",
         "bob@example.org.evil.test"},
        {"bob@example.org\r.evil.test", "bob@example.org .evil.test", "bob@example.org",
         "bob@example.org.evil.test"},
        {"x <rival@@\r\n outside.test>", "x <rival@@ outside.test>", "", ""},
        /* these are no recipients, or readable */
        {"undisclosed-recipients:;", "", "", ""},
        {"<>", "", "", ""},
        {" \r\n ", "", "", ""},
        {"(rival@outside.test)", "", "", ""},
        {"Sales @ Company <a@b.c>", "", "", "a@b.c"},
        {"\"rival@outside.test\" <bob@example.org>", "", "", "bob@example.org"},
        {"\"a@b\"@example.org", "", "", "\"a@b\"@example.org"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct address_list list = {0};
        address_list_parse(&list, cases[i].text, strlen(cases[i].text));
        struct buffer got = {0}, want = {0};
        add_joined(&got, list.unreadable, list.n_unreadable);
        buffer_text(&got, " ; ");
        if (list.readings != NULL)
            add_joined(&got, list.readings->addresses, list.readings->count);
        buffer_text(&got, " ; ");
        add_joined(&got, list.addresses, list.count);
        buffer_printf(&want, "%s ; %s ; %s", cases[i].written, cases[i].readings,
                      cases[i].addresses);
        assert_string_equal(got.data, want.data);
        assert_int_equal(list.skipped > 0, list.n_unreadable > 0);
        buffer_free(&got);
        buffer_free(&want);
        address_list_clear(&list);
    }
}

static void test_the_mail_system_is_nobody(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool daemon;
    } cases[] = {
        {"MAILER-DAEMON", true},
        {"Mail Delivery Subsystem <MAILER-DAEMON>", true},
        {"Mailer-Daemon, <mailer-daemon>", true},
        {"<MAILER-DAEMON>, bob", false},
        {"<bob> <MAILER-DAEMON>", false},
        {"bob", false},
        {"<>", false},
        {"MAILER-DAEMON@x.test", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct address_list list = {0};
        address_list_parse(&list, cases[i].text, strlen(cases[i].text));
        print_message("case %zu\n", i);
        assert_int_equal(address_list_daemon(&list, 0), cases[i].daemon);
        address_list_clear(&list);
    }
}

static void test_unreadable_is_bounded(void **state)
{
    (void)state;
    struct buffer text = {0};
    for (int i = 0; i < ADDRESS_UNREADABLE_MAX + 50; i++)
        buffer_printf(&text, "\"u%d@outside.test\",", i);
    for (int i = 0; i < 1000; i++)
        buffer_text(&text, "\xc3\xa9");
    struct address_list list = {0};
    address_list_parse(&list, text.data, text.len);
    assert_int_equal(list.skipped, ADDRESS_UNREADABLE_MAX + 51);
    assert_int_equal(list.n_unreadable, ADDRESS_UNREADABLE_MAX);
    assert_int_equal(list.readings->count, ADDRESS_UNREADABLE_MAX + 50);
    address_list_clear(&list);
    address_list_parse(&list, text.data + text.len - 2000, 2000);
    assert_int_equal(strlen(list.unreadable[0]), ADDRESS_WRITTEN_MAX);
    address_list_clear(&list);
    buffer_free(&text);
}

static void test_scan(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"", ""},
        {"no address @ all", ""},
        {"\"no-reply@Shop.test\" <x@y.z>", "no-reply@shop.test x@y.z"},
        {"(a@b.c) 'd@e.f', <mailto:g@h.i>", "a@b.c d@e.f g@h.i"},
        {"@@@@@@@@", ""},
        {"a@b@c", "a@b b@c"},
        {"x@[192.0.2.1]", ""},
        {"x@y.z. And", "x@y.z"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct address_list list = {0};
        struct buffer got = {0};
        address_list_scan(&list, cases[i].text, strlen(cases[i].text));
        buffer_text(&got, "");
        for (size_t n = 0; n < list.count; n++)
            buffer_printf(&got, "%s%s", n > 0 ? " " : "", list.addresses[n]);
        assert_string_equal(got.data, cases[i].want);
        buffer_free(&got);
        address_list_clear(&list);
    }
}

static void test_sub_addresses(void **state)
{
    (void)state;
    assert_true(address_belongs("bob@example.org", "Bob+tag@Example.org"));
    assert_true(address_belongs("bob@example.org", "bob@example.org"));
    assert_true(address_belongs("bob+x@example.org", "bob+x@example.org"));
    assert_true(address_belongs("bob@example.org", "bob+@example.org"));
    assert_false(address_belongs("bob@example.org", "bobby+tag@example.org"));
    assert_false(address_belongs("bob@example.org", "bob-tag@example.org"));
    assert_false(address_belongs("bob@example.org", "bob+tag@example.net"));
    assert_false(address_belongs("bob@example.org", "bob@x+@example.org"));
    assert_false(address_belongs("", "bob@example.org"));
    assert_false(address_belongs("bob", "bob+x"));
}

static void repeat(struct buffer *text, const char *what, int times)
{
    for (int i = 0; i < times; i++)
        buffer_text(text, what);
}

static void assert_reads(struct buffer *text, const char *want)
{
    char *got = read_all(text->data, text->len);
    assert_string_equal(got, want);
    free(got);
    buffer_free(text);
}

static void test_comments_nested_deeply(void **state)
{
    (void)state;
    struct buffer text = {0};
    repeat(&text, "(", 10000);
    repeat(&text, ")", 10000);
    buffer_text(&text, " a@b.c");
    assert_reads(&text, "a@b.c");
}

static void test_what_is_never_closed_costs_no_square(void **state)
{
    (void)state;
    static const char *const opening[] = {"(", "\"", "<", "a@[", "[", "((\"", "<@"};
    for (size_t i = 0; i < sizeof(opening) / sizeof(*opening); i++) {
        struct buffer text = {0};
        repeat(&text, opening[i], 1000000);
        buffer_text(&text, ", z@b.c");
        char *got = read_all(text.data, text.len);
        print_message("%s\n", opening[i]);
        assert_non_null(strstr(got, "z@b.c"));
        free(got);
        buffer_free(&text);
    }
}

static void test_ten_thousand_recipients(void **state)
{
    (void)state;
    struct buffer text = {0};
    for (int i = 0; i < 10000; i++)
        buffer_printf(&text, "\"User, %d\" <user%d@example.org>,\r\n ", i, i);
    struct address_list list = {0};
    address_list_parse(&list, text.data, text.len);
    assert_int_equal(list.count, 10000);
    assert_int_equal(list.skipped, 0);
    assert_string_equal(list.addresses[9999], "user9999@example.org");
    assert_true(address_list_has(&list, "USER77@example.org"));
    assert_false(address_list_has(&list, "user10000@example.org"));
    address_list_clear(&list);
    buffer_free(&text);
}

static void test_a_full_list_counts_the_rest(void **state)
{
    (void)state;
    struct buffer text = {0};
    for (int i = 0; i < ADDRESS_LIST_MAX + 5; i++)
        buffer_printf(&text, "u%d@x,", i);
    struct address_list list = {0};
    address_list_parse(&list, text.data, text.len);
    assert_int_equal(list.count, ADDRESS_LIST_MAX);
    assert_int_equal(list.skipped, 5);
    address_list_clear(&list);
    buffer_free(&text);
}

static void test_a_long_address_is_skipped(void **state)
{
    (void)state;
    struct buffer text = {0};
    repeat(&text, "a", ADDRESS_MAX - 3);
    buffer_text(&text, "@b, ");
    repeat(&text, "c", ADDRESS_MAX);
    buffer_text(&text, "@d, e@");
    repeat(&text, "f", 1000000);
    buffer_text(&text, ", g@h");
    struct address_list list = {0};
    address_list_parse(&list, text.data, text.len);
    assert_int_equal(list.count, 2);
    assert_int_equal(list.skipped, 2);
    assert_string_equal(list.addresses[1], "g@h");
    address_list_clear(&list);
    buffer_free(&text);
}

static void test_controls_never_reach_an_address(void **state)
{
    (void)state;
    static const char text[] = "a\0b@c.d, \"x\r\ny\"@e.f, g@h\001.i";
    struct address_list list = {0};
    address_list_parse(&list, text, sizeof(text) - 1);
    for (size_t i = 0; i < list.count; i++)
        for (const char *c = list.addresses[i]; *c != '\0'; c++)
            assert_true((unsigned char)*c >= ' ');
    assert_true(list.count >= 2);
    address_list_clear(&list);
}

static void test_compare(void **state)
{
    (void)state;
    assert_true(address_same("A@b", "a@B"));
    assert_false(address_same("a@b", "a@bc"));
    assert_false(address_same("a@bc", "a@b"));
    assert_string_equal(address_domain("\"a@b\"@c"), "c");
    assert_null(address_domain("none"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_unreadable),
        cmocka_unit_test(test_the_mail_system_is_nobody),
        cmocka_unit_test(test_unreadable_is_bounded),
        cmocka_unit_test(test_scan),
        cmocka_unit_test(test_sub_addresses),
        cmocka_unit_test(test_comments_nested_deeply),
        cmocka_unit_test(test_what_is_never_closed_costs_no_square),
        cmocka_unit_test(test_ten_thousand_recipients),
        cmocka_unit_test(test_a_full_list_counts_the_rest),
        cmocka_unit_test(test_a_long_address_is_skipped),
        cmocka_unit_test(test_controls_never_reach_an_address),
        cmocka_unit_test(test_compare),
    };
    return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
