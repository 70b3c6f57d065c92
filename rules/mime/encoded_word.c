#include "rules/mime/encoded_word.h"

#include <assert.h>
#include <strings.h>

#include "rules/mime/base64.h"
#include "rules/mime/charset.h"
#include "rules/util/octet.h"

/* Each change of charset costs a converter; a text may change this often. */
#define SWITCHES_MAX 200
/* RFC 2047 section 2 allows words of 75 octets on lines of 76; ours leave room for a field name
 * before the first: 44 octets of base64, and 12 of "=?utf-8?B?" and "?=". */
#define WORD_OCTETS 33

struct encoded_word {
    const char *charset;
    size_t charset_len;
    char encoding; /* 'b' or 'q' */
    const char *text;
    size_t len;
    const char *end;
};

struct word_reader {
    struct buffer *out;
    struct charset_reader *charset; /* of the current run of joined words; NULL: none */
    const char *name;
    size_t name_len;
    unsigned switches;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

/* The text of a word ends at "?="; blanks are allowed, because some senders leave them in Q text.
 */
static const char *word_text_end(const char *c, const char *end)
{
    const char *mark = memchr(c, '?', (size_t)(end - c));
    return mark != NULL && mark + 1 < end && mark[1] == '=' ? mark : NULL;
}

static bool read_word(const char *c, const char *end, struct encoded_word *word)
{
    if (end - c < 8 || c[0] != '=' || c[1] != '?')
        return false;
    const char *charset = c + 2;
    const char *limit = end - charset > 64 ? charset + 64 : end;
    const char *mark = memchr(charset, '?', (size_t)(limit - charset));
    if (mark == NULL || end - mark < 5 || mark[2] != '?')
        return false;
    char encoding = (char)(mark[1] | 0x20);
    if (encoding != 'b' && encoding != 'q')
        return false;
    const char *text_end = word_text_end(mark + 3, end);
    if (text_end == NULL)
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

static void decode_q(const char *text, size_t len, struct buffer *octets)
{
    for (size_t i = 0; i < len; i++) {
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
    if (reader->charset == NULL)
        return;
    charset_reader_flush(reader->charset, reader->out);
    charset_reader_free(reader->charset);
    reader->charset = NULL;
}

static bool joins_run(const struct word_reader *reader, const struct encoded_word *word)
{
    return reader->charset != NULL && reader->name_len == word->charset_len &&
           strncasecmp(reader->name, word->charset, word->charset_len) == 0;
}

static void add_word(struct word_reader *reader, const struct encoded_word *word)
{
    if (!joins_run(reader, word)) {
        end_run(reader);
        reader->charset = charset_reader_new(word->charset, word->charset_len);
        reader->name = word->charset;
        reader->name_len = word->charset_len;
        reader->switches++;
    }
    struct buffer octets = {0};
    if (word->encoding == 'q') {
        decode_q(word->text, word->len, &octets);
    } else {
        struct base64_reader base64 = {0};
        base64_read(&base64, word->text, word->len, &octets);
    }
    charset_reader_feed(reader->charset, octets.data, octets.len, reader->out);
    buffer_free(&octets);
}

static void add_plain(struct word_reader *reader, const char *text, const char *end)
{
    end_run(reader);
    if (text == end)
        return;
    struct charset_reader *raw = charset_reader_new(NULL, 0);
    charset_reader_feed(raw, text, (size_t)(end - text), reader->out);
    charset_reader_flush(raw, reader->out);
    charset_reader_free(raw);
}

static const char *skip_space(const char *c, const char *end)
{
    while (c < end && is_space(*c))
        c++;
    return c;
}

char *encoded_word_decode(const char *text, size_t len, size_t max)
{
    struct buffer out = {0};
    struct word_reader reader = {.out = &out};
    const char *end = text + len, *plain = text, *c = text;
    while (c < end && out.len <= max && reader.switches < SWITCHES_MAX) {
        struct encoded_word word;
        c = memchr(c, '=', (size_t)(end - c));
        if (c == NULL)
            break;
        if (!read_word(c, end, &word)) {
            c++;
            continue;
        }
        /* RFC 2047 section 6.2: blanks between two encoded words are not displayed */
        if (reader.charset == NULL || skip_space(plain, c) != c)
            add_plain(&reader, plain, c);
        add_word(&reader, &word);
        plain = c = word.end;
    }
    add_plain(&reader, plain, end);
    char *decoded = buffer_take(&out);
    for (char *control = decoded; *control != '\0'; control++)
        if (*control == '\n' || *control == '\t')
            *control = ' ';
    decoded[utf8_cut(decoded, strlen(decoded), max)] = '\0';
    return decoded;
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
