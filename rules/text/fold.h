/*
 * Text as people see it rather than as it is encoded: Unicode's compatibility form (NFKC, UAX #15)
 * without characters that show nothing.
 *
 * Full-width and other presentation forms become plain letters, all kinds of blanks become a space,
 * line and paragraph separators a line feed. Left out are default ignorable code points (soft
 * hyphen, zero-width characters, joiners, variation selectors, direction marks, tags, byte order
 * mark), C1 controls, and U+FFFD: an octet that did not decode does not hide the word around it.
 * Case is kept, and so are letters of other alphabets that look alike.
 *
 * Linear: no run of combining marks is sorted beyond a fixed length (compare UAX #15 section 13).
 */
#ifndef RULES_MIME_FOLD_H
#define RULES_MIME_FOLD_H

#include <stdbool.h>

#include "rules/util/buffer.h"

/* Appends the folded form of valid UTF-8. false: cut, because it would be longer than max octets
 * (one character may become eighteen). */
bool fold_text(struct buffer *out, const char *text, size_t len, size_t max);

#endif
