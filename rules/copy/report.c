/*
 * The forms attached and headers: a report, then the original or its header. With headers, what is
 * no header in some reading is not shown anywhere, not even in a field of the copy.
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "rules/copy/fields.h"
#include "rules/copy/header_part.h"
#include "rules/mime/charset.h"

#define BOUNDARY_LEN 48
#define SUBJECT_RAW_MAX 4000
#define SUBJECT_DECODED_MAX 1000
#define REPORT_LINE_MAX 900

/* Keyed, so that no sender can write a message that contains the boundary of its own copy. */
static void make_boundary(const struct rule_set *set, const struct copy_plan *plan,
                          char boundary[BOUNDARY_LEN + 1])
{
    struct buffer source = {0};
    unsigned char digest[EVP_MAX_MD_SIZE] = {0};
    unsigned len = 0;
    buffer_printf(&source, "boundary %s", plan->monitor_id);
    memory_check(HMAC(EVP_sha256(), set->key, sizeof(set->key), (const unsigned char *)source.data,
                      source.len, digest, &len));
    buffer_free(&source);
    /* "=_" cannot occur in base64 or quoted-printable text, RFC 2045 section 6.7 */
    char *end = stpcpy(boundary, "=_mailvigil_");
    for (size_t i = 0; i < 18; i++)
        end += snprintf(end, 3, "%02x", digest[i]);
}

/* Whether the value can be used as it is: 7-bit, CRLF, no line too long. */
static bool value_fits(const struct header_field *field)
{
    size_t line = 0;
    for (size_t i = 0; i < field->value_len && i < SUBJECT_RAW_MAX && line < REPORT_LINE_MAX; i++) {
        char c = field->value[i];
        line++;
        if (c == '\r' && i + 1 < field->value_len && field->value[i + 1] == '\n') {
            i++;
            line = 0;
        } else if ((c < ' ' || c > '~') && c != '\t') {
            return false;
        }
    }
    return field->value_len <= SUBJECT_RAW_MAX && line < REPORT_LINE_MAX;
}

/* The original's Subject after the prefix, re-encoded only if it is not fit for a header. */
static void outer_subject(struct buffer *out, const struct rule_set *set,
                          const struct copy_plan *plan, const struct header_field *original)
{
    if (original == NULL) {
        copy_subject(out, set, plan, NULL);
        return;
    }
    struct buffer text = {0};
    buffer_text(&text, "Subject:");
    if (value_fits(original)) {
        buffer_add(&text, original->value, original->value_len);
    } else {
        char *decoded = header_value_decoded(original, SUBJECT_DECODED_MAX);
        struct field_writer writer;
        text.len = 0;
        field_begin(&writer, &text, "Subject");
        field_text(&writer, decoded, false);
        free(decoded);
    }
    buffer_text(&text, "\r\n");
    const char *at = text.data;
    struct header_field field;
    if (header_next(&at, text.data + text.len, &field))
        copy_subject(out, set, plan, &field);
    buffer_free(&text);
}

static const struct header_field *first_field(const char *text, size_t len, const char *name,
                                              struct header_field *field)
{
    const char *at = text, *end = text + header_section_len(text, len);
    while (header_next(&at, end, field))
        if (header_field_is(field, name))
            return field;
    return NULL;
}

static void outer_header(struct buffer *out, const struct rule_set *set,
                         const struct copy_plan *plan, const char *header_text, size_t header_len,
                         const char *boundary)
{
    char date[COPY_DATE_LEN];
    struct header_field field;
    char *message_id = NULL;
    if (first_field(header_text, header_len, "Message-ID", &field) != NULL)
        message_id = header_value(&field, REPORT_LINE_MAX);
    copy_monitor_fields(out, plan, message_id, NULL);
    free(message_id);

    buffer_text(out, "From: \"mailvigil\" <mailvigil@");
    copy_domain(out, plan);
    buffer_text(out, ">\r\nTo: undisclosed-recipients:;\r\n");
    copy_date(plan->captured, date);
    copy_field(out, "Date", date);
    outer_subject(out, set, plan, first_field(header_text, header_len, "Subject", &field));
    buffer_text(out, "Message-ID: ");
    copy_message_id(out, plan);
    /* RFC 3834 section 5: no automatic replies */
    buffer_text(out, "\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n");
    buffer_printf(out, "Content-Type: multipart/mixed;\r\n boundary=\"%s\"\r\n\r\n", boundary);
}

/* One line of the report; label is "" for further values of the previous one. */
static void report_line(struct buffer *out, const char *label, const char *text)
{
    char *clean = copy_clean(text);
    size_t len = utf8_cut(clean, strlen(clean), REPORT_LINE_MAX);
    buffer_printf(out, "%-12s%.*s\r\n", label, (int)len, clean);
    free(clean);
}

