/*
 * Text from servers and messages on a terminal: what is unsafe (imapclient/text/printable.h) is
 * shown as "?".
 */
#ifndef AGENT_UTIL_SCREEN_H
#define AGENT_UTIL_SCREEN_H

#include <stdio.h>

/* One line: line ends and tabs are unsafe, too. */
void screen_text(FILE *out, const char *text);
/* Lines, as of a message: line feeds, CRLF and tabs stay. */
void screen_lines(FILE *out, const char *data, size_t len);

#endif
