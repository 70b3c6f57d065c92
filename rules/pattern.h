/*
 * The administrator's patterns, matched against untrusted text.
 *
 * A glob matches the whole text, case-insensitively; "*" matches any octets, "?" one character,
 * nothing else is special. A /regex/ (PCRE2) searches; flags follow the last slash: i ignores case,
 * m makes "^" and "$" match at lines, s makes "." match line ends, u gives \w, \d and \b their
 * Unicode meaning. A pattern that starts with "/" is a regex. Texts are UTF-8; an invalid octet
 * counts as U+FFFD.
 *
 * What a match costs is counted in steps (work.h), never timed, and all patterns that are asked
 * about a message draw on budgets that they share. In this order, for a text:
 *   - an attempt costs 8 steps, and a step for each 128 octets of the text;
 *   - a regex that can only match texts with certain literals (regex_literal.h) does not match one
 *     without: a step for each 32 octets that are compared, or each 12 if it ignores case;
 *   - PCRE2's matcher searches; it goes back and tries again. That is a step for each 16 octets,
 *     which it may look at in any case, one for each item of the regex that it looks at, and more
 *     if that item is far from the one before;
 *   - if that comes to more than 2 steps an octet, the linear search of regex_linear.h takes over,
 *     where the regex is one that it knows: most are;
 *   - if it does not, PCRE2's matcher may go on. No search of one text by one pattern gets more
 *     than a quarter of what is left of the budget, so that others are asked too.
 * A glob is compiled so that it costs no more than one pass forward and one back, and is charged
 * for that beforehand.
 *
 * Whatever ends without an answer, for lack of work, of heap or for any other reason, does not
 * match and is counted in `limited`: doubt, never a no. What is found is found, whatever it cost.
 *
 * Patterns are compiled to machine code (JIT) where PCRE2 can and may do that. Where memory must
 * not be executable (systemd's MemoryDenyWriteExecute, which our unit sets) they are interpreted,
 * and cost the same steps: those are counted by callouts in the pattern, in both. A match whose
 * machine code runs out of stack is interpreted from its start. Two things are not the same to the
 * last step: where a search begins, for machine code skips less or more of what cannot match, and
 * the heap, which only the interpreter needs (up to PATTERN_HEAP_LIMIT_KIB). Both can make the
 * difference between an answer and doubt, never between yes and no.
 */
#ifndef RULES_PATTERN_H
#define RULES_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rules/util/work.h"

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

/* Without machine code from now on, as where memory must not be executable; for tests. */
void patterns_interpret(struct patterns *patterns);

/* One search over any number of texts. Start with {.work = ...}; the counts accumulate from call to
 * call. */
struct pattern_search {
    struct work *work; /* the budget that it draws on; never NULL */
    size_t hit;        /* number of the pattern that matched last */
    size_t limited;    /* attempts that ended without an answer, each counted as no match */
};

/* Whether any pattern of these kinds matches the text. */
bool patterns_match(const struct patterns *patterns, unsigned kinds, const char *text, size_t len,
                    struct pattern_search *search);
/* The same for one pattern. */
bool patterns_match_one(const struct patterns *patterns, size_t number, const char *text,
                        size_t len, struct pattern_search *search);

#endif
