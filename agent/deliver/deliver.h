/*
 * Delivery to one target: store, then forward. Takes what is due from the ledger in batches, makes
 * the copies, commits the intent, APPENDs, commits the result. DESIGN section 6.
 *
 * After any doubt (a crash, a connection lost while an APPEND was under way) the copies with an
 * intent are looked for in the target by their X-Monitor-Id, from the UIDNEXT that was noted with
 * the intent, before anything is sent again.
 *
 * A copy that the server refuses for good (too big, malformed) is given up, kept and shown; what is
 * refused for now is tried again later; neither stops the others. A batch that is refused as a
 * whole is sent again one by one.
 */
#ifndef AGENT_DELIVER_DELIVER_H
#define AGENT_DELIVER_DELIVER_H

#include "agent/session/context.h"

struct deliver;

struct deliver *deliver_new(struct parts *parts, const struct target *target);
void deliver_free(struct deliver *deliver);
const struct target *deliver_target(const struct deliver *deliver);
/* After a reload. false: it is reached in another way; free this and make a new one. */
bool deliver_update(struct deliver *deliver, const struct target *target);

/* There may be something to deliver. */
void deliver_kick(struct deliver *deliver);
/* Begins nothing more. done is called once, when nothing is under way (maybe at once). */
void deliver_stop(struct deliver *deliver, void (*done)(void *arg), void *arg);

enum deliver_state { DELIVER_IDLE, DELIVER_CONNECTING, DELIVER_SENDING, DELIVER_DOWN };
const char *deliver_state_text(enum deliver_state state);
struct deliver_status {
    enum deliver_state state;
    time_t since;
    const char *trouble;  /* why it is down, or the last refusal; "" if never */
    time_t trouble_since; /* 0: all is well */
    time_t next_try;
};
void deliver_status(const struct deliver *deliver, struct deliver_status *status);

#endif
