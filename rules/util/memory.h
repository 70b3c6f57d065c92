/*
 * Allocation that ends the program when memory is exhausted, so that callers need no error branch.
 * Sizes must be bounded beforehand; a product that overflows ends the program too.
 */
#ifndef RULES_UTIL_MEMORY_H
#define RULES_UTIL_MEMORY_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn static inline void memory_exhausted(void)
{
    fputs("<0>mailvigil: out of memory\n", stderr);
    abort();
}

/* For what fails only when memory is exhausted. */
static inline void memory_require(bool success)
{
    if (!success)
        memory_exhausted();
}

static inline void *memory_check(void *memory)
{
    memory_require(memory != NULL);
    return memory;
}

static inline void *xmalloc(size_t size)
{
    return memory_check(malloc(size > 0 ? size : 1));
}

static inline void *xcalloc(size_t count, size_t size)
{
    return memory_check(calloc(count > 0 ? count : 1, size > 0 ? size : 1));
}

static inline void *xrealloc(void *old, size_t size)
{
    return memory_check(realloc(old, size > 0 ? size : 1));
}

/* For growing arrays: count * size, checked for overflow. */
static inline void *xreallocarray(void *old, size_t count, size_t size)
{
    size_t bytes;
    memory_require(!__builtin_mul_overflow(count, size, &bytes));
    return xrealloc(old, bytes);
}

static inline char *xstrdup(const char *text)
{
    return memory_check(strdup(text));
}

/* Copies len octets, which may include NULs, and appends a NUL. */
static inline char *xmemdup0(const void *data, size_t len)
{
    char *copy = xmalloc(len + 1);
    if (len > 0)
        memcpy(copy, data, len);
    copy[len] = '\0';
    return copy;
}

static inline char *xstrndup(const char *text, size_t max)
{
    return xmemdup0(text, strnlen(text, max));
}

static inline char *xvasprintf(const char *format, va_list arguments)
{
    char *text = NULL;
    memory_require(vasprintf(&text, format, arguments) >= 0);
    return text;
}

__attribute__((format(printf, 1, 2))) static inline char *xasprintf(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = xvasprintf(format, arguments);
    va_end(arguments);
    return text;
}

#endif
