#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/reflect/probe_mail.h"
#include "rules/util/memory.h"

#define TOKEN                                                                                      \
    "AT6xvUOZR8AW2qiJyk33AAECAwQFBgcICQoLDA0ODwGbdtqoewtLcjuErMNeqD8I39e9k5KYx75YKombfWpSL8C1XlCg"
#define OTHER                                                                                      \
    "Ae_91PH0CsAW2qiJyk33AAECAwQFBgcICQoLDA0ODwGbdtqoe-nT2vM9Q9rgDcsiR65KKfMvzfGh5jgaXuuhOhnpCLT0"
#define RETURN TOKEN ".AAZHSEYvgkIABkdIRi-FSf2ZbKWl7V0SDmjkvmoNqurIyNKV8-QRxPeM6cJB9YDM"

#define PROBE "X-Mailvigil-Probe: " TOKEN "\r\n"

static struct probe_mail parse(const char *text)
{
    struct probe_mail mail;

    probe_mail_parse(&mail, text, strlen(text));
    return mail;
}

static void test_a_probe(void **state)
{
    struct probe_mail mail = parse("Return-Path: <probe@example.org>\n"
                                   "Received: from a by b;\n\tMon, 1 Jan 2026 00:00:00 +0000\n"
                                   "received: from c by a\n"
                                   "From: The probe <probe@example.org>\n"
                                   "Auto-Submitted: auto-generated\n"
                                   "Message-ID: <abc.def+1@mail.example.org>\n"
                                   "Subject: mailvigil probe " TOKEN "\n"
                                   "X-Mailvigil-Probe: " TOKEN "\n"
                                   "\n"
                                   "X-Mailvigil-Return: " RETURN "\n"
                                   "Precedence: bulk\n");
    (void)state;

    assert_false(mail.strange);
    assert_true(mail.has_probe_field);
    assert_string_equal(mail.probe_field, TOKEN);
    assert_string_equal(mail.subject_probe, TOKEN);
    assert_false(mail.has_return_field);
    assert_string_equal(mail.subject_return, "");
    assert_string_equal(mail.return_path, "probe@example.org");
    assert_string_equal(mail.from, "probe@example.org");
    assert_string_equal(mail.message_id, "<abc.def+1@mail.example.org>");
    assert_int_equal(mail.received, 2);
    assert_false(mail.auto_submitted || mail.list || mail.null_sender || mail.from_daemon);
}

static void test_an_answer(void **state)
{
    struct probe_mail mail =
        parse("Subject: mailvigil return " RETURN " 2026-01-01T00:00:00.000Z\r\n"
              "X-Mailvigil-Return: " RETURN "\r\nAuto-Submitted: auto-replied\r\n\r\n");
    (void)state;

    assert_false(mail.strange);
    assert_false(mail.has_probe_field);
    assert_true(mail.has_return_field);
    assert_string_equal(mail.return_field, RETURN);
    assert_string_equal(mail.subject_return, RETURN);
    assert_string_equal(mail.subject_probe, "");
    assert_true(mail.auto_submitted);
}

