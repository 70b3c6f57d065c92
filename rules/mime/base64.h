/*
 * Base64, RFC 4648 section 4, as used in mail (RFC 2045 section 6.8): octets outside the alphabet
 * are skipped; padding ends a group and more groups may follow.
 */
#ifndef RULES_MIME_BASE64_H
#define RULES_MIME_BASE64_H

#include <stdbool.h>

#include "rules/util/buffer.h"

/* Start with {0}; input may be split anywhere. */
struct base64_reader {
    unsigned bits, count;
    bool unpaired; /* one "=" was read where there must be two */
    bool odd;      /* a "=" stands where it ends no group: some skip it and go on */
};

void base64_read(struct base64_reader *reader, const char *data, size_t len, struct buffer *out);
void base64_write(struct buffer *out, const void *data, size_t len);

#endif
