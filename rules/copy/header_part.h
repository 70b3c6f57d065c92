/*
 * The part of a message that is its header in every reading, for the form `headers`, which shows no
 * content.
 *
 * Where the header ends differs between programs if it is malformed: some take a bare CR for a line
 * end, some end it at the first line that is not a field (RFC 5322 section 2.2), some at a line of
 * blanks. The strictest of them counts: lines end with CRLF, LF or CR, and the header ends before
 * the first line that is empty or blank, or that is neither "Name:" (no blank before the colon) nor
 * a continuation. An mbox line at the start ("From x Sat Jan ...") is left out, since it is not a
 * field but does not begin a body either.
 *
 * Cost: linear. Private to rules/copy.
 */
#ifndef RULES_COPY_HEADER_PART_H
#define RULES_COPY_HEADER_PART_H

#include "rules/util/buffer.h"

#define HEADER_PART_FIELD_MAX 16384u /* octets of one field that are shown */
#define HEADER_PART_MAX 65536u       /* of all fields */

struct header_part {
    const char *text; /* borrowed */
    size_t len;
    bool cut; /* shorter than the header that RFC 5322 delimits */
};

/* text: a header section, with or without what follows it. */
struct header_part header_part_find(const char *text, size_t len);

/*
 * Appends it within the bounds: octets as they are, an "X-Monitor-Cut" field in place of those that
 * are beyond. Returns whether there are any.
 */
bool header_part_add(struct buffer *out, const struct header_part *part);

#endif
