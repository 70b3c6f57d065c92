/*
 * Delivery to one target: store, then forward. Reads what is due from the ledger in batches, makes
 * the copies, commits the intent, sends APPEND, commits the result ("Delivery: once" in
 * share/doc/design.md).
 *
 * If it is in doubt whether the server stored a copy (after a crash, or a connection lost during
 * APPEND), the copies with an intent are searched for in the target by their X-Monitor-Id, from the
 * UIDNEXT recorded with the intent, before anything is sent again.
 *
 * A copy that the server refuses permanently (too large, malformed) is given up, kept and reported;
 * one that it refuses for now is retried later; neither stops the others. A batch that is refused
 * as a whole is sent again one copy at a time.
 */
#ifndef AGENT_DELIVER_DELIVER_H
#define AGENT_DELIVER_DELIVER_H

#include "agent/session/context.h"

struct deliver;

struct deliver *deliver_new(struct context *context, const struct target *target);
void deliver_free(struct deliver *deliver);
const struct target *deliver_target(const struct deliver *deliver);
/* After a reload. false: server or login have changed; free this one and make a new one. */
bool deliver_update(struct deliver *deliver, const struct target *target);

/* There may be something to deliver. */
void deliver_wake(struct deliver *deliver);
/* Begins nothing more. done is called once, from the event loop, when nothing is under way. */
void deliver_stop(struct deliver *deliver, void (*done)(void *arg), void *arg);

enum deliver_state { DELIVER_IDLE, DELIVER_CONNECTING, DELIVER_SENDING, DELIVER_DOWN };
const char *deliver_state_text(enum deliver_state state);
struct deliver_status {
    enum deliver_state state;
    time_t since;
    const char *trouble;  /* why it is down, or the last refusal; "" if there was none */
    time_t trouble_since; /* 0: OK now */
    time_t next_try;      /* the next attempt, where a server is left alone until then; else 0 */
};
/* The oldest of the copies that wait does so for too long since then; 0: none does. Logged when it
 * changes. */
void deliver_note_overdue(struct deliver *deliver, time_t since, uint64_t waiting);
/* Tries all at once that waits for its next attempt: a person has asked for it. */
void deliver_retry_now(struct deliver *deliver);
void deliver_status(const struct deliver *deliver, struct deliver_status *status);

#endif
