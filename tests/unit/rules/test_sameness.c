#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules/rule_maker.h"
#include "rules/sameness.h"
#include "rules/samples.h"
#include "rules/util/buffer.h"
#include "rules/util/sha256.h"

#define SENT                                                                                       \
    "From: a@example.org\r\nTo: b@example.org\r\nCc: c@example.org\r\nSubject: Hello\r\n"          \
    "Date: Thu, 1 Jan 2026 00:00:00 +0000\r\nMessage-ID: <1@x>\r\n"
#define TRACE                                                                                      \
    "Return-Path: <a@example.org>\r\nDelivered-To: d@example.org\r\n"                              \
    "Received: from x by y;\r\n\tThu, 1 Jan 2026 00:00:01 +0000\r\n"

/* The body is fed in pieces of that size; 0: all at once. */
static bool try_digest(const char *header_text, enum half half, const char *body, size_t len,
                       size_t piece, unsigned char digest[32])
{
    struct header *header = header_parse(header_text, strlen(header_text));
    struct sameness *sameness = sameness_new();
    if (piece == 0)
        piece = len;
    for (size_t at = 0; at < len; at += piece)
        sameness_body(sameness, body + at, len - at < piece ? len - at : piece);
    bool known = sameness_end(sameness, header, half, digest);
    header_free(header);
    return known;
}

static void digest_of(const char *header_text, const char *body, size_t len, size_t piece,
                      unsigned char digest[32])
{
    assert_true(try_digest(header_text, HALF_RECEIVED, body, len, piece, digest));
}

static bool same(const char *header_a, const char *body_a, const char *header_b, const char *body_b)
{
    unsigned char a[32], b[32];
    digest_of(header_a, body_a, strlen(body_a), 0, a);
    digest_of(header_b, body_b, strlen(body_b), 0, b);
    return memcmp(a, b, 32) == 0;
}

static bool halves(const char *sent, const char *received)
{
    unsigned char a[32], b[32];
    assert_true(try_digest(sent, HALF_SENT, "x\r\n", 3, 0, a));
    assert_true(try_digest(received, HALF_RECEIVED, "x\r\n", 3, 0, b));
    return memcmp(a, b, 32) == 0;
}

/* ---- header ---- */

static void test_sent_and_received_copy(void **state)
{
    (void)state;
    assert_true(halves(SENT "Bcc: d@example.org\r\nX-Mailer: m\r\n", TRACE SENT "X-Mailer: m\r\n"));
    assert_true(halves("Bcc: d@example.org\r\n" SENT, TRACE SENT));
    assert_true(
        halves("Fcc: Sent\r\nX-Mozilla-Draft-Info: x\r\n" SENT "X-Identity-Key: id1\r\n", SENT));
    assert_true(halves(TRACE SENT, TRACE TRACE SENT));
}

/* Transport prepends: what stands below the sender's own fields is the sender's. */
static void test_trace_fields_count_below_the_first_other_field(void **state)
{
    (void)state;
    for (const char *const *name = sameness_trace_fields; *name != NULL; name++) {
        size_t len = strlen(*name) - ((*name)[strlen(*name) - 1] == '*');
        char *field = xasprintf("%.*s: secret\r\n", (int)len, *name);
        char *above = xasprintf("%s%s", field, SENT);
        char *below = xasprintf("%s%s", SENT, field);
        if (!halves(SENT, above))
            fail_msg("%s counts above", *name);
        if (halves(SENT, below))
            fail_msg("%s does not count below", *name);
        free(below);
        free(above);
        free(field);
    }
}

static void test_fields_that_only_a_sent_copy_has_count_in_a_received_one(void **state)
{
    (void)state;
    for (const char *const *name = sameness_sent_fields; *name != NULL; name++) {
        size_t len = strlen(*name) - ((*name)[strlen(*name) - 1] == '*');
        char *with = xasprintf("%s%.*s: secret\r\n", SENT, (int)len, *name);
        if (!halves(with, SENT))
            fail_msg("%s counts in a Sent copy", *name);
        if (halves(SENT, with))
            fail_msg("%s does not count in a received message", *name);
        free(with);
    }
}

static void assert_in_manual(const char *manual, const char *const *names)
{
    for (; *names != NULL; names++) {
        char *quoted = xasprintf(".Ql %s ", *names), *last = xasprintf(".Ql %s\n", *names);
        if (strstr(manual, quoted) == NULL && strstr(manual, last) == NULL)
            fail_msg("%s is not in mailvigil.conf(5)", *names);
        free(quoted);
        free(last);
    }
}

