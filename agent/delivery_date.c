/* Dates of mail, RFC 5322 sections 3.3 and 4.3, as they lie in the wild: one walk, no recursion. */
#include <string.h>
#include <strings.h>
#include <time.h>

#include "agent/delivery_facts.h"
#include "rules/octet.h"

struct walk {
    const char *at, *end;
};

/* White space and comments; those may nest, to any depth, which is counted and not descended. */
static void skip_blanks(struct walk *walk)
{
    unsigned depth = 0;

    for (; walk->at < walk->end; walk->at++) {
        char c = *walk->at;

        if (c == '\\' && depth > 0 && walk->at + 1 < walk->end)
            walk->at++;
        else if (c == '(')
            depth++;
        else if (c == ')' && depth > 0)
            depth--;
        else if (depth == 0 && !octet_is_blank(c) && c != '\r' && c != '\n')
            return;
    }
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A number of `least` to `most` digits; blanks behind it are passed. */
static bool read_number(struct walk *walk, int least, int most, int *number)
{
    int digits = 0;

    *number = 0;
    while (walk->at < walk->end && is_digit(*walk->at) && digits < most) {
        *number = *number * 10 + (*walk->at++ - '0');
        digits++;
    }
    if (digits < least || (walk->at < walk->end && is_digit(*walk->at)))
        return false;
    skip_blanks(walk);
    return true;
}

static bool read_char(struct walk *walk, char wanted)
{
    if (walk->at == walk->end || *walk->at != wanted)
        return false;
    walk->at++;
    skip_blanks(walk);
    return true;
}

/* A word of letters; its length, 0: none. */
static size_t read_word(struct walk *walk, const char **word)
{
    size_t len = 0;

    *word = walk->at;
    while (walk->at < walk->end && octet_lower(*walk->at) >= 'a' && octet_lower(*walk->at) <= 'z') {
        walk->at++;
        len++;
    }
    skip_blanks(walk);
    return len;
}

/* The place of the word's first three letters in a list of such, -1: not there. */
static int find_word(const char *names, const char *word, size_t len)
{
    if (len < 3)
        return -1;
    for (int i = 0; names[i * 3] != '\0'; i++)
        if (strncasecmp(names + i * 3, word, 3) == 0)
            return i;
    return -1;
}

/* "Mon," is optional and not believed. */
static void skip_day_of_week(struct walk *walk)
{
    struct walk before = *walk;
    const char *word;

    if (read_word(walk, &word) == 0)
        *walk = before;
    else
        read_char(walk, ',');
}

static bool read_day(struct walk *walk, struct tm *date)
{
    const char *word;
    size_t len;

    skip_day_of_week(walk);
    if (!read_number(walk, 1, 2, &date->tm_mday))
        return false;
    read_char(walk, '-');
    len = read_word(walk, &word);
    date->tm_mon = find_word("janfebmaraprmayjunjulaugsepoctnovdec", word, len);
    read_char(walk, '-');
    if (date->tm_mon < 0 || !read_number(walk, 2, 4, &date->tm_year))
        return false;
    /* RFC 5322 section 4.3: two digits below 50 are of this century, three are since 1900. */
    if (date->tm_year < 50)
        date->tm_year += 2000;
    else if (date->tm_year < 1000)
        date->tm_year += 1900;
    date->tm_year -= 1900;
    return date->tm_mday >= 1 && date->tm_mday <= 31;
}

static bool read_time(struct walk *walk, struct tm *date)
{
    int fraction;

    if (!read_number(walk, 1, 2, &date->tm_hour) || !read_char(walk, ':') ||
        !read_number(walk, 1, 2, &date->tm_min))
        return false;
    if (read_char(walk, ':')) {
        if (!read_number(walk, 1, 2, &date->tm_sec))
            return false;
        if (read_char(walk, '.'))
            read_number(walk, 1, 9, &fraction);
    }
    return date->tm_hour <= 23 && date->tm_min <= 59 && date->tm_sec <= 60;
}

/* Seconds east of UTC. Names that say nothing sure, and no zone at all, are UTC (section 4.3). */
static bool read_zone(struct walk *walk, int64_t *seconds)
{
    static const struct {
        const char *name;
        int hours;
    } zones[] = {{"edt", -4}, {"est", -5}, {"cdt", -5}, {"cst", -6},
                 {"mdt", -6}, {"mst", -7}, {"pdt", -7}, {"pst", -8}};
    const char *word;
    size_t len;
    int number;
    bool west = walk->at < walk->end && *walk->at == '-';

    *seconds = 0;
    if (read_char(walk, '+') || read_char(walk, '-')) {
        if (!read_number(walk, 4, 4, &number) || number % 100 > 59)
            return false;
        *seconds = (number / 100 * 60 + number % 100) * (west ? -60 : 60);
        return true;
    }
    len = read_word(walk, &word);
    for (size_t i = 0; i < sizeof(zones) / sizeof(*zones); i++)
        if (len == 3 && strncasecmp(zones[i].name, word, 3) == 0)
            *seconds = zones[i].hours * 3600;
    return true;
}

bool delivery_date(const char *text, size_t len, int64_t *seconds)
{
    struct walk walk = {.at = text, .end = text + len};
    struct tm date = {0};
    int64_t zone;

    skip_blanks(&walk);
    if (!read_day(&walk, &date) || !read_time(&walk, &date) || !read_zone(&walk, &zone))
        return false;
    *seconds = (int64_t)timegm(&date) - zone;
    return true;
}
