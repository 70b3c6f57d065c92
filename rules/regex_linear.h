/*
 * Search for a regex in linear time.
 *
 * PCRE2's own matcher goes back and tries again, which on some texts costs the square of their
 * length or worse. pcre2_dfa_match() follows all possibilities at once, but only from one start. So
 * the regex is compiled anew with "any octets, then" before it, and is written so that no
 * possibility is followed twice: where it repeats a character pcre2_dfa_match() keeps possibilities
 * apart by their count, so X+ becomes XX*, and X{2,4} becomes XXX?X?.
 *
 * The answer, match or not, is the same for a regex in the strict sense, with assertions. One with
 * back references, atomic groups, possessive repeats, verbs or anything else that is not certain to
 * mean the same is refused.
 */
#ifndef RULES_REGEX_LINEAR_H
#define RULES_REGEX_LINEAR_H

#include <stddef.h>
#include <stdint.h>

#include "rules/util/work.h"

struct regex_linear;

/* The regex has been compiled by PCRE2 with these options. NULL: refused. */
struct regex_linear *regex_linear_new(const char *regex, size_t len, uint32_t options);
void regex_linear_free(struct regex_linear *linear);

/* As pcre2_match(): negative is no match or an error, which includes that the work is spent. */
int regex_linear_match(const struct regex_linear *linear, const char *text, size_t len,
                       struct work *work);

#endif
