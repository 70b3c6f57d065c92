/*
 * A growing byte buffer. The caller bounds what it appends. Start with {0}.
 */
#ifndef RULES_UTIL_BUFFER_H
#define RULES_UTIL_BUFFER_H

#include "rules/util/memory.h"

struct buffer {
    char *data; /* once anything was appended, data[len] is NUL */
    size_t len, room;
};

/* Not inline: compilers that follow the loop for a constant text see sizes that do not occur. */
__attribute__((noinline, unused)) static void buffer_grow(struct buffer *buffer, size_t need)
{
    size_t room = buffer->room < 64 ? 64 : buffer->room;
    while (room < need)
        room += room / 2;
    buffer->data = xrealloc(buffer->data, room);
    buffer->room = room;
}

static inline void buffer_reserve(struct buffer *buffer, size_t more)
{
    size_t need = buffer->len + more + 1;
    if (need > buffer->room)
        buffer_grow(buffer, need);
}

static inline void buffer_add(struct buffer *buffer, const void *data, size_t len)
{
    buffer_reserve(buffer, len);
    if (len > 0)
        memcpy(buffer->data + buffer->len, data, len);
    buffer->len += len;
    buffer->data[buffer->len] = '\0';
}

static inline void buffer_text(struct buffer *buffer, const char *text)
{
    buffer_add(buffer, text, strlen(text));
}

static inline void buffer_char(struct buffer *buffer, char c)
{
    buffer_add(buffer, &c, 1);
}

__attribute__((format(printf, 2, 3))) static inline void buffer_printf(struct buffer *buffer,
                                                                       const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = xvasprintf(format, arguments);
    va_end(arguments);
    buffer_text(buffer, text);
    free(text);
}

static inline void buffer_free(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){0};
}

/* Hands the contents to the caller as a string; never NULL. The buffer is empty afterwards. */
static inline char *buffer_take(struct buffer *buffer)
{
    char *text = buffer->data != NULL ? buffer->data : xstrdup("");
    *buffer = (struct buffer){0};
    return text;
}

#endif
