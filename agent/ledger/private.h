/*
 * What the files of agent/ledger share.
 *
 * A function of ledger.h makes a job on the loop (ledger_submit()); its `run` does the work on the
 * ledger's thread, inside the batch's transaction; its `answer` calls back on the loop after the
 * commit, and `release` frees. run may be repeated after a rollback, so it keeps nothing in memory
 * but its own results, which it sets anew.
 */
#ifndef AGENT_LEDGER_PRIVATE_H
#define AGENT_LEDGER_PRIVATE_H

#include "agent/ledger/ledger.h"
#include "agent/ledger/store/store.h"
#include "agent/system/worker.h"

/* ---- jobs (job.c) ---- */

/* What the loop sees of a job; touched only there. */
struct ledger_request {
    struct worker_job job;
    bool cancelled; /* nobody waits for done any more */
};

struct ledger_job {
    struct ledger_request request;
    struct ledger *ledger;
    void (*run)(struct ledger *ledger, struct ledger_job *job);
    void (*answer)(struct ledger_job *job);  /* NULL: nobody asked */
    void (*release)(struct ledger_job *job); /* NULL: free() */
};
struct ledger_request *ledger_submit(struct ledger *ledger, struct ledger_job *job);

/* ---- flow control (flow.c) ---- */

/* Octets are handed to the thread; they are written, or given up. */
void ledger_in_flight_more(struct ledger *ledger, uint64_t octets);
void ledger_in_flight_less(struct ledger *ledger, uint64_t octets);

/* ---- copies (copy.c) ---- */

/* Begins a record of the chain with what is recorded of every copy. Returns the copy's message, or
 * 0 if there is no such copy or it is delivered already: then no record was begun. */
int64_t copy_record_begin(struct ledger *ledger, int64_t id, enum copy_state *state);
/* One copy fewer needs the message's original. */
void original_release(struct ledger *ledger, int64_t message);

/* ---- entries of the spool (entry.c) ---- */

struct spool_entry {
    struct ledger *ledger;
    unsigned char *data; /* what was not handed to the thread yet */
    size_t len, room;
    uint64_t size;
    bool is_big;
    struct spool_big big; /* the thread's */
};
void spool_entry_free(struct spool_entry *entry);

#endif
