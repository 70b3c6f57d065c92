/* users, not_users: the owner, by account name, address or alias. */
#include <string.h>

#include "rules/match/conditions.h"

static bool matches_owner(const struct patterns *patterns, const struct owner *owner,
                          struct pattern_search *search)
{
    if (patterns_match(patterns, PATTERN_ANY_KIND, owner->account, strlen(owner->account), search))
        return true;
    if (patterns_match(patterns, PATTERN_ANY_KIND, owner->address, strlen(owner->address), search))
        return true;
    for (const char *const *alias = owner->aliases; alias != NULL && *alias != NULL; alias++)
        if (patterns_match(patterns, PATTERN_ANY_KIND, *alias, strlen(*alias), search))
            return true;
    return false;
}

static enum match_result find(const struct match_input *in, const struct patterns *patterns,
                              struct buffer *found)
{
    struct pattern_search search = {.work = &in->budget->owner};
    bool matched = matches_owner(patterns, in->message->owner, &search);
    match_add_text(found, "the owner is ");
    match_add_quoted(found, in->message->owner->account);
    match_add_limited(found, &search);
    return match_result(matched, false, &search);
}

static bool users_is_set(const struct rule *rule)
{
    return rule->users_patterns != NULL;
}

static enum match_result users_match(const struct match_input *in, const struct rule *rule,
                                     struct buffer *found)
{
    return find(in, rule->users_patterns, found);
}

static void users_describe(const struct rule *rule, struct buffer *wanted)
{
    match_add_patterns(wanted, rule->users);
}

static bool not_users_is_set(const struct rule *rule)
{
    return rule->not_users_patterns != NULL;
}

static enum match_result not_users_match(const struct match_input *in, const struct rule *rule,
                                         struct buffer *found)
{
    enum match_result listed = find(in, rule->not_users_patterns, found);
    if (listed == MATCH_UNDECIDED)
        return listed;
    return listed == MATCH_YES ? MATCH_NO : MATCH_YES;
}

static void not_users_describe(const struct rule *rule, struct buffer *wanted)
{
    match_add_text(wanted, "anyone but ");
    match_add_patterns(wanted, rule->not_users);
}

const struct match match_users = {"users", NEEDS_OWNER, users_is_set, users_match, users_describe};
const struct match match_not_users = {"not_users", NEEDS_OWNER, not_users_is_set, not_users_match,
                                      not_users_describe};
