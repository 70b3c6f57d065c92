/*
 * Who sent it to whom, which way: DESIGN "Direction".
 * - In a Sent folder, or elsewhere without Received and From one of the owner's: sent by the owner.
 *   Sender: the owner's address, basis mailbox. Recipients: To, Cc, Bcc (Resent-* are not looked
 *   at). Any outside domains: outgoing; any inside: internal; none at all: outgoing; so many that
 *   some were not read: outgoing too. Elsewhere, all authors must be the owner's, and a truncated
 *   header proves no missing Received.
 * - Else received: the recipient is the owner. The address is the alias by which the topmost
 *   Delivered-To, X-Original-To or Envelope-To (only above the first Received field), then To, then
 *   Cc, names him, with that basis; his main address, basis owner, in all other cases, also where
 *   it is what names him: no field need prove it. Sender: the first author in From (claimed).
 *   Any author inside: internal; any outside, or none: incoming.
 */
#ifndef RULES_ROUTE_H
#define RULES_ROUTE_H

#include <stddef.h>

#include "rules/message.h"
#include "rules/rule.h"

enum warning {
    WARNING_FROM_MISMATCH = 1 << 0,    /* in Sent, From is none of the owner's */
    WARNING_CLAIMED_INTERNAL = 1 << 1, /* received, and claims an inside sender */
    WARNING_NO_FROM = 1 << 2,
    WARNING_SEVERAL_FROM = 1 << 3, /* more than one From field, or several authors */
    WARNING_HEADER_TRUNCATED = 1 << 4,
    WARNING_TOO_MANY_RECIPIENTS = 1 << 5,
    WARNING_TNEF = 1 << 6, /* winmail.dat may hold a receipt request that cannot be removed */
    WARNING_OLD_MESSAGE = 1 << 7,  /* found again after a change of UIDVALIDITY */
    WARNING_BODY_LIMITED = 1 << 8, /* body patterns saw only a part, see body.h */
};
/* "from-mismatch" ...; NULL behind the last: for (i = 0; warning_text(1u << i); i++). */
const char *warning_text(unsigned warning);

/* How a recipient is known, strongest first where several hold. */
enum basis {
    BASIS_OWNER,
    BASIS_TO,
    BASIS_CC,
    BASIS_BCC,
    BASIS_DELIVERED_TO,
    BASIS_X_ORIGINAL_TO,
    BASIS_ENVELOPE_TO,
};
const char *basis_text(enum basis basis); /* "owner", "to", "delivered-to" ... */

struct recipient {
    char *address;
    enum basis basis;
};

struct route {
    bool sent;           /* by the owner */
    unsigned directions; /* of enum direction */
    char *sender;        /* never NULL; "" if there is none */
    bool sender_claimed;
    struct recipient *recipients;
    size_t n_recipients;
    unsigned warnings; /* of enum warning */
};
struct route *route_find(const struct rule_set *set, const struct message *message);
void route_free(struct route *route);

/* Which directions a message in such a folder can have at all, before any header is seen. */
unsigned route_possible(enum folder_role role);

#endif
