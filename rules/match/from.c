/* from: the addresses in From and Sender; a /regex/ also searches the whole text of these fields.
 */
#include "rules/match/conditions.h"

static bool is_set(const struct rule *rule)
{
    return rule->from_patterns != NULL;
}

static enum match_result match(const struct match_input *in, const struct rule *rule,
                               struct buffer *found)
{
    const struct field_facts *from = facts_get(in->facts, FACTS_FROM);
    struct pattern_search search = {.work = &in->budget->header};
    const char *hit = match_fields(rule->from_patterns, from, &search);
    match_add_text(found, "the message is from ");
    match_add_addresses(found, hit, from);
    match_add_limited(found, &search);
    if (hit == NULL && from->doubt)
        match_add_doubt(found, "not every address could be read");
    return match_result(hit != NULL, from->doubt, &search);
}

static void describe(const struct rule *rule, struct buffer *wanted)
{
    match_add_patterns(wanted, rule->from);
}

const struct match match_from = {"from", NEEDS_MESSAGE, is_set, match, describe};
