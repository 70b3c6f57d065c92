/*
 * "Did you mean": which of the known names is closest to a mistyped one. The distance is the number
 * of letters changed, omitted, added or swapped with their neighbour, ignoring case; up to a
 * third of the word's letters (at least one) may differ. A name that begins with the word (of four
 * letters or more) is suggested if nothing is closer.
 */
#ifndef AGENT_UTIL_SUGGEST_H
#define AGENT_UTIL_SUGGEST_H

#include <stddef.h>

#define SUGGEST_MAX 64 /* longer names are ignored */

struct suggestion {
    const char *word; /* borrowed, like all that is offered */
    const char *best; /* NULL: nothing is close */
    size_t distance;
};

void suggest_begin(struct suggestion *suggestion, const char *word);
void suggest_offer(struct suggestion *suggestion, const char *known);

#endif
