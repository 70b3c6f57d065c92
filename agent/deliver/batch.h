/*
 * A batch: copies for one folder of a target. They are made from the spool, their intent is
 * committed, they are sent with APPEND (all in one command if MULTIAPPEND is offered), and the
 * server's reply is recorded.
 *
 * A batch is prepared (made, intent committed) while another is being sent, so that the server
 * never waits for our disk. It belongs to the delivery that made it.
 *
 * Refusals (refusal.h): a batch that is refused as a whole is halved until the refused copies are
 * found; a copy that is refused perhaps for how it was sent is sent again at once in the simplest
 * form. What is final is given up, kept and reported; all else is due again after a wait that grows
 * with its attempts to an hour. Where copy after copy is refused, or the server asks for time, the
 * rest of the batch is put off unsent.
 */
#ifndef AGENT_DELIVER_BATCH_H
#define AGENT_DELIVER_BATCH_H

#include "agent/deliver/find_copies.h"
#include "agent/deliver/suspects.h"
#include "agent/deliver/target_folder.h"
#include "agent/session/context.h"

struct batch;

/* What a batch works with; outlives it. */
struct batch_place {
    struct context *context;
    const struct target *target;
    struct imap_session *session;
    struct target_folder *folder; /* the batch's folder is selected */
    struct suspects suspects;
};

struct batch_end {
    bool sent;           /* false: it ended before batch_send(), with nothing left to send */
    bool stored;         /* at least one copy */
    bool flooded;        /* the server sends without end: end the session */
    unsigned pause;      /* seconds that the server asks to be left alone, 0: none */
    const char *trouble; /* the last refusal, NULL: none */
};

struct batch_events {
    void (*ready)(void *arg); /* the intent is committed: batch_send() may be called */
    void (*ended)(void *arg, const struct batch_end *end); /* free it now */
};

/* Takes ownership of the n_copies copies; the first n of them are the batch. */
struct batch *batch_new(struct batch_place *place, struct ledger_copy *copies, size_t n,
                        size_t n_copies, const struct batch_events *events, void *arg);
void batch_send(struct batch *batch);
/* The session has ended: copies that were sent keep their intent and are searched for later, the
 * others are due again. After that only batch_free() may be called. */
void batch_lost(struct batch *batch);
/* Before batch_send(): it is not to be sent now; its copies are due again. Likewise. */
void batch_put_off(struct batch *batch, const char *reason);
/* Drops what is under way and records nothing. */
void batch_free(struct batch *batch);

size_t batch_count(const struct batch *batch);
int64_t batch_copy(const struct batch *batch, size_t i);
bool batch_is_ready(const struct batch *batch);
/* The search that a batch makes if the server returned no UIDs, for the session's events; or NULL.
 */
struct find_copies *batch_search(const struct batch *batch);

#endif
