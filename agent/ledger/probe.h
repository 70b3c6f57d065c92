/*
 * The part of the ledger that probes use: what must survive a restart. Same thread, same batches
 * and the same promise as ledger.h: what done tells is durable. Probes are not part of the hash
 * chain: it is about messages that were monitored.
 *
 * Schema version 2 added the tables probe_entry, probe_counts, probe_place, probe_told and
 * reflected; a ledger of version 1 is brought forward when it is opened. What is kept of a probe or
 * reflector that is no longer configured stays, for it may be again.
 */
#ifndef AGENT_LEDGER_PROBE_H
#define AGENT_LEDGER_PROBE_H

#include "agent/ledger/ledger.h"
#include "agent/probe/roundtrip/book.h"

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

/* Up to which UID a folder was looked through, by whom (a probe's or reflector's name). */
struct ledger_place {
    uint32_t uidvalidity, seen_through; /* 0, 0: never */
};
typedef void ledger_place_done(void *arg, const struct ledger_place *place);
struct ledger_request *ledger_place_get(struct ledger *ledger, const char *who, const char *folder,
                                        ledger_place_done *done, void *arg);
void ledger_place_set(struct ledger *ledger, const char *who, const char *folder,
                      const struct ledger_place *place);

/* Of which state of a probe people were told last, so that a restart tells nothing twice and
 * forgets no end. */
struct ledger_told {
    unsigned status; /* probe/verdict/verdict.h's; 0: nothing was told, or that it is well */
    time_t since, told_at;
};
typedef void ledger_told_done(void *arg, const struct ledger_told *told);
struct ledger_request *ledger_told_get(struct ledger *ledger, const char *probe,
                                       ledger_told_done *done, void *arg);
void ledger_told_set(struct ledger *ledger, const char *probe, const struct ledger_told *told);

/* A reflector's answered nonces: noted before the answer goes. is_new false: answered before. At
 * most LEDGER_REFLECTED_MAX are kept for each reflector, the oldest are dropped. */
#define LEDGER_REFLECTED_MAX 10000
struct ledger_request *ledger_reflect(struct ledger *ledger, const char *reflector,
                                      const unsigned char nonce[TOKEN_NONCE], time_t now,
                                      void (*done)(void *arg, bool is_new), void *arg);
void ledger_reflect_forget(struct ledger *ledger, const char *reflector,
                           const unsigned char nonce[TOKEN_NONCE]);

#endif
