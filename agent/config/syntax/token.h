/*
 * The tokens of a configuration file, before libconfuse sees them.
 *
 * libconfuse 3.3 counts a line with a comment three times, takes a forgotten quote for a string
 * that runs to the end of the file (and stays inside it for the next file too), skips characters
 * that it does not know, drops the backslash of "\d", and puts environment variables into values.
 * So its input is read here first, mistakes are reported with their lines, and what it gets
 * (config/syntax/text.h) has no comments and only complete strings.
 *
 * Tokens borrow the file's text, which must outlive them.
 */
#ifndef AGENT_CONFIG_SYNTAX_TOKEN_H
#define AGENT_CONFIG_SYNTAX_TOKEN_H

#include "agent/config/syntax/problems.h"

enum token_kind {
    TOKEN_WORD,   /* unquoted: a key, a section's name, a plain value */
    TOKEN_STRING, /* with its quotes */
    TOKEN_EQUALS,
    TOKEN_PLUS_EQUALS,
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_COMMA,
    TOKEN_END, /* always the last one, with the last line's number */
};

struct token {
    enum token_kind kind;
    bool broken; /* a problem was reported; whatever contains it is left out */
    int line;
    const char *start;
    size_t len;
};

/* A new array of *count tokens. The text is NUL-terminated and holds no other NUL. */
struct token *config_tokens(const char *text, const char *file, struct config_problems *problems,
                            size_t *count);

#endif
