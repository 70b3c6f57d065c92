/*
 * The two halves of sample_takes() (decide.h), for a caller that asks many rules about one message.
 */
#ifndef RULES_SAMPLE_H
#define RULES_SAMPLE_H

#include "rules/mime/header.h"
#include "rules/rule.h"

/* SHA-256 over the fields that identify a message wherever it lies. */
void sample_digest(const struct header *header, unsigned char digest[32]);
bool sample_takes_digest(const unsigned char key[32], const struct rule *rule,
                         const unsigned char digest[32]);

#endif
