#include "rules/mime/body_name.h"

#include <stdlib.h>
#include <strings.h>

#include "rules/mime/encoded_word.h"
#include "rules/text/charset.h"
#include "rules/text/charset_text.h"
#include "rules/text/fold.h"
#include "rules/util/buffer.h"
#include "rules/util/octet.h"

#define NAME_OCTETS_MAX (64 * 1024) /* of one name, decoded; a field has less */
#define SECTION_MAX 999999u
#define QUOTES_MAX 2 /* that are taken off a value which was quoted itself */
/* What ends a token, RFC 2045 section 5.1. */
#define TSPECIALS "()<>@,;:\\\"/[]?= \t"

struct section {
    unsigned number;
    bool extended;
    size_t position;
    const struct content_parameter *parameter;
};

struct sections {
    struct section list[CONTENT_PARAMETERS_MAX];
    size_t count;
};

/* Where readings go. */
struct name_reader {
    struct names *names;
    const struct content *content;
    const char *parameter;
    bool verbatim;
};

static void doubt(struct names *names, const char *why)
{
    if (names->doubt == NULL)
        names->doubt = why;
}

/* Takes ownership of the name. */
static void add(struct names *names, char *name)
{
    bool known = *name == '\0';
    for (size_t i = 0; i < names->count && !known; i++)
        known = strcmp(names->list[i], name) == 0;
    if (!known && names->count == NAMES_MAX)
        doubt(names, "an attachment has too many names");
    if (known || names->count == NAMES_MAX)
        free(name);
    else
        names->list[names->count++] = name;
}

static char *trimmed(const char *text, size_t len)
{
    while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '.'))
        len--;
    for (; len > 0 && *text == ' '; len--)
        text++;
    return xmemdup0(text, len);
}

/* As people see it. */
static void add_seen(struct names *names, const char *name)
{
    struct buffer folded = {0};
    if (!fold_text(&folded, name, strlen(name), NAME_OCTETS_MAX))
        doubt(names, "a name is too long");
    if (folded.len > 0) {
        add(names, trimmed(folded.data, folded.len));
        add(names, xmemdup0(folded.data, folded.len));
    }
    buffer_free(&folded);
}

/* Some programs take the quotes off twice. Sets *len, or NULL: there are none around it. */
static const char *within_quotes(const char *value, size_t *len)
{
    bool quoted = *len > 2 && value[0] == '"' && value[*len - 1] == '"';
    bool angled = *len > 2 && value[0] == '<' && value[*len - 1] == '>';
    if (!quoted && !angled)
        return NULL;
    *len -= 2;
    return value + 1;
}

static void add_as_written(struct names *names, const char *name)
{
    add(names, xstrdup(name));
    add_seen(names, name);
    const char *slash = strrchr(name, '/'), *backslash = strrchr(name, '\\');
    const char *last =
        backslash == NULL || (slash != NULL && slash > backslash) ? slash : backslash;
    if (last == NULL)
        return;
    add(names, xstrdup(last + 1));
    add_seen(names, last + 1);
}

static void add_shown(struct names *names, const char *name)
{
    add_as_written(names, name);
    size_t len = strlen(name);
    for (int i = 0; i < QUOTES_MAX && (name = within_quotes(name, &len)) != NULL; i++) {
        char *inner = xmemdup0(name, len);
        add_as_written(names, inner);
        free(inner);
    }
}

/* Takes the text. */
static void add_decoded(struct names *names, struct buffer *text)
{
    size_t mark = strlen(CHARSET_CONTROL_MARK);
    buffer_add(text, "", 0);
    text->len = utf8_cut(text->data, text->len, NAME_OCTETS_MAX);
    text->data[text->len] = '\0';
    char *to = text->data;
    for (const char *c = text->data; *c != '\0';) {
        bool control = strncmp(c, CHARSET_CONTROL_MARK, mark) == 0;
        *to++ = control || *c == '\n' || *c == '\t' ? ' ' : *c;
        c += control ? mark : 1;
    }
    *to = '\0';
    if (strstr(text->data, "\xef\xbf\xbd") != NULL)
        doubt(names, "a name cannot be decoded");
    add_shown(names, text->data);
    buffer_free(text);
}

