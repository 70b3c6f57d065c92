/* Problems on the paths of a service: failures, slowness, capabilities, certificates. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "agent/probe/verdict/evaluation.h"
#include "agent/util/decimal.h"

#define DAY 86400.0

enum { LOCATION_MAX = 2 * INET6_ADDRSTRLEN + 32, FAILURE_TEXT_MAX = 2 * DIALOGUE_TEXT_MAX + 32 };

/* ---- failures ---- */

static bool failed(const struct probe_path *path)
{
    return path->failed != PHASE_NONE;
}

static bool failed_alike(const struct probe_path *a, const struct probe_path *b)
{
    return failed(a) && failed(b) && a->failed == b->failed && a->end == b->end &&
           strcmp(a->reason, b->reason) == 0 && strcmp(a->reply, b->reply) == 0;
}

/* " on 192.0.2.7"; the family when the other one is OK; both when they failed alike. */
static void location_text(const struct probe_result *result, const struct probe_path *path,
                          char out[LOCATION_MAX])
{
    const struct probe_path *other =
        result->n_paths == 2 ? &result->paths[path == result->paths ? 1 : 0] : NULL;

    if (path->address[0] == '\0')
        out[0] = '\0';
    else if (other == NULL)
        snprintf(out, LOCATION_MAX, " on %s", path->address);
    else if (failed(path) && !failed(other))
        snprintf(out, LOCATION_MAX, " on %s only (%s)", family_name(path->family), path->address);
    else if (failed_alike(path, other))
        snprintf(out, LOCATION_MAX, " on %s and %s", path->address, other->address);
    else
        snprintf(out, LOCATION_MAX, " on %s", path->address);
}

/* The reply as it was on the wire, with its code. */
static void reply_text(const struct probe_path *path, char *out, size_t size)
{
    if (path->code != 0 && (path->reply[0] < '0' || path->reply[0] > '9'))
        snprintf(out, size, "%u %s", path->code, path->reply);
    else
        snprintf(out, size, "%s", path->reply);
}

/* The server's reply; our reason where there is none or it needs one. */
static void failure_text(const struct probe_path *path, char out[FAILURE_TEXT_MAX])
{
    char reply[DIALOGUE_TEXT_MAX + 16];
    bool has_reply = path->end == DIALOGUE_REFUSED || path->end == DIALOGUE_AUTH;

    reply_text(path, reply, sizeof(reply));
    if (path->reply[0] == '\0')
        snprintf(out, FAILURE_TEXT_MAX, "%s", path->reason);
    else if (has_reply && path->command[0] != '\0')
        snprintf(out, FAILURE_TEXT_MAX, "%s: %s", path->command, reply);
    else if (has_reply || path->reason[0] == '\0')
        snprintf(out, FAILURE_TEXT_MAX, "%s", reply);
    else
        snprintf(out, FAILURE_TEXT_MAX, "%s: %s", path->reason, reply);
}

/* Cuts to what fits into the summary, but not below SUMMARY_REPLY_MIN. */
static void shorten(char *text, size_t used)
{
    static const char dots[] = "...";
    size_t room = SUMMARY_REPLY_MIN;

    if (used + SUMMARY_REPLY_MIN < SUMMARY_AIM)
        room = SUMMARY_AIM - used;
    if (strlen(text) <= room)
        return;
    room -= sizeof(dots) - 1;
    while (room > 0 && ((unsigned char)text[room] & 0xc0) == 0x80)
        room--;
    strcpy(text + room, dots);
}

static void report_certificate(struct evaluation *evaluation, const struct probe_path *path,
                               const char *location)
{
    const struct certificate_chain *chain = path->certificates;
    char error[sizeof(chain->error)], date[DATE_TEXT_MAX];
    const char *expires = chain->earliest_expiry <= evaluation->now ? "expired" : "expires";

    date_text(chain->earliest_expiry, date);
    snprintf(error, sizeof(error), "%s", chain->error);
    shorten(error, strlen("tls failed: , expires 2026-01-01") + strlen(location));
    evaluation_problem(evaluation, PROBE_CRITICAL, "tls failed%s: %s, %s %s", location, error,
                       expires, date);
}

static void report_failure(struct evaluation *evaluation, const struct probe_path *path)
{
    char location[LOCATION_MAX], text[FAILURE_TEXT_MAX], number[DECIMAL_TEXT_MAX];
    const char *phase = phase_text(path->failed);
    const char *host = probe_endpoint(evaluation->probe)->host;

    location_text(evaluation->result, path, location);
    failure_text(path, text);
    if (path->end == DIALOGUE_TIMEOUT) {
        decimal_text(evaluation->probe->timeout / 1000.0, number);
        evaluation_problem(evaluation, PROBE_CRITICAL, "%s timed out%s after %s s", phase, location,
                           number);
        return;
    }
    if (path->end == DIALOGUE_TLS && path->certificates != NULL && path->certificates->count > 0 &&
        !path->certificates->verified) {
        report_certificate(evaluation, path, location);
        return;
    }
    if (path->failed == PHASE_RESOLVE) {
        evaluation_problem(evaluation, PROBE_CRITICAL, "resolve failed for %s: %s", host, text);
        return;
    }
    shorten(text, strlen(phase) + strlen(location) + strlen(" failed: "));
    evaluation_problem(evaluation, PROBE_CRITICAL, "%s failed%s%s%s", phase, location,
                       text[0] != '\0' ? ": " : "", text);
}

