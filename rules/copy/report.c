/*
 * The forms attached and headers: a report, then the original or its header. With headers, what is
 * no header in some reading is not shown anywhere, not even in a field of the copy.
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "rules/copy/fields.h"
#include "rules/copy/header_part.h"
#include "rules/text/charset.h"

#define BOUNDARY_LEN 48
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
    copy_outer_header(out, set, plan, part->text, part->len, boundary);
    buffer_printf(out,
                  "--%s\r\nContent-Type: text/plain; charset=utf-8\r\n"
                  "Content-Transfer-Encoding: 8bit\r\n\r\n",
                  boundary);
    report_text(out, plan, original_size);
    begin_original(out, plan->form, boundary);
}

/* The header of a message whose lines all end with CR, with lines that end with CRLF. */
static void split_at_cr(struct header_part *part, struct buffer *lines)
{
    *part = header_part_find(part->text, part->len);
    for (size_t i = 0; i < part->len; i++) {
        buffer_char(lines, part->text[i]);
        if (part->text[i] == '\r')
            buffer_char(lines, '\n');
    }
    part->text = lines->len > 0 ? lines->data : "";
    part->len = lines->len;
}

void copy_report(const struct rule_set *set, const struct copy_plan *plan, const char *header_text,
                 size_t header_len, uint64_t original_size, struct copy_view *view)
{
    struct copy_plan shown = *plan;
    struct header_part part = {.text = header_text, .len = header_len};
    struct buffer prefix = {0}, header = {0}, lines = {0};
    char boundary[BOUNDARY_LEN + 1];
    make_boundary(set, plan, boundary);
    if (plan->form == COPY_HEADERS) {
        part = header_part_find(header_text, header_len);
        if (header_part_add(&header, &part) || part.cut)
            shown.warnings |= WARNING_HEADER_CUT;
    }
    if (memchr(part.text, '\n', part.len) == NULL)
        split_at_cr(&part, &lines);
    add_report(&prefix, set, &shown, &part, original_size, boundary);
    if (header.len > 0)
        buffer_add(&prefix, header.data, header.len);
    buffer_free(&header);
    buffer_free(&lines);

    view->prefix_len = prefix.len;
    view->prefix = buffer_take(&prefix);
    view->to = plan->form == COPY_ATTACHED ? original_size : 0;
    view->suffix = xasprintf("\r\n--%s--\r\n", boundary);
    view->suffix_len = strlen(view->suffix);
}
