/*
 * Encoded words, RFC 2047: decoding those of others, writing our own.
 *
 * Decoding is for matching and display. Adjacent words of one charset are joined before conversion,
 * because many senders split characters. What is not an encoded word stays as it is; raw 8-bit text
 * is read as UTF-8 where valid, else as Windows-1252. Controls (including NUL) become spaces.
 * Linear; no recursion.
 */
#ifndef RULES_MIME_ENCODED_WORD_H
#define RULES_MIME_ENCODED_WORD_H

#include <stdbool.h>

#include "rules/text/charset_text.h"
#include "rules/text/reading.h"
#include "rules/util/buffer.h"

/* Octets of one text that patterns see; more is doubt. */
#define ENCODED_WORD_TEXT_MAX (1024 * 1024)

/* Returns valid UTF-8 of at most max octets, which the caller frees. */
char *encoded_word_decode(const char *text, size_t len, size_t max);

/*
 * Adds all readings of a field's unfolded value:
 * - "as written": decoded as above;
 * - "decoded otherwise": in another charset (charset_text.h), and as other programs decode what is
 *   not as RFC 2047 has it: blanks between words kept, those in words left out, "?" in the text,
 *   long names of charsets, base64 that goes on in the next word;
 * - these folded (fold.h); the first also with runs of blanks as one;
 * - "undecoded", if a word is not as RFC 2047 has it or of an unknown charset: some programs show
 *   such words as they are.
 */
void encoded_word_read(struct readings *readings, const char *text, size_t len);
/* The same, with converters that serve many fields. */
void encoded_word_read_more(struct readings *readings, struct charset_cache *charsets,
                            const char *text, size_t len);

/*
 * Appends text (UTF-8; other 8-bit octets are read as Windows-1252) as encoded words of at most 56
 * octets, each of whole characters, separated by a space. Leading and trailing blanks are part of
 * the words.
 */
void encoded_word_write(struct buffer *out, const char *text);

/* Whether text needs no encoded words: printable ASCII and blanks, without "=?". */
bool encoded_word_plain(const char *text);

#endif
