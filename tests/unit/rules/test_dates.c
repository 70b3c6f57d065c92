/* What a header says of when and how its message arrived. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "rules/dates.h"

static const struct {
    const char *header;
    enum trace trace;
    bool delivered;
    long long guess; /* -1: none */
} cases[] = {
    {"From: a@b\r\n", TRACE_NONE, false, -1},
    {"Date: Fri, 2 Jan 2026 12:00:00 +0000\r\n", TRACE_NONE, false, 1767355200},
    {"Date: tomorrow\r\n", TRACE_NONE, false, -1},
    {"Date: 1 Jan 1960 12:00:00 +0000\r\n", TRACE_NONE, false, -1},
    {"Received: by x; Fri, 2 Jan 2026 12:00:00 +0000\r\nDate: Fri, 2 Jan 2009 12:00 +0000\r\n",
     TRACE_DATED, true, 1767355200},
    {"Received: by x;\r\n\tFri, 2 Jan 2026\r\n 12:00:00 +0000 (UTC)\r\n", TRACE_DATED, true,
     1767355200},
    {"Received: by x\r\nReceived: by x; Fri, 2 Jan 2026 12:00:00 +0000\r\n"
     "Date: Fri, 2 Jan 2009 12:00:00 +0000\r\n",
     TRACE_UNREADABLE, true, 1230897600},
    {"Received: by x; Fri, 2 Jan 2026 12:00:00\r\n", TRACE_UNREADABLE, true, -1},
    {"Return-Path: <>\r\n", TRACE_NONE, true, -1},
    {"delivered-to: a@b\r\n", TRACE_NONE, true, -1},
    {"X-Original-To: a@b\r\n", TRACE_NONE, true, -1},
    {"Envelope-To: a@b\r\n", TRACE_NONE, true, -1},
};

static void headers_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct header *header = header_parse(cases[i].header, strlen(cases[i].header));
        struct mail_date date = {.at = -1}, unused;
        assert_int_equal(trace_date(header, &unused), cases[i].trace);
        assert_int_equal(header_was_delivered(header), cases[i].delivered);
        assert_int_equal(header_guess_date(header, &date), cases[i].guess != -1);
        assert_int_equal(date.at, cases[i].guess);
        header_free(header);
    }
}

static void a_cut_header_proves_nothing(void **state)
{
    struct header *header = header_parse("From: a@b\r\n", 11);
    struct mail_date unused;
    (void)state;
    header->truncated = true;
    assert_int_equal(trace_date(header, &unused), TRACE_UNREADABLE);
    assert_true(header_was_delivered(header));
    header_free(header);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_read),
        cmocka_unit_test(a_cut_header_proves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
