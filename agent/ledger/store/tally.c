#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ledger/store/store.h"
#include "rules/util/memory.h"

/*
 * How many messages are in each state and how many copies were delivered is kept in table tally and
 * in memory: counting a ledger of millions at every scrape would be slow.
 */

static struct target_tally *target_tally(struct ledger *ledger, const char *target)
{
    for (size_t i = 0; i < ledger->n_targets; i++)
        if (strcmp(ledger->targets[i].target, target) == 0)
            return &ledger->targets[i];
    ledger->targets =
        xreallocarray(ledger->targets, ledger->n_targets + 1, sizeof(*ledger->targets));
    struct target_tally *tally = &ledger->targets[ledger->n_targets++];
    *tally = (struct target_tally){.target = xstrdup(target)};
    return tally;
}

void ledger_tally_load(struct ledger *ledger)
{
    memset(ledger->states, 0, sizeof(ledger->states));
    memset(ledger->states_changed, 0, sizeof(ledger->states_changed));
    for (size_t i = 0; i < ledger->n_targets; i++) {
        ledger->targets[i].delivered = 0;
        ledger->targets[i].changed = false;
    }
    sqlite3_stmt *query = ledger_query(ledger, "SELECT key, n FROM tally");
    while (ledger_row(ledger, query)) {
        const char *key = column_text(query, 0);
        unsigned long state;
        if (strncmp(key, "delivered ", 10) == 0)
            target_tally(ledger, key + 10)->delivered = column_number(query, 1);
        else if (strncmp(key, "state ", 6) == 0 &&
                 (state = strtoul(key + 6, NULL, 10)) < N_UID_STATES)
            ledger->states[state] = column_number(query, 1);
    }
}

static void save(struct ledger *ledger, const char *kind, const char *name, int64_t n)
{
    sqlite3_stmt *query = ledger_query(ledger, "INSERT OR REPLACE INTO tally VALUES(?1 || ?2, ?3)");
    bind_text(query, 1, kind);
    bind_text(query, 2, name);
    bind_number(query, 3, n);
    ledger_run(ledger, query);
}

void ledger_tally_save(struct ledger *ledger)
{
    for (unsigned i = 0; i < N_UID_STATES; i++) {
        if (!ledger->states_changed[i])
            continue;
        char number[12];
        snprintf(number, sizeof(number), "%u", i);
        save(ledger, "state ", number, ledger->states[i]);
        ledger->states_changed[i] = false;
    }
    for (size_t i = 0; i < ledger->n_targets; i++) {
        if (!ledger->targets[i].changed)
            continue;
        save(ledger, "delivered ", ledger->targets[i].target, ledger->targets[i].delivered);
        ledger->targets[i].changed = false;
    }
}

void ledger_tally_state(struct ledger *ledger, enum uid_state state, int64_t more)
{
    if (more == 0 || (unsigned)state >= N_UID_STATES)
        return;
    ledger->states[state] += more;
    ledger->states_changed[state] = true;
}

void ledger_tally_delivered(struct ledger *ledger, const char *target)
{
    struct target_tally *tally = target_tally(ledger, target);
    tally->delivered++;
    tally->changed = true;
}
