/*
 * One message as it arrives: its octets go to the spool and through the digests; once all have
 * arrived the rules decide, and what is to be stored is ready for the ledger.
 *
 * Memory: the header section up to HEADER_MAX, body facts within their bounds, and nothing that
 * grows with the message.
 */
#ifndef AGENT_CAPTURE_CAPTURED_MESSAGE_H
#define AGENT_CAPTURE_CAPTURED_MESSAGE_H

#include "agent/session/context.h"
#include "rules/match/decide.h"

/* What is known of a message apart from its octets. */
struct message_facts {
    const struct account *account;
    const char *folder;
    enum folder_role role;
    int64_t ledger_folder;
    uint32_t uidvalidity, uid;
    time_t internaldate;
    int internaldate_zone;
    bool date_unknown;       /* internaldate is a guess: the server's was unusable */
    time_t seen, seen_after; /* first listed, and listed before that; 0: not known */
    bool old; /* found again after a change of UIDVALIDITY, or in a folder that is new to us */
};

struct captured_message;
/* account and folder are copied. */
struct captured_message *captured_message_new(struct context *context,
                                              const struct account *account, const char *folder,
                                              enum folder_role role);
void captured_message_write(struct captured_message *captured, const void *data, size_t len);
uint64_t captured_message_size(const struct captured_message *captured);
/* Discards the octets, unless captured_message_store() took them. */
void captured_message_free(struct captured_message *captured);

struct outcome {
    bool wanted;              /* captured_message_store() is due */
    enum uid_state state;     /* else this is its state; UID_UNFETCHED: it must be fetched again */
    char *reason;             /* NULL: none */
    char *exempt_by;          /* the rule that exempts it, or NULL */
    unsigned warnings;        /* of a wanted message (route.h) */
    unsigned copied, skipped; /* undecided conditions (decide.h) that make a copy, or made none */
};
void outcome_clear(struct outcome *outcome);
/* Exempt by that rule, on that basis (decide.h). */
struct outcome outcome_exempt(const struct rule *rule, const char *basis);
/* All octets have arrived. */
struct outcome captured_message_decide(struct captured_message *captured,
                                       const struct message_facts *facts);
/* Passes the octets and copies to the ledger; frees captured. Calls context->stored later. */
void captured_message_store(struct captured_message *captured, const struct message_facts *facts);

/* The decision by the header alone: NEEDS_BODY and YES both mean: fetch it. */
enum match_result header_decide(struct context *context, const struct message_facts *facts,
                                const char *header_text, size_t len, uint64_t size,
                                struct outcome *outcome);

/* For `explain`: the decision with its reasons. The caller frees it. */
struct decision *captured_message_explain(struct captured_message *captured,
                                          const struct message_facts *facts);
const char *captured_message_header(const struct captured_message *captured, size_t *len);
const unsigned char *captured_message_sha256(const struct captured_message *captured);

#endif
