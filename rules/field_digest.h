/*
 * SHA-256 over the values of header fields of certain names, unfolded, in the order of the names
 * and then of the header; each with its name and length before it, so that nothing can be moved
 * from one to the next. A field that is missing and one that is empty differ.
 */
#ifndef RULES_FIELD_DIGEST_H
#define RULES_FIELD_DIGEST_H

#include "rules/mime/header.h"

void field_digest(const struct header *header, const char *const *names, unsigned char digest[32]);

#endif
