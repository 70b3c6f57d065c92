/*
 * The header fields that we write, and helpers shared with the report. Private to rules/copy,
 * except field_begin() and field_text().
 *
 * Everything written here is 7-bit, CRLF, without controls, folded below 78 octets at blanks where
 * possible, and always below 998. Other text is encoded so that it can be recovered:
 *   - text (addresses, names of rules, purpose, Message-ID) that is not plain ASCII, or looks like
 *     an encoded word, is written as encoded words of UTF-8 (RFC 2047);
 *   - account and folder in X-Monitor-Source are parameters (RFC 2045, RFC 2231): a token as it is,
 *     else a quoted string with \" and \\, else folder*=utf-8''Entw%C3%BCrfe;
 *   - controls become blanks; a word longer than 900 octets gets a blank after every 900.
 */
#ifndef RULES_COPY_FIELDS_H
#define RULES_COPY_FIELDS_H

#include "rules/copy/copy.h"
#include "rules/util/buffer.h"

#define COPY_DATE_LEN 80

struct field_writer {
    struct buffer *out;
    size_t column;
    bool first; /* nothing written yet: the first line of a field must not be empty */
};

void field_begin(struct field_writer *writer, struct buffer *out, const char *name);
/* Text of any kind, followed by a comma if more is to come. */
void field_text(struct field_writer *writer, const char *text, bool comma);

/* "Name: text" CRLF. */
void copy_field(struct buffer *out, const char *name, const char *text);

/* Names of removed fields, without duplicates, up to a bound. */
#define COPY_REMOVED_MAX 100
struct copy_removed {
    char *names[COPY_REMOVED_MAX];
    size_t count;
    size_t more; /* fields beyond the bound */
};

/* All X-Monitor fields; original_message_id and removed may be NULL. */
void copy_monitor_fields(struct buffer *out, const struct copy_plan *plan,
                         const char *original_message_id, const struct copy_removed *removed);
/* Our Message-ID: "<", monitor id, instance, ">". */
void copy_message_id(struct buffer *out, const struct copy_plan *plan);
/* The instance as a domain. */
void copy_domain(struct buffer *out, const struct copy_plan *plan);

/*
 * Appends a Subject field: the original name and colon, the prefix configured for the directions,
 * then the old value byte for byte. field NULL: the original has none; then nothing is appended if
 * there is no prefix either.
 */
void copy_subject(struct buffer *out, const struct rule_set *set, const struct copy_plan *plan,
                  const struct header_field *field);

/* RFC 5322 section 3.3, in UTC. */
void copy_date(time_t when, char date[COPY_DATE_LEN]);
void copy_sha256(const unsigned char sha256[32], char hex[65]);
/* UTF-8 without controls, on one line; the caller frees it. */
char *copy_clean(const char *text);

/* The header of the forms attached and headers, with its empty line: copy/outer_header.c. */
void copy_outer_header(struct buffer *out, const struct rule_set *set, const struct copy_plan *plan,
                       const char *header_text, size_t header_len, const char *boundary);
/* Makes the forms attached and headers: copy/report.c. */
void copy_report(const struct rule_set *set, const struct copy_plan *plan, const char *header_text,
                 size_t header_len, uint64_t original_size, struct copy_view *view);

#endif
