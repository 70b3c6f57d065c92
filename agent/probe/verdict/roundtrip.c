/* Problems of a round trip. A submission that failed was evaluated as a path. */
#include "agent/probe/verdict/evaluation.h"

static void evaluate_duration(struct evaluation *evaluation, double seconds)
{
    const struct probe *probe = evaluation->probe;
    enum probe_status status = evaluate_value(evaluation, &probe->warn, &probe->crit, seconds);
    char span[DURATION_TEXT_MAX], range[RANGE_TEXT_MAX + 16];

    duration_text(seconds, span);
    threshold_text(status, &probe->warn, &probe->crit, range);
    if (status != PROBE_OK)
        evaluation_problem(evaluation, status, "came back after %s%s", span, range);
}

static void evaluate_returned(struct evaluation *evaluation, const struct roundtrip_facts *facts)
{
    evaluate_duration(evaluation, (double)facts->duration / 1e6);
    if (facts->placement == PLACEMENT_JUNK)
        evaluation_problem(evaluation, PROBE_WARNING, "came back to the junk folder");
}

/* A late one is critical regardless of hysteresis. */
static void evaluate_late(struct evaluation *evaluation, const struct roundtrip_facts *facts)
{
    char span[DURATION_TEXT_MAX], range[RANGE_TEXT_MAX + 16];

    if (facts->duration < 0) {
        evaluation_problem(evaluation, PROBE_CRITICAL, "late");
        return;
    }
    duration_text((double)facts->duration / 1e6, span);
    threshold_text(PROBE_CRITICAL, &evaluation->probe->warn, &evaluation->probe->crit, range);
    evaluation_problem(evaluation, PROBE_CRITICAL, "came back late, after %s%s", span, range);
}

/* A result is outstanding only once its time is up: crit, or the limit of the command line. */
static void evaluate_missing(struct evaluation *evaluation)
{
    double age = difftime(evaluation->now, evaluation->result->at);
    char span[DURATION_TEXT_MAX], range[RANGE_TEXT_MAX + 16] = "";

    duration_text(age, span);
    if (range_alerts(&evaluation->probe->crit, age))
        threshold_text(PROBE_CRITICAL, &evaluation->probe->warn, &evaluation->probe->crit, range);
    evaluation_problem(evaluation, PROBE_CRITICAL, "not back after %s%s", span, range);
}

static bool submission_failed(const struct probe_result *result)
{
    return result->n_paths > 0 && result->paths[0].failed != PHASE_NONE;
}

void evaluate_roundtrip(struct evaluation *evaluation)
{
    const struct roundtrip_facts *facts = &evaluation->result->roundtrip;
    char span[DURATION_TEXT_MAX];

    switch (facts->verdict) {
    case ROUNDTRIP_RETURNED:
        evaluate_returned(evaluation, facts);
        break;
    case ROUNDTRIP_LATE:
        evaluate_late(evaluation, facts);
        break;
    case ROUNDTRIP_OUTSTANDING:
        if (!submission_failed(evaluation->result))
            evaluate_missing(evaluation);
        break;
    case ROUNDTRIP_LOST:
        duration_text(evaluation->probe->lost, span);
        evaluation_problem(evaluation, PROBE_CRITICAL, "lost: not back within %s", span);
        break;
    case ROUNDTRIP_REJECTED:
        if (!submission_failed(evaluation->result))
            evaluation_problem(evaluation, PROBE_CRITICAL, "the submission was rejected");
        break;
    case ROUNDTRIP_UNCERTAIN:
        if (!submission_failed(evaluation->result))
            evaluation_problem(evaluation, PROBE_WARNING,
                               "uncertain whether the server accepted the message");
        break;
    }
}
