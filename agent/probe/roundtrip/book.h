/*
 * The books of a round trip probe: every test message that was sent, until its verdict, and counts
 * that always balance:
 *
 *     sent = returned + late + lost + uncertain + outstanding
 *
 * duplicates, rejected and returns after the verdict are counted apart. Pure: no I/O; the time is
 * an argument; persistence is ledger/probe.h, which gets each change through `changed`.
 *
 *   intend      the nonce is recorded before the dialogue begins; not yet sent
 *   sent        the server has accepted the message: outstanding
 *   rejected    it certainly has not: counted by reason, reported once (BOOK_REJECTED), then
 * unknown uncertain   perhaps it has: counted as sent and uncertain; its return is reported, not
 * counted as returned (after_verdict) returned    first sight of a verified answer: returned, or
 * late when after `crit`; later ones are duplicates, unless it is the same message (folder,
 * UIDVALIDITY, UID) lost        `lost` seconds have passed; a return after that is reported as
 * after_verdict
 *
 * An answer may be seen before the server's reply to the end of DATA: then the message was sent,
 * whatever that reply is. Nonces that are not in the books (another instance, `mailvigil probe`
 * by hand) change nothing. After a restart, what was intended and not settled is uncertain.
 * Durations: CLOCK_BOOTTIME microseconds within one boot (boot id), else the wall clock, never
 * negative; from the start of sending. A step of the wall clock does not move verdicts within one
 * boot.
 * Bounds: BOOK_ENTRIES_MAX open and settled entries are remembered; settled ones are forgotten
 * BOOK_MEMORY seconds after `lost`, or when a new one needs their room, oldest first. When that
 * many are open, sending stops. Cost: finding is O(1); a tick and the oldest walk through all
 * remembered entries.
 */
#ifndef AGENT_PROBE_ROUNDTRIP_BOOK_H
#define AGENT_PROBE_ROUNDTRIP_BOOK_H

#include "agent/ledger/probe.h"

#define BOOK_ENTRIES_MAX 20000
#define BOOK_MEMORY (5 * 86400)

const char *book_rejection_text(enum book_rejection reason);

extern const double book_bucket_bounds[BOOK_BUCKETS]; /* seconds: .5 1 2.5 5 ... 3600 */

bool book_balances(const struct book_counts *counts);

struct roundtrip_book;

struct book_limits {
    unsigned crit, lost; /* seconds; crit 0: nothing is late; what took just so long is in time */
};

/* Not called from within one another: a callback only takes note. Each may be NULL. */
struct book_events {
    /* An entry is new, or it or the counts are others now. To be made durable together; one that is
     * BOOK_REJECTED is to be removed, together with its counts. */
    void (*changed)(void *arg, const struct book_entry *entry, const struct book_counts *counts);
    void (*forgotten)(void *arg, const unsigned char nonce[TOKEN_NONCE]);
};

struct roundtrip_book *roundtrip_book_new(const struct book_limits *limits,
                                          const struct book_events *events, void *arg);
void roundtrip_book_free(struct roundtrip_book *book);
void roundtrip_book_set_limits(struct roundtrip_book *book, const struct book_limits *limits);
/* At the start: what the ledger kept, in the order of sending; then book_restarted() once, which
 * settles intentions. What was sent by the counts and is nowhere else counts as lost. */
void roundtrip_book_load(struct roundtrip_book *book, const struct book_entry *entries, size_t n,
                         const struct book_counts *counts);
void roundtrip_book_restarted(struct roundtrip_book *book, const struct book_time *now);

bool roundtrip_book_intend(struct roundtrip_book *book, const unsigned char nonce[TOKEN_NONCE],
                           const struct book_time *now); /* false: full, or not a new nonce */
void roundtrip_book_sent(struct roundtrip_book *book, const unsigned char nonce[TOKEN_NONCE],
                         const struct book_time *now);
void roundtrip_book_rejected(struct roundtrip_book *book, const unsigned char nonce[TOKEN_NONCE],
                             enum book_rejection reason, const struct book_time *now);
void roundtrip_book_uncertain(struct roundtrip_book *book, const unsigned char nonce[TOKEN_NONCE],
                              const struct book_time *now);

enum book_return {
    BOOK_IS_RETURNED,
    BOOK_IS_LATE,
    BOOK_IS_DUPLICATE,
    BOOK_IS_AFTER_VERDICT, /* of a lost or uncertain one */
    BOOK_IS_KNOWN,         /* the same message, seen again */
    BOOK_IS_FOREIGN,       /* not in the books */
};
/* *entry_r: as it is now, borrowed until the next call; NULL when foreign. */
enum book_return roundtrip_book_returned(struct roundtrip_book *book,
                                         const unsigned char nonce[TOKEN_NONCE],
                                         const struct book_place *place,
                                         const struct book_time *now,
                                         const struct book_entry **entry_r);
/* What has passed `lost` becomes lost; settled entries are forgotten in time. When to call again,
 * in seconds from now, BOOK_TICK_MAX at most (clocks may be moved, machines sleep); 0: no need. */
#define BOOK_TICK_MAX 600
unsigned roundtrip_book_tick(struct roundtrip_book *book, const struct book_time *now);
const struct book_entry *roundtrip_book_find(const struct roundtrip_book *book,
                                             const unsigned char nonce[TOKEN_NONCE]);
/* Age of the oldest outstanding in microseconds, -1: none. */
int64_t roundtrip_book_oldest(const struct roundtrip_book *book, const struct book_time *now);
const struct book_counts *roundtrip_book_counts(const struct roundtrip_book *book);

void book_time_now(struct book_time *now);
/* Microseconds from one to the other, never negative. */
int64_t book_time_between(const struct book_time *from, const struct book_time *to);

#endif
