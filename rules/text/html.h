/*
 * HTML as the text that a browser shows.
 *
 * Tags are left out, also within a word, as are comments and the contents of script and style
 * elements; character references are decoded; runs of white space are one space; elements that are
 * blocks, and br, are line breaks, table cells are separated by a space.
 *
 * After the text, on lines of their own, follows what is shown only by some programs, at some times
 * or to nobody, and what cannot be placed: elements that are hidden by an attribute or by their own
 * style, elements that no browser shows where they are (title, template, rp ...), contents of
 * conditional comments and of CDATA sections, texts of attributes (alt, title, value, placeholder,
 * label, href, src), and all that follows a comment, a quote or a script that is never closed.
 * Style sheets are not applied.
 *
 * No markup says for certain that there is a line between two texts: browsers ignore the tags of a
 * table outside of one, end tags without a start, blocks within hidden ones. So there are two more
 * texts in which nothing separates: run together as above, and stripped, which is what a program
 * makes that knows no more of HTML than its tags.
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

/* The same without separators; a CDATA section is a comment, as browsers have it outside of SVG,
 * and a script ends where it does in a browser. */
void html_run_together(struct buffer *out, const char *html, size_t len);
/* Without separators, nothing put aside: tags, comments, scripts and styles are left out, hidden
 * elements and conditional comments stay where they are, and alt is in place of its picture. */
void html_strip(struct buffer *out, const char *html, size_t len);

/* The charset that the document itself names in a meta element; *len_r 0: none. Borrowed. */
const char *html_charset(const char *html, size_t len, size_t *len_r);

#endif
