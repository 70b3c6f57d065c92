/*
 * The last exchange of an IMAP dialogue, for its outcome: the command under way, and the server's
 * refusal of it as it was worded. Fed with lines as imap_events.on_trace has them.
 */
#ifndef AGENT_PROBE_DIALOGUE_IMAP_EXCHANGE_H
#define AGENT_PROBE_DIALOGUE_IMAP_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/probe/dialogue/dialogue.h"

#define IMAP_EXCHANGE_COMMAND_MAX 16

struct imap_exchange {                       /* all zero: nothing was exchanged */
    char command[IMAP_EXCHANGE_COMMAND_MAX]; /* "EXAMINE"; "" once the reply is OK */
    /* NO, BAD or BYE without tag or asterisk, printable: "NO [LIMIT] enough"; or what was received
     * in place of a greeting; else "". */
    char reply[DIALOGUE_TEXT_MAX];
};

void imap_exchange_sent(struct imap_exchange *exchange, const char *line, size_t len);
/* greeting: this line should be one. */
void imap_exchange_received(struct imap_exchange *exchange, const char *line, size_t len,
                            bool greeting);
/* Whether the reply is NO, BAD or BYE. */
bool imap_exchange_is_refusal(const struct imap_exchange *exchange);
/* Cuts off what the reason repeats of the reply: "STARTTLS was refused: not today". */
void imap_exchange_shorten(const struct imap_exchange *exchange, char *reason);

#endif
