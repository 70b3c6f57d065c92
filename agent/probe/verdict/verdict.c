#include "agent/probe/verdict/verdict.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "agent/probe/verdict/judge.h"
#include "agent/util/decimal.h"
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

/* ---- what is said ---- */

/* '|' begins perfdata, a line end ends the summary; what a server or a file said has both. */
static void make_plain(char *text)
{
    for (char *c = text; *c != '\0'; c++)
        if (*c == '|')
            *c = '/';
        else if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
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

static void add_detail(struct judge *judge, char *line)
{
    struct probe_verdict *verdict = judge->verdict;

    make_plain(line);
    cut(line, JUDGE_LINE_MAX);
    verdict->details =
        xreallocarray(verdict->details, judge->n_details + 2, sizeof(*verdict->details));
    verdict->details[judge->n_details++] = line;
    verdict->details[judge->n_details] = NULL;
}

void judge_detail(struct judge *judge, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    add_detail(judge, xvasprintf(format, arguments));
    va_end(arguments);
}

void judge_found(struct judge *judge, enum probe_status status, const char *format, ...)
{
    struct probe_verdict *verdict = judge->verdict;
    va_list arguments;

    va_start(arguments, format);
    char *text = xvasprintf(format, arguments);
    va_end(arguments);
    make_plain(text);
    add_detail(judge, xasprintf("%s: %s", probe_status_text(status), text));
    if (status <= verdict->status) {
        free(text);
        return;
    }
    free(verdict->summary);
    verdict->summary = text;
    verdict->status = status;
}

/* ---- what the judges share ---- */

enum probe_status judge_value(const struct judge *judge, const struct range *warn,
                              const struct range *crit, double value)
{
    bool hold_warn = judge->held == PROBE_WARNING || judge->held == PROBE_CRITICAL;
    bool hold_crit = judge->held == PROBE_CRITICAL;
    double hysteresis = judge->probe->hysteresis;
    struct range warning = range_narrowed(warn, hold_warn ? hysteresis : 0);
    struct range critical = range_narrowed(crit, hold_crit ? hysteresis : 0);

    if (range_alerts(&critical, value))
        return PROBE_CRITICAL;
    return range_alerts(&warning, value) ? PROBE_WARNING : PROBE_OK;
}

void judge_range_text(enum probe_status status, const struct range *warn, const struct range *crit,
                      char out[RANGE_TEXT_MAX + 16])
{
    char text[RANGE_TEXT_MAX];

    out[0] = '\0';
    range_text(status == PROBE_CRITICAL ? crit : warn, text);
    if (status != PROBE_OK && text[0] != '\0')
        snprintf(out, RANGE_TEXT_MAX + 16, " (%s %s)", status == PROBE_CRITICAL ? "crit" : "warn",
                 text);
}

void judge_span(double seconds, char out[JUDGE_SPAN_MAX])
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
        snprintf(out, JUDGE_SPAN_MAX, "%s %s", number, units[i].name);
        return;
    }
    double parts = fabs(seconds) < 0.01 ? 1e4 : 1e3;
    decimal_text(round(seconds * parts) / parts, number);
    snprintf(out, JUDGE_SPAN_MAX, "%s s", number);
}

void judge_date(time_t time, char out[JUDGE_DATE_MAX])
{
    struct tm tm;

    if (gmtime_r(&time, &tm) == NULL || strftime(out, JUDGE_DATE_MAX, "%Y-%m-%d", &tm) == 0)
        snprintf(out, JUDGE_DATE_MAX, "beyond all years");
}

const char *judge_family(int family)
{
    if (family == AF_INET6)
        return "IPv6";
    return family == AF_INET ? "IPv4" : "";
}

const struct probe_path *judge_well_path(const struct probe_result *result)
{
    for (size_t i = 0; i < result->n_paths; i++)
        if (result->paths[i].failed == PHASE_NONE)
            return &result->paths[i];
    return NULL;
}

double judge_age(const struct judge *judge, time_t then)
{
    time_t at = judge->result->at != 0 ? judge->result->at : judge->now;

    if (then == 0)
        return NAN;
    return at > then ? (double)(at - then) : 0;
}

/* ---- all is well ---- */

static void say_mailbox(const struct judge *judge, FILE *out)
{
    const struct probe_path *path = judge_well_path(judge->result);
    char span[JUDGE_SPAN_MAX];

    fprintf(out, "%s has %u messages", judge->probe->folder, path->imap.messages);
    if (path->imap.newest != 0) {
        judge_span(judge_age(judge, path->imap.newest), span);
        fprintf(out, ", the newest %s old", span);
    }
}

static void say_roundtrip(const struct judge *judge, FILE *out)
{
    const struct roundtrip_facts *facts = &judge->result->roundtrip;
    char span[JUDGE_SPAN_MAX];

    judge_span((double)facts->duration / 1e6, span);
    fprintf(out, "back in %s", span);
    if (facts->placement != PLACEMENT_NONE)
        fprintf(out, ", in %s", placement_text(facts->placement));
}

static void say_service(const struct judge *judge, FILE *out)
{
    const struct probe_result *result = judge->result;
    const struct probe_path *first = &result->paths[0];
    double days = judge_certificate_days(judge);
    char span[JUDGE_SPAN_MAX];

    judge_span((double)result->microseconds / 1e6, span);
    fprintf(out, "%s", span);
    if (result->n_paths == 2)
        fprintf(out, " by %s and %s", judge_family(first->family),
                judge_family(result->paths[1].family));
    else if (first->address[0] != '\0')
        fprintf(out, " on %s", first->address);
    if (!isnan(days))
        fprintf(out, ", certificate good for %.0f days", floor(days));
}

static char *all_is_well(const struct judge *judge)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = memory_check(open_memstream(&text, &len));

    if (judge->probe->type == PROBE_ROUNDTRIP)
        say_roundtrip(judge, out);
    else if (judge->probe->type == PROBE_MAILBOX)
        say_mailbox(judge, out);
    else
        say_service(judge, out);
    if (fclose(out) != 0)
        memory_exhausted();
    make_plain(text);
    return text;
}

/* ---- the verdict ---- */

struct probe_verdict *probe_verdict_new(const struct probe *probe,
                                        const struct probe_result *result, time_t now,
                                        enum probe_status held)
{
    struct probe_verdict *verdict = xcalloc(1, sizeof(*verdict));
    struct judge judge = {
        .probe = probe, .result = result, .now = now, .held = held, .verdict = verdict};

    verdict->details = xcalloc(1, sizeof(*verdict->details));
    if (result->trouble != NULL) {
        judge_found(&judge, PROBE_UNKNOWN, "%s", result->trouble);
    } else if (result->n_paths == 0 && !result->has_roundtrip) {
        judge_found(&judge, PROBE_UNKNOWN, "it has not run");
    } else {
        judge_paths(&judge);
        judge_certificates(&judge);
        if (probe->type == PROBE_MAILBOX)
            judge_mailbox(&judge);
        if (result->has_roundtrip)
            judge_roundtrip(&judge);
        if (verdict->status == PROBE_OK)
            verdict->summary = all_is_well(&judge);
        judge_details(&judge);
    }
    judge_perfdata(&judge);
    return verdict;
}

void probe_verdict_free(struct probe_verdict *verdict)
{
    if (verdict == NULL)
        return;
    for (size_t i = 0; verdict->details[i] != NULL; i++)
        free(verdict->details[i]);
    for (size_t i = 0; i < verdict->n_perfdata; i++)
        free(verdict->perfdata[i].label);
    free(verdict->details);
    free(verdict->perfdata);
    free(verdict->summary);
    free(verdict);
}
