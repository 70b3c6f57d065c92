/*
 * A cursor over one unit: the tokens of RFC 9051 section 9, as leniently as servers need it.
 *
 * Every call moves the cursor behind what it read, or leaves it and returns false. Nothing is read
 * at or behind `end`. No call recurses, and each takes time in proportion to what it passes.
 */
#ifndef IMAPCLIENT_GRAMMAR_SCAN_H
#define IMAPCLIENT_GRAMMAR_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imapclient/grammar/arena.h"

struct scan {
    const char *at, *end;
};

/* Part of a unit, not NUL-terminated. */
struct span {
    const char *at;
    size_t len;
};

/* Any number of spaces; false if there was none. */
bool scan_spaces(struct scan *scan);
bool scan_char(struct scan *scan, char octet);
/* Whether only spaces are left. */
bool scan_is_done(const struct scan *scan);
/* A run of octets that are neither space, control, parenthesis nor double quote. */
bool scan_word(struct scan *scan, struct span *word);
/* Digits, at most max. */
bool scan_number(struct scan *scan, uint64_t max, uint64_t *number);
/* A quoted string or a literal; unescaped, with a NUL behind it. */
bool scan_string(struct scan *scan, struct arena *arena, struct span *text);
/* A string as above, or a word that does not stand for one ("{" begins a literal only). */
bool scan_astring(struct scan *scan, struct arena *arena, struct span *text);
/* One value of any shape: word, string, or list with all that it holds. */
bool scan_value(struct scan *scan, struct span *value);

/* Without case. */
bool span_is(struct span span, const char *text);
/* Whether libetpan takes it for one atom, and so does RFC 9051. */
bool span_is_atom(struct span span);
/* A copy for people: control characters, NUL among them, become "?". */
const char *span_printable(struct span span, struct arena *arena);

#endif
