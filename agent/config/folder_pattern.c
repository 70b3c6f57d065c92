#include "agent/config/folder_pattern.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/util/memory.h"

/* Conversions whose result is the same in every locale, or numbers. */
static const char conversions[] = "CdDeFgGHIjmMnRsSTuUVwWyYzZ%";

static const char *const word_names[] = {"user", "direction", "rule", "domain"};

static const char *word_value(const struct folder_words *words, size_t i)
{
    const char *const values[] = {words->user, words->direction, words->rule, words->domain};

    return values[i] != NULL ? values[i] : "";
}

/* Length of "%{name}" at p and which word it is; 0: none of them. */
static size_t word_at(const char *p, size_t *which)
{
    for (size_t i = 0; i < sizeof(word_names) / sizeof(*word_names); i++) {
        size_t len = strlen(word_names[i]);
        if (strncmp(p, "%{", 2) == 0 && strncmp(p + 2, word_names[i], len) == 0 &&
            p[2 + len] == '}') {
            *which = i;
            return len + 3;
        }
    }
    return 0;
}

const char *folder_name_check(const char *pattern)
{
    size_t which;

    if (*pattern == '\0')
        return "is empty";
    if (*pattern == '/' || pattern[strlen(pattern) - 1] == '/' || strstr(pattern, "//") != NULL)
        return "has an empty part between slashes";
    if (strlen(pattern) > FOLDER_NAME_MAX / 4)
        return "is too long";
    for (const char *p = pattern; *p != '\0'; p++) {
        if ((unsigned char)*p < 0x20 || *p == '*' || *p == 0x7f)
            return "contains a control character or \"*\"";
        if (*p != '%')
            continue;
        if (p[1] == '{') {
            size_t len = word_at(p, &which);
            if (len == 0)
                return "has an unknown %{...}; expected %{user}, %{direction}, %{rule} or "
                       "%{domain}";
            p += len - 1;
        } else if (p[1] == '\0' || strchr(conversions, p[1]) == NULL) {
            return "has an unknown conversion; only those of strftime(3) that give numbers are "
                   "allowed";
        } else {
            p++;
        }
    }
    return NULL;
}

static void put_cleaned(FILE *out, const char *value, char separator)
{
    const int instead = separator == '_' ? '-' : '_';

    for (const unsigned char *s = (const unsigned char *)value; *s != '\0'; s++) {
        bool unsafe = *s < 0x20 || *s == 0x7f || strchr("/\\*%", *s) != NULL ||
                      (separator != 0 && *s == (unsigned char)separator);
        fputc(unsafe ? instead : *s, out);
    }
}

/* No part of a name is empty, or "." or ".." to a server that keeps folders as directories. */
static void put_word(FILE *out, const char *value, char separator)
{
    if (*value == '\0' || *value == '.') {
        put_cleaned(out, "/", separator);
        value += *value == '.';
    }
    put_cleaned(out, value, separator);
}

static void put_time(FILE *out, char conversion, const struct tm *tm, char separator)
{
    const char format[] = {'%', conversion, '\0'};
    char text[64];

    if (strftime(text, sizeof(text), format, tm) > 0)
        put_cleaned(out, text, separator);
}

/* Shortens to the limit, not inside of a character (RFC 3629), and not to an empty last part. */
static void cut(char *name, size_t len, char separator)
{
    if (len <= FOLDER_NAME_MAX)
        return;
    len = FOLDER_NAME_MAX;
    while (len > 0 && ((unsigned char)name[len] & 0xc0) == 0x80)
        len--;
    while (len > 0 && separator != 0 && name[len - 1] == separator)
        len--;
    name[len] = '\0';
}

char *folder_name_make(const char *pattern, time_t internaldate, const struct folder_words *words,
                       char separator)
{
    char *name = NULL;
    size_t len = 0, which = 0, word;
    struct tm tm;
    FILE *out = open_memstream(&name, &len);

    if (out == NULL)
        abort();
    if (gmtime_r(&internaldate, &tm) == NULL)
        memset(&tm, 0, sizeof(tm));
    for (const char *p = pattern; *p != '\0'; p++) {
        if ((word = word_at(p, &which)) > 0) {
            put_word(out, word_value(words, which), separator);
            p += word - 1;
        } else if (strncmp(p, "%s", 2) == 0) {
            fprintf(out, "%lld",
                    (long long)internaldate); /* strftime would read tm as local time */
            p++;
        } else if (*p == '%' && p[1] != '\0') {
            put_time(out, *++p, &tm, separator);
        } else if (*p == '/') {
            fputc(separator != 0 ? separator : '_', out);
        } else {
            fputc(*p, out);
        }
    }
    if (fclose(out) != 0)
        abort();
    cut(name, len, separator);
    return name;
}
