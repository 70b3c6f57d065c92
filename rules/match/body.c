/* body: the decoded text of the message's text parts, see body.h. */
#include "rules/mime/body.h"
#include "rules/match/conditions.h"

static bool asked(const struct rule *rule)
{
    return rule->body_patterns != NULL;
}

static enum match_result match(const struct match_input *in, const struct rule *rule,
                               struct buffer *found)
{
    const struct body_facts *body = in->message->body;
    if (body == NULL) {
        match_say(found, "the body has not been read");
        return MATCH_UNDECIDED;
    }
    struct pattern_search search = {0};
    const char *text = body->text != NULL ? body->text : "";
    bool hit = patterns_match(rule->body_patterns, PATTERN_ANY_KIND, text, body->text_len, &search);
    match_say(found, hit ? "the body's text has it (" : "the body's text does not have it (");
    match_number(found, body->text_len);
    match_say(found, body->limited ? " octets, only a part of it could be read)" : " octets)");
    match_limited(found, &search);
    return hit ? MATCH_YES : MATCH_NO;
}

static void describe(const struct rule *rule, struct buffer *wanted)
{
    match_patterns(wanted, rule->body);
}

const struct match match_body = {"body", NEEDS_BODY, asked, match, describe};
