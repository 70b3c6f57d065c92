#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/reflect/answer.h"
#include "rules/util/memory.h"

#define TO "scout@company.test"
#define REPLY_TO "probe@example.org"
#define SECOND UINT64_C(1000000)
#define NOW (UINT64_C(1767225600) * SECOND)

static const struct token_keys keys = {.count = 1, .keys = {{"0123456789abcdef", 16}}};
static const struct token_keys other_keys = {.count = 1, .keys = {{"fedcba9876543210", 16}}};
static const struct answer_rules rules = {&keys, TO, REPLY_TO};

static void make_token(uint64_t sent_us, const struct token_keys *with, const char *to,
                       const char *reply_to, char text[TOKEN_LEN + 1])
{
    static const unsigned char id[TOKEN_PROBE_ID] = {1}, nonce[TOKEN_NONCE] = {2};
    struct probe_token token;

    token_make(&token, &with->keys[0], id, nonce, sent_us / 1000, to, reply_to);
    token_write(&token, text);
}

static struct probe_mail probe_sent(uint64_t sent_us)
{
    struct probe_mail mail = {.has_probe_field = true};

    make_token(sent_us, &keys, TO, REPLY_TO, mail.probe_field);
    memcpy(mail.subject_probe, mail.probe_field, sizeof(mail.probe_field));
    return mail;
}

static enum answer_decision decide(const struct probe_mail *mail)
{
    struct probe_token token;

    return answer_decide(&rules, mail, false, NOW, &token);
}

static void test_a_probe_is_answered(void **state)
{
    struct probe_mail mail = probe_sent(NOW), without;
    struct probe_token token = {{0}};
    char text[TOKEN_LEN + 1];
    (void)state;

    assert_int_equal(answer_decide(&rules, &mail, false, NOW, &token), ANSWER_YES);
    token_write(&token, text);
    assert_string_equal(text, mail.probe_field);
    without = mail;
    without.subject_probe[0] = '\0';
    assert_int_equal(decide(&without), ANSWER_YES);
    without = mail;
    without.has_probe_field = false;
    without.probe_field[0] = '\0';
    assert_int_equal(decide(&without), ANSWER_YES);
}

static void test_tokens(void **state)
{
    struct probe_mail mail = {0};
    (void)state;

    assert_int_equal(decide(&mail), ANSWER_NO_TOKEN);
    make_token(NOW, &other_keys, TO, REPLY_TO, mail.subject_probe);
    assert_int_equal(decide(&mail), ANSWER_NOT_OURS);
    make_token(NOW, &keys, TO, "attacker@example.org", mail.subject_probe);
    assert_int_equal(decide(&mail), ANSWER_NOT_OURS);
    make_token(NOW, &keys, "else@company.test", REPLY_TO, mail.subject_probe);
    assert_int_equal(decide(&mail), ANSWER_NOT_OURS);
    make_token(NOW, &keys, TO, REPLY_TO, mail.subject_probe);
    assert_int_equal(decide(&mail), ANSWER_YES);
    mail.has_probe_field = true; /* the field goes before the Subject */
    make_token(NOW, &other_keys, TO, REPLY_TO, mail.probe_field);
    assert_int_equal(decide(&mail), ANSWER_NOT_OURS);
    make_token(NOW - SECOND, &keys, TO, REPLY_TO, mail.probe_field);
    assert_int_equal(decide(&mail), ANSWER_STRANGE); /* they do not say the same */
}

