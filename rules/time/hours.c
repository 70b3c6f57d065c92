#include "rules/time/hours.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "rules/time/calendar.h"
#include "rules/util/memory.h"

#define DAY_MINUTES 1440
#define WEEK_MINUTES (7 * DAY_MINUTES)
#define EVERY_DAY 0x7fu

struct hours {
    unsigned char minutes[WEEK_MINUTES / 8]; /* one bit each, from Sunday 00:00 */
    struct zone *zone;
    char *zone_name;
};

static void add_minutes(struct hours *hours, unsigned days, int from, int to)
{
    assert(from >= 0 && from < DAY_MINUTES && to >= 0 && to <= DAY_MINUTES);
    int length = to > from ? to - from : to - from + DAY_MINUTES;
    for (int day = 0; day < 7; day++) {
        if ((days & 1u << day) == 0)
            continue;
        for (int i = 0; i < length; i++) {
            int minute = (day * DAY_MINUTES + from + i) % WEEK_MINUTES;
            hours->minutes[minute / 8] |= (unsigned char)(1u << minute % 8);
        }
    }
}

/* The weekday named by a token of that length, or -1. */
static int read_day(const char *text, size_t len)
{
    static const char *const names[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                        "Thursday", "Friday", "Saturday"};
    for (int day = 0; day < 7; day++)
        if ((len == 3 || len == strlen(names[day])) && strncasecmp(text, names[day], len) == 0)
            return day;
    return -1;
}

/* "Mon" or "Mon-Fri"; 0: not days. */
static unsigned read_days(const char *text, size_t len)
{
    const char *dash = memchr(text, '-', len);
    size_t first_len = dash != NULL ? (size_t)(dash - text) : len;
    int first = read_day(text, first_len);
    int last = dash != NULL ? read_day(dash + 1, len - first_len - 1) : first;
    if (first < 0 || last < 0)
        return 0;
    unsigned days = 1u << first;
    for (int day = first; day != last; day = (day + 1) % 7)
        days |= 1u << (day + 1) % 7;
    return days;
}

static const char *read_number(const char *text, const char *end, int most, int *number)
{
    const char *start = text;
    *number = 0;
    while (text < end && text - start < 2 && *text >= '0' && *text <= '9')
        *number = *number * 10 + (*text++ - '0');
    return text > start && *number <= most ? text : NULL;
}

/* "8:30" or "24:00". Returns the end of the time, or NULL. */
static const char *read_time(const char *text, const char *end, int *minute_of_day)
{
    int hour, minute;
    text = read_number(text, end, 24, &hour);
    if (text == NULL || text == end || *text != ':')
        return NULL;
    const char *minutes = text + 1;
    text = read_number(minutes, end, 59, &minute);
    *minute_of_day = hour * 60 + minute;
    return text != NULL && text - minutes == 2 && *minute_of_day <= DAY_MINUTES ? text : NULL;
}

static bool read_range(const char *text, size_t len, int *from, int *to)
{
    const char *end = text + len;
    const char *rest = read_time(text, end, from);
    if (rest == NULL || rest == end || *rest != '-')
        return false;
    return read_time(rest + 1, end, to) == end && *from != *to && *from < DAY_MINUTES;
}

struct parse {
    struct hours *hours;
    zone_find *find_zone;
    unsigned days;  /* to which the next time range applies */
    bool days_used; /* a time range has been applied to them */
    bool any;       /* any day or range was read */
};

/* Days without a time range are whole days. */
static void end_days(struct parse *parse)
{
    if (parse->days != 0 && !parse->days_used)
        add_minutes(parse->hours, parse->days, 0, DAY_MINUTES);
}

static void read_zone(struct parse *parse, const char *text, size_t len, char **mistake_r)
{
    char *name = xmemdup0(text, len);
    parse->hours->zone_name = name;
    if (strcmp(name, "UTC") == 0)
        parse->hours->zone = zone_utc();
    else if (parse->find_zone != NULL)
        parse->hours->zone = parse->find_zone(name, mistake_r);
    else
        *mistake_r = xasprintf("unknown time zone \"%.80s\"", name);
}

static void read_token(struct parse *parse, const char *text, size_t len, char **mistake_r)
{
    if (parse->hours->zone != NULL) {
        *mistake_r =
            xasprintf("unexpected \"%.*s\" after the time zone, which comes last", (int)len, text);
        return;
    }
    unsigned days = read_days(text, len);
    int from, to;
    if (days != 0) {
        parse->days = parse->days_used ? days : parse->days | days;
        parse->days_used = false;
        parse->any = true;
    } else if (read_range(text, len, &from, &to)) {
        add_minutes(parse->hours, parse->days != 0 ? parse->days : EVERY_DAY, from, to);
        parse->days_used = true;
        parse->any = true;
    } else if (*text >= '0' && *text <= '9') {
        *mistake_r = xasprintf("\"%.*s\" is not a time range like 08:00-18:00", (int)len, text);
    } else {
        read_zone(parse, text, len, mistake_r);
    }
}

static void parse_tokens(struct parse *parse, const char *text, char **mistake_r)
{
    static const char separators[] = " \t,";
    for (text += strspn(text, separators); *text != '\0' && *mistake_r == NULL;
         text += strspn(text, separators)) {
        size_t len = strcspn(text, separators);
        read_token(parse, text, len, mistake_r);
        text += len;
    }
    end_days(parse);
    if (*mistake_r == NULL && !parse->any)
        *mistake_r = xstrdup("has neither days nor times, like Mon-Fri 08:00-18:00");
    if (*mistake_r == NULL && parse->hours->zone == NULL)
        read_zone(parse, "UTC", 3, mistake_r);
}

struct hours *hours_parse(const char *text, zone_find *find_zone, char **mistake_r)
{
    struct hours *hours = xcalloc(1, sizeof(*hours));
    struct parse parse = {.hours = hours, .find_zone = find_zone};
    char *mistake = NULL;
    parse_tokens(&parse, text, &mistake);
    if (mistake == NULL)
        return hours;
    *mistake_r = mistake;
    hours_free(hours);
    return NULL;
}

void hours_free(struct hours *hours)
{
    if (hours == NULL)
        return;
    zone_free(hours->zone);
    free(hours->zone_name);
    free(hours);
}

static struct calendar local(const struct hours *hours, time_t time)
{
    int64_t shifted;
    if (__builtin_add_overflow((int64_t)time, zone_offset(hours->zone, time), &shifted))
        shifted = time;
    return calendar_split(shifted);
}

bool hours_match(const struct hours *hours, time_t time)
{
    struct calendar clock = local(hours, time);
    int minute = clock.weekday * DAY_MINUTES + clock.hour * 60 + clock.minute;
    assert(minute >= 0 && minute < WEEK_MINUTES);
    return (hours->minutes[minute / 8] & 1u << minute % 8) != 0;
}

char *hours_clock(const struct hours *hours, time_t time)
{
    struct calendar clock = local(hours, time);
    return xasprintf("%s %04lld-%02d-%02d %02d:%02d %s", calendar_weekday_text(clock.weekday),
                     (long long)clock.year, clock.month, clock.day, clock.hour, clock.minute,
                     hours->zone_name);
}
