#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules/mime/header.h"
#include "rules/text/charset.h"
#include "rules/util/buffer.h"
#include "rules/util/memory.h"

static struct header *parse(const char *text)
{
    return header_parse(text, strlen(text));
}

static void assert_spans_make_up(const struct header *header)
{
    const char *next = header->text;
    for (size_t i = 0; i < header->count; i++) {
        assert_ptr_equal(header->fields[i].start, next);
        assert_true(header->fields[i].len > 0);
        next += header->fields[i].len;
    }
    assert_ptr_equal(next, header->text + header->len);
}

static void test_names(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t name_len, count;
    } cases[] = {
        {"Subject: x\r\n\r\n", 7, 1},
        {"Subject : x\r\n", 7, 1},
        {"Subject\t \t: x\r\n", 7, 1},
        {"Subject:\r\n", 7, 1},
        {"Subject", 0, 1},
        {"no colon here\r\nSubject: x\r\n", 0, 2},
        {"From bob@example.org Mon Jan  1 00:00:00 2026\r\nTo: x\r\n", 0, 2},
        {": x\r\n", 0, 1},
        {"Sub ject: x\r\n", 0, 1},
        {"Sub\001ject: x\r\n", 0, 1},
        {"Subj\xc3\xa9t: x\r\n", 0, 1},
        {"Subject: a\r\n b\r\n\tc\r\nTo: d\r\n", 7, 2},
        {"Subject: a\n b\nTo: d\n\nbody: x\n", 7, 2},
        {"Subject: a\r\n \r\n b\r\n\r\n", 7, 1},
        {" starts folded: x\r\nTo: y\r\n", 0, 2},
        {"Subject: a\rTo: b\r\n", 7, 1},
        {"Subject\r\n : x\r\n", 0, 1},
        {"\r\nTo: x\r\n", 0, 0},
        {"\nTo: x\n", 0, 0},
        {"", 0, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct header *header = parse(cases[i].text);
        print_message("case %zu\n", i);
        assert_spans_make_up(header);
        assert_int_equal(header->count, cases[i].count);
        if (cases[i].count > 0)
            assert_int_equal(header->fields[0].name_len, cases[i].name_len);
        header_free(header);
    }
}

static void test_end_is_before_the_empty_line(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
        long scanned;
    } cases[] = {
        {"A: b\r\n\r\nbody", 6, 8},     {"A: b\n\nbody", 5, 6}, {"A: b\r\n\nbody", 6, 7},
        {"A: b\n\r\nbody", 5, 7},       {"\r\nbody", 0, 2},     {"\nbody", 0, 1},
        {"A: b\r\n\r\r\nbody", 13, -1}, {"A: b\r\n", 6, -1},    {"A: b", 4, -1},
        {"A: b\r\n\r", 7, -1},          {"\r", 1, -1},          {"", 0, -1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        print_message("case %zu\n", i);
        struct header *header = parse(cases[i].text);
        assert_int_equal(header->len, cases[i].len);
        header_free(header);
        struct header_scan scan = {0};
        assert_int_equal(header_scan_feed(&scan, cases[i].text, strlen(cases[i].text)),
                         cases[i].scanned);
    }
}

static void test_scan_sees_the_same_end_in_any_two_pieces(void **state)
{
    (void)state;
    static const char *const texts[] = {"A: b\r\n c\r\n\r\nbody\r\n\r\n", "A: b\n\nb", "\r\nb",
                                        "\nb"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        size_t len = strlen(texts[i]);
        struct header_scan whole = {0};
        long end = header_scan_feed(&whole, texts[i], len);
        for (size_t cut = 0; cut <= len; cut++) {
            struct header_scan scan = {0};
            long first = header_scan_feed(&scan, texts[i], cut);
            long seen = first;
            if (first < 0)
                seen = (long)cut + header_scan_feed(&scan, texts[i] + cut, len - cut);
            assert_int_equal(seen, end);
        }
    }
}

