/*
 * Sampling: a keyed hash of the rule's name and of the fields that identify a message wherever it
 * lies (From, To, Cc, Date, Subject, Message-ID, Content-Type, In-Reply-To), so that the choice is
 * the same after a crash, in every folder, and without the ledger; and not to be foretold without
 * the key. In two halves, for a caller that asks many rules about one message.
 */
#ifndef RULES_SAMPLE_H
#define RULES_SAMPLE_H

#include <stdbool.h>

#include "rules/mime/header.h"
#include "rules/rule.h"

/* SHA-256 over the fields that identify a message wherever it lies. */
void sample_digest(const struct header *header, unsigned char digest[32]);
/* Whether a message of that digest falls into the rule's sample. */
bool sample_takes(const unsigned char key[32], const struct rule *rule,
                  const unsigned char digest[32]);

#endif
