/*
 * Memory for what lives as long as one response: taken piece by piece, given back at once.
 */
#ifndef IMAPCLIENT_GRAMMAR_ARENA_H
#define IMAPCLIENT_GRAMMAR_ARENA_H

#include <stddef.h>

struct arena_block;

/* Starts as {0}. */
struct arena {
    struct arena_block *blocks;
};

/* Aligned for any type; not cleared. Lives until arena_reset(). */
void *arena_alloc(struct arena *arena, size_t size);
/* A copy of len octets with a NUL behind it. */
char *arena_copy(struct arena *arena, const char *text, size_t len);
/* Ends the life of all that was taken; keeps one small block for what comes next. */
void arena_reset(struct arena *arena);
void arena_free(struct arena *arena);

#endif
