/*
 * Backpressure: while the spool is full, sessions that bring messages are not read from, so that a
 * slow disk slows the servers instead of filling memory.
 *
 * One spool_room for the process. A waiter belongs to its owner, who ends the pause before it frees
 * the waiter or the session.
 */
#ifndef AGENT_CAPTURE_SPOOL_ROOM_H
#define AGENT_CAPTURE_SPOOL_ROOM_H

#include <stdbool.h>
#include <sys/queue.h>

#include "agent/ledger/ledger.h"
#include "imapclient/session.h"

struct spool_room;

struct spool_waiter {
    struct imap_session *session; /* the paused one, NULL: none */
    LIST_ENTRY(spool_waiter) entry;
};

struct spool_room *spool_room_new(struct ledger *ledger);
void spool_room_free(struct spool_room *room); /* after the last waiter's pause has ended */

/* Pauses the session if the spool is full; it is resumed when there is room again. */
void spool_room_pause_if_full(struct spool_room *room, struct spool_waiter *waiter,
                              struct imap_session *session);
bool spool_waiter_is_paused(const struct spool_waiter *waiter);
/* Resumes the session at once, if it is paused. */
void spool_waiter_resume(struct spool_waiter *waiter);
/* The same without touching the session, which may be gone. */
void spool_waiter_forget(struct spool_waiter *waiter);

#endif
