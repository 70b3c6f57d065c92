#include "rules/text/html.h"

#include <stdbool.h>
#include <strings.h>

#include "rules/text/html_entity.h"
#include "rules/util/octet.h"

#define TAG_NAME_MAX 16
#define META_WITHIN 4096

struct tag {
    char name[TAG_NAME_MAX + 1]; /* lower case; cut */
    bool closing, hidden;
    const char *attributes, *end; /* end: after the ">" */
};

enum form { SHOWN, RUN_TOGETHER, STRIPPED };

struct shower {
    enum form form;
    const char *at, *end;
    struct buffer *text; /* what everybody sees */
    struct buffer aside; /* what is appended to it */
    bool in_conditional; /* a comment that some programs show */
    bool all_aside;      /* after something that never ends */
    bool quotes_fail;    /* a tag does not end if quotes count: they do not any more */
    bool no_tags;        /* there is no ">" any more */
    bool no_comment_end;
    bool no_script_end;
    const char *raw_end; /* up to here nothing is a tag */
    unsigned preformatted;
    char hidden_name[TAG_NAME_MAX + 1]; /* of the outermost hidden element */
    unsigned hidden_depth;              /* 0: none */
};

/* clang-format off */
static const char *const blocks[] = {
    "address", "article", "aside", "blockquote", "body", "br", "caption", "center", "dd", "details",
    "dialog", "dir", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1",
    "h2", "h3", "h4", "h5", "h6", "head", "header", "hr", "html", "iframe", "legend", "li",
    "listing", "main", "menu", "nav", "ol", "optgroup", "option", "p", "plaintext", "pre",
    "section", "select", "summary", "table", "tbody", "textarea", "tfoot", "thead", "title", "tr",
    "ul", "xmp", NULL};
static const char *const void_elements[] = {
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
    "track", "wbr", NULL};
/* By any style sheet of a browser, or because it shows something else in their place. */
static const char *const never_shown[] = {
    "audio", "canvas", "datalist", "dialog", "iframe", "meter", "noembed", "noframes", "object",
    "progress", "rp", "template", "title", "video", NULL};
/* What is within is no markup but for the end. */
static const char *const raw_elements[] = {
    "iframe", "noembed", "noframes", "textarea", "title", "xmp", NULL};
static const char *const shown_attributes[] = {
    "alt", "title", "value", "placeholder", "label", "href", "src", NULL};
/* clang-format on */