/* ---- slowness ---- */

static enum phase slowest_phase(const struct probe_path *path)
{
    enum phase slowest = PHASE_RESOLVE;

    for (enum phase phase = PHASE_RESOLVE; phase < PHASE_COUNT; phase++)
        if (path->clock.microseconds[phase] > path->clock.microseconds[slowest])
            slowest = phase;
    return slowest;
}

/* The slowest of the paths that did not fail: failures are reported already. */
static void evaluate_time(struct evaluation *evaluation)
{
    const struct probe_result *result = evaluation->result;
    const struct probe *probe = evaluation->probe;
    const struct probe_path *slow = NULL;
    char total[DURATION_TEXT_MAX], part[DURATION_TEXT_MAX], range[RANGE_TEXT_MAX + 16],
        at[LOCATION_MAX];

    for (size_t i = 0; i < result->n_paths; i++) {
        const struct probe_path *path = &result->paths[i];
        if (!failed(path) &&
            (slow == NULL || phase_clock_total(&path->clock) > phase_clock_total(&slow->clock)))
            slow = path;
    }
    if (slow == NULL)
        return;
    double seconds = (double)phase_clock_total(&slow->clock) / 1e6;
    enum probe_status status = evaluate_value(evaluation, &probe->warn, &probe->crit, seconds);
    if (status == PROBE_OK)
        return;
    enum phase phase = slowest_phase(slow);
    location_text(result, slow, at);
    duration_text(seconds, total);
    duration_text((double)slow->clock.microseconds[phase] / 1e6, part);
    threshold_text(status, &probe->warn, &probe->crit, range);
    evaluation_problem(evaluation, status, "took %s%s%s, %s alone %s", total, range, at,
                       phase_text(phase), part);
}

/* ---- capabilities ---- */

/* Capabilities from before STARTTLS are forgotten after it, and it is offered only before. */
static bool was_used(const struct evaluation *evaluation, const struct probe_path *path,
                     const char *capability)
{
    const char *upgrade = evaluation->probe->type == PROBE_POP3 ? "STLS" : "STARTTLS";

    return probe_endpoint(evaluation->probe)->security == SECURITY_STARTTLS &&
           path->tls_version[0] != '\0' && strcasecmp(capability, upgrade) == 0;
}

static void evaluate_capabilities(struct evaluation *evaluation, const struct probe_path *path)
{
    char at[LOCATION_MAX];

    /* It failed before they were listed: that failure is the problem. */
    if (failed(path) && path->capabilities == NULL)
        return;
    location_text(evaluation->result, path, at);
    for (char **expected = evaluation->probe->expect_capability; *expected != NULL; expected++)
        if (!dialogue_has(path->capabilities, *expected) && !was_used(evaluation, path, *expected))
            evaluation_problem(evaluation, PROBE_CRITICAL, "capability %s is missing%s", *expected,
                               at);
}

void evaluate_paths(struct evaluation *evaluation)
{
    const struct probe_result *result = evaluation->result;

    for (size_t i = 0; i < result->n_paths; i++) {
        bool is_reported = i > 0 && failed_alike(&result->paths[0], &result->paths[i]);
        if (failed(&result->paths[i]) && !is_reported)
            report_failure(evaluation, &result->paths[i]);
    }
    for (size_t i = 0; i < result->n_paths; i++)
        evaluate_capabilities(evaluation, &result->paths[i]);
    if (!result->has_roundtrip)
        evaluate_time(evaluation);
}

/* ---- certificates ---- */

static time_t expiry(const struct certificate_chain *chain)
{
    return chain->verified && chain->verified_expiry != 0 ? chain->verified_expiry
                                                          : chain->earliest_expiry;
}

double evaluation_certificate_days(const struct evaluation *evaluation)
{
    const struct probe_result *result = evaluation->result;
    double least = NAN;

    for (size_t i = 0; i < result->n_paths; i++) {
        const struct certificate_chain *chain = result->paths[i].certificates;
        if (chain == NULL || chain->count == 0)
            continue;
        double days = floor(difftime(expiry(chain), evaluation->now) / DAY * 100) / 100;
        least = fmin(least, days); /* of a number and NAN the number */
    }
    return least;
}

/* Days only decrease: hysteresis would prolong an alarm that has another cause. */
void evaluate_certificates(struct evaluation *evaluation)
{
    const struct probe *probe = evaluation->probe;
    char at[LOCATION_MAX], date[DATE_TEXT_MAX];

    for (size_t i = 0; i < evaluation->result->n_paths; i++) {
        const struct probe_path *path = &evaluation->result->paths[i];
        if (path->certificates == NULL || !path->certificates->verified)
            continue;
        double left = difftime(expiry(path->certificates), evaluation->now);
        bool critical = left < probe->cert_crit;
        if (!critical && left >= probe->cert_warn)
            continue;
        location_text(evaluation->result, path, at);
        date_text(expiry(path->certificates), date);
        evaluation_problem(evaluation, critical ? PROBE_CRITICAL : PROBE_WARNING,
                           "certificate%s expires in %.0f days (%s)", at, floor(left / DAY), date);
    }
}
