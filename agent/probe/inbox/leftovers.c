#include "agent/probe/inbox/leftovers.h"

#include <stdlib.h>

#include "rules/util/memory.h"

void leftovers_clear(struct leftovers *leftovers)
{
    free(leftovers->entries);
    *leftovers = (struct leftovers){0};
}

static bool has(const struct leftovers *leftovers, uint32_t uid)
{
    for (size_t i = 0; i < leftovers->count; i++)
        if (leftovers->entries[i].uid == uid)
            return true;
    return false;
}

void leftovers_add(struct leftovers *leftovers, uint32_t uidvalidity, uint32_t uid, time_t since)
{
    if (leftovers->uidvalidity != uidvalidity)
        leftovers_clear(leftovers);
    leftovers->uidvalidity = uidvalidity;
    if (leftovers->count == LEFTOVERS_MAX)
        return;
    /* UIDs arrive in ascending order, except for a second look. */
    if (leftovers->count > 0 && leftovers->entries[leftovers->count - 1].uid >= uid &&
        has(leftovers, uid))
        return;
    if (leftovers->count == leftovers->room) {
        leftovers->room = leftovers->room > 0 ? 2 * leftovers->room : 16;
        leftovers->entries =
            xreallocarray(leftovers->entries, leftovers->room, sizeof(*leftovers->entries));
    }
    leftovers->entries[leftovers->count++] = (struct leftover){.uid = uid, .since = since};
}

void leftovers_looked(struct leftovers *leftovers, const struct inbox *inbox)
{
    size_t kept = 0;

    if (inbox_is_deleting(inbox))
        return;
    for (size_t i = 0; i < leftovers->count; i++)
        if (!leftovers->entries[i].requested)
            leftovers->entries[kept++] = leftovers->entries[i];
    leftovers->count = kept;
}

void leftovers_delete(struct leftovers *leftovers, struct inbox *inbox, time_t before)
{
    uint32_t *uids;
    size_t n = 0;

    if (!inbox_is_up(inbox) || leftovers->count == 0)
        return;
    if (!inbox_can_delete(inbox)) {
        leftovers_clear(leftovers);
        return;
    }
    uids = xcalloc(leftovers->count, sizeof(*uids));
    for (size_t i = 0; i < leftovers->count; i++) {
        struct leftover *leftover = &leftovers->entries[i];

        if (leftover->requested || leftover->since > before)
            continue;
        leftover->requested = true;
        uids[n++] = leftover->uid;
    }
    if (n > 0)
        inbox_delete(inbox, leftovers->uidvalidity, uids, n);
    free(uids);
}

time_t leftovers_oldest(const struct leftovers *leftovers)
{
    time_t oldest = 0;

    for (size_t i = 0; i < leftovers->count; i++) {
        const struct leftover *leftover = &leftovers->entries[i];

        if (!leftover->requested && (oldest == 0 || leftover->since < oldest))
            oldest = leftover->since;
    }
    return oldest;
}

uint32_t leftovers_place(const struct leftovers *leftovers, uint32_t seen_through)
{
    uint32_t place = seen_through;

    for (size_t i = 0; i < leftovers->count; i++)
        if (leftovers->entries[i].uid <= place)
            place = leftovers->entries[i].uid - 1;
    return place;
}
