/*
 * Whether two copies of internal mail are of the same message: SHA-256 over the identifying fields
 * (From, To, Cc, Subject, Date, Message-ID, each unfolded) and the digest of the body without
 * trailing line ends and empty lines. CRLF and LF are equivalent. Never the Message-ID alone.
 */
#ifndef RULES_SAMENESS_H
#define RULES_SAMENESS_H

#include <stddef.h>

struct header;
struct sameness; /* a body digest in progress */

struct sameness *sameness_new(void);
void sameness_body(struct sameness *sameness, const void *data, size_t len);
/* Writes the digest and frees sameness. */
void sameness_end(struct sameness *sameness, const struct header *header, unsigned char digest[32]);
void sameness_free(struct sameness *sameness);

#endif
