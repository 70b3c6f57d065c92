#include "agent/probe/verdict/verdict.h"

#include <math.h>
#include <stdlib.h>

#include "agent/probe/verdict/evaluation.h"
#include "rules/util/memory.h"

/* ---- the summary when nothing is wrong ---- */

static void summarise_mailbox(const struct evaluation *evaluation, FILE *out)
{
    const struct probe_path *path = probe_result_good_path(evaluation->result);
    char span[DURATION_TEXT_MAX];

    fprintf(out, "%s has %u messages", evaluation->probe->folder, path->imap.messages);
    if (path->imap.newest != 0) {
        duration_text(evaluation_age(evaluation, path->imap.newest), span);
        fprintf(out, ", the newest %s old", span);
    }
}

static void summarise_roundtrip(const struct evaluation *evaluation, FILE *out)
{
    const struct roundtrip_facts *facts = &evaluation->result->roundtrip;
    char span[DURATION_TEXT_MAX];

    duration_text((double)facts->duration / 1e6, span);
    fprintf(out, "back in %s", span);
    if (facts->placement != PLACEMENT_NONE)
        fprintf(out, ", in %s", placement_text(facts->placement));
}

static void summarise_service(const struct evaluation *evaluation, FILE *out)
{
    const struct probe_result *result = evaluation->result;
    const struct probe_path *first = &result->paths[0];
    double days = evaluation_certificate_days(evaluation);
    char span[DURATION_TEXT_MAX];

    duration_text((double)result->microseconds / 1e6, span);
    fprintf(out, "%s", span);
    if (result->n_paths == 2)
        fprintf(out, " by %s and %s", family_name(first->family),
                family_name(result->paths[1].family));
    else if (first->address[0] != '\0')
        fprintf(out, " on %s", first->address);
    if (!isnan(days))
        fprintf(out, ", certificate good for %.0f days", floor(days));
}

static char *summary_when_ok(const struct evaluation *evaluation)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = memory_check(open_memstream(&text, &len));

    if (evaluation->probe->type == PROBE_ROUNDTRIP)
        summarise_roundtrip(evaluation, out);
    else if (evaluation->probe->type == PROBE_MAILBOX)
        summarise_mailbox(evaluation, out);
    else
        summarise_service(evaluation, out);
    if (fclose(out) != 0)
        memory_exhausted();
    evaluation_replace_controls(text);
    return text;
}

/* ---- the verdict ---- */

struct probe_verdict *probe_verdict_new(const struct probe *probe,
                                        const struct probe_result *result, time_t now,
                                        enum probe_status held)
{
    struct probe_verdict *verdict = xcalloc(1, sizeof(*verdict));
    struct evaluation evaluation = {
        .probe = probe, .result = result, .now = now, .held = held, .verdict = verdict};

    verdict->details = xcalloc(1, sizeof(*verdict->details));
    if (result->trouble != NULL) {
        evaluation_problem(&evaluation, PROBE_UNKNOWN, "%s", result->trouble);
    } else if (result->n_paths == 0 && !result->has_roundtrip) {
        evaluation_problem(&evaluation, PROBE_UNKNOWN, "not run yet");
    } else {
        evaluate_paths(&evaluation);
        evaluate_certificates(&evaluation);
        if (probe->type == PROBE_MAILBOX)
            evaluate_mailbox(&evaluation);
        if (result->has_roundtrip)
            evaluate_roundtrip(&evaluation);
        if (verdict->status == PROBE_OK)
            verdict->summary = summary_when_ok(&evaluation);
        evaluation_add_details(&evaluation);
    }
    evaluation_add_perfdata(&evaluation);
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
