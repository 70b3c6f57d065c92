#include "agent/status/metrics_writer.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "rules/text/charset.h"

#define NUMBER_TEXT 32

void metrics_begin(struct metrics_writer *writer, FILE *out, bool openmetrics)
{
    *writer = (struct metrics_writer){.out = out, .openmetrics = openmetrics};
}

void metrics_end(struct metrics_writer *writer)
{
    fputs("# EOF\n", writer->out);
}

/* ---- the head of a family ---- */

/* The text format knows no escape for a quotation mark in a help text. */
static void write_escaped(FILE *out, const char *text, bool quotes)
{
    size_t left = strlen(text);

    while (left > 0) {
        size_t len = utf8_length(text, left);

        if (len == 0)
            fputs("\xef\xbf\xbd", out);
        else if (*text == '\n')
            fputs("\\n", out);
        else if (*text == '\\' || (*text == '"' && quotes))
            fprintf(out, "\\%c", *text);
        else
            fwrite(text, 1, len, out);
        len = len > 0 ? len : 1;
        text += len;
        left -= len;
    }
}

static bool ends_in(const char *text, size_t len, const char *end)
{
    size_t end_len = strlen(end);

    return len > end_len && memcmp(text + len - end_len, end, end_len) == 0;
}

static const char *unit_of(const char *name, size_t len)
{
    static const char *const units[] = {"_seconds", "_bytes", "_ratio"};

    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
        if (ends_in(name, len, units[i]))
            return units[i] + 1;
    return NULL;
}

void metrics_family(struct metrics_writer *writer, enum metric_type type, const char *name,
                    const char *help)
{
    static const char *const types[] = {"counter", "gauge", "info", "histogram"};
    size_t len = strlen(name);
    const char *unit;

    writer->name = name;
    if (writer->openmetrics && type == METRIC_COUNTER && ends_in(name, len, "_total"))
        len -= strlen("_total");
    if (writer->openmetrics && type == METRIC_INFO && ends_in(name, len, "_info"))
        len -= strlen("_info");
    if (!writer->openmetrics && type == METRIC_INFO)
        type = METRIC_GAUGE;
    fprintf(writer->out, "# TYPE %.*s %s\n", (int)len, name, types[type]);
    unit = writer->openmetrics && type != METRIC_INFO ? unit_of(name, len) : NULL;
    if (unit != NULL)
        fprintf(writer->out, "# UNIT %.*s %s\n", (int)len, name, unit);
    fprintf(writer->out, "# HELP %.*s ", (int)len, name);
    write_escaped(writer->out, help, writer->openmetrics);
    fputc('\n', writer->out);
}

/* ---- samples ---- */

/* The shortest that is read as the same number. */
static void number_text(char text[NUMBER_TEXT], double value)
{
    snprintf(text, NUMBER_TEXT, "%.15g", value);
    if (strtod(text, NULL) != value)
        snprintf(text, NUMBER_TEXT, "%.17g", value);
}

/* As OpenMetrics wants them: always with a point, or a power. */
static void bound_text(char text[NUMBER_TEXT], double bound)
{
    number_text(text, bound);
    if (strpbrk(text, ".e") == NULL)
        strcat(text, ".0");
}

/* bound: the value of a last label le, or NULL. */
static void write_labels(FILE *out, va_list labels, const char *bound)
{
    char separator = '{';
    const char *name;

    while ((name = va_arg(labels, const char *)) != NULL) {
        fprintf(out, "%c%s=\"", separator, name);
        write_escaped(out, va_arg(labels, const char *), true);
        fputc('"', out);
        separator = ',';
    }
    if (bound != NULL) {
        fprintf(out, "%cle=\"%s\"", separator, bound);
        separator = ',';
    }
    if (separator == ',')
        fputc('}', out);
}

void metrics_sample(struct metrics_writer *writer, double value, ...)
{
    char text[NUMBER_TEXT];
    va_list labels;

    if (!isfinite(value))
        return;
    fputs(writer->name, writer->out);
    va_start(labels, value);
    write_labels(writer->out, labels, NULL);
    va_end(labels);
    number_text(text, value);
    fprintf(writer->out, " %s\n", text);
}

static void write_histogram_sample(const struct metrics_writer *writer, const char *suffix,
                                   const char *bound, double value, va_list labels)
{
    char text[NUMBER_TEXT];

    fprintf(writer->out, "%s%s", writer->name, suffix);
    write_labels(writer->out, labels, bound);
    number_text(text, value);
    fprintf(writer->out, " %s\n", text);
}

void metrics_histogram(struct metrics_writer *writer, const double *bounds, const uint64_t *buckets,
                       size_t n, double sum, ...)
{
    uint64_t count = 0;
    char bound[NUMBER_TEXT] = "+Inf";
    va_list labels, again;

    va_start(labels, sum);
    for (size_t i = 0; i <= n; i++) {
        count += buckets[i];
        if (i < n)
            bound_text(bound, bounds[i]);
        va_copy(again, labels);
        write_histogram_sample(writer, "_bucket", i < n ? bound : "+Inf", (double)count, again);
        va_end(again);
    }
    va_copy(again, labels);
    write_histogram_sample(writer, "_count", NULL, (double)count, again);
    va_end(again);
    va_copy(again, labels);
    write_histogram_sample(writer, "_sum", NULL, sum, again);
    va_end(again);
    va_end(labels);
}

double metrics_number_at(const void *numbers, size_t offset)
{
    uint64_t number;

    memcpy(&number, (const char *)numbers + offset, sizeof(number));
    return (double)number;
}
