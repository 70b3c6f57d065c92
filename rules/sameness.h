/*
 * Sameness of internal messages: SHA-256 over the identifying fields (From, To, Cc, Subject, Date,
 * Message-ID, each unfolded) and the digest of the body without its trailing line ends and empty
 * lines. Line ends CRLF and LF are the same. Never the Message-ID alone.
 */
#ifndef RULES_SAMENESS_H
#define RULES_SAMENESS_H

#include <stddef.h>

struct header;
struct sameness; /* body digest in the making */

struct sameness *sameness_new(void);
void sameness_body(struct sameness *sameness, const void *data, size_t len);
/* Writes 32 octets and frees. */
void sameness_end(struct sameness *sameness, const struct header *header, unsigned char digest[32]);
void sameness_free(struct sameness *sameness);

#endif
