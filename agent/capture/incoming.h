/*
 * One message on its way in: octets go to the spool and through the digests as they arrive; when
 * all are there the rules decide, and what is to be stored is ready for the ledger.
 *
 * Memory: the header section up to HEADER_MAX, body facts within their bounds, and nothing that
 * grows with the message.
 */
#ifndef AGENT_CAPTURE_INCOMING_H
#define AGENT_CAPTURE_INCOMING_H

#include "agent/session/context.h"
#include "rules/match/decide.h"

/* What is known of a message before and beside its octets. */
struct incoming_facts {
    const struct account *account;
    const char *folder;
    enum folder_role role;
    int64_t ledger_folder;
    uint32_t uidvalidity, uid;
    time_t internaldate;
    int internaldate_zone;
    bool old; /* found again after a change of UIDVALIDITY or in a late folder */
};

struct incoming;
/* account and folder are copied. */
struct incoming *incoming_new(struct parts *parts, const struct account *account,
                              const char *folder, enum folder_role role);
void incoming_write(struct incoming *incoming, const void *data, size_t len);
uint64_t incoming_size(const struct incoming *incoming);
void incoming_free(
    struct incoming *incoming); /* forgets the octets, unless incoming_store() took them */

struct outcome {
    bool wanted;          /* incoming_store() is due */
    enum uid_state state; /* else this is its state; UID_UNFETCHED: it must be fetched again */
    char *reason;         /* NULL or the caller's to free */
};
/* All octets are there. */
struct outcome incoming_decide(struct incoming *incoming, const struct incoming_facts *facts);
/* Hands the octets and copies to the ledger; frees incoming. Calls parts->stored later. */
void incoming_store(struct incoming *incoming, const struct incoming_facts *facts);

/* The decision by the header alone: UNDECIDED and YES both mean: fetch it. */
enum match_result header_decide(struct parts *parts, const struct incoming_facts *facts,
                                const char *header_text, size_t len, uint64_t size,
                                struct outcome *outcome);

/* For `explain`: the decision with its reasons. The caller frees it. */
struct decision *incoming_explain(struct incoming *incoming, const struct incoming_facts *facts);
const char *incoming_header(const struct incoming *incoming, size_t *len);
const unsigned char *incoming_sha256(const struct incoming *incoming);

#endif
