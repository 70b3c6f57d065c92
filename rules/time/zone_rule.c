#include "rules/time/zone_rule.h"

#include <string.h>

#include "rules/time/calendar.h"

struct cursor {
    const char *at, *end;
};

static bool accept(struct cursor *cursor, char c)
{
    if (cursor->at == cursor->end || *cursor->at != c)
        return false;
    cursor->at++;
    return true;
}

static bool is_digit(const struct cursor *cursor)
{
    return cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9';
}

static bool is_letter(const struct cursor *cursor)
{
    char c = cursor->at < cursor->end ? *cursor->at : '0';
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool read_number(struct cursor *cursor, int least, int most, int *number)
{
    int value = 0, digits = 0;
    for (; is_digit(cursor) && digits < 4; digits++)
        value = value * 10 + (*cursor->at++ - '0');
    *number = value;
    return digits > 0 && value >= least && value <= most;
}

/* "CET", or "<+0330>". */
static bool read_name(struct cursor *cursor)
{
    if (accept(cursor, '<')) {
        const char *end = memchr(cursor->at, '>', (size_t)(cursor->end - cursor->at));
        if (end == NULL)
            return false;
        cursor->at = end + 1;
        return true;
    }
    const char *start = cursor->at;
    while (is_letter(cursor))
        cursor->at++;
    return cursor->at - start >= 3;
}

/* [+-]hh[:mm[:ss]] */
static bool read_time(struct cursor *cursor, int hours_most, int *seconds)
{
    int sign = accept(cursor, '-') ? -1 : 1;
    if (sign == 1)
        accept(cursor, '+');
    int hour, minute = 0, second = 0;
    if (!read_number(cursor, 0, hours_most, &hour))
        return false;
    if (accept(cursor, ':') && !read_number(cursor, 0, 59, &minute))
        return false;
    if (accept(cursor, ':') && !read_number(cursor, 0, 59, &second))
        return false;
    *seconds = sign * (hour * 3600 + minute * 60 + second);
    return true;
}

static bool read_day(struct cursor *cursor, struct zone_change *change)
{
    if (accept(cursor, 'M')) {
        change->kind = ZONE_WEEKDAY_OF_MONTH;
        return read_number(cursor, 1, 12, &change->month) && accept(cursor, '.') &&
               read_number(cursor, 1, 5, &change->week) && accept(cursor, '.') &&
               read_number(cursor, 0, 6, &change->day);
    }
    if (accept(cursor, 'J')) {
        change->kind = ZONE_DAY_WITHOUT_LEAP;
        return read_number(cursor, 1, 365, &change->day);
    }
    change->kind = ZONE_DAY_OF_YEAR;
    return read_number(cursor, 0, 365, &change->day);
}

static bool read_change(struct cursor *cursor, struct zone_change *change)
{
    change->time = 2 * 3600;
    if (!accept(cursor, ',') || !read_day(cursor, change))
        return false;
    return !accept(cursor, '/') || read_time(cursor, 167, &change->time);
}

bool zone_rule_parse(const char *text, size_t len, struct zone_rule *rule)
{
    struct cursor cursor = {text, text + len};
    *rule = (struct zone_rule){0};
    /* POSIX offsets count west of UTC, ours east. */
    if (!read_name(&cursor) || !read_time(&cursor, 24, &rule->standard))
        return false;
    rule->standard = -rule->standard;
    if (cursor.at == cursor.end)
        return true;

    rule->has_summer = true;
    rule->summer = -(rule->standard + 3600);
    if (!read_name(&cursor))
        return false;
    if (cursor.at < cursor.end && *cursor.at != ',' && !read_time(&cursor, 24, &rule->summer))
        return false;
    rule->summer = -rule->summer;
    return read_change(&cursor, &rule->to_summer) && read_change(&cursor, &rule->to_standard) &&
           cursor.at == cursor.end;
}

static int64_t weekday_of_month(const struct zone_change *change, int64_t year)
{
    int64_t first = calendar_days(year, change->month, 1);
    int day = (change->day - calendar_weekday(first) + 7) % 7 + 7 * (change->week - 1);
    if (day >= calendar_month_days(year, change->month)) /* week 5 means the last */
        day -= 7;
    return first + day;
}

/* When local time changes in that year, by the local time before the change. */
static int64_t change_time(const struct zone_change *change, int64_t year)
{
    int64_t day = 0;
    switch (change->kind) {
    case ZONE_WEEKDAY_OF_MONTH:
        day = weekday_of_month(change, year);
        break;
    case ZONE_DAY_WITHOUT_LEAP:
        day = calendar_days(year, 1, 1) + change->day - 1;
        if (change->day >= 60 && calendar_month_days(year, 2) == 29)
            day++;
        break;
    case ZONE_DAY_OF_YEAR:
        day = calendar_days(year, 1, 1) + change->day;
        break;
    }
    return day * DAY_SECONDS + change->time;
}

int zone_rule_offset(const struct zone_rule *rule, int64_t time)
{
    if (!rule->has_summer)
        return rule->standard;
    int64_t year = calendar_split(time + rule->standard).year;
    int64_t start = change_time(&rule->to_summer, year) - rule->standard;
    int64_t end = change_time(&rule->to_standard, year) - rule->summer;
    bool summer = start < end ? time >= start && time < end : time >= start || time < end;
    return summer ? rule->summer : rule->standard;
}
