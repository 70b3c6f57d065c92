/*
 * from: the addresses in From and Sender, and whatever else in them looks like an address once
 * encoded words are decoded: in display names, comments, quotes. A /regex/ also searches the whole
 * text of these fields. Undecided if nothing matches and an address is unreadable or was left out.
 *
 * In an exempt rule only the sender counts: of sent mail the owner, else the author, if there is
 * one only (route.h).
 */
#include <string.h>

#include "rules/match/conditions.h"

static bool is_set(const struct rule *rule)
{
    return rule->from_patterns != NULL;
}

static enum match_result match_sender(const struct match_input *in, const struct rule *rule,
                                      struct buffer *found)
{
    struct pattern_search search = {.work = &in->budget->header};
    const char *sender = in->route->sender;
    bool certain = !in->route->filed && (in->route->sent || in->route->single_author);
    bool hit = certain && patterns_match(rule->from_patterns, PATTERN_ANY_KIND, sender,
                                         strlen(sender), &search);
    match_add_text(found, certain ? "the sender is " : "there is no author who is certain, but ");
    match_add_quoted(found, sender);
    match_add_limited(found, &search);
    return match_result(hit, false, &search);
}

static enum match_result match(const struct match_input *in, const struct rule *rule,
                               struct buffer *found)
{
    if (rule->exempt)
        return match_sender(in, rule, found);
    const struct field_facts *from = facts_get(in->facts, FACTS_FROM);
    struct pattern_search search = {.work = &in->budget->header};
    const char *hit = match_fields(rule->from_patterns, from, &search);
    match_add_text(found, "the message is from ");
    match_add_addresses(found, hit, from);
    match_add_limited(found, &search);
    if (hit == NULL && from->doubt)
        match_add_doubt(found, match_unread_why(in->message->header));
    return match_result(hit != NULL, from->doubt, &search);
}

static void describe(const struct rule *rule, struct buffer *wanted)
{
    match_add_patterns(wanted, rule->from);
}

const struct match match_from = {"from", NEEDS_MESSAGE, is_set, match, describe};
