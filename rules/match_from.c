/* from: the addresses in From and Sender; a /regex/ also sees the whole text of these fields. */
#include <string.h>

#include "rules/match.h"

static bool asked(const struct rule *rule)
{
    return rule->from_patterns != NULL;
}

static const char *find(const struct patterns *patterns, const struct field_facts *from,
                        struct pattern_search *search)
{
    for (size_t i = 0; i < from->addresses.count; i++) {
        const char *address = from->addresses.addresses[i];
        if (patterns_match(patterns, PATTERN_ANY_KIND, address, strlen(address), search))
            return address;
    }
    for (size_t i = 0; i < from->count; i++)
        if (patterns_match(patterns, PATTERN_REGEX, from->texts[i], strlen(from->texts[i]), search))
            return from->texts[i];
    return NULL;
}

static enum verdict match(const struct match_input *in, const struct rule *rule,
                          struct buffer *found)
{
    const struct field_facts *from = facts_get(in->facts, FACTS_FROM);
    struct pattern_search search = {0};
    const char *hit = find(rule->from_patterns, from, &search);
    match_say(found, "the message is from ");
    if (hit != NULL)
        match_quote(found, hit);
    else if (from->addresses.count > 0)
        match_texts(found, from->addresses.addresses, from->addresses.count);
    else
        match_say(found, "nobody that could be read");
    match_limited(found, &search);
    return hit != NULL ? VERDICT_YES : VERDICT_NO;
}

static void describe(const struct rule *rule, struct buffer *wanted)
{
    match_patterns(wanted, rule->from);
}

const struct match match_from = {"from", MATCH_MESSAGE, asked, match, describe};
