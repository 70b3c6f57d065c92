/*
 * What the rules ask of a body: its attachments, and text for body patterns. Reads the message as a
 * stream, keeps no more than its bounds, never recurses.
 *
 * Feed the whole message (header section included) in pieces; multipart structure (RFC 2046) is
 * followed down to BODY_DEPTH_MAX, message/rfc822 parts are looked into. An attachment is a part
 * with Content-Disposition attachment, or with a file name (filename or name, RFC 2231 and RFC 2047
 * forms decoded), or a leaf that is neither text/... nor multipart/... (signatures
 * application/pgp-signature, application/pkcs7-signature and application/x-pkcs7-signature apart);
 * a whole message that is one such leaf counts too. A signature with a file name of another kind
 * (secret.zip) is an attachment. Of repeated fields the first counts; a repeated Content-Type sets
 * facts.limited, for readers of mail differ there. A message/rfc822 part that is base64 or
 * quoted-printable is not looked into (facts.limited). Text: the decoded octets (base64,
 * quoted-printable; charset to UTF-8) of text/... parts, the first BODY_TEXT_MAX in all; beyond
 * that facts.limited is set, as it is for more than 10,000 parts or 1,000 parts with text.
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
    char *name; /* UTF-8, "" if it has none */
};

struct body_facts {
    struct attachment *attachments;
    size_t count;
    bool limited; /* a bound was reached: there may be more */
    bool tnef;
    char *text; /* NUL-terminated (octets NUL replaced), parts separated by a line feed */
    size_t text_len;
};

struct body_scan;
/* want_text: whether text is gathered at all. */
struct body_scan *body_scan_new(bool want_text);
void body_scan_feed(struct body_scan *scan, const char *data, size_t len);
/* Ends the scan, frees it and gives the facts; body_facts_free() frees them. */
struct body_facts *body_scan_end(struct body_scan *scan);
void body_scan_free(struct body_scan *scan);
void body_facts_free(struct body_facts *facts);

#endif