static void test_freshness(void **state)
{
    static const struct {
        int64_t ago; /* milliseconds */
        enum answer_decision decision;
    } cases[] = {
        {0, ANSWER_YES},
        {-ANSWER_FRESH_BEFORE * 1000LL, ANSWER_YES},
        {-ANSWER_FRESH_BEFORE * 1000LL - 1, ANSWER_STALE},
        {ANSWER_FRESH_AFTER * 1000LL, ANSWER_YES},
        {ANSWER_FRESH_AFTER * 1000LL + 1, ANSWER_STALE},
        {(int64_t)(NOW / 1000), ANSWER_STALE},
        {(int64_t)(NOW / 1000) - ((INT64_C(1) << 48) - 1), ANSWER_STALE},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct probe_mail mail = probe_sent((uint64_t)((int64_t)NOW - cases[i].ago * 1000));
        if (decide(&mail) != cases[i].decision)
            fail_msg("case %zu: %s", i, answer_decision_text(decide(&mail)));
    }
}

static void test_a_clock_without_its_battery(void **state)
{
    struct probe_mail mail = probe_sent(0);
    struct probe_token token;
    (void)state;

    assert_int_equal(answer_decide(&rules, &mail, false, 0, &token), ANSWER_YES);
}

static void test_what_is_not_answered(void **state)
{
    struct probe_mail mail;
    struct probe_token token = {{0}};
    (void)state;

#define REFUSED(change, decision)                                                                  \
    mail = probe_sent(NOW);                                                                        \
    change;                                                                                        \
    assert_int_equal(decide(&mail), decision)

    REFUSED(mail.strange = true, ANSWER_STRANGE);
    REFUSED(mail.auto_submitted = true, ANSWER_AUTOMATIC);
    REFUSED(mail.list = true, ANSWER_AUTOMATIC);
    REFUSED(mail.null_sender = true, ANSWER_AUTOMATIC);
    REFUSED(mail.from_daemon = true, ANSWER_AUTOMATIC);
    REFUSED(mail.has_return_field = true, ANSWER_LOOP);
    REFUSED(strcpy(mail.subject_return, "x"), ANSWER_LOOP);
    REFUSED(strcpy(mail.return_path, "Scout@COMPANY.test"), ANSWER_LOOP);
    REFUSED(strcpy(mail.from, TO), ANSWER_LOOP);
    REFUSED(strcpy(mail.from, TO "x"), ANSWER_YES);
    REFUSED(strcpy(mail.from, "scout@company.tes"), ANSWER_YES);
    REFUSED(mail.received = PROBE_MAIL_RECEIVED_MAX + 1, ANSWER_LOOP);
    REFUSED(mail.received = PROBE_MAIL_RECEIVED_MAX, ANSWER_YES);
    mail = probe_sent(NOW);
    assert_int_equal(answer_decide(&rules, &mail, true, NOW, &token), ANSWER_AUTOMATIC);
    assert_int_equal(token.octets[0], 0); /* set with yes only */
}

/* Without a valid signature the decision is the same whatever else is sent. */
static void test_strangers_learn_nothing(void **state)
{
    struct probe_mail mail = {
        .has_probe_field = true, .strange = true, .list = true, .null_sender = true};
    struct probe_token token;
    (void)state;

    make_token(0, &other_keys, TO, REPLY_TO, mail.probe_field);
    assert_int_equal(answer_decide(&rules, &mail, true, NOW, &token), ANSWER_NOT_OURS);
}

/* ---- the answer ---- */

static const unsigned char unique[16] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                         0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};

