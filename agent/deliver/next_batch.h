/*
 * What to send next: which folder a copy goes to, and how many of the copies that are due make one
 * batch. Pure.
 */
#ifndef AGENT_DELIVER_NEXT_BATCH_H
#define AGENT_DELIVER_NEXT_BATCH_H

#include "agent/deliver/batch.h"

/* The folder that the target's pattern makes for that copy, below the server's namespace. The
 * caller frees it. */
char *next_batch_folder(const struct batch_place *place, const struct ledger_copy *copy);
/* How many copies, from the first on, make a batch for that folder: all for the same folder, none
 * with an intent and no suspect beside others, within LIMIT_BATCH_COPIES and LIMIT_BATCH_BYTES, but
 * never 0 if the first one is for that folder. single: one by one. */
size_t next_batch_size(const struct batch_place *place, const struct ledger_copy *copies, size_t n,
                       const char *folder, bool single);
/* Moves the copies with those ids to the end, keeps the order of the others, and returns how many
 * these are. */
size_t next_batch_leave_out(struct ledger_copy *copies, size_t n, const int64_t *ids, size_t n_ids);

#endif
