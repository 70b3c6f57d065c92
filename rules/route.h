/*
 * Who sent a message to whom, and in which direction (share/doc/design.md, "Rules and direction").
 *
 * All readings of the header count (header_read()): a field that only some programs see is seen.
 *
 * - Sent by the owner: in a Sent folder; elsewhere if it has no Received field and all its authors
 *   are the owner. Sender: the owner's address. Recipients: To, Cc, Bcc, and Resent-To, Resent-Cc,
 *   Resent-Bcc of the topmost block (up to the first Received below it). Any external recipient:
 *   outgoing; any internal: internal; none: outgoing. A recipient that is unreadable (address.h) or
 *   was left out is external, whatever else may be read in it; an internal reading makes the
 *   message internal as well. If the header could not be read whole: both.
 * - A message in Sent that has a Received field and whose authors are not the owner was filed there
 *   after it was received, as a filter can do: it has the directions that it would have as
 * received, too, and what its fields say of recipients exempts it no more than a received message.
 * - Else received: the recipient is the owner. If the topmost Delivered-To, X-Original-To or
 *   Envelope-To (only above the first Received field), else To, else Cc names an alias of the
 *   owner, that alias is the address and the field its basis. In all other cases, also where a
 *   field names the main address, it is the main address with basis owner: it needs no proof.
 *   Sender: the first author in From (claimed). Any internal author: internal; any external or
 *   unreadable one, or none: incoming; only such as nothing can be read in, or a header that could
 *   not be read whole: both.
 * - A message outside of Sent that is the owner's by some reading or in part (one of several
 *   authors, a Received field that only some programs see) is received, and has the directions that
 *   it would have if sent as well.
 *
 * user+tag@domain is the owner's where user@domain is (RFC 5233).
 */
#ifndef RULES_ROUTE_H
#define RULES_ROUTE_H

#include <stddef.h>

#include "rules/message.h"
#include "rules/rule.h"

enum warning {
    WARNING_FROM_MISMATCH = 1 << 0,    /* in Sent, but From is not the owner */
    WARNING_CLAIMED_INTERNAL = 1 << 1, /* received, but claims an internal sender */
    WARNING_NO_FROM = 1 << 2,
    WARNING_SEVERAL_FROM = 1 << 3, /* more than one From field, or several authors */
    WARNING_HEADER_TRUNCATED = 1 << 4,
    WARNING_TOO_MANY_RECIPIENTS = 1 << 5,
    WARNING_TNEF = 1 << 6, /* winmail.dat may hold a receipt request that cannot be removed */
    WARNING_OLD_MESSAGE = 1 << 7,  /* found again after a change of UIDVALIDITY */
    WARNING_BODY_LIMITED = 1 << 8, /* body patterns saw only part of the text, see body.h */
    WARNING_HEADER_CUT = 1 << 9,   /* form headers: not all of the header, see copy.h */
    WARNING_DATE_UNKNOWN =
        1 << 10, /* the server gave no usable date: that of the copy is a guess */
    WARNING_UNREADABLE_RECIPIENT = 1 << 11, /* or left out: it counts as external */
    WARNING_BARE_CR = 1 << 12,              /* a bare CR: programs disagree on where lines end */
    WARNING_NO_BLANK_LINE = 1 << 13, /* a line of the header is no field: its body for some */
    WARNING_FORGED_ID = 1 << 14,     /* it carries an X-Monitor-Id, and is no copy of ours */
    WARNING_ENCRYPTED = 1 << 15,     /* what is inside was not seen */
};
/* "from-mismatch" ...; NULL after the last: for (i = 0; warning_text(1u << i); i++). */
const char *warning_text(unsigned warning);

/* How a recipient is known; of several that apply, the first that route.h names. */
enum basis {
    BASIS_OWNER,
    BASIS_TO,
    BASIS_CC,
    BASIS_BCC,
    BASIS_DELIVERED_TO,
    BASIS_X_ORIGINAL_TO,
    BASIS_ENVELOPE_TO,
    BASIS_RESENT_TO,
    BASIS_RESENT_CC,
    BASIS_RESENT_BCC,
    BASIS_LAST = BASIS_RESENT_BCC,
};
const char *basis_text(enum basis basis); /* "owner", "to", "delivered-to" ... */

struct recipient {
    char *address; /* as written, if it is unreadable */
    enum basis basis;
};

struct route {
    bool sent;           /* by the owner */
    unsigned directions; /* of enum direction */
    char *sender;        /* "" if unknown */
    bool sender_claimed;
    bool filed;         /* sent, as it is in Sent, but received by all that its header says */
    bool single_author; /* one From field with one address, and no program reads another */
    struct recipient *recipients;
    size_t n_recipients;
    unsigned warnings; /* of enum warning */
};
struct route *route_find(const struct rule_set *set, const struct message *message);
void route_free(struct route *route);

/* Whether the address is in one of the set's domains. */
bool route_is_internal(const struct rule_set *set, const char *address);

/* Directions of which each message in such a folder has one at least. */
unsigned route_certain(enum folder_role role);

#endif
