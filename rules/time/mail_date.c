#include "rules/time/mail_date.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "rules/time/calendar.h"

#define SEMICOLONS_MAX 4 /* of a Received field that are tried, from its end */
#define ZONE_HOURS_MAX 15

struct word {
    const char *at;
    size_t len;
};

struct reader {
    const char *at, *end;
};

/* A date in the making; -1: not seen. */
struct parts {
    int day, month, year;
    int hour, minute, second;
    int zone;
    bool zone_known;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* White space, commas and comments, which nest. An open comment takes the rest. */
static void skip(struct reader *reader)
{
    size_t depth = 0;

    for (; reader->at < reader->end; reader->at++) {
        char c = *reader->at;

        if (c == '(')
            depth++;
        else if (c == ')' && depth > 0)
            depth--;
        else if (c == '\\' && depth > 0 && reader->at + 1 < reader->end)
            reader->at++;
        else if (depth == 0 && strchr(" \t\r\n,", c) == NULL)
            return;
    }
}

/* Up to white space, comma or comment; and a "-" ends the parts of 2-Jan-2026. */
static bool next_word(struct reader *reader, struct word *word)
{
    skip(reader);
    word->at = reader->at;
    while (reader->at < reader->end && strchr(" \t\r\n,(", *reader->at) == NULL)
        reader->at++;
    word->len = (size_t)(reader->at - word->at);
    return word->len > 0;
}

/* At most `most` digits, all of the word. */
static bool number(const struct word *word, size_t most, int *value)
{
    int sum = 0;

    if (word->len == 0 || word->len > most)
        return false;
    for (size_t i = 0; i < word->len; i++) {
        if (!is_digit(word->at[i]))
            return false;
        sum = 10 * sum + (word->at[i] - '0');
    }
    *value = sum;
    return true;
}

/* Which of the names the word is or begins with, in three letters or in full; -1: none. */
static int name_of(const struct word *word, const char *const *names, int n)
{
    size_t len = word->len;

    if (len > 3 && word->at[len - 1] == '.')
        len--;
    for (int i = 0; i < n; i++)
        if (len >= 3 && len <= strlen(names[i]) && strncasecmp(word->at, names[i], len) == 0)
            return i;
    return -1;
}

static int month_of(const struct word *word)
{
    static const char *const names[] = {"january",   "february", "march",    "april",
                                        "may",       "june",     "july",     "august",
                                        "september", "october",  "november", "december"};

    return name_of(word, names, 12) + 1;
}

static bool is_weekday(const struct word *word)
{
    static const char *const names[] = {"sunday",   "monday", "tuesday", "wednesday",
                                        "thursday", "friday", "saturday"};

    return name_of(word, names, 7) >= 0;
}

/* RFC 5322 section 4.3: 00 to 49 are of this century, 50 to 999 are counted from 1900. */
static bool year_of(const struct word *word, int *year)
{
    if (word->len < 2 || !number(word, 4, year))
        return false;
    if (word->len == 2)
        *year += *year < 50 ? 2000 : 1900;
    else if (word->len == 3)
        *year += 1900;
    return *year >= 1900;
}

/* 2-Jan-2026, in one word. */
static bool read_dashed(const struct word *word, struct parts *parts)
{
    const char *end = word->at + word->len;
    const char *first = memchr(word->at, '-', word->len);
    const char *second = first != NULL ? memchr(first + 1, '-', (size_t)(end - first - 1)) : NULL;

    if (second == NULL)
        return false;
    struct word day = {word->at, (size_t)(first - word->at)};
    struct word month = {first + 1, (size_t)(second - first - 1)};
    struct word year = {second + 1, (size_t)(end - second - 1)};
    parts->month = month_of(&month);
    return number(&day, 2, &parts->day) && parts->month > 0 && year_of(&year, &parts->year);
}

/* hh:mm, hh:mm:ss, hh:mm:ss.fraction. */
static bool read_time(const struct word *word, struct parts *parts)
{
    int *const fields[] = {&parts->hour, &parts->minute, &parts->second};
    const char *at = word->at, *end = word->at + word->len;
    size_t n = 0;

    parts->second = 0;
    while (n < 3) {
        struct word field = {at, 0};
        while (at < end && is_digit(*at))
            at++;
        field.len = (size_t)(at - field.at);
        if (!number(&field, 2, fields[n++]))
            return false;
        if (at == end)
            break;
        if (n == 3 && *at == '.') {
            for (at++; at < end && is_digit(*at);)
                at++;
            break;
        }
        if (*at++ != ':')
            return false;
    }
    return at == end && n >= 2 && parts->hour <= 23 && parts->minute <= 59 && parts->second <= 60;
}

/* +hhmm */
static bool read_offset(const struct word *word, struct parts *parts)
{
    struct word digits = {word->at + 1, word->len - 1};
    int value;

    if (digits.len != 4 || !number(&digits, 4, &value) || value % 100 > 59 ||
        value / 100 > ZONE_HOURS_MAX)
        return false;
    value = value / 100 * 60 + value % 100;
    parts->zone = *word->at == '-' ? -value : value;
    parts->zone_known = true;
    return true;
}

/* RFC 5322 section 4.3. Other names have no meaning that can be relied on. */
static bool read_zone(const struct word *word, struct parts *parts)
{
    static const struct {
        const char *name;
        int hours;
    } zones[] = {{"UT", 0},   {"GMT", 0},  {"UTC", 0},  {"Z", 0},    {"EST", -5}, {"EDT", -4},
                 {"CST", -6}, {"CDT", -5}, {"MST", -7}, {"MDT", -6}, {"PST", -8}, {"PDT", -7}};

    if (*word->at == '+' || *word->at == '-')
        return read_offset(word, parts);
    for (size_t i = 0; i < sizeof(zones) / sizeof(*zones); i++)
        if (word->len == strlen(zones[i].name) &&
            strncasecmp(word->at, zones[i].name, word->len) == 0) {
            parts->zone = zones[i].hours * 60;
            parts->zone_known = true;
            return true;
        }
    return is_letter(*word->at);
}

static bool assemble(const struct parts *parts, struct mail_date *date)
{
    int second = parts->second == 60 ? 59 : parts->second;
    int64_t at;

    if (parts->day < 1 || parts->day > calendar_month_days(parts->year, parts->month))
        return false;
    at = calendar_days(parts->year, parts->month, parts->day) * DAY_SECONDS;
    at += parts->hour * 3600 + parts->minute * 60 + second - parts->zone * 60;
    *date =
        (struct mail_date){.at = (time_t)at, .zone = parts->zone, .zone_known = parts->zone_known};
    return true;
}

/* "Jan 2 12:00:00 [zone] 2026", after the month was read. */
static bool read_asctime(struct reader *reader, struct parts *parts)
{
    struct word word;

    if (!next_word(reader, &word) || !number(&word, 2, &parts->day) || !next_word(reader, &word) ||
        !read_time(&word, parts) || !next_word(reader, &word))
        return false;
    if (!is_digit(*word.at) && (!read_zone(&word, parts) || !next_word(reader, &word)))
        return false;
    if (!year_of(&word, &parts->year))
        return false;
    return !next_word(reader, &word) || parts->zone_known || read_zone(&word, parts);
}

static bool read_parts(struct reader *reader, struct parts *parts)
{
    struct word word;

    if (!next_word(reader, &word))
        return false;
    if (is_weekday(&word) && !next_word(reader, &word))
        return false;
    if (month_of(&word) > 0) {
        parts->month = month_of(&word);
        return read_asctime(reader, parts);
    }
    if (!read_dashed(&word, parts)) {
        if (!number(&word, 2, &parts->day) || !next_word(reader, &word) ||
            (parts->month = month_of(&word)) == 0 || !next_word(reader, &word) ||
            !year_of(&word, &parts->year))
            return false;
    }
    if (!next_word(reader, &word) || !read_time(&word, parts))
        return false;
    return !next_word(reader, &word) || read_zone(&word, parts);
}

bool mail_date_parse(const char *text, size_t len, struct mail_date *date)
{
    struct reader reader = {text, text + (len < MAIL_DATE_MAX ? len : MAIL_DATE_MAX)};
    struct parts parts = {0};

    if (memchr(text, '\0', (size_t)(reader.end - text)) != NULL)
        return false; /* strchr() would take it for a delimiter */
    return read_parts(&reader, &parts) && assemble(&parts, date);
}

bool mail_date_of_received(const char *value, size_t len, struct mail_date *date)
{
    const char *end = value + len;
    const char *start = len > MAIL_DATE_MAX ? end - MAIL_DATE_MAX : value;
    unsigned tried = 0;

    /* A comment after the date may hold a ";" of its own. */
    for (const char *at = end; at > start && tried < SEMICOLONS_MAX; at--) {
        if (at[-1] != ';')
            continue;
        tried++;
        if (mail_date_parse(at, (size_t)(end - at), date))
            return true;
    }
    return false;
}
