/*
 * Content-Type and Content-Disposition, RFC 2045 section 5.1 and RFC 2183, as mail programs read
 * them. Private to this room.
 *
 * Programs cut a field into parameters in two ways, which differ once a sender is careless or
 * means harm: by the grammar, with comments, or simply at semicolons outside of quotes, where a
 * parenthesis is a character like any other (Python's email package). Callers ask both.
 *
 * Linear in the field; parameters beyond CONTENT_PARAMETERS_MAX are not read, which is doubt.
 */
#ifndef RULES_MIME_BODY_CONTENT_H
#define RULES_MIME_BODY_CONTENT_H

#include <stdbool.h>
#include <stddef.h>

#define CONTENT_PARAMETERS_MAX 100

enum content_way { CONTENT_BY_GRAMMAR, CONTENT_AT_SEMICOLONS, CONTENT_WAYS };

struct content_parameter {
    char *name;  /* lower case, including "*" and section number */
    char *value; /* without quotes, escapes and (by grammar) comments; "" also without "=" */
    char *raw;   /* as written, up to the semicolon */
};

struct content {
    char *value; /* lower case, by grammar without blanks: "text/plain"; "" if missing */
    struct content_parameter parameters[CONTENT_PARAMETERS_MAX];
    size_t count;
    const char *doubt; /* static; NULL: none: why other readings may show more */
};

/* text: the field's value, not unfolded. */
void content_parse(struct content *content, enum content_way way, const char *text, size_t len);
void content_clear(struct content *content);

#endif
