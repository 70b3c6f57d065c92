/*
 * Character references of HTML (HTML Standard section 13.2.5.72): named, decimal and hexadecimal,
 * with and without their semicolon.
 */
#ifndef RULES_MIME_HTML_ENTITY_H
#define RULES_MIME_HTML_ENTITY_H

#include <stdbool.h>

#include "rules/util/buffer.h"

/* Appends, as UTF-8, what the reference at text ("&...") stands for, and returns its length; 0: it
 * is none, and nothing was appended. Linear in the length returned, but for a constant. */
size_t html_entity_read(struct buffer *out, const char *text, size_t len);

#endif
