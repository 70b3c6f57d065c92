/*
 * The plan of a copy: how it will describe its message, decided when the message was captured, kept
 * in the ledger as text until the copy is made, so that a crash, a reload or a deleted original
 * changes nothing in it.
 *
 * As text: one "key value" a line; lists repeat their key. Unknown keys are skipped (older
 * ledgers).
 */
#ifndef AGENT_LEDGER_PLAN_H
#define AGENT_LEDGER_PLAN_H

#include "rules/copy/copy.h"
#include "rules/match/decide.h"

struct plan {
    unsigned directions, warnings;
    char *sender;
    bool sender_claimed;
    struct recipient *recipients;
    size_t n_recipients;
    char **rules;
    size_t n_rules;
    char *undecided; /* the conditions in doubt for which there is a copy; NULL: it is certain */
    char *purpose, *approved_by; /* NULL: none; of several rules joined by "; " */
    char *domain;                /* of the owner's address, for folder names */
};

/* The plan's text for one target of a decision, a new string. owner as in message.h. */
char *plan_text(const struct decision *decision, const struct target_decision *target,
                const struct owner *owner);
struct plan *plan_parse(const char *text);
void plan_free(struct plan *plan);
/* What the plan holds of its copy, all else unset; borrows from the plan. */
struct copy_plan plan_copy(const struct plan *plan);

/*
 * What two captures of one internal message contain together: recipients of both (a basis from a
 * header beats "owner"), rules of both, directions of both; a sender known by the mailbox beats a
 * claimed one and removes the warning; what is certain for one is not undecided. A new string.
 * Pure; any thread.
 */
char *plan_join(const char *first, const char *second);
/* Whether a copy by the first plan says all that one by the second would: its directions, its rules
 * and those whom only its Bcc names. Not other recipients: a late counterpart brings its own. */
bool plan_covers(const char *first, const char *second);

#endif
