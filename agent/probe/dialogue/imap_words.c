#include "agent/probe/dialogue/imap_words.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Behind the tag of a line that has one of ours, "V12 "; else NULL. */
static const char *behind_tag(const char *line, const char *end)
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

void imap_words_sent(struct imap_words *words, const char *line, size_t len)
{
    const char *end = line + len, *verb = behind_tag(line, end);
    size_t used = 0;

    if (verb == NULL) /* a piece of the sign-in */
        return;
    for (; verb < end && *verb != ' ' && used < sizeof(words->command) - 1; verb++)
        words->command[used++] = *verb;
    words->command[used] = '\0';
    words->reply[0] = '\0';
}

void imap_words_received(struct imap_words *words, const char *line, size_t len, bool greeting)
{
    const char *end = line + len, *tagged = behind_tag(line, end);
    bool untagged = len >= 2 && line[0] == '*' && line[1] == ' ';
    const char *text = tagged != NULL ? tagged : untagged ? line + 2 : line;
    bool well = begins_with(text, end, "OK") || begins_with(text, end, "PREAUTH");

    if (tagged != NULL && well) {
        words->command[0] = '\0';
        words->reply[0] = '\0';
        return;
    }
    bool odd_greeting = greeting && !(untagged && well);
    bool refusal = (tagged != NULL || untagged) && is_refusal(text, end);
    if (refusal || odd_greeting)
        dialogue_clean(words->reply, sizeof(words->reply), text, (size_t)(end - text));
}

bool imap_words_refused(const struct imap_words *words)
{
    return is_refusal(words->reply, words->reply + strlen(words->reply));
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

void imap_words_shorten(const struct imap_words *words, char *reason)
{
    static const char joint[] = ": ";
    const char *text = imap_words_refused(words) ? human_text(words->reply) : words->reply;
    size_t len = strlen(reason), tail = strlen(text) + strlen(joint);

    if (*text == '\0' || len <= tail)
        return;
    char *cut = reason + len - tail;
    if (strncmp(cut, joint, strlen(joint)) == 0 && strcmp(cut + strlen(joint), text) == 0)
        *cut = '\0';
}
