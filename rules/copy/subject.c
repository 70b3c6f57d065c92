#include "rules/copy/fields.h"

#include <assert.h>

#include "rules/mime/encoded_word.h"
#include "rules/text/charset.h"
#include "rules/util/octet.h"

#define PREFIX_MAX 200
#define LINE_MAX_OCTETS 998 /* RFC 5322 section 2.1.1 */

static const char *configured_prefix(const struct rule_set *set, unsigned directions)
{
    const char *prefix = NULL;
    switch (direction_main(directions)) {
    case DIRECTION_INCOMING:
        prefix = set->subject_prefix[0];
        break;
    case DIRECTION_OUTGOING:
        prefix = set->subject_prefix[1];
        break;
    case DIRECTION_INTERNAL:
        prefix = set->subject_prefix[2];
        break;
    }
    return prefix != NULL ? prefix : "";
}

static void drop_blanks_at_end(char *text)
{
    size_t len = strlen(text);
    while (len > 0 && text[len - 1] == ' ')
        text[--len] = '\0';
}

/*
 * The prefix as written before the old text. Blanks between two encoded words are not displayed
 * (RFC 2047 section 6.2): if one follows ours, the blank is inside ours. An encoded word must be
 * preceded by a blank.
 */
static char *written_prefix(const char *configured, bool word_follows)
{
    char *clean = copy_clean(configured);
    clean[utf8_cut(clean, strlen(clean), PREFIX_MAX)] = '\0';
    if (encoded_word_plain(clean)) {
        size_t len = strlen(clean);
        bool blank = len > 0 && clean[len - 1] == ' ';
        char *prefix = xasprintf("%s%s", clean, word_follows && len > 0 && !blank ? " " : "");
        free(clean);
        return prefix;
    }
    if (!word_follows)
        drop_blanks_at_end(clean);
    struct buffer words = {0};
    encoded_word_write(&words, clean);
    buffer_char(&words, ' ');
    free(clean);
    return buffer_take(&words);
}

static size_t first_line_len(const char *text, size_t len)
{
    const char *feed = memchr(text, '\n', len);
    return feed != NULL ? (size_t)(feed - text) + 1 : len;
}

static size_t leading_blanks(const char *text, size_t len)
{
    size_t n = 0;
    while (n < len && octet_is_blank(text[n]))
        n++;
    return n;
}

/* Only blanks up to the line end. */
static bool line_is_blank(const char *text, size_t len)
{
    size_t n = leading_blanks(text, len);
    return n == len || text[n] == '\n' || (text[n] == '\r' && n + 1 < len && text[n + 1] == '\n');
}

static bool is_encoded_word(const char *text, size_t len)
{
    size_t i = 0;
    while (i < len && (octet_is_blank(text[i]) || text[i] == '\r' || text[i] == '\n'))
        i++;
    return i + 1 < len && text[i] == '=' && text[i + 1] == '?';
}

/* Separates prefix and old text with a fold. */
static void fold_at_end(struct buffer *out)
{
    assert(out->len > 0);
    if (out->data[out->len - 1] == ' ')
        out->len--;
    buffer_text(out, "\r\n ");
}

/* old: the value, with its line end if it has one. */
static void prefix_before(struct buffer *out, const char *configured, const char *old, size_t len)
{
    size_t blanks = leading_blanks(old, len);
    bool nothing_on_line = line_is_blank(old, len);
    char *prefix = written_prefix(configured, is_encoded_word(old, len));
    if (nothing_on_line) /* any text that follows is folded and brings its own blank */
        drop_blanks_at_end(prefix);

    size_t line = blanks + strlen(prefix) + first_line_len(old + blanks, len - blanks);
    if (blanks == 0)
        buffer_char(out, ' ');
    else
        buffer_add(out, old, blanks);
    buffer_text(out, prefix);
    free(prefix);
    if (!nothing_on_line && line > LINE_MAX_OCTETS - sizeof("Subject: "))
        fold_at_end(out);
    buffer_add(out, old + blanks, len - blanks);
}

void copy_subject(struct buffer *out, const struct rule_set *set, const struct copy_plan *plan,
                  const struct header_field *field)
{
    const char *configured = configured_prefix(set, plan->directions);
    if (field == NULL && configured[0] == '\0')
        return;
    if (field == NULL) {
        buffer_text(out, "Subject:");
        prefix_before(out, configured, "\r\n", 2);
        return;
    }
    size_t before = (size_t)(field->value - field->start);
    if (configured[0] == '\0') {
        buffer_add(out, field->start, field->len);
        return;
    }
    buffer_add(out, field->start, before);
    prefix_before(out, configured, field->value, field->len - before);
}