static bool is_one_of(const char *name, const char *const *names)
{
    for (; *names != NULL; names++)
        if (strcmp(*names, name) == 0)
            return true;
    return false;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

static bool is_letter(char c)
{
    c = octet_lower(c);
    return c >= 'a' && c <= 'z';
}

static struct buffer *output(struct shower *shower)
{
    bool aside = shower->form != STRIPPED &&
                 (shower->in_conditional || shower->all_aside || shower->hidden_depth > 0);
    return aside ? &shower->aside : shower->text;
}

/* White space is added only between what is shown. */
static void add_space(struct shower *shower)
{
    struct buffer *out = output(shower);
    if (out->len > 0 && out->data[out->len - 1] != ' ' && out->data[out->len - 1] != '\n')
        buffer_char(out, ' ');
}

static void break_line(struct buffer *out)
{
    while (out->len > 0 && out->data[out->len - 1] == ' ')
        out->len--;
    if (out->len > 0 && out->data[out->len - 1] != '\n')
        buffer_char(out, '\n');
}

/* Between blocks. */
static void separate(struct shower *shower)
{
    if (shower->form == SHOWN)
        break_line(output(shower));
}

static bool starts_with(const struct shower *shower, const char *start)
{
    size_t len = strlen(start);
    return (size_t)(shower->end - shower->at) >= len && strncasecmp(shower->at, start, len) == 0;
}

/* Where a conditional comment or a CDATA section ends without another mark. */
static bool ends_conditional(const struct shower *shower)
{
    return shower->in_conditional && (starts_with(shower, "-->") || starts_with(shower, "]]>"));
}

static void add_text(struct shower *shower)
{
    struct buffer *out = output(shower);
    while (shower->at < shower->end && (*shower->at != '<' || shower->at < shower->raw_end)) {
        const char *c = shower->at;
        size_t reference = 0;
        if (ends_conditional(shower)) {
            shower->at += 3;
            shower->in_conditional = false;
            return;
        }
        if (*c == '&')
            reference = html_entity_read(out, c, (size_t)(shower->end - c));
        if (reference == 0 && is_space(*c) && shower->preformatted == 0)
            add_space(shower);
        else if (reference == 0)
            buffer_char(out, *c);
        shower->at += reference > 0 ? reference : 1;
    }
}

/* The end of a tag, after its ">"; NULL: it does not end. Quotes count only around a value. */
static const char *find_tag_end(const char *c, const char *end)
{
    enum { NAME, BEFORE_VALUE, UNQUOTED } state = NAME;
    bool named = false; /* "=" begins a value, not a name */
    for (; c < end && *c != '>'; c++) {
        if (state == BEFORE_VALUE && (*c == '"' || *c == '\'')) {
            c = memchr(c + 1, *c, (size_t)(end - c - 1));
            if (c == NULL)
                return NULL;
            state = NAME;
            named = false;
        } else if (state == BEFORE_VALUE && !is_space(*c)) {
            state = UNQUOTED;
        } else if (state == UNQUOTED && is_space(*c)) {
            state = NAME;
            named = false;
        } else if (state == NAME && *c == '=' && named) {
            state = BEFORE_VALUE;
        } else if (state == NAME && !is_space(*c)) {
            named = *c != '/';
        }
    }
    return c < end ? c + 1 : NULL;
}

/* One attribute at *at of a tag; false: there is none left. */
static bool read_attribute(const char **at, const char *end, const char **name, size_t *name_len,
                           const char **value, size_t *value_len)
{
    const char *c = *at;
    while (c < end && (is_space(*c) || *c == '/'))
        c++;
    *name = c;
    while (c < end && !is_space(*c) && *c != '/' && (*c != '=' || c == *name))
        c++;
    *name_len = (size_t)(c - *name);
    while (c < end && is_space(*c))
        c++;
    *value_len = 0;
    if (c < end && *c == '=') {
        c++;
        while (c < end && is_space(*c))
            c++;
        char quote = c < end && (*c == '"' || *c == '\'') ? *c++ : '\0';
        *value = c;
        while (c < end && (quote != '\0' ? *c != quote : !is_space(*c)))
            c++;
        *value_len = (size_t)(c - *value);
        if (c < end && quote != '\0')
            c++;
    }
    *at = c;
    return *name_len > 0;
}

static void add_decoded(struct buffer *out, const char *value, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t n = html_entity_read(out, value + i, len - i);
        if (n == 0)
            buffer_char(out, is_space(value[i]) ? ' ' : value[i]);
        i += n > 0 ? n : 1;
    }
}

static void add_value(struct shower *shower, const char *name, const char *value, size_t len)
{
    if (shower->form == STRIPPED) { /* a picture that is not loaded is its text */
        if (strcmp(name, "alt") == 0)
            add_decoded(shower->text, value, len);
        return;
    }
    break_line(&shower->aside);
    add_decoded(&shower->aside, value, len);
    break_line(&shower->aside);
}

static bool is_hiding_style(const char *style, size_t len)
{
    static const char *const hiding[] = {"display:none", "visibility:hidden", "font-size:0",
                                         "opacity:0", NULL};
    struct buffer plain = {0};
    bool hides = false;
    for (size_t i = 0; i < len; i++)
        if (!is_space(style[i]))
            buffer_char(&plain, octet_lower(style[i]));
    for (size_t i = 0; hiding[i] != NULL && plain.len > 0; i++) {
        const char *found = strstr(plain.data, hiding[i]);
        hides |= found != NULL && found[strlen(hiding[i])] != '.'; /* 0.9em */
    }
    buffer_free(&plain);
    return hides;
}

