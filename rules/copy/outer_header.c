/*
 * The header of a copy in the forms attached and headers: so much of the original that a list of
 * copies reads like a list of mail, and nothing that a reply could reach.
 */
#include <stdio.h>

#include "rules/copy/fields.h"
#include "rules/mime/encoded_word.h"
#include "rules/text/charset.h"

#define SUBJECT_RAW_MAX 4000
#define SUBJECT_DECODED_MAX 1000
#define REPORT_LINE_MAX 900
#define FROM_MAX_OCTETS 4000
#define NAME_MAX_OCTETS 120
#define DATE_MAX_OCTETS 60
#define RECIPIENTS_SHOWN 10

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

/* "Carol Dane" <carol@x>, carol@x (Carol Dane), or "" if there is no name. Changed in place. */
static char *name_in(char *from)
{
    char *angle = strchr(from, '<'), *comment = strchr(from, '(');
    if (angle != NULL) {
        *angle = '\0';
        comment = from;
    } else if (comment != NULL) {
        *comment++ = '\0';
        comment[strcspn(comment, "()")] = '\0';
    } else {
        return from + strlen(from);
    }
    char *end = comment + strlen(comment);
    while (end > comment && strchr(" \"", end[-1]) != NULL)
        *--end = '\0';
    return comment + strspn(comment, " \"");
}

/* As a quoted string (RFC 5322 section 3.2.4), or as encoded words if it must be. */
static void put_phrase(struct field_writer *writer, const char *text)
{
    if (!encoded_word_plain(text)) {
        field_text(writer, text, false);
        return;
    }
    struct buffer quoted = {0};
    buffer_char(&quoted, '"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            buffer_char(&quoted, '\\');
        buffer_char(&quoted, *text);
    }
    buffer_char(&quoted, '"');
    field_text(writer, quoted.data, false);
    buffer_free(&quoted);
}

/* The sender by name, but at an address of ours. */
static void outer_from(struct buffer *out, const struct copy_plan *plan,
                       const struct header_field *original)
{
    struct field_writer writer;
    struct buffer address = {0};
    char *from = original != NULL ? header_value_decoded(original, FROM_MAX_OCTETS) : xstrdup("");
    const char *name = name_in(from);
    if (*name == '\0')
        name = *plan->sender != '\0' ? plan->sender : "unknown sender";
    int len = (int)utf8_cut(name, strlen(name), NAME_MAX_OCTETS);
    char *shown = xasprintf("%.*s (monitored)", len, name), *clean = copy_clean(shown);
    buffer_text(&address, "<mailvigil@");
    copy_domain(&address, plan);
    buffer_char(&address, '>');
    field_begin(&writer, out, "From");
    put_phrase(&writer, clean);
    field_text(&writer, address.data, false);
    buffer_text(out, "\r\n");
    buffer_free(&address);
    free(clean);
    free(shown);
    free(from);
}

/* The recipients as the name of an empty group (RFC 5322 section 3.4): no reply goes to them. */
static void outer_to(struct buffer *out, const struct copy_plan *plan)
{
    struct field_writer writer;
    struct buffer names = {0};
    for (size_t i = 0; i < plan->n_recipients && i < RECIPIENTS_SHOWN; i++)
        buffer_printf(&names, "%s%s", i > 0 ? ", " : "", plan->recipients[i].address);
    if (plan->n_recipients > RECIPIENTS_SHOWN)
        buffer_printf(&names, " and %zu more", plan->n_recipients - RECIPIENTS_SHOWN);
    char *clean = copy_clean(names.len > 0 ? names.data : "undisclosed recipients");
    field_begin(&writer, out, "To");
    put_phrase(&writer, clean);
    field_text(&writer, ":;", false);
    buffer_text(out, "\r\n");
    free(clean);
    buffer_free(&names);
}

/* RFC 5322 section 3.3, as far as a reader's program needs it to sort by. */
static bool is_date(const char *text)
{
    char month[4], zone[6];
    int day, year, hour, minute;
    const char *comma = strchr(text, ',');
    return strlen(text) <= DATE_MAX_OCTETS && encoded_word_plain(text) &&
           sscanf(comma != NULL ? comma + 1 : text,
                  " %2d %3[A-Za-z] %4d %2d:%2d%*[0-9:] %5[A-Z0-9+-]", &day, month, &year, &hour,
                  &minute, zone) == 6;
}

/* The original's Date, or when it was filed if that is no date. */
static void outer_date(struct buffer *out, const struct copy_plan *plan,
                       const struct header_field *original)
{
    char filed[COPY_DATE_LEN];
    char *date = original != NULL ? header_value(original, DATE_MAX_OCTETS + 1) : NULL;
    copy_date(plan->internaldate, filed);
    copy_field(out, "Date", date != NULL && is_date(date) ? date : filed);
    free(date);
}

void copy_outer_header(struct buffer *out, const struct rule_set *set, const struct copy_plan *plan,
                       const char *header_text, size_t header_len, const char *boundary)
{
    struct header_field field;
    char *message_id = NULL;
    if (first_field(header_text, header_len, "Message-ID", &field) != NULL)
        message_id = header_value(&field, REPORT_LINE_MAX);
    copy_monitor_fields(out, plan, message_id, NULL);
    free(message_id);

    outer_from(out, plan, first_field(header_text, header_len, "From", &field));
    outer_to(out, plan);
    if (plan->reply_to != NULL)
        copy_field(out, "Reply-To", plan->reply_to);
    outer_date(out, plan, first_field(header_text, header_len, "Date", &field));
    outer_subject(out, set, plan, first_field(header_text, header_len, "Subject", &field));
    buffer_text(out, "Message-ID: ");
    copy_message_id(out, plan);
    /* RFC 3834 section 5: no automatic replies */
    buffer_text(out, "\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n");
    buffer_printf(out, "Content-Type: multipart/mixed;\r\n boundary=\"%s\"\r\n\r\n", boundary);
}
