/*
 * Parses what SMTP and POP3 servers send: lines out of bytes however they are split, and replies
 * out of lines. Nothing here trusts its input, and nothing grows beyond its bound
 * (DIALOGUE_LINE_MAX, DIALOGUE_REPLY_LINES).
 */
#ifndef AGENT_PROBE_DIALOGUE_REPLY_H
#define AGENT_PROBE_DIALOGUE_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/probe/dialogue/dialogue.h"

#define POP3_UIDL_MAX 70 /* characters, RFC 1939 section 7 */

enum reply_state {
    REPLY_MORE,   /* incomplete */
    REPLY_WHOLE,  /* complete */
    REPLY_BROKEN, /* over a bound, or not this protocol */
};

/* A line that arrives in pieces. All zero: none has begun. */
struct line_reader {
    char line[DIALOGUE_LINE_MAX + 1]; /* without its CRLF or LF, NUL-terminated */
    size_t len;
    bool whole;
};

/*
 * Consumes bytes up to the end of a line and no more; *used is their number. After a whole line the
 * next call begins a new one. A bare LF ends a line too. BROKEN: it is too long.
 */
enum reply_state line_reader_feed(struct line_reader *reader, const char *data, size_t len,
                                  size_t *used);

/* A reply of SMTP, RFC 5321 section 4.2. All zero: none has begun. */
struct smtp_reply {
    unsigned code; /* 200 to 599 */
    unsigned lines;
    bool whole;
    /* "550 what the first line says\nthe second\nthe third"; when broken, the line that broke it
     * is last, as received. NUL-terminated. */
    char *text;
    size_t len, room;
};

/* After a whole reply the next line begins a new one. */
enum reply_state smtp_reply_add(struct smtp_reply *reply, const char *line, size_t len);
void smtp_reply_clear(struct smtp_reply *reply);
/* The text of the line of that number, from 0, without the code; its length in *len. */
const char *smtp_reply_line(const struct smtp_reply *reply, unsigned number, size_t *len);

enum pop3_status { POP3_OK, POP3_ERR, POP3_CONTINUE, POP3_BROKEN };

/* Of the first line of a reply. CONTINUE: a challenge, "+ " (RFC 5034). *text: what follows. */
enum pop3_status pop3_status(const char *line, size_t len, const char **text);
/* "2 320": false: it is not that. Whatever follows is ignored (RFC 1939 section 5). */
bool pop3_parse_stat(const char *text, uint64_t *messages, uint64_t *octets);
/* "2 whqtswO00WBw418f9t5JxYwZ" of message 2. out has room for POP3_UIDL_MAX and a NUL. */
bool pop3_parse_uidl(const char *text, uint64_t message, char *out);
/* The timestamp of a greeting that offers APOP, "<1896.697170952@dbc.mtview.ca.us>", or NULL. */
const char *pop3_find_timestamp(const char *text, size_t *len);

#endif
