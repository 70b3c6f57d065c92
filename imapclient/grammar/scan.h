/*
 * A cursor over one unit: the tokens of RFC 9051 section 9, as leniently as real servers require.
 *
 * Every call advances the cursor past what it read, or leaves it unchanged and returns false.
 * Nothing is read at or after `end`. No call recurses, and each takes time linear in what it skips.
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
/* A quoted string or a literal; unescaped, NUL-terminated. */
bool scan_string(struct scan *scan, struct arena *arena, struct span *text);
/* A string as above, or a word ("{" can only begin a literal). */
bool scan_astring(struct scan *scan, struct arena *arena, struct span *text);
/* One value of any kind: word, string, or list with all its contents. */
bool scan_value(struct scan *scan, struct span *value);

/* Case-insensitive. */
bool span_is(struct span span, const char *text);
/* Whether both libetpan and RFC 9051 consider it an atom. */
bool span_is_atom(struct span span);
/* A copy for display: control characters, including NUL, become "?". */
const char *span_printable(struct span span, struct arena *arena);

#endif
