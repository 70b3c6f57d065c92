/*
 * Conversion between seconds and dates of the proleptic Gregorian calendar, without the C library's
 * time zone, its locks and its environment variable.
 */
#ifndef RULES_TIME_CALENDAR_H
#define RULES_TIME_CALENDAR_H

#include <stdint.h>

#define DAY_SECONDS 86400

struct calendar {
    int64_t year;
    int month, day; /* counted from 1 */
    int weekday;    /* 0: Sunday */
    int hour, minute, second;
};

/* Days since 1970-01-01; month 1 to 12. */
int64_t calendar_days(int64_t year, int month, int day);
/* Seconds since 1970-01-01 00:00, no zone applied. Clamped to about 35 million years either way. */
struct calendar calendar_split(int64_t seconds);
int calendar_month_days(int64_t year, int month);
int calendar_weekday(int64_t days);
/* "Sun" ... "Sat" */
const char *calendar_weekday_text(int weekday);

#endif