/* A header as it is, whether it is strange, and whether the field counts. */
static void test_our_fields(void **state)
{
    static const struct {
        const char *text;
        bool strange, has;
    } cases[] = {
        {PROBE, false, true},
        {"x-MAILVIGIL-probe:" TOKEN "\n", false, true},
        {"X-Mailvigil-Probe : \t" TOKEN " \t\n", false, true},
        {"From probe@example.org Thu Jan  1 00:00:00 2026\n" PROBE, false, true},
        {">From probe@example.org Thu Jan  1 00:00:00 2026\n" PROBE, false, true},
        {PROBE "From probe@example.org Thu Jan  1 00:00:00 2026\n", true, true},
        {"X-Mailvigil-Probe: " TOKEN, false, true}, /* the text ends */
        {PROBE PROBE, true, true},
        {PROBE "X-Mailvigil-Probe: " OTHER "\n", true, true},
        {"X-Mailvigil-Probe: x\n" PROBE, true, false},
        {"X-Mailvigil-Probe:\n " TOKEN "\n", true, false},
        {"X-Mailvigil-Probe: " TOKEN "\n \n", true, false},
        {"X-Mailvigil-Probe: " TOKEN "A\n", true, false},
        {"X-Mailvigil-Probe: " TOKEN " A\n", true, false},
        {"X-Mailvigil-Probe: " TOKEN "\r\r\n", false, true}, /* white space at its end */
        {"X-Mailvigil-Probe: <" TOKEN ">\n", true, false},
        {"X-Mailvigil-Probe:\n", true, false},
        {"X-Mailvigil-Probe: \xc3\xa9\n", true, false},
        {"X-Mailvigil-Probe: " TOKEN "\rBcc: x@example.org\n", true, false},
        {" X-Mailvigil-Probe: " TOKEN "\n", true, false},
        {"no field at all\n" PROBE, true, true},
        {"\x01: x\n" PROBE, true, true},
        {": x\n" PROBE, true, true},
        {"\n" PROBE, false, false},
        {"\r\n" PROBE, false, false},
        {"X-Mailvigil-Return: " RETURN "\n", false, false},
        {"X-Mailvigil-Return: " TOKEN "\n", true, false},
        {"X-Mailvigil-Return: " RETURN "\nX-Mailvigil-Return: " RETURN "\n", true, false},
        {"X-Mailvigil-Probe-Else: x\n", false, false},
        {"", false, false},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct probe_mail mail = parse(cases[i].text);

        if (mail.strange != cases[i].strange || mail.has_probe_field != cases[i].has)
            fail_msg("case %zu: strange %d, field %d", i, mail.strange, mail.has_probe_field);
        assert_string_equal(mail.probe_field, cases[i].has ? TOKEN : "");
    }
}

static void test_subject(void **state)
{
    static const struct {
        const char *subject, *probe, *answer;
        bool strange;
    } cases[] = {
        {"mailvigil probe " TOKEN, TOKEN, "", false},
        {"Mailvigil\tPROBE   " TOKEN, TOKEN, "", false},
        {"[EXTERNAL] mailvigil probe " TOKEN " ***SPAM***", TOKEN, "", false},
        {"mailvigil probe\r\n " TOKEN, TOKEN, "", false},
        {"mailvigil\n\tprobe\n " TOKEN, TOKEN, "", false},
        {"mailvigil return " RETURN " 2026-01-01T00:00:00.000Z", "", RETURN, false},
        {"mailvigil probe " RETURN, "", "", false},
        {"mailvigil return " TOKEN, "", "", false},
        {"mailvigil probe " TOKEN "x", "", "", false},
        {"mailvigil probe x" TOKEN, "", "", false},
        {"mailvigil probe", "", "", false},
        {"probe " TOKEN, "", "", false},
        {TOKEN, "", "", false},
        {"mailvigil probe " TOKEN " mailvigil probe " OTHER, TOKEN, "", true},
        {"mailvigil probe " TOKEN "\nSubject: x", TOKEN, "", true},
        {"", "", "", false},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char *text = xasprintf("Subject: %s\r\nX: y\r\n\r\n", cases[i].subject);
        struct probe_mail mail = parse(text);

        if (mail.strange != cases[i].strange || strcmp(mail.subject_probe, cases[i].probe) != 0 ||
            strcmp(mail.subject_return, cases[i].answer) != 0)
            fail_msg("%s: %d '%s' '%s'", text, mail.strange, mail.subject_probe,
                     mail.subject_return);
        free(text);
    }
}

enum sign { NONE, AUTO, LIST, NULL_SENDER, DAEMON, STRANGE };

static enum sign sign_of(const struct probe_mail *mail)
{
    assert_true(mail->auto_submitted + mail->list + mail->null_sender + mail->from_daemon +
                    mail->strange <=
                1);
    return mail->auto_submitted ? AUTO
           : mail->list         ? LIST
           : mail->null_sender  ? NULL_SENDER
           : mail->from_daemon  ? DAEMON
           : mail->strange      ? STRANGE
                                : NONE;
}

