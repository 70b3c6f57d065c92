/*
 * Dates of the wild. libetpan's parser is not used: it recurses into nested comments, and a message
 * of some kilobytes of "(" would end the program.
 *
 * Comments are taken out first, into a buffer of fixed size; then a date is looked for from each
 * word on. So the cost is linear in the text, and constant in what is done with the words.
 */
#include <string.h>
#include <strings.h>

#include "agent/probe/roundtrip/delivery_facts.h"
#include "rules/time/calendar.h"

#define WORDS_MAX 256 /* octets without comments that are looked at */

/* What is read, NUL-terminated; functions that read something move it, or leave it and say false.
 */
struct words {
    const char *at;
};

struct date {
    int64_t year;
    int month, day, hour, minute, second;
    int zone; /* seconds ahead of UTC */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* ---- words ---- */

static void skip(struct words *words, const char *any)
{
    words->at += strspn(words->at, any);
}

static bool read_sign(struct words *words, char c)
{
    if (*words->at != c)
        return false;
    words->at++;
    return true;
}

/* The number of digits, 1 to `most`; 0: none, or more. */
static int read_number(struct words *words, int most, int *number)
{
    int digits = 0;
    *number = 0;
    for (; digits <= most && is_digit(words->at[digits]); digits++)
        if (digits < most)
            *number = *number * 10 + (words->at[digits] - '0');
    if (digits > most)
        return 0;
    words->at += digits;
    return digits;
}

/* A word of letters that begins as one of the names of three letters does. */
static int read_name(struct words *words, const char *names)
{
    size_t len = 0;
    while (is_letter(words->at[len]))
        len++;
    if (len < 3)
        return -1;
    for (int i = 0; names[i * 3] != '\0'; i++)
        if (strncasecmp(names + i * 3, words->at, 3) == 0) {
            words->at += len;
            return i;
        }
    return -1;
}

static bool read_month(struct words *words, int *month)
{
    int i = read_name(words, "janfebmaraprmayjunjulaugsepoctnovdec");
    *month = i + 1;
    return i >= 0;
}

/* ---- parts of a date ---- */

/* RFC 5322 section 4.3: two digits mean 1950 to 2049, three count from 1900. */
static bool read_year(struct words *words, struct date *date)
{
    int year, digits = read_number(words, 4, &year);
    if (digits < 2)
        return false;
    if (digits == 2)
        year += year < 50 ? 2000 : 1900;
    if (digits == 3)
        year += 1900;
    date->year = year;
    return true;
}

/* HH:MM, HH:MM:SS, HH:MM:SS.fraction; white space around colons is obsolete, and allowed. */
static bool read_time(struct words *words, struct date *date)
{
    struct words here = *words;
    if (read_number(&here, 2, &date->hour) == 0)
        return false;
    skip(&here, " ");
    if (!read_sign(&here, ':'))
        return false;
    skip(&here, " ");
    if (read_number(&here, 2, &date->minute) == 0)
        return false;
    *words = here;
    date->second = 0;
    skip(&here, " ");
    if (!read_sign(&here, ':'))
        return true;
    skip(&here, " ");
    if (read_number(&here, 2, &date->second) == 0)
        return false;
    if (*here.at == '.' && is_digit(here.at[1])) {
        here.at++;
        skip(&here, "0123456789");
    }
    *words = here;
    return true;
}

/* +HHMM; of RFC 3339 +HH:MM too; +HH and +HMM are met as well. */
static bool read_offset(struct words *words, int *seconds)
{
    struct words here = *words;
    int direction, hours, minutes = 0;
    if (read_sign(&here, '+'))
        direction = 1;
    else if (read_sign(&here, '-'))
        direction = -1;
    else
        return false;
    int digits = read_number(&here, 4, &hours);
    if (digits == 0)
        return false;
    if (digits > 2) {
        minutes = hours % 100;
        hours /= 100;
    } else if (here.at[0] == ':' && is_digit(here.at[1])) {
        here.at++;
        if (read_number(&here, 2, &minutes) != 2)
            return false;
    }
    if (hours > 24 || minutes > 59)
        return false;
    *seconds = direction * (hours * 3600 + minutes * 60);
    *words = here;
    return true;
}

/* RFC 5322 section 4.3, and names that mean one zone to everybody who writes them. All others, the
 * military letters among them, mean that the zone is not known: as if they were UTC. */
static int named_zone(const char *name, size_t len)
{
    static const struct {
        char name[5];
        int minutes;
    } zones[] = {{"EST", -300}, {"EDT", -240}, {"CST", -360}, {"CDT", -300}, {"MST", -420},
                 {"MDT", -360}, {"PST", -480}, {"PDT", -420}, {"WEST", 60},  {"BST", 60},
                 {"CET", 60},   {"CEST", 120}, {"MET", 60},   {"MEST", 120}, {"EET", 120},
                 {"EEST", 180}, {"MSK", 180},  {"JST", 540},  {"KST", 540},  {"AEST", 600},
                 {"AEDT", 660}, {"NZST", 720}, {"NZDT", 780}};
    for (size_t i = 0; i < sizeof(zones) / sizeof(*zones); i++)
        if (strnlen(zones[i].name, sizeof(zones[i].name)) == len &&
            strncasecmp(zones[i].name, name, len) == 0)
            return zones[i].minutes * 60;
    return 0;
}

/* false: there is none, which is not a mistake, or one that cannot be. "GMT+0100" is met. */
static bool read_zone(struct words *words, struct date *date)
{
    size_t len = 0;
    if (*words->at == '+' || *words->at == '-')
        return read_offset(words, &date->zone);
    while (is_letter(words->at[len]))
        len++;
    if (len == 0)
        return false;
    date->zone = named_zone(words->at, len);
    words->at += len;
    read_offset(words, &date->zone);
    return true;
}

/* Time and zone; a zone that cannot be spoils the date. */
static bool read_time_and_zone(struct words *words, struct date *date)
{
    if (!read_time(words, date))
        return false;
    skip(words, " ");
    return read_zone(words, date) || (*words->at != '+' && *words->at != '-');
}

/* What follows day and month: "2006 10:00:00 +0000", or "10:00:00 GMT 2006" of ctime(). */
static bool read_rest(struct words *words, struct date *date)
{
    struct words here = *words;
    if (read_time_and_zone(&here, date)) {
        skip(&here, " ");
        if (!read_year(&here, date))
            return false;
        skip(&here, " ");
        read_zone(&here, date);
        return true;
    }
    if (!read_year(words, date))
        return false;
    skip(words, " ,");
    return read_time_and_zone(words, date);
}

/* ---- forms of a date ---- */

/* 1 Jan 2006 ..., 01-Jan-2006 ... */
static bool read_day_first(struct words words, struct date *date)
{
    if (read_number(&words, 2, &date->day) == 0)
        return false;
    skip(&words, " -");
    if (!read_month(&words, &date->month))
        return false;
    skip(&words, ".");
    skip(&words, " -,");
    return read_rest(&words, date);
}

/* Jan  1 ... */
static bool read_month_first(struct words words, struct date *date)
{
    if (!read_month(&words, &date->month))
        return false;
    skip(&words, ".");
    skip(&words, " ");
    if (read_number(&words, 2, &date->day) == 0)
        return false;
    skip(&words, " ,");
    return read_rest(&words, date);
}

/* 2006-01-01T10:00:00Z, RFC 3339 */
static bool read_year_first(struct words words, struct date *date)
{
    int year;
    if (read_number(&words, 4, &year) != 4 || !read_sign(&words, '-') ||
        read_number(&words, 2, &date->month) != 2 || !read_sign(&words, '-') ||
        read_number(&words, 2, &date->day) != 2)
        return false;
    date->year = year;
    if (!read_sign(&words, 'T') && !read_sign(&words, 't'))
        skip(&words, " ");
    return read_time_and_zone(&words, date);
}

static bool can_be(const struct date *date)
{
    return date->year >= 1900 && date->month >= 1 && date->month <= 12 && date->day >= 1 &&
           date->day <= calendar_month_days(date->year, date->month) && date->hour <= 23 &&
           date->minute <= 59 && date->second <= 60;
}

static int64_t seconds_of(const struct date *date)
{
    return calendar_days(date->year, date->month, date->day) * DAY_SECONDS + date->hour * 3600 +
           date->minute * 60 + date->second - date->zone;
}

static bool read_date(struct words words, int64_t *seconds)
{
    typedef bool form(struct words words, struct date * date);
    static form *const forms[] = {read_day_first, read_month_first, read_year_first};
    if (read_name(&words, "sunmontuewedthufrisat") >= 0)
        skip(&words, ".,; ");
    for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
        struct date date = {0};
        if (!forms[i](words, &date) || !can_be(&date))
            continue;
        *seconds = seconds_of(&date);
        return true;
    }
    return false;
}

