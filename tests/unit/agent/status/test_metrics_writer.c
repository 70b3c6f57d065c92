/* What is written is OpenMetrics 1.0.0 or text 0.0.4, to the letter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "agent/status/metrics_writer.h"

struct text {
    char *data;
    size_t len;
    struct metrics_writer writer;
};

static struct metrics_writer *begin(struct text *text, bool openmetrics)
{
    FILE *out = open_memstream(&text->data, &text->len);

    assert_non_null(out);
    metrics_begin(&text->writer, out, openmetrics);
    return &text->writer;
}

static void assert_text(struct text *text, const char *expected)
{
    fclose(text->writer.out);
    assert_string_equal(text->data, expected);
    free(text->data);
}

static void write_one_of_each(struct metrics_writer *writer)
{
    static const double bounds[] = {.5, 1, 2.5};
    static const uint64_t buckets[] = {1, 0, 2, 4};

    metrics_family(writer, METRIC_COUNTER, "mail_total", "Mail.");
    metrics_sample(writer, 3, NULL);
    metrics_family(writer, METRIC_COUNTER, "work_seconds_total", "Work.");
    metrics_sample(writer, 1.5, "who", "me", NULL);
    metrics_family(writer, METRIC_GAUGE, "spool_bytes", "Spool.");
    metrics_sample(writer, -7, NULL);
    metrics_family(writer, METRIC_INFO, "build_info", "Build.");
    metrics_sample(writer, 1, "version", "1.2", NULL);
    metrics_family(writer, METRIC_HISTOGRAM, "lag_seconds", "Lag.");
    metrics_histogram(writer, bounds, buckets, 3, 12.25, "to", "a", NULL);
    metrics_end(writer);
}

static void openmetrics_to_the_letter(void **state)
{
    (void)state;
    struct text text;

    write_one_of_each(begin(&text, true));
    assert_text(&text, "# TYPE mail counter\n"
                       "# HELP mail Mail.\n"
                       "mail_total 3\n"
                       "# TYPE work_seconds counter\n"
                       "# UNIT work_seconds seconds\n"
                       "# HELP work_seconds Work.\n"
                       "work_seconds_total{who=\"me\"} 1.5\n"
                       "# TYPE spool_bytes gauge\n"
                       "# UNIT spool_bytes bytes\n"
                       "# HELP spool_bytes Spool.\n"
                       "spool_bytes -7\n"
                       "# TYPE build info\n"
                       "# HELP build Build.\n"
                       "build_info{version=\"1.2\"} 1\n"
                       "# TYPE lag_seconds histogram\n"
                       "# UNIT lag_seconds seconds\n"
                       "# HELP lag_seconds Lag.\n"
                       "lag_seconds_bucket{to=\"a\",le=\"0.5\"} 1\n"
                       "lag_seconds_bucket{to=\"a\",le=\"1.0\"} 1\n"
                       "lag_seconds_bucket{to=\"a\",le=\"2.5\"} 3\n"
                       "lag_seconds_bucket{to=\"a\",le=\"+Inf\"} 7\n"
                       "lag_seconds_count{to=\"a\"} 7\n"
                       "lag_seconds_sum{to=\"a\"} 12.25\n"
                       "# EOF\n");
}

static void text_format_to_the_letter(void **state)
{
    (void)state;
    struct text text;

    write_one_of_each(begin(&text, false));
    assert_text(&text, "# TYPE mail_total counter\n"
                       "# HELP mail_total Mail.\n"
                       "mail_total 3\n"
                       "# TYPE work_seconds_total counter\n"
                       "# HELP work_seconds_total Work.\n"
                       "work_seconds_total{who=\"me\"} 1.5\n"
                       "# TYPE spool_bytes gauge\n"
                       "# HELP spool_bytes Spool.\n"
                       "spool_bytes -7\n"
                       "# TYPE build_info gauge\n"
                       "# HELP build_info Build.\n"
                       "build_info{version=\"1.2\"} 1\n"
                       "# TYPE lag_seconds histogram\n"
                       "# HELP lag_seconds Lag.\n"
                       "lag_seconds_bucket{to=\"a\",le=\"0.5\"} 1\n"
                       "lag_seconds_bucket{to=\"a\",le=\"1.0\"} 1\n"
                       "lag_seconds_bucket{to=\"a\",le=\"2.5\"} 3\n"
                       "lag_seconds_bucket{to=\"a\",le=\"+Inf\"} 7\n"
                       "lag_seconds_count{to=\"a\"} 7\n"
                       "lag_seconds_sum{to=\"a\"} 12.25\n"
                       "# EOF\n");
}

static const struct {
    const char *value, *written;
} label_values[] = {
    {"", ""},
    {"a b{}=,#", "a b{}=,#"},
    {"\"", "\\\""},
    {"\\", "\\\\"},
    {"\\n", "\\\\n"},
    {"two\nlines", "two\\nlines"},
    {"\"} 1\nfake_total{x=\"", "\\\"} 1\\nfake_total{x=\\\""},
    {"M\xc3\xbcnchen \xf0\x9f\x93\xa7", "M\xc3\xbcnchen \xf0\x9f\x93\xa7"},
    {"\xff", "\xef\xbf\xbd"},
    {"cut \xe2\x82", "cut \xef\xbf\xbd\xef\xbf\xbd"},
    {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd"},
};

static void label_values_cannot_leave_their_quotes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(label_values) / sizeof(*label_values); i++) {
        struct text text;
        struct metrics_writer *writer = begin(&text, i % 2 == 0);
        char *expected;

        writer->name = "x";
        metrics_sample(writer, 1, "name", label_values[i].value, "other", "o", NULL);
        assert_true(asprintf(&expected, "x{name=\"%s\",other=\"o\"} 1\n", label_values[i].written) >
                    0);
        assert_text(&text, expected);
        free(expected);
    }
}

static void help_is_one_line(void **state)
{
    (void)state;
    struct text text;

    metrics_family(begin(&text, true), METRIC_GAUGE, "x", "a \"b\" \\ c\nd");
    assert_text(&text, "# TYPE x gauge\n# HELP x a \\\"b\\\" \\\\ c\\nd\n");
    metrics_family(begin(&text, false), METRIC_GAUGE, "x", "a \"b\" \\ c\nd");
    assert_text(&text, "# TYPE x gauge\n# HELP x a \"b\" \\\\ c\\nd\n");
}

static const struct {
    double value;
    const char *line;
} values[] = {
    {0, "x 0\n"},
    {-0.5, "x -0.5\n"},
    {1795426358, "x 1795426358\n"},
    {9007199254740991.0, "x 9007199254740991\n"},
    {.1, "x 0.1\n"},
    {0.1 + 0.2, "x 0.30000000000000004\n"},
    {1e-6, "x 1e-06\n"},
    {NAN, ""}, /* not known: no sample */
    {INFINITY, ""},
    {-INFINITY, ""},
};

