/* header: "X-Class: secret", the decoded value of any field of that name. */
#include <string.h>
#include <strings.h>

#include "rules/match/conditions.h"

static bool is_set(const struct rule *rule)
{
    return rule->header_patterns != NULL;
}

struct search {
    struct pattern_search patterns;
    const char *doubt;
};

static bool match_field(const struct rule *rule, size_t number, const struct readings *readings,
                        struct search *search, struct buffer *found)
{
    bool hit = false;
    for (size_t i = 0; i < readings->count && !hit; i++) {
        const struct reading *reading = &readings->list[i];
        hit = patterns_match_one(rule->header_patterns, number, reading->text, reading->len,
                                 &search->patterns);
        if (hit && found != NULL) {
            buffer_printf(found, "the field %.*s is ", (int)strcspn(rule->header[number], ": \t"),
                          rule->header[number]);
            match_add_quoted(found, reading->text);
            match_add_how(found, reading->how);
        }
    }
    if (search->doubt == NULL)
        search->doubt = readings->doubt;
    return hit;
}

static bool find(const struct rule *rule, struct facts *facts, struct search *search,
                 struct buffer *found)
{
    size_t count;
    const struct header_field *fields = header_read(facts->header, &count);
    for (size_t number = 0; rule->header[number] != NULL; number++) {
        const char *name = rule->header[number];
        size_t len = strcspn(name, ": \t");
        for (size_t i = 0; i < count; i++) {
            const struct header_field *field = &fields[i];
            if (field->name_len == len && strncasecmp(field->start, name, len) == 0 &&
                match_field(rule, number, facts_field(facts, i), search, found))
                return true;
        }
    }
    return false;
}

static enum match_result match(const struct match_input *in, const struct rule *rule,
                               struct buffer *found)
{
    struct search search = {.patterns = {.work = &in->budget->header}};
    bool hit = find(rule, in->facts, &search, found);
    if (!hit)
        match_add_text(found, "no such field matches");
    match_add_limited(found, &search.patterns);
    if (in->message->header->truncated || in->message->header->garbled)
        search.doubt = match_unread_why(in->message->header);
    if (!hit && search.doubt != NULL)
        match_add_doubt(found, search.doubt);
    return match_result(hit, search.doubt != NULL, &search.patterns);
}

static void describe(const struct rule *rule, struct buffer *wanted)
{
    match_add_patterns(wanted, rule->header);
}

const struct match match_header = {"header", NEEDS_MESSAGE, is_set, match, describe};
