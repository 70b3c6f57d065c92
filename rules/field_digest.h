/*
 * SHA-256 over the unfolded values of the header fields with certain names, in the order of the
 * names and then of the header. Each value is preceded by its name and length, so that nothing can
 * be shifted from one field to the next. A missing field differs from an empty one.
 */
#ifndef RULES_FIELD_DIGEST_H
#define RULES_FIELD_DIGEST_H

#include "rules/mime/header.h"

void field_digest(const struct header *header, const char *const *names, unsigned char digest[32]);

#endif
