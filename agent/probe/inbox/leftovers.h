/*
 * Verified test messages that lie in a mailbox until they are old enough to be deleted; and from
 * which UID the mailbox is to be looked through after a restart, so that none of them is forgotten.
 * Bounds: LEFTOVERS_MAX; what is beyond stays where it is until then.
 */
#ifndef AGENT_PROBE_INBOX_LEFTOVERS_H
#define AGENT_PROBE_INBOX_LEFTOVERS_H

#include <time.h>

#include "agent/probe/inbox/inbox.h"

#define LEFTOVERS_MAX 20000

struct leftover {
    uint32_t uid;
    time_t since; /* it grows old from then on, by our clock */
    bool asked;   /* to be deleted */
};
struct leftovers {
    uint32_t uidvalidity;
    struct leftover *entries;
    size_t count, room;
};

void leftovers_clear(struct leftovers *leftovers);
/* A UID that is there already is not added again; another UIDVALIDITY forgets all before it. */
void leftovers_add(struct leftovers *leftovers, uint32_t uidvalidity, uint32_t uid, time_t since);
/* From on_looked: those that were asked for are gone when the inbox is done with deleting. */
void leftovers_looked(struct leftovers *leftovers, const struct inbox *inbox);
/* Has those since `before` or earlier deleted. Where that is not possible, all are forgotten: they
 * stay where they are. */
void leftovers_delete(struct leftovers *leftovers, struct inbox *inbox, time_t before);
/* Since when the oldest is there that was not asked for, 0: there is none. */
time_t leftovers_oldest(const struct leftovers *leftovers);
/* All up to that UID needs no further look. */
uint32_t leftovers_place(const struct leftovers *leftovers, uint32_t seen_through);

#endif
