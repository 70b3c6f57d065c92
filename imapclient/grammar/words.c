#include <assert.h>
#include <string.h>

#include "imapclient/grammar/private.h"

void words_add(struct words *words, struct arena *arena, const char *word)
{
    assert(words->count <= words->room);
    if (words->count == words->room) {
        size_t room = words->room == 0 ? 8 : words->room * 2;
        const char **grown = arena_alloc(arena, room * sizeof(*grown));
        if (words->count > 0)
            memcpy(grown, words->words, words->count * sizeof(*grown));
        words->words = grown;
        words->room = room;
    }
    words->words[words->count++] = word;
}
