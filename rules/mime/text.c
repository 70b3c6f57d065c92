#include "rules/mime/text.h"

#include "rules/text/charset.h"
#include "rules/text/charset_text.h"
#include "rules/text/fold.h"
#include "rules/text/html.h"
#include "rules/util/octet.h"

/* Folded text may be longer than its source; a text that is much longer is no text. */
#define FOLDED_MAX (4 * TEXT_OCTETS_MAX)

/* All parts, as most programs decode them, or as others do. */
enum form { WRITTEN, SHOWN, RUN_TOGETHER, STRIPPED, FORMS };

struct variant {
    bool used;
    struct buffer forms[FORMS]; /* all but the first only if there is HTML */
};

struct text_reader {
    struct readings readings;
    struct charset_cache charsets;
    struct variant variants[2];
    bool has_html;
    size_t parts, total;
    /* the current part */
    bool in_part, html, delsp, folds;
    char *charset;
    struct buffer octets;
};

struct text_reader *text_reader_new(void)
{
    struct text_reader *reader = xcalloc(1, sizeof(*reader));
    reader->variants[0].used = true;
    return reader;
}

/* RFC 3676 section 4.1: a space before a line end and the line end are deleted, but not the space
 * of a signature's mark. */
static void join_flowed(struct buffer *out, const struct buffer *text)
{
    for (size_t i = 0; i < text->len; i++) {
        const char *c = text->data + i;
        bool soft = c[0] == ' ' && c[1] == '\n';
        bool mark = soft && i >= 2 && c[-1] == '-' && c[-2] == '-' && (i == 2 || c[-3] == '\n');
        if (soft && !mark)
            i++;
        else
            buffer_char(out, *c);
    }
}

/* RFC 5545 section 3.1, RFC 6350 section 3.2: a line end and the blank after it are deleted. */
static void unfold(struct buffer *out, const struct buffer *text)
{
    for (size_t i = 0; i < text->len; i++)
        if (text->data[i] == '\n' && i + 1 < text->len && octet_is_blank(text->data[i + 1]))
            i++;
        else
            buffer_char(out, text->data[i]);
}

static void copy_buffer(struct buffer *to, const struct buffer *from)
{
    to->len = 0;
    buffer_add(to, from->data, from->len);
}

static void begin_shown(struct text_reader *reader)
{
    if (reader->has_html)
        return;
    reader->has_html = true;
    for (size_t i = 0; i < 2; i++)
        for (enum form form = SHOWN; form < FORMS; form++)
            copy_buffer(&reader->variants[i].forms[form], &reader->variants[i].forms[WRITTEN]);
}

static void begin_other(struct text_reader *reader)
{
    struct variant *first = &reader->variants[0], *other = &reader->variants[1];
    if (other->used)
        return;
    other->used = true;
    for (enum form form = WRITTEN; form < FORMS; form++)
        copy_buffer(&other->forms[form], &first->forms[form]);
}

static void separate(struct buffer *text)
{
    if (text->len > 0)
        buffer_char(text, '\n');
}

static void add_as_it_is(struct buffer *out, const char *text, size_t len)
{
    buffer_add(out, text, len);
}

static void add_part(const struct text_reader *reader, struct variant *variant,
                     const struct buffer *text)
{
    static void (*const show[FORMS])(struct buffer *, const char *,
                                     size_t) = {[WRITTEN] = add_as_it_is,
                                                [SHOWN] = html_show,
                                                [RUN_TOGETHER] = html_run_together,
                                                [STRIPPED] = html_strip};
    for (enum form form = WRITTEN; form < (reader->has_html ? FORMS : SHOWN); form++) {
        separate(&variant->forms[form]);
        show[reader->html ? form : WRITTEN](&variant->forms[form], text->data, text->len);
    }
}

static void decode_part(struct text_reader *reader)
{
    struct charset_text text = {0};
    const struct buffer *octets = &reader->octets;
    struct charset_label declared = {reader->charset, 0}, hint = {NULL, 0};
    declared.len = reader->charset != NULL ? strlen(reader->charset) : 0;
    if (reader->html && octets->len > 0)
        hint.name = html_charset(octets->data, octets->len, &hint.len);
    charset_decode(&reader->charsets, declared, hint, octets->data, octets->len, &text);
    if (text.doubt != NULL)
        text_reader_doubt(reader, text.doubt);
    if (reader->delsp || reader->folds) {
        struct buffer joined = {0};
        (reader->folds ? unfold : join_flowed)(&joined, text.has_other ? &text.other : &text.text);
        buffer_free(&text.other);
        text.other = joined;
        text.has_other = true;
    }
    if (reader->html)
        begin_shown(reader);
    if (text.has_other)
        begin_other(reader);
    add_part(reader, &reader->variants[0], &text.text);
    if (reader->variants[1].used)
        add_part(reader, &reader->variants[1], text.has_other ? &text.other : &text.text);
    buffer_free(&text.text);
    buffer_free(&text.other);
}

static void end_part(struct text_reader *reader)
{
    if (!reader->in_part)
        return;
    decode_part(reader);
    reader->in_part = false;
    free(reader->charset);
    reader->charset = NULL;
    reader->octets.len = 0;
}