static void read_attributes(struct shower *shower, struct tag *tag)
{
    const char *at = tag->attributes, *name, *value = NULL;
    size_t name_len, value_len;
    while (read_attribute(&at, tag->end - 1, &name, &name_len, &value, &value_len)) {
        char plain[TAG_NAME_MAX + 1];
        if (name_len > TAG_NAME_MAX)
            continue;
        for (size_t i = 0; i < name_len; i++)
            plain[i] = octet_lower(name[i]);
        plain[name_len] = '\0';
        if (strcmp(plain, "hidden") == 0)
            tag->hidden = true;
        else if (strcmp(plain, "open") == 0 && strcmp(tag->name, "dialog") == 0)
            tag->hidden = false;
        else if (strcmp(plain, "style") == 0 && value_len > 0)
            tag->hidden |= is_hiding_style(value, value_len);
        else if (value_len > 0 && is_one_of(plain, shown_attributes))
            add_value(shower, plain, value, value_len);
    }
}

/* An rp ends without its own end tag where the next part of the ruby begins, or the ruby ends. */
static bool ends_rp(const struct shower *shower, const struct tag *tag)
{
    static const char *const parts[] = {"rb", "rp", "rt", "rtc", NULL};
    return shower->hidden_depth > 0 && strcmp(shower->hidden_name, "rp") == 0 &&
           (tag->closing ? strcmp(tag->name, "ruby") == 0 : is_one_of(tag->name, parts));
}

static void set_hidden(struct shower *shower, const struct tag *tag)
{
    bool empty = is_one_of(tag->name, void_elements);
    if (ends_rp(shower, tag)) {
        shower->hidden_depth = 0;
        break_line(&shower->aside);
    }
    if (shower->hidden_depth > 0 && strcmp(tag->name, shower->hidden_name) == 0) {
        shower->hidden_depth += tag->closing ? -1U : 1U;
        if (shower->hidden_depth == 0)
            break_line(&shower->aside);
    } else if (shower->hidden_depth == 0 && tag->hidden && !tag->closing && !empty) {
        break_line(&shower->aside);
        shower->hidden_depth = 1;
        memcpy(shower->hidden_name, tag->name, sizeof(shower->hidden_name));
    }
}

/* Everything from here on is shown by some program, maybe. */
static void put_rest_aside(struct shower *shower)
{
    if (!shower->all_aside)
        break_line(&shower->aside);
    shower->all_aside = true;
}

/* The "</name" that ends a script or style; NULL: there is none. */
static const char *find_end_tag(const char *c, const char *end, const char *name)
{
    size_t len = strlen(name);
    while ((c = memchr(c, '<', (size_t)(end - c))) != NULL) {
        if ((size_t)(end - c) >= len + 3 && c[1] == '/' && strncasecmp(c + 2, name, len) == 0 &&
            (is_space(c[2 + len]) || c[2 + len] == '/' || c[2 + len] == '>'))
            return c;
        c++;
    }
    return NULL;
}

/* As browsers find it: a script that is named within a comment of the script ends before. */
static const char *find_script_end(const char *c, const char *end)
{
    enum { PLAIN, ESCAPED, TWICE } state = PLAIN;
    for (; c < end; c++) {
        size_t left = (size_t)(end - c), len = strlen("script");
        bool closing = left > 1 && c[1] == '/';
        size_t name = closing ? 2 : 1;
        if (left >= 3 && memcmp(c, "-->", 3) == 0)
            state = PLAIN;
        else if (state == PLAIN && left >= 4 && memcmp(c, "<!--", 4) == 0) {
            state = ESCAPED;
            c++; /* "<!-->" and "<!--->" end at once */
        }
        if (*c != '<' || left <= name + len || strncasecmp(c + name, "script", len) != 0 ||
            (!is_space(c[name + len]) && c[name + len] != '/' && c[name + len] != '>'))
            continue;
        if (closing && state != TWICE)
            return c;
        if (closing || state == ESCAPED)
            state = closing ? ESCAPED : TWICE;
    }
    return NULL;
}

