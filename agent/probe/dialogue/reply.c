#include "agent/probe/dialogue/reply.h"

#include <string.h>

#include "rules/util/memory.h"

#define CODE_DIGITS 3

/* ---- lines ---- */

enum reply_state line_reader_feed(struct line_reader *reader, const char *data, size_t len,
                                  size_t *used)
{
    if (reader->whole) {
        reader->whole = false;
        reader->len = 0;
    }
    const char *lf = memchr(data, '\n', len);
    size_t piece = lf != NULL ? (size_t)(lf - data) : len;
    *used = lf != NULL ? piece + 1 : len;
    if (piece > DIALOGUE_LINE_MAX - reader->len)
        return REPLY_BROKEN;
    memcpy(reader->line + reader->len, data, piece);
    reader->len += piece;
    if (lf == NULL)
        return REPLY_MORE;
    if (reader->len > 0 && reader->line[reader->len - 1] == '\r')
        reader->len--;
    reader->line[reader->len] = '\0';
    reader->whole = true;
    return REPLY_WHOLE;
}

/* ---- SMTP ---- */

static void add_text(struct smtp_reply *reply, const char *text, size_t len)
{
    if (reply->room - reply->len <= len) {
        reply->room = (reply->len + len + 1) * 2;
        reply->text = xrealloc(reply->text, reply->room);
    }
    memcpy(reply->text + reply->len, text, len);
    reply->len += len;
    reply->text[reply->len] = '\0';
}

static void add_line(struct smtp_reply *reply, const char *line, size_t len)
{
    if (reply->lines++ > 0)
        add_text(reply, "\n", 1);
    add_text(reply, line, len);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* 0: there is none. Codes begin with 2 to 5 since RFC 2821. */
static unsigned code_of(const char *line, size_t len)
{
    if (len < CODE_DIGITS || line[0] < '2' || line[0] > '5' || !is_digit(line[1]) ||
        !is_digit(line[2]))
        return 0;
    if (len > CODE_DIGITS && line[CODE_DIGITS] != ' ' && line[CODE_DIGITS] != '-')
        return 0;
    return (unsigned)(line[0] - '0') * 100 + (unsigned)(line[1] - '0') * 10 +
           (unsigned)(line[2] - '0');
}

static void begin_reply(struct smtp_reply *reply)
{
    reply->code = 0;
    reply->lines = 0;
    reply->len = 0;
    reply->whole = false;
}

enum reply_state smtp_reply_add(struct smtp_reply *reply, const char *line, size_t len)
{
    if (reply->whole)
        begin_reply(reply);
    unsigned code = code_of(line, len);
    bool first = reply->lines == 0;
    if (code == 0 || (!first && code != reply->code) || reply->lines == DIALOGUE_REPLY_LINES) {
        add_line(reply, line, len);
        return REPLY_BROKEN;
    }
    reply->code = code;
    reply->whole = len == CODE_DIGITS || line[CODE_DIGITS] == ' ';
    if (first) {
        add_line(reply, line, CODE_DIGITS);
        add_text(reply, " ", 1);
        add_text(reply, line + CODE_DIGITS + (len > CODE_DIGITS),
                 len - CODE_DIGITS - (len > CODE_DIGITS));
    } else {
        add_line(reply, line + CODE_DIGITS + (len > CODE_DIGITS),
                 len - CODE_DIGITS - (len > CODE_DIGITS));
    }
    return reply->whole ? REPLY_WHOLE : REPLY_MORE;
}

void smtp_reply_clear(struct smtp_reply *reply)
{
    free(reply->text);
    *reply = (struct smtp_reply){0};
}

const char *smtp_reply_line(const struct smtp_reply *reply, unsigned number, size_t *len)
{
    const char *at = reply->text + CODE_DIGITS + 1, *end = reply->text + reply->len;
    for (; number > 0; number--)
        at = (const char *)memchr(at, '\n', (size_t)(end - at)) + 1;
    const char *lf = memchr(at, '\n', (size_t)(end - at));
    *len = (size_t)((lf != NULL ? lf : end) - at);
    return at;
}

/* ---- POP3 ---- */

static bool begins(const char *line, size_t len, const char *word, size_t word_len)
{
    return len >= word_len && memcmp(line, word, word_len) == 0 &&
           (len == word_len || line[word_len] == ' ');
}

enum pop3_status pop3_status(const char *line, size_t len, const char **text)
{
    static const struct {
        const char *word;
        size_t len;
        enum pop3_status status;
    } kinds[] = {{"+OK", 3, POP3_OK}, {"-ERR", 4, POP3_ERR}, {"+", 1, POP3_CONTINUE}};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        if (begins(line, len, kinds[i].word, kinds[i].len)) {
            *text = line + kinds[i].len + (len > kinds[i].len);
            return kinds[i].status;
        }
    }
    *text = line;
    return POP3_BROKEN;
}

/* A number and nothing else up to a space or the end; *at moves past the space. */
static bool parse_number(const char **at, uint64_t *number)
{
    const char *digit = *at;
    uint64_t value = 0;
    for (; is_digit(*digit); digit++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*digit - '0'), &value))
            return false;
    if (digit == *at || (*digit != ' ' && *digit != '\0'))
        return false;
    *at = digit + (*digit == ' ');
    *number = value;
    return true;
}

bool pop3_parse_stat(const char *text, uint64_t *messages, uint64_t *octets)
{
    return parse_number(&text, messages) && parse_number(&text, octets);
}

bool pop3_parse_uidl(const char *text, uint64_t message, char *out)
{
    uint64_t number;
    if (!parse_number(&text, &number) || number != message)
        return false;
    size_t len = strcspn(text, " ");
    if (len == 0 || len > POP3_UIDL_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        if (text[i] < '!' || text[i] > '~')
            return false;
    memcpy(out, text, len);
    out[len] = '\0';
    return true;
}

const char *pop3_find_timestamp(const char *text, size_t *len)
{
    const char *begin = strchr(text, '<');
    const char *end = begin != NULL ? strchr(begin, '>') : NULL;
    if (end == NULL || memchr(begin, '@', (size_t)(end - begin)) == NULL)
        return NULL;
    *len = (size_t)(end - begin) + 1;
    return begin;
}
