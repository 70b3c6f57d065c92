/*
 * A batch: copies for one folder of a target. They are made from the spool, their intent is
 * committed, they are sent with APPEND (all in one command if MULTIAPPEND is offered), and the
 * server's reply is recorded.
 *
 * A batch is prepared (made, intent committed) while another is being sent, so that the server
 * never waits for our disk. It belongs to the delivery that made it.
 *
 * Refusals: a copy that is refused permanently (too large, malformed) is given up, kept and
 * reported; one that is refused for now is retried later. If a batch is refused as a whole, all its
 * copies are due again at once, and batch_end.singles says that they must be sent one by one.
 */
#ifndef AGENT_DELIVER_BATCH_H
#define AGENT_DELIVER_BATCH_H

#include "agent/deliver/find_copies.h"
#include "agent/deliver/target_folder.h"
#include "agent/session/context.h"

struct batch;

/* What a batch works with; outlives it. */
struct batch_place {
    struct context *context;
    const struct target *target;
    struct imap_session *session;
    struct target_folder *folder; /* the batch's folder is selected */
};

struct batch_end {
    bool sent;           /* false: it ended before batch_send(), with nothing left to send */
    size_t singles;      /* this many copies are to be sent one by one */
    const char *trouble; /* the last refusal, NULL: none */
};

struct batch_events {
    void (*ready)(void *arg); /* the intent is committed: batch_send() may be called */
    void (*ended)(void *arg, const struct batch_end *end); /* free it now */
};

/* Takes ownership of the n_copies copies; the first n of them are the batch. */
struct batch *batch_new(const struct batch_place *place, struct ledger_copy *copies, size_t n,
                        size_t n_copies, const struct batch_events *events, void *arg);
void batch_send(struct batch *batch);
/* The session has ended: copies that were sent keep their intent and are searched for later, the
 * others are due again. After that only batch_free() may be called. */
void batch_lost(struct batch *batch);
/* Drops what is under way and records nothing. */
void batch_free(struct batch *batch);

size_t batch_count(const struct batch *batch);
int64_t batch_copy(const struct batch *batch, size_t i);
bool batch_is_ready(const struct batch *batch);
/* The search that a batch makes if the server returned no UIDs, for the session's events; or NULL.
 */
struct find_copies *batch_search(const struct batch *batch);

/* A copy that was certainly not stored. final: it is given up; else it is due again, after a wait
 * that grows with its attempts. */
void batch_refuse(const struct batch_place *place, const struct ledger_copy *copy,
                  const char *reason, bool final);

#endif
