/*
 * Memory that lives as long as one response: allocated in pieces, freed all at once.
 */
#ifndef IMAPCLIENT_GRAMMAR_ARENA_H
#define IMAPCLIENT_GRAMMAR_ARENA_H

#include <stddef.h>

struct arena_block;

/* Initialised with {0}. */
struct arena {
    struct arena_block *blocks;
};

/* Aligned for any type; not cleared. Valid until arena_reset(). */
void *arena_alloc(struct arena *arena, size_t size);
/* A copy of len octets, NUL-terminated. */
char *arena_copy(struct arena *arena, const char *text, size_t len);
/* Frees everything that was allocated; keeps one small block for reuse. */
void arena_reset(struct arena *arena);
void arena_free(struct arena *arena);

#endif
