/*
 * All conditions, and what two of them can tell without a message.
 */
#ifndef RULES_MATCH_CONDITIONS_H
#define RULES_MATCH_CONDITIONS_H

#include "rules/match/match.h"

extern const struct match match_direction, match_users, match_not_users, match_min_size,
    match_max_size, match_since, match_until, match_hours, match_exempt, match_from, match_to,
    match_subject, match_header, match_sample, match_attachment, match_body, match_encrypted;

/* The directions that the rule's selectors choose for this owner. */
unsigned match_directions(const struct rule *rule, const struct owner *owner);
/* Whether the rule's `addresses` match the owner, which covers all of the owner's mail. */
bool match_exempt_owner(const struct rule *rule, const struct owner *owner);
/* By which fact an exempt rule that matches exempts the message: "owner", "every recipient", "from
 * x@partner.test (authenticated)" or "(claimed)"; a new string. */
char *match_exempt_basis(const struct match_input *in, const struct rule *rule);

#endif
