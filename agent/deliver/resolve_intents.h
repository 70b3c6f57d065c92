/*
 * After a doubt: copies whose intent was committed, and of which nobody knows whether the server
 * stored them, are looked for in the target. Those found are recorded as delivered, the others are
 * due again. DESIGN section 6.
 */
#ifndef AGENT_DELIVER_RESOLVE_INTENTS_H
#define AGENT_DELIVER_RESOLVE_INTENTS_H

#include "agent/deliver/batch.h"

struct resolve_intents;

/* why NULL: the ledger knows of the copies of the first one's folder; ask it for the rest. */
typedef void resolve_intents_done(void *arg, const char *why);

/*
 * Takes the array of copies, of which the first has an intent. Waits until LIMIT_SETTLE seconds
 * after lost_at, as the server may still be writing what it was sent. done is not called when the
 * session ends.
 */
struct resolve_intents *resolve_intents_new(const struct batch_place *place,
                                            struct ledger_copy *copies, size_t n, time_t lost_at,
                                            resolve_intents_done *done, void *arg);
void resolve_intents_free(struct resolve_intents *resolve);
/* For the session's events; or NULL. */
struct find_copies *resolve_intents_search(const struct resolve_intents *resolve);

#endif
