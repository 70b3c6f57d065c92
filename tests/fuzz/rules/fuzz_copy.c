/*
 * A hostile message, and hostile texts in the plan (its first line): the copy has all required
 * fields, in clean lines, and nothing that had to be removed survives. A copy of the form headers
 * does not depend on anything that is content in some reading.
 */
#include <stdint.h>
#include <strings.h>

#include "rules/copy/copy.h"
#include "rules/util/memory.h"

#define ID "abcdefghijklmnopqrstuvwx27"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static bool is_ours(const struct header_field *field)
{
    return field->name_len > 10 && strncasecmp(field->start, "X-Monitor-", 10) == 0 &&
           strncmp(field->start, "X-Monitor-Unnamed", 17) != 0 &&
           strncmp(field->start, "X-Monitor-Cut-", 14) != 0;
}

/* CRLF only before a blank or at the end, seven bits, no line over 998. */
static void check_clean(const struct header_field *field)
{
    size_t line = 0;
    check(field->len > 2 && memcmp(field->start + field->len - 2, "\r\n", 2) == 0);
    for (size_t i = 0; i < field->len; i++) {
        char c = field->start[i];
        if (c == '\r' || c == '\n') {
            check(c == '\n' || field->start[i + 1] == '\n');
            check(c == '\r' || i + 1 == field->len || field->start[i + 1] == ' ');
            line = 0;
        } else {
            check(c >= ' ' && c <= '~' && ++line <= 998);
        }
    }
}

static void check_header(const struct rule_set *set, const struct copy_view *view)
{
    const char *at = view->prefix, *end = at + header_section_len(at, view->prefix_len);
    struct header_field field;
    size_t ids = 0, message_ids = 0, subjects = 0;
    while (header_next(&at, end, &field)) {
        ids += header_field_is(&field, "X-Monitor-Id");
        message_ids += header_field_is(&field, "Message-ID");
        subjects += header_field_is(&field, "Subject");
        if (is_ours(&field))
            check_clean(&field);
        else if (field.name_len > 0 && strncmp(field.start, "X-Monitor-", 10) != 0)
            check(!copy_removes(set, field.start, field.name_len));
    }
    check(ids == 1);
    check(message_ids == 1 && subjects > 0);

    char id[MONITOR_ID_LEN + 1];
    struct header *header = header_parse(view->prefix, view->prefix_len);
    check(monitor_id_read(header, id) && strcmp(id, ID) == 0);
    header_free(header);
}

static void check_view(const struct copy_view *view, enum copy_form form, size_t header_len,
                       size_t size, bool ended)
{
    check(view->prefix_len == 0 || view->prefix != NULL);
    check(view->from <= view->to && view->to <= size);
    size_t section = header_section_len(view->prefix, view->prefix_len);
    if (form == COPY_REWRITTEN) {
        check(view->from == header_len && view->to == size && view->suffix_len == 0);
        struct header_scan scan = {0};
        long end = header_scan_feed(&scan, view->prefix, view->prefix_len);
        check(!ended || end == (long)view->prefix_len);
    } else {
        check(view->suffix_len == strlen(view->suffix) && section < view->prefix_len);
        check(view->from == 0 && view->to == (form == COPY_ATTACHED ? size : 0));
    }
}

static void make_and_check(struct copy_plan *plan, const char *text, size_t size, bool cut)
{
    struct rule_set set = {0};
    char in[] = "{In} ", out[] = "\xc3\xa9[out] ", internal[] = "=?x";
    char *own[] = {(char[]){"X-Own"}, NULL};
    set.subject_prefix[0] = in;
    set.subject_prefix[1] = out;
    set.subject_prefix[2] = internal;
    set.removed_fields = own;
    struct header_scan scan = {0};
    long end = header_scan_feed(&scan, text, size);
    size_t header_len = end < 0 ? size : (size_t)end;
    if (cut)
        header_len /= 2;
    for (int form = COPY_REWRITTEN; form <= COPY_HEADERS; form++) {
        struct copy_view view;
        plan->form = (enum copy_form)form;
        copy_make(&set, plan, text, header_len, size, &view);
        check_view(&view, plan->form, header_len, size, !cut || header_len == size);
        if (!cut)
            check_header(&set, &view);
        copy_view_clear(&view);
    }
}

