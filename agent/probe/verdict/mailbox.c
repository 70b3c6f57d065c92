/* Problems of a mailbox: the age and number of its messages, its quota. */
#include <math.h>

#include "agent/probe/verdict/evaluation.h"
#include "agent/util/decimal.h"

static double percent(uint64_t used, uint64_t limit)
{
    return limit == 0 ? NAN : floor((double)used / (double)limit * 1000) / 10;
}

double quota_percent(const struct probe_imap_facts *facts)
{
    /* of a number and NAN the number */
    return fmax(percent(facts->storage_used, facts->storage_limit),
                percent(facts->messages_used, facts->messages_limit));
}

static void evaluate_message_age(struct evaluation *evaluation, const char *which, time_t date,
                                 const struct range *warn, const struct range *crit)
{
    double age = evaluation_age(evaluation, date);
    enum probe_status status = evaluate_value(evaluation, warn, crit, age);
    char span[DURATION_TEXT_MAX], range[RANGE_TEXT_MAX + 16];

    if (status == PROBE_OK)
        return;
    duration_text(age, span);
    threshold_text(status, warn, crit, range);
    evaluation_problem(evaluation, status, "the %s message in %s is %s old%s", which,
                       evaluation->probe->folder, span, range);
}

static void evaluate_count(struct evaluation *evaluation, uint32_t messages)
{
    const struct probe *probe = evaluation->probe;
    enum probe_status status =
        evaluate_value(evaluation, &probe->count_warn, &probe->count_crit, (double)messages);
    char range[RANGE_TEXT_MAX + 16];

    threshold_text(status, &probe->count_warn, &probe->count_crit, range);
    if (status != PROBE_OK)
        evaluation_problem(evaluation, status, "%s has %u messages%s", probe->folder, messages,
                           range);
}

static void evaluate_quota(struct evaluation *evaluation, double full)
{
    const struct probe *probe = evaluation->probe;
    enum probe_status status =
        evaluate_value(evaluation, &probe->quota_warn, &probe->quota_crit, full);
    char number[DECIMAL_TEXT_MAX], range[RANGE_TEXT_MAX + 16];

    decimal_text(full, number);
    threshold_text(status, &probe->quota_warn, &probe->quota_crit, range);
    if (status != PROBE_OK)
        evaluation_problem(evaluation, status, "quota is %s %% used%s", number, range);
}

/* It is one mailbox, over whichever path. An empty one has no ages; count_warn and count_crit can
 * demand that it is not empty. */
void evaluate_mailbox(struct evaluation *evaluation)
{
    const struct probe *probe = evaluation->probe;
    const struct probe_path *path = probe_result_good_path(evaluation->result);

    if (path == NULL)
        return;
    evaluate_message_age(evaluation, "newest", path->imap.newest, &probe->newest_warn,
                         &probe->newest_crit);
    evaluate_message_age(evaluation, "oldest", path->imap.oldest, &probe->oldest_warn,
                         &probe->oldest_crit);
    evaluate_count(evaluation, path->imap.messages);
    evaluate_quota(evaluation, quota_percent(&path->imap));
}
