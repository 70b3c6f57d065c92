/*
 * What was said last in an IMAP dialogue, for the account of its end: the command under way, and
 * the server's refusal of it in its own words. Fed with lines as imap_events.on_trace has them.
 */
#ifndef AGENT_PROBE_DIALOGUE_IMAP_WORDS_H
#define AGENT_PROBE_DIALOGUE_IMAP_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/probe/dialogue/dialogue.h"

#define IMAP_WORDS_COMMAND_MAX 16

struct imap_words {                       /* all zero: nothing was said */
    char command[IMAP_WORDS_COMMAND_MAX]; /* "EXAMINE"; "" when it was answered with OK */
    /* NO, BAD or BYE without tag or star, cleaned: "NO [LIMIT] enough". What came in place of a
     * greeting. "" else. */
    char reply[DIALOGUE_TEXT_MAX];
};

void imap_words_sent(struct imap_words *words, const char *line, size_t len);
/* greeting: this line should be one. */
void imap_words_received(struct imap_words *words, const char *line, size_t len, bool greeting);
/* Whether the reply is NO, BAD or BYE. */
bool imap_words_refused(const struct imap_words *words);
/* Cuts off a reason what the reply says already: "STARTTLS was refused: not today". */
void imap_words_shorten(const struct imap_words *words, char *reason);

#endif
