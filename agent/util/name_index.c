#include "agent/util/name_index.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/suggest.h"
#include "rules/util/memory.h"

struct slot {
    char *name; /* NULL: empty */
    const void *value;
};

struct name_index {
    struct slot *slots;
    size_t count, room; /* room is a power of two, never more than half full */
};

enum { FIRST_ROOM = 16 };

struct name_index *name_index_new(void)
{
    struct name_index *index = xcalloc(1, sizeof(*index));

    index->room = FIRST_ROOM;
    index->slots = xcalloc(index->room, sizeof(*index->slots));
    return index;
}

void name_index_free(struct name_index *index)
{
    if (index == NULL)
        return;
    for (size_t i = 0; i < index->room; i++)
        free(index->slots[i].name);
    free(index->slots);
    free(index);
}

/* FNV-1a, 64 bit. */
static uint64_t hash(const char *name)
{
    uint64_t value = 14695981039346656037u;

    for (; *name != '\0'; name++)
        value = (value ^ (unsigned char)*name) * 1099511628211u;
    return value;
}

static struct slot *find(const struct name_index *index, const char *name)
{
    size_t i = (size_t)hash(name) & (index->room - 1);

    while (index->slots[i].name != NULL && strcmp(index->slots[i].name, name) != 0)
        i = (i + 1) & (index->room - 1);
    return &index->slots[i];
}

static void grow(struct name_index *index)
{
    struct name_index bigger = {.count = index->count, .room = index->room * 2};

    bigger.slots = xcalloc(bigger.room, sizeof(*bigger.slots));
    for (size_t i = 0; i < index->room; i++)
        if (index->slots[i].name != NULL)
            *find(&bigger, index->slots[i].name) = index->slots[i];
    free(index->slots);
    *index = bigger;
}

bool name_index_add(struct name_index *index, const char *name, const void *value)
{
    struct slot *slot = find(index, name);

    if (slot->name != NULL)
        return false;
    slot->name = xstrdup(name);
    slot->value = value;
    index->count++;
    if (index->count > index->room / 2)
        grow(index);
    return true;
}

const void *name_index_get(const struct name_index *index, const char *name)
{
    return find(index, name)->value;
}

const char *name_index_suggest(const struct name_index *index, const char *name)
{
    struct suggestion suggestion;

    suggest_begin(&suggestion, name);
    for (size_t i = 0; i < index->room; i++)
        if (index->slots[i].name != NULL)
            suggest_offer(&suggestion, index->slots[i].name);
    return suggestion.best;
}
