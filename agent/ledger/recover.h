/*
 * After a crash: the spool is made to match the ledger.
 *
 * Uncommitted tails of segments are cut off, files that the ledger does not know are
 * removed (those of a ledger that was lost are set aside as *.lost). Missing originals do
 * not prevent opening: their copies fail with a reason, their UIDs are fetched again, and all of it
 * is reported (ledger->damage) and recorded.
 */
#ifndef AGENT_LEDGER_RECOVER_H
#define AGENT_LEDGER_RECOVER_H

#include "agent/ledger/store/store.h"

/* Inside the opening's transaction. fresh: the ledger has just been made. */
void ledger_recover(struct ledger *ledger, bool fresh);

#endif
