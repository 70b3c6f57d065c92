/*
 * email_return without an MTA: answers probes that arrive in a mailbox over IMAP, by submission.
 * Decisions and answers are those of reflect/answer.h; each nonce is recorded in the ledger before
 * its answer is sent, and forgotten when the server certainly has not accepted it (after temporary
 * failures: tried again with backoff for an hour). Answered probes are deleted after `keep`,
 * verified ones only (inbox.h). Rate: REFLECTOR_PER_HOUR answers at most.
 */
#ifndef AGENT_PROBE_ROUNDTRIP_REFLECTOR_H
#define AGENT_PROBE_ROUNDTRIP_REFLECTOR_H

#include "agent/ledger/ledger.h"
#include "agent/session/link.h"

#define REFLECTOR_PER_HOUR 3600

struct reflector_watch;

struct reflector_counts {
    uint64_t answered, refused, replayed, failed; /* since the start */
};

struct reflector_watch *reflector_watch_new(struct links *links, struct ledger *ledger,
                                            const struct reflector *reflector);
void reflector_watch_free(struct reflector_watch *watch);
struct reflector_counts reflector_watch_counts(const struct reflector_watch *watch);
const char *reflector_watch_trouble(const struct reflector_watch *watch); /* NULL: none */

#endif
