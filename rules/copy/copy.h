/*
 * The copy: DESIGN section 5. A copy is a view of the original, made while it is sent:
 * prefix, then a range of the original's octets, then suffix. So its size is known before it is
 * sent, and the body is not touched.
 *
 *   rewritten  prefix = the rewritten header section with its empty line; range = the whole body
 *   attached   prefix = own header, report, part header; range = the whole original; suffix = end
 *   headers    prefix = own header, report, part header, original's header section (as
 *              text/rfc822-headers); range empty; suffix = end
 *
 * rewritten: line by line. Subject gets its prefix in front of the old text, which stays byte for
 * byte; a missing Subject is made; of several only the first is changed. Fields that ask for a
 * receipt or report are removed. Message-ID becomes our own; fields X-Monitor-* that the original
 * carried are removed and named in X-Monitor-Removed. Everything else stays byte for byte, broken
 * lines too. A message that ends inside its header gets the missing line end and empty line.
 * Lines that we write are CRLF, folded below 78 octets where they can be and always below 998. They
 * are 7-bit: copy/fields.h says how other text stands in them (RFC 2047, RFC 2231).
 * Of several Message-ID fields the first is replaced in its place, the others removed. Where the
 * original begins with a folded line, "X-Monitor-Unnamed:" stands before it, so that it does not
 * become a part of our own last field.
 *
 * Ownership: the view owns prefix and suffix; copy_view_clear() frees them.
 */
#ifndef RULES_COPY_COPY_H
#define RULES_COPY_COPY_H

#include "rules/route.h"

enum copy_form { COPY_REWRITTEN, COPY_ATTACHED, COPY_HEADERS };

#define MONITOR_ID_LEN 26

/* All that a copy says of its message, as it is kept in the ledger. All borrowed. */
struct copy_plan {
    enum copy_form form;
    unsigned directions;
    const char *sender;
    bool sender_claimed;
    const struct recipient *recipients;
    size_t n_recipients;
    const char *const *rules; /* names */
    size_t n_rules;
    const char *account, *folder; /* of the source */
    uint32_t uidvalidity, uid;
    const char *monitor_id;      /* monitor_id_make() */
    const unsigned char *sha256; /* of the original, 32 octets */
    time_t captured;
    time_t internaldate;
    unsigned warnings;
    const char *instance; /* right hand side of our Message-ID */
    const char *purpose;  /* may be NULL; X-Monitor-Purpose */
};

struct copy_view {
    char *prefix;
    size_t prefix_len;
    uint64_t from, to; /* octets of the original, to excluded */
    char *suffix;
    size_t suffix_len;
};

/*
 * header_text: the original's header section with its empty line, as cut by header_scan (all of the
 * original where it has no empty line); original_size: of the whole original.
 * A header that is too large to hold may be cut anywhere: header_text without an empty line but
 * shorter than original_size is taken so. Then what follows it is part of the range as it is, and a
 * last field that would have been removed or replaced is renamed to X-Monitor-Cut-....
 */
void copy_make(const struct rule_set *set, const struct copy_plan *plan, const char *header_text,
               size_t header_len, uint64_t original_size, struct copy_view *view);
void copy_view_clear(struct copy_view *view);

/* Whether a field of that name is removed from a rewritten copy. */
bool copy_removes(const struct rule_set *set, const char *name, size_t name_len);

/* Base32 (RFC 4648 alphabet, lower case a-z2-7) of the first 128 bits of
 * HMAC-SHA-256(key, account NUL folder NUL uidvalidity NUL uid NUL target), and a NUL. */
void monitor_id_make(const unsigned char key[32], const char *account, const char *folder,
                     uint32_t uidvalidity, uint32_t uid, const char *target,
                     char id[MONITOR_ID_LEN + 1]);
/* The id that a message carries (first X-Monitor-Id field, well formed), or false. */
bool monitor_id_read(const struct header *header, char id[MONITOR_ID_LEN + 1]);

#endif
