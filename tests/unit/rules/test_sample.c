#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "rules/rule_maker.h"
#include "rules/sample.h"

#define MESSAGES 20000

static const unsigned char key[] = "a key of thirty-two octets: 0123";

static bool includes(const unsigned char use_key[32], char *name, double percent, const char *text)
{
    struct rule rule = {.name = name, .sample = percent};
    struct header *header = header_parse(text, strlen(text));
    unsigned char digest[32];
    sample_digest(header, digest);
    bool included = sample_includes(use_key, &rule, digest);
    header_free(header);
    return included;
}

static const char *text_of(int number)
{
    static char text[300];
    snprintf(text, sizeof(text),
             "From: a@example.org\r\nTo: b@x.test\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\n"
             "Subject: the same\r\nMessage-ID: <%d@example.org>\r\n",
             number);
    return text;
}

static void assert_share(int included, double share)
{
    double off = included - MESSAGES * share;
    double variance = MESSAGES * share * (1 - share);
    if (off * off > 9 * variance)
        fail_msg("%d of %d included, %.1f expected: more than three standard deviations", included,
                 MESSAGES, MESSAGES * share);
}

static void test_share(void **state)
{
    static const double percents[] = {0.1, 0.5, 1, 5, 12.5, 25, 50, 75, 99.5};
    (void)state;
    for (size_t i = 0; i < sizeof(percents) / sizeof(*percents); i++) {
        int included = 0;
        for (int number = 0; number < MESSAGES; number++)
            included += includes(key, (char[]){"rule"}, percents[i], text_of(number));
        assert_share(included, percents[i] / 100);
    }
}

static void test_two_rules_are_independent(void **state)
{
    (void)state;
    int both = 0;
    for (int number = 0; number < MESSAGES; number++)
        both += includes(key, (char[]){"one"}, 30, text_of(number)) &&
                includes(key, (char[]){"two"}, 20, text_of(number));
    assert_share(both, 0.30 * 0.20);
}

static void test_none_and_all(void **state)
{
    (void)state;
    for (int number = 0; number < 1000; number++) {
        assert_false(includes(key, (char[]){"rule"}, 0, text_of(number)));
        assert_true(includes(key, (char[]){"rule"}, 100, text_of(number)));
    }
}

static void test_odd_percentages(void **state)
{
    (void)state;
    assert_true(includes(key, (char[]){"rule"}, 0x1.8ffffffffffffp+6, text_of(1)));
    assert_true(includes(key, (char[]){"rule"}, INFINITY, text_of(1)));
    assert_false(includes(key, (char[]){"rule"}, 0x1p-1074, text_of(1)));
    assert_false(includes(key, (char[]){"rule"}, -1, text_of(1)));
    assert_false(includes(key, (char[]){"rule"}, NAN, text_of(1)));
}

static void test_a_larger_sample_holds_the_smaller(void **state)
{
    (void)state;
    for (int number = 0; number < 1000; number++)
        if (includes(key, (char[]){"rule"}, 10, text_of(number)))
            assert_true(includes(key, (char[]){"rule"}, 20, text_of(number)));
}

static void test_another_key_chooses_others(void **state)
{
    static const unsigned char other[] = "another key of 32 octets: 012345";
    (void)state;
    int both = 0;
    for (int number = 0; number < MESSAGES; number++)
        both += includes(key, (char[]){"rule"}, 50, text_of(number)) &&
                includes(other, (char[]){"rule"}, 50, text_of(number));
    assert_share(both, 0.25);
}

#define IDENTITY                                                                                   \
    "From: a@example.org\r\nTo: b@x.test\r\nCc: c@x.test\r\n"                                      \
    "Date: Thu, 1 Jan 2026 00:00:00 +0000\r\nSubject: Hello\r\nMessage-ID: <1@x>\r\n"              \
    "Content-Type: text/plain\r\nIn-Reply-To: <0@x>\r\n"

/* At 50 % two different digests agree half of the time; over many rules never. */
static bool same_choice(const char *a, const char *b)
{
    for (int i = 0; i < 64; i++) {
        char name[20];
        snprintf(name, sizeof(name), "rule %d", i);
        if (includes(key, name, 50, a) != includes(key, name, 50, b))
            return false;
    }
    return true;
}

static void test_same_in_every_folder(void **state)
{
    static const char *const texts[] = {
        "Return-Path: <a@example.org>\r\nDelivered-To: b@x.test\r\nReceived: by x\r\n" IDENTITY,
        IDENTITY "Bcc: d@x.test\r\nX-Spam: no\r\n",
        "Subject: Hello\r\nIn-Reply-To: <0@x>\r\nMessage-ID: <1@x>\r\nTo: b@x.test\r\n"
        "Content-Type: text/plain\r\nCc: c@x.test\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\n"
        "FROM:a@example.org\r\n",
        "From: a@example.org\nTo: b@x.test\nCc: c@x.test\nDate: Thu, 1 Jan 2026 00:00:00 +0000\n"
        "Subject: Hello\nMessage-ID: <1@x>\nContent-Type: text/plain\nIn-Reply-To: <0@x>\n",
        "From: a@example.org\r\nTo: b@x.test\r\nCc: c@x.test\r\n"
        "Date: Thu, 1 Jan 2026\r\n 00:00:00 +0000\r\nSubject: Hello\r\nMessage-ID:\r\n <1@x>\r\n"
        "Content-Type: text/plain\r\nIn-Reply-To: <0@x>\r\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        if (!same_choice(IDENTITY, texts[i]))
            fail_msg("text %zu is chosen differently", i);
}

static void test_each_field_counts(void **state)
{
    static const char *const names[] = {"From",    "To",         "Cc",           "Date",
                                        "Subject", "Message-ID", "Content-Type", "In-Reply-To"};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        char *changed = xstrdup(IDENTITY);
        char *field = strstr(changed, names[i]);
        field[strcspn(field, "\r") - 1] ^= 1;
        if (same_choice(IDENTITY, changed))
            fail_msg("%s does not count", names[i]);
        free(changed);
    }
}

static void test_text_cannot_move_between_fields(void **state)
{
    (void)state;
    assert_false(same_choice("To: a\r\nTo: b\r\n", "To: ab\r\n"));
    assert_false(same_choice("To: a\r\nCc: b\r\n", "To: a\r\nTo: b\r\n"));
    assert_false(same_choice("Subject:\r\n", "X: y\r\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_share),
        cmocka_unit_test(test_two_rules_are_independent),
        cmocka_unit_test(test_none_and_all),
        cmocka_unit_test(test_odd_percentages),
        cmocka_unit_test(test_a_larger_sample_holds_the_smaller),
        cmocka_unit_test(test_another_key_chooses_others),
        cmocka_unit_test(test_same_in_every_folder),
        cmocka_unit_test(test_each_field_counts),
        cmocka_unit_test(test_text_cannot_move_between_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
