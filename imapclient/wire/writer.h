/*
 * Writes the arguments of commands: atoms, quoted strings, dates; mailbox names in modified UTF-7
 * (RFC 3501 section 5.1.3; UTF-7-IMAP in glibc's iconv). Refuses CR, LF and NUL.
 */
#ifndef IMAPCLIENT_WIRE_WRITER_H
#define IMAPCLIENT_WIRE_WRITER_H

#include <stdbool.h>
#include <time.h>

#include <event2/buffer.h>

#define WRITER_LINE_MAX 8000 /* octets of one command line, RFC 7162 section 4 */

/* Whether text may be part of a command line: no CR or LF, at most WRITER_LINE_MAX octets. */
bool writer_sendable(const char *text);
/* An atom if possible, otherwise a quoted string; false: it needs a literal (8-bit). */
bool writer_astring(struct evbuffer *out, const char *text);
/* Modified UTF-7, then as writer_astring(). false: not valid UTF-8, or not sendable. */
bool writer_mailbox(struct evbuffer *out, const char *utf8_name);
/* Decodes into a new string; NULL: not modified UTF-7 in its canonical form. */
char *writer_mailbox_decode(const char *wire_name);
/* "dd-Mon-yyyy hh:mm:ss +zzzz" with its quotes, RFC 9051 date-time; locale independent. */
void writer_date_time(struct evbuffer *out, time_t when, int zone_minutes);

#endif
