#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules/mime/body.h"
#include "rules/rule_maker.h"
#include "rules/samples.h"

#define YES MATCH_YES
#define NO MATCH_NO
#define DOUBT MATCH_UNDECIDED

/* The result of the one condition for a whole message; *reason, if asked for, is to be freed. */
static enum match_result ask(const struct buffer *text, const char *attachment, const char *body,
                             char **reason)
{
    struct rule_set *set = make_set();
    struct rule *rule = make_rule(set, "rule");
    if (attachment != NULL)
        rule->attachment = LIST(attachment);
    if (body != NULL)
        rule->body = LIST(body);
    prepare(set);
    struct body_scan *scan = body_scan_new(true);
    body_scan_feed(scan, text->data, text->len);
    struct body_facts *facts = body_scan_end(scan);
    struct message message = make_message(INCOMING, FOLDER_OTHER);
    message.body = facts;
    struct decision *decision = decide_both(set, &message);
    enum match_result result = decision->rules[0].result;
    for (size_t i = 0; reason != NULL && i < decision->rules[0].n_reasons; i++)
        if (strcmp(decision->rules[0].reasons[i].condition, "attachment") == 0)
            *reason = xstrdup(decision->rules[0].reasons[i].text);
    decision_free(decision);
    body_facts_free(facts);
    free_message(&message);
    rule_set_free(set);
    return result;
}

static void test_samples(void **state)
{
    static const struct {
        const char *name;
        enum match_result any, zip, star, pdf, body;
    } cases[] = {
        {"plain.eml", NO, NO, NO, NO, NO},
        {"attachment-pdf.eml", YES, NO, YES, YES, NO},
        {"smime-signed.eml", NO, NO, NO, NO, NO},
        {"false-close.eml", YES, YES, YES, DOUBT, DOUBT},
        {"long-boundary.eml", DOUBT, DOUBT, DOUBT, DOUBT, DOUBT},
        {"dup-ct-second-mp.eml", DOUBT, DOUBT, DOUBT, DOUBT, DOUBT},
        {"two-content-types.eml", DOUBT, DOUBT, DOUBT, DOUBT, DOUBT},
        {"rfc822-b64.eml", YES, DOUBT, DOUBT, DOUBT, DOUBT},
        {"name-100params.eml", YES, DOUBT, DOUBT, DOUBT, DOUBT},
        {"depth33.eml", DOUBT, DOUBT, DOUBT, DOUBT, DOUBT},
        {"barecr-header.eml", DOUBT, DOUBT, DOUBT, DOUBT, DOUBT},
        {"bare-cr.eml", DOUBT, DOUBT, DOUBT, DOUBT, DOUBT},
        {"no-blank-line.eml", DOUBT, DOUBT, DOUBT, DOUBT, DOUBT},
        {"boundary-comment.eml", YES, YES, YES, NO, NO},
        {"cd-unclosed-comment.eml", YES, YES, YES, DOUBT, DOUBT},
        {"name-2231-vs-plain.eml", YES, YES, YES, NO, NO},
        {"name-ct-vs-cd.eml", YES, YES, YES, NO, NO},
        {"name-2231-leading0.eml", YES, YES, YES, NO, NO},
        {"name-2231-gap.eml", YES, YES, YES, NO, NO},
        {"name-long.eml", YES, YES, YES, NO, NO},
        {"name-trailing-dot.eml", YES, YES, YES, NO, NO},
        {"name-zwsp.eml", YES, YES, YES, NO, NO},
        {"sig-type-p7s.eml", YES, NO, YES, NO, NO},
        {"uuencode.eml", YES, YES, YES, NO, NO},
        {"forwarded-inline-rfc822.eml", YES, NO, NO, NO, NO},
        {"unnamed-attachment-star.eml", YES, NO, NO, NO, NO},
    };
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buffer text = sample_read(cases[i].name);
        const enum match_result got[] = {
            ask(&text, "any", NULL, NULL), ask(&text, "*.zip", NULL, NULL),
            ask(&text, "*", NULL, NULL), ask(&text, "/\\.pdf$/i", NULL, NULL),
            ask(&text, NULL, "*no such text*", NULL)};
        const enum match_result want[] = {cases[i].any, cases[i].zip, cases[i].star, cases[i].pdf,
                                          cases[i].body};
        for (size_t n = 0; n < sizeof(got) / sizeof(*got); n++)
            if (got[n] != want[n]) {
                print_error("%s, %zu: got %d, want %d\n", cases[i].name, n, (int)got[n],
                            (int)want[n]);
                wrong++;
            }
        buffer_free(&text);
    }
    assert_int_equal(wrong, 0);
}

static void test_types(void **state)
{
    (void)state;
    struct buffer text = sample_read("forwarded-inline-rfc822.eml");
    assert_int_equal(ask(&text, "message/rfc822", NULL, NULL), YES);
    assert_int_equal(ask(&text, "message/*", NULL, NULL), YES);
    assert_int_equal(ask(&text, "application/*", NULL, NULL), NO);
    buffer_free(&text);
}

