/*
 * Encoded words, RFC 2047: reading what others wrote, writing our own.
 *
 * Reading is for matching and showing. Adjacent words of one charset are joined before they are
 * converted, for many senders cut a character in two. What is no encoded word, or has a charset
 * that charset.h does not take, stays as it is; raw 8-bit text is UTF-8 where it is valid, else
 * taken as Latin-1. Controls (NUL among them) become spaces. Linear; no recursion.
 */
#ifndef RULES_MIME_ENCODED_WORD_H
#define RULES_MIME_ENCODED_WORD_H

#include <stdbool.h>

#include "rules/util/buffer.h"

/* Valid UTF-8 of at most max octets; a string of the caller's. */
char *encoded_word_decode(const char *text, size_t len, size_t max);

/*
 * Adds text (UTF-8; other 8-bit is read as Latin-1) as encoded words of at most 56 octets, each
 * with whole characters, separated by a space. Blanks at both ends stay within the words.
 */
void encoded_word_write(struct buffer *out, const char *text);

/* No octet of it needs an encoded word: printable ASCII and blanks, without "=?". */
bool encoded_word_plain(const char *text);

#endif