/* sure: else the charset may not be meant as one, and proves nothing if it is unknown. */
static void add_octets(struct names *names, const char *text, size_t len,
                       struct charset_label declared, bool sure)
{
    struct charset_cache cache = {.count = 0};
    struct charset_text decoded = {.doubt = NULL};
    const struct charset_label none = {NULL, 0};
    charset_decode(&cache, declared, none, text, len, &decoded);
    add_decoded(names, &decoded.text);
    if (decoded.has_other)
        add_decoded(names, &decoded.other);
    else
        buffer_free(&decoded.other);
    if (sure && decoded.doubt != NULL)
        doubt(names, decoded.doubt);
    charset_cache_clear(&cache);
}

void names_add_octets(struct names *names, const char *text, size_t len)
{
    names->given = true;
    const struct charset_label none = {NULL, 0};
    add_octets(names, text, len, none, true);
}

static bool has_words(const char *value, size_t len)
{
    return memmem(value, len, "=?", 2) != NULL;
}

/* Blanks and the controls that some programs trim as white space. */
static bool is_trimmed(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || (c >= 0x1c && c <= 0x1f);
}

static void add_verbatim(const struct name_reader *reader, const char *value, size_t len)
{
    while (len > 0 && octet_is_blank(value[len - 1]))
        len--;
    if (len == 0)
        doubt(reader->names, "a boundary or charset may be empty");
    add(reader->names, xmemdup0(value, len));
    if (has_words(value, len))
        add(reader->names, encoded_word_decode(value, len, NAME_OCTETS_MAX));
    for (int i = 0; i <= QUOTES_MAX && value != NULL; i++) {
        for (; len > 0 && is_trimmed(*value); len--)
            value++;
        while (len > 0 && is_trimmed(value[len - 1]))
            len--;
        add(reader->names, xmemdup0(value, len));
        value = within_quotes(value, &len);
        if (value != NULL)
            add(reader->names, xmemdup0(value, len));
    }
}

static void add_value(const struct name_reader *reader, const char *value, size_t len)
{
    if (reader->verbatim) {
        add_verbatim(reader, value, len);
        return;
    }
    struct readings readings = {.count = 0};
    encoded_word_read(&readings, value, len);
    for (size_t i = 0; i < readings.count; i++)
        add_shown(reader->names, readings.list[i].text);
    if (has_words(value, len)) { /* which no parameter may have: some programs show them */
        char *raw = xmemdup0(value, len);
        add_shown(reader->names, raw);
        free(raw);
    }
    if (readings.doubt != NULL)
        doubt(reader->names, readings.doubt);
    readings_clear(&readings);
}

static void add_text(const struct name_reader *reader, const char *value)
{
    add_value(reader, value, strlen(value));
}

/* Without any quotes and escapes, wherever they stand. */
static void add_bare(const struct name_reader *reader, const char *raw)
{
    struct buffer bare = {0};
    buffer_text(&bare, "");
    for (const char *c = raw; *c != '\0'; c++) {
        if (*c == '\\' && c[1] != '\0')
            c++;
        else if (*c == '"')
            continue;
        buffer_char(&bare, *c);
    }
    add_text(reader, bare.data);
    buffer_free(&bare);
}

/* What stands in the quotes, with escapes as they are, and with what stands around the quotes. */
static void add_quoted(const struct name_reader *reader, const char *raw)
{
    const char *end = raw + 1;
    while (*end != '\0' && *end != '"')
        end += *end == '\\' && end[1] != '\0' ? 2 : 1;
    bool closed = *end == '"';
    if (memchr(raw, '\\', (size_t)(end - raw)) != NULL) {
        add_value(reader, raw + 1, (size_t)(end - raw - 1));
        add_value(reader, raw + 1, strcspn(raw + 1, "\""));
    }
    if (!closed)
        add_value(reader, raw + 1, strcspn(raw + 1, ";"));
    if (closed && end[1] == '\0')
        return;
    add_text(reader, raw);
    add_bare(reader, raw);
}

