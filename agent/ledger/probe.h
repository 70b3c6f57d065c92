/*
 * The part of the ledger that probes use: what must survive a restart. Same thread, same batches
 * and the same promise as ledger.h: what done reports is durable. Probes are not part of the hash
 * chain: it is about messages that were monitored.
 *
 * Schema version 2 added the tables probe_entry, probe_counts, probe_place, probe_told and
 * reflected; a ledger of version 1 is migrated when it is opened. What is kept of a probe or
 * reflector that is no longer configured stays, since it may be configured again.
 */
#ifndef AGENT_LEDGER_PROBE_H
#define AGENT_LEDGER_PROBE_H

#include "agent/ledger/ledger.h"
#include "agent/reflect/token.h"

/* ---- the books of a round trip probe (probe/roundtrip/book.h) ---- */

struct book_time {
    int64_t wall_us;  /* CLOCK_REALTIME */
    int64_t boot_us;  /* CLOCK_BOOTTIME */
    char boot_id[40]; /* /proc/sys/kernel/random/boot_id */
};

enum book_state {
    BOOK_INTENDED,
    BOOK_OUTSTANDING,
    BOOK_RETURNED,
    BOOK_LATE,
    BOOK_LOST,
    BOOK_UNCERTAIN,
    BOOK_REJECTED /* reported once, never kept */
};

struct book_place {   /* where an answer lies */
    char folder[128]; /* cut */
    uint32_t uidvalidity, uid;
};

struct book_entry {
    unsigned char nonce[TOKEN_NONCE];
    enum book_state state;
    struct book_time began;    /* when the sending began */
    int64_t accepted_us;       /* wall clock when the server had taken it, 0: not yet */
    struct book_time returned; /* its first answer, even after its verdict */
    int64_t duration_us;       /* until then, -1: none */
    struct book_place place;   /* of its first answer */
};

enum book_rejection {
    REJECT_CONNECT,
    REJECT_TLS,
    REJECT_GREETING,
    REJECT_CAPABILITY,
    REJECT_AUTH,
    REJECT_MAIL,
    REJECT_RCPT,
    REJECT_DATA,
    REJECT_REASONS
};
#define BOOK_BUCKETS 13

struct book_counts {
    uint64_t sent, returned, late, lost, uncertain;
    uint64_t outstanding;
    uint64_t duplicates, after_verdict;
    uint64_t rejected[REJECT_REASONS];
    uint64_t buckets[BOOK_BUCKETS + 1]; /* of durations of returned and late; not cumulative */
    double duration_sum;                /* seconds */
    double last_duration;               /* seconds, -1: none yet */
    /* Seconds since 1970, 0: never. When one came back within crit; when a sending began. */
    int64_t last_success, last_sent;
};

/* Everything kept for that probe; entries in the order of their sending, borrowed for the call.
 * counts is all zero and n is 0 when there is nothing. */
typedef void ledger_probe_loaded(void *arg, const struct book_entry *entries, size_t n,
                                 const struct book_counts *counts);
struct ledger_request *ledger_probe_load(struct ledger *ledger, const char *probe,
                                         ledger_probe_loaded *done, void *arg);
/* One transaction for both; an entry that is BOOK_REJECTED is removed. done may be NULL. */
struct ledger_request *ledger_probe_change(struct ledger *ledger, const char *probe,
                                           const struct book_entry *entry,
                                           const struct book_counts *counts, ledger_done *done,
                                           void *arg);
void ledger_probe_forget(struct ledger *ledger, const char *probe,
                         const unsigned char nonce[TOKEN_NONCE]);

/* Up to which UID a probe or reflector (`who`) has processed a folder. */
struct ledger_place {
    uint32_t uidvalidity, seen_through; /* 0, 0: never */
};
typedef void ledger_place_done(void *arg, const struct ledger_place *place);
struct ledger_request *ledger_place_get(struct ledger *ledger, const char *who, const char *folder,
                                        ledger_place_done *done, void *arg);
void ledger_place_set(struct ledger *ledger, const char *who, const char *folder,
                      const struct ledger_place *place);

/* The state of a probe that was alerted last, so that after a restart no alert is repeated and no
 * recovery is forgotten. */
struct ledger_reported {
    unsigned status; /* probe/verdict/verdict.h's; 0: no alert was sent, or the last one was a
                        recovery */
    time_t since, told_at;
};
typedef void ledger_reported_done(void *arg, const struct ledger_reported *reported);
struct ledger_request *ledger_reported_get(struct ledger *ledger, const char *probe,
                                           ledger_reported_done *done, void *arg);
void ledger_reported_set(struct ledger *ledger, const char *probe,
                         const struct ledger_reported *reported);

/* A reflector's answered nonces: noted before the answer goes. is_new false: answered before. At
 * most LEDGER_REFLECTED_MAX are kept for each reflector, the oldest are dropped. */
#define LEDGER_REFLECTED_MAX 10000
struct ledger_request *ledger_reflect(struct ledger *ledger, const char *reflector,
                                      const unsigned char nonce[TOKEN_NONCE], time_t now,
                                      void (*done)(void *arg, bool is_new), void *arg);
void ledger_reflect_forget(struct ledger *ledger, const char *reflector,
                           const unsigned char nonce[TOKEN_NONCE]);

#endif
