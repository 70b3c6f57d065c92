#include "agent/capture/spool_room.h"

#include <assert.h>
#include <stdlib.h>

#include "rules/util/memory.h"

struct spool_room {
    struct ledger *ledger;
    LIST_HEAD(, spool_waiter) waiters;
};

bool spool_waiter_is_paused(const struct spool_waiter *waiter)
{
    return waiter->session != NULL;
}

void spool_waiter_forget(struct spool_waiter *waiter)
{
    if (!spool_waiter_is_paused(waiter))
        return;
    LIST_REMOVE(waiter, entry);
    waiter->session = NULL;
}

void spool_waiter_resume(struct spool_waiter *waiter)
{
    struct imap_session *session = waiter->session;

    spool_waiter_forget(waiter);
    if (session != NULL)
        imap_session_resume(session);
}

static void on_room(void *arg)
{
    struct spool_room *room = arg;

    while (!LIST_EMPTY(&room->waiters))
        spool_waiter_resume(LIST_FIRST(&room->waiters));
}

struct spool_room *spool_room_new(struct ledger *ledger)
{
    struct spool_room *room = xcalloc(1, sizeof(*room));

    room->ledger = ledger;
    LIST_INIT(&room->waiters);
    ledger_on_room(ledger, on_room, room);
    return room;
}

void spool_room_free(struct spool_room *room)
{
    assert(room == NULL || LIST_EMPTY(&room->waiters));
    free(room);
}

void spool_room_pause_if_full(struct spool_room *room, struct spool_waiter *waiter,
                              struct imap_session *session)
{
    if (spool_waiter_is_paused(waiter) || !ledger_is_full(room->ledger))
        return;
    waiter->session = session;
    LIST_INSERT_HEAD(&room->waiters, waiter, entry);
    imap_session_pause(session);
}