static void test_lists_are_in_the_manual(void **state)
{
    (void)state;
    struct buffer manual = sample_read("../../share/man/mailvigil.conf.5");
    assert_in_manual(manual.data, sameness_trace_fields);
    assert_in_manual(manual.data, sameness_sent_fields);
    buffer_free(&manual);
}

static void test_names_are_whole(void **state)
{
    (void)state;
    assert_false(halves(SENT, "Received-: x\r\n" SENT));
    assert_false(halves(SENT, "Receive: x\r\n" SENT));
    assert_false(halves(SENT, "X-Spam: x\r\n" SENT));
    assert_false(halves(SENT, ">From me Thu Jan  1\r\n" SENT));
    assert_true(halves(SENT, "x-sPAM-anything : x\r\n" SENT));
}

/* In each of them a second message said something else under the identity of the first. */
static void test_nothing_hides_in_a_field(void **state)
{
    static const char *const fields[] = {
        "Content-Type: multipart/mixed; boundary=\"password of the vault\"\r\n",
        "Content-Type: application/zip\r\n",
        "Content-Transfer-Encoding: base64\r\n",
        "Comments: secret\r\n",
        "Reply-To: secret <a@example.org>\r\n",
        "X-Anything: secret\r\n",
        "Subject: Hello\r\n",
        "Bcc: secret\r\n",
        "X-Spam-Report: secret\r\n",
        "not a field\r\n",
        ":\r\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
        char *with = xasprintf("%s%s", SENT, fields[i]);
        if (same(SENT, "x", with, "x"))
            fail_msg("not seen: %s", fields[i]);
        free(with);
    }
}

static void test_order_and_repetition_count(void **state)
{
    (void)state;
    assert_false(same("A: 1\r\nB: 2\r\n", "", "B: 2\r\nA: 1\r\n", ""));
    assert_false(same("A: 1\r\n", "", "A: 1\r\nA: 1\r\n", ""));
    assert_false(same("A: 1\r\nB: 2\r\n", "", "A: 1B: 2\r\n", ""));
    assert_false(same("A: 1\r\n", "B: 2\r\n", "A: 1\r\nB: 2\r\n", ""));
}

static void test_folding_does_not_count(void **state)
{
    (void)state;
    assert_true(same("Subject: a b\r\n", "", "Subject: a\r\n b\r\n", ""));
    assert_true(same("Subject: a b\r\n", "", "Subject: a\n b\n", ""));
    assert_false(same("Subject: a b\r\n", "", "Subject: a\r\n  b\r\n", ""));
    assert_false(same("Subject: a\r b\r\n", "", "Subject: a b\r\n", ""));
    assert_false(same("Subject: ab\r\n", "", "Subject: a\r\n b\r\n", ""));
}

static void test_a_header_in_doubt_is_the_same_as_no_other(void **state)
{
    (void)state;
    struct buffer text = {0};
    unsigned char digest[32];
    while (text.len <= SAMENESS_TRACE_MAX)
        buffer_text(&text, "Received: from x by y\r\n");
    buffer_text(&text, SENT);
    assert_false(try_digest(text.data, HALF_RECEIVED, "x", 1, 0, digest));
    buffer_free(&text);
    for (size_t i = 0; i <= HEADER_FIELDS_MAX; i++)
        buffer_text(&text, "A:\r\n");
    assert_false(try_digest(text.data, HALF_SENT, "x", 1, 0, digest));
    buffer_free(&text);
    while (text.len <= SAMENESS_SENT_MAX)
        buffer_text(&text, "Bcc: many@example.org\r\n");
    assert_true(try_digest(text.data, HALF_SENT, "x", 1, 0, digest));
    buffer_free(&text);
    while (text.len <= SAMENESS_SENT_MAX)
        buffer_text(&text, "X-Mozilla-Note: secret\r\n");
    assert_false(try_digest(text.data, HALF_SENT, "x", 1, 0, digest));
    buffer_free(&text);
}

/* ---- body ---- */