static void test_signs_of_automatic_mail(void **state)
{
    static const struct {
        const char *text;
        enum sign sign;
    } cases[] = {
        {"Auto-Submitted: no", NONE},
        {"Auto-Submitted: Auto-Generated", NONE},
        {"Auto-Submitted: auto-generated; owner-email=\"a@b\"", NONE},
        {"Auto-Submitted: auto-generated (a probe)", NONE},
        {"Auto-Submitted: auto-replied", AUTO},
        {"AUTO-SUBMITTED:auto-notified", AUTO},
        {"Auto-Submitted: auto-generated-not", AUTO},
        {"Auto-Submitted:", AUTO},
        {"Auto-Submitted: no\r\nAuto-Submitted: auto-replied", AUTO},
        {"List-Id: <x.example.org>", LIST},
        {"list-unsubscribe:", LIST},
        {"List: x", NONE},
        {"Precedence: bulk", LIST},
        {"Precedence: LIST", LIST},
        {"Precedence: junk (really)", LIST},
        {"Precedence: first-class", NONE},
        {"Return-Path: <>", NULL_SENDER},
        {"Return-Path: < >", NULL_SENDER},
        {"Return-Path:", NULL_SENDER},
        {"Return-Path: <", NULL_SENDER},
        {"Return-Path: <a@example.org>\r\nReturn-Path: <>", NULL_SENDER},
        {"Return-Path: <a@example.org>", NONE},
        {"Return-Path: <Mailer-Daemon@example.org>", DAEMON},
        {"From: MAILER-DAEMON (Mail Delivery System)", DAEMON},
        {"From: Mail Delivery <MAILER-DAEMON@example.org>", DAEMON},
        {"From: postmaster@example.org", DAEMON},
        {"From: \"postmaster\" <a@example.org>", NONE},
        {"From: postmasters@example.org", NONE},
        {"From: a@example.org\r\nFrom: b@example.org", STRANGE},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char *text = xasprintf("%s\r\n\r\n", cases[i].text);
        struct probe_mail mail = parse(text);

        if (sign_of(&mail) != cases[i].sign)
            fail_msg("%s: sign %d", text, (int)sign_of(&mail));
        free(text);
    }
}

static void test_addresses(void **state)
{
    static const struct {
        const char *from, *address;
    } cases[] = {
        {"a@example.org", "a@example.org"},
        {"a@example.org (Alice)", "a@example.org"},
        {"Alice <a+b.c@example.org>", "a+b.c@example.org"},
        {"\"<x@y>\" <a@example.org>", "a@example.org"},
        {"\r\n <a@example.org>", "a@example.org"},
        {"Alice", ""},
        {"a@", ""},
        {"@example.org", ""},
        {"a@b@example.org", ""},
        {"a..b@example.org", ""},
        {"a.@example.org", ""},
        {"a@example.org.", ""},
        {"<a b@example.org>", ""},
        {"<a\r\n @example.org>", ""},
        {"<\"a\"@example.org>", ""},
        {"<\xc3\xa9@example.org>", ""},
        {"<a@[127.0.0.1]>", ""},
        {"<a@example.org", ""},
    };
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char *text = xasprintf("From: %s\r\nReturn-Path: %s\r\n\r\n", cases[i].from, cases[i].from);
        struct probe_mail mail = parse(text);

        if (strcmp(mail.from, cases[i].address) != 0 ||
            strcmp(mail.return_path, cases[i].address) != 0)
            fail_msg("%s: '%s' '%s'", text, mail.from, mail.return_path);
        free(text);
    }
}

