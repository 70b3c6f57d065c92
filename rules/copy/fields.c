#include "rules/copy/fields.h"

#include "rules/mime/encoded_word.h"
#include "rules/text/charset.h"
#include "rules/time/calendar.h"

#define LINE_GOOD 78
#define WORD_MAX 900
#define PARAMETER_MAX 800 /* of an account or folder as written; the ledger has it in full */
#define INSTANCE_MAX 200

void field_begin(struct field_writer *writer, struct buffer *out, const char *name)
{
    *writer = (struct field_writer){.out = out, .column = strlen(name) + 1, .first = true};
    buffer_text(out, name);
    buffer_char(out, ':');
}

static void put_word(struct field_writer *writer, const char *word, size_t len)
{
    if (!writer->first && writer->column + 1 + len > LINE_GOOD) {
        buffer_text(writer->out, "\r\n");
        writer->column = 0;
    }
    buffer_char(writer->out, ' ');
    buffer_add(writer->out, word, len);
    writer->column += 1 + len;
    writer->first = false;
}

static void field_word(struct field_writer *writer, const char *word, size_t len)
{
    while (len > 0) {
        size_t n = len < WORD_MAX ? len : WORD_MAX;
        put_word(writer, word, n);
        word += n;
        len -= n;
    }
}

static void put_words(struct field_writer *writer, const char *text)
{
    while (*text != '\0') {
        size_t len = strcspn(text, " ");
        field_word(writer, text, len);
        text += len;
        text += strspn(text, " ");
    }
}

char *copy_clean(const char *text)
{
    struct buffer out = {0};
    struct charset_reader *reader = charset_reader_new(NULL, 0);
    charset_reader_feed(reader, text, strlen(text), &out);
    charset_reader_flush(reader, &out);
    charset_reader_free(reader);
    for (size_t i = 0; i < out.len; i++)
        if (out.data[i] == '\n' || out.data[i] == '\t')
            out.data[i] = ' ';
    return buffer_take(&out);
}

void field_text(struct field_writer *writer, const char *text, bool comma)
{
    char *clean = copy_clean(text);
    struct buffer words = {0};
    bool plain = encoded_word_plain(clean);
    if (plain)
        buffer_text(&words, clean);
    else
        encoded_word_write(&words, clean);
    if (comma) /* an encoded word must be followed by a blank, RFC 2047 section 5 */
        buffer_text(&words, plain ? "," : " ,");
    if (words.len > 0)
        put_words(writer, words.data);
    buffer_free(&words);
    free(clean);
}

static void field_end(struct field_writer *writer)
{
    buffer_text(writer->out, "\r\n");
}

void copy_field(struct buffer *out, const char *name, const char *text)
{
    struct field_writer writer;
    field_begin(&writer, out, name);
    field_text(&writer, text, false);
    field_end(&writer);
}

void copy_date(time_t when, char date[COPY_DATE_LEN])
{
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct calendar day = calendar_split(when);
    if (day.year < 1900 || day.year > 9999)
        day = calendar_split(0);
    snprintf(date, COPY_DATE_LEN, "%s, %02d %s %04d %02d:%02d:%02d +0000",
             calendar_weekday_text(day.weekday), day.day, months[day.month - 1], (int)day.year,
             day.hour, day.minute, day.second);
}

