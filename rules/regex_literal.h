/*
 * What every text that a regex matches contains: of each of a few sets, one of its literals. A text
 * without needs no search. Found conservatively: where the text of the regex is not understood,
 * there are none, and every text is searched.
 */
#ifndef RULES_REGEX_LITERAL_H
#define RULES_REGEX_LITERAL_H

#include <stdbool.h>
#include <stddef.h>

#define REGEX_LITERALS_MAX 8
#define REGEX_LITERAL_OCTETS 16

struct regex_literals {
    size_t count; /* 0: nothing is known */
    bool caseless;
    struct {
        char text[REGEX_LITERAL_OCTETS]; /* in lower case if caseless */
        size_t len;
        size_t set; /* counted from 0, in order */
    } literals[REGEX_LITERALS_MAX];
};

/* The regex has been compiled by PCRE2 with these flags; other flags make no difference. */
struct regex_literals regex_literals_find(const char *regex, size_t len, bool caseless);
/* Whether the text, valid UTF-8, contains one of each set. Linear; adds the octets that were looked
 * at to *compared. */
bool regex_literals_occur(const struct regex_literals *literals, const char *text, size_t len,
                          size_t *compared);

#endif
