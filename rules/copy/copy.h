/*
 * The copy (share/doc/design.md, "The copy"). A copy is a view of the original, composed while it
 * is sent: prefix, then a range of the original's octets, then suffix. So its size is known before
 * it is sent, and the body is not touched.
 *
 *   rewritten  prefix = the rewritten header section with its empty line; range = the whole body
 *   attached   prefix = own header, report, part header; range = the whole original; suffix = end
 *   headers    prefix = own header, report, part header, original header (as
 *              text/rfc822-headers); range empty; suffix = end
 *
 * rewritten: field by field. Subject gets its prefix in front of the old text, which stays byte for
 * byte; a missing Subject is added; of several only the first is changed. Fields that request a
 * receipt or report are removed. Message-ID is replaced by our own; fields X-Monitor-* of the
 * original are removed and listed in X-Monitor-Removed. Everything else stays byte for byte,
 * including malformed lines. A message that ends inside its header gets the missing line end and
 * empty line.
 * Lines that we write end with CRLF, are folded below 78 octets where possible and always below
 * 998, and are 7-bit: copy/fields.h says how other text is encoded (RFC 2047, RFC 2231). Of several
 * Message-ID fields the first is replaced in place, the others are removed. If the original starts
 * with a folded line, "X-Monitor-Unnamed:" is put in front of it, or it would become part of our
 * last field.
 *
 * attached and headers: From is the sender's name at an address of ours, To the recipients as the
 * name of an empty group, Date the original's: no reply reaches anybody but reply_to.
 * A field of those to be removed is cut out also where only a bare CR begins its line.
 *
 * headers: never any content. What of a malformed header is body in some reading is left out, and
 * so is what exceeds 64 KiB or 16 KiB in one field; the copy then warns header-cut.
 *
 * Ownership: the view owns prefix and suffix; copy_view_clear() frees them.
 */
#ifndef RULES_COPY_COPY_H
#define RULES_COPY_COPY_H

#include "rules/route.h"

enum copy_form { COPY_REWRITTEN, COPY_ATTACHED, COPY_HEADERS };

#define MONITOR_ID_LEN 26

/* What a copy says about its message, as recorded in the ledger. All borrowed. */
struct copy_plan {
    enum copy_form form;
    unsigned directions; /* of the message, not only those that its rules select */
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
    const char *undecided; /* conditions without whose doubt there were no copy; NULL: none */
    const char *instance;  /* right hand side of our Message-ID */
    const char *purpose, *approved_by; /* may be NULL; X-Monitor-Purpose, X-Monitor-Approved-By */
    const char *reply_to;              /* of the target; NULL: none. Not in rewritten copies. */
};

struct copy_view {
    char *prefix;
    size_t prefix_len;
    uint64_t from, to; /* octets of the original, to is exclusive */
    char *suffix;
    size_t suffix_len;
};

/*
 * header_text: the original's header section with its empty line, as delimited by header_scan (the
 * whole original if it has no empty line); original_size: of the whole original.
 * A header too large to keep may be truncated anywhere: it then has no empty line but is shorter
 * than original_size. What follows becomes part of the range, and if the last field would have been
 * removed or replaced it is renamed to X-Monitor-Cut-....
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
/* The id in the first X-Monitor-Id field of a message; false: missing or malformed. */
bool monitor_id_read(const struct header *header, char id[MONITOR_ID_LEN + 1]);

#endif
