#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules/mime/text.h"
#include "rules/text/charset.h"
#include "rules/util/buffer.h"

static void add(struct text_reader *reader, const char *subtype, const char *charset,
                const char *text, size_t len)
{
    struct text_part part = {.subtype = subtype, .charset = charset};
    part.charset_len = charset != NULL ? strlen(charset) : 0;
    text_reader_begin(reader, &part);
    size_t half = len / 2;
    text_reader_feed(reader, text, half);
    text_reader_feed(reader, text + half, len - half);
}

static struct readings read_one(const char *subtype, const char *charset, const char *text,
                                size_t len)
{
    struct text_reader *reader = text_reader_new();
    add(reader, subtype, charset, text, len);
    return text_reader_end(reader);
}

static const char *find(const struct readings *readings, const char *how)
{
    for (size_t i = 0; i < readings->count; i++)
        if (strcmp(readings->list[i].how, how) == 0)
            return readings->list[i].text;
    return NULL;
}

static void expect(const struct readings *readings, const char *how, const char *text)
{
    const char *found = find(readings, how);
    if (found == NULL || text == NULL) {
        if (found != text)
            fail_msg("%s: %s, not %s", how, found, text);
    } else if (strcmp(found, text) != 0) {
        fail_msg("%s: \"%s\", not \"%s\"", how, found, text);
    }
}

static bool any_contains(const struct readings *readings, const char *what)
{
    for (size_t i = 0; i < readings->count; i++)
        if (strstr(readings->list[i].text, what) != NULL)
            return true;
    return false;
}

static void plain_ascii_has_one_reading(void **state)
{
    (void)state;
    struct readings readings = read_one("plain", "us-ascii", "Hello", 5);
    assert_int_equal(readings.count, 1);
    expect(&readings, "as written", "Hello");
    assert_null(readings.doubt);
    readings_clear(&readings);
    readings = text_reader_end(text_reader_new());
    assert_int_equal(readings.count, 1);
    expect(&readings, "as written", "");
    readings_clear(&readings);
}

static void every_reading_has_its_name(void **state)
{
    (void)state;
    const char html[] = "<p>sec<b></b>r&shy;et\nof<br>two";
    struct readings readings = read_one("html", NULL, html, strlen(html));
    expect(&readings, "as written", html);
    expect(&readings, "folded", NULL);
    expect(&readings, "as HTML shows it", "secr\u00adet of\ntwo");
    expect(&readings, "as HTML shows it, folded", "secret of\ntwo");
    expect(&readings, "as HTML shows it, run together", "secret oftwo");
    expect(&readings, "stripped of tags", NULL); /* the same */
    expect(&readings, "with its lines joined", "secret of two");
    assert_null(readings.doubt);
    readings_clear(&readings);
    readings = read_one("plain", NULL, html, strlen(html));
    expect(&readings, "as HTML shows it", NULL);
    readings_clear(&readings);
}

static void parts_are_read_together(void **state)
{
    (void)state;
    struct text_reader *reader = text_reader_new();
    add(reader, "plain", NULL, "one", 3);
    add(reader, "html", NULL, "t<i></i>wo", 10);
    add(reader, "plain", "utf-8",
        "thr\xff"
        "ee",
        6);
    struct readings readings = text_reader_end(reader);
    expect(&readings, "as written", "one\nt<i></i>wo\nthr\ufffdee");
    expect(&readings, "as HTML shows it", "one\ntwo\nthr\ufffdee");
    expect(&readings, "as HTML shows it, folded", "one\ntwo\nthree");
    expect(&readings, "decoded otherwise", "one\nt<i></i>wo\nthr\u00ffee");
    expect(&readings, "decoded otherwise, as HTML shows it", "one\ntwo\nthr\u00ffee");
    assert_null(readings.doubt);
    readings_clear(&readings);
}

