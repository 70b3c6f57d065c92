/* body: the decoded text of all text parts, see rules/mime/body.h. */
#include "rules/mime/body.h"
#include "rules/match/conditions.h"

static bool is_set(const struct rule *rule)
{
    return rule->body_patterns != NULL;
}

static enum match_result match(const struct match_input *in, const struct rule *rule,
                               struct buffer *found)
{
    const struct body_facts *body = in->message->body;
    if (body == NULL) {
        match_add_text(found, "the body has not been read");
        return MATCH_NEEDS_BODY;
    }
    struct pattern_search search = {.work = &in->budget->body};
    const struct reading *hit = NULL;
    for (size_t i = 0; i < body->text.count && hit == NULL; i++)
        if (patterns_match(rule->body_patterns, PATTERN_ANY_KIND, body->text.list[i].text,
                           body->text.list[i].len, &search))
            hit = &body->text.list[i];
    match_add_text(found,
                   hit != NULL ? "the body text matches " : "the body text does not match (");
    match_add_text(found, hit != NULL ? hit->how : "");
    match_add_text(found, hit != NULL ? " (" : "");
    match_add_number(found, body->text.count > 0 ? body->text.list[0].len : 0);
    match_add_text(found, " bytes)");
    match_add_limited(found, &search);
    bool doubt = (body->doubt & BODY_DOUBT_TEXT) != 0;
    bool certain = hit != NULL && (body->doubt & BODY_DOUBT_READINGS) == 0;
    if (!certain && doubt)
        match_add_doubt(found, body->text_doubt_why);
    return match_result(certain, doubt, &search);
}

static void describe(const struct rule *rule, struct buffer *wanted)
{
    match_add_patterns(wanted, rule->body);
}

const struct match match_body = {"body", NEEDS_BODY, is_set, match, describe};
