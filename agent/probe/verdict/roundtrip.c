/* What is wrong with a round trip. A submission that failed was judged as a path. */
#include "agent/probe/verdict/judge.h"

static void judge_duration(struct judge *judge, double seconds)
{
    const struct probe *probe = judge->probe;
    enum probe_status status = judge_value(judge, &probe->warn, &probe->crit, seconds);
    char span[JUDGE_SPAN_MAX], range[RANGE_TEXT_MAX + 16];

    judge_span(seconds, span);
    judge_range_text(status, &probe->warn, &probe->crit, range);
    if (status != PROBE_OK)
        judge_found(judge, status, "came back after %s%s", span, range);
}

static void judge_returned(struct judge *judge, const struct roundtrip_facts *facts)
{
    judge_duration(judge, (double)facts->duration / 1e6);
    if (facts->placement == PLACEMENT_JUNK)
        judge_found(judge, PROBE_WARNING, "came back to the junk folder");
}

/* A late one is critical whatever the hysteresis. */
static void judge_late(struct judge *judge, const struct roundtrip_facts *facts)
{
    char span[JUDGE_SPAN_MAX], range[RANGE_TEXT_MAX + 16];

    if (facts->duration < 0) {
        judge_found(judge, PROBE_CRITICAL, "late");
        return;
    }
    judge_span((double)facts->duration / 1e6, span);
    judge_range_text(PROBE_CRITICAL, &judge->probe->warn, &judge->probe->crit, range);
    judge_found(judge, PROBE_CRITICAL, "came back late, after %s%s", span, range);
}

/* It is told as outstanding only when the time that it had is over: crit, or that of the command
 * line. */
static void judge_missing(struct judge *judge)
{
    double age = difftime(judge->now, judge->result->at);
    char span[JUDGE_SPAN_MAX], range[RANGE_TEXT_MAX + 16] = "";

    judge_span(age, span);
    if (range_alerts(&judge->probe->crit, age))
        judge_range_text(PROBE_CRITICAL, &judge->probe->warn, &judge->probe->crit, range);
    judge_found(judge, PROBE_CRITICAL, "not back after %s%s", span, range);
}

static bool submission_failed(const struct probe_result *result)
{
    return result->n_paths > 0 && result->paths[0].failed != PHASE_NONE;
}

void judge_roundtrip(struct judge *judge)
{
    const struct roundtrip_facts *facts = &judge->result->roundtrip;
    char span[JUDGE_SPAN_MAX];

    switch (facts->verdict) {
    case ROUNDTRIP_RETURNED:
        judge_returned(judge, facts);
        break;
    case ROUNDTRIP_LATE:
        judge_late(judge, facts);
        break;
    case ROUNDTRIP_OUTSTANDING:
        if (!submission_failed(judge->result))
            judge_missing(judge);
        break;
    case ROUNDTRIP_LOST:
        judge_span(judge->probe->lost, span);
        judge_found(judge, PROBE_CRITICAL, "lost: not back within %s", span);
        break;
    case ROUNDTRIP_REJECTED:
        if (!submission_failed(judge->result))
            judge_found(judge, PROBE_CRITICAL, "the submission was rejected");
        break;
    case ROUNDTRIP_UNCERTAIN:
        if (!submission_failed(judge->result))
            judge_found(judge, PROBE_WARNING, "uncertain whether the server has taken it");
        break;
    }
}
