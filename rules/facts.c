#include "rules/facts.h"

#include <assert.h>
#include <string.h>

#include "rules/sample.h"
#include "rules/util/memory.h"

static const char *const from_names[] = {"From", "Sender", NULL};
static const char *const to_names[] = {"To",        "Cc",         "Bcc", "Resent-To",
                                       "Resent-Cc", "Resent-Bcc", NULL};
static const char *const subject_names[] = {"Subject", NULL};

static const struct {
    const char *const *names;
    bool addresses;
} groups[FACTS_GROUPS] = {
    [FACTS_FROM] = {from_names, true},
    [FACTS_TO] = {to_names, true},
    [FACTS_SUBJECT] = {subject_names, false},
};

static bool is_one_of(const struct header_field *field, const char *const *names)
{
    for (; *names != NULL; names++)
        if (header_field_is(field, *names))
            return true;
    return false;
}

/* Whether each unreadable element from that number on is kept, and words of printable ASCII that
 * are no address for any reader until somebody adds a domain. */
static bool are_names(const struct address_list *list, size_t from)
{
    if (list->n_unreadable == ADDRESS_UNREADABLE_MAX)
        return false;
    for (; from < list->n_unreadable; from++) {
        const char *text = list->unreadable[from];
        if (strlen(text) >= ADDRESS_WRITTEN_MAX)
            return false;
        for (; *text != '\0'; text++)
            if (*text < ' ' || *text > '~' || strchr("\"\\()<>[]:;@,%!=?", *text) != NULL)
                return false;
    }
    return true;
}

/* A name without an "@" beside an author is no other author for anybody; beside a recipient it is
 * one in the domain of whoever delivers. */
static void read_addresses(struct field_facts *found, const struct header_field *field,
                           enum facts_group group)
{
    struct address_list *list = &found->addresses;
    size_t count = list->count, skipped = list->skipped, names = list->names;
    size_t unreadable = list->n_unreadable;
    address_list_parse(list, field->value, field->value_len);
    if (list->skipped == skipped)
        return;
    bool only_names = list->skipped - skipped == list->names - names;
    bool someone = list->count > count || address_list_daemon(list, unreadable);
    if (group == FACTS_TO && only_names && are_names(list, unreadable))
        found->names = true;
    else
        found->doubt |= group != FACTS_FROM || !only_names || !someone;
}

const struct readings *facts_field(struct facts *facts, size_t number)
{
    size_t count;
    const struct header_field *fields = header_read(facts->header, &count);
    assert(number < count);
    if (facts->fields == NULL)
        facts->fields = xcalloc(count, sizeof(struct readings *));
    if (facts->fields[number] == NULL) {
        struct readings *readings = xmalloc(sizeof(*readings));
        *readings = header_readings(&fields[number], &facts->charsets);
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
    size_t count;
    const struct header_field *field = &header_read(facts->header, &count)[number];
    const struct readings *readings = facts_field(facts, number);
    struct field_facts *found = &facts->groups[group];
    gather_texts(found, readings);
    if (!groups[group].addresses)
        return;
    read_addresses(found, field, group);
    found->doubt |= readings->doubt != NULL;
    for (size_t i = 0; i < readings->count; i++)
        address_list_scan(&found->shown, readings->list[i].text, readings->list[i].len);
}

const struct field_facts *facts_get(struct facts *facts, enum facts_group group)
{
    assert(group < FACTS_GROUPS && facts->header != NULL);
    struct field_facts *found = &facts->groups[group];
    if (found->gathered)
        return found;
    found->gathered = true;
    size_t count;
    const struct header_field *fields = header_read(facts->header, &count);
    for (size_t i = 0; i < count; i++)
        if (is_one_of(&fields[i], groups[group].names))
            gather_field(facts, i, group);
    found->doubt |= facts->header->truncated || facts->header->garbled || found->shown.skipped > 0;
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
        address_list_clear(&found->shown);
    }
    size_t count = 0;
    if (facts->fields != NULL)
        header_read(facts->header, &count);
    for (size_t i = 0; i < count; i++) {
        if (facts->fields[i] != NULL)
            readings_clear(facts->fields[i]);
        free(facts->fields[i]);
    }
    free(facts->fields);
    charset_cache_clear(&facts->charsets);
    *facts = (struct facts){0};
}
