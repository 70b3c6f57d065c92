/*
 * Finds things by name: a hash table from strings to pointers. Names are copied and compared
 * byte by byte; the values belong to the caller. Names are never removed.
 */
#ifndef AGENT_UTIL_NAME_INDEX_H
#define AGENT_UTIL_NAME_INDEX_H

#include <stdbool.h>

struct name_index;

struct name_index *name_index_new(void);
void name_index_free(struct name_index *index);
/* false: the name exists already, and keeps its value. */
bool name_index_add(struct name_index *index, const char *name, const void *value);
/* NULL: no such name. */
const void *name_index_get(const struct name_index *index, const char *name);
/* The closest name to `name`, if close enough to be what was meant; else NULL. */
const char *name_index_suggest(const struct name_index *index, const char *name);

#endif
