#include "agent/util/range.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agent/util/decimal.h"

static const struct {
    const char *name;
    double seconds;
} units[] = {
    {"us", 1e-6}, {"ms", 1e-3}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}, {"w", 7 * 86400},
};

/* The unit at *text; none: seconds. */
static double unit_at(const char **text)
{
    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
        size_t len = strlen(units[i].name);
        if (strncmp(*text, units[i].name, len) == 0) {
            *text += len;
            return units[i].seconds;
        }
    }
    return 1;
}

static bool number(const char **text, bool duration, double *value)
{
    if (!decimal_parse(text, value))
        return false;
    if (duration)
        *value *= unit_at(text);
    return fabs(*value) < DECIMAL_PARSE_MAX;
}

/* What follows the "@". */
static bool ends(const char *text, bool duration, struct range *range)
{
    bool open = *text == '~';

    if (open) {
        text++;
        range->start = -INFINITY;
    } else if (!number(&text, duration, &range->start)) {
        return false;
    }
    if (*text == '\0' && !open) {
        range->end = range->start;
        range->start = 0;
        return true;
    }
    if (*text++ != ':')
        return false;
    if (*text == '\0') {
        range->end = INFINITY;
        return true;
    }
    return number(&text, duration, &range->end) && *text == '\0';
}

const char *range_parse(const char *text, bool duration, struct range *range)
{
    struct range parsed = {.set = true, .inside = *text == '@'};

    if (!ends(text + (parsed.inside ? 1 : 0), duration, &parsed))
        return duration ? "a duration such as 500ms, or a range such as 2s:1m, ~:5s or @1s:2s"
                        : "a number, or a range such as 10:, ~:10, 10:20 or @10:20";
    if (parsed.start > parsed.end)
        return "a range that does not end before it starts";
    *range = parsed;
    return NULL;
}

bool range_alerts(const struct range *range, double value)
{
    if (!range->set)
        return false;
    if (range->inside)
        return value >= range->start && value <= range->end;
    return value < range->start || value > range->end;
}

struct range range_narrowed(const struct range *range, double hysteresis)
{
    struct range narrowed = *range;
    double part = range->inside ? -hysteresis : hysteresis;

    assert(hysteresis >= 0 && hysteresis <= 1);
    if (!range->set)
        return narrowed;
    if (isfinite(range->start))
        narrowed.start += fabs(range->start) * part;
    if (isfinite(range->end))
        narrowed.end -= fabs(range->end) * part;
    return narrowed.start <= narrowed.end ? narrowed : *range;
}

void range_text(const struct range *range, char out[RANGE_TEXT_MAX])
{
    char start[DECIMAL_TEXT_MAX] = "~", end[DECIMAL_TEXT_MAX] = "";

    if (!range->set) {
        out[0] = '\0';
        return;
    }
    if (isfinite(range->start))
        decimal_text(range->start, start);
    if (isfinite(range->end))
        decimal_text(range->end, end);
    bool bare = strcmp(start, "0") == 0 && end[0] != '\0';
    snprintf(out, RANGE_TEXT_MAX, "%s%.30s%s%.30s", range->inside ? "@" : "", bare ? "" : start,
             bare ? "" : ":", end);
}