static bool has_colon(const char *line, const char *end)
{
    return memchr(line, ':', (size_t)(end - line)) != NULL;
}

static bool begins(const char *line, const char *end, const char *with)
{
    size_t len = strlen(with);
    return (size_t)(end - line) >= len && memcmp(line, with, len) == 0;
}

/* Neither a field, nor folded, nor the first line of an mbox. */
static bool is_content(const char *text, const char *line, const char *end)
{
    bool folded = line > text && (*line == ' ' || *line == '\t');
    bool mbox = line == text && (begins(line, end, "From ") || begins(line, end, ">From "));
    return !has_colon(line, end) && !folded && !mbox;
}

/* Where the body begins if lines end with LF, and with `cr` with a bare CR as well: after the first
 * empty line or, where that is earlier, with the first line of content. */
static const char *find_body(const char *text, size_t size, bool cr)
{
    const char *end = text + size, *line = text;
    for (const char *c = text; c < end; c++) {
        bool pair = *c == '\r' && c + 1 < end && c[1] == '\n';
        if (*c != '\n' && !pair && !(*c == '\r' && cr))
            continue;
        if (c == line)
            return c + 1 + pair;
        if (is_content(text, line, c))
            return line;
        c += pair;
        line = c + 1;
    }
    return line < end && is_content(text, line, end) ? line : end;
}

static void copy_headers(const struct copy_plan *plan, const char *text, size_t size,
                         struct copy_view *view)
{
    struct rule_set set = {0};
    char prefix[] = "{In} ";
    struct header_scan scan = {0};
    long end = header_scan_feed(&scan, text, size);
    for (size_t i = 0; i < 3; i++)
        set.subject_prefix[i] = prefix;
    copy_make(&set, plan, text, end < 0 ? size : (size_t)end, size, view);
}

static void check_no_content(struct copy_plan *plan, const char *text, size_t size)
{
    const char *lf = find_body(text, size, false), *cr = find_body(text, size, true);
    size_t body = (size_t)((lf < cr ? lf : cr) - text);
    char *changed = xmemdup0(text, size);
    struct copy_view one, two;
    memset(changed + body, 'x', size - body);
    plan->form = COPY_HEADERS;
    copy_headers(plan, text, size, &one);
    copy_headers(plan, changed, size, &two);
    check(one.prefix_len == two.prefix_len && memcmp(one.prefix, two.prefix, one.prefix_len) == 0);
    copy_view_clear(&one);
    copy_view_clear(&two);
    free(changed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const unsigned char sha256[32] = {1, 2, 3};
    if (size < 2)
        return 0;
    unsigned bits = data[0];
    bool cut = data[1] & 1;
    const uint8_t *feed = memchr(data + 2, '\n', size - 2);
    size_t word_len = feed != NULL ? (size_t)(feed - data) - 2 : 0;
    char *word = xmemdup0(data + 2, word_len);
    for (char *c = word; *c != '\0'; c++)
        *c = *c == '\v' ? '\n' : *c; /* line feeds in the texts too */
    size_t text_len = size - 2 - word_len;
    char *text = xrealloc(xmemdup0(data + 2 + word_len, text_len), text_len);

    struct recipient recipients[] = {{word, BASIS_TO}, {word, BASIS_BCC}};
    const char *const rules[] = {word, "second"};
    struct copy_plan plan = {.directions = bits & 7,
                             .sender = word,
                             .recipients = recipients,
                             .n_recipients = bits >> 3 & 1 ? 2 : 1,
                             .rules = rules,
                             .n_rules = bits >> 4 & 1 ? 2 : 1,
                             .account = word,
                             .folder = word,
                             .uid = 7,
                             .monitor_id = ID,
                             .sha256 = sha256,
                             .captured = (time_t)bits << 24,
                             .warnings = bits,
                             .instance = word,
                             .purpose = word};
    if (plan.directions == 0)
        plan.directions = DIRECTION_INCOMING;
    make_and_check(&plan, text, text_len, cut);
    check_no_content(&plan, text, text_len);
    free(text);
    free(word);
    return 0;
}
