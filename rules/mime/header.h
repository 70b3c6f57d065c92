/*
 * The header section of a message, RFC 5322 section 2.2, as it lies in the wild.
 *
 * Nothing is changed and nothing is lost: a struct header is a list of spans over the caller's
 * text, in order, that together make up every octet of it. A line that is no field (no colon, an
 * mbox "From " line, control characters in the name) is a span too, with name_len 0, and does not
 * end the header. Folded lines belong to their field. Line ends CRLF and bare LF are both taken; a
 * bare CR is an octet like any other; NUL is an octet like any other.
 * "Name :" with space before the colon is a field named "Name" (RFC 5322 section 4.5.3).
 *
 * Bounds: HEADER_MAX octets are looked at; HEADER_FIELDS_MAX fields. What lies beyond stays one
 * last span without a name, and header.truncated is set.
 * Cost: linear. No recursion.
 * Ownership: spans borrow the text, which must outlive the header.
 */
#ifndef RULES_MIME_HEADER_H
#define RULES_MIME_HEADER_H

#include <stdbool.h>
#include <stddef.h>

#define HEADER_MAX (4 * 1024 * 1024)
#define HEADER_FIELDS_MAX 100000

struct header_field {
    const char *start; /* the whole field with its line ends */
    size_t len;
    size_t name_len;   /* 0: not a field */
    const char *value; /* after the colon, up to the last line end, unfolded by header_unfold() */
    size_t value_len;
};

struct header {
    const char *text;
    size_t len; /* of the header section, without the empty line that ends it */
    struct header_field *fields;
    size_t count;
    bool truncated;
};

struct header *header_parse(const char *text, size_t len);
void header_free(struct header *header);

/* The octets of the header section at text, without the empty line that ends it. */
size_t header_section_len(const char *text, size_t len);
/* The field that starts at *at, and *at moves behind it; false: *at is end, of the header section
 * without its empty line. For one walk through all of a header: no list, no bounds. */
bool header_next(const char **at, const char *end, struct header_field *field);

/* The n-th (from 0) field of that name, compared without case; NULL if there is none. To go
 * through all of them walk fields with header_field_is(): a loop over n is quadratic. */
const struct header_field *header_find(const struct header *header, const char *name, size_t n);
bool header_field_is(const struct header_field *field, const char *name);
/* The value unfolded (RFC 5322 section 2.2.3), outer white space removed, NUL and other controls
 * replaced by a space; a new string of at most `max` octets. */
char *header_value(const struct header_field *field, size_t max);
/* The same, RFC 2047 encoded words decoded to UTF-8; invalid UTF-8 replaced. For matching and
 * showing, never for copying. Raw 8-bit text that is not UTF-8 is read as Windows-1252. */
char *header_value_decoded(const struct header_field *field, size_t max);

/*
 * Finds where the header section ends while octets arrive in pieces of any size.
 * Start with {0}. Feed all octets in order; the result is -1 while the end has not been seen, else
 * the number of octets of THIS piece that belong to the header section with its empty line.
 */
struct header_scan {
    unsigned char state;
};
long header_scan_feed(struct header_scan *scan, const char *data, size_t len);

#endif