static void test_message_id(void **state)
{
    static const struct {
        const char *text, *id;
    } cases[] = {
        {"<a.b@c.d>", "<a.b@c.d>"},
        {"\r\n <a.b@c.d>", "<a.b@c.d>"},
        {"a@b", ""},
        {"<a@b> <c@d>", ""},
        {"<a@b>\r\nMessage-ID: <a@b>", ""},
        {"<a@b\r\n Bcc: x@example.org>", ""},
        {"<a@b\rBcc:x@example.org>", ""},
        {"<a b@c>", ""},
        {"<a>b@c>", ""},
        {"<@>", ""},
        {"<>", ""},
        {"<", ""},
        {"", ""},
    };
    char *text;
    (void)state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        text = xasprintf("Message-ID: %s\r\n\r\n", cases[i].text);
        if (strcmp(parse(text).message_id, cases[i].id) != 0)
            fail_msg("%s: '%s'", text, parse(text).message_id);
        free(text);
    }
    for (int len = PROBE_MAIL_ID_MAX - 2; len <= PROBE_MAIL_ID_MAX; len++) {
        text = xasprintf("Message-ID: <%0*d@b>\n\n", len - 4, 0);
        assert_int_equal(strlen(parse(text).message_id), len < PROBE_MAIL_ID_MAX ? len : 0);
        free(text);
    }
}

/* ---- bounds ---- */

static char *repeated(const char *line, size_t times, const char *end)
{
    size_t len = strlen(line);
    char *text = xmalloc(len * times + strlen(end) + 1);

    for (size_t i = 0; i < times; i++)
        memcpy(text + i * len, line, len);
    memcpy(text + len * times, end, strlen(end) + 1);
    return text;
}

static void test_lines(void **state)
{
    char *text = repeated("Received: x\n", PROBE_MAIL_LINES, "\n");
    struct probe_mail mail = parse(text);
    (void)state;

    free(text);
    assert_true(mail.strange); /* the empty line is one more */
    text = repeated("Received: x\n", PROBE_MAIL_LINES - 1, "\nbody\n");
    mail = parse(text);
    free(text);
    assert_false(mail.strange);
    assert_int_equal(mail.received, PROBE_MAIL_LINES - 1);
    text = repeated("Received: x\n", 10000, "\n" PROBE);
    mail = parse(text);
    free(text);
    assert_true(mail.strange);
    assert_false(mail.has_probe_field);
}

static void test_line_length(void **state)
{
    (void)state;

    for (size_t more = 0; more < 2; more++) {
        char *line = repeated("x", PROBE_MAIL_LINE - 3 + more, "");
        char *text = xasprintf("X: %s\r\n" PROBE "\r\n", line);
        assert_int_equal(parse(text).strange, more);
        free(text);
        free(line);
    }
}

static void test_header_length(void **state)
{
    char *text = repeated("Received: fifteen\n", PROBE_MAIL_HEADER / 18 + 1, "");
    struct probe_mail mail;
    (void)state;

    /* Short lines that exceed the limit of bytes exceed that of lines, too. */
    mail = parse(text);
    assert_true(mail.strange);
    free(text);
    char *fold = repeated("x", 1000, "\r\n ");
    text = repeated(fold, PROBE_MAIL_HEADER / 1003 + 1, "y\r\n\r\n");
    memcpy(text, "X:", 2);
    mail = parse(text);
    assert_true(mail.strange);
    free(text);
    text = repeated(fold, PROBE_MAIL_HEADER / 1003 - 1, "y\r\n\r\nbody");
    memcpy(text, "X:", 2);
    mail = parse(text);
    assert_false(mail.strange);
    free(text);
    free(fold);
}

static void test_nul(void **state)
{
    static const char inside[] = "Subject: a\0b\r\n" PROBE "\r\n";
    static const char after_nul[] = PROBE "\r\n\0\0\0";
    static const char in_token[] = "X-Mailvigil-Probe: \0" TOKEN "\r\n\r\n";
    struct probe_mail mail;
    (void)state;

    probe_mail_parse(&mail, inside, sizeof(inside) - 1);
    assert_true(mail.strange);
    assert_true(mail.has_probe_field);
    probe_mail_parse(&mail, after_nul, sizeof(after_nul) - 1);
    assert_false(mail.strange);
    probe_mail_parse(&mail, in_token, sizeof(in_token) - 1);
    assert_true(mail.strange);
    assert_false(mail.has_probe_field);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_probe),
        cmocka_unit_test(test_an_answer),
        cmocka_unit_test(test_our_fields),
        cmocka_unit_test(test_subject),
        cmocka_unit_test(test_signs_of_automatic_mail),
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_message_id),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_line_length),
        cmocka_unit_test(test_header_length),
        cmocka_unit_test(test_nul),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
