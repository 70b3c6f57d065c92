/*
 * Text in some charset to UTF-8, as a stream.
 *
 * The result does not depend on how the input is split. Output is always valid UTF-8 without
 * control characters other than tab and line feed (CR is dropped, others become spaces).
 *
 * UTF-8, US-ASCII, ISO-8859-1 and HZ are decoded here. Other charsets go through iconv(), by the
 * names that charset_name.h allows. Unknown charset, or none: octets that are valid UTF-8 are read
 * as UTF-8, others as Windows-1252. An octet that the charset does not have is U+FFFD.
 *
 * rules/ does no I/O, with this exception: on first use of a charset glibc's iconv_open() loads its
 * converter from the gconv directory. We do not count it, because the result does not depend on
 * anything but the C library that is installed; a sandbox must leave that directory readable, or
 * such text is decoded as if its charset were unknown.
 */
#ifndef RULES_MIME_CHARSET_H
#define RULES_MIME_CHARSET_H

#include "rules/text/charset_name.h"
#include "rules/util/buffer.h"

/* U+0080, which shows nothing. */
#define CHARSET_CONTROL_MARK "\xc2\x80"

struct charset_reader;

/* name: may be NULL or unknown; case-insensitive, need not be NUL-terminated. */
struct charset_reader *charset_reader_new(const char *name, size_t name_len);
void charset_reader_feed(struct charset_reader *reader, const char *data, size_t len,
                         struct buffer *out);
/* Flushes what is held back to out; the reader can then be used again. */
void charset_reader_flush(struct charset_reader *reader, struct buffer *out);
void charset_reader_free(struct charset_reader *reader);
/* Makes controls CHARSET_CONTROL_MARK rather than a space. */
void charset_reader_mark_controls(struct charset_reader *reader);

/* What the name stands for; CHARSET_UNKNOWN also if its converter is not installed. */
enum charset_kind charset_reader_kind(const struct charset_reader *reader);
/* Whether every octet is a character by itself, so that an undecoded one hides no other. */
bool charset_reader_is_single_octet(const struct charset_reader *reader);
/* The octets that the charset does not have, since the reader was made; a character that is cut off
 * at the end is none. */
size_t charset_reader_undecoded(const struct charset_reader *reader);

/* The largest length up to max at which valid UTF-8 text of len octets may be cut. */
size_t utf8_cut(const char *text, size_t len, size_t max);
/* The length of the UTF-8 character at text (1 to 4 octets); 0: invalid. */
size_t utf8_length(const char *text, size_t len);

#endif
