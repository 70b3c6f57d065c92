/*
 * HTML as the text that a browser shows.
 *
 * Tags are left out, also within a word, as are comments and the contents of script and style
 * elements; character references are decoded; runs of white space are one space; elements that are
 * blocks, and br, are line breaks, table cells are separated by a space.
 *
 * After the text, on lines of their own, follows what is shown only by some programs, at some times
 * or to nobody, and what cannot be placed: elements that are hidden by an attribute or by their own
 * style, contents of conditional comments and of CDATA sections, texts of attributes (alt, title,
 * value, placeholder, label, href, src), and all that follows a comment, a quote or a script that
 * is never closed. Style sheets are not applied.
 *
 * The tokenizer is that of the HTML Standard, section 13.2.5, as far as it decides where tags,
 * comments and references end. Linear; no recursion; the result is at most about twice as long as
 * the source.
 */
#ifndef RULES_MIME_HTML_H
#define RULES_MIME_HTML_H

#include "rules/util/buffer.h"

/* Appends the text of a whole document, which is valid UTF-8. */
void html_show(struct buffer *out, const char *html, size_t len);

/* The charset that the document itself names in a meta element; *len_r 0: none. Borrowed. */
const char *html_charset(const char *html, size_t len, size_t *len_r);

#endif
