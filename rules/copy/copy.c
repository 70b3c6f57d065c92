#include "rules/copy/copy.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "rules/copy/fields.h"
#include "rules/util/octet.h"

#define NAME_SHOWN_MAX 76
#define MESSAGE_ID_MAX 900
#define NAME_READ_MAX 1000

struct rewriting {
    const struct rule_set *set;
    const struct copy_plan *plan;
    struct buffer fields; /* the original's, rewritten */
    struct copy_removed removed;
    char *original_message_id;
    bool has_message_id, has_subject;
};

static bool already_named(const struct copy_removed *removed, const char *name, size_t len)
{
    for (size_t i = 0; i < removed->count; i++)
        if (strlen(removed->names[i]) == len && strncasecmp(removed->names[i], name, len) == 0)
            return true;
    return false;
}

/* The name of a field for those who drop blanks, folds, control characters and octets beyond ASCII
 * around it and in it. */
struct name {
    char text[NAME_READ_MAX]; /* not terminated; what is longer is cut */
    size_t len;               /* 0: not a field for anybody */
};

static struct name read_name(const struct header_field *field)
{
    struct name name = {.len = 0};
    const char *colon = memchr(field->start, ':', field->len);
    for (const char *c = field->start; colon != NULL && c < colon && name.len < NAME_READ_MAX; c++)
        if (*c > ' ' && *c <= '~')
            name.text[name.len++] = *c;
    return name;
}

static bool name_is(const struct name *name, const char *other)
{
    return strlen(other) == name->len && strncasecmp(name->text, other, name->len) == 0;
}

static void note_removed(struct copy_removed *removed, const struct name *name)
{
    size_t len = name->len < NAME_SHOWN_MAX ? name->len : NAME_SHOWN_MAX;
    if (already_named(removed, name->text, len))
        return;
    if (removed->count == COPY_REMOVED_MAX)
        removed->more++;
    else
        removed->names[removed->count++] = xmemdup0(name->text, len);
}

/* The first is replaced in place, others are removed: a copy has exactly one Message-ID, its own.
 */
static void rewrite_message_id(struct rewriting *rewriting, const struct header_field *field,
                               const struct name *name)
{
    if (rewriting->has_message_id || field->name_len == 0) {
        note_removed(&rewriting->removed, name);
        return;
    }
    rewriting->has_message_id = true;
    rewriting->original_message_id = header_value(field, MESSAGE_ID_MAX);
    buffer_text(&rewriting->fields, "Message-ID: ");
    copy_message_id(&rewriting->fields, rewriting->plan);
    buffer_text(&rewriting->fields, "\r\n");
}

/* Where a bare CR ends a line, and up to an empty one: what may not appear in a copy. */
static bool is_hidden(const struct rewriting *rewriting, const struct name *name)
{
    return name_is(name, "Message-ID") || copy_removes(rewriting->set, name->text, name->len);
}

/*
 * Programs that end a line at a bare CR see further fields in this one. Appends it to `cleaned`
 * without those that must not be in a copy; false: there are none.
 */
static bool remove_hidden(struct rewriting *rewriting, const struct header_field *field,
                          struct buffer *cleaned)
{
    const char *at = field->start, *end = field->start + field->len, *kept = at;
    struct header_field line;
    bool found = false;
    header_next_bare_cr(&at, end, &line);
    while (at < end && *at != '\r' && *at != '\n' && header_next_bare_cr(&at, end, &line)) {
        struct name name = read_name(&line);
        if (!is_hidden(rewriting, &name))
            continue;
        note_removed(&rewriting->removed, &name);
        buffer_add(cleaned, kept, (size_t)(line.start - kept));
        kept = at;
        found = true;
    }
    if (!found)
        return false;
    buffer_add(cleaned, kept, (size_t)(end - kept));
    if (cleaned->data[cleaned->len - 1] == '\r')
        buffer_char(cleaned, '\n');
    return true;
}

/* A folded line at the start would become part of our own last field. */
static void add_unchanged(struct rewriting *rewriting, const struct header_field *field)
{
    if (rewriting->fields.len == 0 && octet_is_blank(*field->start))
        buffer_text(&rewriting->fields, "X-Monitor-Unnamed:");
    buffer_add(&rewriting->fields, field->start, field->len);
}

