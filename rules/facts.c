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

static void gather_field(struct field_facts *facts, const struct header_field *field,
                         enum facts_group group)
{
    if (groups[group].addresses) {
        char *value = header_value(field, HEADER_MAX);
        address_list_parse(&facts->addresses, value, strlen(value));
        free(value);
    }
    if (groups[group].texts) {
        if (facts->count == facts->room) {
            facts->room = facts->room == 0 ? 4 : facts->room * 2;
            facts->texts = xreallocarray(facts->texts, facts->room, sizeof(*facts->texts));
        }
        facts->texts[facts->count++] = header_value_decoded(field, FACTS_TEXT_MAX);
    }
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
            gather_field(found, &facts->header->fields[i], group);
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
        for (size_t i = 0; i < found->count; i++)
            free(found->texts[i]);
        free(found->texts);
        address_list_clear(&found->addresses);
    }
    *facts = (struct facts){0};
}
