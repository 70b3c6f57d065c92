#include "rules/facts.h"

#include <assert.h>
#include <string.h>

#include "rules/sample.h"
#include "rules/util/memory.h"

static const char *const from_names[] = {"From", "Sender", NULL};
static const char *const to_names[] = {"To", "Cc", "Bcc", NULL};
static const char *const exempt_names[] = {
    "From",          "Sender",        "To",        "Cc",         "Bcc",          "Resent-From",
    "Resent-Sender", "Resent-To",     "Resent-Cc", "Resent-Bcc", "Delivered-To", "X-Original-To",
    "Envelope-To",   "X-Envelope-To", NULL};
static const char *const subject_names[] = {"Subject", NULL};

static const struct {
    const char *const *names;
    bool addresses, texts;
} groups[FACTS_GROUPS] = {
    [FACTS_FROM] = {from_names, true, true},
    [FACTS_TO] = {to_names, true, true},
    [FACTS_EXEMPT] = {exempt_names, true, false},
    [FACTS_SUBJECT] = {subject_names, false, true},
};

static bool is_one_of(const struct header_field *field, const char *const *names)
{
    for (; *names != NULL; names++)
        if (header_field_is(field, *names))
            return true;
    return false;
}

const struct readings *facts_field(struct facts *facts, size_t number)
{
    assert(number < facts->header->count);
    if (facts->fields == NULL)
        facts->fields = xcalloc(facts->header->count, sizeof(struct readings *));
    if (facts->fields[number] == NULL) {
        struct readings *readings = xmalloc(sizeof(*readings));
        *readings = header_readings(&facts->header->fields[number], &facts->charsets);
        facts->fields[number] = readings;
    }
    return facts->fields[number];
}

static void gather_texts(struct field_facts *group, const struct readings *readings)
{
    if (group->text_doubt == NULL)
        group->text_doubt = readings->doubt;
    for (size_t i = 0; i < readings->count; i++) {
        if (group->count == group->room) {
            group->room = group->room == 0 ? 4 : group->room * 2;
            group->texts = xreallocarray(group->texts, group->room, sizeof(*group->texts));
            group->hows = xreallocarray(group->hows, group->room, sizeof(*group->hows));
        }
        group->hows[group->count] = readings->list[i].how;
        group->texts[group->count++] = readings->list[i].text;
    }
}

static void gather_field(struct facts *facts, size_t number, enum facts_group group)
{
    struct field_facts *found = &facts->groups[group];
    if (groups[group].addresses) {
        char *value = header_value(&facts->header->fields[number], HEADER_MAX);
        address_list_parse(&found->addresses, value, strlen(value));
        free(value);
    }
    if (groups[group].texts)
        gather_texts(found, facts_field(facts, number));
}

const struct field_facts *facts_get(struct facts *facts, enum facts_group group)
{
    assert(group < FACTS_GROUPS && facts->header != NULL);
    struct field_facts *found = &facts->groups[group];
    if (found->gathered)
        return found;
    found->gathered = true;
    for (size_t i = 0; i < facts->header->count; i++)
        if (is_one_of(&facts->header->fields[i], groups[group].names))
            gather_field(facts, i, group);
    found->doubt = facts->header->truncated || found->addresses.skipped > 0;
    return found;
}

const unsigned char *facts_sample_digest(struct facts *facts)
{
    if (!facts->has_sample_digest)
        sample_digest(facts->header, facts->sample_digest);
    facts->has_sample_digest = true;
    return facts->sample_digest;
}

const struct date_readings *facts_dates(struct facts *facts, const struct message *message)
{
    if (!facts->has_dates)
        facts->dates = dates_read(message);
    facts->has_dates = true;
    return &facts->dates;
}

void facts_clear(struct facts *facts)
{
    for (size_t group = 0; group < FACTS_GROUPS; group++) {
        struct field_facts *found = &facts->groups[group];
        free(found->texts);
        free(found->hows);
        address_list_clear(&found->addresses);
    }
    for (size_t i = 0; facts->fields != NULL && i < facts->header->count; i++) {
        if (facts->fields[i] != NULL)
            readings_clear(facts->fields[i]);
        free(facts->fields[i]);
    }
    free(facts->fields);
    charset_cache_clear(&facts->charsets);
    *facts = (struct facts){0};
}
