/* header: "X-Class: secret", the decoded value of any field of that name. */
#include <string.h>
#include <strings.h>

#include "rules/match/conditions.h"

static bool is_set(const struct rule *rule)
{
    return rule->header_patterns != NULL;
}

/* Decoding is done for each pattern anew, and takes about half a step an octet. */
static bool may_decode(const struct header_field *field, struct pattern_search *search)
{
    bool may = work_spend(search->work, 16 + field->value_len / 2);
    search->limited += !may;
    return may;
}

static bool match_field(const struct rule *rule, size_t number, const struct header_field *field,
                        struct pattern_search *search, struct buffer *found)
{
    if (!may_decode(field, search))
        return false;
    char *value = header_value_decoded(field, FACTS_TEXT_MAX);
    bool hit = patterns_match_one(rule->header_patterns, number, value, strlen(value), search);
    if (hit && found != NULL) {
        buffer_printf(found, "the field %.*s is ", (int)strcspn(rule->header[number], ": \t"),
                      rule->header[number]);
        match_add_quoted(found, value);
    }
    free(value);
    return hit;
}

static bool find(const struct rule *rule, const struct header *header,
                 struct pattern_search *search, struct buffer *found)
{
    for (size_t number = 0; rule->header[number] != NULL; number++) {
        const char *name = rule->header[number];
        size_t len = strcspn(name, ": \t");
        for (size_t i = 0; i < header->count; i++) {
            const struct header_field *field = &header->fields[i];
            if (field->name_len == len && strncasecmp(field->start, name, len) == 0 &&
                match_field(rule, number, field, search, found))
                return true;
        }
    }
    return false;
}

static enum match_result match(const struct match_input *in, const struct rule *rule,
                               struct buffer *found)
{
    struct pattern_search search = {.work = &in->budget->header};
    bool hit = find(rule, in->message->header, &search, found);
    if (!hit)
        match_add_text(found, "no such field matches");
    match_add_limited(found, &search);
    if (!hit && in->message->header->truncated)
        match_add_doubt(found, "the header is too large to be read whole");
    return match_result(hit, in->message->header->truncated, &search);
}

static void describe(const struct rule *rule, struct buffer *wanted)
{
    match_add_patterns(wanted, rule->header);
}

const struct match match_header = {"header", NEEDS_MESSAGE, is_set, match, describe};
