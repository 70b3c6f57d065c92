/*
 * Allocation that cannot fail: when memory is exhausted the program ends, with one line on stderr.
 * What is returned is freed with free(). Never hand a size from the network to these unchecked.
 */
#ifndef IMAPCLIENT_UTIL_MEMORY_H
#define IMAPCLIENT_UTIL_MEMORY_H

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline void *memory_or_abort(void *memory)
{
    if (memory == NULL) {
        fputs("out of memory\n", stderr);
        abort();
    }
    return memory;
}

static inline void *xmalloc(size_t size)
{
    return memory_or_abort(malloc(size != 0 ? size : 1));
}

static inline void *xcalloc(size_t count, size_t size)
{
    return memory_or_abort(calloc(count != 0 ? count : 1, size != 0 ? size : 1));
}

static inline void *xrealloc(void *memory, size_t size)
{
    return memory_or_abort(realloc(memory, size != 0 ? size : 1));
}

/* As xrealloc() for an array: a product that does not fit in size_t counts as exhausted memory. */
static inline void *xreallocarray(void *memory, size_t count, size_t size)
{
    return memory_or_abort(reallocarray(memory, count != 0 ? count : 1, size != 0 ? size : 1));
}

static inline char *xstrdup(const char *text)
{
    return memory_or_abort(strdup(text));
}

static inline char *xstrndup(const char *text, size_t len)
{
    return memory_or_abort(strndup(text, len));
}

__attribute__((format(printf, 1, 2))) static inline char *xasprintf(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = NULL;
    int written = vasprintf(&text, format, args);
    va_end(args);
    return memory_or_abort(written < 0 ? NULL : text);
}

#endif
