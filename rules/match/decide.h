/*
 * The decision: which rules want a message, for which targets, and why.
 *
 * Pure: the same set and message give the same decision, always. Rules are independent of each
 * other, except that a matching exempt rule beats all.
 */
#ifndef RULES_MATCH_DECIDE_H
#define RULES_MATCH_DECIDE_H

#include "rules/message.h"
#include "rules/route.h"

/* One condition's answer, for explain: "min_size", YES, "the message has 12,345 octets, the rule
 * wants at least 10,000". No controls, whatever the message holds. */
struct reason {
    const char *condition; /* static */
    enum match_result result;
    char *text;
};

struct rule_decision {
    const struct rule *rule;
    enum match_result result;
    unsigned directions;    /* in which its selectors take the message */
    struct reason *reasons; /* only with `explain`: every condition, not only up to the first no */
    size_t n_reasons;
};

struct target_decision {
    const char *target;        /* borrowed from a rule */
    unsigned directions;       /* of all rules that chose it */
    const struct rule **rules; /* those that chose it, in the set's order */
    size_t n_rules;
};

struct decision {
    enum match_result result; /* YES: at least one target; UNDECIDED: the body is needed */
    bool exempt;              /* an exempt rule took it out: result is NO */
    const struct rule *exempt_by;
    struct rule_decision *rules; /* one for each rule of the set, in order */
    size_t n_rules;
    struct target_decision *targets; /* valid with YES; with UNDECIDED those certain already */
    size_t n_targets;
    struct route *route;
};

/* explain: gather reasons (slower). Adds to the route's warnings what concerns the body's rules. */
struct decision *decide(const struct rule_set *set, const struct message *message, bool explain);
void decision_free(struct decision *decision);

/*
 * What can be said before anything of a message is fetched: for this owner and folder role, could
 * any rule want a message (NO: not even its header is needed), or does every message find a rule
 * that asks nothing of header or body (YES: fetch all at once), or is the header needed
 * (UNDECIDED). NO also where an exempt rule takes out all that is
 * this owner's.
 */
enum match_result decide_before_fetch(const struct rule_set *set, const struct owner *owner,
                                      enum folder_role role);

/* For `users`: whether rule `rule` could ever want a message of this owner in that direction. */
bool rule_covers(const struct rule *rule, const struct owner *owner, enum direction direction);

#endif
