/* sample: a part of the messages, chosen by a keyed hash (rules/sample.h). */
#include "rules/sample.h"
#include "rules/match/conditions.h"

static bool asked(const struct rule *rule)
{
    return !(rule->sample >= 100);
}

static enum match_result match(const struct match_input *in, const struct rule *rule,
                               struct buffer *found)
{
    bool taken = sample_takes(in->set->key, rule, facts_sample_digest(in->facts));
    match_say(found, taken ? "the message falls into the sample"
                           : "the message falls outside of the sample");
    return taken ? MATCH_YES : MATCH_NO;
}

static void describe(const struct rule *rule, struct buffer *wanted)
{
    buffer_printf(wanted, "%g %% of all", rule->sample);
}

const struct match match_sample = {"sample", NEEDS_MESSAGE, asked, match, describe};
