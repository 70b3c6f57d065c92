/*
 * Splits the input from an IMAP server into units: one response line with its literals.
 *
 * The literal of a FETCH body is not part of a unit: it is streamed to the sink as it arrives, and
 * the unit has NIL in its place. So memory per message is constant, whatever its size. Other
 * literals become part of the unit as they were received, "{5}\r\nhello".
 *
 * A body literal is one that follows BODY[...], BODY[...]<n>, RFC822, RFC822.TEXT, RFC822.HEADER
 * or BINARY[...] in an untagged FETCH response at list depth 1, outside quoted strings.
 *
 * Lines of human text (tagged, "+", untagged OK, NO, BAD, BYE, PREAUTH) have no literals, strings
 * or depth: "A1 NO no such folder {5}" is one whole line. In other lines "{n}" is a literal where
 * a value may begin, and only at the end of a line.
 *
 * Limits, all checked before anything is stored: see below. Exceeding one breaks the frame for good
 * (FRAMING_BROKEN with a reason): the session must end.
 * Literals: "{n}", "{n+}", and "~{n}" (RFC 3516); n may be up to 2^63-1. A unit literal above
 * FRAMING_UNIT_MAX breaks the frame, as does a body literal above the limit of framing_new().
 * Line ends: CRLF; a bare LF is accepted, as in many clients, because some servers send it.
 * NUL in a line breaks the frame, RFC 9051 section 9.
 */
#ifndef IMAPCLIENT_WIRE_FRAMING_H
#define IMAPCLIENT_WIRE_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAMING_UNIT_MAX (1024 * 1024) /* octets of one unit with its non-body literals */
/* Nested parentheses outside strings, and the brackets of BODY[...]; other brackets may be part of
 * names that users choose, and do not count. */
#define FRAMING_DEPTH_MAX 64
#define FRAMING_LITERALS_MAX 1024 /* literals of one unit */

struct framing;

struct framing_sink {
    /* One whole unit without its final CRLF, NUL-terminated. Borrowed for the call. */
    void (*unit)(void *arg, const char *unit, size_t len);
    /* head is the unit so far, without the "{n}": "* 12 FETCH (UID 7 BODY[]". */
    void (*body_begin)(void *arg, const char *head, size_t len, uint64_t size);
    void (*body_data)(void *arg, const unsigned char *data, size_t len);
    void (*body_end)(void *arg);
};

enum framing_result { FRAMING_OK, FRAMING_BROKEN };

/* body_max: the largest body literal accepted, 0 for no limit. */
struct framing *framing_new(const struct framing_sink *sink, void *arg, uint64_t body_max);
void framing_free(struct framing *framing);
/*
 * Consumes all len octets, or fewer if the sink calls framing_stop(); *used is how many. No octet
 * is processed twice, however the input is split.
 */
enum framing_result framing_feed(struct framing *framing, const unsigned char *data, size_t len,
                                 size_t *used);
/* From inside a sink callback: framing_feed() returns after that callback. */
void framing_stop(struct framing *framing);
/* Why it is broken, for a log; "" if it is not. */
const char *framing_reason(const struct framing *framing);
/* Whether no unfinished unit is pending, as STARTTLS requires (the class of CVE-2011-0411). True
 * inside `unit`: that one is finished. */
bool framing_is_between_units(const struct framing *framing);
/* Frees the buffer if no unfinished unit is pending; inside `unit`, once that has returned. */
void framing_shrink(struct framing *framing);

#endif