static void test_the_answer(void **state)
{
    struct probe_mail mail = probe_sent(NOW), read;
    struct stamp stamp = {NOW + 1234567, NOW + 2345678}, stamp_read;
    struct probe_token token, token_again;
    char out[ANSWER_MAX], expected[ANSWER_MAX], answer[RETURN_LEN + 1];
    (void)state;

    strcpy(mail.message_id, "<1@example.org>");
    assert_int_equal(answer_decide(&rules, &mail, false, NOW, &token), ANSWER_YES);
    return_write(&token, &keys, &stamp, TO, REPLY_TO, answer);
    size_t len = answer_write(&rules, &mail, &token, &stamp, unique, false, out);
    snprintf(expected, sizeof(expected),
             "Date: Thu, 1 Jan 2026 00:00:02 +0000\n"
             "From: scout@company.test\n"
             "To: probe@example.org\n"
             "Subject: mailvigil return %s 2026-01-01T00:00:02.345Z\n"
             "Message-ID: <00112233445566778899aabbccddeeff@company.test>\n"
             "In-Reply-To: <1@example.org>\n"
             "References: <1@example.org>\n"
             "X-Mailvigil-Return: %s\n"
             "Auto-Submitted: auto-replied\n"
             "Precedence: bulk\n"
             "X-Auto-Response-Suppress: All\n"
             "MIME-Version: 1.0\n"
             "Content-Type: text/plain; charset=us-ascii\n"
             "\n"
             "This is the answer to a test message of mailvigil.\n"
             "Received: 2026-01-01T00:00:01.234Z\n"
             "Returned: 2026-01-01T00:00:02.345Z\n",
             answer, answer);
    assert_int_equal(len, strlen(expected));
    assert_memory_equal(out, expected, len);
    /* And it is read again. */
    probe_mail_parse(&read, out, len);
    assert_true(read.has_return_field && read.auto_submitted && read.list && !read.strange);
    assert_string_equal(read.subject_return, read.return_field);
    assert_true(return_verify(read.return_field, RETURN_LEN, &keys, TO, REPLY_TO, &token_again,
                              &stamp_read));
    assert_memory_equal(&token, &token_again, sizeof(token));
    assert_memory_equal(&stamp, &stamp_read, sizeof(stamp));
    assert_int_not_equal(decide(&read), ANSWER_YES);
}

static void test_line_ends(void **state)
{
    struct probe_mail mail = probe_sent(NOW);
    struct stamp stamp = {NOW, NOW};
    struct probe_token token;
    char lf[ANSWER_MAX], crlf[ANSWER_MAX];
    size_t lf_len, crlf_len, j = 0;
    (void)state;

    assert_int_equal(answer_decide(&rules, &mail, false, NOW, &token), ANSWER_YES);
    lf_len = answer_write(&rules, &mail, &token, &stamp, unique, false, lf);
    crlf_len = answer_write(&rules, &mail, &token, &stamp, unique, true, crlf);
    for (size_t i = 0; i < lf_len; i++) {
        if (lf[i] == '\n')
            assert_int_equal(crlf[j++], '\r');
        assert_int_equal(crlf[j++], lf[i]);
    }
    assert_int_equal(j, crlf_len);
    assert_null(memmem(lf, lf_len, "In-Reply-To", 11));
}

static void test_the_longest_answer(void **state)
{
    char *local = memset(xcalloc(1, 65), 'l', 64), *domain = memset(xcalloc(1, 256), 'd', 255);
    char *address = xasprintf("%s@%s", local, domain);
    struct answer_rules longest = {&keys, address, address};
    struct probe_mail mail = {.has_probe_field = true};
    struct stamp stamp = {UINT64_MAX, UINT64_MAX};
    struct probe_token token;
    char out[ANSWER_MAX];
    (void)state;

    memset(mail.message_id, 'i', PROBE_MAIL_ID_MAX - 1);
    make_token(NOW, &keys, address, address, mail.probe_field);
    assert_int_equal(answer_decide(&longest, &mail, false, NOW, &token), ANSWER_YES);
    size_t len = answer_write(&longest, &mail, &token, &stamp, unique, true, out);
    assert_true(len < ANSWER_MAX);
    assert_non_null(memmem(out, len, "\r\nReturned: ", 12)); /* its last line: nothing is missing */
    free(address);
    free(domain);
    free(local);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_probe_is_answered),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_freshness),
        cmocka_unit_test(test_a_clock_without_its_battery),
        cmocka_unit_test(test_what_is_not_answered),
        cmocka_unit_test(test_strangers_learn_nothing),
        cmocka_unit_test(test_the_answer),
        cmocka_unit_test(test_line_ends),
        cmocka_unit_test(test_the_longest_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
