/* hours: of the week in which the message arrived, in a time zone, by every reading of dates.h. */
#include "rules/time/hours.h"
#include "rules/match/conditions.h"

static bool is_set(const struct rule *rule)
{
    return rule->hours != NULL;
}

static bool is_within(const struct rule *rule, time_t at)
{
    return hours_match(rule->hours, at);
}

/* Nobody knows the hour of a message in doubt. */
static bool may_be_within(const struct rule *rule, const struct date_readings *dates)
{
    (void)rule;
    (void)dates;
    return true;
}

static void show(const struct rule *rule, time_t at, struct buffer *found)
{
    char *clock = hours_clock(rule->hours, at);

    match_add_text(found, clock);
    free(clock);
}

static enum match_result match(const struct match_input *in, const struct rule *rule,
                               struct buffer *found)
{
    static const struct match_when when = {is_within, may_be_within, show};

    return match_dates(in, rule, &when, found);
}

static void describe(const struct rule *rule, struct buffer *wanted)
{
    match_add_text(wanted, rule->hours_text);
}

const struct match match_hours = {"hours", NEEDS_MESSAGE, is_set, match, describe};
