/*
 * Text in some charset to UTF-8, as a stream.
 *
 * The result does not depend on how the input is split. Output is always valid UTF-8 without
 * control characters other than tab and line feed (CR is dropped, others become spaces).
 *
 * UTF-8, US-ASCII and ISO-8859-1 are decoded here. Other charsets go through iconv(), and only if
 * they are on our list of charsets used in mail: a sender must not choose among the hundreds of
 * converters that the C library could load.
 * Unknown charset, or none: octets that are valid UTF-8 are read as UTF-8, others as Windows-1252.
 *
 * rules/ does no I/O, with this exception: on first use of a charset glibc's iconv_open() loads its
 * converter from the gconv directory. We do not count it, because the result does not depend on
 * anything but the C library that is installed; a sandbox must leave that directory readable, or
 * such text is decoded as if its charset were unknown.
 */
#ifndef RULES_MIME_CHARSET_H
#define RULES_MIME_CHARSET_H

#include "rules/util/buffer.h"

struct charset_reader;

/* name: may be NULL or unknown; case-insensitive, need not be NUL-terminated. */
struct charset_reader *charset_reader_new(const char *name, size_t name_len);
void charset_reader_feed(struct charset_reader *reader, const char *data, size_t len,
                         struct buffer *out);
/* Flushes what is held back to out; the reader can then be used again. */
void charset_reader_flush(struct charset_reader *reader, struct buffer *out);
void charset_reader_free(struct charset_reader *reader);

/* The largest length up to max at which valid UTF-8 text of len octets may be cut. */
size_t utf8_cut(const char *text, size_t len, size_t max);
/* The length of the UTF-8 character at text (1 to 4 octets); 0: invalid. */
size_t utf8_length(const char *text, size_t len);

#endif
