/*
 * The text of a regex cut into tokens, to tell something of what it can match without running it.
 *
 * Only for a text that PCRE2 has compiled, without its flag x. The reader knows the everyday part
 * of the syntax (pcre2pattern(3)); all else is REGEX_UNKNOWN, and who asks then assumes nothing. It
 * must never take a construct for another one: what rules out a match relies on it.
 */
#ifndef RULES_REGEX_TOKEN_H
#define RULES_REGEX_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

enum regex_kind {
    REGEX_END,
    REGEX_CHARACTER,   /* one character, as itself */
    REGEX_SINGLE,      /* one character of several: a class, the dot, \d ... */
    REGEX_ASSERTION,   /* ^ $ \b \B \A \z \Z */
    REGEX_OPEN,        /* ( and (?: */
    REGEX_LOOK,        /* (?= (?! (?<= (?<! */
    REGEX_FLAGS,       /* (?i) and the like, of i, m, s and - */
    REGEX_CLOSE,       /* ) */
    REGEX_ALTERNATIVE, /* | */
    REGEX_REPEAT,      /* of the token or group before it */
    REGEX_UNKNOWN
};

struct regex_token {
    enum regex_kind kind;
    const char *text; /* as written */
    size_t len;
    char character[4]; /* CHARACTER: UTF-8 */
    size_t octets;
    unsigned min, max; /* REPEAT */
    bool endless;      /* REPEAT: no max */
    bool possessive;
};

struct regex_reader {
    const char *at, *end;
};

/* Start with {text, text + len}. After UNKNOWN the rest has no meaning. */
struct regex_token regex_next(struct regex_reader *reader);
/* The same without moving on. */
struct regex_token regex_peek(const struct regex_reader *reader);

#endif