void copy_sha256(const unsigned char sha256[32], char hex[65])
{
    for (size_t i = 0; i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02x", sha256[i]);
}

void copy_domain(struct buffer *out, const struct copy_plan *plan)
{
    size_t start = out->len;
    for (const char *c = plan->instance; *c != '\0' && out->len - start < INSTANCE_MAX; c++) {
        bool dot = *c == '.' && out->len > start && out->data[out->len - 1] != '.';
        bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                      (*c >= '0' && *c <= '9') || *c == '-';
        buffer_char(out, dot || letter ? *c : '-');
    }
    if (out->len > start && out->data[out->len - 1] == '.')
        out->data[out->len - 1] = '-';
    if (out->len == start)
        buffer_text(out, "mailvigil.invalid");
}

void copy_message_id(struct buffer *out, const struct copy_plan *plan)
{
    buffer_printf(out, "<%.*s.mailvigil@", MONITOR_ID_LEN, plan->monitor_id);
    copy_domain(out, plan);
    buffer_char(out, '>');
}

/* RFC 2045 section 5.1 */
static bool is_token(const char *text)
{
    return *text != '\0' && encoded_word_plain(text) && strpbrk(text, " ()<>@,;:\\\"/[]?=") == NULL;
}

static void add_quoted(struct buffer *out, const char *text, size_t limit)
{
    buffer_char(out, '"');
    for (; *text != '\0' && out->len < limit; text++) {
        if (*text == '"' || *text == '\\')
            buffer_char(out, '\\');
        buffer_char(out, *text);
    }
    buffer_char(out, '"');
}

/* RFC 2231 section 4; whole characters only. */
static void add_extended(struct buffer *out, const char *text, size_t limit)
{
    while (*text != '\0' && out->len < limit) {
        size_t n = utf8_length(text, strlen(text));
        bool plain = n == 1 && (strchr("-._/", *text) != NULL || (*text >= '0' && *text <= '9') ||
                                (*text >= 'A' && *text <= 'Z') || (*text >= 'a' && *text <= 'z'));
        for (size_t i = 0; i < n; i++, text++)
            buffer_printf(out, plain ? "%c" : "%%%02X", (unsigned char)*text);
    }
}

static void add_parameter(struct buffer *out, const char *name, const char *value, bool quote)
{
    char *clean = copy_clean(value);
    bool printable = true;
    for (const char *c = clean; *c != '\0'; c++)
        printable &= *c >= ' ' && *c <= '~';
    if (!printable) {
        buffer_printf(out, "%s*=utf-8''", name);
        add_extended(out, clean, PARAMETER_MAX);
    } else if (quote || !is_token(clean)) {
        buffer_printf(out, "%s=", name);
        add_quoted(out, clean, PARAMETER_MAX);
    } else {
        buffer_printf(out, "%s=%.*s", name, PARAMETER_MAX, clean);
    }
    buffer_char(out, ';');
    free(clean);
}

static void source_field(struct buffer *out, const struct copy_plan *plan)
{
    struct buffer parameter = {0};
    struct field_writer writer;
    field_begin(&writer, out, "X-Monitor-Source");
    add_parameter(&parameter, "account", plan->account, false);
    put_word(&writer, parameter.data, parameter.len);
    parameter.len = 0;
    add_parameter(&parameter, "folder", plan->folder, true);
    put_word(&writer, parameter.data, parameter.len);
    parameter.len = 0;
    buffer_printf(&parameter, "uidvalidity=%lu; uid=%lu", (unsigned long)plan->uidvalidity,
                  (unsigned long)plan->uid);
    put_words(&writer, parameter.data);
    field_end(&writer);
    buffer_free(&parameter);
}

static void recipient_fields(struct buffer *out, const struct copy_plan *plan)
{
    if (plan->n_recipients == 0)
        return;
    struct field_writer writer;
    field_begin(&writer, out,
                plan->n_recipients == 1 ? "X-Monitor-Recipient" : "X-Monitor-Recipients");
    for (size_t i = 0; i < plan->n_recipients; i++)
        field_text(&writer, plan->recipients[i].address, i + 1 < plan->n_recipients);
    field_end(&writer);
    field_begin(&writer, out, "X-Monitor-Recipient-Basis");
    for (size_t i = 0; i < plan->n_recipients; i++)
        field_text(&writer, basis_text(plan->recipients[i].basis), i + 1 < plan->n_recipients);
    field_end(&writer);
}

static void sender_field(struct buffer *out, const struct copy_plan *plan)
{
    struct field_writer writer;
    field_begin(&writer, out, "X-Monitor-Sender");
    field_text(&writer, plan->sender[0] != '\0' ? plan->sender : "<>", false);
    field_text(&writer, plan->sender_claimed ? "(claimed)" : "(mailbox)", false);
    field_end(&writer);
}

static void rule_field(struct buffer *out, const struct copy_plan *plan)
{
    struct field_writer writer;
    field_begin(&writer, out, "X-Monitor-Rule");
    for (size_t i = 0; i < plan->n_rules; i++)
        field_text(&writer, plan->rules[i], i + 1 < plan->n_rules);
    field_end(&writer);
}

/* What is undecided comes last, as it contains commas. */
static void warning_field(struct buffer *out, const struct copy_plan *plan)
{
    struct field_writer writer;
    unsigned warnings = plan->warnings;
    field_begin(&writer, out, "X-Monitor-Warning");
    for (unsigned bit = 1; warnings != 0 && warning_text(bit) != NULL; bit <<= 1) {
        if ((warnings & bit) == 0)
            continue;
        warnings &= ~bit;
        field_text(&writer, warning_text(bit), warnings != 0 || plan->undecided != NULL);
    }
    if (plan->undecided != NULL) {
        char *undecided = xasprintf("undecided: %s", plan->undecided);
        field_text(&writer, undecided, false);
        free(undecided);
    }
    field_end(&writer);
}

static void removed_field(struct buffer *out, const struct copy_removed *removed)
{
    struct field_writer writer;
    field_begin(&writer, out, "X-Monitor-Removed");
    for (size_t i = 0; i < removed->count; i++)
        field_text(&writer, removed->names[i], i + 1 < removed->count || removed->more > 0);
    if (removed->more > 0) {
        char *more = xasprintf("and %zu more", removed->more);
        field_text(&writer, more, false);
        free(more);
    }
    field_end(&writer);
}

void copy_monitor_fields(struct buffer *out, const struct copy_plan *plan,
                         const char *original_message_id, const struct copy_removed *removed)
{
    char directions[40], date[COPY_DATE_LEN], hex[65];
    recipient_fields(out, plan);
    sender_field(out, plan);
    copy_field(out, "X-Monitor-Direction", direction_text(plan->directions, directions));
    if (plan->n_rules > 0)
        rule_field(out, plan);
    if (plan->purpose != NULL && plan->purpose[0] != '\0')
        copy_field(out, "X-Monitor-Purpose", plan->purpose);
    if (plan->approved_by != NULL && plan->approved_by[0] != '\0')
        copy_field(out, "X-Monitor-Approved-By", plan->approved_by);
    source_field(out, plan);
    copy_field(out, "X-Monitor-Id", plan->monitor_id);
    if (original_message_id != NULL && original_message_id[0] != '\0')
        copy_field(out, "X-Monitor-Original-Message-ID", original_message_id);
    copy_sha256(plan->sha256, hex);
    copy_field(out, "X-Monitor-Original-SHA256", hex);
    copy_date(plan->captured, date);
    copy_field(out, "X-Monitor-Captured", date);
    if (removed != NULL && removed->count > 0)
        removed_field(out, removed);
    if (plan->warnings != 0 || plan->undecided != NULL)
        warning_field(out, plan);
}
