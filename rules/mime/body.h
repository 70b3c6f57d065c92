/*
 * The attachments of a message, and its text for body patterns. Reads the message as a stream,
 * keeps no more than its bounds, never recurses.
 *
 * Feed the whole message (including its header section) in pieces; multipart structure (RFC 2046)
 * is followed down to BODY_DEPTH_MAX, including message/rfc822 parts. An attachment is a part with
 * Content-Disposition attachment, or with a file name (filename or name, RFC 2231 and RFC 2047
 * forms decoded), or a leaf that is neither text/... nor multipart/... (except the signatures
 * application/pgp-signature, application/pkcs7-signature and application/x-pkcs7-signature); a
 * whole message that is one such leaf counts too. A signature whose file name is of another kind
 * (secret.zip) is an attachment. Of repeated fields the first counts; a repeated Content-Type sets
 * facts.doubt, because mail readers disagree on it. A message/rfc822 part that is base64 or
 * quoted-printable is not opened (facts.doubt). Text: the decoded octets (base64,
 * quoted-printable; charset to UTF-8) of text/... parts, BODY_TEXT_MAX in total; beyond that
 * facts.doubt is set, as it is after 10,000 parts or 1,000 parts with text.
 */
#ifndef RULES_MIME_BODY_H
#define RULES_MIME_BODY_H

#include <stdbool.h>
#include <stddef.h>

#define BODY_DEPTH_MAX 32
#define BODY_ATTACHMENTS_MAX 1000
#define BODY_TEXT_MAX (1024 * 1024)

struct attachment {
    char *type; /* "application/pdf", lower case */
    char *name; /* UTF-8; "" if unnamed */
};

/* What the facts may be missing. */
enum body_doubt {
    BODY_DOUBT_ATTACHMENTS = 1, /* attachments, or names of them */
    BODY_DOUBT_TEXT = 2,        /* text */
};

struct body_facts {
    struct attachment *attachments;
    size_t count;
    unsigned doubt;        /* of enum body_doubt: a bound was reached, or a part was not opened */
    const char *doubt_why; /* static; the first reason, for explain; NULL: none */
    bool tnef;
    char *text; /* NUL-terminated (embedded NULs replaced), parts separated by a line feed */
    size_t text_len;
};

struct body_scan;
/* want_text: whether to collect text. */
struct body_scan *body_scan_new(bool want_text);
void body_scan_feed(struct body_scan *scan, const char *data, size_t len);
/* Ends and frees the scan. The caller frees the result with body_facts_free(). */
struct body_facts *body_scan_end(struct body_scan *scan);
void body_scan_free(struct body_scan *scan);
void body_facts_free(struct body_facts *facts);

#endif
