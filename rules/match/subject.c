/* subject: the decoded text; a missing one counts as empty. */
#include <string.h>

#include "rules/match/conditions.h"

static bool is_set(const struct rule *rule)
{
    return rule->subject_patterns != NULL;
}

static const char *find(const struct patterns *patterns, const struct field_facts *subjects,
                        struct pattern_search *search)
{
    if (subjects->count == 0)
        return patterns_match(patterns, PATTERN_ANY_KIND, "", 0, search) ? "" : NULL;
    for (size_t i = 0; i < subjects->count; i++) {
        const char *text = subjects->texts[i];
        if (patterns_match(patterns, PATTERN_ANY_KIND, text, strlen(text), search))
            return text;
    }
    return NULL;
}

static enum match_result match(const struct match_input *in, const struct rule *rule,
                               struct buffer *found)
{
    const struct field_facts *subjects = facts_get(in->facts, FACTS_SUBJECT);
    struct pattern_search search = {.work = &in->budget->header};
    const char *hit = find(rule->subject_patterns, subjects, &search);
    if (subjects->count == 0) {
        match_add_text(found, "the message has no subject");
    } else {
        match_add_text(found, "the subject is ");
        match_add_quoted(found, hit != NULL ? hit : subjects->texts[0]);
    }
    match_add_limited(found, &search);
    if (hit == NULL && subjects->doubt)
        match_add_doubt(found, "the header is too large to be read whole");
    return match_result(hit != NULL, subjects->doubt, &search);
}

static void describe(const struct rule *rule, struct buffer *wanted)
{
    match_add_patterns(wanted, rule->subject);
}

const struct match match_subject = {"subject", NEEDS_MESSAGE, is_set, match, describe};
