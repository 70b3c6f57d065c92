/*
 * After a crash: the spool is brought to what the ledger knows.
 *
 * Tails of segments that no commit made true are cut off, files that the ledger does not know are
 * removed (those of a ledger that was lost are set aside as *.lost). Originals that are missing are
 * no reason to stop: their copies fail with a reason, their UIDs are fetched again, and all of it
 * is told (ledger->damage) and recorded.
 */
#ifndef AGENT_LEDGER_RECOVER_H
#define AGENT_LEDGER_RECOVER_H

#include "agent/ledger/store/store.h"

/* Inside the opening's transaction. fresh: the ledger has just been made. */
void ledger_recover(struct ledger *ledger, bool fresh);

#endif
