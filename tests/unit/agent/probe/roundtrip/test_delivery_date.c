/* Dates as they appear in Received and Date fields, and what must not be taken for one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/probe/roundtrip/delivery_facts.h"
#include "rules/util/memory.h"

#define NEVER INT64_MIN
#define JANUARY INT64_C(1136109845) /* 2006-01-01 10:04:05 UTC */

static const struct {
    const char *text;
    int64_t seconds;
} dates[] = {
    /* RFC 5322 section 3.3 */
    {"Sun, 1 Jan 2006 10:04:05 +0000", JANUARY},
    {"Sun, 01 Jan 2006 10:04:05 -0000", JANUARY},
    {"1 Jan 2006 10:04:05 +0000", JANUARY},
    {"Sun, 1 Jan 2006 10:04 +0000", JANUARY - 5},
    {"Sun, 1 Jan 2006 12:04:05 +0200", JANUARY},
    {"Sun, 1 Jan 2006 04:34:05 -0530", JANUARY},
    {"Sat, 31 Dec 2005 22:04:05 -1200", JANUARY},
    {"Mon, 2 Jan 2006 00:04:05 +1400", JANUARY},
    {"Thu, 29 Feb 2024 23:59:60 +0000", 1709251200},
    {"Thu, 1 Jan 1970 00:00:00 +0000", 0},
    {"Mon, 1 Jan 1900 00:00:00 +0000", -2208988800},
    {"Fri, 31 Dec 9999 23:59:59 +0000", 253402300799},
    /* obsolete, section 4.3 */
    {"Sun, 1 Jan 06 10:04:05 GMT", JANUARY},
    {"1 Jan 106 10:04:05 UT", JANUARY},
    {"1 Jan 70 00:00 UTC", 0},
    {"1 Jan 49 00:00 Z", 2493072000},
    {"1 Jan 50 00:00 Z", -631152000},
    {"Sun, 1 Jan 2006 05:04:05 EST", JANUARY},
    {"Sun, 1 Jan 2006 06:04:05 EDT", JANUARY},
    {"Sun, 1 Jan 2006 04:04:05 cst", JANUARY},
    {"Sun, 1 Jan 2006 05:04:05 CDT", JANUARY},
    {"Sun, 1 Jan 2006 03:04:05 MST", JANUARY},
    {"Sun, 1 Jan 2006 04:04:05 MDT", JANUARY},
    {"Sun, 1 Jan 2006 02:04:05 PST", JANUARY},
    {"Sun, 1 Jan 2006 03:04:05 PDT", JANUARY},
    {"Sun, 1 Jan 2006 10:04:05 A", JANUARY},
    {"Sun, 1 Jan 2006 10:04:05 XYZZY", JANUARY},
    {"Sun , 1 Jan 2006 10 : 04 : 05 +0000", JANUARY},
    {"Sun (day), (a) 1 (b) Jan (c) 2006 (d) 10 (e):(f) 04 (g):05 (h) +0000 (UTC)", JANUARY},
    {"Sun, 1 Jan 2006\r\n\t10:04:05\r\n +0000 (UTC)\r\n", JANUARY},
    {"Sun, 1 Jan 2006 11:04:05 +0100 (CET (as we say; here))", JANUARY},
    {"Sun, 1 Jan 2006 10:04:05 +0000 (\\) still a comment)", JANUARY},
    /* the wild */
    {"Sunday, 1 January 2006 10:04:05 +0000", JANUARY},
    {"Sun 1 Jan 2006 10:04:05 +0000", JANUARY},
    {"Sun,1 Jan 2006 10:04:05 +0000", JANUARY},
    {"Sun, 01-Jan-2006 10:04:05 GMT", JANUARY},
    {"Sun, 1 Jan 2006 10:04:05.987654 +0000", JANUARY},
    {"Sun, 1 Jan 2006 10:4:5 +0000", JANUARY},
    {"Sun, 1 Jan 2006 10:04:05+0000", JANUARY},
    {"Sun, 1 Jan 2006 10:04:05", JANUARY},
    {"Sun, 1 Jan 2006 11:04:05 +01:00", JANUARY},
    {"Sun, 1 Jan 2006 11:04:05 +01", JANUARY},
    {"Sun, 1 Jan 2006 01:04:05 -900", JANUARY},
    {"Sun, 1 Jan 2006 11:04:05 GMT+0100", JANUARY},
    {"Sun, 1 Jan 2006 11:04:05 CET", JANUARY},
    {"Sun, 1 Jan 2006 12:04:05 CEST", JANUARY},
    {"Sun, Jan 1 2006 10:04:05 +0000", JANUARY},
    {"January 1, 2006 10:04:05 GMT", JANUARY},
    {"Sun Jan  1 10:04:05 2006", JANUARY},
    {"Sun Jan  1 10:04:05 GMT 2006", JANUARY},
    {"Sun Jan  1 11:04:05 2006 +0100", JANUARY},
    {"Sun Jan  1 05:04:05 -0500 2006", JANUARY},
    {"2006-01-01T10:04:05Z", JANUARY},
    {"2006-01-01T11:04:05.123+01:00", JANUARY},
    {"2006-01-01 10:04:05 +0000", JANUARY},
    {"Tue, 1 Jan 2006 10:04:05 +0000", JANUARY}, /* it was a Sunday */
    {"date is Sun, 1 Jan 2006 10:04:05 +0000 or so", JANUARY},
    {"7 12 1 Jan 2006 10:04:05 +0000", JANUARY},
    /* whole Received fields */
    {" from mx.example.org (mx.example.org [192.0.2.1])\r\n\tby mail.example.com (Postfix) with"
     " ESMTPS id 4AbCd\r\n\tfor <a@example.com>; Sun,  1 Jan 2006 11:04:05 +0100 (CET)\r\n",
     JANUARY},
    {"(qmail 4711 invoked by uid 89); 1 Jan 2006 10:04:05 -0000", JANUARY},
    {"by x (a; 2 Feb 2007 00:00:00 +0000); Sun, 1 Jan 2006 10:04:05 +0000", JANUARY},
    {"from \"a;b\" by c; Sun, 1 Jan 2006 10:04:05 +0000 (a; b)", JANUARY},
    {"from a (helo=(x) by c; Sun, 1 Jan 2006 10:04:05 +0000", JANUARY},
    {"from \"a by c; Sun, 1 Jan 2006 10:04:05 +0000", JANUARY},
    {"by c; received at Sun, 1 Jan 2006 10:04:05 +0000", JANUARY},
    {"by c; Sun, 1 Jan 2006 10:04:05 +0000;", JANUARY},
    {"by c on Sun, 1 Jan 2006 10:04:05 +0000", JANUARY},
    {"by c; Sun, 1 Jan 2006 10:04:05 +0000 \x01\xff\xfe", JANUARY},
    /* none */
    {"", NEVER},
    {";", NEVER},
    {"by mail.example.com with ESMTP id 12", NEVER},
    {"Sun, 1 Jan", NEVER},
    {"Sun, 1 Jan 2006", NEVER},
    {"Sun, 1 Jan 2006 10 +0000", NEVER},
    {"Sun, 32 Jan 2006 10:04:05 +0000", NEVER},
    {"Sun, 0 Jan 2006 10:04:05 +0000", NEVER},
    {"Wed, 29 Feb 2023 10:04:05 +0000", NEVER},
    {"Sun, 1 Foo 2006 10:04:05 +0000", NEVER},
    {"Sun, 1 Jan 2006 24:04:05 +0000", NEVER},
    {"Sun, 1 Jan 2006 10:60:05 +0000", NEVER},
    {"Sun, 1 Jan 2006 10:04:61 +0000", NEVER},
    {"Sun, 1 Jan 2006 10:04:05 +9999", NEVER},
    {"Sun, 1 Jan 2006 10:04:05 +2500", NEVER},
    {"Sun, 1 Jan 2006 10:04:05 +00000", NEVER},
    {"Sun, 1 Jan 6 10:04:05 +0000", NEVER},
    {"Sun, 1 Jan 20060 10:04:05 +0000", NEVER},
    {"Sun, 1 Jan 1899 10:04:05 +0000", NEVER},
    {"Sun, 001 Jan 2006 10:04:05 +0000", NEVER},
    {"2006-13-01T10:04:05Z", NEVER},
    {"(Sun, 1 Jan 2006 10:04:05 +0000)", NEVER},
};

