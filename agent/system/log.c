#include "agent/system/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "imapclient/text/printable.h"

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
    size_t left = strlen(value), octets;
    bool safe = left > 0;

    for (; left > 0 && safe; value += octets, left -= octets) {
        octets = text_character(value, left, &safe);
        safe = safe && strchr(" \"\\=", *value) == NULL;
    }
    return safe;
}

/* One character; each octet of an unsafe one by its number. */
static void put_escaped(struct line *line, const char *character, size_t octets, bool safe)
{
    char hex[5];

    if (*character == '\n') {
        put_text(line, "\\n");
        return;
    }
    if (*character == '"' || *character == '\\')
        put(line, '\\');
    for (size_t i = 0; i < octets; i++) {
        if (safe) {
            put(line, character[i]);
            continue;
        }
        snprintf(hex, sizeof(hex), "\\x%02x", (unsigned char)character[i]);
        put_text(line, hex);
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
    for (size_t i = 0; i < len && i < VALUE_MAX;) {
        bool safe;
        size_t octets = text_character(value + i, len - i, &safe);
        put_escaped(line, value + i, octets, safe);
        i += octets;
    }
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
