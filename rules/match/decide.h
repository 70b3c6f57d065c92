/*
 * The decision: which rules match a message, for which targets, and why.
 *
 * Pure: the same set and message always give the same decision. Rules are independent of each
 * other, except that a matching exempt rule overrides all others.
 *
 * Doubt copies: a condition that is undecided counts as yes, one of an exempt rule as no. A rule
 * with undecided = "skip" does not choose its targets then. Either way the decision says so.
 */
#ifndef RULES_MATCH_DECIDE_H
#define RULES_MATCH_DECIDE_H

#include "rules/message.h"
#include "rules/route.h"

/* The result of one condition, for explain: "min_size", YES, "the message has 12,345 bytes, the
 * rule requires at least 10,000". Free of control characters. */
struct reason {
    const char *condition; /* static */
    enum match_result result;
    char *text;
};

struct rule_decision {
    const struct rule *rule;
    enum match_result result;
    unsigned directions;    /* those of the message that its selectors choose */
    unsigned undecided;     /* conditions that are undecided, if result is UNDECIDED */
    bool skipped;           /* result is UNDECIDED, and the rule says to skip then */
    struct reason *reasons; /* only with `explain`: all conditions, not just up to the first NO */
    size_t n_reasons;
};

struct target_decision {
    const char *target;        /* borrowed from a rule */
    const struct rule **rules; /* those that chose it, in the set's order */
    size_t n_rules;
    unsigned undecided; /* conditions in doubt without which it would not have been chosen */
};

struct decision {
    enum match_result result; /* YES: at least one target; NEEDS_BODY: ask again with the body */
    bool exempt;              /* an exempt rule matches: result is NO */
    const struct rule *exempt_by;
    char *exempt_basis;          /* by which fact: match_exempt_basis() */
    unsigned skipped;            /* undecided conditions for which rules were skipped */
    struct rule_decision *rules; /* one per rule of the set, in order */
    size_t n_rules;
    struct target_decision *targets; /* valid with YES; with NEEDS_BODY those certain already */
    size_t n_targets;
    struct route *route;
};

/* explain: collect reasons (slower). Adds WARNING_BODY_LIMITED to the route where it applies. */
struct decision *decide(const struct rule_set *set, const struct message *message, bool explain);
void decision_free(struct decision *decision);

/* Whether any rule has a condition on the body: without one, message.body may stay NULL. */
bool decide_needs_body(const struct rule_set *set);

/* The n-th condition (bit n of `undecided`) as its key in the configuration; NULL after the last.
 */
const char *decide_condition(unsigned n);
/* Their names, "attachment, body"; a new string. */
char *decide_conditions_text(unsigned conditions);

/*
 * Before anything of a message is fetched, for an owner and folder role. NO: no rule can match (or
 * an exempt rule covers all mail of this owner), so not even the header is needed. YES: some rule
 * matches every message without looking at it, so fetch all at once. NEEDS_BODY: the header is
 * needed.
 */
enum match_result decide_before_fetch(const struct rule_set *set, const struct owner *owner,
                                      enum folder_role role);

/* The exempt rule that covers all mail of this owner in such a folder: its basis is "owner"; or
 * NULL.
 */
const struct rule *decide_exempt_owner(const struct rule_set *set, const struct owner *owner,
                                       enum folder_role role);

/* For the `users` command: whether the rule could match a message of this owner in that direction.
 */
bool rule_covers(const struct rule *rule, const struct owner *owner, enum direction direction);

#endif
