/*
 * Content-Type and Content-Disposition, RFC 2045 section 5.1 and RFC 2183, with the parameters of
 * RFC 2231 (continuations, charsets) and common deviations: encoded words in quoted strings, blanks
 * in unquoted values, unterminated quotes. Private to body.c.
 */
#ifndef RULES_MIME_BODY_CONTENT_H
#define RULES_MIME_BODY_CONTENT_H

#include <stdbool.h>
#include <stddef.h>

#define CONTENT_PARAMETERS_MAX 100
#define CONTENT_NAME_MAX 1000 /* octets of a decoded file name */

struct content_parameter {
    char *name; /* lower case, including "*" and section number */
    char *value;
};

struct content {
    char *value; /* lower case, without blanks and comments: "text/plain"; "" if missing */
    struct content_parameter parameters[CONTENT_PARAMETERS_MAX];
    size_t count;
    bool more; /* there were more parameters, which were dropped */
};

/* text: the field's value, not unfolded. */
void content_parse(struct content *content, const char *text, size_t len);
void content_clear(struct content *content);

/* Verbatim, or NULL. RFC 2231 sections and charsets are not interpreted. */
const char *content_parameter(const struct content *content, const char *name);
/* In UTF-8, at most CONTENT_NAME_MAX octets; the caller frees it. NULL: no such parameter. */
char *content_parameter_decoded(const struct content *content, const char *name);

#endif
