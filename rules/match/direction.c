/* incoming, outgoing, internal: each is all, selected or none. */
#include "rules/match/conditions.h"

static bool selects(enum selector selector, const struct owner *owner)
{
    return selector == SELECT_ALL || (selector == SELECT_SELECTED && owner->monitor);
}

static bool is_set(const struct rule *rule)
{
    bool none = rule->incoming == SELECT_NONE && rule->outgoing == SELECT_NONE &&
                rule->internal == SELECT_NONE;
    return !(rule->exempt && none);
}

unsigned match_directions(const struct rule *rule, const struct owner *owner)
{
    if (!is_set(rule)) /* an exempt rule without selectors applies to all directions */
        return DIRECTION_INCOMING | DIRECTION_OUTGOING | DIRECTION_INTERNAL;
    unsigned chosen = 0;
    if (selects(rule->incoming, owner))
        chosen |= DIRECTION_INCOMING;
    if (selects(rule->outgoing, owner))
        chosen |= DIRECTION_OUTGOING;
    if (selects(rule->internal, owner))
        chosen |= DIRECTION_INTERNAL;
    return chosen;
}

static enum match_result match(const struct match_input *in, const struct rule *rule,
                               struct buffer *found)
{
    unsigned chosen = match_directions(rule, in->message->owner);
    if (found != NULL) {
        char text[40];
        buffer_printf(found, "the message is %s and its owner is%s selected",
                      direction_text(in->route->directions, text),
                      in->message->owner->monitor ? "" : " not");
    }
    return (chosen & in->route->directions) != 0 ? MATCH_YES : MATCH_NO;
}

static void describe_one(struct buffer *wanted, const char *direction, enum selector selector,
                         size_t start)
{
    if (selector == SELECT_NONE)
        return;
    if (wanted->len > start)
        buffer_text(wanted, ", ");
    buffer_printf(wanted, "%s for %s", direction,
                  selector == SELECT_ALL ? "all owners" : "selected owners");
}

static void describe(const struct rule *rule, struct buffer *wanted)
{
    size_t start = wanted->len;
    describe_one(wanted, "incoming", rule->incoming, start);
    describe_one(wanted, "outgoing", rule->outgoing, start);
    describe_one(wanted, "internal", rule->internal, start);
    if (wanted->len == start)
        buffer_text(wanted, "no direction: incoming, outgoing and internal are none");
}

const struct match match_direction = {"direction", NEEDS_MESSAGE, is_set, match, describe};
