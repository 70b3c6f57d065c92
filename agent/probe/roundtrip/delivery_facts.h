/*
 * What the header of a returned message says about its way: delays between its Received fields, and
 * the receiving server's assessment (Authentication-Results, RFC 8601). For information: every line
 * except the topmost ones may be forged. Pure; no recursion, time linear in the header, which
 * rules/mime/header.h bounds.
 */
#ifndef AGENT_PROBE_ROUNDTRIP_DELIVERY_FACTS_H
#define AGENT_PROBE_ROUNDTRIP_DELIVERY_FACTS_H

#include "agent/probe/verdict/result.h"
#include "rules/mime/header.h"

/* Delays in seconds from each Received to the one above it, oldest first; ROUNDTRIP_HOPS_MAX at
 * most (the newest). A line without a valid date makes no hop. Returns the number of hops. */
size_t delivery_hops(const struct header *header, int64_t seconds[ROUNDTRIP_HOPS_MAX]);

/* The result of each method, by the topmost Authentication-Results field that has it, of those of
 * one server (its filters often write one field each): authserv_id, compared without case; NULL:
 * the one that wrote the topmost field. Comments and quoted strings are skipped. Servers that
 * omit their name (Microsoft's) count as one server without a name.
 * pass; fail for fail, softfail, hardfail, permerror, policy; other for the remaining ones; of
 * several results of one method in a field (DKIM): one pass is a pass. */
void delivery_auth(const struct header *header, const char *authserv_id,
                   enum auth_result results[AUTH_METHODS]);

/* The date of a Received field (after its last semicolon, if it has one) or a Date: RFC 5322
 * section 3.3, obsolete forms too, ctime()'s and RFC 3339's; surrounding text does not matter.
 * A missing or unknown zone is UTC. Seconds since 1970; false: invalid. */
bool delivery_date(const char *text, size_t len, int64_t *seconds);

#endif
