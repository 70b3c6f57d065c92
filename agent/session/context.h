/*
 * What all parts of the running agent share: the event loop, the links, the ledger, the counters,
 * and the current configuration (a reload changes the pointer between events, so nothing that it
 * points to may be kept).
 */
#ifndef AGENT_SESSION_CONTEXT_H
#define AGENT_SESSION_CONTEXT_H

#include <event2/event.h>

#include "agent/config/config.h"
#include "agent/ledger/ledger.h"
#include "agent/session/link.h"
#include "agent/session/rule_counts.h"
#include "agent/util/histogram.h"

struct spool_room; /* agent/capture/spool_room.h */

#define CONTEXT_BITS 32 /* of an unsigned: conditions, warnings */

struct context {
    struct event_base *base;
    struct links *links;
    struct ledger *ledger;
    const struct config *config;
    struct spool_room *spool_room;
    time_t started; /* the agent */
    /* A message was stored: its copies for this target wait in the ledger. */
    void (*stored)(void *arg, const char *target);
    /* An account has been listed and is watched, or has failed once. */
    void (*settled)(void *arg);
    void *arg;
    struct counters {
        uint64_t seen, captured, duplicates, joined, own_copies, not_wanted, exempt, vanished,
            unfetched, failed;
        uint64_t delivered, refused, reconnects;
        /* Messages copied, and messages that a rule skipped, because a condition was undecided; and
         * which conditions were (decide_condition()). */
        uint64_t undecided_copied, undecided_skipped, undecided[CONTEXT_BITS];
        uint64_t warned[CONTEXT_BITS]; /* captured messages by warning (rules/route.h) */
    } count;                           /* since the start */
    struct rule_counts exempt_by;      /* of count.exempt; the agent clears it at its end */
    struct histogram capture_latency;  /* from INTERNALDATE to stored, of what came since started */
    struct histogram delivery_latency; /* from stored to delivered, of copies */
};

#endif
