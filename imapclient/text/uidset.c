#include "imapclient/text/uidset.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "imapclient/util/memory.h"

#define RANGE_TEXT_MAX 22 /* "4294967295:4294967295" and a comma */

void imap_uidset_clear(struct imap_uidset *set)
{
    free(set->ranges);
    *set = (struct imap_uidset){0};
}

static void make_room(struct imap_uidset *set)
{
    assert(set->count <= set->room);
    if (set->count < set->room)
        return;
    set->room = set->room == 0 ? 4 : set->room * 2;
    set->ranges = xreallocarray(set->ranges, set->room, sizeof(*set->ranges));
}

bool imap_uidset_add(struct imap_uidset *set, uint32_t first, uint32_t last)
{
    if (first > last) {
        uint32_t swapped = first;
        first = last;
        last = swapped;
    }
    if (first == 0)
        return false;
    if (set->count > 0) {
        struct imap_uidrange *end = &set->ranges[set->count - 1];
        if (end->last != UINT32_MAX && end->last + 1 == first) {
            end->last = last;
            return true;
        }
    }
    if (set->count >= IMAP_UIDSET_MAX_RANGES)
        return false;
    make_room(set);
    set->ranges[set->count++] = (struct imap_uidrange){first, last};
    return true;
}

static int compare_ranges(const void *a, const void *b)
{
    const struct imap_uidrange *left = a, *right = b;
    return (left->first > right->first) - (left->first < right->first);
}

void imap_uidset_normalise(struct imap_uidset *set)
{
    if (set->count < 2)
        return;
    qsort(set->ranges, set->count, sizeof(*set->ranges), compare_ranges);
    size_t kept = 0;
    for (size_t i = 1; i < set->count; i++) {
        struct imap_uidrange *end = &set->ranges[kept];
        const struct imap_uidrange *next = &set->ranges[i];
        if (end->last == UINT32_MAX || next->first <= end->last + 1) {
            if (next->last > end->last)
                end->last = next->last;
        } else {
            set->ranges[++kept] = *next;
        }
    }
    set->count = kept + 1;
}

bool imap_uidset_contains(const struct imap_uidset *set, uint32_t uid)
{
    for (size_t i = 0; i < set->count; i++)
        if (uid >= set->ranges[i].first && uid <= set->ranges[i].last)
            return true;
    return false;
}

static uint64_t range_size(const struct imap_uidrange *range)
{
    return (uint64_t)range->last - range->first + 1;
}

uint64_t imap_uidset_size(const struct imap_uidset *set)
{
    uint64_t size = 0;
    for (size_t i = 0; i < set->count; i++)
        size += range_size(&set->ranges[i]);
    return size;
}

uint32_t imap_uidset_nth(const struct imap_uidset *set, uint64_t k)
{
    for (size_t i = 0; i < set->count; i++) {
        uint64_t size = range_size(&set->ranges[i]);
        if (k < size)
            return set->ranges[i].first + (uint32_t)k;
        k -= size;
    }
    return 0;
}

/* seq-number: nz-number or "*". false: neither. */
static bool parse_number(const char **at, const char *end, uint32_t *number_r)
{
    const char *text = *at;
    if (text < end && *text == '*') {
        *number_r = UINT32_MAX;
        *at = text + 1;
        return true;
    }
    uint64_t number = 0;
    for (; text < end && *text >= '0' && *text <= '9'; text++) {
        number = number * 10 + (uint64_t)(*text - '0');
        if (number == 0 || number > UINT32_MAX)
            return false;
    }
    if (text == *at)
        return false;
    *at = text;
    *number_r = (uint32_t)number;
    return true;
}

static bool parse_ranges(struct imap_uidset *set, const char *at, const char *end)
{
    for (;;) {
        uint32_t first, last;
        if (!parse_number(&at, end, &first))
            return false;
        last = first;
        if (at < end && *at == ':') {
            at++;
            if (!parse_number(&at, end, &last))
                return false;
        }
        if (!imap_uidset_add(set, first, last))
            return false;
        if (at == end)
            return true;
        if (*at++ != ',')
            return false;
    }
}

bool imap_uidset_parse(struct imap_uidset *set, const char *text, size_t len)
{
    imap_uidset_clear(set);
    if (parse_ranges(set, text, text + len))
        return true;
    imap_uidset_clear(set);
    return false;
}

static size_t print_number(char *out, size_t room, uint32_t number)
{
    if (number == UINT32_MAX)
        return (size_t)snprintf(out, room, "*");
    return (size_t)snprintf(out, room, "%" PRIu32, number);
}

static size_t print_range(char out[RANGE_TEXT_MAX], const struct imap_uidrange *range)
{
    size_t len = print_number(out, RANGE_TEXT_MAX, range->first);
    if (range->first == range->last)
        return len;
    out[len++] = ':';
    return len + print_number(out + len, RANGE_TEXT_MAX - len, range->last);
}

char *imap_uidset_text(const struct imap_uidset *set, size_t *range, size_t limit)
{
    if (*range >= set->count)
        return NULL;
    size_t room = 64, len = 0;
    char *text = xmalloc(room);
    for (; *range < set->count; ++*range) {
        char one[RANGE_TEXT_MAX];
        size_t one_len = print_range(one, &set->ranges[*range]);
        if (len > 0 && len + 1 + one_len > limit)
            break;
        if (len + RANGE_TEXT_MAX + 1 > room) {
            room *= 2;
            text = xrealloc(text, room);
        }
        if (len > 0)
            text[len++] = ',';
        memcpy(text + len, one, one_len);
        len += one_len;
    }
    text[len] = '\0';
    return text;
}
