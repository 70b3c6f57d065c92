/*
 * The conditions of a rule. Each is a file with one struct match (two where a range has two keys);
 * to add one, write its file and enter it in conditions.h and in the table in decide.c.
 *
 * match() evaluates a condition for one message; the result is MATCH_NEEDS_BODY only if it depends
 * on the body and the body has not been read; MATCH_UNDECIDED if nothing that was read fulfils it
 * but something could not be read for certain (message.h). If `found` is not NULL, match() appends
 * what it found, "the message has 9,999 bytes"; describe() appends what the rule requires, "at
 * least 10,000". Joined by ", the rule requires " they are the reason that `explain` prints. The
 * result does not depend on `found`.
 *
 * Text from a message is appended by match_add_quoted() only.
 */
#ifndef RULES_MATCH_MATCH_H
#define RULES_MATCH_MATCH_H

#include "rules/facts.h"
#include "rules/message.h"
#include "rules/pattern.h"
#include "rules/route.h"
#include "rules/rule.h"
#include "rules/util/buffer.h"

/*
 * What all patterns of all rules may cost for one message, in pattern.h's steps: together about
 * 100 ms on an ordinary core. In three parts, so that none of them starves another: what is asked
 * about the owner alone costs the same for all of his messages, whatever they contain, and what the
 * header decides does not depend on the body.
 */
#define MATCH_WORK_OWNER 500000
#define MATCH_WORK_HEADER 1500000
#define MATCH_WORK_BODY 6000000

struct match_budget {
    struct work owner, header, body;
};

struct match_budget match_budget(void);

struct match_input {
    const struct rule_set *set;
    const struct message *message;
    /* Not set for conditions with NEEDS_OWNER. */
    const struct route *route;
    struct facts *facts;
    struct match_budget *budget;
};

/* What a condition looks at. */
enum match_needs { NEEDS_OWNER, NEEDS_MESSAGE, NEEDS_BODY };

struct match {
    const char *name; /* the key in the configuration */
    enum match_needs needs;
    bool (*is_set)(const struct rule *rule);
    enum match_result (*match)(const struct match_input *in, const struct rule *rule,
                               struct buffer *found);
    void (*describe)(const struct rule *rule, struct buffer *wanted);
};

/* YES, or for no match UNDECIDED if in doubt: a search that reached a limit, or `doubt`. */
enum match_result match_result(bool matched, bool doubt, const struct pattern_search *search);

/* The first match in address fields: an address, what a program may show as one, or the whole text
 * of a field for a /regex/; NULL: no match. */
const char *match_fields(const struct patterns *patterns, const struct field_facts *fields,
                         struct pattern_search *search);

/*
 * A condition on when the message arrived (readings.c): YES if it holds for any reading, or for
 * an exempt rule for every one; else UNDECIDED if the readings are in doubt and it is possible.
 */
struct match_when {
    bool (*holds)(const struct rule *rule, time_t at);
    bool (*possible)(const struct rule *rule, const struct date_readings *dates);
    void (*show)(const struct rule *rule, time_t at, struct buffer *found);
};
enum match_result match_dates(const struct match_input *in, const struct rule *rule,
                              const struct match_when *when, struct buffer *found);

/* These append to a reason and do nothing if buffer is NULL. */

void match_add_text(struct buffer *buffer, const char *text);
/* In quotes: at most 60 octets, with controls and bidirectional marks replaced. */
void match_add_quoted(struct buffer *buffer, const char *text);
/* 12,345 */
void match_add_number(struct buffer *buffer, uint64_t number);
/* The match in the fields, and by which reading; if hit is NULL, all addresses in them. */
void match_add_addresses(struct buffer *buffer, const char *hit, const struct field_facts *fields);
/* "a", "b" or "c": patterns as written. */
void match_add_patterns(struct buffer *buffer, char *const *texts);
/* Why the condition is undecided; NULL: nothing. */
void match_add_doubt(struct buffer *buffer, const char *why);
/* Why address fields are in doubt. */
const char *match_unread_why(const struct header *header);
/* A note if a match hit a limit. */
void match_add_limited(struct buffer *buffer, const struct pattern_search *search);
/* " (folded)": by which reading a text matched, unless it is the text as written. */
void match_add_how(struct buffer *buffer, const char *how);
/* 2026-01-03 14:03 UTC */
void match_add_time(struct buffer *buffer, time_t time);

#endif