/* Programs differ on scripts within comments within scripts. */
static void skip_raw_text(struct shower *shower, const char *name)
{
    const char *end = NULL;
    if (shower->all_aside)
        return;
    if (shower->form == RUN_TOGETHER && !shower->no_script_end && strcmp(name, "script") == 0) {
        end = find_script_end(shower->at, shower->end);
        shower->no_script_end = end == NULL;
    }
    if (end == NULL)
        end = find_end_tag(shower->at, shower->end, name);
    if (end != NULL)
        shower->at = end;
    else
        put_rest_aside(shower);
}

static void begin_raw_text(struct shower *shower, const char *name)
{
    if (shower->all_aside || shower->form == STRIPPED)
        return;
    const char *end = find_end_tag(shower->at, shower->end, name);
    if (end != NULL)
        shower->raw_end = end;
    else
        put_rest_aside(shower);
}

static void apply_tag(struct shower *shower, const struct tag *tag)
{
    set_hidden(shower, tag);
    if (is_one_of(tag->name, blocks))
        separate(shower);
    else if (shower->form == SHOWN &&
             (strcmp(tag->name, "td") == 0 || strcmp(tag->name, "th") == 0))
        add_space(shower);
    if (strcmp(tag->name, "pre") == 0 && !tag->closing)
        shower->preformatted++;
    else if (strcmp(tag->name, "pre") == 0 && shower->preformatted > 0)
        shower->preformatted--;
    if (!tag->closing && (strcmp(tag->name, "script") == 0 || strcmp(tag->name, "style") == 0))
        skip_raw_text(shower, tag->name);
    else if (!tag->closing && is_one_of(tag->name, raw_elements))
        begin_raw_text(shower, tag->name);
}

/* After the next ">"; NULL: there is none. What a browser leaves out to the end is put aside. */
static const char *find_any_end(struct shower *shower, const char *c)
{
    put_rest_aside(shower);
    const char *end = memchr(c, '>', (size_t)(shower->end - c));
    shower->no_tags = end == NULL;
    return end != NULL ? end + 1 : NULL;
}

/* At "<" and a letter, or "</" and a letter. */
static void read_tag(struct shower *shower)
{
    struct tag tag = {.closing = shower->at[1] == '/'};
    const char *name = shower->at + (tag.closing ? 2 : 1);
    const char *c = name;
    while (c < shower->end && !is_space(*c) && *c != '/' && *c != '>') {
        if (c - name < TAG_NAME_MAX)
            tag.name[c - name] = octet_lower(*c);
        c++;
    }
    tag.attributes = c;
    tag.hidden = is_one_of(tag.name, never_shown);
    if (!shower->quotes_fail) {
        tag.end = find_tag_end(c, shower->end);
        shower->quotes_fail = tag.end == NULL;
    }
    if (tag.end == NULL)
        tag.end = find_any_end(shower, c);
    if (tag.end == NULL) {
        shower->at = c;
        return;
    }
    shower->at = tag.end;
    read_attributes(shower, &tag);
    apply_tag(shower, &tag);
}

/* The end of a comment after "<!--": "-->" or "--!>", or at once ">" or "->". */
static const char *find_comment_end(const char *c, const char *end)
{
    size_t len = (size_t)(end - c);
    if (len >= 1 && memcmp(c, ">", 1) == 0)
        return c + 1;
    if (len >= 2 && memcmp(c, "->", 2) == 0)
        return c + 2;
    while ((c = memmem(c, (size_t)(end - c), "--", 2)) != NULL) {
        if (end - c >= 3 && c[2] == '>')
            return c + 3;
        if (end - c >= 4 && c[2] == '!' && c[3] == '>')
            return c + 4;
        c++;
    }
    return NULL;
}

