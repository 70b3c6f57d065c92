/* Whatever a server says, cut as it likes: replies keep their bounds and read the same in pieces as
 * at once, what a person gets to see of them is clean, and a set of capabilities is well formed.
 * The first octet says how large the pieces are. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/probe/dialogue/capability_set.h"
#include "agent/probe/dialogue/dialogue.h"
#include "agent/probe/dialogue/reply.h"
#include "rules/util/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Of all replies, so that two readings can be compared. */
struct parsed {
    uint64_t sum;
    unsigned lines, replies;
    bool broken;
};

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void add_to_sum(struct parsed *reading, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        reading->sum = (reading->sum ^ (unsigned char)text[i]) * UINT64_C(1099511628211);
}

static void check_clean(const char *text, size_t len)
{
    char clean[DIALOGUE_TEXT_MAX];
    dialogue_clean(clean, sizeof(clean), text, len);
    size_t clean_len = strlen(clean);
    must(clean_len < sizeof(clean));
    for (size_t i = 0; i < clean_len; i++)
        must(clean[i] >= ' ' && clean[i] <= '~');
}

static void check_set(const struct capability_set *set)
{
    must(set->len < sizeof(set->text) && strlen(set->text) == set->len);
    must(strstr(set->text, "  ") == NULL);
    must(set->len == 0 || (set->text[0] != ' ' && set->text[set->len - 1] != ' '));
    for (size_t i = 0; i < set->len; i++)
        must(set->text[i] >= ' ' && set->text[i] <= '~' &&
             (set->text[i] < 'a' || set->text[i] > 'z'));
    char first[256];
    size_t len = strcspn(set->text, " ");
    must(len < sizeof(first));
    memcpy(first, set->text, len);
    first[len] = '\0';
    must(dialogue_has(set->text, first) == (len > 0));
}

static void check_whole(const struct smtp_reply *reply)
{
    struct capability_set set;
    bool room = true;
    must(reply->code >= 200 && reply->code <= 599);
    must(reply->lines > 0 && reply->lines <= DIALOGUE_REPLY_LINES);
    must(reply->text[reply->len] == '\0');
    capability_set_clear(&set);
    for (unsigned i = 0; i < reply->lines; i++) {
        size_t len;
        const char *line = smtp_reply_line(reply, i, &len);
        must(line >= reply->text && line + len <= reply->text + reply->len);
        must(memchr(line, '\n', len) == NULL);
        room = room && capability_set_add(&set, line, len);
    }
    check_set(&set);
    check_clean(reply->text, reply->len);
}

static void check_pop3(const struct line_reader *reader)
{
    const char *text = NULL;
    uint64_t messages = 0, octets = 0;
    size_t len = 0;
    char uidl[POP3_UIDL_MAX + 1];
    pop3_status(reader->line, reader->len, &text);
    must(text >= reader->line && text <= reader->line + reader->len);
    if (pop3_parse_stat(text, &messages, &octets) && pop3_parse_uidl(text, messages, uidl))
        must(uidl[0] != '\0' && strlen(uidl) <= POP3_UIDL_MAX);
    const char *stamp = pop3_find_timestamp(text, &len);
    must(stamp == NULL || (len >= 3 && stamp[0] == '<' && stamp[len - 1] == '>' &&
                           stamp + len <= reader->line + reader->len));
}

static void on_line(const struct line_reader *reader, struct smtp_reply *reply,
                    struct parsed *reading)
{
    must(reader->len <= DIALOGUE_LINE_MAX && reader->line[reader->len] == '\0');
    check_pop3(reader);
    reading->lines++;
    enum reply_state state = smtp_reply_add(reply, reader->line, reader->len);
    must(reply->len <= (DIALOGUE_REPLY_LINES + 1) * (size_t)(DIALOGUE_LINE_MAX + 2));
    must((state == REPLY_WHOLE) == reply->whole);
    reading->broken = state == REPLY_BROKEN;
    if (state == REPLY_BROKEN)
        check_clean(reply->text, reply->len);
    if (state != REPLY_WHOLE)
        return;
    reading->replies++;
    check_whole(reply);
    add_to_sum(reading, reply->text, reply->len + 1);
}

static struct parsed read_all(const char *octets, size_t len, size_t piece)
{
    struct line_reader *reader = xcalloc(1, sizeof(*reader));
    struct smtp_reply reply = {0};
    struct parsed reading = {.sum = UINT64_C(14695981039346656037)};
    size_t at = 0;
    while (at < len && !reading.broken) {
        size_t now = len - at < piece ? len - at : piece, used = 0;
        enum reply_state state = line_reader_feed(reader, octets + at, now, &used);
        must(used > 0 && used <= now);
        at += used;
        if (state == REPLY_WHOLE)
            on_line(reader, &reply, &reading);
        else
            reading.broken = state == REPLY_BROKEN;
    }
    smtp_reply_clear(&reply);
    free(reader);
    return reading;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    char *octets = xmemdup0(data + 1, size - 1);
    struct parsed at_once = read_all(octets, size - 1, size);
    struct parsed in_pieces = read_all(octets, size - 1, (size_t)data[0] % 64 + 1);
    must(at_once.sum == in_pieces.sum && at_once.lines == in_pieces.lines &&
         at_once.replies == in_pieces.replies && at_once.broken == in_pieces.broken);
    free(octets);
    return 0;
}
