/*
 * A rule and a set of rules: who, which direction, which conditions, to which target.
 *
 * Filled by the configuration (or a test), then rules_prepare()d once: patterns compiled, sources
 * of error named. After that it is never changed, and many threads may read it.
 * Ownership: a rule_set owns all strings and lists in it; rule_set_free() frees them. Lists of
 * strings are NULL-terminated.
 */
#ifndef RULES_RULE_H
#define RULES_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "rules/time/zone.h"

enum selector { SELECT_NONE, SELECT_SELECTED, SELECT_ALL };

enum direction { DIRECTION_INCOMING = 1, DIRECTION_OUTGOING = 2, DIRECTION_INTERNAL = 4 };

struct patterns; /* pattern.h: compiled glob and /regex/ patterns */
struct hours;    /* hours.h: "Mon-Fri 08:00-18:00 Europe/Berlin" */

struct rule {
    char *name;
    char *file; /* where it was written, for messages */
    int line;
    enum selector incoming, outgoing, internal;
    bool exempt;
    /* Exempt: its selectors count only if one is not none; its other conditions must hold. */
    char **addresses; /* exempt only: patterns for owner, sender (claimed too) and recipients */
    char **targets;   /* names of targets, lists already resolved, each once */
    double sample;    /* percent, 0 to 100 */
    bool has_min_size, has_max_size;
    uint64_t min_size, max_size; /* octets; both bounds are part of the range */
    char **users, **not_users;   /* names or addresses of accounts; globs allowed */
    char **from, **to, **subject, **body, **attachment; /* as written; NULL: not asked */
    char **header; /* "X-Class: secret": name, colon, glob or /regex/ for the value */
    bool has_since, has_until;
    time_t since, until; /* UTC; since is part of the range, until is its first second behind */
    char *hours_text;
    char *purpose, *approved_by;
    /* made by rules_prepare() */
    struct patterns *addresses_patterns, *users_patterns, *not_users_patterns, *from_patterns,
        *to_patterns, *subject_patterns, *header_patterns, *body_patterns, *attachment_patterns;
    struct hours *hours;
};

struct rule_set {
    struct rule *rules;
    size_t count, room;
    char **domains; /* whose addresses are ours; lower case; "sub.example.org" only if named */
    unsigned char key[32];   /* the instance key: sampling, X-Monitor-Id, boundaries */
    char *subject_prefix[3]; /* incoming, outgoing, internal; never NULL after rules_prepare() */
    char **removed_fields;   /* further names to remove beside copy.h's, NULL: none */
};

struct rule_set *rule_set_new(void);
void rule_set_free(struct rule_set *set);
/* Appends a rule with all fields zero but sample = 100; the pointer is good until the next call. */
struct rule *rule_set_add(struct rule_set *set);

/* Called for each mistake: a pattern that does not compile, unreadable hours ... */
typedef void rules_complain(void *arg, const struct rule *rule, const char *key, const char *what);
/* Compiles; find_zone as in rules/time/hours.h. Returns the number of mistakes; with 0 the set is
 * ready for decide(). */
int rules_prepare(struct rule_set *set, zone_find *find_zone, rules_complain *complain, void *arg);

/* "incoming" ... ; several joined by ", ". Static or caller's buffer of at least 40 octets. */
const char *direction_text(unsigned directions, char buffer[40]);

#endif
