/*
 * Which accounts and folders the configuration wants, as the ledger remembers it. Private to
 * agent/ledger: folder.c decides by it what a baseline is.
 *
 * A change of the folders that an account has in the configuration begins a generation, as soon as
 * all folders of the one before were opened; an account that comes back after it was taken out is
 * two generations further. A folder keeps the generation under which it was watched last: one that
 * is wanted anew and is older than the generation before was not wanted for a while. What no row
 * tells of, a folder made meanwhile, the names of the generation before do (ledger_pattern.former).
 */
#ifndef AGENT_LEDGER_WATCHED_H
#define AGENT_LEDGER_WATCHED_H

#include "agent/ledger/private.h"

struct account_row {
    int64_t id;
    time_t first_seen; /* 0: not opened since it was configured */
    bool baselined;    /* all folders of this generation were opened */
    int64_t generation;
};

/* Makes it when it is new. */
void account_find(struct ledger *ledger, const char *name, struct account_row *account);

#endif
