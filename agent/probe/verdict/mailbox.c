/* What is wrong with a mailbox: the ages of its messages, how many they are, its quota. */
#include <math.h>

#include "agent/probe/verdict/judge.h"
#include "agent/util/decimal.h"

static double percent(uint64_t used, uint64_t limit)
{
    return limit == 0 ? NAN : floor((double)used / (double)limit * 1000) / 10;
}

double judge_quota_percent(const struct probe_imap_facts *facts)
{
    /* of a number and NAN the number */
    return fmax(percent(facts->storage_used, facts->storage_limit),
                percent(facts->messages_used, facts->messages_limit));
}

static void judge_message_age(struct judge *judge, const char *which, time_t date,
                              const struct range *warn, const struct range *crit)
{
    double age = judge_age(judge, date);
    enum probe_status status = judge_value(judge, warn, crit, age);
    char span[JUDGE_SPAN_MAX], range[RANGE_TEXT_MAX + 16];

    if (status == PROBE_OK)
        return;
    judge_span(age, span);
    judge_range_text(status, warn, crit, range);
    judge_found(judge, status, "the %s message in %s is %s old%s", which, judge->probe->folder,
                span, range);
}

static void judge_count(struct judge *judge, uint32_t messages)
{
    const struct probe *probe = judge->probe;
    enum probe_status status =
        judge_value(judge, &probe->count_warn, &probe->count_crit, (double)messages);
    char range[RANGE_TEXT_MAX + 16];

    judge_range_text(status, &probe->count_warn, &probe->count_crit, range);
    if (status != PROBE_OK)
        judge_found(judge, status, "%s has %u messages%s", probe->folder, messages, range);
}

static void judge_quota(struct judge *judge, double full)
{
    const struct probe *probe = judge->probe;
    enum probe_status status = judge_value(judge, &probe->quota_warn, &probe->quota_crit, full);
    char number[DECIMAL_TEXT_MAX], range[RANGE_TEXT_MAX + 16];

    decimal_text(full, number);
    judge_range_text(status, &probe->quota_warn, &probe->quota_crit, range);
    if (status != PROBE_OK)
        judge_found(judge, status, "the quota is used to %s %%%s", number, range);
}

/* By whichever way it was looked at, it is one mailbox. An empty one has no ages: that it may not
 * be empty is what count_warn and count_crit can say. */
void judge_mailbox(struct judge *judge)
{
    const struct probe *probe = judge->probe;
    const struct probe_path *path = judge_well_path(judge->result);

    if (path == NULL)
        return;
    judge_message_age(judge, "newest", path->imap.newest, &probe->newest_warn, &probe->newest_crit);
    judge_message_age(judge, "oldest", path->imap.oldest, &probe->oldest_warn, &probe->oldest_crit);
    judge_count(judge, path->imap.messages);
    judge_quota(judge, judge_quota_percent(&path->imap));
}
