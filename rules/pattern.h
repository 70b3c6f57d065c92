/*
 * The administrator's patterns, matched against untrusted text.
 *
 * A glob matches the whole text, case-insensitively; "*" matches any octets, "?" one character,
 * nothing else is special. A /regex/ (PCRE2) searches; flags follow the last slash: i ignores case,
 * m makes "^" and "$" match at lines, s makes "." match line ends, u gives \w, \d and \b their
 * Unicode meaning. A pattern that starts with "/" is a regex. Texts are UTF-8; an invalid octet
 * counts as U+FFFD.
 *
 * No text can make a match expensive. Globs are compiled so that they cost no more than one pass
 * forward and one back. A regex is bounded by PCRE2's limits for one starting position and, since
 * those start afresh at each position, by a count of steps for all regexes of one search. A text
 * that hits a limit counts as not matching, and the search reports it. No clock is involved: the
 * same text always gives the same result. No JIT: it would need memory that is writable and
 * executable, and the limits on depth and heap do not apply to it.
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

/* Returns NULL, or an error message to be freed; then nothing was added. Patterns are numbered from
 * 0 in the order they are added. */
char *patterns_add(struct patterns *patterns, const char *text);

/* One search over any number of texts. Start with {0}; the counts accumulate from call to call. */
struct pattern_search {
    uint64_t work;  /* steps spent */
    size_t hit;     /* number of the pattern that matched last */
    size_t limited; /* attempts that hit a limit, each counted as no match */
};

/* Whether any pattern of these kinds matches the text. */
bool patterns_match(const struct patterns *patterns, unsigned kinds, const char *text, size_t len,
                    struct pattern_search *search);
/* The same for one pattern. */
bool patterns_match_one(const struct patterns *patterns, size_t number, const char *text,
                        size_t len, struct pattern_search *search);

#endif
