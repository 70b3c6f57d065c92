#include "rules/match/match.h"

#include <string.h>

#include "rules/text/charset.h"
#include "rules/time/calendar.h"

#define QUOTE_MAX 60
#define SHOWN_MAX 5

struct match_budget match_budget(void)
{
    return (struct match_budget){.owner.max = MATCH_WORK_OWNER,
                                 .header.max = MATCH_WORK_HEADER,
                                 .body.max = MATCH_WORK_BODY};
}

void match_add_text(struct buffer *buffer, const char *text)
{
    if (buffer != NULL)
        buffer_text(buffer, text);
}

/* C0 and C1 controls, line and paragraph separators, bidirectional marks. */
static bool is_unprintable(const char *character, size_t len)
{
    const unsigned char *c = (const unsigned char *)character;
    if (len == 1)
        return c[0] < ' ' || c[0] == 0x7f;
    if (len == 2)
        return (c[0] == 0xC2 && c[1] < 0xA0) || (c[0] == 0xD8 && c[1] == 0x9C);
    if (len != 3 || c[0] != 0xE2)
        return false;
    if (c[1] == 0x80)
        return c[2] == 0x8E || c[2] == 0x8F || (c[2] >= 0xA8 && c[2] <= 0xAE);
    return c[1] == 0x81 && c[2] >= 0xA6 && c[2] <= 0xA9;
}

void match_add_quoted(struct buffer *buffer, const char *text)
{
    if (buffer == NULL)
        return;
    size_t len = strlen(text), shown = 0;
    buffer_char(buffer, '"');
    while (shown < len && shown < QUOTE_MAX) {
        size_t octets = utf8_length(text + shown, len - shown);
        if (octets == 0 || is_unprintable(text + shown, octets))
            buffer_char(buffer, '?');
        else
            buffer_add(buffer, text + shown, octets);
        shown += octets > 0 ? octets : 1;
    }
    buffer_text(buffer, shown < len ? "...\"" : "\"");
}

void match_add_number(struct buffer *buffer, uint64_t number)
{
    if (buffer == NULL)
        return;
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)number);
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            buffer_char(buffer, ',');
        buffer_char(buffer, digits[i]);
    }
}

static void list(struct buffer *buffer, char *const *texts, size_t count, const char *last)
{
    size_t shown = count > SHOWN_MAX + 1 ? SHOWN_MAX : count;
    for (size_t i = 0; i < shown; i++) {
        if (i > 0)
            buffer_text(buffer, i + 1 == count ? last : ", ");
        match_add_quoted(buffer, texts[i]);
    }
    if (shown < count)
        buffer_printf(buffer, "%s%zu more", last, count - shown);
}

static void add_texts(struct buffer *buffer, char *const *texts, size_t count)
{
    if (buffer != NULL)
        list(buffer, texts, count, " and ");
}

void match_add_patterns(struct buffer *buffer, char *const *texts)
{
    size_t count = 0;
    while (texts[count] != NULL)
        count++;
    if (buffer != NULL)
        list(buffer, texts, count, " or ");
}

const char *match_fields(const struct patterns *patterns, const struct field_facts *fields,
                         struct pattern_search *search)
{
    for (size_t i = 0; i < fields->addresses.count; i++) {
        const char *address = fields->addresses.addresses[i];
        if (patterns_match(patterns, PATTERN_ANY_KIND, address, strlen(address), search))
            return address;
    }
    for (size_t i = 0; i < fields->shown.count; i++) {
        const char *address = fields->shown.addresses[i];
        if (!address_list_has(&fields->addresses, address) &&
            patterns_match(patterns, PATTERN_ANY_KIND, address, strlen(address), search))
            return address;
    }
    for (size_t i = 0; i < fields->count; i++)
        if (patterns_match(patterns, PATTERN_REGEX, fields->texts[i], strlen(fields->texts[i]),
                           search))
            return fields->texts[i];
    return NULL;
}

/* Which reading the match is, if it is not an address as it is read here. */
static void add_reading(struct buffer *buffer, const char *hit, const struct field_facts *fields)
{
    for (size_t i = 0; i < fields->shown.count; i++)
        if (fields->shown.addresses[i] == hit)
            match_add_text(buffer, " (as a program may show or read it)");
    for (size_t i = 0; i < fields->count; i++)
        if (fields->texts[i] == hit)
            match_add_text(buffer, " (the text of the field)");
}

void match_add_addresses(struct buffer *buffer, const char *hit, const struct field_facts *fields)
{
    if (buffer == NULL)
        return;
    const struct address_list *read = &fields->addresses;
    if (hit != NULL) {
        match_add_quoted(buffer, hit);
        add_reading(buffer, hit, fields);
        return;
    }
    if (read->count > 0)
        add_texts(buffer, read->addresses, read->count);
    else
        match_add_text(buffer, "no readable address");
    if (read->n_unreadable > 0) {
        match_add_text(buffer, ", unreadable: ");
        add_texts(buffer, read->unreadable, read->n_unreadable);
    }
}

enum match_result match_result(bool matched, bool doubt, const struct pattern_search *search)
{
    if (matched)
        return MATCH_YES;
    return doubt || search->limited > 0 ? MATCH_UNDECIDED : MATCH_NO;
}

void match_add_doubt(struct buffer *buffer, const char *why)
{
    if (buffer == NULL || why == NULL)
        return;
    buffer_text(buffer, " (undecided: ");
    buffer_text(buffer, why);
    buffer_char(buffer, ')');
}

const char *match_unread_why(const struct header *header)
{
    if (header->truncated)
        return "the header is too large to be read whole";
    if (header->garbled)
        return "a field has control characters in its name";
    return "not every address could be read";
}

void match_add_limited(struct buffer *buffer, const struct pattern_search *search)
{
    if (search->limited > 0)
        match_add_doubt(buffer, "the patterns would cost too much");
}

void match_add_how(struct buffer *buffer, const char *how)
{
    if (buffer != NULL && strcmp(how, "as written") != 0)
        buffer_printf(buffer, " (%s)", how);
}

void match_add_time(struct buffer *buffer, time_t time)
{
    struct calendar clock = calendar_split(time);
    if (buffer != NULL)
        buffer_printf(buffer, "%04lld-%02d-%02d %02d:%02d UTC", (long long)clock.year, clock.month,
                      clock.day, clock.hour, clock.minute);
}
