/*
 * What batch.c (its life until it is sent), batch_send.c (APPEND, its replies, refusals) and
 * batch_state.c share.
 *
 *   state        waits for                                  may be followed by
 *   MAKING       the spool: the copies                      INTENDING, OVER (none can be made)
 *   INTENDING    the commit of the intent                   READY, OVER (session lost)
 *   READY        batch_send()                               APPENDING, OVER (session lost)
 *   APPENDING    the replies to APPEND                      IDENTIFYING, OVER
 *   IDENTIFYING  the search for the UIDs of the copies      OVER
 *   OVER         batch_free()
 */
#ifndef AGENT_DELIVER_BATCH_PRIVATE_H
#define AGENT_DELIVER_BATCH_PRIVATE_H

#include <sys/queue.h>

#include "agent/deliver/batch.h"
#include "agent/deliver/outgoing.h"

enum batch_state { MAKING, INTENDING, READY, APPENDING, IDENTIFYING, OVER };

/* One APPEND command: outgoing[first] and so on. */
struct sending {
    struct batch *batch;
    size_t first, count;
    bool simplest;     /* as refusal.h has it; count is 1 */
    bool line_added;   /* to the copy, for the simplest form */
    bool unidentified; /* stored, but the server returned no UIDs */
    STAILQ_ENTRY(sending) entry;
};
STAILQ_HEAD(sending_list, sending);

struct batch {
    struct batch_place *place;
    struct batch_events events;
    void *arg;
    enum batch_state state;
    struct ledger_copy *copies;
    size_t n_copies;
    struct outgoing **outgoing;
    size_t n_outgoing, n_ready;
    struct ledger_request *intending; /* INTENDING */

    /* APPENDING */
    struct sending_list waiting; /* not sent, and surely not stored */
    struct sending_list sent;    /* on their way, or done with */
    size_t in_flight;            /* of sent: without their reply */
    struct sending *simplifying; /* being made in the simplest form */
    struct ledger_request *simplest_intent;
    const char *flags;
    unsigned refused_in_row; /* single copies */
    bool broken;             /* the session ends */

    struct find_copies *search;
    struct batch_end end;
    char *trouble;
};

/* batch_state.c */
void batch_set_state(struct batch *batch, enum batch_state state);
/* The last thing that a function does: the callee frees the batch. */
void batch_finish(struct batch *batch);
/* Surely not stored, and not because of the copies: due again at that time. */
void batch_put_back(struct batch *batch, size_t first, size_t count, const char *reason,
                    time_t retry_at);
/* The server refused that copy: given up, or due again when its attempts and `pause` say. */
void batch_refuse(struct batch *batch, const struct ledger_copy *copy, const char *reason,
                  unsigned pause, bool final);
/* The original cannot be read: given up if it is damaged, else due again. No answer of a server. */
void batch_unreadable(struct batch *batch, const struct outgoing *outgoing);

/* batch_send.c */
/* A copy is ready, or not (why), in the simplest form. */
void batch_simplified(struct batch *batch, const char *why);
/* batch_lost() for APPENDING. */
void batch_send_lost(struct batch *batch);
void batch_send_clear(struct batch *batch);

#endif
