/*
 * Decodes the text of one part as a stream: transfer encoding (RFC 2045 section 6), then charset.
 * Private to body.c.
 */
#ifndef RULES_MIME_BODY_DECODE_H
#define RULES_MIME_BODY_DECODE_H

#include "rules/util/buffer.h"

struct body_decoder;

/* encoding: lower case; charset: may be NULL. */
struct body_decoder *body_decoder_new(const char *encoding, const char *charset);
void body_decoder_feed(struct body_decoder *decoder, const char *data, size_t len,
                       struct buffer *out);
/* Flushes what is held back to out and frees the decoder. */
void body_decoder_end(struct body_decoder *decoder, struct buffer *out);

#endif
