/*
 * Compares UTF-8 names as people see them: without case, composed or decomposed (Apple sends the
 * latter), full-width or not, with or without marks that are only reading aids. Independent of the
 * locale.
 */
#ifndef IMAPCLIENT_TEXT_FOLDING_H
#define IMAPCLIENT_TEXT_FOLDING_H

#include <stdbool.h>

/* By Unicode's case folding and compatibility decomposition. A name that is not UTF-8 is equal to
 * none. */
bool folding_equal(const char *a, const char *b);

#endif