static void rewrite_field(struct rewriting *rewriting, const struct header_field *original)
{
    struct header_field cleaned = *original;
    const struct header_field *field = &cleaned;
    struct buffer text = {0};
    if (memchr(original->start, '\r', original->len) != NULL &&
        remove_hidden(rewriting, original, &text)) {
        const char *at = text.data;
        header_next(&at, text.data + text.len, &cleaned);
    }
    struct name name = read_name(field);
    if (copy_removes(rewriting->set, name.text, name.len)) {
        note_removed(&rewriting->removed, &name);
    } else if (name_is(&name, "Message-ID")) {
        rewrite_message_id(rewriting, field, &name);
    } else if (header_field_is(field, "Subject") && !rewriting->has_subject) {
        rewriting->has_subject = true;
        copy_subject(&rewriting->fields, rewriting->set, rewriting->plan, field);
    } else {
        add_unchanged(rewriting, field);
    }
    buffer_free(&text);
}

/*
 * The header is too large and was truncated; the octets that follow complete its last line. If that
 * may be a field that must not appear in the copy, it is renamed, because it cannot be removed.
 */
static void rewrite_cut_field(struct rewriting *rewriting, const struct header_field *field)
{
    bool harmful = field->name_len == 0 || header_field_is(field, "Message-ID") ||
                   copy_removes(rewriting->set, field->start, field->name_len);
    if (harmful)
        buffer_text(&rewriting->fields, "X-Monitor-Cut-");
    buffer_add(&rewriting->fields, field->start, field->len);
}

static void rewrite_all(struct rewriting *rewriting, const char *text, size_t len, bool cut)
{
    const char *at = text, *end = text + len;
    struct header_field field;
    while (header_next(&at, end, &field))
        if (cut && at == end)
            rewrite_cut_field(rewriting, &field);
        else
            rewrite_field(rewriting, &field);
}

static void end_line(struct buffer *text)
{
    if (text->len > 0 && text->data[text->len - 1] != '\n')
        buffer_text(text, "\r\n");
}

static void rewriting_clear(struct rewriting *rewriting)
{
    for (size_t i = 0; i < rewriting->removed.count; i++)
        free(rewriting->removed.names[i]);
    free(rewriting->original_message_id);
    buffer_free(&rewriting->fields);
}

static void make_rewritten(const struct rule_set *set, const struct copy_plan *plan,
                           const char *header_text, size_t header_len, uint64_t original_size,
                           struct copy_view *view)
{
    size_t section = header_section_len(header_text, header_len);
    bool ended = section < header_len;
    bool cut = !ended && header_len < original_size;
    struct rewriting rewriting = {.set = set, .plan = plan};
    rewrite_all(&rewriting, header_text, section, cut);

    struct buffer prefix = {0};
    copy_monitor_fields(&prefix, plan, rewriting.original_message_id, &rewriting.removed);
    if (!rewriting.has_message_id) {
        buffer_text(&prefix, "Message-ID: ");
        copy_message_id(&prefix, plan);
        buffer_text(&prefix, "\r\n");
    }
    if (!rewriting.has_subject)
        copy_subject(&prefix, set, plan, NULL);
    if (rewriting.fields.len > 0)
        buffer_add(&prefix, rewriting.fields.data, rewriting.fields.len);
    if (!cut) {
        end_line(&prefix);
        buffer_add(&prefix, ended ? header_text + section : "\r\n",
                   ended ? header_len - section : 2);
    }
    rewriting_clear(&rewriting);

    view->prefix_len = prefix.len;
    view->prefix = buffer_take(&prefix);
    view->suffix = xstrdup("");
    view->from = header_len;
    view->to = original_size > header_len ? original_size : header_len;
}

void copy_make(const struct rule_set *set, const struct copy_plan *plan, const char *header_text,
               size_t header_len, uint64_t original_size, struct copy_view *view)
{
    *view = (struct copy_view){0};
    if (plan->form == COPY_REWRITTEN)
        make_rewritten(set, plan, header_text, header_len, original_size, view);
    else
        copy_report(set, plan, header_text, header_len, original_size, view);
    assert(view->prefix != NULL && view->suffix != NULL && view->from <= view->to);
}

void copy_view_clear(struct copy_view *view)
{
    free(view->prefix);
    free(view->suffix);
    *view = (struct copy_view){0};
}