static void lines_of_a_paragraph_are_joined(void **state)
{
    static const char *const texts[][2] = {
        {"top\nsecret", "top secret"},
        {"> top\n> secret", "> top secret"},
        {"top\n\nsecret", "top\nsecret"},
        {"top\n> \n>> secret", "top\nsecret"},
        {"top  \t secret \n", "top secret"},
        {"a\n\n\n\nb\nc", "a\nb c"},
        {"  a\n  b\n", "a b"},
        {"top\u00a0\u2003secret", "top secret"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct readings readings = read_one("plain", "utf-8", texts[i][0], strlen(texts[i][0]));
        expect(&readings, "with its lines joined", texts[i][1]);
        readings_clear(&readings);
    }
}

static void flowed_lines_may_delete_their_space(void **state)
{
    (void)state;
    struct text_reader *reader = text_reader_new();
    text_reader_begin(reader, &(struct text_part){.subtype = "plain", .delsp = true});
    const char text[] = "sec \nret\n-- \nme";
    text_reader_feed(reader, text, strlen(text));
    struct readings readings = text_reader_end(reader);
    expect(&readings, "as written", text);
    expect(&readings, "decoded otherwise", "secret\n-- \nme");
    readings_clear(&readings);
}

static void lines_of_calendars_are_unfolded(void **state)
{
    static const char *const subtypes[] = {"calendar", "vcard", "x-vcard"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct readings readings = read_one(subtypes[i], NULL, "A:sec\r\n ret\r\nB:c", 16);
        expect(&readings, "decoded otherwise", "A:secret\nB:c");
        readings_clear(&readings);
    }
}

static void controls_do_not_hide_a_word(void **state)
{
    (void)state;
    struct readings readings = read_one("plain", NULL, "s\0ec\001r\177et\ftop", 13);
    expect(&readings, "as written", "s ec r et top");
    expect(&readings, "folded", "secret top");
    readings_clear(&readings);
}

/* Each is "secret" to some program. */
static void charsets_by_all_their_names(void **state)
{
    static const struct {
        const char *charset, *text;
        size_t len;
    } cases[] = {
        {"unicode-1-1-utf-7", "+AHM-ecret", 10},
        {"csUTF7", "+AHM-ecret", 10},
        {"x-unicode-2-0-utf-7", "+AHM-ecret", 10},
        {"UTF7", "+AHM-ecret", 10},
        {"ibm037", "\xa2\x85\x83\x99\x85\xa3", 6},
        {"IBM-037", "\xa2\x85\x83\x99\x85\xa3", 6},
        {"x-cp37", "\xa2\x85\x83\x99\x85\xa3", 6},
        {"ccsid00500", "\xa2\x85\x83\x99\x85\xa3", 6},
        {"ibm01140", "\xa2\x85\x83\x99\x85\xa3", 6},
        {"ucs-2", "s\0e\0c\0r\0e\0t\0", 12},
        {"ucs-2", "\0s\0e\0c\0r\0e\0t", 12},
        {"UNICODE", "\xfe\xff\0s\0e\0c\0r\0e\0t", 14},
        {"iso-10646-ucs-2", "\0s\0e\0c\0r\0e\0t", 12},
        {"csUCS4", "s\0\0\0e\0\0\0c\0\0\0r\0\0\0e\0\0\0t\0\0\0", 24},
        {"utf-32", "\xff\xfe\0\0s\0\0\0e\0\0\0c\0\0\0r\0\0\0e\0\0\0t\0\0\0", 28},
        {"utf-32", "\0\0\xfe\xff\0\0\0s\0\0\0e\0\0\0c\0\0\0r\0\0\0e\0\0\0t", 28},
        {"utf-32be", "\0\0\0s\0\0\0e\0\0\0c\0\0\0r\0\0\0e\0\0\0t", 24},
        {"utf-16", "\0s\0e\0c\0r\0e\0t", 12},
        {NULL, "\xff\xfes\0e\0c\0r\0e\0t\0", 14},
        {"us-ascii", "\xff\xfe\0\0s\0\0\0e\0\0\0c\0\0\0r\0\0\0e\0\0\0t\0\0\0", 28},
        {"utf-8", "s\0e\0c\0r\0e\0t\0", 12},
        {"utf-8", "sec\xffret", 7},
        {"utf-8", "\xef\xbb\xbfsecret", 9},
        {"big5", "sec\x80ret", 7},
        {"windows-1252", "sec\x81ret", 7},
        {"iso-8859-8-i", "secret", 6},
        {"utf-8 ", "secret", 6},
        {"\"latin1\"", "secret", 6},
        {"hz-gb-2312", "sec~\nret", 8},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct readings readings = read_one("plain", cases[i].charset, cases[i].text, cases[i].len);
        if (!any_contains(&readings, "secret"))
            fail_msg("case %zu: \"%s\"", i, readings.list[0].text);
        if (readings.doubt != NULL && strcmp(cases[i].charset, "big5") != 0)
            fail_msg("case %zu: %s", i, readings.doubt);
        readings_clear(&readings);
    }
}

static void letters_beyond_ascii(void **state)
{
    static const struct {
        const char *charset, *text, *utf8;
    } cases[] = {
        {"hz", "~{<:Ky2;S{~}!", "\u5df1\u6240\u4e0d\u6b32!"},
        {NULL, "~{<:Ky2;S{~}!", "\u5df1\u6240\u4e0d\u6b32!"},
        {NULL, "\x1b$BF|K\\\x1b(B", "\u65e5\u672c"},
        {"utf-8", "\x1b$BF|K\\\x1b(B", NULL},
        {"iso-2022-jp", "\x1b$BF|K\\\x1b(B", "\u65e5\u672c"},
        {"iso-8859-1", "m\u00fcller", "m\u00fcller"}, /* UTF-8 in truth */
        {"koi8-r", "m\u00fcller", "m\u00fcller"},
        {"utf-8", "m\xfcller", "m\u00fcller"},
        {"windows1251", "\xe0", "\u0430"},
        {"x-cp-1251", "\xe0", "\u0430"},
        {"win-1251", "\xe0", "\u0430"},
        {"x-mac-cyrillic", "\xe0", "\u0430"},
        {"x-sjis", "\x93\xfa", "\u65e5"},
        {"Windows-31J", "\x93\xfa", "\u65e5"},
        {"x-gbk", "\xc8\xd5", "\u65e5"},
        {"x-euc-jp", "\xc6\xfc", "\u65e5"},
        {"ks_c_5601-1987", "\xec\xed", "\u65e5"},
        {"x-windows-949", "\xec\xed", "\u65e5"},
        {"iso-8859-9", "\xfe", "\u015f"},
        {"dos-862", "\x80", "\u05d0"},
        {"iso8859-15", "\xa4", "\u20ac"},
        {"utf_8", "\u00e9", "\u00e9"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct readings readings =
            read_one("plain", cases[i].charset, cases[i].text, strlen(cases[i].text));
        if (cases[i].utf8 != NULL && !any_contains(&readings, cases[i].utf8))
            fail_msg("case %zu: \"%s\"", i, readings.list[0].text);
        if (readings.doubt != NULL)
            fail_msg("case %zu: %s", i, readings.doubt);
        readings_clear(&readings);
    }
}

static void html_names_its_charset(void **state)
{
    (void)state;
    const char html[] = "<meta charset=koi8-r>\xc1";
    struct readings readings = read_one("html", NULL, html, strlen(html));
    assert_true(any_contains(&readings, "\u0430"));
    readings_clear(&readings);
    readings = read_one("html", "windows-1252", html, strlen(html));
    assert_false(any_contains(&readings, "\u0430"));
    readings_clear(&readings);
}

static void what_cannot_be_decoded_is_doubt(void **state)
{
    static const struct {
        const char *charset, *text, *doubt;
    } cases[] = {
        {"no-such-charset", "text", "unknown charset"},
        {"x-no-such-charset", "text", "unknown charset"},
        {"UTF-8//TRANSLIT", "text", "unknown charset"},
        {"../utf-8", "text", "unknown charset"},
        {"char", "text", "unknown charset"},
        {"wchar_t", "text", "unknown charset"},
        {"x-wchar_t", "text", "unknown charset"},
        {"INTERNAL", "text", "unknown charset"},
        {"ISO-10646/UCS4", "text", "unknown charset"},
        {"IBM1364", "text", "unknown charset"},
        {"csIBM1390", "text", "unknown charset"},
        {"iso-2022-jp-3", "text", "unknown charset"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "a",
         "unknown charset"},
        {"gb18030",
         "a\xff"
         "a",
         "octets that the charset does not have"},
        {"utf-16le",
         "\0\xd8"
         "a",
         "octets that the charset does not have"},
        {"", "text", NULL},
        {"x", "text", "unknown charset"},
        {"x-", "text", "unknown charset"},
        {"x-unknown", "text", NULL},
        {"none", "text", NULL},
        {"default", "text", NULL},
        {"\"\"", "text", NULL},
        {"unknown-8bit", "\xff", NULL},
        {"us-ascii", "\xff", NULL},
        {"shift_jis", "a\x93", NULL}, /* cut off at the end */
        {"windows-1253", "\xff", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        size_t len = strcmp(cases[i].charset, "utf-16le") == 0 ? 4 : strlen(cases[i].text);
        struct readings readings = read_one("plain", cases[i].charset, cases[i].text, len);
        const char *doubt = readings.doubt;
        if (doubt == NULL ? cases[i].doubt != NULL
                          : cases[i].doubt == NULL || strcmp(doubt, cases[i].doubt) != 0)
            fail_msg("case %zu: %s", i, doubt);
        readings_clear(&readings);
    }
}

static void bounds_are_doubt(void **state)
{
    (void)state;
    char *text = xmalloc(TEXT_OCTETS_MAX + 1);
    memset(text, 'x', TEXT_OCTETS_MAX + 1);
    struct readings readings = read_one("plain", NULL, text, TEXT_OCTETS_MAX);
    assert_null(readings.doubt);
    assert_int_equal(readings.list[0].len, TEXT_OCTETS_MAX);
    readings_clear(&readings);
    readings = read_one("plain", NULL, text, TEXT_OCTETS_MAX + 1);
    assert_string_equal(readings.doubt, "more than 1 MiB of text");
    assert_int_equal(readings.list[0].len, TEXT_OCTETS_MAX);
    readings_clear(&readings);
    free(text);

    struct text_reader *reader = text_reader_new();
    for (size_t i = 0; i < TEXT_PARTS_MAX; i++)
        add(reader, "plain", NULL, "x", 1);
    add(reader, "plain", NULL, "y", 1);
    readings = text_reader_end(reader);
    assert_string_equal(readings.doubt, "more than 1,000 parts of text");
    assert_false(any_contains(&readings, "y"));
    readings_clear(&readings);

    reader = text_reader_new();
    for (int i = 437; i < 437 + 40; i++) {
        char charset[20];
        snprintf(charset, sizeof(charset), "cp%d", i);
        add(reader, "plain", charset, "x", 1);
    }
    readings = text_reader_end(reader);
    assert_non_null(readings.doubt);
    readings_clear(&readings);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_ascii_has_one_reading),
        cmocka_unit_test(every_reading_has_its_name),
        cmocka_unit_test(parts_are_read_together),
        cmocka_unit_test(lines_of_a_paragraph_are_joined),
        cmocka_unit_test(flowed_lines_may_delete_their_space),
        cmocka_unit_test(lines_of_calendars_are_unfolded),
        cmocka_unit_test(controls_do_not_hide_a_word),
        cmocka_unit_test(charsets_by_all_their_names),
        cmocka_unit_test(letters_beyond_ascii),
        cmocka_unit_test(html_names_its_charset),
        cmocka_unit_test(what_cannot_be_decoded_is_doubt),
        cmocka_unit_test(bounds_are_doubt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
