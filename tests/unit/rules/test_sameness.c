#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules/rule_maker.h"
#include "rules/sameness.h"

#define SENT                                                                                       \
    "From: a@example.org\r\nTo: b@example.org\r\nCc: c@example.org\r\nSubject: Hello\r\n"          \
    "Date: Thu, 1 Jan 2026 00:00:00 +0000\r\nMessage-ID: <1@x>\r\n"

/* The body is fed in pieces of that size; 0: all at once. */
static void digest_of(const char *header_text, const char *body, size_t len, size_t piece,
                      unsigned char digest[32])
{
    struct header *header = header_parse(header_text, strlen(header_text));
    struct sameness *sameness = sameness_new();
    if (piece == 0)
        piece = len;
    for (size_t at = 0; at < len; at += piece)
        sameness_body(sameness, body + at, len - at < piece ? len - at : piece);
    sameness_end(sameness, header, digest);
    header_free(header);
}

static bool same(const char *header_a, const char *body_a, const char *header_b, const char *body_b)
{
    unsigned char a[32], b[32];
    digest_of(header_a, body_a, strlen(body_a), 0, a);
    digest_of(header_b, body_b, strlen(body_b), 0, b);
    return memcmp(a, b, 32) == 0;
}

static void test_sent_and_received_copy(void **state)
{
    (void)state;
    assert_true(same(SENT "Bcc: d@example.org\r\nX-Mailer: m\r\n", "Hello\r\n",
                     "Return-Path: <a@example.org>\r\nDelivered-To: d@example.org\r\n"
                     "Received: from x by y;\r\n\tThu, 1 Jan 2026 00:00:01 +0000\r\n" SENT
                     "X-Mailer: m\r\n",
                     "Hello\r\n\r\n"));
}

static void test_each_field_counts(void **state)
{
    static const char *const names[] = {"From", "To", "Cc", "Subject", "Date", "Message-ID"};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        char *changed = xstrdup(SENT);
        char *field = strstr(changed, names[i]);
        field[strcspn(field, "\r") - 1] ^= 1;
        if (same(SENT, "Hello\r\n", changed, "Hello\r\n"))
            fail_msg("one octet in %s does not count", names[i]);
        free(changed);
    }
}

static void test_a_second_message_with_the_id_of_the_first(void **state)
{
    (void)state;
    assert_false(same(SENT, "Hello\r\n", SENT, "Other\r\n"));
    assert_false(same(SENT, "Hello\r\n", SENT "Subject: Hello\r\n", "Hello\r\n"));
}

static void test_folding_does_not_count(void **state)
{
    (void)state;
    assert_true(same("Subject: a b\r\n", "", "Subject: a\r\n b\r\n", ""));
    assert_true(same("Subject: a b\r\n", "", "Subject: a\n b\n", ""));
}

static void test_every_octet_of_the_body_counts(void **state)
{
    static const char body[] = "one\r\n\r\n two\r \nthree\r\r\n\0four\n\n\nfive";
    (void)state;
    size_t len = sizeof(body) - 1;
    unsigned char whole[32];
    digest_of(SENT, body, len, 0, whole);
    for (size_t i = 0; i < len; i++) {
        char changed[sizeof(body)];
        unsigned char digest[32];
        memcpy(changed, body, sizeof(body));
        changed[i] ^= 1;
        digest_of(SENT, changed, len, 0, digest);
        if (memcmp(whole, digest, 32) == 0)
            fail_msg("octet %zu does not count", i);
    }
}

static void test_pieces(void **state)
{
    static const char *const bodies[] = {
        "",   "\r\n", "\n\n\n",  "a",        "a\r\n\r\n\r\n", "a\n\r\n\n", "\r\n\r\na\r\n\r\nb\r\n",
        "\r", "a\r",  "a\r\r\n", "\r\r\n\n", "a\r\nb\rc\nd",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
        unsigned char whole[32];
        digest_of(SENT, bodies[i], strlen(bodies[i]), 0, whole);
        for (size_t piece = 1; piece <= strlen(bodies[i]); piece++) {
            unsigned char digest[32];
            digest_of(SENT, bodies[i], strlen(bodies[i]), piece, digest);
            if (memcmp(whole, digest, 32) != 0)
                fail_msg("body %zu in pieces of %zu has another digest", i, piece);
        }
    }
}

static void test_empty_lines_at_the_end(void **state)
{
    static const struct {
        const char *a, *b;
        bool same;
    } cases[] = {
        {"", "\r\n", true},         {"", "\n\r\n\n", true},         {"a", "a\r\n", true},
        {"a\r\n", "a\n\n\n", true}, {"a\r\nb\r\n", "a\nb\n", true}, {"a\r\n\r\nb", "a\r\nb", false},
        {"\r\na", "a", false},      {"a \r\n", "a\r\n", false},     {"a\r\n \r\n", "a\r\n", false},
        {"a\r", "a", false},        {"a\r\r\n", "a\r\n", false},    {"a\r\r\n", "a\r", true},
        {"a\r\nb", "ab", false},    {"a\rb", "a\nb", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        if (same(SENT, cases[i].a, SENT, cases[i].b) != cases[i].same)
            fail_msg("case %zu: expected %s", i, cases[i].same ? "the same" : "another");
}

static void test_many_empty_lines_within(void **state)
{
    (void)state;
    char few[300], more[300];
    memset(few, '\n', sizeof(few));
    memset(more, '\n', sizeof(more));
    strcpy(few + 199, "x");
    strcpy(more + 200, "x");
    assert_false(same(SENT, few, SENT, more));
    assert_true(same(SENT, few, SENT, few));
}

static void test_given_up(void **state)
{
    (void)state;
    struct sameness *sameness = sameness_new();
    sameness_body(sameness, "x", 1);
    sameness_body(sameness, NULL, 0);
    sameness_free(sameness);
    sameness_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sent_and_received_copy),
        cmocka_unit_test(test_each_field_counts),
        cmocka_unit_test(test_a_second_message_with_the_id_of_the_first),
        cmocka_unit_test(test_folding_does_not_count),
        cmocka_unit_test(test_every_octet_of_the_body_counts),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_empty_lines_at_the_end),
        cmocka_unit_test(test_many_empty_lines_within),
        cmocka_unit_test(test_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
