/* subject: the decoded text; a missing one counts as empty. */
#include <string.h>

#include "rules/match/conditions.h"

static bool is_set(const struct rule *rule)
{
    return rule->subject_patterns != NULL;
}

/* The number of the reading that matches; count: none. A missing subject is one empty text. */
static size_t find(const struct patterns *patterns, const struct field_facts *subjects,
                   struct pattern_search *search, bool *hit)
{
    *hit = subjects->count == 0 && patterns_match(patterns, PATTERN_ANY_KIND, "", 0, search);
    for (size_t i = 0; i < subjects->count; i++) {
        const char *text = subjects->texts[i];
        *hit = patterns_match(patterns, PATTERN_ANY_KIND, text, strlen(text), search);
        if (*hit)
            return i;
    }
    return subjects->count;
}

static enum match_result match(const struct match_input *in, const struct rule *rule,
                               struct buffer *found)
{
    const struct field_facts *subjects = facts_get(in->facts, FACTS_SUBJECT);
    struct pattern_search search = {.work = &in->budget->header};
    bool hit;
    size_t number = find(rule->subject_patterns, subjects, &search, &hit);
    if (subjects->count == 0) {
        match_add_text(found, "the message has no subject");
    } else {
        match_add_text(found, "the subject is ");
        match_add_quoted(found, subjects->texts[number < subjects->count ? number : 0]);
        if (hit)
            match_add_how(found, subjects->hows[number]);
    }
    match_add_limited(found, &search);
    const struct header *header = in->message->header;
    bool unread = header->truncated || header->garbled;
    bool doubt = unread || subjects->text_doubt != NULL;
    if (!hit && doubt)
        match_add_doubt(found, unread ? match_unread_why(header) : subjects->text_doubt);
    return match_result(hit, doubt, &search);
}

static void describe(const struct rule *rule, struct buffer *wanted)
{
    match_add_patterns(wanted, rule->subject);
}

const struct match match_subject = {"subject", NEEDS_MESSAGE, is_set, match, describe};
