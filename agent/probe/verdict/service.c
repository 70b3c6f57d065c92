/* What went wrong on the paths of a service: failures, slowness, capabilities, certificates. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "agent/probe/verdict/judge.h"
#include "agent/util/decimal.h"

#define DAY 86400.0

enum { WHERE_MAX = 2 * INET6_ADDRSTRLEN + 32, WORDS_MAX = 2 * DIALOGUE_TEXT_MAX + 32 };

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

/* " on 192.0.2.7"; which family when the other one is well; both when they failed alike. */
static void where(const struct probe_result *result, const struct probe_path *path,
                  char out[WHERE_MAX])
{
    const struct probe_path *other =
        result->n_paths == 2 ? &result->paths[path == result->paths ? 1 : 0] : NULL;

    if (path->address[0] == '\0')
        out[0] = '\0';
    else if (other == NULL)
        snprintf(out, WHERE_MAX, " on %s", path->address);
    else if (failed(path) && !failed(other))
        snprintf(out, WHERE_MAX, " on %s only (%s)", judge_family(path->family), path->address);
    else if (failed_alike(path, other))
        snprintf(out, WHERE_MAX, " on %s and %s", path->address, other->address);
    else
        snprintf(out, WHERE_MAX, " on %s", path->address);
}

/* The reply as a person knows it from the wire, with its code. */
static void reply_text(const struct probe_path *path, char *out, size_t size)
{
    if (path->code != 0 && (path->reply[0] < '0' || path->reply[0] > '9'))
        snprintf(out, size, "%u %s", path->code, path->reply);
    else
        snprintf(out, size, "%s", path->reply);
}

/* The server's words; ours where it has none or they need it. */
static void words(const struct probe_path *path, char out[WORDS_MAX])
{
    char reply[DIALOGUE_TEXT_MAX + 16];
    bool said = path->end == DIALOGUE_REFUSED || path->end == DIALOGUE_AUTH;

    reply_text(path, reply, sizeof(reply));
    if (path->reply[0] == '\0')
        snprintf(out, WORDS_MAX, "%s", path->reason);
    else if (said && path->command[0] != '\0')
        snprintf(out, WORDS_MAX, "%s: %s", path->command, reply);
    else if (said || path->reason[0] == '\0')
        snprintf(out, WORDS_MAX, "%s", reply);
    else
        snprintf(out, WORDS_MAX, "%s: %s", path->reason, reply);
}

/* Cut to what the summary has room for, but not shorter than JUDGE_REPLY_LEAST. */
static void shorten(char *text, size_t used)
{
    static const char dots[] = "...";
    size_t room = JUDGE_REPLY_LEAST;

    if (used + JUDGE_REPLY_LEAST < JUDGE_SUMMARY_AIM)
        room = JUDGE_SUMMARY_AIM - used;
    if (strlen(text) <= room)
        return;
    room -= sizeof(dots) - 1;
    while (room > 0 && ((unsigned char)text[room] & 0xc0) == 0x80)
        room--;
    strcpy(text + room, dots);
}

static void found_certificate(struct judge *judge, const struct probe_path *path,
                              const char *at_where)
{
    const struct certificate_chain *chain = path->certificates;
    char error[sizeof(chain->error)], date[JUDGE_DATE_MAX];
    const char *will = chain->earliest_expiry <= judge->now ? "expired" : "expires";

    judge_date(chain->earliest_expiry, date);
    snprintf(error, sizeof(error), "%s", chain->error);
    shorten(error, strlen("tls failed: , expires 2026-01-01") + strlen(at_where));
    judge_found(judge, PROBE_CRITICAL, "tls failed%s: %s, %s %s", at_where, error, will, date);
}

