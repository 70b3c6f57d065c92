#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "imapclient/wire/writer.h"

/* The contents of the buffer, which is drained. */
static char *drain(struct evbuffer *out)
{
    size_t len = evbuffer_get_length(out);
    char *text = malloc(len + 1);
    assert_non_null(text);
    evbuffer_remove(out, text, len);
    text[len] = '\0';
    return text;
}

static void check_drained(struct evbuffer *out, const char *expected)
{
    char *text = drain(out);
    assert_string_equal(text, expected);
    free(text);
}

static void strings_are_atoms_or_quoted(void **state)
{
    (void)state;
    static const struct {
        const char *text, *written; /* NULL: refused */
    } cases[] = {
        {"alice", "alice"},
        {"alice@example.org", "alice@example.org"},
        {"[Gmail]/x", "[Gmail]/x"},
        {"", "\"\""},
        {"NIL", "\"NIL\""},
        {"nil", "\"nil\""},
        {"two words", "\"two words\""},
        {"a\"b\\c", "\"a\\\"b\\\\c\""},
        {"(x)", "\"(x)\""},
        {"{5}", "\"{5}\""},
        {"100%", "\"100%\""},
        {"*", "\"*\""},
        {"tab\there", "\"tab\there\""},
        {"del\x7f", "\"del\x7f\""},
        {"caf\xc3\xa9", NULL},
        {"a\rb", NULL},
        {"a\n1 LOGOUT", NULL},
    };
    struct evbuffer *out = evbuffer_new();
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        bool written = writer_astring(out, cases[i].text);
        if (written != (cases[i].written != NULL))
            fail_msg("\"%s\" should be %s", cases[i].text, written ? "refused" : "written");
        check_drained(out, cases[i].written != NULL ? cases[i].written : "");
    }
    evbuffer_free(out);
}

static void a_line_has_a_limit(void **state)
{
    (void)state;
    char text[WRITER_LINE_MAX + 2];
    memset(text, 'x', sizeof(text));
    text[WRITER_LINE_MAX] = '\0';
    assert_true(writer_sendable(text));
    text[WRITER_LINE_MAX] = 'x';
    text[WRITER_LINE_MAX + 1] = '\0';
    assert_false(writer_sendable(text));
}

static void names_become_modified_utf7_and_come_back(void **state)
{
    (void)state;
    static const struct {
        const char *utf8, *wire;
    } names[] = {
        {"INBOX", "INBOX"},
        {"Entwürfe", "Entw&APw-rfe"},
        {"Éléments envoyés", "&AMk-l&AOk-ments envoy&AOk-s"},
        {"台北", "&U,BTFw-"},
        {"~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"},
        {"R&D", "R&-D"},
        {"&", "&-"},
        {"&&", "&-&-"},
        {"ü&ü", "&APw-&-&APw-"},
        {"😀", "&2D3eAA-"},
        {"a😀b", "a&2D3eAA-b"},
        {"\x01", "&AAE-"},
        {"\x7f", "&AH8-"},
        {"[Gmail]/Все", "[Gmail]/&BBIEQQQ1-"},
    };
    struct evbuffer *out = evbuffer_new();
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        char quoted[128];
        assert_true(writer_mailbox(out, names[i].utf8));
        bool atom = strpbrk(names[i].wire, " ") == NULL;
        snprintf(quoted, sizeof(quoted), atom ? "%s" : "\"%s\"", names[i].wire);
        check_drained(out, quoted);
        char *decoded = writer_mailbox_decode(names[i].wire);
        assert_non_null(decoded);
        assert_string_equal(decoded, names[i].utf8);
        free(decoded);
    }
    evbuffer_free(out);
}

static void names_that_cannot_be_sent_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {
        "a\rb",
        "a\nb",
        "\xff",
        "\xc3",
        "\xc0\x80",
        "\xe0\x80\x80",
        "\xed\xa0\x80",
        "\xf4\x90\x80\x80",
        "\xf8\x88\x80\x80\x80",
        "abc\xe2\x82",
    };
    struct evbuffer *out = evbuffer_new();
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (writer_mailbox(out, names[i]))
            fail_msg("name %zu should be refused", i);
        assert_int_equal(evbuffer_get_length(out), 0);
    }
    evbuffer_free(out);
}

/* A name that would encode differently is another mailbox. */
static void names_that_do_not_decode_are_rejected(void **state)
{
    (void)state;
    static const char *const names[] = {
        "&",          "a&",          "&A",    "&APw",     "&APw!-", "&AGE-", "&APx-",
        "&APwA-",     "&2D0-",       "&3gA-", "&2D3YPQ-", "&AA0-",  "&AAo-", "&AAA-",
        "&APw-&APw-", "caf\xc3\xa9", "R&D",   "&APwA",    "a\tb",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        char *decoded = writer_mailbox_decode(names[i]);
        if (decoded != NULL)
            fail_msg("\"%s\" is not modified UTF-7", names[i]);
    }
}

static void dates_are_written_in_their_zone(void **state)
{
    (void)state;
    static const struct {
        time_t when;
        int zone;
        const char *written;
    } dates[] = {
        {0, 0, "\"01-Jan-1970 00:00:00 +0000\""},
        {837596665, -420, "\"17-Jul-1996 02:44:25 -0700\""},
        {1580505265, 330, "\"01-Feb-2020 02:44:25 +0530\""},
        {951782400, 0, "\"29-Feb-2000 00:00:00 +0000\""},
        {-1, 0, "\"31-Dec-1969 23:59:59 +0000\""},
        {0, -1, "\"31-Dec-1969 23:59:00 -0001\""},
        {0, 1439, "\"01-Jan-1970 23:59:00 +2359\""},
        {0, 1440, "\"01-Jan-1970 00:00:00 +0000\""},
        {INT64_MAX, 60, "\"01-Jan-1970 00:00:00 +0000\""},
        {INT64_MIN, -60, "\"01-Jan-1970 00:00:00 +0000\""},
        {253402300799, 0, "\"31-Dec-9999 23:59:59 +0000\""},
        {253402300800, 0, "\"01-Jan-1970 00:00:00 +0000\""},
    };
    struct evbuffer *out = evbuffer_new();
    for (size_t i = 0; i < sizeof(dates) / sizeof(*dates); i++) {
        writer_date_time(out, dates[i].when, dates[i].zone);
        check_drained(out, dates[i].written);
    }
    evbuffer_free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings_are_atoms_or_quoted),
        cmocka_unit_test(a_line_has_a_limit),
        cmocka_unit_test(names_become_modified_utf7_and_come_back),
        cmocka_unit_test(names_that_cannot_be_sent_are_refused),
        cmocka_unit_test(names_that_do_not_decode_are_rejected),
        cmocka_unit_test(dates_are_written_in_their_zone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
