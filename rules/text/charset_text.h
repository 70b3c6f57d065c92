/*
 * Octets of a declared charset to text, as mail programs do it: by the declaration, and where that
 * cannot be all of the truth, also as other programs guess.
 *
 * When is there doubt? If a charset is unknown, for then any octet may be any letter; and if a
 * charset of several octets a character has undecodable ones, for then programs differ on where the
 * next character begins. There is none if UTF-8 has stray octets, or a charset of single octets one
 * that is not assigned: whatever a program makes of these, it shows the text around them, which the
 * readings have with U+FFFD and as Windows-1252 (and rules/text/fold.h without them). Octets that
 * name no charset and are not UTF-8 are certain too: no program can do better than its default.
 *
 * The other reading, one at most, the first that applies:
 * - the opposite byte order, for UTF-16 and UTF-32 without a byte order mark;
 * - by a byte order mark of UTF-16 or UTF-32;
 * - UTF-8 where valid and else Windows-1252, if some octets are not in the charset;
 * - UTF-8, if the octets are valid UTF-8 but declared to be of a charset of single octets;
 * - if no known charset is declared: by the caller's hint (HTML's meta element), or as ISO-2022-JP,
 *   -KR, -CN or HZ by their escape sequences.
 */
#ifndef RULES_MIME_CHARSET_TEXT_H
#define RULES_MIME_CHARSET_TEXT_H

#include <stdbool.h>

#include "rules/util/buffer.h"

/* Different charsets in one text; each may need a converter of its own. */
#define CHARSETS_MAX 32

struct charset_reader;

/* Start with {0}. */
struct charset_cache {
    struct {
        char *name; /* NULL: none declared */
        struct charset_reader *reader;
    } used[CHARSETS_MAX];
    size_t count;
};

struct charset_label {
    const char *name; /* NULL: none; need not be NUL-terminated */
    size_t len;
};

/* Valid UTF-8 in which controls are CHARSET_CONTROL_MARK. Start with {0}. */
struct charset_text {
    struct buffer text, other;
    bool has_other;    /* else `other` is the same as `text`, or empty */
    const char *doubt; /* static, the first reason; NULL: none */
};

/* Appends to `text`, and to `other` once there is another reading. hint.name: may be NULL. */
void charset_decode(struct charset_cache *cache, struct charset_label declared,
                    struct charset_label hint, const char *data, size_t len,
                    struct charset_text *result);
void charset_cache_clear(struct charset_cache *cache);

#endif
