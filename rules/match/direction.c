/* incoming, outgoing, internal: each all, selected or none. */
#include "rules/match/conditions.h"

static bool takes(enum selector selector, const struct owner *owner)
{
    return selector == SELECT_ALL || (selector == SELECT_SELECTED && owner->monitor);
}

static bool asked(const struct rule *rule)
{
    bool none = rule->incoming == SELECT_NONE && rule->outgoing == SELECT_NONE &&
                rule->internal == SELECT_NONE;
    return !(rule->exempt && none);
}

unsigned match_direction_taken(const struct rule *rule, const struct owner *owner)
{
    if (!asked(rule)) /* an exempt rule is for every direction if it names none */
        return DIRECTION_INCOMING | DIRECTION_OUTGOING | DIRECTION_INTERNAL;
    unsigned taken = 0;
    if (takes(rule->incoming, owner))
        taken |= DIRECTION_INCOMING;
    if (takes(rule->outgoing, owner))
        taken |= DIRECTION_OUTGOING;
    if (takes(rule->internal, owner))
        taken |= DIRECTION_INTERNAL;
    return taken;
}

static enum match_result match(const struct match_input *in, const struct rule *rule,
                               struct buffer *found)
{
    unsigned taken = match_direction_taken(rule, in->message->owner);
    if (found != NULL) {
        char text[40];
        buffer_printf(found, "the message is %s and its owner is%s selected",
                      direction_text(in->route->directions, text),
                      in->message->owner->monitor ? "" : " not");
    }
    return (taken & in->route->directions) != 0 ? MATCH_YES : MATCH_NO;
}

static void describe_one(struct buffer *wanted, const char *direction, enum selector selector,
                         size_t start)
{
    if (selector == SELECT_NONE)
        return;
    if (wanted->len > start)
        buffer_text(wanted, ", ");
    buffer_printf(wanted, "%s of %s", direction,
                  selector == SELECT_ALL ? "all owners" : "selected owners");
}

static void describe(const struct rule *rule, struct buffer *wanted)
{
    size_t start = wanted->len;
    describe_one(wanted, "incoming", rule->incoming, start);
    describe_one(wanted, "outgoing", rule->outgoing, start);
    describe_one(wanted, "internal", rule->internal, start);
    if (wanted->len == start)
        buffer_text(wanted, "none, for its three selectors are none");
}

const struct match match_direction = {"direction", NEEDS_MESSAGE, asked, match, describe};
