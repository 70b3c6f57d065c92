/*
 * libetpan's response parser, fed one unit from memory.
 *
 * It is given only lines that the callers have put together: known items, each at most once, atoms
 * that are atoms, numbers that fit, no literals, no human text. share/doc/libetpan.md says what it
 * would do with others.
 */
#ifndef IMAPCLIENT_GRAMMAR_ETPAN_H
#define IMAPCLIENT_GRAMMAR_ETPAN_H

#include <stddef.h>

#include <libetpan/libetpan.h>

struct etpan;

struct etpan *etpan_new(void);
void etpan_free(struct etpan *etpan);

/* The line to be parsed next, without its end. */
void etpan_begin(struct etpan *etpan, const char *text);
void etpan_add(struct etpan *etpan, const char *text, size_t len);
size_t etpan_length(const struct etpan *etpan);
void etpan_truncate(struct etpan *etpan, size_t len);
/*
 * Parses that line. NULL: libetpan does not take it. What is returned lives until the next call;
 * the line stays, and may be added to.
 */
const struct mailimap_response_info *etpan_parse(struct etpan *etpan);

#endif