void text_reader_begin(struct text_reader *reader, const struct text_part *part)
{
    end_part(reader);
    if (reader->parts++ >= TEXT_PARTS_MAX) {
        text_reader_doubt(reader, "more than 1,000 parts of text");
        return;
    }
    reader->in_part = true;
    reader->html = part->subtype != NULL &&
                   (strcmp(part->subtype, "html") == 0 || strcmp(part->subtype, "x-html") == 0 ||
                    strcmp(part->subtype, "xhtml") == 0);
    reader->delsp = part->delsp;
    reader->folds = part->subtype != NULL &&
                    (strcmp(part->subtype, "calendar") == 0 ||
                     strcmp(part->subtype, "vcard") == 0 || strcmp(part->subtype, "x-vcard") == 0);
    reader->charset = part->charset != NULL ? xmemdup0(part->charset, part->charset_len) : NULL;
}

void text_reader_feed(struct text_reader *reader, const char *data, size_t len)
{
    if (!reader->in_part)
        return;
    size_t room = TEXT_OCTETS_MAX - reader->total;
    if (len > room) {
        text_reader_doubt(reader, "more than 1 MiB of text");
        len = room;
    }
    reader->total += len;
    buffer_add(&reader->octets, data, len);
}

void text_reader_doubt(struct text_reader *reader, const char *reason)
{
    readings_doubt(&reader->readings, reason);
}

static void add_buffer(struct text_reader *reader, const char *how, struct buffer *text)
{
    size_t len = text->len;
    readings_add(&reader->readings, how, buffer_take(text), len);
}

/* How lines are left out of a paragraph: the rest of this line, and what marks the next as quoted.
 */
static size_t skip_fold(const struct buffer *text, size_t i)
{
    while (i < text->len && (octet_is_blank(text->data[i]) || text->data[i] == '>'))
        i++;
    return i;
}

static void join_lines(struct buffer *out, const struct buffer *text)
{
    bool blank = false;
    for (size_t i = 0; i < text->len;) {
        char c = text->data[i++];
        bool empty_line = false;
        while (c == '\n' && (i = skip_fold(text, i)) < text->len && text->data[i] == '\n') {
            empty_line = true;
            i++;
        }
        if (empty_line) {
            buffer_char(out, '\n');
            blank = false;
        } else if (octet_is_blank(c) || c == '\n') {
            blank = true;
        } else {
            if (blank && out->len > 0 && out->data[out->len - 1] != '\n')
                buffer_char(out, ' ');
            blank = false;
            buffer_char(out, c);
        }
    }
}

static void add_folded(struct text_reader *reader, const char *how, const struct buffer *text,
                       struct buffer *folded)
{
    if (!fold_text(folded, text->data, text->len, FOLDED_MAX))
        text_reader_doubt(reader, "text that is too long when it is folded");
    char *copy = xmemdup0(folded->len > 0 ? folded->data : "", folded->len);
    readings_add(&reader->readings, how, copy, folded->len);
}

struct names {
    const char *plain[FORMS], *folded[FORMS], *joined;
};

static const struct names names[2] = {
    {{"as written", "as HTML shows it"},
     {"folded", "as HTML shows it, folded", "as HTML shows it, run together", "stripped of tags"},
     "with its lines joined"},
    {{"decoded otherwise", "decoded otherwise, as HTML shows it"},
     {"decoded otherwise, folded", "decoded otherwise, as HTML shows it, folded",
      "decoded otherwise, as HTML shows it, run together", "decoded otherwise, stripped of tags"},
     "decoded otherwise, with its lines joined"},
};

/* The text with controls as spaces. */
static void add_plain(struct text_reader *reader, const char *how, const struct buffer *text)
{
    struct buffer plain = {0};
    for (size_t i = 0; i < text->len; i++) {
        bool mark = strncmp(text->data + i, CHARSET_CONTROL_MARK, 2) == 0;
        buffer_char(&plain, mark ? ' ' : text->data[i]);
        i += mark ? 1 : 0;
    }
    add_buffer(reader, how, &plain);
}

static void add_variant(struct text_reader *reader, struct variant *variant,
                        const struct names *how)
{
    enum form last = reader->has_html ? STRIPPED : WRITTEN;
    struct buffer joined = {0};
    for (enum form form = WRITTEN; form <= last; form++) {
        struct buffer folded = {0};
        if (how->plain[form] != NULL)
            add_plain(reader, how->plain[form], &variant->forms[form]);
        add_folded(reader, how->folded[form], &variant->forms[form], &folded);
        if (form == (reader->has_html ? SHOWN : WRITTEN))
            join_lines(&joined, &folded);
        buffer_free(&folded);
    }
    add_buffer(reader, how->joined, &joined);
}

struct readings text_reader_end(struct text_reader *reader)
{
    end_part(reader);
    for (size_t i = 0; i < 2; i++)
        if (reader->variants[i].used)
            add_variant(reader, &reader->variants[i], &names[i]);
    struct readings readings = reader->readings;
    reader->readings = (struct readings){0};
    text_reader_free(reader);
    return readings;
}

void text_reader_free(struct text_reader *reader)
{
    if (reader == NULL)
        return;
    readings_clear(&reader->readings);
    charset_cache_clear(&reader->charsets);
    for (size_t i = 0; i < 2; i++)
        for (enum form form = WRITTEN; form < FORMS; form++)
            buffer_free(&reader->variants[i].forms[form]);
    buffer_free(&reader->octets);
    free(reader->charset);
    free(reader);
}