static void dates_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(dates) / sizeof(*dates); i++) {
        /* in memory of its own, so that reading beyond it is found */
        size_t len = strlen(dates[i].text);
        char *text = xmalloc(len);
        int64_t seconds = NEVER;
        memcpy(text, dates[i].text, len);
        bool well = delivery_date(text, len, &seconds);
        if (well != (dates[i].seconds != NEVER) || seconds != dates[i].seconds)
            fail_msg("\"%s\": %s, %" PRId64, dates[i].text, well ? "read" : "not read", seconds);
        free(text);
    }
}

static void every_month_has_its_name(void **state)
{
    (void)state;
    static const char *const names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    for (int month = 0; month < 12; month++) {
        char text[60];
        int64_t seconds;
        struct tm tm = {.tm_year = 124, .tm_mon = month, .tm_mday = 28, .tm_hour = 7};
        snprintf(text, sizeof(text), "28 %s 2024 07:00:00 +0000", names[month]);
        assert_true(delivery_date(text, strlen(text), &seconds));
        assert_int_equal(seconds, timegm(&tm));
    }
}

static double seconds_for(const char *piece, size_t len)
{
    char *text = xmalloc(len);
    int64_t seconds;
    for (size_t i = 0; i < len; i++)
        text[i] = piece[i % strlen(piece)];
    clock_t begun = clock();
    delivery_date(text, len, &seconds); /* where it is cut it may be a date */
    free(text);
    return (double)(clock() - begun) / CLOCKS_PER_SEC;
}

/* Four megabytes of each: neither depth nor repetition costs more than their length. Minutes, if
 * it were quadratic. */
static void hostile_text_costs_its_length(void **state)
{
    (void)state;
    static const char *const pieces[] = {"(",
                                         ")",
                                         "()",
                                         "(;",
                                         "\"",
                                         "\\",
                                         "\\\"(",
                                         ";",
                                         "1 ",
                                         "1 Jan ",
                                         "Sun, 1 (",
                                         "1-",
                                         "1:",
                                         "Jan ",
                                         "(\\",
                                         "\";(",
                                         "1 Jan 2006 10:04:05 +9999 ;"};
    for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++)
        if (seconds_for(pieces[i], 4 * 1024 * 1024) > 20)
            fail_msg("\"%s\" takes too long", pieces[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_are_read),
        cmocka_unit_test(every_month_has_its_name),
        cmocka_unit_test(hostile_text_costs_its_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
