/*
 * What is kept in ledger.db by number, and so must not change its meaning.
 */
#ifndef AGENT_LEDGER_STORE_TYPES_H
#define AGENT_LEDGER_STORE_TYPES_H

/* A ledger of an older version is migrated when it is opened, one of a newer version is refused. */
#define LEDGER_SCHEMA 4

/* The state of a UID since the baseline. */
enum uid_state {
    UID_BEFORE_BASELINE,
    UID_NOT_WANTED,
    UID_EXEMPT,
    UID_OWN_COPY,          /* a copy of ours, proven */
    UID_DRAFT,             /* \Draft: not mail (yet) */
    UID_CAPTURED,          /* has a message row; delivered when all its copies are */
    UID_DUPLICATE,         /* has a message row that names the other */
    UID_VANISHED,          /* proven by EXPUNGE or VANISHED */
    UID_VANISHED_INFERRED, /* a gap in the UIDs below what is there */
    UID_UNFETCHED,         /* announced, but the server does not return it (yet): tried again */
    UID_FAILED,            /* given up, with reason */
    UID_UNDECIDED,         /* a condition was undecided and its rule has undecided = "skip" */
    UID_STATES,            /* how many there are */
};
const char *uid_state_text(enum uid_state state); /* for people: "not wanted" ... */
const char *uid_state_name(enum uid_state state); /* for programs: not_wanted ... */

#endif
