/* Hops and Authentication-Results of whole headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/probe/roundtrip/delivery_facts.h"
#include "rules/util/buffer.h"

/* ---- hops ---- */

static size_t hops_of(const char *text, int64_t seconds[ROUNDTRIP_HOPS_MAX])
{
    struct header *header = header_parse(text, strlen(text));
    size_t n = delivery_hops(header, seconds);
    header_free(header);
    return n;
}

#define AT(time) "Received: by host; Sun, 1 Jan 2006 " time "\r\n"

static const struct {
    const char *header;
    size_t n;
    int64_t seconds[4]; /* oldest first */
} hops[] = {
    {"Subject: none\r\n", 0, {0}},
    {AT("10:00:00 +0000"), 0, {0}},
    {AT("10:00:07 +0000") AT("10:00:00 +0000"), 1, {7}},
    {AT("10:05:07 +0000") "Subject: x\r\n" AT("11:00:07 +0100") AT("09:59:00 +0000"), 2, {67, 300}},
    /* clocks disagree */
    {AT("10:00:00 +0000") AT("10:00:09 +0000"), 1, {-9}},
    /* a line without a date is not a hop, and does not separate the others */
    {AT("10:00:07 +0000") "Received: by host with nothing\r\n" AT("10:00:00 +0000"), 1, {7}},
    {"Received:\r\nReceived: ;\r\n", 0, {0}},
    {"RECEIVED : by x\r\n by y;\r\n\tSun, 1 Jan 2006\r\n 10:00:01 +0000\r\n" AT("10:00:00 +0000"),
     1,
     {1}},
    {"Received-SPF: pass; Sun, 1 Jan 2006 10:00:00 +0000\r\n" AT("10:00:00 +0000"), 0, {0}},
};

static void hops_are_the_steps_between_dates(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(hops) / sizeof(*hops); i++) {
        int64_t seconds[ROUNDTRIP_HOPS_MAX] = {0};
        size_t n = hops_of(hops[i].header, seconds);
        if (n != hops[i].n || memcmp(seconds, hops[i].seconds, sizeof(hops[i].seconds)) != 0)
            fail_msg("header %zu: %zu hops, %" PRId64 " %" PRId64, i, n, seconds[0], seconds[1]);
    }
}

/* Of many the newest are reported: those that servers of the way back wrote. */
static void the_newest_hops_are_told(void **state)
{
    (void)state;
    struct buffer text = {0};
    int64_t seconds[ROUNDTRIP_HOPS_MAX];
    for (int i = 40; i > 0; i--) /* one second more for each line upwards */
        buffer_printf(&text, "Received: by x; 1 Jan 2006 10:%02d:%02d +0000\r\n",
                      i * (i + 1) / 2 / 60, i * (i + 1) / 2 % 60);
    assert_int_equal(hops_of(text.data, seconds), ROUNDTRIP_HOPS_MAX);
    for (int i = 0; i < ROUNDTRIP_HOPS_MAX; i++)
        assert_int_equal(seconds[i], 40 - ROUNDTRIP_HOPS_MAX + i + 1);
    buffer_free(&text);
}

/* ---- Authentication-Results ---- */

static char letter(enum auth_result result)
{
    return "-PFo"[result];
}

/* spf, dkim, dmarc: - absent, P pass, F fail, o other. */
static void assert_auth(const char *text, const char *server, const char *expected)
{
    enum auth_result results[AUTH_METHODS];
    struct header *header = header_parse(text, strlen(text));
    delivery_auth(header, server, results);
    header_free(header);
    char found[AUTH_METHODS + 1] = {letter(results[AUTH_SPF]), letter(results[AUTH_DKIM]),
                                    letter(results[AUTH_DMARC])};
    if (strcmp(found, expected) != 0)
        fail_msg("%s: %s, not %s", text, found, expected);
}

