/*
 * What the files of this room share: one delivery and the states it goes through.
 *
 * Two batches may be under way: one is being sent while the next one is prepared, so that the
 * server never waits for our disk. The state says what the *next* batch waits for; `sending` is the
 * batch on its way to the server, and the last column says in which states there is one.
 *
 *   state       waits for                                 may be followed by         sending
 *   IDLE        deliver_wake(), or the next due copy      ASKING, STOPPED,           no
 *                                                         DOWN (lost when woken)
 *   CONNECTING  the link, then the server's namespace     IDLE, DOWN, STOPPED        no
 *   DOWN        the next attempt of the link              CONNECTING, STOPPED        no
 *   ASKING      the ledger: which copies are due?         IDLE or SENDING (none),    maybe
 *                                                         CONNECTING (no session),
 *                                                         HOLDING, SELECTING,
 *                                                         RESOLVING, DOWN
 *   HOLDING     the end of the batch being sent: what is  SELECTING, RESOLVING,      yes
 *               due has an intent or another folder       SENDING (stop), DOWN,
 *                                                         IDLE (quiet)
 *   SELECTING   SELECT or CREATE of the folder; nothing   PREPARING, DOWN,           maybe
 *               if the batch being sent has the same one  ASKING (refused),
 *                                                         IDLE (refused, stop)
 *   PREPARING   the spool, then the commit of the intent  PREPARED, SENDING, DOWN,   maybe
 *                                                         ASKING (nothing left),
 *                                                         IDLE (nothing left: stop,
 *                                                         quiet)
 *   PREPARED    the end of the batch being sent           SENDING, DOWN,             yes
 *                                                         IDLE (quiet)
 *   SENDING     the end of the batch being sent, or       ASKING, IDLE (stop), DOWN  yes
 *               deliver_wake()
 *   RESOLVING   the search for copies with an intent      ASKING, IDLE (stop), DOWN  no
 *   STOPPED     deliver_free()                                                       no
 *
 * Every state but IDLE, DOWN and STOPPED ends in a callback; nothing polls. After
 * deliver_stop(), copies that are being prepared or sent are dealt with, a search is broken off,
 * and nothing new begins.
 *
 * Where the search for copies with an intent is refused in every way, they wait, with a pause that
 * grows, and the others go on.
 */
#ifndef AGENT_DELIVER_PRIVATE_H
#define AGENT_DELIVER_PRIVATE_H

#include "agent/deliver/batch.h"
#include "agent/deliver/deliver.h"
#include "agent/deliver/folder_troubles.h"
#include "agent/deliver/resolve_intents.h"
#include "agent/session/persistent_link.h"
#include "agent/util/backoff.h"

enum deliver_step {
    STEP_IDLE,
    STEP_CONNECTING,
    STEP_DOWN,
    STEP_ASKING,
    STEP_HOLDING,
    STEP_SELECTING,
    STEP_PREPARING,
    STEP_PREPARED,
    STEP_SENDING,
    STEP_RESOLVING,
    STEP_STOPPED,
};

struct deliver {
    enum deliver_step step;
    enum deliver_state shown; /* step, as far as it matters to people */
    time_t since;             /* of shown */
    char *trouble;
    time_t trouble_since;
    bool overdue;             /* as last logged */
    struct batch_place place; /* session: logged in and its namespace known; else NULL */
    struct persistent_link *link;
    time_t lost_at; /* an APPEND may have been cut off: the server gets time before a search */

    struct event *work;         /* runs the state machine from the event loop */
    struct event *due;          /* IDLE: the next copy is due */
    struct event *session_idle; /* IDLE: ends a session that has nothing to send */
    struct folder_troubles folders;
    char *folder;        /* SELECTING: that one, as the target's pattern makes it */
    struct event *doubt; /* pending while copies with an intent cannot be searched for */
    struct backoff doubt_backoff;
    struct event *quiet; /* pending while the server asks to be left alone: nothing begins */

    bool woken;                   /* more may be due than the last answer of the ledger had */
    struct ledger_request *asked; /* ASKING */
    int64_t *in_flight;           /* ASKING: the copies that were being sent when it was asked */
    size_t n_in_flight;
    struct ledger_copy *waiting; /* HOLDING, SELECTING: the ledger's answer */
    size_t n_waiting, n_chosen;
    struct batch *preparing; /* PREPARING, PREPARED */
    struct batch *sending;
    struct resolve_intents *resolving; /* RESOLVING */
    unsigned cuts;                     /* connections lost during APPEND, since a copy was stored */
    size_t singles;                    /* this many copies are to be sent one by one */

    void (*stopped)(void *arg); /* not NULL: deliver_stop() was called */
    void *stopped_arg;
};

/* state.c. The fields that belong to the next state are set before deliver_enter(). */
void deliver_enter(struct deliver *deliver, enum deliver_step step);
void deliver_set_trouble(struct deliver *deliver, const char *why);
void deliver_work_soon(struct deliver *deliver);

/* connection.c */
struct persistent_link *deliver_link_new(struct deliver *deliver);

#endif