static void values_are_read_as_they_were(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
        struct text text;
        struct metrics_writer *writer = begin(&text, true);

        writer->name = "x";
        metrics_sample(writer, values[i].value, NULL);
        assert_text(&text, values[i].line);
    }
}

static void an_empty_histogram_has_all_its_buckets(void **state)
{
    (void)state;
    static const double bounds[] = {10};
    static const uint64_t buckets[2] = {0};
    struct text text;
    struct metrics_writer *writer = begin(&text, true);

    writer->name = "x";
    metrics_histogram(writer, bounds, buckets, 1, 0, NULL);
    assert_text(&text, "x_bucket{le=\"10.0\"} 0\nx_bucket{le=\"+Inf\"} 0\nx_count 0\nx_sum 0\n");
}

static void numbers_of_tables(void **state)
{
    (void)state;
    const struct {
        char c;
        uint64_t first, second;
    } numbers = {'x', 7, UINT64_C(1) << 40};

    assert_true(metrics_number_at(&numbers, (size_t)((const char *)&numbers.second -
                                                     (const char *)&numbers)) == 1099511627776.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openmetrics_to_the_letter),
        cmocka_unit_test(text_format_to_the_letter),
        cmocka_unit_test(label_values_cannot_leave_their_quotes),
        cmocka_unit_test(help_is_one_line),
        cmocka_unit_test(values_are_read_as_they_were),
        cmocka_unit_test(an_empty_histogram_has_all_its_buckets),
        cmocka_unit_test(numbers_of_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