static void test_find_counts_fields_of_a_name(void **state)
{
    (void)state;
    struct header *header = parse("To: a\r\nCC: b\r\nto : c\r\nToo: d\r\n");
    assert_ptr_equal(header_find(header, "TO", 0), &header->fields[0]);
    assert_ptr_equal(header_find(header, "to", 1), &header->fields[2]);
    assert_null(header_find(header, "to", 2));
    assert_null(header_find(header, "subject", 0));
    header_free(header);
}

static void test_values(void **state)
{
    (void)state;
    static const struct {
        const char *text, *value, *decoded;
    } cases[] = {
        {"S: plain\r\n", "plain", "plain"},
        {"S:\r\n folded\r\n\tonce  \r\n", "folded once", "folded once"},
        {"S:\r\n", "", ""},
        {"S:", "", ""},
        {"S: a\rb\001c\r\n", "a b c", "a b c"},
        {"S: caf\xc3\xa9\r\n", "caf\xc3\xa9", "caf\xc3\xa9"},
        {"S: caf\xe9 x\r\n", "caf\xe9 x", "caf\xc3\xa9 x"},
        {"S: =?utf-8?Q?caf=C3=A9?=\r\n", "=?utf-8?Q?caf=C3=A9?=", "caf\xc3\xa9"},
        {"S: =?ISO-8859-1*fr?q?caf=E9_x?= y\r\n", "=?ISO-8859-1*fr?q?caf=E9_x?= y",
         "caf\xc3\xa9 x y"},
        {"S: =?utf-8?Q?caf=C3?=\r\n =?UTF-8?B?qQ==?=\r\n",
         "=?utf-8?Q?caf=C3?= =?UTF-8?B?qQ==?=", "caf\xc3\xa9"},
        {"S: =?iso-2022-jp?B?GyRCRnxLXBsoQg==?=\r\n",
         "=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "\xe6\x97\xa5\xe6\x9c\xac"},
        {"S: =?x-unknown?Q?caf=E9?=\r\n", "=?x-unknown?Q?caf=E9?=", "caf\xc3\xa9"},
        {"S: =?utf-8?Q?a=00=0Ab?= c\r\n", "=?utf-8?Q?a=00=0Ab?= c", "a  b c"},
        {"S: =?utf-8?Q?open\r\n", "=?utf-8?Q?open", "=?utf-8?Q?open"},
        {"S: =?utf-8?X?no?=\r\n", "=?utf-8?X?no?=", "=?utf-8?X?no?="},
        {"S: =?utf-8?Q?\?=\r\n", "=?utf-8?Q?\?=", ""},
        {"S: =?utf-8?Q?a?==?utf-8?Q?b?=\r\n", "=?utf-8?Q?a?==?utf-8?Q?b?=", "ab"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct header *header = parse(cases[i].text);
        char *value = header_value(&header->fields[0], 1000);
        char *decoded = header_value_decoded(&header->fields[0], 1000);
        print_message("case %zu\n", i);
        assert_string_equal(value, cases[i].value);
        assert_string_equal(decoded, cases[i].decoded);
        for (const char *c = decoded; *c != '\0';) {
            size_t n = utf8_length(c, strlen(c));
            assert_true(n > 0);
            c += n;
        }
        free(value);
        free(decoded);
        header_free(header);
    }
}

static void test_values_are_cut(void **state)
{
    (void)state;
    struct header *header = parse("S: abcdef\r\nT: \xc3\xa9\xc3\xa9\xc3\xa9\r\n");
    char *value = header_value(&header->fields[0], 3);
    assert_string_equal(value, "abc");
    free(value);
    value = header_value_decoded(&header->fields[1], 3);
    assert_string_equal(value, "\xc3\xa9");
    free(value);
    value = header_value_decoded(&header->fields[1], 0);
    assert_string_equal(value, "");
    free(value);
    header_free(header);
}

static void test_nul_is_an_octet_like_any_other(void **state)
{
    (void)state;
    static const char text[] = "S: a\0b\r\nT\0x: c\r\n\r\n";
    struct header *header = header_parse(text, sizeof(text) - 1);
    assert_int_equal(header->count, 2);
    char *value = header_value(&header->fields[0], 100);
    assert_string_equal(value, "a b");
    free(value);
    assert_int_equal(header->fields[1].name_len, 0);
    header_free(header);
}

static void test_fields_are_bounded(void **state)
{
    (void)state;
    struct buffer text = {0};
    for (int i = 0; i < HEADER_FIELDS_MAX + 10; i++)
        buffer_text(&text, "A:b\n");
    buffer_text(&text, "\nbody");
    struct header *header = header_parse(text.data, text.len);
    assert_true(header->truncated);
    assert_int_equal(header->count, HEADER_FIELDS_MAX + 1);
    assert_int_equal(header->fields[HEADER_FIELDS_MAX].len, 40);
    assert_int_equal(header->fields[HEADER_FIELDS_MAX].name_len, 0);
    assert_spans_make_up(header);
    header_free(header);
    buffer_free(&text);
}

static void test_octets_are_bounded(void **state)
{
    (void)state;
    struct buffer text = {0};
    buffer_text(&text, "A: ");
    for (int i = 0; i < HEADER_MAX / 64; i++)
        buffer_text(&text, "0123456789012345678901234567890123456789012345678901234567890123");
    buffer_text(&text, "\r\nB: c\r\n\r\nbody");
    struct header *header = header_parse(text.data, text.len);
    assert_true(header->truncated);
    assert_int_equal(header->count, 2);
    assert_int_equal(header->fields[0].name_len, 1);
    assert_int_equal(header->fields[1].len, 6);
    assert_null(header_find(header, "B", 0));
    header_free(header);
    buffer_free(&text);
}

static void test_many_charset_switches_end(void **state)
{
    (void)state;
    struct buffer text = {0};
    buffer_text(&text, "S: ");
    for (int i = 0; i < 20000; i++)
        buffer_text(&text, i % 2 ? "=?koi8-r?Q?=C1?= " : "=?iso-2022-jp?Q?a?= ");
    struct header *header = header_parse(text.data, text.len);
    char *decoded = header_value_decoded(&header->fields[0], 1000000);
    assert_true(strlen(decoded) > 200);
    free(decoded);
    header_free(header);
    buffer_free(&text);
}

/* The named fields under every reading, "name=value;". */
static char *read_text(const struct header *header)
{
    struct buffer text = {0};
    size_t count;
    const struct header_field *fields = header_read(header, &count);
    buffer_text(&text, "");
    for (size_t i = 0; i < count; i++) {
        char *value = header_value(&fields[i], 100);
        if (fields[i].name_len > 0)
            buffer_printf(&text, "%.*s=%s;", (int)fields[i].name_len, fields[i].start, value);
        free(value);
    }
    return buffer_take(&text);
}

static void test_a_bare_cr_ends_a_line_for_some(void **state)
{
    (void)state;
    static const struct {
        const char *text, *read;
        bool bare_cr;
    } cases[] = {
        {"A: b\r\nC: d\r\n", "A=b;C=d;", false},
        {"A: b\rTo: c\r\nE: f\r\n", "A=b To: c;A=b;To=c;E=f;", true},
        {"A: b\r folded\rTo: c\r\n d\r\n", "A=b  folded To: c d;A=b  folded;To=c d;", true},
        {"A\rTo: c\r\n", "To=c;", true},
        {"A: b\r\rbody: x\r\nE: f\r\n", "A=b  body: x;A=b;E=f;", true},
        {"A: b\r\r\nC: d\r\r\n", "A=b;A=b;C=d;", true},
        {"A: b\rTo: c\r\rbody: x\rbody: y", "A=b To: c  body: x body: y;A=b;To=c;", true},
        {"A: b\r", "A=b;A=b;", true},
        {"\rA: b\r\n", "A=b;", true},
        {"A: b\rTo\r : c\r\n", "A=b To  : c;A=b;To=c;", true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct header *header = parse(cases[i].text);
        char *read = read_text(header);
        print_message("case %zu\n", i);
        assert_string_equal(read, cases[i].read);
        assert_int_equal(header->bare_cr, cases[i].bare_cr);
        free(read);
        header_free(header);
    }
}

static void test_octets_around_a_name_are_nothing_to_some(void **state)
{
    (void)state;
    static const struct {
        const char *text, *read;
        bool garbled;
    } cases[] = {
        {"Cc\r\n : x\r\nE: f\r\n", "Cc=x;E=f;", false},
        {"Cc\n\t: x\r\n y\r\n", "Cc=x y;", false},
        {" Cc: x\r\n", "Cc=x;", false},
        {"A: b\r\nCc\xa0: x\r\n", "A=b;Cc=x;", false},
        {"\xa0 Cc: x\r\n", "Cc=x;", false},
        {"\xef\xbb\xbfSubject\xc2\xa0: x\r\n", "Subject=x;", false},
        {"Cc\f: x\r\n", "Cc=x;", true},
        {"\vCc\xa0: x\r\n", "Cc=x;", true},
        {"\xa0 C\001c: x\r\n", "", true},
        {"no field: x\r\n", "", false},
        {"no\r\n field: x\r\n", "", false},
        {"C\xa0"
         "c: x\r\n",
         "", false},
        {"From bob Mon Jan 1 10:00:00\r\nC: d\r\n", "C=d;", false},
        {"\xa0: x\r\n", "", false},
        {"nothing\r\n", "", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct header *header = parse(cases[i].text);
        char *read = read_text(header);
        print_message("case %zu\n", i);
        assert_string_equal(read, cases[i].read);
        assert_int_equal(header->garbled, cases[i].garbled);
        free(read);
        header_free(header);
    }
}

static void test_where_the_fields_end_for_some(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t fields_len;
        bool garbled;
    } cases[] = {
        {"A: b\r\nC: d\r\n\r\nbody", 12, false},
        {"From bob Mon Jan 1\r\nC: d\r\n", 26, false},
        {"A: b\r\nFrom bob Mon Jan 1\r\nC: d\r\n", 6, false},
        {"A: b\r\nno field\r\nC: d\r\n", 6, false},
        {"A: b\r\nno field: x\r\nC: d\r\n", 6, false},
        {"no field\r\n", 0, false},
        {"Fr\001om: x\r\n", 0, true},
        {"\177From : x\r\n", 0, true},
        {"A: b\rFr\001om: x\r\n", 15, true},
        {"", 0, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct header *header = parse(cases[i].text);
        print_message("case %zu\n", i);
        assert_int_equal(header->fields_len, cases[i].fields_len);
        assert_int_equal(header->garbled, cases[i].garbled);
        header_free(header);
    }
}

static void test_bare_crs_are_bounded(void **state)
{
    (void)state;
    struct buffer text = {0};
    for (size_t i = 0; i <= HEADER_FIELDS_MAX; i++)
        buffer_text(&text, "X:\r");
    struct header *header = header_parse(text.data, text.len);
    assert_true(header->truncated);
    assert_int_equal(header->n_read, HEADER_FIELDS_MAX + 1);
    header_free(header);
    buffer_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_end_is_before_the_empty_line),
        cmocka_unit_test(test_scan_sees_the_same_end_in_any_two_pieces),
        cmocka_unit_test(test_find_counts_fields_of_a_name),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_a_bare_cr_ends_a_line_for_some),
        cmocka_unit_test(test_octets_around_a_name_are_nothing_to_some),
        cmocka_unit_test(test_where_the_fields_end_for_some),
        cmocka_unit_test(test_bare_crs_are_bounded),
        cmocka_unit_test(test_values_are_cut),
        cmocka_unit_test(test_nul_is_an_octet_like_any_other),
        cmocka_unit_test(test_fields_are_bounded),
        cmocka_unit_test(test_octets_are_bounded),
        cmocka_unit_test(test_many_charset_switches_end),
    };
    return cmocka_run_group_tests_name("header", tests, NULL, NULL);
}
