/* min_size, max_size: octets, both part of the range. */
#include "rules/match/conditions.h"

static void say_size(const struct match_input *in, struct buffer *found)
{
    match_say(found, "the message has ");
    match_number(found, in->message->size);
    match_say(found, in->message->size == 1 ? " octet" : " octets");
}

static bool min_asked(const struct rule *rule)
{
    return rule->has_min_size;
}

static enum match_result min_match(const struct match_input *in, const struct rule *rule,
                                   struct buffer *found)
{
    say_size(in, found);
    return in->message->size >= rule->min_size ? MATCH_YES : MATCH_NO;
}

static void min_describe(const struct rule *rule, struct buffer *wanted)
{
    match_say(wanted, "at least ");
    match_number(wanted, rule->min_size);
}

static bool max_asked(const struct rule *rule)
{
    return rule->has_max_size;
}

static enum match_result max_match(const struct match_input *in, const struct rule *rule,
                                   struct buffer *found)
{
    say_size(in, found);
    return in->message->size <= rule->max_size ? MATCH_YES : MATCH_NO;
}

static void max_describe(const struct rule *rule, struct buffer *wanted)
{
    match_say(wanted, "at most ");
    match_number(wanted, rule->max_size);
}

const struct match match_min_size = {"min_size", NEEDS_MESSAGE, min_asked, min_match, min_describe};
const struct match match_max_size = {"max_size", NEEDS_MESSAGE, max_asked, max_match, max_describe};
