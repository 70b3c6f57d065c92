/*
 * All readings of one text that a mail program may show, and whether there may be others.
 *
 * A pattern matches if it matches any reading. If it matches none and there is doubt, nobody can
 * say that it does not match.
 */
#ifndef RULES_MIME_READING_H
#define RULES_MIME_READING_H

#include <stdbool.h>
#include <stddef.h>

#define READINGS_MAX 14

struct reading {
    const char *how; /* static, follows "matches": "as written", "as HTML shows it" */
    char *text;      /* valid UTF-8, NUL-terminated, without NUL inside */
    size_t len;
};

/* Start with {0}. The first reading, if there is one, is that of the text as written. */
struct readings {
    struct reading list[READINGS_MAX];
    size_t count;
    const char *doubt; /* static, follows "undecided:": "unknown charset"; NULL: no doubt */
};

/* Takes ownership of text. A reading that is there already is not added again. */
void readings_add(struct readings *readings, const char *how, char *text, size_t len);
/* The first reason is kept. */
void readings_doubt(struct readings *readings, const char *reason);
void readings_clear(struct readings *readings);

#endif
