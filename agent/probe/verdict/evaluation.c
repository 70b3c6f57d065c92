#include "agent/probe/verdict/evaluation.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/decimal.h"
#include "imapclient/text/printable.h"
#include "rules/util/memory.h"

const char *probe_status_text(enum probe_status status)
{
    static const char *const texts[] = {
        [PROBE_OK] = "OK",
        [PROBE_WARNING] = "WARNING",
        [PROBE_CRITICAL] = "CRITICAL",
        [PROBE_UNKNOWN] = "UNKNOWN",
    };
    return texts[status];
}

/* ---- problems and details ---- */

void evaluation_replace_controls(char *text)
{
    text_printable(text, PRINTABLE_UTF8);
    for (char *c = strchr(text, '|'); c != NULL; c = strchr(c, '|'))
        *c = '/';
}

/* Cuts at the end of a character (UTF-8). */
static void cut(char *text, size_t max)
{
    if (strlen(text) <= max)
        return;
    while (max > 0 && ((unsigned char)text[max] & 0xc0) == 0x80)
        max--;
    text[max] = '\0';
}

static void add_detail(struct evaluation *evaluation, char *line)
{
    struct probe_verdict *verdict = evaluation->verdict;

    evaluation_replace_controls(line);
    cut(line, DETAIL_MAX);
    verdict->details =
        xreallocarray(verdict->details, evaluation->n_details + 2, sizeof(*verdict->details));
    verdict->details[evaluation->n_details++] = line;
    verdict->details[evaluation->n_details] = NULL;
}

void evaluation_detail(struct evaluation *evaluation, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    add_detail(evaluation, xvasprintf(format, arguments));
    va_end(arguments);
}

void evaluation_problem(struct evaluation *evaluation, enum probe_status status, const char *format,
                        ...)
{
    struct probe_verdict *verdict = evaluation->verdict;
    va_list arguments;

    va_start(arguments, format);
    char *text = xvasprintf(format, arguments);
    va_end(arguments);
    evaluation_replace_controls(text);
    add_detail(evaluation, xasprintf("%s: %s", probe_status_text(status), text));
    if (status <= verdict->status) {
        free(text);
        return;
    }
    free(verdict->summary);
    verdict->summary = text;
    verdict->status = status;
}

/* ---- thresholds and texts ---- */

enum probe_status evaluate_value(const struct evaluation *evaluation, const struct range *warn,
                                 const struct range *crit, double value)
{
    bool hold_warn = evaluation->held == PROBE_WARNING || evaluation->held == PROBE_CRITICAL;
    bool hold_crit = evaluation->held == PROBE_CRITICAL;
    double hysteresis = evaluation->probe->hysteresis;
    struct range warning = range_narrowed(warn, hold_warn ? hysteresis : 0);
    struct range critical = range_narrowed(crit, hold_crit ? hysteresis : 0);

    if (range_alerts(&critical, value))
        return PROBE_CRITICAL;
    return range_alerts(&warning, value) ? PROBE_WARNING : PROBE_OK;
}

void threshold_text(enum probe_status status, const struct range *warn, const struct range *crit,
                    char out[RANGE_TEXT_MAX + 16])
{
    char text[RANGE_TEXT_MAX];

    out[0] = '\0';
    range_text(status == PROBE_CRITICAL ? crit : warn, text);
    if (status != PROBE_OK && text[0] != '\0')
        snprintf(out, RANGE_TEXT_MAX + 16, " (%s %s)", status == PROBE_CRITICAL ? "crit" : "warn",
                 text);
}

void duration_text(double seconds, char out[DURATION_TEXT_MAX])
{
    static const struct {
        double seconds;
        const char *name;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}};
    char number[DECIMAL_TEXT_MAX];

    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
        if (fabs(seconds) < 2 * units[i].seconds)
            continue;
        decimal_text(trunc(seconds / units[i].seconds), number);
        snprintf(out, DURATION_TEXT_MAX, "%s %s", number, units[i].name);
        return;
    }
    double parts = fabs(seconds) < 0.01 ? 1e4 : 1e3;
    decimal_text(round(seconds * parts) / parts, number);
    snprintf(out, DURATION_TEXT_MAX, "%s s", number);
}

void date_text(time_t time, char out[DATE_TEXT_MAX])
{
    struct tm tm;

    if (gmtime_r(&time, &tm) == NULL || strftime(out, DATE_TEXT_MAX, "%Y-%m-%d", &tm) == 0)
        snprintf(out, DATE_TEXT_MAX, "out of range");
}

const char *family_name(int family)
{
    if (family == AF_INET6)
        return "IPv6";
    return family == AF_INET ? "IPv4" : "";
}

double evaluation_age(const struct evaluation *evaluation, time_t then)
{
    time_t at = evaluation->result->at != 0 ? evaluation->result->at : evaluation->now;

    if (then == 0)
        return NAN;
    return at > then ? (double)(at - then) : 0;
}
