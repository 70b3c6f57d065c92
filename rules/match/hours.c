/* hours: of the week in which the message arrived, in a time zone. */
#include "rules/time/hours.h"
#include "rules/match/conditions.h"

static bool is_set(const struct rule *rule)
{
    return rule->hours != NULL;
}

static enum match_result match(const struct match_input *in, const struct rule *rule,
                               struct buffer *found)
{
    if (found != NULL) {
        char *clock = hours_clock(rule->hours, in->message->internaldate);
        buffer_printf(found, "the message arrived on %s", clock);
        free(clock);
    }
    if (in->message->date_unknown) {
        match_add_doubt(found, "the server gave no usable date");
        return MATCH_UNDECIDED;
    }
    return hours_match(rule->hours, in->message->internaldate) ? MATCH_YES : MATCH_NO;
}

static void describe(const struct rule *rule, struct buffer *wanted)
{
    match_add_text(wanted, rule->hours_text);
}

const struct match match_hours = {"hours", NEEDS_MESSAGE, is_set, match, describe};
