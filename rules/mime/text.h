/*
 * The text of a message, in all readings that patterns are matched against.
 *
 * Fed with the text parts of the message in order, their transfer encoding decoded. The readings
 * are of all parts together, separated by line feeds:
 * - as written: converted from the declared charset, HTML as its source; controls are spaces;
 * - as HTML shows it (html.h), if there is HTML;
 * - each of these folded (fold.h), controls left out;
 * - if there is HTML, its text run together and stripped of tags (html.h), folded;
 * - with its lines joined: the text as HTML shows it, or as written, folded, with the lines of a
 * paragraph made one, quote marks at their beginnings left out, white space one space: words that a
 * soft or hard wrap separates;
 * - all of this once more for what other programs decode otherwise: charset_text.h, flowed text
 *   whose line ends delete a space, calendars and cards with their folded lines as one.
 *
 * Bounds: TEXT_OCTETS_MAX octets of all parts and TEXT_PARTS_MAX parts are read, in CHARSETS_MAX
 * charsets; more is doubt. Work is linear in the octets fed.
 */
#ifndef RULES_MIME_TEXT_H
#define RULES_MIME_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "rules/text/reading.h"

#define TEXT_OCTETS_MAX (1024 * 1024)
#define TEXT_PARTS_MAX 1000

struct text_part {
    const char *subtype; /* of text/..., lower case; NULL: plain */
    const char *charset; /* NULL: none declared; need not be NUL-terminated */
    size_t charset_len;
    bool delsp; /* format=flowed with delsp=yes, RFC 3676 */
};

struct text_reader;

struct text_reader *text_reader_new(void);
/* Begins a part and ends the one before. Nothing of `part` is kept. */
void text_reader_begin(struct text_reader *reader, const struct text_part *part);
/* Octets of the part that was begun last. */
void text_reader_feed(struct text_reader *reader, const char *data, size_t len);
/* For text that the caller knows it cannot feed, such as a part that is nested too deeply. */
void text_reader_doubt(struct text_reader *reader, const char *reason);
/* Ends and frees the reader. The caller clears the result with readings_clear(). */
struct readings text_reader_end(struct text_reader *reader);
void text_reader_free(struct text_reader *reader);

#endif
