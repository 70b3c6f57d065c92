#include "rules/text/charset_text.h"

#include <strings.h>

#include "rules/text/charset.h"

#define TOO_MANY "text in more than 32 charsets"

static const struct charset_label none = {NULL, 0};

static bool is_same(const char *name, struct charset_label label)
{
    if (name == NULL || label.name == NULL)
        return name == label.name;
    return strlen(name) == label.len && strncasecmp(name, label.name, label.len) == 0;
}

static struct charset_reader *find_reader(struct charset_cache *cache, struct charset_label label)
{
    for (size_t i = 0; i < cache->count; i++)
        if (is_same(cache->used[i].name, label))
            return cache->used[i].reader;
    if (cache->count == CHARSETS_MAX)
        return NULL;
    struct charset_reader *reader = charset_reader_new(label.name, label.len);
    charset_reader_mark_controls(reader);
    cache->used[cache->count].name = label.name != NULL ? xmemdup0(label.name, label.len) : NULL;
    cache->used[cache->count++].reader = reader;
    return reader;
}

/* The place of the reading without declaration is kept free. */
static struct charset_reader *get_reader(struct charset_cache *cache, struct charset_label label)
{
    if (cache->count == 0)
        find_reader(cache, none);
    return find_reader(cache, label);
}

static void read_text(struct charset_reader *reader, const char *data, size_t len,
                      struct buffer *out)
{
    charset_reader_feed(reader, data, len, out);
    charset_reader_flush(reader, out);
}

static bool starts_with(const char *data, size_t len, const char *start, size_t start_len)
{
    return len >= start_len && memcmp(data, start, start_len) == 0;
}

static struct charset_label label(const char *name)
{
    return (struct charset_label){name, strlen(name)};
}

static struct charset_label by_mark(const char *data, size_t len)
{
    if (starts_with(data, len, "\xff\xfe\0\0", 4) || starts_with(data, len, "\0\0\xfe\xff", 4))
        return label("utf-32");
    if (starts_with(data, len, "\xff\xfe", 2) || starts_with(data, len, "\xfe\xff", 2))
        return label("utf-16");
    return none;
}

static bool contains(const char *data, size_t len, const char *what)
{
    return memmem(data, len, what, strlen(what)) != NULL;
}

static struct charset_label by_escapes(const char *data, size_t len)
{
    if (contains(data, len, "\x1b$)C"))
        return label("iso-2022-kr");
    if (contains(data, len, "\x1b$)A") || contains(data, len, "\x1b$)G"))
        return label("iso-2022-cn");
    if (contains(data, len, "\x1b$") || contains(data, len, "\x1b("))
        return label("iso-2022-jp");
    if (contains(data, len, "~{"))
        return label("hz");
    return none;
}

static bool has_8bit(const char *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)data[i] >= 0x80)
            return true;
    return false;
}

static bool is_utf8(const char *data, size_t len)
{
    for (size_t i = 0, n; i < len; i += n) {
        n = utf8_length(data + i, len - i);
        if (n == 0)
            return false;
    }
    return true;
}

/* The charset of the other reading; false: there is none. */
static bool find_other(const struct charset_reader *reader, bool undecoded,
                       struct charset_label hint, const char *data, size_t len,
                       struct charset_label *other)
{
    enum charset_kind kind = charset_reader_kind(reader);
    *other = by_mark(data, len);
    if (kind == CHARSET_UTF16 || kind == CHARSET_UTF32) {
        if (other->name == NULL)
            *other = label(kind == CHARSET_UTF16 ? "utf-16be" : "utf-32be");
        return true;
    }
    if (other->name != NULL)
        return true;
    if (undecoded)
        return true; /* as if none were declared */
    if (kind == CHARSET_NONE || kind == CHARSET_UNKNOWN) {
        *other = hint.name != NULL ? hint : by_escapes(data, len);
        return other->name != NULL;
    }
    *other = label("utf-8");
    bool single = kind == CHARSET_WINDOWS1252 || charset_reader_is_single_octet(reader);
    return single && has_8bit(data, len) && is_utf8(data, len);
}

static const char *find_doubt(const struct charset_reader *reader, bool undecoded)
{
    enum charset_kind kind = charset_reader_kind(reader);
    if (kind == CHARSET_UNKNOWN)
        return "unknown charset";
    if (undecoded && kind != CHARSET_UTF8 && !charset_reader_is_single_octet(reader))
        return "octets that the charset does not have";
    return NULL;
}

static void add_doubt(struct charset_text *result, const char *doubt)
{
    if (result->doubt == NULL)
        result->doubt = doubt;
}

static void add_other(struct charset_cache *cache, struct charset_label charset, const char *data,
                      size_t len, size_t start, struct charset_text *result)
{
    struct charset_reader *reader = get_reader(cache, charset);
    if (reader == NULL) {
        add_doubt(result, TOO_MANY);
        return;
    }
    if (!result->has_other)
        buffer_add(&result->other, result->text.data, start);
    result->has_other = true;
    read_text(reader, data, len, &result->other);
}

void charset_decode(struct charset_cache *cache, struct charset_label declared,
                    struct charset_label hint, const char *data, size_t len,
                    struct charset_text *result)
{
    if (len == 0)
        return;
    struct charset_reader *reader = get_reader(cache, declared);
    if (reader == NULL) {
        add_doubt(result, TOO_MANY);
        reader = get_reader(cache, none);
    }
    size_t start = result->text.len, before = charset_reader_undecoded(reader);
    read_text(reader, data, len, &result->text);
    bool undecoded = charset_reader_undecoded(reader) > before;
    add_doubt(result, find_doubt(reader, undecoded));
    struct charset_label other;
    if (find_other(reader, undecoded, hint, data, len, &other))
        add_other(cache, other, data, len, start, result);
    else if (result->has_other)
        buffer_add(&result->other, result->text.data + start, result->text.len - start);
}

void charset_cache_clear(struct charset_cache *cache)
{
    for (size_t i = 0; i < cache->count; i++) {
        free(cache->used[i].name);
        charset_reader_free(cache->used[i].reader);
    }
    *cache = (struct charset_cache){0};
}
