/*
 * Patterns of the administrator, matched against texts that a stranger wrote.
 *
 * A glob matches the whole text, without case; "*" stands for any octets, "?" for one character,
 * nothing else is special. A /regex/ (PCRE2) searches; flags behind it: i without case, m "^" and
 * "$" at lines, s "." matches line ends too, u \w, \d and \b as Unicode has them. A pattern that
 * begins with "/" is a regex. Texts are UTF-8; an octet that is not counts as U+FFFD.
 *
 * A text cannot make a match expensive. Globs are compiled so that they cost no more than one pass
 * forward and one back. A regex is bounded by PCRE2's limits for one starting place and, since
 * those begin anew at each place, by a count of steps for all regexes of one search. Where a limit
 * is hit the text counts as not matching, and the search says so. No clock: the same text always
 * has the same result. No JIT: no memory of the daemon need be writable and executable, and the
 * limits on depth and heap hold only without it.
 */
#ifndef RULES_PATTERN_H
#define RULES_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PATTERN_WORK_MAX 20000000u /* steps of one search; about a third of a second */
#define PATTERN_MATCH_LIMIT 5000000u
#define PATTERN_DEPTH_LIMIT 100000u
#define PATTERN_HEAP_LIMIT_KIB 8192u

enum pattern_kind { PATTERN_GLOB = 1, PATTERN_REGEX = 2, PATTERN_ANY_KIND = 3 };

struct patterns;

struct patterns *patterns_new(void);
void patterns_free(struct patterns *patterns);

/* NULL, or what is wrong with the text, to be freed; then nothing was added. Patterns are numbered
 * from 0 in the order in which they are added. */
char *patterns_add(struct patterns *patterns, const char *text);

/* One search through any number of texts. Start with {0}; the counts go on from call to call. */
struct pattern_search {
    uint64_t work;  /* steps spent */
    size_t hit;     /* number of the pattern that matched last */
    size_t limited; /* matches that hit a limit, each counted as no match */
};

/* Whether any pattern of these kinds matches the text. */
bool patterns_match(const struct patterns *patterns, unsigned kinds, const char *text, size_t len,
                    struct pattern_search *search);
/* The same for the pattern of that number alone. */
bool patterns_match_one(const struct patterns *patterns, size_t number, const char *text,
                        size_t len, struct pattern_search *search);

#endif