static void read_comment(struct shower *shower)
{
    const char *end = shower->no_comment_end ? NULL : find_comment_end(shower->at + 4, shower->end);
    if (end != NULL) {
        shower->at = end;
        shower->in_conditional = false; /* which is a comment that ended here */
        return;
    }
    shower->no_comment_end = true;
    put_rest_aside(shower);
    shower->at += 4;
}

/* At "<!", "<?" or "</": a comment of some kind. */
static void read_markup(struct shower *shower)
{
    bool conditional = starts_with(shower, "<!--[if") || starts_with(shower, "<![CDATA[");
    bool ends = starts_with(shower, "<![endif]");
    if (starts_with(shower, "<!--") && !conditional) {
        read_comment(shower);
        return;
    }
    bool cdata = starts_with(shower, "<![CDATA[");
    if (cdata && shower->form == RUN_TOGETHER) /* which it is in SVG only */
        cdata = conditional = false;
    if (conditional) {
        break_line(&shower->aside);
        shower->in_conditional = true;
    }
    if (cdata) {
        shower->at += strlen("<![CDATA[");
        return;
    }
    const char *end = memchr(shower->at, '>', (size_t)(shower->end - shower->at));
    if (end == NULL) {
        put_rest_aside(shower);
        shower->no_tags = true;
        shower->at += 2;
        return;
    }
    if (ends || (conditional && end[-1] == '-' && end[-2] == '-'))
        shower->in_conditional = false;
    shower->at = end + 1;
}

static void show(struct buffer *out, const char *html, size_t len, enum form form)
{
    struct buffer text = {0};
    const char *end = len > 0 ? html + len : html;
    struct shower shower = {.form = form, .at = html, .end = end, .text = &text, .raw_end = html};
    while (shower.at < shower.end) {
        const char *next = shower.at + 1;
        if (*shower.at != '<' || shower.at < shower.raw_end)
            add_text(&shower);
        else if (next == shower.end || shower.no_tags)
            buffer_char(output(&shower), *shower.at++);
        else if (is_letter(*next) || (*next == '/' && next + 1 < shower.end && is_letter(next[1])))
            read_tag(&shower);
        else if (*next == '!' || *next == '?' || *next == '/')
            read_markup(&shower);
        else
            buffer_char(output(&shower), *shower.at++);
    }
    if (shower.aside.len > 0) {
        break_line(&text);
        buffer_add(&text, shower.aside.data, shower.aside.len);
    }
    buffer_add(out, text.data, text.len);
    buffer_free(&shower.aside);
    buffer_free(&text);
}

void html_show(struct buffer *out, const char *html, size_t len)
{
    show(out, html, len, SHOWN);
}

void html_run_together(struct buffer *out, const char *html, size_t len)
{
    show(out, html, len, RUN_TOGETHER);
}

void html_strip(struct buffer *out, const char *html, size_t len)
{
    show(out, html, len, STRIPPED);
}

/* Case-insensitive; NULL: not found. */
static const char *find_word(const char *c, const char *end, const char *word)
{
    size_t len = strlen(word);
    for (; (size_t)(end - c) >= len; c++)
        if (strncasecmp(c, word, len) == 0)
            return c;
    return NULL;
}

const char *html_charset(const char *html, size_t len, size_t *len_r)
{
    const char *end = html + (len < META_WITHIN ? len : META_WITHIN);
    *len_r = 0;
    const char *meta = find_word(html, end, "<meta");
    const char *c = meta != NULL ? find_word(meta, end, "charset") : NULL;
    if (c == NULL)
        return NULL;
    c += strlen("charset");
    while (c < end && (is_space(*c) || *c == '=' || *c == '"' || *c == '\''))
        c++;
    while (c + *len_r < end && !is_space(c[*len_r]) && strchr("\"';/>", c[*len_r]) == NULL)
        (*len_r)++;
    return c;
}
