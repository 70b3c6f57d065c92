/*
 * "Did you mean": which of the known names is most like a mistyped one. Likeness is the number of
 * letters changed, left out, added or swapped with their neighbour, compared without case; up to a
 * third of the word's letters (at least one) may differ. A name that only begins with the word (of
 * four letters or more) is told where nothing is more like it.
 */
#ifndef AGENT_UTIL_SUGGEST_H
#define AGENT_UTIL_SUGGEST_H

#include <stddef.h>

#define SUGGEST_MAX 64 /* longer names are not looked at */

struct suggestion {
    const char *word; /* borrowed, like all that is offered */
    const char *best; /* NULL: nothing is like it */
    size_t distance;
};

void suggest_begin(struct suggestion *suggestion, const char *word);
void suggest_offer(struct suggestion *suggestion, const char *known);

#endif