static void report_value(struct buffer *out, const char *label, char *text)
{
    report_line(out, label, text);
    free(text);
}

static void report_addresses(struct buffer *out, const struct copy_plan *plan)
{
    report_value(out, "Sender:",
                 xasprintf("%s (%s)", plan->sender[0] != '\0' ? plan->sender : "<>",
                           plan->sender_claimed ? "claimed" : "mailbox"));
    for (size_t i = 0; i < plan->n_recipients; i++)
        report_value(out, i == 0 ? "Recipients:" : "",
                     xasprintf("%s (%s)", plan->recipients[i].address,
                               basis_text(plan->recipients[i].basis)));
    for (size_t i = 0; i < plan->n_rules; i++)
        report_line(out, i == 0 ? "Rules:" : "", plan->rules[i]);
    if (plan->purpose != NULL && plan->purpose[0] != '\0')
        report_line(out, "Purpose:", plan->purpose);
    if (plan->approved_by != NULL && plan->approved_by[0] != '\0')
        report_line(out, "Approver:", plan->approved_by);
}

static void report_text(struct buffer *out, const struct copy_plan *plan, uint64_t original_size)
{
    char directions[40], date[COPY_DATE_LEN], hex[65];
    buffer_text(out, "A monitored copy, made by mailvigil.\r\n\r\n");
    report_line(out, "Direction:", direction_text(plan->directions, directions));
    report_addresses(out, plan);
    report_value(out, "Source:", xasprintf("account %s, folder %s", plan->account, plan->folder));
    report_value(out, "",
                 xasprintf("UIDVALIDITY %lu, UID %lu", (unsigned long)plan->uidvalidity,
                           (unsigned long)plan->uid));
    report_value(out, "Size:", xasprintf("%llu bytes", (unsigned long long)original_size));
    copy_sha256(plan->sha256, hex);
    report_line(out, "SHA-256:", hex);
    copy_date(plan->internaldate, date);
    report_line(out, "Filed:", date);
    copy_date(plan->captured, date);
    report_line(out, "Captured:", date);
    for (unsigned bit = 1; warning_text(bit) != NULL; bit <<= 1)
        if (plan->warnings & bit)
            report_line(out, "Warning:", warning_text(bit));
    if (plan->undecided != NULL)
        report_value(out, "Warning:", xasprintf("undecided: %s", plan->undecided));
    report_line(out, "Copy:", plan->monitor_id);
    buffer_text(out, plan->form == COPY_ATTACHED
                         ? "\r\nThe original message is attached, unaltered.\r\n"
                         : "\r\nThe header of the original message is attached; its content was "
                           "not copied.\r\n");
}

static void begin_original(struct buffer *out, enum copy_form form, const char *boundary)
{
    bool attached = form == COPY_ATTACHED;
    buffer_printf(out,
                  "\r\n--%s\r\nContent-Type: %s\r\nContent-Transfer-Encoding: 8bit\r\n"
                  "Content-Disposition: attachment; filename=\"%s\"\r\n\r\n",
                  boundary, attached ? "message/rfc822" : "text/rfc822-headers",
                  attached ? "original.eml" : "original-headers.txt");
}

/* Everything before the original. part: its header, as far as the report may use it. */
static void add_report(struct buffer *out, const struct rule_set *set, const struct copy_plan *plan,
                       const struct header_part *part, uint64_t original_size, const char *boundary)
{
    outer_header(out, set, plan, part->text, part->len, boundary);
    buffer_printf(out,
                  "--%s\r\nContent-Type: text/plain; charset=utf-8\r\n"
                  "Content-Transfer-Encoding: 8bit\r\n\r\n",
                  boundary);
    report_text(out, plan, original_size);
    begin_original(out, plan->form, boundary);
}

void copy_report(const struct rule_set *set, const struct copy_plan *plan, const char *header_text,
                 size_t header_len, uint64_t original_size, struct copy_view *view)
{
    struct copy_plan shown = *plan;
    struct header_part part = {.text = header_text, .len = header_len};
    struct buffer prefix = {0}, header = {0};
    char boundary[BOUNDARY_LEN + 1];
    make_boundary(set, plan, boundary);
    if (plan->form == COPY_HEADERS) {
        part = header_part_find(header_text, header_len);
        if (header_part_add(&header, &part) || part.cut)
            shown.warnings |= WARNING_HEADER_CUT;
    }
    add_report(&prefix, set, &shown, &part, original_size, boundary);
    if (header.len > 0)
        buffer_add(&prefix, header.data, header.len);
    buffer_free(&header);

    view->prefix_len = prefix.len;
    view->prefix = buffer_take(&prefix);
    view->to = plan->form == COPY_ATTACHED ? original_size : 0;
    view->suffix = xasprintf("\r\n--%s--\r\n", boundary);
    view->suffix_len = strlen(view->suffix);
}
