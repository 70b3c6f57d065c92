#include "agent/config/syntax/units.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "agent/util/decimal.h"

#define COUNT_MAX 1000000u
#define DURATION_MAX (100u * 365 * 86400) /* a hundred years, fits in 32 bits */
#define MILLISECONDS_MAX (24 * 3600 * 1000)

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit size_units[] = {
    {"", 1},
    {"B", 1},
    {"kB", 1000},
    {"MB", 1000 * 1000},
    {"GB", 1000 * 1000 * 1000},
    {"TB", 1000ull * 1000 * 1000 * 1000},
    {"KiB", 1024},
    {"MiB", 1024 * 1024},
    {"GiB", 1024 * 1024 * 1024},
    {"TiB", 1024ull * 1024 * 1024 * 1024},
    {NULL, 0},
};

static const struct unit duration_units[] = {
    {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}, {"w", 7 * 86400}, {NULL, 0},
};

/* Digits at *text, at most max; moves *text past them. false: none, or more than max. */
static bool number(const char **text, uint64_t max, uint64_t *value)
{
    const char *p = *text;
    uint64_t sum = 0;

    if (!isdigit((unsigned char)*p))
        return false;
    for (; isdigit((unsigned char)*p); p++)
        if (__builtin_mul_overflow(sum, (uint64_t)10, &sum) ||
            __builtin_add_overflow(sum, (uint64_t)(*p - '0'), &sum) || sum > max)
            return false;
    *text = p;
    *value = sum;
    return true;
}

/* A number, at most one space, a unit. */
static bool with_unit(const char *text, const struct unit *units, uint64_t max, uint64_t *value)
{
    uint64_t count, product;

    if (!number(&text, UINT64_MAX, &count))
        return false;
    if (*text == ' ')
        text++;
    while (units->name != NULL && strcasecmp(units->name, text) != 0)
        units++;
    if (units->name == NULL || __builtin_mul_overflow(count, units->factor, &product) ||
        product > max)
        return false;
    *value = product;
    return true;
}

const char *units_size(const char *text, uint64_t *bytes)
{
    if (with_unit(text, size_units, INT64_MAX, bytes))
        return NULL;
    return "a size such as 10kB, 10KiB or 2MB";
}

const char *units_duration(const char *text, unsigned *seconds)
{
    uint64_t value;

    if (strcmp(text, "0") == 0) {
        *seconds = 0;
        return NULL;
    }
    if (!with_unit(text, duration_units, DURATION_MAX, &value))
        return "a duration such as 30s, 5m, 12h or 90d";
    *seconds = (unsigned)value;
    return NULL;
}

const char *units_milliseconds(const char *text, unsigned *milliseconds)
{
    static const struct {
        const char *name;
        double factor;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 3600 * 1000}};
    static const char form[] = "a duration such as 500ms, 1.5s or 10s";
    double value;

    if (!isdigit((unsigned char)*text) || !decimal_parse(&text, &value))
        return form;
    if (*text == ' ')
        text++;
    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
        double product = value * units[i].factor;
        if (strcasecmp(units[i].name, text) != 0 || product < 1 || product > MILLISECONDS_MAX)
            continue;
        *milliseconds = (unsigned)(product + 0.5);
        return NULL;
    }
    return form;
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_of(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

static bool digits(const char *text, size_t count, int *value)
{
    int sum = 0;

    for (size_t i = 0; i < count; i++) {
        if (!isdigit((unsigned char)text[i]))
            return false;
        sum = sum * 10 + (text[i] - '0');
    }
    *value = sum;
    return true;
}

const char *units_date(const char *text, time_t *start)
{
    static const char form[] = "a date such as 2026-01-31";
    int year, month, day;

    if (strlen(text) != 10 || text[4] != '-' || text[7] != '-' || !digits(text, 4, &year) ||
        !digits(text + 5, 2, &month) || !digits(text + 8, 2, &day) || year < 1970)
        return form;
    if (month < 1 || month > 12)
        return "a date with a month from 01 to 12";
    if (day < 1 || day > days_of(year, month))
        return "a date with a day that exists in its month";
    struct tm tm = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};
    *start = timegm(&tm);
    return NULL;
}

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strcasecmp(*words, text) == 0)
            return true;
    return false;
}

const char *units_bool(const char *text, bool *value)
{
    static const char *const yes[] = {"true", "yes", "on", "1", NULL};
    static const char *const no[] = {"false", "no", "off", "0", NULL};

    if (!is_one_of(text, yes) && !is_one_of(text, no))
        return "true or false";
    *value = is_one_of(text, yes);
    return NULL;
}

const char *units_count(const char *text, unsigned *count)
{
    uint64_t value;

    if (!number(&text, COUNT_MAX, &value) || *text != '\0')
        return "a whole number from 0 to 1000000";
    *count = (unsigned)value;
    return NULL;
}

const char *units_percent(const char *text, double *percent)
{
    static const char form[] = "a percentage from 0 to 100, such as 5 or 0.5";
    uint64_t whole;
    double value, place = 0.1;

    if (!number(&text, 100, &whole))
        return form;
    value = (double)whole;
    if (*text == '.') {
        if (!isdigit((unsigned char)*++text))
            return form;
        while (isdigit((unsigned char)*text)) {
            value += (*text++ - '0') * place;
            place /= 10;
        }
    }
    if (*text == '%')
        text++;
    if (*text != '\0' || value > 100)
        return form;
    *percent = value;
    return NULL;
}
