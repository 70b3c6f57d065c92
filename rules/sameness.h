/*
 * Whether two messages are halves of one internal message: the Sent copy of its sender and what its
 * recipients received. SHA-256 over the whole body and over all header fields in their order,
 * except those that transport adds or removes between the two. Never the Message-ID alone.
 *
 * Every octet that is not left out counts. Line ends are an exception: CRLF and LF are equal, a
 * field may be folded elsewhere, and a line end that is missing after the last line, which SMTP
 * cannot transmit, is added. A CR is part of a line end only before LF.
 *
 * Left out are, in both halves, the fields of the closed list that stand above the first other
 * field: transport prepends them (mailvigil.conf(5) has the list). Below it they are the sender's,
 * and count. Of a Sent copy also Bcc and what the sender's program keeps to itself, wherever they
 * stand. Whatever differs besides makes two messages: a copy too many can be deleted.
 *
 * What is left out can hide text: of two halves only the one that was captured first is copied with
 * it. So the lists are short, and the caller joins messages of different accounts only.
 *
 * Cost: linear; the body in pieces, with constant memory.
 */
#ifndef RULES_SAMENESS_H
#define RULES_SAMENESS_H

#include <stdbool.h>
#include <stddef.h>

struct header;
struct sameness; /* a body digest in progress */

enum half { HALF_RECEIVED, HALF_SENT };

/* That much is left out above the first other field, and of a Sent copy besides Bcc; more is doubt.
 */
#define SAMENESS_TRACE_MAX (32 * 1024)
#define SAMENESS_SENT_MAX 2048

struct sameness *sameness_new(void);
void sameness_body(struct sameness *sameness, const void *data, size_t len);
/* Writes the digest and frees sameness. false: the header is not known to its end, or has more
 * trace fields than a transport adds; the message is the same as no other. */
bool sameness_end(struct sameness *sameness, const struct header *header, enum half half,
                  unsigned char digest[32]);
void sameness_free(struct sameness *sameness);

/*
 * Whether a message is a copy that we sent: SHA-256 over the header, without the trace fields above
 * the first other one, and the SHA-256 of the body's octets. false: as above.
 */
bool sameness_of_copy(const struct header *header, const unsigned char body_sha256[32],
                      unsigned char digest[32]);

/* The names in the lists, for the manual and its test; "X-Name-*" is all names that begin so.
 * NULL-terminated. */
extern const char *const sameness_trace_fields[];
extern const char *const sameness_sent_fields[];

#endif
