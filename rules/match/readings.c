#include "rules/match/match.h"

static bool is_near(time_t a, time_t b)
{
    return a - b >= -DATES_TOLERANCE && a - b <= DATES_TOLERANCE;
}

static const char *why(const struct date_readings *dates)
{
    return dates->doubt != NULL ? dates->doubt : "its dates contradict each other";
}

static void explain(const struct rule *rule, const struct match_when *when,
                    const struct date_readings *dates, struct buffer *found)
{
    match_add_text(found, "the message arrived on ");
    when->show(rule, dates->at[0], found);
    for (size_t i = 1; i < dates->n; i++) {
        if (is_near(dates->at[i], dates->at[0]))
            continue;
        buffer_printf(found, " by %s and on ", dates->by[0]);
        when->show(rule, dates->at[i], found);
        buffer_printf(found, " by %s", dates->by[i]);
    }
}

static enum match_result evaluate(const struct match_input *in, const struct rule *rule,
                                  const struct match_when *when, const struct date_readings *dates)
{
    size_t n = 0;

    for (size_t i = 0; i < dates->n; i++)
        n += when->holds(rule, dates->at[i]);
    if (in->message->date_unknown)
        return MATCH_UNDECIDED;
    if (rule->exempt && n > 0 && (n < dates->n || dates->doubt != NULL))
        return MATCH_UNDECIDED;
    if (n > 0)
        return MATCH_YES;
    return dates->doubt != NULL && when->possible(rule, dates) ? MATCH_UNDECIDED : MATCH_NO;
}

enum match_result match_dates(const struct match_input *in, const struct rule *rule,
                              const struct match_when *when, struct buffer *found)
{
    const struct date_readings *dates = facts_dates(in->facts, in->message);
    enum match_result result = evaluate(in, rule, when, dates);

    if (found == NULL)
        return result;
    explain(rule, when, dates, found);
    if (result == MATCH_UNDECIDED)
        match_add_doubt(found, why(dates));
    return result;
}
