#include "rules/time/zone.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "rules/time/zone_rule.h"
#include "rules/util/memory.h"

#define HEADER_LEN 44
#define TIME_BOUND ((int64_t)1 << 50)

struct change {
    int64_t time;
    int offset;
};

struct zone {
    int first_offset; /* before the first change */
    struct change *changes;
    size_t count;
    bool has_rule;
    struct zone_rule rule; /* applies after the last change */
};

/* The counts of a header, RFC 8536 section 3.1, in the order of the file. */
struct counts {
    uint32_t is_ut, is_std, leap, time, type, character;
};

static uint32_t read_32(const unsigned char *data)
{
    return (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
}

static int64_t read_64(const unsigned char *data)
{
    return (int64_t)((uint64_t)read_32(data) << 32 | read_32(data + 4));
}

/* The length of the data block that follows a header, or 0 if the header is missing or invalid. */
static size_t read_counts(const unsigned char *data, size_t len, size_t time_size,
                          struct counts *counts)
{
    if (len < HEADER_LEN || memcmp(data, "TZif", 4) != 0 || data[4] < '2')
        return 0;
    uint32_t *const fields[] = {&counts->is_ut, &counts->is_std, &counts->leap,
                                &counts->time,  &counts->type,   &counts->character};
    for (size_t i = 0; i < 6; i++) {
        *fields[i] = read_32(data + 20 + 4 * i);
        if (*fields[i] > ZONE_FILE_MAX)
            return 0;
    }
    size_t block = counts->time * (time_size + 1) + counts->type * (size_t)6 + counts->character +
                   counts->leap * (time_size + 4) + counts->is_std + counts->is_ut;
    return counts->type > 0 && block <= len - HEADER_LEN ? block : 0;
}

static bool read_changes(struct zone *zone, const unsigned char *block, const struct counts *counts)
{
    const unsigned char *types = block + counts->time * (size_t)8;
    const unsigned char *infos = types + counts->time;
    zone->first_offset = (int32_t)read_32(infos);
    zone->changes = xcalloc(counts->time, sizeof(*zone->changes));
    zone->count = counts->time;
    for (size_t i = 0; i < zone->count; i++) {
        if (types[i] >= counts->type)
            return false;
        zone->changes[i].time = read_64(block + i * 8);
        zone->changes[i].offset = (int32_t)read_32(infos + types[i] * (size_t)6);
        if (i > 0 && zone->changes[i].time <= zone->changes[i - 1].time)
            return false;
    }
    return true;
}

/* RFC 8536 section 3.3: a line feed, the rule (may be empty), a line feed. */
static bool read_footer(struct zone *zone, const unsigned char *footer, size_t len)
{
    if (len < 2 || footer[0] != '\n')
        return false;
    const unsigned char *end = memchr(footer + 1, '\n', len - 1);
    if (end == NULL)
        return false;
    size_t text_len = (size_t)(end - footer) - 1;
    zone->has_rule = text_len > 0;
    return !zone->has_rule || zone_rule_parse((const char *)footer + 1, text_len, &zone->rule);
}

static bool offsets_are_sane(const struct zone *zone)
{
    const int most = 26 * 3600; /* RFC 8536 section 3.2 */
    if (zone->first_offset > most || zone->first_offset < -most)
        return false;
    for (size_t i = 0; i < zone->count; i++)
        if (zone->changes[i].offset > most || zone->changes[i].offset < -most)
            return false;
    return true;
}

struct zone *zone_utc(void)
{
    return xcalloc(1, sizeof(struct zone));
}

struct zone *zone_parse(const unsigned char *data, size_t len)
{
    struct counts counts;
    size_t old = read_counts(data, len, 4, &counts);
    if (old == 0)
        return NULL;
    data += HEADER_LEN + old;
    len -= HEADER_LEN + old;
    size_t block = read_counts(data, len, 8, &counts);
    if (block == 0 || counts.leap > 0)
        return NULL;
    data += HEADER_LEN;
    len -= HEADER_LEN;

    struct zone *zone = xcalloc(1, sizeof(*zone));
    if (read_changes(zone, data, &counts) && read_footer(zone, data + block, len - block) &&
        offsets_are_sane(zone))
        return zone;
    zone_free(zone);
    return NULL;
}

void zone_free(struct zone *zone)
{
    if (zone == NULL)
        return;
    free(zone->changes);
    free(zone);
}

int zone_offset(const struct zone *zone, int64_t time)
{
    if (time > TIME_BOUND)
        time = TIME_BOUND;
    if (time < -TIME_BOUND)
        time = -TIME_BOUND;
    size_t low = 0, high = zone->count; /* changes below low are not after time */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (zone->changes[middle].time <= time)
            low = middle + 1;
        else
            high = middle;
    }
    assert(low == 0 || zone->changes[low - 1].time <= time);
    assert(low == zone->count || zone->changes[low].time > time);
    if (low == zone->count && zone->has_rule)
        return zone_rule_offset(&zone->rule, time);
    return low > 0 ? zone->changes[low - 1].offset : zone->first_offset;
}
