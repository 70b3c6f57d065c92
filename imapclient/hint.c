/*
 * How long a server asks to be left alone, in the human-readable text of a reply.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "imapclient/session.h"

/* What precedes the number, and the unit if there is none after it, in milliseconds. */
static const struct {
    const char *words;
    unsigned long long unit;
} phrases[] = {
    {"backoff time", 1}, {"back-off time", 1},    {"again in", 1000},     {"again after", 1000},
    {"retry in", 1000},  {"retry after", 1000},   {"retry-after", 1000},  {"please wait", 1000},
    {"wait for", 1000},  {"wait at least", 1000}, {"back off for", 1000},
};

/* The longer names first. */
static const struct {
    const char *name;
    unsigned long long milliseconds;
} units[] = {
    {"milli", 1},   {"msec", 1},   {"ms", 1},      {"hour", 3600000}, {"hr", 3600000},
    {"min", 60000}, {"sec", 1000}, {"h", 3600000}, {"m", 60000},      {"s", 1000},
};

static unsigned long long unit_at(const char *text, unsigned long long if_none)
{
    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
        size_t len = strlen(units[i].name);
        if (strncasecmp(text, units[i].name, len) == 0 &&
            (len > 2 || !isalpha((unsigned char)text[len])))
            return units[i].milliseconds;
    }
    return if_none;
}

/* The number after the phrase, in seconds; 0: there is none. */
static unsigned read_wait(const char *at, unsigned long long unit)
{
    char *end;
    at += strspn(at, " :=");
    if (!isdigit((unsigned char)*at))
        return 0;
    unsigned long long number = strtoull(at, &end, 10);
    unit = unit_at(end + strspn(end, " "), unit);
    if (number > IMAP_BACKOFF_MAX * 1000ull)
        return IMAP_BACKOFF_MAX;
    unsigned long long seconds = (number * unit + 999) / 1000;
    return (unsigned)(seconds < IMAP_BACKOFF_MAX ? seconds : IMAP_BACKOFF_MAX);
}

unsigned imap_text_backoff(const struct imap_text *text)
{
    unsigned longest = 0;
    for (size_t i = 0; i < sizeof(phrases) / sizeof(*phrases); i++) {
        const char *at = strcasestr(text->text, phrases[i].words);
        unsigned wait = at != NULL ? read_wait(at + strlen(phrases[i].words), phrases[i].unit) : 0;
        longest = wait > longest ? wait : longest;
    }
    return longest;
}
