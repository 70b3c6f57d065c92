#include "rules/mime/encoded_word.h"

#include <assert.h>
#include <strings.h>

#include "rules/mime/base64.h"
#include "rules/text/charset.h"
#include "rules/text/charset_text.h"
#include "rules/text/fold.h"
#include "rules/util/octet.h"

/* RFC 2047 section 2 allows words of 75 octets on lines of 76; ours leave room for a field name
 * before the first: 44 octets of base64, and 12 of "=?utf-8?B?" and "?=". */
#define WORD_OCTETS 33
#define WORD_MAX 75

struct encoded_word {
    const char *charset;
    size_t charset_len;
    char encoding; /* 'b' or 'q' */
    const char *text;
    size_t len;
    const char *end;
};

struct word_reader {
    bool lenient;
    struct charset_cache *charsets;
    struct charset_text out;
    bool in_run; /* of joined words of one charset */
    struct charset_label charset;
    struct buffer octets; /* of the run */
    struct base64_reader base64;
    bool no_end;    /* there is no "?=" any more */
    bool irregular; /* a word is not as RFC 2047 has it: some programs show it as it is */
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* The text of a word ends at "?="; blanks are allowed, because some senders leave them in Q text.
 */
static const char *word_text_end(struct word_reader *reader, const char *c, const char *end)
{
    if (reader->no_end)
        return NULL;
    const char *mark = memmem(c, (size_t)(end - c), "?=", 2);
    reader->no_end = mark == NULL;
    return mark;
}

static bool read_word(struct word_reader *reader, const char *c, const char *end,
                      struct encoded_word *word)
{
    if (end - c < 8 || c[0] != '=' || c[1] != '?')
        return false;
    const char *charset = c + 2;
    const char *limit = end - charset > 64 && !reader->lenient ? charset + 64 : end;
    const char *mark = memchr(charset, '?', (size_t)(limit - charset));
    if (mark == NULL || end - mark < 5 || mark[2] != '?')
        return false;
    char encoding = (char)(mark[1] | 0x20);
    if (encoding != 'b' && encoding != 'q')
        return false;
    const char *text_end = word_text_end(reader, mark + 3, end);
    if (text_end == NULL)
        return false;
    if (!reader->lenient && memchr(mark + 3, '?', (size_t)(text_end - mark - 3)) != NULL)
        return false;
    /* RFC 2231 section 5: a language may follow the charset */
    const char *star = memchr(charset, '*', (size_t)(mark - charset));
    *word = (struct encoded_word){.charset = charset,
                                  .charset_len = (size_t)((star != NULL ? star : mark) - charset),
                                  .encoding = encoding,
                                  .text = mark + 3,
                                  .len = (size_t)(text_end - mark - 3),
                                  .end = text_end + 2};
    return true;
}

static void decode_q(const char *text, size_t len, bool lenient, struct buffer *octets)
{
    for (size_t i = 0; i < len; i++) {
        if (lenient && is_space(text[i]))
            continue;
        char c = text[i] == '_' ? ' ' : text[i];
        if (c == '=' && i + 2 < len && octet_hex(text[i + 1]) >= 0 && octet_hex(text[i + 2]) >= 0) {
            c = (char)(octet_hex(text[i + 1]) << 4 | octet_hex(text[i + 2]));
            i += 2;
        }
        buffer_char(octets, c);
    }
}

static void end_run(struct word_reader *reader)
{
    static const struct charset_label no_hint = {NULL, 0};
    if (reader->in_run)
        charset_decode(reader->charsets, reader->charset, no_hint, reader->octets.data,
                       reader->octets.len, &reader->out);
    reader->octets.len = 0;
    reader->in_run = false;
}

static bool joins_run(const struct word_reader *reader, const struct encoded_word *word)
{
    return reader->in_run && reader->charset.len == word->charset_len &&
           strncasecmp(reader->charset.name, word->charset, word->charset_len) == 0;
}

static void add_word(struct word_reader *reader, const struct encoded_word *word)
{
    bool joins = joins_run(reader, word);
    if (!joins) {
        end_run(reader);
        reader->in_run = true;
        reader->charset = (struct charset_label){word->charset, word->charset_len};
    }
    if (!joins || !reader->lenient || word->encoding == 'q')
        reader->base64 = (struct base64_reader){0};
    if (word->encoding == 'q')
        decode_q(word->text, word->len, reader->lenient, &reader->octets);
    else
        base64_read(&reader->base64, word->text, word->len, &reader->octets);
}

static void add_plain(struct word_reader *reader, const char *text, const char *end)
{
    static const struct charset_label none = {NULL, 0};
    end_run(reader);
    charset_decode(reader->charsets, none, none, text, (size_t)(end - text), &reader->out);
}

static const char *skip_space(const char *c, const char *end)
{
    while (c < end && is_space(*c))
        c++;
    return c;
}

/* RFC 2047 section 6.2: blanks between two encoded words are not displayed. */
static bool is_hidden(const struct word_reader *reader, const char *text, const char *end,
                      const struct encoded_word *next)
{
    if (!reader->in_run || skip_space(text, end) != end)
        return false;
    bool goes_on = next->encoding == 'b' && reader->base64.count > 0 && joins_run(reader, next);
    return !reader->lenient || text == end || goes_on;
}

static bool is_irregular(const char *word, const char *text, const char *end,
                         const struct encoded_word *read)
{
    static const char base64[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
    bool alone = (word == text || is_space(word[-1])) && (read->end == end || is_space(*read->end));
    if (!alone || read->end - word > WORD_MAX)
        return true;
    for (size_t i = 0; i < read->len; i++) {
        char c = read->text[i];
        if (c <= ' ' || c > '~' || c == '?' ||
            (read->encoding == 'b' && memchr(base64, c, sizeof(base64) - 1) == NULL))
            return true;
    }
    return false;
}

static void decode(struct word_reader *reader, const char *text, size_t len)
{
    const char *end = text + len, *plain = text, *c = text;
    while ((c = memchr(c, '=', (size_t)(end - c))) != NULL) {
        struct encoded_word word;
        if (!read_word(reader, c, end, &word)) {
            c++;
            continue;
        }
        if (!is_hidden(reader, plain, c, &word))
            add_plain(reader, plain, c);
        reader->irregular |= is_irregular(c, text, end, &word);
        add_word(reader, &word);
        plain = c = word.end;
    }
    add_plain(reader, plain, end);
}

static void end_reader(struct word_reader *reader)
{
    buffer_free(&reader->out.text);
    buffer_free(&reader->out.other);
    buffer_free(&reader->octets);
}

/* On one line, controls as spaces. */
static char *plain_line(const struct buffer *text, size_t *len_r)
{
    struct buffer plain = {0};
    for (size_t i = 0; i < text->len; i++) {
        bool mark = strncmp(text->data + i, CHARSET_CONTROL_MARK, 2) == 0;
        buffer_char(&plain, mark || (unsigned char)text->data[i] < ' ' ? ' ' : text->data[i]);
        i += mark ? 1 : 0;
    }
    *len_r = plain.len;
    return buffer_take(&plain);
}

char *encoded_word_decode(const char *text, size_t len, size_t max)
{
    struct charset_cache charsets = {0};
    struct word_reader reader = {.charsets = &charsets};
    size_t decoded_len;
    decode(&reader, text, len);
    char *decoded = plain_line(&reader.out.text, &decoded_len);
    end_reader(&reader);
    charset_cache_clear(&charsets);
    decoded[utf8_cut(decoded, decoded_len, max)] = '\0';
    return decoded;
}

static void add_text(struct readings *readings, const char *how, const struct buffer *text)
{
    size_t len;
    char *plain = plain_line(text, &len);
    readings_add(readings, how, plain, len);
}

static void add_folded(struct readings *readings, const char *how, const struct buffer *text)
{
    struct buffer folded = {0};
    if (!fold_text(&folded, text->data, text->len, 4 * ENCODED_WORD_TEXT_MAX))
        readings_doubt(readings, "text that is too long when it is folded");
    add_text(readings, how, &folded);
    buffer_free(&folded);
}

static void add_joined(struct readings *readings, const char *how, const struct buffer *text)
{
    struct buffer folded = {0}, joined = {0};
    fold_text(&folded, text->data, text->len, 4 * ENCODED_WORD_TEXT_MAX);
    for (size_t i = 0; i < folded.len; i++)
        if ((unsigned char)folded.data[i] > ' ')
            buffer_char(&joined, folded.data[i]);
        else if (joined.len > 0 && joined.data[joined.len - 1] != ' ')
            buffer_char(&joined, ' ');
    add_text(readings, how, &joined);
    buffer_free(&folded);
    buffer_free(&joined);
}

/* Returns whether some program may show words undecoded. */
static bool add_readings(struct readings *readings, struct charset_cache *charsets, bool lenient,
                         const char *text, size_t len)
{
    struct word_reader reader = {.lenient = lenient, .charsets = charsets};
    const struct charset_text *out = &reader.out;
    decode(&reader, text, len);
    if (out->doubt != NULL)
        readings_doubt(readings, out->doubt);
    add_text(readings, lenient ? "decoded otherwise" : "as written", &out->text);
    add_folded(readings, lenient ? "decoded otherwise, folded" : "folded", &out->text);
    if (!lenient)
        add_joined(readings, "folded, with single spaces", &out->text);
    if (!lenient && out->has_other) {
        add_text(readings, "decoded otherwise", &out->other);
        add_folded(readings, "decoded otherwise, folded", &out->other);
    }
    bool undecoded = reader.irregular || out->doubt != NULL;
    end_reader(&reader);
    return undecoded;
}

void encoded_word_read_more(struct readings *readings, struct charset_cache *charsets,
                            const char *text, size_t len)
{
    static const struct charset_label none = {NULL, 0};
    if (len > ENCODED_WORD_TEXT_MAX) {
        readings_doubt(readings, "more than 1 MiB in a field");
        len = ENCODED_WORD_TEXT_MAX;
    }
    add_readings(readings, charsets, false, text, len);
    if (memmem(text, len, "=?", 2) == NULL)
        return;
    if (!add_readings(readings, charsets, true, text, len))
        return;
    struct charset_text raw = {0};
    charset_decode(charsets, none, none, text, len, &raw);
    add_text(readings, "undecoded", &raw.text);
    buffer_free(&raw.text);
    buffer_free(&raw.other);
}

void encoded_word_read(struct readings *readings, const char *text, size_t len)
{
    struct charset_cache charsets = {0};
    encoded_word_read_more(readings, &charsets, text, len);
    charset_cache_clear(&charsets);
}

bool encoded_word_plain(const char *text)
{
    for (const char *c = text; *c != '\0'; c++)
        if (*c < ' ' || *c > '~' || (c[0] == '=' && c[1] == '?'))
            return false;
    return true;
}

void encoded_word_write(struct buffer *out, const char *text)
{
    struct buffer utf8 = {0};
    struct charset_reader *raw = charset_reader_new(NULL, 0);
    charset_reader_feed(raw, text, strlen(text), &utf8);
    charset_reader_flush(raw, &utf8);
    charset_reader_free(raw);
    for (size_t i = 0; i < utf8.len; i++)
        if (utf8.data[i] == '\n' || utf8.data[i] == '\t')
            utf8.data[i] = ' ';
    for (size_t done = 0; done < utf8.len;) {
        size_t n = utf8_cut(utf8.data + done, utf8.len - done, WORD_OCTETS);
        assert(n > 0);
        buffer_text(out, done > 0 ? " =?utf-8?B?" : "=?utf-8?B?");
        base64_write(out, utf8.data + done, n);
        buffer_text(out, "?=");
        done += n;
    }
    buffer_free(&utf8);
}
