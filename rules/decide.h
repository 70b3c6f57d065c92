/*
 * The decision: which rules want a message, for which targets, and why.
 *
 * Pure: the same set and message give the same decision, always. Rules are independent of each
 * other, except that a matching exempt rule beats all.
 */
#ifndef RULES_DECIDE_H
#define RULES_DECIDE_H

#include "rules/message.h"

enum verdict { VERDICT_NO, VERDICT_YES, VERDICT_NEEDS_BODY };

/* One condition's answer, for explain: "min_size", YES, "the message has 12,345 octets, the rule
 * wants at least 10,000". No controls, whatever the message holds. */
struct reason {
    const char *condition; /* static */
    enum verdict verdict;
    char *text;
};

struct rule_decision {
    const struct rule *rule;
    enum verdict verdict;
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
    enum verdict verdict; /* YES: at least one target; NEEDS_BODY: undecided without the body */
    bool exempt;          /* an exempt rule took it out: verdict is NO */
    const struct rule *exempt_by;
    struct rule_decision *rules; /* one for each rule of the set, in order */
    size_t n_rules;
    struct target_decision *targets; /* valid with YES; with NEEDS_BODY those certain already */
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
 * (NEEDS_BODY here means: needs the header). NO also where an exempt rule takes out all that is
 * this owner's.
 */
enum verdict decide_before_fetch(const struct rule_set *set, const struct owner *owner,
                                 enum folder_role role);

/* For `users`: whether rule `rule` could ever want a message of this owner in that direction. */
bool rule_covers(const struct rule *rule, const struct owner *owner, enum direction direction);

/*
 * Sampling: a keyed hash of the rule's name and of the fields that identify a message wherever it
 * lies (From, To, Cc, Date, Subject, Message-ID, Content-Type, In-Reply-To), so that the choice is
 * the same after a crash, in every folder, and without the ledger; and not to be foretold without
 * the key.
 */
bool sample_takes(const unsigned char key[32], const struct rule *rule,
                  const struct header *header);

/*
 * Sameness of internal messages: SHA-256 over the identifying fields (From, To, Cc, Subject, Date,
 * Message-ID, each unfolded) and the digest of the body without its trailing line ends and empty
 * lines. Line ends CRLF and LF are the same. Never the Message-ID alone.
 */
struct sameness; /* body digest in the making */
struct sameness *sameness_new(void);
void sameness_body(struct sameness *sameness, const void *data, size_t len);
/* Writes 32 octets and frees. */
void sameness_end(struct sameness *sameness, const struct header *header, unsigned char digest[32]);
void sameness_free(struct sameness *sameness);

#endif