static void add_unquoted(const struct name_reader *reader, const char *raw)
{
    size_t len = strlen(raw);
    add_value(reader, raw, strcspn(raw, " \t("));
    add_value(reader, raw, strcspn(raw, TSPECIALS));
    add_value(reader, raw, strcspn(raw, TSPECIALS "*'%"));
    add_value(reader, raw, strcspn(raw, "\""));
    add_value(reader, raw, strcspn(raw, ";"));
    add_text(reader, raw);
    if (strpbrk(raw, "\"\\") != NULL)
        add_bare(reader, raw);
    if (len > 2 && raw[0] == '<' && raw[len - 1] == '>')
        add_value(reader, raw + 1, len - 2);
}

static void add_plain(const struct name_reader *reader, const struct content_parameter *parameter)
{
    add_text(reader, parameter->value);
    if (parameter->raw[0] == '"')
        add_quoted(reader, parameter->raw);
    else if (strpbrk(parameter->raw, TSPECIALS "*'%") != NULL)
        add_unquoted(reader, parameter->raw);
}

/* ---- RFC 2231 ---- */

static void add_percent_decoded(struct buffer *out, const char *text, const char *end)
{
    for (; text < end; text++) {
        int high = *text == '%' && end - text > 2 ? octet_hex(text[1]) : -1;
        int low = high >= 0 ? octet_hex(text[2]) : -1;
        if (low >= 0) {
            buffer_char(out, (char)(high << 4 | low));
            text += 2;
        } else {
            buffer_char(out, *text);
        }
    }
}

/* Skips charset'language' and sets *charset, or leaves it. */
static const char *split_charset(const char *value, struct charset_label *charset)
{
    const char *first = strchr(value, '\'');
    const char *second = first != NULL ? strchr(first + 1, '\'') : NULL;
    if (second == NULL)
        return value;
    *charset = (struct charset_label){value, (size_t)(first - value)};
    return second + 1;
}

/* Of sections after the first: as they are, or without a charset of their own; or all of them only
 * up to the end of a token, or not decoded but for the first. */
enum later { LATER_VERBATIM, LATER_SPLIT, ALL_TOKENS, LATER_RAW };

static void add_joined_octets(const struct name_reader *reader, const char *octets, size_t len,
                              struct charset_label charset, bool sure)
{
    if (!reader->verbatim)
        add_octets(reader->names, octets, len, charset, sure);
    if (reader->verbatim || has_words(octets, len))
        add_value(reader, octets, len);
}

static void add_joined(const struct name_reader *reader, const struct section *list, size_t count,
                       enum later later)
{
    struct buffer octets = {0};
    struct charset_label charset = {NULL, 0}, ignored;
    buffer_text(&octets, "");
    for (size_t i = 0; i < count; i++) {
        const struct content_parameter *parameter = list[i].parameter;
        bool cut = later == ALL_TOKENS && parameter->raw[0] != '"';
        const char *value = parameter->value;
        const char *end = value + (cut ? strcspn(value, TSPECIALS) : strlen(value));
        if (list[i].extended && charset.name == NULL && (i == 0 || later == LATER_SPLIT))
            value = split_charset(value, &charset);
        else if (list[i].extended && later == LATER_SPLIT)
            value = split_charset(value, &ignored);
        value = value < end ? value : end;
        if (list[i].extended && (i == 0 || later != LATER_RAW))
            add_percent_decoded(&octets, value, end);
        else
            buffer_add(&octets, value, (size_t)(end - value));
    }
    add_joined_octets(reader, octets.data, octets.len, charset, true);
    struct charset_label late = {NULL, 0}; /* some look for it only now */
    const char *rest = split_charset(octets.data, &late);
    if (late.name != NULL)
        add_joined_octets(reader, rest, strlen(rest), late, false);
    buffer_free(&octets);
}

static int by_number(const void *a, const void *b)
{
    const struct section *one = a, *other = b;
    if (one->number != other->number)
        return one->number < other->number ? -1 : 1;
    return one->position < other->position ? -1 : 1;
}

