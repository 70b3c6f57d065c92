/*
 * to: the addresses in To, Cc and Bcc, and of a received message the one by which it came; a
 * /regex/ also sees the whole text of these fields.
 */
#include <string.h>

#include "rules/match.h"

static bool asked(const struct rule *rule)
{
    return rule->to_patterns != NULL;
}

static const char *find_in_route(const struct patterns *patterns, const struct route *route,
                                 struct pattern_search *search)
{
    for (size_t i = 0; i < route->n_recipients; i++) {
        const char *address = route->recipients[i].address;
        if (patterns_match(patterns, PATTERN_ANY_KIND, address, strlen(address), search))
            return address;
    }
    return NULL;
}

static const char *find_in_fields(const struct patterns *patterns, const struct field_facts *to,
                                  struct pattern_search *search)
{
    for (size_t i = 0; i < to->addresses.count; i++) {
        const char *address = to->addresses.addresses[i];
        if (patterns_match(patterns, PATTERN_ANY_KIND, address, strlen(address), search))
            return address;
    }
    for (size_t i = 0; i < to->count; i++)
        if (patterns_match(patterns, PATTERN_REGEX, to->texts[i], strlen(to->texts[i]), search))
            return to->texts[i];
    return NULL;
}

static enum verdict match(const struct match_input *in, const struct rule *rule,
                          struct buffer *found)
{
    const struct field_facts *to = facts_get(in->facts, FACTS_TO);
    struct pattern_search search = {0};
    const char *hit = NULL;
    if (!in->route->sent) /* of a sent one they are the fields' */
        hit = find_in_route(rule->to_patterns, in->route, &search);
    if (hit == NULL)
        hit = find_in_fields(rule->to_patterns, to, &search);
    match_say(found, "the message is to ");
    if (hit != NULL)
        match_quote(found, hit);
    else if (to->addresses.count > 0)
        match_texts(found, to->addresses.addresses, to->addresses.count);
    else
        match_say(found, "nobody that could be read");
    match_limited(found, &search);
    return hit != NULL ? VERDICT_YES : VERDICT_NO;
}

static void describe(const struct rule *rule, struct buffer *wanted)
{
    match_patterns(wanted, rule->to);
}

const struct match match_to = {"to", MATCH_MESSAGE, asked, match, describe};
