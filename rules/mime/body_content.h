/*
 * Content-Type and Content-Disposition, RFC 2045 section 5.1 and RFC 2183, with the parameters of
 * RFC 2231 (continuations, charsets) and what senders do instead: encoded words in quoted strings,
 * blanks in values without quotes, quotes that are never closed. Inside of body.h.
 */
#ifndef RULES_MIME_BODY_CONTENT_H
#define RULES_MIME_BODY_CONTENT_H

#include <stdbool.h>
#include <stddef.h>

#define CONTENT_PARAMETERS_MAX 100
#define CONTENT_NAME_MAX 1000 /* octets of a decoded file name */

struct content_parameter {
    char *name; /* lower case, "*" and section number included */
    char *value;
};

struct content {
    char *value; /* lower case, without blanks and comments: "text/plain"; "" if there is none */
    struct content_parameter parameters[CONTENT_PARAMETERS_MAX];
    size_t count;
    bool more; /* there were more parameters */
};

/* text: the field's value, folds and all. */
void content_parse(struct content *content, const char *text, size_t len);
void content_clear(struct content *content);

/* As it stands, or NULL. Sections and charsets of RFC 2231 are not looked at. */
const char *content_parameter(const struct content *content, const char *name);
/* In UTF-8, of at most CONTENT_NAME_MAX octets; a string of the caller's; NULL: not there. */
char *content_parameter_decoded(const struct content *content, const char *name);

#endif
