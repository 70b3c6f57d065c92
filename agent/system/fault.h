/*
 * Numbered fault points: in builds with MAILVIGIL_FAULTS the environment variable
 * MAILVIGIL_FAULT=N[:K] kills the process (SIGKILL, as a crash would) when fault point N is passed
 * for the K-th time (default 1). In other builds nothing is compiled in. Every step in the
 * processing of a message has one, in order; tests/system/ kills at each.
 */
#ifndef AGENT_SYSTEM_FAULT_H
#define AGENT_SYSTEM_FAULT_H

enum fault {
    FAULT_FOLDER_OPENED = 1,  /* EXAMINE answered, before the ledger is informed */
    FAULT_FOLDER_NOTED,       /* the baseline is committed */
    FAULT_CAPTURE_BEGIN,      /* first bytes of a message arrived */
    FAULT_CAPTURE_END,        /* all bytes arrived, nothing is stored */
    FAULT_SPOOL_WRITTEN,      /* written to the segment, not synced */
    FAULT_SPOOL_SYNCED,       /* synced, not committed */
    FAULT_CAPTURE_COMMITTED,  /* committed, not reported */
    FAULT_DELIVER_CHOSEN,     /* pending copies read, no intent */
    FAULT_INTENT_COMMITTED,   /* nothing sent */
    FAULT_APPEND_BEGUN,       /* a part of the literals is sent */
    FAULT_APPEND_SENT,        /* all is sent and stored, the tagged reply is not read */
    FAULT_APPEND_ANSWERED,    /* the server said OK, nothing is recorded */
    FAULT_DELIVERY_COMMITTED, /* recorded; the segment still exists */
    FAULT_SEGMENT_REMOVED,
    FAULT_RECOVERY_SEARCHED, /* after a restart: the target was searched, nothing recorded */
    FAULT_LAST = FAULT_RECOVERY_SEARCHED,
};

#ifdef MAILVIGIL_FAULTS
void fault_point(enum fault fault);
/* For unit tests, in place of the environment: dies at the count-th passing from now on. */
void fault_arm(enum fault fault, unsigned count);
#else
#define fault_point(fault) ((void)0)
#define fault_arm(fault, count) ((void)(fault), (void)(count))
#endif

#endif
