/* min_size, max_size: both inclusive. */
#include "rules/match/conditions.h"

static void add_size(const struct match_input *in, struct buffer *found)
{
    match_add_text(found, "the message has ");
    match_add_number(found, in->message->size);
    match_add_text(found, in->message->size == 1 ? " byte" : " bytes");
}

static bool min_is_set(const struct rule *rule)
{
    return rule->has_min_size;
}

static enum match_result min_match(const struct match_input *in, const struct rule *rule,
                                   struct buffer *found)
{
    add_size(in, found);
    return in->message->size >= rule->min_size ? MATCH_YES : MATCH_NO;
}

static void min_describe(const struct rule *rule, struct buffer *wanted)
{
    match_add_text(wanted, "at least ");
    match_add_number(wanted, rule->min_size);
}

static bool max_is_set(const struct rule *rule)
{
    return rule->has_max_size;
}

static enum match_result max_match(const struct match_input *in, const struct rule *rule,
                                   struct buffer *found)
{
    add_size(in, found);
    return in->message->size <= rule->max_size ? MATCH_YES : MATCH_NO;
}

static void max_describe(const struct rule *rule, struct buffer *wanted)
{
    match_add_text(wanted, "at most ");
    match_add_number(wanted, rule->max_size);
}

const struct match match_min_size = {"min_size", NEEDS_MESSAGE, min_is_set, min_match,
                                     min_describe};
const struct match match_max_size = {"max_size", NEEDS_MESSAGE, max_is_set, max_match,
                                     max_describe};
