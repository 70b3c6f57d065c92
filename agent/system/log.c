#include "agent/system/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    LINE_MAX_BYTES = 4000, /* below PIPE_BUF: one write is one line, even if others write, too */
    VALUE_MAX = 1000,
    NUMBERS = 8,
    NUMBER_MAX = 24,
};

/* The level is the process's, as standard error is. */
static _Atomic int threshold = LOG_LEVEL_INFO;

struct line {
    char text[LINE_MAX_BYTES];
    size_t len;
};

void log_set_level(enum log_level level)
{
    atomic_store(&threshold, (int)level);
}

bool log_wants(enum log_level level)
{
    return (int)level <= atomic_load(&threshold);
}

static void put(struct line *line, char c)
{
    if (line->len < sizeof(line->text) - 1) /* one byte is for the line feed */
        line->text[line->len++] = c;
}

static void put_text(struct line *line, const char *text)
{
    for (; *text != '\0'; text++)
        put(line, *text);
}

static bool is_plain(const char *value)
{
    if (*value == '\0')
        return false;
    for (const unsigned char *p = (const unsigned char *)value; *p != '\0'; p++)
        if (*p <= ' ' || *p == '"' || *p == '\\' || *p == '=' || *p == 0x7f)
            return false;
    return true;
}

static void put_escaped(struct line *line, unsigned char c)
{
    char hex[5];

    if (c == '"' || c == '\\') {
        put(line, '\\');
        put(line, (char)c);
    } else if (c == '\n') {
        put_text(line, "\\n");
    } else if (c < ' ' || c == 0x7f) {
        snprintf(hex, sizeof(hex), "\\x%02x", c);
        put_text(line, hex);
    } else {
        put(line, (char)c);
    }
}

static void put_value(struct line *line, const char *value)
{
    size_t len = strnlen(value, VALUE_MAX + 1);
    bool plain = len <= VALUE_MAX && is_plain(value);

    if (plain) {
        put_text(line, value);
        return;
    }
    put(line, '"');
    for (size_t i = 0; i < len && i < VALUE_MAX; i++)
        put_escaped(line, (unsigned char)value[i]);
    put_text(line, len > VALUE_MAX ? "...\"" : "\"");
}

/* systemd.exec(5), JOURNAL_STREAM; sd-daemon(3) for the prefix. */
static bool wants_prefix(void)
{
    return getenv("JOURNAL_STREAM") != NULL || !isatty(STDERR_FILENO);
}

void log_event(enum log_level level, const char *event, ...)
{
    struct line line = {.len = 0};
    char prefix[8];
    va_list pairs;

    if ((int)level > atomic_load(&threshold))
        return;
    if (wants_prefix()) {
        snprintf(prefix, sizeof(prefix), "<%d>", (int)level);
        put_text(&line, prefix);
    }
    put_text(&line, event);
    va_start(pairs, event);
    for (const char *key; (key = va_arg(pairs, const char *)) != NULL;) {
        const char *value = va_arg(pairs, const char *);
        put(&line, ' ');
        put_text(&line, key);
        put(&line, '=');
        put_value(&line, value != NULL ? value : "");
    }
    va_end(pairs);
    line.text[line.len++] = '\n';
    while (write(STDERR_FILENO, line.text, line.len) < 0 && errno == EINTR)
        ;
}

const char *log_number(long long number)
{
    static _Thread_local char buffers[NUMBERS][NUMBER_MAX];
    static _Thread_local unsigned next;
    char *buffer = buffers[next++ % NUMBERS];

    snprintf(buffer, NUMBER_MAX, "%lld", number);
    return buffer;
}