/* ---- the text around it ---- */

/* Comments, quoted strings and folding are one space each: RFC 5322 section 3.2.2. */
struct peel {
    unsigned depth; /* of comments */
    bool quoted, escaped;
};

/* Whether the octet is outside of all comments and quoted strings. */
static bool peel_feed(struct peel *peel, char c)
{
    if (peel->escaped) {
        peel->escaped = false;
        return false;
    }
    if (c == '\\' && (peel->depth > 0 || peel->quoted)) {
        peel->escaped = true;
        return false;
    }
    if (peel->quoted) {
        peel->quoted = c != '"';
        return false;
    }
    if (c == '"' && peel->depth == 0) {
        peel->quoted = true;
        return false;
    }
    if (c == '(') {
        peel->depth++;
        return false;
    }
    if (c == ')' && peel->depth > 0) {
        peel->depth--;
        return false;
    }
    return peel->depth == 0;
}

static void peel_text(const char *text, size_t len, char words[WORDS_MAX])
{
    struct peel peel = {0};
    size_t n = 0;
    for (size_t i = 0; i < len && n < WORDS_MAX - 1; i++) {
        char c = peel_feed(&peel, text[i]) && text[i] > ' ' && text[i] < 127 ? text[i] : ' ';
        if (c != ' ' || (n > 0 && words[n - 1] != ' '))
            words[n++] = c;
    }
    words[n] = '\0';
}

