/* body, subject, header and encrypted, on whole messages: what they see, what they say of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules/mime/body.h"
#include "rules/rule_maker.h"
#include "rules/samples.h"
#include "rules/util/buffer.h"

#define KEY(name) offsetof(struct rule, name)

static struct body_facts *scan(const char *text, size_t len)
{
    struct body_scan *body = body_scan_new(true);
    body_scan_feed(body, text, len);
    return body_scan_end(body);
}

/* The result of the rule's only condition; *reason_r: what it found, a new string. */
static enum match_result ask(struct rule_set *set, const char *text, size_t len, char **reason_r)
{
    prepare(set);
    struct message message = make_message(text, FOLDER_OTHER);
    struct body_facts *body = scan(text, len);
    message.body = body;
    struct decision *decision = decide_both(set, &message);
    const struct reason *reason = &decision->rules[0].reasons[1]; /* after the direction */
    enum match_result result = reason->result;
    *reason_r = xstrdup(reason->text);
    decision_free(decision);
    free_message(&message);
    body_facts_free(body);
    return result;
}

static void expect(size_t key, const char *pattern, const char *text, size_t len,
                   enum match_result result, const char *says)
{
    struct rule_set *set = make_set();
    *(char ***)((char *)make_rule(set, "rule") + key) = LIST(pattern);
    char *reason;
    enum match_result found = ask(set, text, len, &reason);
    if (found != result || strstr(reason, says) == NULL)
        fail_msg("\"%s\" on\n%s\nis %d: %s", pattern, text, found, reason);
    free(reason);
    rule_set_free(set);
}

