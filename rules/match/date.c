/* since, until: INTERNALDATE, for the Date field is the sender's. */
#include "rules/match/conditions.h"

static void say_date(const struct match_input *in, struct buffer *found)
{
    match_say(found, "the message came on ");
    match_time(found, in->message->internaldate);
}

static bool since_asked(const struct rule *rule)
{
    return rule->has_since;
}

static enum match_result since_match(const struct match_input *in, const struct rule *rule,
                                     struct buffer *found)
{
    say_date(in, found);
    return in->message->internaldate >= rule->since ? MATCH_YES : MATCH_NO;
}

static void since_describe(const struct rule *rule, struct buffer *wanted)
{
    match_time(wanted, rule->since);
    match_say(wanted, " or later");
}

static bool until_asked(const struct rule *rule)
{
    return rule->has_until;
}

static enum match_result until_match(const struct match_input *in, const struct rule *rule,
                                     struct buffer *found)
{
    say_date(in, found);
    return in->message->internaldate < rule->until ? MATCH_YES : MATCH_NO;
}

static void until_describe(const struct rule *rule, struct buffer *wanted)
{
    match_say(wanted, "before ");
    match_time(wanted, rule->until);
}

const struct match match_since = {"since", NEEDS_MESSAGE, since_asked, since_match, since_describe};
const struct match match_until = {"until", NEEDS_MESSAGE, until_asked, until_match, until_describe};
