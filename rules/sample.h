/*
 * Sampling: a keyed hash of the rule's name and of the fields that identify a message in whatever
 * folder it is found (From, To, Cc, Date, Subject, Message-ID, Content-Type, In-Reply-To). The
 * choice is the same after a crash, in every folder, and without the ledger, and unpredictable
 * without the key. Two steps, so that the digest is computed once for many rules.
 */
#ifndef RULES_SAMPLE_H
#define RULES_SAMPLE_H

#include <stdbool.h>

#include "rules/mime/header.h"
#include "rules/rule.h"

/* SHA-256 over the identifying fields. */
void sample_digest(const struct header *header, unsigned char digest[32]);
/* Whether the rule's sample includes the message of that digest. */
bool sample_includes(const unsigned char key[32], const struct rule *rule,
                     const unsigned char digest[32]);

#endif
