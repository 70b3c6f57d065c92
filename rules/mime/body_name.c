#include "rules/mime/body_name.h"

#include <stdlib.h>
#include <strings.h>

#include "rules/mime/charset.h"
#include "rules/mime/encoded_word.h"
#include "rules/mime/fold.h"
#include "rules/util/buffer.h"
#include "rules/util/octet.h"

#define NAME_OCTETS_MAX (64 * 1024) /* of one name, decoded; a field has less */
#define SECTION_MAX 999999u

struct section {
    unsigned number;
    bool extended;
    size_t position;
    const char *value;
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

static void add_shown(struct names *names, const char *name)
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

static char *to_utf8(const char *octets, size_t len, const char *charset, size_t charset_len)
{
    struct buffer utf8 = {0};
    struct charset_reader *reader = charset_reader_new(charset, charset_len);
    if (len > 0)
        charset_reader_feed(reader, octets, len, &utf8);
    charset_reader_flush(reader, &utf8);
    charset_reader_free(reader);
    for (size_t i = 0; i < utf8.len; i++)
        if (utf8.data[i] == '\n' || utf8.data[i] == '\t')
            utf8.data[i] = ' ';
    char *text = buffer_take(&utf8);
    text[utf8_cut(text, strlen(text), NAME_OCTETS_MAX)] = '\0';
    return text;
}

void names_add_octets(struct names *names, const char *text, size_t len)
{
    char *name = to_utf8(text, len, NULL, 0);
    names->given = true;
    add_shown(names, name);
    free(name);
}

static void add_value(const struct name_reader *reader, const char *value, size_t len)
{
    if (reader->verbatim) {
        while (len > 0 && octet_is_blank(value[len - 1]))
            len--;
        add(reader->names, xmemdup0(value, len));
        return;
    }
    char *decoded = encoded_word_decode(value, len, NAME_OCTETS_MAX);
    add_shown(reader->names, decoded);
    free(decoded);
    if (memmem(value, len, "=?", 2) != NULL)
        names_add_octets(reader->names, value, len);
}

static void add_text(const struct name_reader *reader, const char *value)
{
    add_value(reader, value, strlen(value));
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
    struct buffer bare = {0};
    buffer_text(&bare, "");
    for (const char *c = raw; *c != '\0'; c++)
        if (*c != '"')
            buffer_char(&bare, *c);
    add_text(reader, bare.data);
    buffer_free(&bare);
}

static void add_unquoted(const struct name_reader *reader, const char *raw)
{
    size_t len = strlen(raw);
    add_value(reader, raw, strcspn(raw, " \t("));
    add_value(reader, raw, strcspn(raw, "\""));
    add_value(reader, raw, strcspn(raw, ";"));
    add_text(reader, raw);
    if (len > 2 && raw[0] == '<' && raw[len - 1] == '>')
        add_value(reader, raw + 1, len - 2);
}

static void add_plain(const struct name_reader *reader, const struct content_parameter *parameter)
{
    add_text(reader, parameter->value);
    if (parameter->raw[0] == '"')
        add_quoted(reader, parameter->raw);
    else if (strpbrk(parameter->raw, " \t(\"<;") != NULL)
        add_unquoted(reader, parameter->raw);
}

/* ---- RFC 2231 ---- */

static void add_percent_decoded(struct buffer *out, const char *text)
{
    for (; *text != '\0'; text++) {
        int high = text[0] == '%' ? octet_hex(text[1]) : -1;
        int low = high >= 0 ? octet_hex(text[2]) : -1;
        if (low >= 0) {
            buffer_char(out, (char)(high << 4 | low));
            text += 2;
        } else {
            buffer_char(out, *text);
        }
    }
}

/* Skips charset'language' and sets *charset, which may be NULL. */
static const char *split_charset(const char *value, const char **charset, size_t *charset_len)
{
    const char *first = strchr(value, '\'');
    const char *second = first != NULL ? strchr(first + 1, '\'') : NULL;
    if (second == NULL)
        return value;
    *charset = value;
    *charset_len = (size_t)(first - value);
    return second + 1;
}

/* Whether sections after the first have a charset of their own to be left out. */
enum later { LATER_VERBATIM, LATER_SPLIT };

static void add_joined(const struct name_reader *reader, const struct section *list, size_t count,
                       enum later later)
{
    struct buffer octets = {0};
    const char *charset = NULL, *ignored = NULL;
    size_t charset_len = 0, ignored_len = 0;
    buffer_text(&octets, "");
    for (size_t i = 0; i < count; i++) {
        const char *value = list[i].value;
        if (list[i].extended && charset == NULL && (i == 0 || later == LATER_SPLIT))
            value = split_charset(value, &charset, &charset_len);
        else if (list[i].extended && later == LATER_SPLIT)
            value = split_charset(value, &ignored, &ignored_len);
        if (list[i].extended)
            add_percent_decoded(&octets, value);
        else
            buffer_text(&octets, value);
    }
    if (reader->verbatim) {
        add_value(reader, octets.data, octets.len);
    } else {
        char *name = to_utf8(octets.data, octets.len, charset, charset_len);
        add_shown(reader->names, name);
        free(name);
    }
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

/* The forms of RFC 2231, which most programs prefer; then the plain ones. */
static void read_all(const struct name_reader *reader)
{
    struct sections sections = {.count = 0};
    size_t len = strlen(reader->parameter);
    const struct content *content = reader->content;
    for (size_t i = 0; i < content->count; i++) {
        const struct content_parameter *parameter = &content->parameters[i];
        struct section section = {.position = i, .extended = true, .value = parameter->value};
        if (strncmp(parameter->name, reader->parameter, len) != 0 || parameter->name[len] != '*')
            continue;
        reader->names->given = true;
        if (parameter->name[len + 1] == '\0')
            add_joined(reader, &section, 1, LATER_VERBATIM);
        else if (read_section(reader->names, parameter->name + len, &section))
            sections.list[sections.count++] = section;
    }
    if (sections.count > 0)
        add_sections(reader, &sections);
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
