/* since, until: INTERNALDATE, because the sender controls the Date field. */
#include "rules/match/conditions.h"

static void add_date(const struct match_input *in, struct buffer *found)
{
    match_add_text(found, "the message arrived on ");
    match_add_time(found, in->message->internaldate);
    if (in->message->date_unknown)
        match_add_doubt(found, "the server gave no usable date");
}

static enum match_result dated(const struct match_input *in, bool within)
{
    if (in->message->date_unknown)
        return MATCH_UNDECIDED;
    return within ? MATCH_YES : MATCH_NO;
}

static bool since_is_set(const struct rule *rule)
{
    return rule->has_since;
}

static enum match_result since_match(const struct match_input *in, const struct rule *rule,
                                     struct buffer *found)
{
    add_date(in, found);
    return dated(in, in->message->internaldate >= rule->since);
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

static enum match_result until_match(const struct match_input *in, const struct rule *rule,
                                     struct buffer *found)
{
    add_date(in, found);
    return dated(in, in->message->internaldate < rule->until);
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
