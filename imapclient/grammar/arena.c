#include "imapclient/grammar/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdint.h>

#include "imapclient/util/memory.h"

#define BLOCK_SIZE 4096

struct arena_block {
    struct arena_block *next;
    size_t used, size;
    alignas(max_align_t) char octets[];
};

static struct arena_block *new_block(struct arena *arena, size_t size)
{
    if (size < BLOCK_SIZE)
        size = BLOCK_SIZE;
    struct arena_block *block = xmalloc(sizeof(*block) + size);
    block->next = arena->blocks;
    block->used = 0;
    block->size = size;
    arena->blocks = block;
    return block;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    const size_t step = alignof(max_align_t);
    assert(size <= SIZE_MAX - step - sizeof(struct arena_block));
    size = (size + step - 1) / step * step;
    struct arena_block *block = arena->blocks;
    if (block == NULL || size > block->size - block->used)
        block = new_block(arena, size);
    assert(block->used + size <= block->size);
    void *memory = block->octets + block->used;
    block->used += size;
    return memory;
}

char *arena_copy(struct arena *arena, const char *text, size_t len)
{
    char *copy = arena_alloc(arena, len + 1);
    memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

void arena_reset(struct arena *arena)
{
    struct arena_block *kept = NULL;
    while (arena->blocks != NULL) {
        struct arena_block *block = arena->blocks;
        arena->blocks = block->next;
        if (kept == NULL && block->size == BLOCK_SIZE)
            kept = block;
        else
            free(block);
    }
    if (kept != NULL) {
        kept->used = 0;
        kept->next = NULL;
    }
    arena->blocks = kept;
}

void arena_free(struct arena *arena)
{
    arena_reset(arena);
    free(arena->blocks);
    arena->blocks = NULL;
}
