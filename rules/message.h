/*
 * What rules know about a message: plain facts, gathered by the caller. No I/O, no clock.
 *
 * They become known in two steps: the header first; attachments and text only once the body has
 * been read. As long as message.body is NULL a rule may be MATCH_NEEDS_BODY.
 *
 * Facts that could not be established for certain say so (header.truncated, field_facts.doubt,
 * body_facts.doubt, date_unknown). A condition that no reading fulfils but that such a doubt
 * concerns is MATCH_UNDECIDED, never MATCH_NO: no bound of ours decides against a rule.
 */
#ifndef RULES_MESSAGE_H
#define RULES_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "rules/mime/header.h"

/*
 * The result of a condition, a rule or all rules. UNDECIDED: it cannot be answered for certain, and
 * counts as yes unless the rule says `undecided = "skip"`. NEEDS_BODY: ask again with the body.
 */
enum match_result { MATCH_NO, MATCH_YES, MATCH_UNDECIDED, MATCH_NEEDS_BODY };

/* The account that holds the message. All borrowed. */
struct owner {
    const char *account; /* its name in the configuration */
    const char *address;
    const char *const *aliases; /* NULL-terminated, or NULL */
    bool monitor;               /* what "selected" refers to */
    /* The name in the Authentication-Results that its server adds; NULL: none are believed. */
    const char *authserv_id;
};

enum folder_role { FOLDER_OTHER, FOLDER_SENT };

struct body_facts; /* mime/body.h: attachments, and decoded text for body patterns */

struct message {
    const struct owner *owner;
    enum folder_role role;
    uint64_t size; /* of the message as read if known, else RFC822.SIZE */
    time_t internaldate;
    bool date_unknown; /* internaldate is a guess: the server's was unusable */
    /* When the agent first saw it, and when it last looked before that; 0: not known. */
    time_t seen, seen_after;
    const struct header *header;
    const struct body_facts *body; /* NULL: not read (yet) */
};

#endif
