/*
 * Rules: whose mail, in which direction, under which conditions, to which targets.
 *
 * Filled by the configuration (or a test), then rules_prepare()d once, which compiles patterns and
 * reports mistakes. A set does not change after that, and any number of threads may read it.
 * Ownership: a rule_set owns all its strings and lists; rule_set_free() frees them. Lists of
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
    char *file; /* source location, for messages */
    int line;
    enum selector incoming, outgoing, internal;
    bool exempt;
    bool skip_undecided; /* undecided = "skip": a condition in doubt counts as no, not as yes */
    /* An exempt rule with no selector set applies to all directions; its conditions must match. */
    char **addresses; /* exempt only: match/exempt.c says whose */
    char **targets;   /* names of targets, lists resolved, without duplicates */
    double sample;    /* percent, 0 to 100 */
    bool has_min_size, has_max_size;
    uint64_t min_size, max_size; /* octets, inclusive */
    char **users, **not_users;   /* names or addresses of accounts; globs allowed */
    char **from, **to, **subject, **body, **attachment; /* as written; NULL: not set */
    char **header;  /* "X-Class: secret": name, colon, glob or /regex/ for the value */
    bool encrypted; /* only what is encrypted, in part or all */
    bool has_since, has_until;
    time_t since, until; /* UTC; since inclusive, until exclusive */
    char *hours_text;
    char *purpose, *approved_by;
    /* set by rules_prepare() */
    struct patterns *addresses_patterns, *users_patterns, *not_users_patterns, *from_patterns,
        *to_patterns, *subject_patterns, *header_patterns, *body_patterns, *attachment_patterns;
    struct hours *hours;
};

struct rule_set {
    struct rule *rules;
    size_t count, room;
    char **domains;          /* internal; lower case; without their subdomains */
    unsigned char key[32];   /* the instance key: sampling, X-Monitor-Id, boundaries */
    char *subject_prefix[3]; /* incoming, outgoing, internal; never NULL after rules_prepare() */
    char **removed_fields;   /* names to remove in addition to copy.h's; NULL: none */
};

struct rule_set *rule_set_new(void);
void rule_set_free(struct rule_set *set);
/* Appends a rule with all fields zero but sample = 100. The pointer is valid until the next call.
 */
struct rule *rule_set_add(struct rule_set *set);

/* Called for each mistake: a pattern that does not compile, invalid hours ... */
typedef void rules_complain(void *arg, const struct rule *rule, const char *key, const char *what);
/* find_zone as for hours_parse(). Returns the number of mistakes; if 0 the set is ready for
 * decide().
 */
int rules_prepare(struct rule_set *set, zone_find *find_zone, rules_complain *complain, void *arg);

/*
 * Where only one can be named (the Subject's prefix, the folder of a target): a message that also
 * crosses the border is not just internal. Of none: internal.
 */
enum direction direction_main(unsigned directions);
/* "incoming" ...; several joined by ", ". Returns buffer. */
const char *direction_text(unsigned directions, char buffer[40]);

#endif