static void test_reasons(void **state)
{
    static const struct {
        const char *name, *pattern, *reason;
    } cases[] = {
        {"name-ct-vs-cd.eml", "*.zip",
         "the message has the attachment \"holiday.txt\", also read as \"secret.zip\", of type "
         "\"application/octet-stream\", the rule requires \"*.zip\""},
        {"depth33.eml", "any",
         "the message has no attachment (undecided: parts are nested too deeply), the rule "
         "requires "
         "\"any\""},
        {"two-content-types.eml", "*.pdf",
         "the message has the attachment \"secret.zip\" of type \"application/zip\" (undecided: "
         "Content-Type is repeated), the rule requires \"*.pdf\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buffer text = sample_read(cases[i].name);
        char *reason = NULL;
        ask(&text, cases[i].pattern, NULL, &reason);
        assert_string_equal(reason, cases[i].reason);
        free(reason);
        buffer_free(&text);
    }
}

/* ---- No limit of ours says no ---- */

static void repeat(struct buffer *text, const char *what, size_t times)
{
    for (size_t i = 0; i < times; i++)
        buffer_text(text, what);
}

enum place { BEFORE_HEADER, IN_HEADER, BEFORE_PART, IN_PART, IN_DISPOSITION, PLACES };

/* A message with secret.zip and the junk in one place. */
static struct buffer message_with(const char *junk, size_t times, enum place place)
{
    struct buffer text = {0};
    buffer_text(&text, "");
    repeat(&text, junk, place == BEFORE_HEADER ? times : 0);
    buffer_text(&text, "From: x@outside.test\r\n");
    repeat(&text, junk, place == IN_HEADER ? times : 0);
    buffer_text(&text, "Content-Type: multipart/mixed; boundary=b\r\n\r\n");
    repeat(&text, junk, place == BEFORE_PART ? times : 0);
    buffer_text(&text, "--b\r\n");
    repeat(&text, junk, place == IN_PART ? times : 0);
    buffer_text(&text, "Content-Type: application/zip\r\nContent-Disposition: attachment; ");
    repeat(&text, junk, place == IN_DISPOSITION ? times : 0);
    buffer_text(&text, "filename=secret.zip\r\n\r\nx\r\n--b--\r\n");
    return text;
}

static void test_junk_never_says_no(void **state)
{
    static const struct {
        enum place place;
        const char *junk;
        size_t times;
    } cases[] = {
        {BEFORE_HEADER, "X-Junk: y\r\n", 100000},
        {IN_HEADER, "X-Junk: y\r\n", 100000},
        {IN_HEADER, "Content-Type: text/plain\r\n", 1},
        {IN_HEADER, "Content-Type: text/plain\r\n", 100},
        {IN_HEADER, "Content-Transfer-Encoding: base64\r\n", 1},
        {IN_HEADER, "junk\r\n", 1},
        {IN_HEADER, "X: y\r", 1},
        {IN_HEADER, "X: \"(\r\n", 1},
        {BEFORE_PART, "--b\r\n\r\ntext\r\n", 20000},
        {BEFORE_PART, "--b\r\nContent-Type: a/b\r\n\r\n", 2000},
        {BEFORE_PART, "--b\r\nContent-Type: a/b; name=\"\xef\xbc\xa1.\"\r\n\r\n", 2000},
        {BEFORE_PART, "--b\r\nContent-Type: text/html\r\n\r\n<b>\r\n", 2000},
        {BEFORE_PART, "--b--x\r\n", 1},
        {BEFORE_PART, "--b--\r\n", 1},
        {BEFORE_PART, "--bx\r\n", 1},
        {BEFORE_PART, "--b\r\nContent-Type: message/rfc822\r\n\r\n", 40},
        {BEFORE_PART, "--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n", 40},
        {IN_PART, "X-Junk: y\r\n", 100000},
        {IN_PART, "Content-Type: text/plain\r\n", 1},
        {IN_PART, "Content-Disposition: inline\r\n", 1},
        {IN_PART, "Content-Disposition: inline; filename=a.txt\r\n", 100},
        {IN_PART, "Content-Type: text/plain; name=a.txt\r\n", 100},
        {IN_DISPOSITION, "x=y; ", 101},
        {IN_DISPOSITION, "x=y;\r\n ", 10000},
        {IN_DISPOSITION, "filename=a.txt; ", 50},
        {IN_DISPOSITION, "filename*=utf-8''a.txt; ", 50},
        {IN_DISPOSITION, "filename*0=a.txt; ", 1},
        {IN_DISPOSITION, "filename*0=a.txt; ", 50},
        {IN_DISPOSITION, "(", 1},
        {IN_DISPOSITION, "\"", 1},
        {IN_DISPOSITION, "(c) ", 5000},
    };
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buffer text = message_with(cases[i].junk, cases[i].times, cases[i].place);
        if (ask(&text, "*.zip", NULL, NULL) == NO || ask(&text, "any", NULL, NULL) == NO ||
            ask(&text, "application/zip", NULL, NULL) == NO) {
            print_error("%zu times %s in %d\n", cases[i].times, cases[i].junk, (int)cases[i].place);
            wrong++;
        }
        buffer_free(&text);
    }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_junk_never_says_no),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
