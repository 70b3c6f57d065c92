/*
 * attachment: "any", a glob for the name (for the type if it contains a "/"), or a /regex/ for the
 * name.
 */
#include <string.h>
#include <strings.h>

#include "rules/match/conditions.h"
#include "rules/mime/body.h"

static bool is_set(const struct rule *rule)
{
    return rule->attachment_patterns != NULL;
}

static bool matches(const struct rule *rule, size_t number, const struct attachment *attachment,
                    struct pattern_search *search)
{
    const char *wanted = rule->attachment[number];
    if (strcmp(wanted, "any") == 0)
        return true;
    bool by_type = *wanted != '/' && strchr(wanted, '/') != NULL;
    const char *text = by_type ? attachment->type : attachment->name;
    return patterns_match_one(rule->attachment_patterns, number, text, strlen(text), search);
}

static const struct attachment *find(const struct rule *rule, const struct body_facts *body,
                                     struct pattern_search *search)
{
    for (size_t i = 0; i < body->count; i++)
        for (size_t number = 0; rule->attachment[number] != NULL; number++)
            if (matches(rule, number, &body->attachments[i], search))
                return &body->attachments[i];
    return NULL;
}

static void add_attachments(struct buffer *found, const struct body_facts *body,
                            const struct attachment *hit)
{
    const struct attachment *shown = hit != NULL ? hit : body->attachments;
    if (body->count == 0) {
        match_add_text(found, "the message has no attachment");
    } else {
        match_add_text(found, "the message has the attachment ");
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): count > 0, so there is an array */
        match_add_quoted(found, shown->name);
        match_add_text(found, " of type ");
        match_add_quoted(found, shown->type);
        if (body->count > 1) {
            match_add_text(found, ", one of ");
            match_add_number(found, body->count);
        }
    }
}

static bool is_type(const char *value, const char *type)
{
    size_t len = strlen(type);
    return strncasecmp(value, type, len) == 0 && strchr("; ", value[len]) != NULL;
}

/*
 * Whether the header alone proves that the message is a single unnamed text. In any unusual case
 * the answer is no, and the body is read.
 */
static bool is_plain_text(const struct header *header)
{
    if (header->truncated || header_find(header, "Content-Disposition", 0) != NULL)
        return false;
    const struct header_field *type = header_find(header, "Content-Type", 0);
    if (type == NULL || header_find(header, "Content-Type", 1) != NULL)
        return false;
    char *value = header_value(type, HEADER_MAX);
    bool plain = (is_type(value, "text/plain") || is_type(value, "text/html")) &&
                 strcasestr(value, "name") == NULL && strpbrk(value, "()\\") == NULL;
    free(value);
    return plain;
}

static enum match_result match(const struct match_input *in, const struct rule *rule,
                               struct buffer *found)
{
    const struct body_facts *body = in->message->body;
    if (body == NULL && is_plain_text(in->message->header)) {
        match_add_text(found, "the message is a single text without attachments");
        return MATCH_NO;
    }
    if (body == NULL) {
        match_add_text(found, "the body has not been read");
        return MATCH_NEEDS_BODY;
    }
    struct pattern_search search = {0};
    const struct attachment *hit = find(rule, body, &search);
    if (found != NULL)
        add_attachments(found, body, hit);
    match_add_limited(found, &search);
    bool doubt = (body->doubt & BODY_DOUBT_ATTACHMENTS) != 0;
    if (hit == NULL && doubt)
        match_add_doubt(found, body->doubt_why);
    return match_result(hit != NULL, doubt, &search);
}

static void describe(const struct rule *rule, struct buffer *wanted)
{
    match_add_patterns(wanted, rule->attachment);
}

const struct match match_attachment = {"attachment", NEEDS_BODY, is_set, match, describe};
