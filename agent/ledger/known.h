/*
 * What the ledger knows of a message that is captured: whether it is a copy of ours, whose copies
 * would do for it, and which of its copies are to be made. On the ledger's thread.
 *
 * What the sender or the owner of a message can write never makes it a duplicate of another one:
 * ledger_capture() says what does.
 */
#ifndef AGENT_LEDGER_KNOWN_H
#define AGENT_LEDGER_KNOWN_H

#include "agent/ledger/private.h"

struct known {
    int64_t account;
    char *folder; /* its name */
    uint32_t uidvalidity;
    bool own;       /* one of our copies, where we put it, or the changed copy of a changed copy */
    bool own_chain; /* it is the latter */
    bool chained;   /* one of our copies that was changed, or moved in its mailbox */
    int64_t twin;   /* a message of the account with the same octets, or 0 */
    int64_t root;   /* the message that a duplicate names: never a duplicate itself; or 0 */
    const struct ledger_new_copy **missing; /* copies to make */
    size_t n_missing;
    size_t n_left_out;        /* copies that would go to the folder of the message */
    bool joined;              /* a plan of a held copy was */
    uint64_t segment, offset; /* the caller's: where the octets are, if they are kept */
};

struct known_plans {
    ledger_plan_join *join;
    ledger_plan_covers *covers;
};

/* The folder, and whether the message is a copy of ours. */
void known_look(struct ledger *ledger, const struct ledger_capture *capture, struct known *known);
/* After known_look(): twins, counterparts, and what is missing. Joins plans. */
void known_find_missing(struct ledger *ledger, const struct ledger_capture *capture,
                        const struct known_plans *plans, struct known *known);
void known_clear(struct known *known);

/* The first column of the query's row, which is the only one needed; 0: there is none. */
int64_t known_number(struct ledger *ledger, sqlite3_stmt *query);

#endif
