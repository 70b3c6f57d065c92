/*
 * Text in some charset to UTF-8, as a stream.
 *
 * The result is the same however the octets are cut into pieces. Output is always valid UTF-8
 * without controls other than tab and line feed (CR is dropped before a line feed, others become
 * spaces).
 *
 * UTF-8, US-ASCII and ISO-8859-1 are decoded here. Other charsets go through iconv(), and only if
 * they are on our list of those that mail uses: a sender must not choose among the hundreds of
 * converters that the C library could load.
 * Unknown charset, or none: octets that are valid UTF-8 are read as UTF-8, others as Windows-1252.
 *
 * rules/ does no I/O, with this one exception: glibc's iconv_open() loads a converter from the
 * gconv directory when it is first used. The result does not depend on it except where the
 * directory is missing or out of reach of a sandbox; the text is then decoded as if its charset
 * were unknown.
 */
#ifndef RULES_MIME_CHARSET_H
#define RULES_MIME_CHARSET_H

#include "rules/util/buffer.h"

struct charset_reader;

/* name: NULL or unknown are fine; compared without case, need not be NUL-terminated. */
struct charset_reader *charset_reader_new(const char *name, size_t name_len);
void charset_reader_feed(struct charset_reader *reader, const char *data, size_t len,
                         struct buffer *out);
/* What is still held back goes to out; the reader is as new. */
void charset_reader_flush(struct charset_reader *reader, struct buffer *out);
void charset_reader_free(struct charset_reader *reader);

/* The largest length up to max at which valid UTF-8 text of len octets can be cut. */
size_t utf8_cut(const char *text, size_t len, size_t max);
/* Octets of the valid UTF-8 character at text (1 to 4), or 0. */
size_t utf8_length(const char *text, size_t len);

#endif
