/*
 * The boundaries of the multiparts that enclose the current line (RFC 2046 section 5.1.1), and the
 * delimiters made of them. Private to this room.
 *
 * A delimiter is the whole line but for blanks at its end. A line that merely begins as one is
 * none, though some programs take it for one: that is doubt, and so is a delimiter of a multipart
 * that has ended, one that two multiparts have in common, and one of a multipart whose boundary
 * can be read in two ways once both are used.
 *
 * The cost of a line is its length and BOUNDARY_LEVELS_MAX * NAMES_MAX comparisons of a number.
 */
#ifndef RULES_MIME_BODY_BOUNDARY_H
#define RULES_MIME_BODY_BOUNDARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BOUNDARY_LEVELS_MAX 32
#define BOUNDARY_MAX 2000 /* octets; RFC 2046 allows 70 */

enum delimiter_kind { DELIMITER_NONE, DELIMITER_OPEN, DELIMITER_CLOSE };

struct delimiter {
    enum delimiter_kind kind;
    size_t depth;      /* of its multipart, from 1 */
    const char *doubt; /* static; NULL: none */
};

struct boundaries;

struct boundaries *boundaries_new(void);
void boundaries_free(struct boundaries *boundaries);

size_t boundaries_depth(const struct boundaries *boundaries);
/* One level more, of a multipart, or without values of an enclosed message. false: too deep, or a
 * value is empty or too long; then there is none. */
bool boundaries_push(struct boundaries *boundaries, char *const *values, size_t count);
void boundaries_pop(struct boundaries *boundaries, size_t depth);
/* line: with its line end if `ends`, else only its beginning. */
struct delimiter boundaries_match(struct boundaries *boundaries, const char *line, size_t len,
                                  bool ends);

#endif
