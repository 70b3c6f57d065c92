#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules/mime/auth_results.h"
#include "rules/util/buffer.h"

#define AR "Authentication-Results: "
#define OURS AR "mx.example.org; "

static void test_verdicts(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        enum auth_verdict want;
    } cases[] = {
        {"From: x@partner.test\r\n", AUTH_UNKNOWN},
        {OURS "dmarc=pass header.from=partner.test\r\n", AUTH_PASSED},
        {AR "MX.example.org 1; dmarc=pass (p=none dis=none) header.from=partner.test\r\n",
         AUTH_PASSED},
        {OURS "dmarc=pass\r\n", AUTH_PASSED},
        {OURS "dmarc=pass header.from=evil.test\r\n", AUTH_UNKNOWN},
        {OURS "dmarc=fail header.from=partner.test; dkim=pass header.d=partner.test\r\n",
         AUTH_FAILED},
        {OURS "none\r\n", AUTH_UNKNOWN},
        {OURS "dkim=pass header.d=partner.test\r\n", AUTH_PASSED},
        {OURS "dkim=pass (2048-bit key; secure) header.d=partner.test\r\n\t"
              "header.i=@partner.test header.b=\"a;b=\"\r\n",
         AUTH_PASSED},
        {OURS "dkim=pass header.i=@partner.test\r\n", AUTH_PASSED},
        {OURS "dkim=pass header.d=evil.test\r\n", AUTH_OTHERS},
        {OURS "dkim=pass header.d=evil.test header.i=@partner.test\r\n", AUTH_OTHERS},
        {OURS "dkim=pass header.d=sub.partner.test\r\n", AUTH_UNKNOWN},
        {OURS "dkim=pass header.d=test\r\n", AUTH_OTHERS},
        {OURS "dkim=pass header.d=artner.test\r\n", AUTH_OTHERS},
        {OURS "dkim=pass\r\n", AUTH_UNKNOWN},
        {OURS "dkim=fail header.d=evil.test; dkim=pass header.d=partner.test\r\n", AUTH_PASSED},
        {OURS "spf=pass smtp.mailfrom=bounce@partner.test; dkim=none\r\n", AUTH_PASSED},
        {OURS "spf=pass smtp.helo=partner.test\r\n", AUTH_UNKNOWN},
        {OURS "spf=pass smtp.mailfrom=\"a@partner.test\"@evil.test\r\n", AUTH_OTHERS},
        {OURS "spf=softfail smtp.mailfrom=partner.test\r\n", AUTH_FAILED},
        {OURS "spf=fail smtp.mailfrom=partner.test; dmarc=none\r\n", AUTH_FAILED},
        {OURS "spf=pass smtp.helo=evil.test\r\n", AUTH_OTHERS},
        {OURS "spf=pass smtp.mailfrom=evil.test; dkim=pass header.d=evil.test; dmarc=none\r\n",
         AUTH_OTHERS},
        {OURS "spf=pass smtp.mailfrom=evil.test; auth=pass smtp.auth=bob\r\n", AUTH_UNKNOWN},
        {OURS "spf=pass smtp.mailfrom=evil.test; dmarc=pass header.from=partner.test\r\n",
         AUTH_PASSED},
        {OURS "dkim=pass header.d=evil.test; dkim=pass header.d=partner.test\r\n", AUTH_PASSED},
        /* contradictions */
        {OURS "spf=pass smtp.mailfrom=evil.test smtp.mailfrom=partner.test\r\n", AUTH_FAILED},
        {OURS "spf=pass smtp.mailfrom=partner.test smtp.mailfrom=evil.test\r\n", AUTH_FAILED},
        {OURS "spf=pass smtp.mailfrom=partner.test smtp.mailfrom=partner.test\r\n", AUTH_PASSED},
        {OURS "dkim=pass header.d=evil.test header.i=@evil.test header.d=partner.test\r\n",
         AUTH_FAILED},
        {OURS "dmarc=pass header.from=evil.test header.from=partner.test\r\n", AUTH_FAILED},
        {OURS "dkim=pass header.d=partner.test; dkim=fail header.d=partner.test\r\n", AUTH_FAILED},
        {OURS "dkim=pass header.d=partner.test; dkim=fail header.d=partner.test; "
              "dmarc=pass header.from=partner.test\r\n",
         AUTH_PASSED},
        {OURS "auth=pass smtp.auth=bob\r\n", AUTH_UNKNOWN},
        {OURS "x=(dmarc=pass) y; z=\"; dmarc=pass\"\r\n", AUTH_UNKNOWN},
        {OURS "(; dmarc=pass\r\n", AUTH_UNKNOWN},
        {OURS "dmarc\r\n pass; =; dkim = pass header . d = partner.test;;;\r\n", AUTH_UNKNOWN},
        {OURS "dmarc = pass header.from = partner.test\r\n", AUTH_PASSED},
        {"Authentication-Results: dmarc=pass\r\n", AUTH_UNKNOWN},
        /* which fields are the server's own */
        {AR "mx.evil.test; dmarc=pass\r\n", AUTH_UNKNOWN},
        {AR "mx.evil.test; none\r\n" OURS "dmarc=pass\r\n", AUTH_UNKNOWN},
        {OURS "spf=none\r\n" AR "mx.evil.test; dmarc=pass\r\n" OURS "dmarc=pass\r\n", AUTH_UNKNOWN},
        {"Received: a\r\n" OURS "dmarc=pass\r\nReceived: b\r\n", AUTH_PASSED},
        {OURS "spf=none\r\nReceived: b\r\n" OURS "dmarc=pass\r\n", AUTH_UNKNOWN},
        {OURS "dmarc=fail\r\n" OURS "dmarc=pass\r\n", AUTH_FAILED},
        {OURS "dkim=fail header.d=partner.test\r\n" OURS "dkim=pass header.d=partner.test\r\n",
         AUTH_FAILED},
        {OURS "dkim=pass header.d=partner.test\r\n" OURS "dmarc=pass\r\n", AUTH_PASSED},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct header *header = header_parse(cases[i].header, strlen(cases[i].header));
        enum auth_verdict got = auth_results_find(header, "mx.example.org", "partner.test");
        if (got != cases[i].want)
            fail_msg("case %zu, %s: %d", i, cases[i].header, got);
        header_free(header);
    }
}

static void test_a_parent_domain_is_aligned(void **state)
{
    (void)state;
    static const char text[] = OURS "dkim=pass header.d=partner.test\r\n";
    struct header *header = header_parse(text, strlen(text));
    assert_int_equal(auth_results_find(header, "mx.example.org", "news.partner.test"), AUTH_PASSED);
    assert_int_equal(auth_results_find(header, "mx.example.org", "other.test"), AUTH_OTHERS);
    header_free(header);
}

static void test_long_words_match_nothing(void **state)
{
    (void)state;
    struct buffer text = {0};
    buffer_text(&text, OURS);
    for (int i = 0; i < 100000; i++)
        buffer_text(&text, "dkim");
    buffer_text(&text, "=pass header.d=");
    for (int i = 0; i < 100000; i++)
        buffer_text(&text, "partner.test");
    buffer_text(&text, ".partner.test\r\n");
    struct header *header = header_parse(text.data, text.len);
    assert_int_equal(auth_results_find(header, "mx.example.org", "partner.test"), AUTH_UNKNOWN);
    header_free(header);
    buffer_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_a_parent_domain_is_aligned),
        cmocka_unit_test(test_long_words_match_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
