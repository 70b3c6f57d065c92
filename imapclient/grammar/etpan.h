/*
 * libetpan's response parser, fed one unit from memory.
 *
 * It sees only lines composed by the callers: known items, each at most once, valid atoms, numbers
 * in range, no literals, no human text. share/doc/libetpan.md describes what it would do with
 * others.
 */
#ifndef IMAPCLIENT_GRAMMAR_ETPAN_H
#define IMAPCLIENT_GRAMMAR_ETPAN_H

#include <stddef.h>

#include <libetpan/libetpan.h>

struct etpan;

struct etpan *etpan_new(void);
void etpan_free(struct etpan *etpan);

/* The line to parse next, without its CRLF. */
void etpan_begin(struct etpan *etpan, const char *text);
void etpan_add(struct etpan *etpan, const char *text, size_t len);
size_t etpan_length(const struct etpan *etpan);
void etpan_truncate(struct etpan *etpan, size_t len);
/*
 * Parses that line. NULL: libetpan rejects it. The result is valid until the next call; the line is
 * kept, and may be extended.
 */
const struct mailimap_response_info *etpan_parse(struct etpan *etpan);

#endif
