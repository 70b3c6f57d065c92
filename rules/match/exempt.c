/*
 * addresses of an exempt rule: the owner, the actual or claimed sender, and all recipients named in
 * the header.
 */
#include <string.h>

#include "rules/match/conditions.h"

static bool is_set(const struct rule *rule)
{
    return rule->addresses_patterns != NULL;
}

static bool matches(const struct rule *rule, const char *address, struct pattern_search *search)
{
    return patterns_match(rule->addresses_patterns, PATTERN_ANY_KIND, address, strlen(address),
                          search);
}

static const char *find_owner(const struct rule *rule, const struct owner *owner,
                              struct pattern_search *search)
{
    if (matches(rule, owner->address, search))
        return owner->address;
    for (const char *const *alias = owner->aliases; alias != NULL && *alias != NULL; alias++)
        if (matches(rule, *alias, search))
            return *alias;
    return NULL;
}

bool match_exempt_owner(const struct rule *rule, const struct owner *owner)
{
    struct match_budget budget = match_budget();
    struct pattern_search search = {.work = &budget.owner};
    return is_set(rule) && find_owner(rule, owner, &search) != NULL;
}

static const char *find_in_header(const struct rule *rule, const struct field_facts *fields,
                                  struct pattern_search *search)
{
    for (size_t i = 0; i < fields->addresses.count; i++)
        if (matches(rule, fields->addresses.addresses[i], search))
            return fields->addresses.addresses[i];
    return NULL;
}

/* The route needs no look: its addresses are from the owner or the header. */
static enum match_result match(const struct match_input *in, const struct rule *rule,
                               struct buffer *found)
{
    struct pattern_search search = {.work = &in->budget->owner};
    const char *hit = find_owner(rule, in->message->owner, &search);
    search.work = &in->budget->header;
    if (hit == NULL)
        hit = find_in_header(rule, facts_get(in->facts, FACTS_EXEMPT), &search);
    match_add_text(found,
                   hit != NULL ? "the message involves " : "no address of the message is listed");
    if (hit != NULL)
        match_add_quoted(found, hit);
    match_add_limited(found, &search);
    return match_result(hit != NULL, false, &search);
}

static void describe(const struct rule *rule, struct buffer *wanted)
{
    match_add_patterns(wanted, rule->addresses);
}

const struct match match_exempt = {"addresses", NEEDS_MESSAGE, is_set, match, describe};
