#include "rules/time/calendar.h"

#include <assert.h>
#include <stdbool.h>

/* Counts in 400-year cycles that start on 1 March, so that the leap day is the last day of a year.
 */
#define CYCLE_DAYS 146097
#define CYCLE_TO_1970 719468
#define SECONDS_BOUND ((int64_t)1 << 50)

static int64_t floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

int64_t calendar_days(int64_t year, int month, int day)
{
    assert(month >= 1 && month <= 12);
    year -= month <= 2;
    int64_t cycle = floor_divide(year, 400);
    int64_t year_of_cycle = year - cycle * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t day_of_cycle =
        year_of_cycle * 365 + year_of_cycle / 4 - year_of_cycle / 100 + day_of_year;
    return cycle * CYCLE_DAYS + day_of_cycle - CYCLE_TO_1970;
}

static void split_days(int64_t days, struct calendar *calendar)
{
    days += CYCLE_TO_1970;
    int64_t cycle = floor_divide(days, CYCLE_DAYS);
    int64_t day_of_cycle = days - cycle * CYCLE_DAYS;
    int64_t year_of_cycle = (day_of_cycle - day_of_cycle / 1460 + day_of_cycle / 36524 -
                             day_of_cycle / (CYCLE_DAYS - 1)) /
                            365;
    int64_t day_of_year =
        day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    int64_t month_of_year = (5 * day_of_year + 2) / 153;
    calendar->day = (int)(day_of_year - (153 * month_of_year + 2) / 5 + 1);
    calendar->month = (int)(month_of_year < 10 ? month_of_year + 3 : month_of_year - 9);
    calendar->year = year_of_cycle + cycle * 400 + (calendar->month <= 2);
}

int calendar_weekday(int64_t days)
{
    int64_t weekday = (days + 4) % 7; /* 1970-01-01 was a Thursday */
    return (int)(weekday < 0 ? weekday + 7 : weekday);
}

struct calendar calendar_split(int64_t seconds)
{
    if (seconds > SECONDS_BOUND)
        seconds = SECONDS_BOUND;
    if (seconds < -SECONDS_BOUND)
        seconds = -SECONDS_BOUND;
    int64_t days = floor_divide(seconds, DAY_SECONDS);
    int rest = (int)(seconds - days * DAY_SECONDS);
    struct calendar calendar = {
        .weekday = calendar_weekday(days),
        .hour = rest / 3600,
        .minute = rest / 60 % 60,
        .second = rest % 60,
    };
    split_days(days, &calendar);
    return calendar;
}

static bool is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int calendar_month_days(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    assert(month >= 1 && month <= 12);
    return days[month - 1] + (month == 2 && is_leap(year));
}

const char *calendar_weekday_text(int weekday)
{
    static const char *const names[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    assert(weekday >= 0 && weekday < 7);
    return names[weekday];
}
