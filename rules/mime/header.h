/*
 * The header section of a message, RFC 5322 section 2.2, including malformed ones.
 *
 * Nothing is changed and nothing is lost: a struct header is an ordered list of spans over the
 * caller's text that together cover every octet of it. A line that is not a field (no colon, an
 * mbox "From " line, control characters in the name) is a span too, with name_len 0, and does not
 * end the header. Folded lines belong to their field. Line ends are CRLF or bare LF; a bare CR and
 * NUL are ordinary octets. "Name :" with a space before the colon is a field named "Name" (RFC 5322
 * section 4.5.3).
 *
 * These spans are for copying. Other programs read more fields or fewer: many end a line at a bare
 * CR, some end the header at the first line that is no field, some drop control characters. What
 * decides on a message must look at every reading: header_read() adds the fields that begin after a
 * bare CR, up to the empty line that a reader of bare CRs would see, and the lines that are fields
 * where white space, folds, control characters and octets beyond ASCII around the name are dropped;
 * bare_cr, garbled and fields_len say where a field may be absent for a reader, or another one
 * present.
 *
 * Bounds: HEADER_MAX octets and HEADER_FIELDS_MAX fields are parsed. The rest is one last span
 * without a name, and header.truncated is set. That is also set if bare CRs make more than
 * HEADER_FIELDS_MAX further fields.
 * Cost: linear. No recursion.
 * Ownership: spans borrow the text, which must outlive the header.
 */
#ifndef RULES_MIME_HEADER_H
#define RULES_MIME_HEADER_H

#include <stdbool.h>
#include <stddef.h>

#include "rules/text/reading.h"

struct charset_cache;

#define HEADER_MAX (4 * 1024 * 1024)
#define HEADER_FIELDS_MAX 100000

struct header_field {
    const char *start; /* the whole field, including line ends */
    size_t len;
    size_t name_len;   /* 0: not a field */
    const char *value; /* from the colon to the last line end, not unfolded */
    size_t value_len;
};

struct header {
    const char *text;
    size_t len; /* of the header section, without the terminating empty line */
    struct header_field *fields;
    size_t count;
    bool truncated;
    bool bare_cr;      /* has a CR that is not part of a CRLF */
    bool garbled;      /* a line would be a field without the control characters in its name */
    size_t fields_len; /* up to the first line that is not a field, an mbox "From " at the top
                          aside; len: there is none */
    struct header_field *read; /* see header_read(); NULL: the same as fields */
    size_t n_read;
};

struct header *header_parse(const char *text, size_t len);
void header_free(struct header *header);
/*
 * The fields under every reading, in the order of the fields that they are read in. A field with a
 * bare CR is followed by those that its lines are where a bare CR ends a line; the first of them
 * has the same start. A line that is no field is followed by the field that it is without what
 * surrounds the name: that starts at its name.
 */
const struct header_field *header_read(const struct header *header, size_t *count);

/* The length of the header section at text, without the terminating empty line. */
size_t header_section_len(const char *text, size_t len);
/* Reads the field at *at and advances *at past it; false: *at is end, the end of the header section
 * without its empty line. For a single pass over a header: no list, no bounds. */
bool header_next(const char **at, const char *end, struct header_field *field);

/* The same where a bare CR ends a line as well. */
bool header_next_bare_cr(const char **at, const char *end, struct header_field *field);

/* The n-th (from 0) field of that name (case-insensitive), or NULL. To visit all of them iterate
 * over fields with header_field_is(): a loop over n is quadratic. */
const struct header_field *header_find(const struct header *header, const char *name, size_t n);
bool header_field_is(const struct header_field *field, const char *name);
/* The value unfolded (RFC 5322 section 2.2.3) and trimmed, NUL and other controls replaced by a
 * space; a new string of at most `max` octets. */
char *header_value(const struct header_field *field, size_t max);
/* The same, with RFC 2047 encoded words decoded to UTF-8. For matching and display, never for
 * copying. Raw 8-bit text that is not UTF-8 is read as Windows-1252. */
char *header_value_decoded(const struct header_field *field, size_t max);
/* All readings of the value, for patterns; the caller clears them. The cache may serve many fields.
 */
struct readings header_readings(const struct header_field *field, struct charset_cache *charsets);

/*
 * Finds the end of the header section in a stream.
 * Start with {0} and feed all octets in order. Returns -1 until the end is seen, then the number of
 * octets of THIS piece that belong to the header section including its empty line.
 */
struct header_scan {
    unsigned char state;
};
long header_scan_feed(struct header_scan *scan, const char *data, size_t len);

#endif
