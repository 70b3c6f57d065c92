/*
 * Every value that a mail program may read for a parameter: the names of an attachment, the
 * boundaries of a multipart. Private to this room.
 *
 * Read are all occurrences of the parameter; RFC 2231 forms (charset, sections in any order, with
 * gaps, from any number, with leading zeros, twice); quoted strings with and without escapes, and
 * with what stands outside of the quotes; unquoted values up to a blank and up to the semicolon;
 * values that are quoted once more, or in angle brackets, also without those; boundaries also
 * without the controls at their ends that some programs trim.
 * Names besides: encoded words decoded and as written, the last component of a path, and each also
 * as people see it: folded (fold.h), without dots and blanks at its end.
 *
 * Linear in the field, with a constant factor: at most NAMES_MAX values are kept. More is doubt.
 */
#ifndef RULES_MIME_BODY_NAME_H
#define RULES_MIME_BODY_NAME_H

#include "rules/mime/body_content.h"

#define NAMES_MAX 32

/* Start with {0}. */
struct names {
    char *list[NAMES_MAX];
    size_t count;
    bool given;        /* the parameter exists, even if empty */
    const char *doubt; /* static; NULL: none */
};

/* Names, as shown: UTF-8. */
void names_read(struct names *names, const struct content *content, const char *parameter);
/* Values as they are compared: not decoded but for RFC 2231. */
void names_read_verbatim(struct names *names, const struct content *content, const char *parameter);
/* One name from elsewhere: octets, in no declared charset. */
void names_add_octets(struct names *names, const char *text, size_t len);
void names_clear(struct names *names);

#endif
