/* sample: a percentage of messages, chosen by a keyed hash (rules/sample.h). */
#include "rules/sample.h"
#include "rules/match/conditions.h"

static bool is_set(const struct rule *rule)
{
    return !(rule->sample >= 100);
}

static enum match_result match(const struct match_input *in, const struct rule *rule,
                               struct buffer *found)
{
    bool included = sample_includes(in->set->key, rule, facts_sample_digest(in->facts));
    match_add_text(found,
                   included ? "the message is in the sample" : "the message is not in the sample");
    return included ? MATCH_YES : MATCH_NO;
}

static void describe(const struct rule *rule, struct buffer *wanted)
{
    buffer_printf(wanted, "a sample of %g %%", rule->sample);
}

const struct match match_sample = {"sample", NEEDS_MESSAGE, is_set, match, describe};