static void found_failure(struct judge *judge, const struct probe_path *path)
{
    char at_where[WHERE_MAX], text[WORDS_MAX], number[DECIMAL_TEXT_MAX];
    const char *phase = phase_text(path->failed);
    const char *host = probe_endpoint(judge->probe)->host;

    where(judge->result, path, at_where);
    words(path, text);
    if (path->end == DIALOGUE_TIMEOUT) {
        decimal_text(judge->probe->timeout / 1000.0, number);
        judge_found(judge, PROBE_CRITICAL, "%s timed out%s after %s s", phase, at_where, number);
        return;
    }
    if (path->end == DIALOGUE_TLS && path->certificates != NULL && path->certificates->count > 0 &&
        !path->certificates->verified) {
        found_certificate(judge, path, at_where);
        return;
    }
    if (path->failed == PHASE_RESOLVE) {
        judge_found(judge, PROBE_CRITICAL, "resolve failed for %s: %s", host, text);
        return;
    }
    shorten(text, strlen(phase) + strlen(at_where) + strlen(" failed: "));
    judge_found(judge, PROBE_CRITICAL, "%s failed%s%s%s", phase, at_where,
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

/* The slowest of the paths that are well: what failed has said so. */
static void judge_time(struct judge *judge)
{
    const struct probe_result *result = judge->result;
    const struct probe *probe = judge->probe;
    const struct probe_path *slow = NULL;
    char total[JUDGE_SPAN_MAX], part[JUDGE_SPAN_MAX], range[RANGE_TEXT_MAX + 16], at[WHERE_MAX];

    for (size_t i = 0; i < result->n_paths; i++) {
        const struct probe_path *path = &result->paths[i];
        if (!failed(path) &&
            (slow == NULL || phase_clock_total(&path->clock) > phase_clock_total(&slow->clock)))
            slow = path;
    }
    if (slow == NULL)
        return;
    double seconds = (double)phase_clock_total(&slow->clock) / 1e6;
    enum probe_status status = judge_value(judge, &probe->warn, &probe->crit, seconds);
    if (status == PROBE_OK)
        return;
    enum phase phase = slowest_phase(slow);
    where(result, slow, at);
    judge_span(seconds, total);
    judge_span((double)slow->clock.microseconds[phase] / 1e6, part);
    judge_range_text(status, &probe->warn, &probe->crit, range);
    judge_found(judge, status, "took %s%s%s, %s alone %s", total, range, at, phase_text(phase),
                part);
}

/* ---- capabilities ---- */

/* What was told before STARTTLS is forgotten behind it, and STARTTLS is offered only before. */
static bool was_used(const struct judge *judge, const struct probe_path *path,
                     const char *capability)
{
    const char *upgrade = judge->probe->type == PROBE_POP3 ? "STLS" : "STARTTLS";

    return probe_endpoint(judge->probe)->security == SECURITY_STARTTLS &&
           path->tls_version[0] != '\0' && strcasecmp(capability, upgrade) == 0;
}

static void judge_capabilities(struct judge *judge, const struct probe_path *path)
{
    char at[WHERE_MAX];

    /* Where it failed before they were told, that it failed is what is wrong. */
    if (failed(path) && path->capabilities == NULL)
        return;
    where(judge->result, path, at);
    for (char **expected = judge->probe->expect_capability; *expected != NULL; expected++)
        if (!dialogue_has(path->capabilities, *expected) && !was_used(judge, path, *expected))
            judge_found(judge, PROBE_CRITICAL, "capability %s is missing%s", *expected, at);
}

void judge_paths(struct judge *judge)
{
    const struct probe_result *result = judge->result;

    for (size_t i = 0; i < result->n_paths; i++) {
        bool told = i > 0 && failed_alike(&result->paths[0], &result->paths[i]);
        if (failed(&result->paths[i]) && !told)
            found_failure(judge, &result->paths[i]);
    }
    for (size_t i = 0; i < result->n_paths; i++)
        judge_capabilities(judge, &result->paths[i]);
    if (!result->has_roundtrip)
        judge_time(judge);
}

/* ---- certificates ---- */

static time_t expiry(const struct certificate_chain *chain)
{
    return chain->verified && chain->verified_expiry != 0 ? chain->verified_expiry
                                                          : chain->earliest_expiry;
}

double judge_certificate_days(const struct judge *judge)
{
    const struct probe_result *result = judge->result;
    double least = NAN;

    for (size_t i = 0; i < result->n_paths; i++) {
        const struct certificate_chain *chain = result->paths[i].certificates;
        if (chain == NULL || chain->count == 0)
            continue;
        double days = floor(difftime(expiry(chain), judge->now) / DAY * 100) / 100;
        least = fmin(least, days); /* of a number and NAN the number */
    }
    return least;
}

/* Days only go down: hysteresis would hold an alarm of something else. */
void judge_certificates(struct judge *judge)
{
    const struct probe *probe = judge->probe;
    char at[WHERE_MAX], date[JUDGE_DATE_MAX];

    for (size_t i = 0; i < judge->result->n_paths; i++) {
        const struct probe_path *path = &judge->result->paths[i];
        if (path->certificates == NULL || !path->certificates->verified)
            continue;
        double left = difftime(expiry(path->certificates), judge->now);
        bool critical = left < probe->cert_crit;
        if (!critical && left >= probe->cert_warn)
            continue;
        where(judge->result, path, at);
        judge_date(expiry(path->certificates), date);
        judge_found(judge, critical ? PROBE_CRITICAL : PROBE_WARNING,
                    "certificate%s expires in %.0f days (%s)", at, floor(left / DAY), date);
    }
}
