/*
 * attachment: "any", a glob for the name (for the type if it contains a "/"), or a /regex/ for the
 * name. What an attachment is, and which names it has: rules/mime/body.h. The header alone never
 * excludes one: there may be a file within plain text.
 */
#include <string.h>

#include "rules/match/conditions.h"
#include "rules/mime/body.h"

static bool is_set(const struct rule *rule)
{
    return rule->attachment_patterns != NULL;
}

/* What a condition took, or what is shown instead. */
struct hit {
    const struct attachment *attachment; /* NULL: none */
    const char *name;                    /* "": unnamed */
};

static const char *first_name(const struct attachment *attachment)
{
    return attachment->n_names > 0 ? attachment->names[0] : "";
}

/* A pattern for names takes any name; an attachment without one has none that it could take. */
static bool matches(const struct rule *rule, size_t number, const struct attachment *attachment,
                    struct pattern_search *search, struct hit *hit)
{
    const char *wanted = rule->attachment[number];
    *hit = (struct hit){attachment, first_name(attachment)};
    if (strcmp(wanted, "any") == 0)
        return true;
    if (*wanted != '/' && strchr(wanted, '/') != NULL)
        return patterns_match_one(rule->attachment_patterns, number, attachment->type,
                                  strlen(attachment->type), search);
    for (size_t i = 0; i < attachment->n_names; i++) {
        hit->name = attachment->names[i];
        if (patterns_match_one(rule->attachment_patterns, number, hit->name, strlen(hit->name),
                               search))
            return true;
    }
    return false;
}

static struct hit find(const struct rule *rule, const struct body_facts *body,
                       struct pattern_search *search)
{
    struct hit hit;
    for (size_t i = 0; i < body->count; i++)
        for (size_t number = 0; rule->attachment[number] != NULL; number++)
            if (matches(rule, number, &body->attachments[i], search, &hit))
                return hit;
    return (struct hit){NULL, NULL};
}

static void add_attachments(struct buffer *found, const struct body_facts *body, struct hit hit)
{
    if (body->count == 0) {
        match_add_text(found, "the message has no attachment");
        return;
    }
    if (hit.attachment == NULL)
        hit = (struct hit){body->attachments, first_name(body->attachments)};
    match_add_text(found, "the message has the attachment ");
    match_add_quoted(found, first_name(hit.attachment));
    if (strcmp(hit.name, first_name(hit.attachment)) != 0) {
        match_add_text(found, ", also read as ");
        match_add_quoted(found, hit.name);
        match_add_text(found, ",");
    }
    match_add_text(found, " of type ");
    match_add_quoted(found, hit.attachment->type);
    if (body->count > 1) {
        match_add_text(found, ", one of ");
        match_add_number(found, body->count);
    }
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
    struct hit hit = find(rule, body, &search);
    if (found != NULL)
        add_attachments(found, body, hit);
    match_add_limited(found, &search);
    bool doubt = (body->doubt & BODY_DOUBT_ATTACHMENTS) != 0;
    bool certain = hit.attachment != NULL && (body->doubt & BODY_DOUBT_READINGS) == 0;
    if (!certain && doubt)
        match_add_doubt(found, body->doubt_why);
    return match_result(certain, doubt, &search);
}

static void describe(const struct rule *rule, struct buffer *wanted)
{
    match_add_patterns(wanted, rule->attachment);
}

const struct match match_attachment = {"attachment", NEEDS_BODY, is_set, match, describe};
