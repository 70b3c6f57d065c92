/*
 * since, until: when the message arrived, by every reading of dates.h, because each date can be
 * written by somebody: the Date field by the sender, INTERNALDATE by who may APPEND.
 */
#include "rules/match/conditions.h"

static void show(const struct rule *rule, time_t at, struct buffer *found)
{
    (void)rule;
    match_add_time(found, at);
}

static bool since_is_set(const struct rule *rule)
{
    return rule->has_since;
}

static bool is_since(const struct rule *rule, time_t at)
{
    return at >= rule->since;
}

static bool may_be_since(const struct rule *rule, const struct date_readings *dates)
{
    return dates->latest >= rule->since;
}

static enum match_result since_match(const struct match_input *in, const struct rule *rule,
                                     struct buffer *found)
{
    static const struct match_when when = {is_since, may_be_since, show};

    return match_dates(in, rule, &when, found);
}

static void since_describe(const struct rule *rule, struct buffer *wanted)
{
    match_add_time(wanted, rule->since);
    match_add_text(wanted, " or later");
}

static bool until_is_set(const struct rule *rule)
{
    return rule->has_until;
}

static bool is_until(const struct rule *rule, time_t at)
{
    return at < rule->until;
}

static bool may_be_until(const struct rule *rule, const struct date_readings *dates)
{
    return dates->earliest < rule->until;
}

static enum match_result until_match(const struct match_input *in, const struct rule *rule,
                                     struct buffer *found)
{
    static const struct match_when when = {is_until, may_be_until, show};

    return match_dates(in, rule, &when, found);
}

static void until_describe(const struct rule *rule, struct buffer *wanted)
{
    match_add_text(wanted, "before ");
    match_add_time(wanted, rule->until);
}

const struct match match_since = {"since", NEEDS_MESSAGE, since_is_set, since_match,
                                  since_describe};
const struct match match_until = {"until", NEEDS_MESSAGE, until_is_set, until_match,
                                  until_describe};
