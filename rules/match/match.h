/*
 * A condition of a rule. Each is one file with one struct match (two where a range has two keys);
 * to add one, write its file and enter it in conditions.h and in the table of decide.c.
 *
 * match() answers for one message; the answer is MATCH_UNDECIDED only where the body decides and
 * is not known. Where `found` is not NULL it gets what the message has, "the message has 9,999
 * octets"; describe() tells what the rule asks, "at least 10,000". With "the rule wants" between
 * them they are the reason that `explain` prints. The answer is the same with and without `found`.
 *
 * What a message brought is shown through match_quote() only.
 */
#ifndef RULES_MATCH_MATCH_H
#define RULES_MATCH_MATCH_H

#include "rules/facts.h"
#include "rules/message.h"
#include "rules/pattern.h"
#include "rules/route.h"
#include "rules/rule.h"
#include "rules/util/buffer.h"

struct match_input {
    const struct rule_set *set;
    const struct message *message;
    /* Not set for a condition of NEEDS_OWNER. */
    const struct route *route;
    struct facts *facts;
};

/* What must be known for an answer. */
enum match_needs { NEEDS_OWNER, NEEDS_MESSAGE, NEEDS_BODY };

struct match {
    const char *name; /* the key in the configuration */
    enum match_needs needs;
    bool (*asked)(const struct rule *rule);
    enum match_result (*match)(const struct match_input *in, const struct rule *rule,
                               struct buffer *found);
    void (*describe)(const struct rule *rule, struct buffer *wanted);
};

/* What in fields of addresses the patterns take: an address, or the whole text of a field by a
 * /regex/; NULL: nothing. */
const char *match_fields(const struct patterns *patterns, const struct field_facts *fields,
                         struct pattern_search *search);

/* For describing; each does nothing where the buffer is NULL. */

/* In quotation marks: at most 60 octets, controls and marks that turn the direction of writing
 * replaced. */
void match_quote(struct buffer *buffer, const char *text);
/* 12,345 */
void match_number(struct buffer *buffer, uint64_t number);
/* What was taken of the fields; where hit is NULL, all whom they name. */
void match_people(struct buffer *buffer, const char *hit, const struct field_facts *fields);
/* "a", "b" or "c": patterns as written. */
void match_patterns(struct buffer *buffer, char *const *texts);
/* Says so when matches hit a limit. */
void match_limited(struct buffer *buffer, const struct pattern_search *search);
/* 2026-01-03 14:03 UTC */
void match_time(struct buffer *buffer, time_t time);
void match_say(struct buffer *buffer, const char *text);

#endif