/* From each word on; the first date that can be read. */
static bool find_date(const char *text, size_t len, int64_t *seconds)
{
    char words[WORDS_MAX];
    peel_text(text, len, words);
    for (const char *at = words; *at != '\0'; at++) {
        bool begins = at == words || (!is_digit(at[-1]) && !is_letter(at[-1]));
        if (begins && read_date((struct words){at}, seconds))
            return true;
    }
    return false;
}

/* Where the last semicolon outside of comments and quoted strings is, len: nowhere. */
static size_t last_semicolon(const char *text, size_t len)
{
    struct peel peel = {0};
    size_t last = len;
    for (size_t i = 0; i < len; i++)
        if (peel_feed(&peel, text[i]) && text[i] == ';')
            last = i;
    return last;
}

bool delivery_date(const char *text, size_t len, int64_t *seconds)
{
    if (len == 0)
        return false;
    size_t semicolon = last_semicolon(text, len);
    if (semicolon < len && find_date(text + semicolon + 1, len - semicolon - 1, seconds))
        return true;
    /* A parenthesis or quote that is not closed hides the semicolon, or there is none. */
    const char *any = memrchr(text, ';', len);
    if (any != NULL && any != text + semicolon &&
        find_date(any + 1, len - (size_t)(any + 1 - text), seconds))
        return true;
    return find_date(text, len, seconds);
}
