#include "agent/probe/dialogue/capability_set.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "agent/probe/dialogue/dialogue.h"
#include "imapclient/text/printable.h"

#define WORD_MAX 64
#define MECHANISM_MARK "AUTH="

void capability_set_clear(struct capability_set *set)
{
    set->len = 0;
    set->text[0] = '\0';
}

/* The next word of a line, in upper case, printable, cut to WORD_MAX; false: there is none. */
static bool take_word(const char **at, const char *end, char *word)
{
    while (*at < end && (**at == ' ' || **at == '\t'))
        (*at)++;
    size_t len = 0;
    for (; *at < end && **at != ' ' && **at != '\t'; (*at)++)
        if (len < WORD_MAX)
            word[len++] = **at >= 'a' && **at <= 'z' ? (char)(**at - 'a' + 'A') : **at;
    text_printable_octets(word, len, PRINTABLE_ASCII);
    word[len] = '\0';
    return len > 0;
}

static bool add_word(struct capability_set *set, const char *prefix, const char *word)
{
    char whole[sizeof(MECHANISM_MARK) + WORD_MAX];
    size_t room = sizeof(set->text) - set->len;
    snprintf(whole, sizeof(whole), "%s%s", prefix, word);
    if (dialogue_has(set->text, whole))
        return true;
    if (strlen(whole) + 1 >= room)
        return false;
    set->len +=
        (size_t)snprintf(set->text + set->len, room, "%s%s", set->len > 0 ? " " : "", whole);
    return true;
}

bool capability_set_add(struct capability_set *set, const char *line, size_t len)
{
    const char *at = line, *end = line + len;
    char word[WORD_MAX + 1];
    if (!take_word(&at, end, word))
        return true;
    bool old_form = strncmp(word, MECHANISM_MARK, strlen(MECHANISM_MARK)) == 0;
    bool mechanisms = old_form || strcmp(word, "AUTH") == 0 || strcmp(word, "SASL") == 0;
    if (old_form && !add_word(set, "", "AUTH"))
        return false;
    if (!add_word(set, "", word))
        return false;
    while (mechanisms && take_word(&at, end, word))
        if (!add_word(set, MECHANISM_MARK, word))
            return false;
    return true;
}
