/*
 * A round trip probe in operation: sends a signed test message by submission, waits for its return,
 * keeps the books, cleans up.
 *
 * The message: plain ASCII, unique Message-ID, From the probe's `from`, To its `to`,
 * Auto-Submitted: auto-generated, the token in its field and in the Subject (token.h). It comes
 * back as an answer (email_return, a reflector), signed again, or as itself (plain forwarding).
 * Order: the nonce is durable in the ledger, then the dialogue, then its outcome in the ledger.
 * Only durations on our own clock are evaluated; the reflector's stamps give the one-way delays
 * (path_delay.h).
 * Clean-up: a message is deleted only when its token verifies under our keys for our addresses and
 * this probe, and it is past `lost` (whether or not its nonce is in the books), by UID EXPUNGE
 * (inbox.h). If the token is in the Subject only, the sender must be the one that writes such.
 * Junk is watched only while something is outstanding longer than warn (30 s without one), from the
 * start if the last message returned there, and to clean up.
 *
 * A result is reported for each message when it is settled for the first time: returned (at once),
 * not back within crit (then reported as outstanding, which evaluates as critical), rejected,
 * uncertain. Without a ledger (a single run by hand) nothing is durable and nothing is deleted.
 */
#ifndef AGENT_PROBE_ROUNDTRIP_ROUNDTRIP_H
#define AGENT_PROBE_ROUNDTRIP_ROUNDTRIP_H

#include "agent/ledger/ledger.h"
#include "agent/probe/roundtrip/book.h"
#include "agent/probe/verdict/result.h"
#include "agent/session/link.h"

struct roundtrip;
/* The callee owns the result. */
typedef void roundtrip_done(void *arg, struct probe_result *result);

/* instance: part of the probe id. ledger NULL: none. The probe must outlive it. done may free it.
 */
struct roundtrip *roundtrip_new(struct links *links, struct ledger *ledger, const char *instance,
                                const struct probe *probe, roundtrip_done *done, void *arg);
void roundtrip_free(struct roundtrip *roundtrip);
/* Sends one message, unless one is being sent or a password was rejected recently. It waits for the
 * books from the ledger, and the first one until the mailbox is watched or in trouble (10 seconds
 * at most), so that a fast answer is timed by its arrival. After an uncertain end there is one
 * retry with a new nonce. Problems of our own (a secret, full books) are reported as the result's
 * trouble. */
void roundtrip_send(struct roundtrip *roundtrip);
const struct book_counts *roundtrip_counts(const struct roundtrip *roundtrip);
/* Of the last message that came back; NULL: none yet since the start. */
const struct roundtrip_facts *roundtrip_last(const struct roundtrip *roundtrip);
/* Why the return mailbox is not watched; NULL: it is. */
const char *roundtrip_trouble(const struct roundtrip *roundtrip);
/* Messages in the return folder; false: unknown. */
bool roundtrip_mailbox(const struct roundtrip *roundtrip, uint32_t *messages);

#endif
