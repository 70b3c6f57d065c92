/*
 * The attachments of a message, and its text for body patterns. Reads the message as a stream,
 * keeps no more than its bounds, never recurses; the work is linear in the message.
 *
 * Feed the whole message (including its header section) in pieces. Multiparts (RFC 2046) and
 * enclosed messages (message/...) are followed down to BODY_DEPTH_MAX.
 *
 * What any common mail program shows as a file is an attachment, by every name that any of them
 * shows:
 *  - a part whose Content-Disposition is anything but "inline";
 *  - a part with a file name (filename or name, see body_name.h), even an empty one;
 *  - a part that is neither multipart/..., text/plain nor text/html, enclosed messages included;
 *    a whole message that is one such leaf counts too;
 *  - a file in the text of a part, uuencoded or yEncoded (body_uu.h).
 * Not the signature of a multipart/signed (application/pgp-signature, application/pkcs7-signature,
 * application/x-pkcs7-signature, as its second part), unless it has a name of another kind.
 *
 * Doubt: where programs disagree on the structure, or where a bound of ours was reached.
 *  - a header with lines that are no fields, ambiguous or repeated fields (body_entity.h);
 *  - lines that only some take for a delimiter (body_boundary.h), a multipart without boundary, or
 *    one that ends right after a delimiter: some skip what they take for a second one;
 *  - a message that is itself base64 or the like, or a multipart that is said to be and in which no
 *    delimiter was found as it stands; message/partial and external-body;
 *  - CR without LF, a line end to some: in a header, or before what may be a delimiter or the
 *    beginning of a file in text. Elsewhere it is a line end of the text;
 *  - BODY_DEPTH_MAX, BODY_ATTACHMENTS_MAX, 10,000 parts, 1 MiB of names, the bounds of text.h.
 *
 * Encrypted: multipart/encrypted, application/pgp-encrypted, application/pkcs7-mime unless it says
 * that it is only signed or compressed, names that end in .p7m, .pgp or .gpg, and an OpenPGP
 * message in text (RFC 4880 section 6.2). An S/MIME message that is only signed or compressed holds
 * parts that are not read: doubt.
 *
 * Text: the decoded octets (base64, quoted-printable) of text/... parts, in the readings of text.h.
 * Doubt: a Content-Transfer-Encoding that is unknown, repeated or more than a word, and base64 with
 * a "=" that ends no group, which some skip.
 */
#ifndef RULES_MIME_BODY_H
#define RULES_MIME_BODY_H

#include <stdbool.h>
#include <stddef.h>

#include "rules/text/reading.h"

#define BODY_DEPTH_MAX 32
#define BODY_ATTACHMENTS_MAX 1000

struct attachment {
    char *type;   /* "application/pdf", lower case */
    char **names; /* NUL-terminated UTF-8, the one as written first */
    size_t n_names;
};

/* What the facts may be missing. */
enum body_doubt {
    BODY_DOUBT_ATTACHMENTS = 1, /* attachments, or names of them */
    BODY_DOUBT_TEXT = 2,        /* text */
    BODY_DOUBT_READINGS = 4, /* programs see another message: not even what was found is certain */
};

struct body_facts {
    struct attachment *attachments;
    size_t count;
    unsigned doubt; /* of enum body_doubt: a bound was reached, or a part was not opened */
    /* Static; the first reason, for explain; NULL: none. */
    const char *doubt_why, *text_doubt_why;
    bool tnef;
    bool encrypted;       /* a part is S/MIME or OpenPGP: what is in it cannot be seen */
    bool bare_cr;         /* there is CR without LF, outside of base64 */
    struct readings text; /* of all parts together; empty if none was wanted */
};

/* Bounds that a test may lower: whatever they are, what is not read for them is doubt. */
struct body_bounds {
    size_t depth, attachments, parts, name_octets;
};

/* Whether the header of a message says that all of it is encrypted. */
bool body_header_encrypted(const char *text, size_t len);

struct body_scan;
/* want_text: whether to collect text. */
struct body_scan *body_scan_new(bool want_text);
/* Before anything is fed; none may be above its default. */
void body_scan_lower(struct body_scan *scan, const struct body_bounds *bounds);
void body_scan_feed(struct body_scan *scan, const char *data, size_t len);
/* Ends and frees the scan. The caller frees the result with body_facts_free(). */
struct body_facts *body_scan_end(struct body_scan *scan);
void body_scan_free(struct body_scan *scan);
void body_facts_free(struct body_facts *facts);

#endif
