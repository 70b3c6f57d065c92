#include "agent/probe/dialogue/imap_exchange.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* What follows one of our tags, "V12 "; NULL: the line has none. */
static const char *after_tag(const char *line, const char *end)
{
    if (line == end || *line++ != 'V')
        return NULL;
    const char *digits = line;
    while (line < end && isdigit((unsigned char)*line))
        line++;
    return line > digits && line < end && *line == ' ' ? line + 1 : NULL;
}

static bool begins_with(const char *at, const char *end, const char *word)
{
    size_t len = strlen(word), room = (size_t)(end - at);

    return room >= len && strncasecmp(at, word, len) == 0 && (room == len || at[len] == ' ');
}

static bool is_refusal(const char *at, const char *end)
{
    return begins_with(at, end, "NO") || begins_with(at, end, "BAD") || begins_with(at, end, "BYE");
}

void imap_exchange_sent(struct imap_exchange *exchange, const char *line, size_t len)
{
    const char *end = line + len, *verb = after_tag(line, end);
    size_t used = 0;

    if (verb == NULL) /* a continuation of the login */
        return;
    for (; verb < end && *verb != ' ' && used < sizeof(exchange->command) - 1; verb++)
        exchange->command[used++] = *verb;
    exchange->command[used] = '\0';
    exchange->reply[0] = '\0';
}

void imap_exchange_received(struct imap_exchange *exchange, const char *line, size_t len,
                            bool greeting)
{
    const char *end = line + len, *tagged = after_tag(line, end);
    bool untagged = len >= 2 && line[0] == '*' && line[1] == ' ';
    const char *text = tagged != NULL ? tagged : untagged ? line + 2 : line;
    bool is_ok = begins_with(text, end, "OK") || begins_with(text, end, "PREAUTH");

    if (tagged != NULL && is_ok) {
        exchange->command[0] = '\0';
        exchange->reply[0] = '\0';
        return;
    }
    bool odd_greeting = greeting && !(untagged && is_ok);
    bool refusal = (tagged != NULL || untagged) && is_refusal(text, end);
    if (refusal || odd_greeting)
        dialogue_clean(exchange->reply, sizeof(exchange->reply), text, (size_t)(end - text));
}

bool imap_exchange_is_refusal(const struct imap_exchange *exchange)
{
    return is_refusal(exchange->reply, exchange->reply + strlen(exchange->reply));
}

/* "NO [LIMIT] too many" is "too many". */
static const char *human_text(const char *reply)
{
    const char *text = reply + strcspn(reply, " ");

    text += strspn(text, " ");
    if (*text == '[' && strchr(text, ']') != NULL) {
        text = strchr(text, ']') + 1;
        text += strspn(text, " ");
    }
    return text;
}

void imap_exchange_shorten(const struct imap_exchange *exchange, char *reason)
{
    static const char joint[] = ": ";
    const char *text =
        imap_exchange_is_refusal(exchange) ? human_text(exchange->reply) : exchange->reply;
    size_t len = strlen(reason), tail = strlen(text) + strlen(joint);

    if (*text == '\0' || len <= tail)
        return;
    char *cut = reason + len - tail;
    if (strncmp(cut, joint, strlen(joint)) == 0 && strcmp(cut + strlen(joint), text) == 0)
        *cut = '\0';
}
