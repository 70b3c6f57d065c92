#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules/copy/header_part.h"
#include "rules/samples.h"

struct ending {
    const char *text, *header; /* header NULL: all of the text */
    bool cut;
};

static void test_it_ends_where_any_reading_ends_it(void **state)
{
    static const struct ending cases[] = {
        {"A: b\r\n\r\nbody", "A: b\r\n", false},
        {"A: b\n\nbody", "A: b\n", false},
        {"A: b\r\n c\r\n\td\r\nE: f\r\n\r\nbody", "A: b\r\n c\r\n\td\r\nE: f\r\n", false},
        {"", "", false},
        {"\r\nbody", "", false},
        {"A: b", "A: b", false},
        {"A: b\r\n", "A: b\r\n", false},
        {"A:\r\nB:\r\n\r\n", "A:\r\nB:\r\n", false},
        /* a bare CR is a line end to many */
        {"A: b\rC: d\r\n\r\nbody", "A: b\rC: d\r\n", false},
        {"A: b\r\rbody: x\r\n\r\nbody", "A: b\r", true},
        {"A: b\r\r\nbody: x\r\n\r\nbody", "A: b\r", true},
        {"A: b\n\rbody: x\r\n\r\n", "A: b\n", true},
        {"A: b\rbody text\r\nC: d\r\n\r\n", "A: b\r", true},
        {"A: b\rC: d\r\rbody", "A: b\rC: d\r", true},
        /* no field, no continuation */
        {"A: b\r\nbody text\r\nC: d\r\n\r\n", "A: b\r\n", true},
        {"A: b\r\nbody text: x\r\n\r\n", "A: b\r\n", true},
        {"A: b\r\nBody : x\r\n\r\n", "A: b\r\n", true},
        {"A: b\r\n: body\r\n\r\n", "A: b\r\n", true},
        {"A: b\r\nB\xc3\xb6: x\r\n\r\n", "A: b\r\n", true},
        {"A: b\r\n--boundary\r\nC: d\r\n\r\n", "A: b\r\n", true},
        {"body text", "", true},
        {" body text\r\nA: b\r\n\r\n", "", true},
        /* a line of blanks is an empty one to some */
        {"A: b\r\n \t\r\nbody: x\r\n\r\n", "A: b\r\n", true},
        {"A: b\r\n   ", "A: b\r\n", true},
        /* mbox */
        {"From a@b Sat Jan  3 10:00:00 2026\r\nA: b\r\n\r\nbody", "A: b\r\n", false},
        {">From a@b Sat Jan  3 10:00:00 2026\nA: b\n\nbody", "A: b\n", false},
        {"From a@b\r\rbody: x\r\n\r\n", "", true},
        {"A: b\r\nFrom here on: body\r\n\r\n", "A: b\r\n", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct header_part part = header_part_find(cases[i].text, strlen(cases[i].text));
        if (part.len != strlen(cases[i].header) ||
            memcmp(part.text, cases[i].header, part.len) != 0 || part.cut != cases[i].cut)
            fail_msg("\"%s\": %s \"%.*s\"", cases[i].text, part.cut ? "cut" : "not cut",
                     (int)part.len, part.text);
    }
}

static void test_nul_is_no_way_out(void **state)
{
    static const char in_value[] = "A: b\0c\r\n\r\n", alone[] = "A: b\r\n\0\r\nbody: x\r\n\r\n",
                      in_name[] = "A: b\r\n\0X: body\r\n\r\n";
    (void)state;
    assert_int_equal(header_part_find(in_value, sizeof(in_value) - 1).len, 8);
    assert_int_equal(header_part_find(alone, sizeof(alone) - 1).len, 6);
    assert_int_equal(header_part_find(in_name, sizeof(in_name) - 1).len, 6);
}

static struct buffer added(const char *text, size_t len, bool cut)
{
    struct buffer out = {0};
    struct header_part part = header_part_find(text, len);
    assert_int_equal(part.len, len);
    assert_int_equal(header_part_add(&out, &part), cut);
    return out;
}

static struct buffer repeated(const char *text, size_t times)
{
    struct buffer out = {0};
    for (size_t i = 0; i < times; i++)
        buffer_text(&out, text);
    return out;
}

static void test_a_field_is_bounded(void **state)
{
    (void)state;
    struct buffer text = {0}, lines = repeated(" of content\r\n", 10000), long_line = {0};
    buffer_text(&text, "X-Secret: lots\r\n");
    buffer_add(&text, lines.data, lines.len);
    buffer_text(&text, "Subject: after it\r\n");
    struct buffer out = added(text.data, text.len, true);
    assert_true(out.len < HEADER_PART_FIELD_MAX + 100);
    assert_non_null(strstr(out.data, " of content\r\nX-Monitor-Cut: 113633 bytes of the field\r\n"
                                     "Subject: after it\r\n"));
    buffer_free(&out);
    buffer_free(&lines);
    buffer_free(&text);

    long_line = repeated("x", 100000);
    buffer_text(&text, "X-Secret: ");
    buffer_add(&text, long_line.data, long_line.len);
    out = added(text.data, text.len, true);
    assert_memory_equal(out.data, text.data, HEADER_PART_FIELD_MAX);
    assert_string_equal(out.data + HEADER_PART_FIELD_MAX,
                        "\r\nX-Monitor-Cut: 83626 bytes of the field\r\n");
    buffer_free(&out);
    buffer_free(&long_line);
    buffer_free(&text);
}

static void test_the_whole_is_bounded(void **state)
{
    (void)state;
    struct buffer text = repeated("A: b\r\n", 200000);
    struct buffer out = added(text.data, text.len, true);
    assert_true(out.len < HEADER_PART_MAX + 100);
    assert_non_null(strstr(out.data, "A: b\r\nX-Monitor-Cut: 1134468 bytes of the header\r\n"));
    buffer_free(&out);
    text.len = HEADER_PART_MAX / 6 * 6;
    out = added(text.data, text.len, false);
    assert_int_equal(out.len, text.len);
    buffer_free(&out);
    buffer_free(&text);
}

/* Well-formed mail keeps its whole header. */
static void check_sample(const char *name, const struct buffer *text)
{
    static const char *const malformed[] = {"bare-cr.eml", "no-blank-line.eml",
                                            "junk-in-header.eml", "receipts-folded.eml", NULL};
    struct header_part part = header_part_find(text->data, text->len);
    bool expected = false;
    for (size_t i = 0; malformed[i] != NULL; i++)
        expected |= strcmp(malformed[i], name) == 0;
    if (part.cut != expected)
        fail_msg("%s: %s", name, part.cut ? "cut" : "not cut");
}

static void test_samples(void **state)
{
    (void)state;
    samples_each(check_sample);
}

/* ---- no content, in any reading ---- */

#define MARKER "CONTENT"

static unsigned next_random(unsigned *seed)
{
    *seed = *seed * 1103515245 + 12345;
    return *seed >> 16;
}

/* A header that one reading ends with `end`, then lines that look like more of it. */
static void check_no_content(unsigned *seed)
{
    static const char *const ends[] = {
        "\r\n\r\n",  "\n\n",  "\r\r",   "\r\r\n",           "\n\r",         "\n\r\n",  "\r\n\n",
        "\r\n \r\n", "\r \r", "\n\t\n", "\r\nNo field\r\n", "\rNo field\r", "\nN :\n", "\r\n:\r\n"};
    static const char *const fields[] = {"Subject: a",  "X-A: b\r\n c", "X-B: c\rX-C: d",
                                         "X-D: e\n\tf", "X-E:",         "From: a@b"};
    static const char *const lines[] = {"\r\n", "\n", "\r"};
    static const char *const bodies[] = {MARKER ": x", MARKER, "Subject: " MARKER, " " MARKER,
                                         "Message-ID: <" MARKER ">"};
    struct buffer text = {0}, out = {0};
    for (unsigned n = 1 + next_random(seed) % 4; n > 0; n--) {
        buffer_text(&text, fields[next_random(seed) % 6]);
        if (n > 1)
            buffer_text(&text, lines[next_random(seed) % 3]);
    }
    buffer_text(&text, ends[next_random(seed) % (sizeof(ends) / sizeof(*ends))]);
    for (unsigned n = 1 + next_random(seed) % 4; n > 0; n--) {
        buffer_text(&text, bodies[next_random(seed) % 5]);
        buffer_text(&text, lines[next_random(seed) % 3]);
    }
    struct header_part part = header_part_find(text.data, text.len);
    header_part_add(&out, &part);
    if (out.len > 0 && strstr(out.data, MARKER) != NULL)
        fail_msg("%s\nholds content of\n%s", out.data, text.data);
    buffer_free(&out);
    buffer_free(&text);
}

static void test_no_content_in_any_reading(void **state)
{
    unsigned seed = 1;
    (void)state;
    for (int i = 0; i < 100000; i++)
        check_no_content(&seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_ends_where_any_reading_ends_it),
        cmocka_unit_test(test_nul_is_no_way_out),
        cmocka_unit_test(test_a_field_is_bounded),
        cmocka_unit_test(test_the_whole_is_bounded),
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_no_content_in_any_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