static void test_every_octet_of_the_body_counts(void **state)
{
    static const char body[] = "one\r\n\r\n two\r \nthree\r\r\n\0four\n\n\nfive\r\n\r\n\n";
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

static void test_line_ends(void **state)
{
    static const struct {
        const char *a, *b;
        bool same;
    } cases[] = {
        {"", "\r\n", false},     {"a", "a\r\n", true},         {"a\r\n", "a\n", true},
        {"a\n", "a\n\n", false}, {"a\r\nb\r\n", "a\nb", true}, {"a\r\n\r\nb", "a\r\nb", false},
        {"\r\na", "a", false},   {"a \r\n", "a\r\n", false},   {"a\r\n \r\n", "a\r\n", false},
        {"a\r", "a", false},     {"a\r\r\n", "a\r\n", false},  {"a\r\r\n", "a\r", true},
        {"a\r\nb", "ab", false}, {"a\rb", "a\nb", false},      {"\n\r\n", "\r\n\n", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        if (same(SENT, cases[i].a, SENT, cases[i].b) != cases[i].same)
            fail_msg("case %zu: expected %s", i, cases[i].same ? "the same" : "another");
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

/* ---- both: any change of any octet ---- */

#define WHOLE                                                                                      \
    "Return-Path: <a@example.org>\r\nReceived: from x by y;\r\n\tThu, 1 Jan 2026\r\n" SENT         \
    "Received: by the sender\r\nComments: a\r\n  b\r\n"

static void test_every_octet_below_the_trace_fields_counts(void **state)
{
    size_t trace = strlen(WHOLE) - strlen(strstr(WHOLE, "From:"));
    unsigned char whole[32], digest[32];
    (void)state;
    digest_of(WHOLE, "body", 4, 0, whole);
    for (size_t i = trace; i < strlen(WHOLE); i++)
        for (unsigned bit = 0; bit < 7; bit++) {
            char *changed = xstrdup(WHOLE);
            changed[i] = (char)(changed[i] ^ 1 << bit);
            /* No NUL in these texts, and no empty line that would end the header. */
            bool whole_text = changed[i] != '\0' && strstr(changed, "\n\r\n") == NULL &&
                              strstr(changed, "\n\n") == NULL;
            if (whole_text && try_digest(changed, HALF_RECEIVED, "body", 4, 0, digest) &&
                memcmp(whole, digest, 32) == 0)
                fail_msg("bit %u of octet %zu does not count", bit, i);
            free(changed);
        }
}

/* ---- copies of our own ---- */

static bool copy_digest(const char *header_text, const char *body, unsigned char digest[32])
{
    unsigned char body_sha256[32];
    EVP_MD_CTX *context = sha256_new();
    sha256_add(context, body, strlen(body));
    sha256_end(context, body_sha256);
    struct header *header = header_parse(header_text, strlen(header_text));
    bool known = sameness_of_copy(header, body_sha256, digest);
    header_free(header);
    return known;
}

static void test_octets_of_a_copy(void **state)
{
    unsigned char sent[32], digest[32];
    (void)state;
    assert_true(copy_digest("X-Monitor-Id: x\r\n" SENT, "body", sent));
    assert_true(copy_digest(TRACE "X-Monitor-Id: x\r\n" SENT, "body", digest));
    assert_memory_equal(sent, digest, 32);
    assert_true(copy_digest("X-Monitor-Id: x\r\n" SENT "X-Spam-Report: a\r\n", "body", digest));
    assert_memory_not_equal(sent, digest, 32);
    assert_true(copy_digest("X-Monitor-Id: x\r\n" SENT, "Body", digest));
    assert_memory_not_equal(sent, digest, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sent_and_received_copy),
        cmocka_unit_test(test_trace_fields_count_below_the_first_other_field),
        cmocka_unit_test(test_fields_that_only_a_sent_copy_has_count_in_a_received_one),
        cmocka_unit_test(test_lists_are_in_the_manual),
        cmocka_unit_test(test_names_are_whole),
        cmocka_unit_test(test_nothing_hides_in_a_field),
        cmocka_unit_test(test_order_and_repetition_count),
        cmocka_unit_test(test_folding_does_not_count),
        cmocka_unit_test(test_a_header_in_doubt_is_the_same_as_no_other),
        cmocka_unit_test(test_every_octet_of_the_body_counts),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_line_ends),
        cmocka_unit_test(test_given_up),
        cmocka_unit_test(test_every_octet_below_the_trace_fields_counts),
        cmocka_unit_test(test_octets_of_a_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
