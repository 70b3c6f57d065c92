/*
 * encrypted: true asks for messages of which a part is encrypted, or says so. What is only claimed
 * may make a message wanted, never unwanted; so nothing asks for messages that are not encrypted.
 */
#include "rules/match/conditions.h"
#include "rules/mime/body.h"

static bool is_set(const struct rule *rule)
{
    return rule->encrypted;
}

static enum match_result match(const struct match_input *in, const struct rule *rule,
                               struct buffer *found)
{
    (void)rule;
    struct pattern_search none = {0};
    const struct body_facts *body = in->message->body;
    if (body == NULL && (in->route->warnings & WARNING_ENCRYPTED) == 0) {
        match_add_text(found, "the body has not been read");
        return MATCH_NEEDS_BODY;
    }
    bool hit = body == NULL || body->encrypted;
    bool doubt = body != NULL && (body->doubt & BODY_DOUBT_ATTACHMENTS) != 0;
    match_add_text(found, hit ? "the message is encrypted" : "no part of it is encrypted");
    if (!hit && doubt)
        match_add_doubt(found, body->doubt_why);
    return match_result(hit, doubt, &none);
}

static void describe(const struct rule *rule, struct buffer *wanted)
{
    (void)rule;
    match_add_text(wanted, "an encrypted part");
}

const struct match match_encrypted = {"encrypted", NEEDS_BODY, is_set, match, describe};
