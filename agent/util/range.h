/*
 * Ranges as Nagios plugins have them: "[@]start:end"; a value outside of it alerts, with "@" one
 * inside. "10": below 0 or above 10; "10:": below 10; "~:10": above 10; "10:20": outside of both;
 * "@10:20": within, both ends included. Only the start may be omitted, with its colon.
 */
#ifndef AGENT_UTIL_RANGE_H
#define AGENT_UTIL_RANGE_H

#include <stdbool.h>
#include <stddef.h>

#define RANGE_TEXT_MAX 64

struct range {
    bool set, inside;
    double start, end; /* -INFINITY for "~", INFINITY for none */
};

/* NULL and *range, or what was expected (static text). Numbers in the C locale; each may have a
 * unit when duration is true, us ms s m h d w: "500ms", "10m" ("2:5s" is two to five seconds). */
const char *range_parse(const char *text, bool duration, struct range *range);
/* false when it is not set. */
bool range_alerts(const struct range *range, double value);
/* With hysteresis: an upper end moved down and a lower end up by that part of it (a raised alarm is
 * cleared only below it); of "@" ranges the other way. A range too narrow for that stays as it is:
 * else no value could ever clear it. */
struct range range_narrowed(const struct range *range, double hysteresis);
/* As perfdata has it, shortest form; "" when not set. */
void range_text(const struct range *range, char out[RANGE_TEXT_MAX]);

#endif