static void test_samples_are_read_as_they_are_shown(void **state)
{
    static const struct {
        size_t key;
        const char *sample, *says;
    } cases[] = {
        {KEY(body), "charset-unicode-1-1-utf-7.eml", "the body text matches as written"},
        {KEY(body), "charset-utf32.eml", "the body text matches as written"},
        {KEY(body), "soft-hyphen.eml", "the body text matches folded"},
        {KEY(subject), "subj-ew-x-charset.eml", "the subject is \"secret\", the rule"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct buffer text = sample_read(cases[i].sample);
        const char *pattern = cases[i].key == KEY(body) ? "*secret*" : "secret";
        expect(cases[i].key, pattern, text.data, text.len, MATCH_YES, cases[i].says);
        buffer_free(&text);
    }
}

#define TEXT(type, text) "Content-Type: text/" type "\r\n\r\n" text

static void test_a_condition_says_by_which_reading(void **state)
{
    static const struct {
        size_t key;
        const char *pattern, *text;
        enum match_result result;
        const char *says;
    } cases[] = {
        {KEY(body), "*secret*", TEXT("html", "s<b>ec</b>r&#101;t"), MATCH_YES,
         "matches as HTML shows it ("},
        {KEY(body), "*secret*", TEXT("html", "s<b>ec</b>&shy;ret"), MATCH_YES,
         "matches as HTML shows it, folded ("},
        {KEY(body), "*secret*", TEXT("plain", "s<b>ec</b>ret"), MATCH_NO, "does not match"},
        {KEY(body), "*top secret*", TEXT("plain", "top\r\nsecret"), MATCH_YES,
         "matches with its lines joined ("},
        {KEY(body), "*top secret*", TEXT("plain", "top\r\n\r\nsecret"), MATCH_NO, "does not"},
        {KEY(body), "*secret*", TEXT("plain; format=flowed; delsp=yes", "sec \r\nret"), MATCH_YES,
         "matches decoded otherwise ("},
        {KEY(body), "*m\u00fcller*", TEXT("plain; charset=utf-8", "m\xfcller"), MATCH_YES,
         "matches decoded otherwise ("},
        {KEY(body), "*secret*", TEXT("plain; charset=never-heard-of", "text"), MATCH_UNDECIDED,
         "undecided: unknown charset"},
        {KEY(body), "*text*", TEXT("plain; charset=never-heard-of", "text"), MATCH_YES,
         "matches as written"},
        {KEY(body), "*secret*", TEXT("plain; charset=utf-8", "caf\xe9"), MATCH_NO, "does not"},
        {KEY(body), "*secret*", TEXT("rtf", "s{\\b ec}ret"), MATCH_NO, "does not match"},
        {KEY(subject), "secret", "Subject: s\u200becret\r\n\r\n", MATCH_YES,
         "\" (folded), the rule"},
        {KEY(subject), "secret", "Subject: =?x-q-17?q?a?=\r\n\r\n", MATCH_UNDECIDED,
         "undecided: unknown charset"},
        {KEY(subject), "top secret", "Subject: =?utf-8?q?top?= =?utf-8?q?secret?=\r\n\r\n",
         MATCH_YES, "(decoded otherwise)"},
        {KEY(header), "X-A: secret", "X-A: \uff53ecret\r\n\r\n", MATCH_YES, "(folded)"},
        {KEY(header), "X-A: secret", "X-A: =?x-q-17?q?a?=\r\n\r\n", MATCH_UNDECIDED,
         "undecided: unknown charset"},
        {KEY(header), "X-A: secret", "X-B: =?x-q-17?q?a?=\r\n\r\n", MATCH_NO, "no such field"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        expect(cases[i].key, cases[i].pattern, cases[i].text, strlen(cases[i].text),
               cases[i].result, cases[i].says);
}

/* Whatever is put before it, a word that is shown is never said to be absent. */
static void test_junk_never_hides_a_word(void **state)
{
    static const char *const junk[] = {
        "=?utf-8?q?a?= ", "=?koi8-r?b?YQ==?= ", "x", "\u0301", "=?q", "=?utf-8?q?", "\xff"};
    (void)state;
    for (size_t i = 0; i < sizeof(junk) / sizeof(*junk); i++)
        for (size_t size = 100; size < (i == 0 ? 3000000 : 100000); size *= 25) {
            struct buffer text = {0};
            buffer_text(&text, "Subject: ");
            while (text.len < size)
                buffer_text(&text, junk[i]);
            buffer_text(&text, " =?utf-8?q?secret?=\r\n\r\n");
            struct rule_set *set = make_set();
            make_rule(set, "rule")->subject = LIST("*secret*");
            char *reason;
            enum match_result result = ask(set, text.data, text.len, &reason);
            if (result != MATCH_YES && result != MATCH_UNDECIDED)
                fail_msg("%zu octets of %s: %s", size, junk[i], reason);
            free(reason);
            rule_set_free(set);
            buffer_free(&text);
        }
}

static void test_encrypted(void **state)
{
    static const struct {
        const char *text;
        enum match_result result;
    } cases[] = {
        {TEXT("plain", "text"), MATCH_NO},
        {"Content-Type: multipart/encrypted; boundary=b\r\n\r\n--b--", MATCH_YES},
        {"Content-Type: application/pkcs7-mime; smime-type=enveloped-data\r\n\r\nMII", MATCH_YES},
        {"Content-Type: application/x-pkcs7-mime\r\n\r\nMII", MATCH_YES},
        {"Content-Type: application/pkcs7-mime; smime-type=authEnveloped-data\r\n\r\nMII",
         MATCH_YES},
        {"Content-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m\r\n\r\nMII",
         MATCH_UNDECIDED}, /* what is in it is not read */
        {"Content-Type: application/octet-stream; name=smime.p7m\r\n\r\nMII", MATCH_YES},
        {"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
         "Content-Disposition: attachment; filename=a.txt.gpg\r\n\r\nx\r\n--b--",
         MATCH_YES},
        {TEXT("plain", "Hello\r\n-----BEGIN PGP MESSAGE-----\r\n\r\nhQ\r\n"), MATCH_YES},
        {TEXT("plain", "------BEGIN PGP MESSAGE-----\r\n"), MATCH_YES},
        {TEXT("plain", "-----BEGIN -----BEGIN PGP MESSAGE-----\r\n"), MATCH_YES},
        {TEXT("plain\r\nContent-Transfer-Encoding: base64", "LS0tLS1CRUdJTiBQR1AgTUVTU0FHRS0t\r\n"
                                                            "LS0t\r\n"),
         MATCH_YES},
        {TEXT("plain", "-----BEGIN PGP SIGNED MESSAGE-----\r\n"), MATCH_NO},
        {"Content-Type: multipart/mixed\r\n\r\nx", MATCH_UNDECIDED},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct rule_set *set = make_set();
        make_rule(set, "rule")->encrypted = true;
        char *reason;
        enum match_result result = ask(set, cases[i].text, strlen(cases[i].text), &reason);
        if (result != cases[i].result)
            fail_msg("case %zu: %s", i, reason);
        free(reason);
        rule_set_free(set);
    }
}

static void test_encryption_is_warned_of(void **state)
{
    (void)state;
    struct rule_set *set = make_set();
    make_rule(set, "rule");
    make_rule(set, "other")->encrypted = true;
    prepare(set);
    struct message message =
        make_message("Content-Type: multipart/encrypted; boundary=b\r\n\r\n", FOLDER_OTHER);
    struct decision *decision = decide_both(set, &message);
    assert_true((decision->route->warnings & WARNING_ENCRYPTED) != 0);
    assert_int_equal(decision->rules[1].result, MATCH_YES);
    assert_string_equal(warning_text(WARNING_ENCRYPTED), "encrypted");
    decision_free(decision);
    free_message(&message);
    message = make_message("Subject: a\r\n\r\n", FOLDER_OTHER);
    decision = decide_both(set, &message);
    assert_int_equal(decision->route->warnings & WARNING_ENCRYPTED, 0);
    assert_int_equal(decision->rules[1].result, MATCH_NEEDS_BODY);
    decision_free(decision);
    free_message(&message);
    rule_set_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples_are_read_as_they_are_shown),
        cmocka_unit_test(test_a_condition_says_by_which_reading),
        cmocka_unit_test(test_junk_never_hides_a_word),
        cmocka_unit_test(test_encrypted),
        cmocka_unit_test(test_encryption_is_warned_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
