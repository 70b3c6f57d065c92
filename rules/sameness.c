#include "rules/sameness.h"

#include <string.h>
#include <strings.h>

#include "rules/mime/header.h"
#include "rules/util/sha256.h"

/* Digests of another version never equal these: those in an older ledger had less in them. */
static const char version[] = "mailvigil sameness 2";

/* By RFC, or by the program that adds it. */
const char *const sameness_trace_fields[] = {
    /* RFC 5321, 8601, 8617, 6376, 4870, 7208, 9228 */
    "Received", "Return-Path", "Authentication-Results", "ARC-*", "DKIM-Signature",
    "DomainKey-Signature", "Received-SPF", "Delivered-To",
    /* Postfix, Exim, Cyrus, Dovecot, Gmail, ISPs: the envelope */
    "X-Original-To", "Envelope-To", "X-Envelope-To", "X-Envelope-From", "X-Delivered-To",
    "X-Resolved-To", "X-Mail-From", "X-RCPT-To", "Delivery-Date", "Old-Return-Path", "X-Received",
    "X-Sieve", "X-Sieve-Redirected-From", "X-Cyrus-Session-Id", "X-Originating-IP",
    "X-Authenticated-Sender", "X-Authenticated-User", "X-Google-*", "X-Gm-*",
    /* scanners: SpamAssassin, rspamd, amavis, ClamAV, DSPAM, bogofilter ... */
    "X-Spam-*", "X-Spamd-*", "X-Rspamd-*", "X-Virus-*", "X-Amavis-*", "X-Quarantine-ID",
    "X-DSPAM-*", "X-Bogosity", "X-Greylist", "X-Scanned-By", "X-MailScanner-*", "X-Barracuda-*",
    "X-Proofpoint-*", "X-Mimecast-*", "X-PMX-*",
    /* Exchange */
    "X-MS-Exchange-*", "X-Forefront-*", "X-Microsoft-Antispam*", "X-OriginalArrivalTime", NULL};

const char *const sameness_sent_fields[] = {
    /* removed when it is sent; what they say is in the plan of the copy */
    "Bcc", "Resent-Bcc",
    /* kept by Thunderbird, Evolution, KMail for themselves */
    "Fcc", "X-Mozilla-*", "X-Account-Key", "X-Identity-Key", "X-Evolution-*", "X-KMail-*", NULL};

/*
 * Line ends enter the digest as LF. A CR is part of a line end only before an LF, so the last octet
 * is held back if it is one.
 */
struct sameness {
    EVP_MD_CTX *body;
    bool carriage_return;
    bool in_line; /* the last line has no end so far */
};

struct sameness *sameness_new(void)
{
    struct sameness *sameness = xcalloc(1, sizeof(*sameness));
    sameness->body = sha256_new();
    return sameness;
}

/* ---- body ---- */

/* The CR held back was not part of a line end. */
static void flush_carriage_return(struct sameness *sameness)
{
    if (sameness->carriage_return)
        sha256_add(sameness->body, "\r", 1);
    sameness->carriage_return = false;
}

/* Text without a line feed; a CR at its end is held back. */
static void add_line(struct sameness *sameness, const char *line, size_t len)
{
    if (len == 0)
        return;
    flush_carriage_return(sameness);
    sameness->in_line = true;
    sameness->carriage_return = line[len - 1] == '\r';
    sha256_add(sameness->body, line, sameness->carriage_return ? len - 1 : len);
}

static void end_line(struct sameness *sameness)
{
    sha256_add(sameness->body, "\n", 1);
    sameness->carriage_return = false;
    sameness->in_line = false;
}

void sameness_body(struct sameness *sameness, const void *data, size_t len)
{
    if (len == 0)
        return;
    const char *text = data, *end = text + len;
    while (text < end) {
        const char *feed = memchr(text, '\n', (size_t)(end - text));
        add_line(sameness, text, (size_t)((feed != NULL ? feed : end) - text));
        if (feed == NULL)
            return;
        end_line(sameness);
        text = feed + 1;
    }
}

static void end_body(struct sameness *sameness, unsigned char digest[32])
{
    flush_carriage_return(sameness);
    if (sameness->in_line)
        end_line(sameness);
    sha256_end(sameness->body, digest);
    sameness->body = NULL;
}

/* ---- header ---- */

static bool is_named(const struct header_field *field, const char *name)
{
    size_t len = strlen(name);
    if (name[len - 1] == '*')
        return field->name_len >= len - 1 && strncasecmp(field->start, name, len - 1) == 0;
    return field->name_len == len && strncasecmp(field->start, name, len) == 0;
}

static bool is_among(const struct header_field *field, const char *const *names)
{
    if (field->name_len == 0)
        return false;
    for (; *names != NULL; names++)
        if (is_named(field, *names))
            return true;
    return false;
}

/* The field unfolded (RFC 5322 section 2.2.3), and a line feed, which it cannot contain itself. */
static void add_field(EVP_MD_CTX *digest, const struct header_field *field)
{
    const char *line = field->start, *end = field->start + field->len;
    while (line < end) {
        const char *feed = memchr(line, '\n', (size_t)(end - line));
        const char *stop = feed != NULL ? feed : end;
        if (feed != NULL && stop > line && stop[-1] == '\r')
            stop--;
        sha256_add(digest, line, (size_t)(stop - line));
        line = feed != NULL ? feed + 1 : end;
    }
    sha256_add(digest, "\n", 1);
}

static bool header_digest(const struct header *header, enum half half, unsigned char digest[32])
{
    size_t trace = 0, sent = 0;
    bool above = true; /* the first field that counts */
    if (header->truncated)
        return false;
    EVP_MD_CTX *context = sha256_new();
    for (size_t i = 0; i < header->count && trace <= SAMENESS_TRACE_MAX; i++) {
        const struct header_field *field = &header->fields[i];
        if (half == HALF_SENT && is_among(field, sameness_sent_fields)) {
            if (!header_field_is(field, "Bcc") && !header_field_is(field, "Resent-Bcc"))
                sent += field->len;
            continue;
        }
        above = above && is_among(field, sameness_trace_fields);
        if (above)
            trace += field->len;
        else
            add_field(context, field);
    }
    sha256_end(context, digest);
    return trace <= SAMENESS_TRACE_MAX && sent <= SAMENESS_SENT_MAX;
}

/* ---- both ---- */

static void combine(const unsigned char header[32], const unsigned char body[32],
                    unsigned char digest[32])
{
    EVP_MD_CTX *both = sha256_new();
    sha256_add(both, version, sizeof(version));
    sha256_add(both, header, 32);
    sha256_add(both, body, 32);
    sha256_end(both, digest);
}

bool sameness_end(struct sameness *sameness, const struct header *header, enum half half,
                  unsigned char digest[32])
{
    unsigned char of_header[32], of_body[32];
    bool known = header_digest(header, half, of_header);
    if (known) {
        end_body(sameness, of_body);
        combine(of_header, of_body, digest);
    }
    sameness_free(sameness);
    return known;
}

void sameness_free(struct sameness *sameness)
{
    if (sameness == NULL)
        return;
    EVP_MD_CTX_free(sameness->body);
    free(sameness);
}

bool sameness_of_copy(const struct header *header, const unsigned char body_sha256[32],
                      unsigned char digest[32])
{
    unsigned char of_header[32];
    if (!header_digest(header, HALF_RECEIVED, of_header))
        return false;
    combine(of_header, body_sha256, digest);
    return true;
}
