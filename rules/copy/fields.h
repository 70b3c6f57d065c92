/*
 * The header fields that we write, and the words that they share with the report. Inside of copy.h.
 *
 * All that is written here is 7-bit, CRLF, without controls, folded below 78 octets at blanks where
 * there are some, and always below 998. What a field says is found again so:
 *   - text (addresses, names of rules, purpose, Message-ID) that is not plain ASCII, or looks like
 *     an encoded word, stands as encoded words of UTF-8 (RFC 2047);
 *   - account and folder in X-Monitor-Source stand as parameters do (RFC 2045, RFC 2231): a token
 *     as it is, else a quoted string with \" and \\, else folder*=utf-8''Entw%C3%BCrfe;
 *   - controls are blanks; a word over 900 octets has a blank after every 900.
 */
#ifndef RULES_COPY_FIELDS_H
#define RULES_COPY_FIELDS_H

#include "rules/copy/copy.h"
#include "rules/util/buffer.h"

#define COPY_DATE_LEN 80

struct field_writer {
    struct buffer *out;
    size_t column;
    bool first; /* no word yet: a field's first line shall not be empty */
};

void field_begin(struct field_writer *writer, struct buffer *out, const char *name);
/* Text of any kind; then a comma if there is more to come. */
void field_text(struct field_writer *writer, const char *text, bool comma);

/* "Name: text" CRLF. */
void copy_field(struct buffer *out, const char *name, const char *text);

/* Names of fields that were removed: each once, the first of them only. */
#define COPY_REMOVED_MAX 100
struct copy_removed {
    char *names[COPY_REMOVED_MAX];
    size_t count;
    size_t more; /* fields whose names found no place */
};

/* All X-Monitor fields; original_message_id and removed may be NULL. */
void copy_monitor_fields(struct buffer *out, const struct copy_plan *plan,
                         const char *original_message_id, const struct copy_removed *removed);
/* Our Message-ID: monitor id and instance, as "<...>". */
void copy_message_id(struct buffer *out, const struct copy_plan *plan);
/* The instance as the right hand side of an address. */
void copy_domain(struct buffer *out, const struct copy_plan *plan);

/*
 * Adds a Subject field: the name as it stands before the colon (with it), the prefix that the
 * directions ask for, then the old value byte for byte. field NULL: there was none. Nothing is
 * added where there was none and no prefix is asked for.
 */
void copy_subject(struct buffer *out, const struct rule_set *set, const struct copy_plan *plan,
                  const struct header_field *field);

/* RFC 5322 section 3.3, in UTC. */
void copy_date(time_t when, char date[COPY_DATE_LEN]);
void copy_sha256(const unsigned char sha256[32], char hex[65]);
/* UTF-8 without controls, in one line; a string of the caller's. */
char *copy_clean(const char *text);

/* The report and what stands around it: copy/report.c. */
void copy_report(const struct rule_set *set, const struct copy_plan *plan, const char *header_text,
                 size_t header_len, uint64_t original_size, struct copy_view *view);

#endif
