/*
 * Decodes the transfer encoding of one part as a stream, RFC 2045 section 6: base64 (octets that do
 * not belong are skipped), quoted-printable (what is no escape stays as it is). Private to this
 * room.
 */
#ifndef RULES_MIME_BODY_DECODE_H
#define RULES_MIME_BODY_DECODE_H

#include <stdbool.h>

#include "rules/util/buffer.h"

enum transfer_encoding {
    ENCODING_IDENTITY,
    ENCODING_BASE64,
    ENCODING_QUOTED_PRINTABLE,
    ENCODING_UNKNOWN, /* read as identity */
};

/* name: lower case; "" is identity. */
enum transfer_encoding transfer_encoding_find(const char *name);

struct body_decoder;

struct body_decoder *body_decoder_new(enum transfer_encoding encoding);
/* Appends to out. */
void body_decoder_feed(struct body_decoder *decoder, const char *data, size_t len,
                       struct buffer *out);
/* Whether others may have decoded something else: base64 with a "=" that ends no group. */
bool body_decoder_is_odd(const struct body_decoder *decoder);
/* Flushes what is held back to out and frees the decoder, which may be NULL. */
void body_decoder_end(struct body_decoder *decoder, struct buffer *out);

#endif
