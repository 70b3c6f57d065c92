/*
 * Verified test messages that stay in a mailbox until they are old enough to be deleted, and the
 * UID from which the mailbox must be looked through after a restart so that none of them is
 * forgotten. Bounds: LEFTOVERS_MAX; any beyond that stay until there is room.
 */
#ifndef AGENT_PROBE_INBOX_LEFTOVERS_H
#define AGENT_PROBE_INBOX_LEFTOVERS_H

#include <time.h>

#include "agent/probe/inbox/inbox.h"

#define LEFTOVERS_MAX 20000

struct leftover {
    uint32_t uid;
    time_t since;   /* its age counts from then, by our clock */
    bool requested; /* its deletion was requested */
};
struct leftovers {
    uint32_t uidvalidity;
    struct leftover *entries;
    size_t count, room;
};

void leftovers_clear(struct leftovers *leftovers);
/* A known UID is not added again; a new UIDVALIDITY forgets all earlier ones. */
void leftovers_add(struct leftovers *leftovers, uint32_t uidvalidity, uint32_t uid, time_t since);
/* From on_looked: once the inbox has finished deleting, the requested ones are gone. */
void leftovers_looked(struct leftovers *leftovers, const struct inbox *inbox);
/* Requests deletion of those since `before` or earlier. Where that is impossible, all are
 * forgotten: they stay where they are. */
void leftovers_delete(struct leftovers *leftovers, struct inbox *inbox, time_t before);
/* `since` of the oldest that was not requested; 0: there is none. */
time_t leftovers_oldest(const struct leftovers *leftovers);
/* Everything up to that UID needs no further look. */
uint32_t leftovers_place(const struct leftovers *leftovers, uint32_t seen_through);

#endif