/* Of sections with one number the first, or the last. */
static size_t without_repeats(const struct sections *all, bool last, struct section *out)
{
    size_t count = 0;
    for (size_t i = 0; i < all->count; i++) {
        bool repeats = count > 0 && out[count - 1].number == all->list[i].number;
        if (!repeats)
            count++;
        if (!repeats || last)
            out[count - 1] = all->list[i];
    }
    return count;
}

static void add_sections(const struct name_reader *reader, struct sections *sections)
{
    struct section once[CONTENT_PARAMETERS_MAX];
    for (enum later later = LATER_VERBATIM; later <= LATER_SPLIT; later++)
        add_joined(reader, sections->list, sections->count, later);
    qsort(sections->list, sections->count, sizeof(*sections->list), by_number);
    for (enum later later = LATER_VERBATIM; later <= LATER_SPLIT; later++)
        add_joined(reader, sections->list, sections->count, later);
    add_joined(reader, sections->list, sections->count, LATER_RAW);
    size_t count = without_repeats(sections, true, once);
    add_joined(reader, once, count, LATER_VERBATIM);
    count = without_repeats(sections, false, once);
    add_joined(reader, once, count, LATER_VERBATIM);
    if (count < sections->count)
        doubt(reader->names, "a section of a parameter is repeated");
    size_t run = 0; /* up to the first gap */
    while (run < count && once[run].number == once[0].number + run)
        run++;
    add_joined(reader, once, run, LATER_VERBATIM);
    add_joined(reader, once, run, ALL_TOKENS);
    add_joined(reader, once, 1, LATER_VERBATIM);
}

/* "*0", "*00*": false if the rest of the parameter's name is no section. */
static bool read_section(struct names *names, const char *rest, struct section *section)
{
    const char *c = rest + 1;
    section->number = 0;
    for (; *c >= '0' && *c <= '9'; c++) {
        section->number = section->number * 10 + (unsigned)(*c - '0');
        if (section->number > SECTION_MAX) {
            doubt(names, "a parameter has too many sections");
            return false;
        }
    }
    section->extended = *c == '*';
    return c > rest + 1 && (*c == '\0' || strcmp(c, "*") == 0);
}

static void add_single(const struct name_reader *reader, const struct section *section)
{
    add_joined(reader, section, 1, LATER_VERBATIM);
    add_joined(reader, section, 1, ALL_TOKENS);
}

/* The forms of RFC 2231, which most programs prefer; then the plain ones. */
static void read_all(const struct name_reader *reader)
{
    struct sections sections = {.count = 0};
    bool single = false;
    size_t len = strlen(reader->parameter);
    const struct content *content = reader->content;
    for (size_t i = 0; i < content->count; i++) {
        const struct content_parameter *parameter = &content->parameters[i];
        struct section section = {.position = i, .extended = true, .parameter = parameter};
        if (strncmp(parameter->name, reader->parameter, len) != 0 || parameter->name[len] != '*')
            continue;
        reader->names->given = true;
        if (parameter->name[len + 1] != '\0' &&
            read_section(reader->names, parameter->name + len, &section)) {
            sections.list[sections.count++] = section;
        } else { /* "name*"; or "name**" and the like, which some read the same */
            add_single(reader, &section);
            single = true;
        }
    }
    if (sections.count > 0)
        add_sections(reader, &sections);
    if (sections.count > 0 && single)
        doubt(reader->names, "a parameter is there whole and in sections");
    for (size_t i = 0; i < content->count; i++) {
        if (strcmp(content->parameters[i].name, reader->parameter) != 0)
            continue;
        reader->names->given = true;
        add_plain(reader, &content->parameters[i]);
    }
}

void names_read(struct names *names, const struct content *content, const char *parameter)
{
    const struct name_reader reader = {names, content, parameter, false};
    read_all(&reader);
}

void names_read_verbatim(struct names *names, const struct content *content, const char *parameter)
{
    const struct name_reader reader = {names, content, parameter, true};
    read_all(&reader);
}

void names_clear(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->list[i]);
    *names = (struct names){0};
}
