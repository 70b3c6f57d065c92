/*
 * What a server's own Authentication-Results say of the domain of an author (RFC 8601).
 *
 * The fields of the server are those that carry its authserv-id, from the top down to the first
 * that carries another id, or to the first Received below the topmost of them: the server adds its
 * own above all that the sender wrote. It must remove fields with its id from what it receives (RFC
 * 8601 section 5); where it does not, the topmost result of each method counts.
 *
 * PASSED: dmarc=pass for the domain; or, without a DMARC result that decides, dkim=pass with a
 * header.d (or header.i), or spf=pass with an smtp.mailfrom, that is the domain or a parent of it.
 * FAILED: dmarc=fail; or nothing passes and dkim or spf fails; or the results contradict each
 * other: one that passes names two domains, or dkim both passes and fails for this one, without
 * DMARC. OTHERS: dkim or spf passes for another domain only, and the message was not submitted to
 * the server itself (auth=pass). Else UNKNOWN.
 *
 * Cost: linear in the header. No recursion.
 */
#ifndef RULES_MIME_AUTH_RESULTS_H
#define RULES_MIME_AUTH_RESULTS_H

#include "rules/mime/header.h"

enum auth_verdict { AUTH_UNKNOWN, AUTH_PASSED, AUTH_OTHERS, AUTH_FAILED };

enum auth_verdict auth_results_find(const struct header *header, const char *authserv_id,
                                    const char *domain);

#endif
