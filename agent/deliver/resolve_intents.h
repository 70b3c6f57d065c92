/*
 * Copies with a committed intent of which it is not known whether the server stored them (after a
 * crash, or a connection lost during APPEND) are searched for in the target. Those found are
 * recorded as delivered, the others are due again ("Delivery: once" in share/doc/design.md).
 */
#ifndef AGENT_DELIVER_RESOLVE_INTENTS_H
#define AGENT_DELIVER_RESOLVE_INTENTS_H

#include "agent/deliver/batch.h"

struct resolve_intents;

/* why NULL: all intents for the folder of the first copy are resolved; ask the ledger for the
 * others. Else the search failed, and nothing is known of those that were not found. */
typedef void resolve_intents_done(void *arg, const char *why);

/*
 * Takes ownership of the copies, of which the first has an intent. Waits until LIMIT_SETTLE seconds
 * after lost_at, as the server may still be writing what it received. done is not called if the
 * session ends.
 */
struct resolve_intents *resolve_intents_new(const struct batch_place *place,
                                            struct ledger_copy *copies, size_t n, time_t lost_at,
                                            resolve_intents_done *done, void *arg);
void resolve_intents_free(struct resolve_intents *resolve);
/* For the session's events; or NULL. */
struct find_copies *resolve_intents_search(const struct resolve_intents *resolve);

#endif
