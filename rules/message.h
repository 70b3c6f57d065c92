/*
 * What the rules may know of a message: plain facts, gathered by the caller. No I/O, no clock.
 *
 * Two kinds of knowledge come at different times: the header first, what the body holds (its
 * attachments and its text) only when the body was read. message.body NULL means not yet known, and
 * then a rule may answer MATCH_UNDECIDED.
 */
#ifndef RULES_MESSAGE_H
#define RULES_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "rules/mime/header.h"

/* An answer of a condition, a rule or all rules. UNDECIDED: more of the message must be known. */
enum match_result { MATCH_NO, MATCH_YES, MATCH_UNDECIDED };

/* The account in which the message lies. All borrowed. */
struct owner {
    const char *account; /* its name in the configuration */
    const char *address;
    const char *const *aliases; /* NULL-terminated, or NULL */
    bool monitor;               /* the tick that "selected" means */
};

enum folder_role { FOLDER_OTHER, FOLDER_SENT };

struct body_facts; /* mime/body.h: attachments, and decoded text for body patterns */

struct message {
    const struct owner *owner;
    enum folder_role role;
    uint64_t size; /* octets of the message itself where known, else RFC822.SIZE */
    time_t internaldate;
    const struct header *header;
    const struct body_facts *body; /* NULL: not read (yet) */
};

#endif