static const struct {
    const char *header, *server, *expected;
} auths[] = {
    {"Subject: none\r\n", NULL, "---"},
    {"A: mx.test; spf=pass smtp.mailfrom=a@b.test; dkim=pass header.d=b.test; dmarc=pass", NULL,
     "PPP"},
    {"A: mx.test; spf=pass", "mx.test", "P--"},
    {"A: mx.test; spf=pass", "MX.Test", "P--"},
    {"A: mx.test; spf=pass", "other.test", "---"},
    {"A: mx.test; spf=pass", "mx.tes", "---"},
    {"A: mx.test; spf=pass", "", "---"},
    /* the words */
    {"A: m; spf=fail; dkim=permerror; dmarc=policy", NULL, "FFF"},
    {"A: m; spf=softfail; dkim=hardfail; dmarc=FAIL", NULL, "FFF"},
    {"A: m; spf=neutral; dkim=temperror; dmarc=none", NULL, "ooo"},
    {"A: m; spf=; dkim; dmarc=passed", NULL, "o-o"},
    {"A: m; SPF=Pass; DKIM=PASS; dMarc=pAsS", NULL, "PPP"},
    {"A: m; xspf=pass; spfx=pass; arc=pass; auth=pass", NULL, "---"},
    /* none, versions */
    {"A: m; none", NULL, "---"},
    {"A: m 1; none", NULL, "---"},
    {"A: m 1; spf=pass", "m", "P--"},
    {"A: m; spf/1=pass; dkim / 1 = fail", NULL, "PF-"},
    /* comments and quoted strings */
    {"A: (a) m (b) 1 (c) ; (d) spf (e) = (f) pass (g) ; (h) dkim=pass", "m", "PP-"},
    {"A: m; (dkim=pass; dmarc=pass) spf=pass (a; dkim=pass (nested; dmarc=fail))", NULL, "P--"},
    {"A: m; spf=pass (\\) dkim=fail; dkim=fail); dmarc=pass", NULL, "P-P"},
    {"A: m; spf=pass reason=\"a; dkim=pass \\\"; dkim=pass\"; dmarc=fail", NULL, "P-F"},
    {"A: \"m (x)\"; spf=pass", "m (x)", "P--"},
    {"A: m; spf=\"pass\"", NULL, "P--"},
    {"A: m;\r\n\tspf=pass\r\n\t smtp.mailfrom=a;\r\n dkim=pass", "m", "PP-"},
    /* several of one method */
    {"A: m; dkim=fail header.d=a; dkim=pass header.d=b; dkim=neutral", NULL, "-P-"},
    {"A: m; dkim=neutral; dkim=fail; dkim=none", NULL, "-F-"},
    /* several fields: each method by the topmost one of that server that has it */
    {"A: m; spf=pass\nA: m; spf=fail; dkim=fail\nA: m; dkim=pass; dmarc=pass", NULL, "PFP"},
    {"A: m; spf=fail\nA: evil; spf=pass; dkim=pass; dmarc=pass", NULL, "F--"},
    {"A: evil; spf=pass; dkim=pass\nA: m; spf=fail", "m", "F--"},
    {"A: m; none\nA: evil; spf=pass", NULL, "---"},
    /* servers without a name */
    {"A: spf=pass (sender IP is 192.0.2.1) smtp.mailfrom=a.test; dkim=fail\r\n (no key)"
     " header.d=a.test;dmarc=pass action=none;compauth=pass reason=100",
     NULL, "PFP"},
    {"A: spf=pass; dkim=pass\nA: m; dmarc=pass", NULL, "PP-"},
    {"A: spf=pass", "spf", "---"},
    {"A: ; spf=pass", NULL, "P--"},
    {"A:", NULL, "---"},
    /* what is not closed ends what can be read */
    {"A: m; spf=pass; dkim=fail (dmarc=pass; dmarc=pass", NULL, "PF-"},
    {"A: m; spf=pass reason=\"; dkim=pass", NULL, "P--"},
    {"A: m; spf=pass (\\", NULL, "P--"},
    {"A: m; spf=pass \"\\", NULL, "P--"},
    {"A: m; spf==pass; =pass; dkim=)pass; ;; dmarc=pass)", NULL, "ooP"},
    {"A: m, spf=pass", NULL, "---"},
};

static void results_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(auths) / sizeof(*auths); i++) {
        struct buffer text = {0};
        for (const char *at = auths[i].header; *at != '\0'; at++) {
            bool begins = at == auths[i].header || at[-1] == '\n';
            if (begins && strncmp(at, "A:", 2) == 0) /* short for the table */
                buffer_text(&text, "Authentication-Results");
            else
                buffer_char(&text, *at);
        }
        buffer_text(&text, "\r\n");
        assert_auth(text.data, auths[i].server, auths[i].expected);
        buffer_free(&text);
    }
}

/* ---- hostile ---- */

static void hostile_fields_cost_their_length(void **state)
{
    (void)state;
    static const char *const pieces[] = {"(",   ")",   "\"",      "\\", ";",        "=",
                                         "(\\", "()",  "spf=(",   "/",  "spf/;",    "spf=pass;",
                                         ";\"", "\r ", "dkim=\"", "a ", "dkim=a(;)"};
    const size_t len = 4 * 1024 * 1024 - 100;
    for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
        enum auth_result results[AUTH_METHODS];
        int64_t seconds[ROUNDTRIP_HOPS_MAX];
        struct buffer text = {0};
        buffer_text(&text, "Authentication-Results: m; spf=fail ");
        while (text.len < len)
            buffer_text(&text, pieces[i]);
        clock_t begun = clock();
        struct header *header = header_parse(text.data, text.len);
        delivery_auth(header, NULL, results);
        delivery_hops(header, seconds);
        header_free(header);
        buffer_free(&text);
        if ((double)(clock() - begun) / CLOCKS_PER_SEC > 20)
            fail_msg("\"%s\" takes too long", pieces[i]);
        assert_true(results[AUTH_SPF] != AUTH_ABSENT);
    }
}

/* As many fields as a header may have, each with half a date. */
static void many_fields_cost_their_length(void **state)
{
    (void)state;
    struct buffer text = {0};
    int64_t seconds[ROUNDTRIP_HOPS_MAX];
    enum auth_result results[AUTH_METHODS];
    while (text.len < 2 * 1024 * 1024)
        buffer_text(&text, "Received: ;1 Jan 1 Jan\nAuthentication-Results: m;spf=\n");
    clock_t begun = clock();
    struct header *header = header_parse(text.data, text.len);
    assert_int_equal(delivery_hops(header, seconds), 0);
    delivery_auth(header, "m", results);
    header_free(header);
    buffer_free(&text);
    assert_true((double)(clock() - begun) / CLOCKS_PER_SEC < 20);
    assert_int_equal(results[AUTH_SPF], AUTH_OTHER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hops_are_the_steps_between_dates),
        cmocka_unit_test(the_newest_hops_are_told),
        cmocka_unit_test(results_are_read),
        cmocka_unit_test(hostile_fields_cost_their_length),
        cmocka_unit_test(many_fields_cost_their_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
