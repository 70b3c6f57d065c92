/*
 * Hours of the week in a time zone: "Mon-Fri 08:00-18:00 Europe/Berlin".
 *
 * Days, then ranges of time, separated by blanks or commas; then further days with theirs; last
 * the zone, UTC if none is named.
 *
 *     Mon-Fri 08:00-12:00, 13:00-17:00, Sat 09:00-12:00 Europe/Berlin
 *     Mon,Wed 22:00-06:00          begins on Monday and Wednesday, ends on the next morning
 *     Sat,Sun                      the whole of both days
 *     08:00-18:00                  every day
 *
 * Days are the first three letters of the English names, or the names; "Fri-Mon" goes over Sunday.
 * A range holds its first minute and not its last; 24:00 ends a day.
 */
#ifndef RULES_TIME_HOURS_H
#define RULES_TIME_HOURS_H

#include <stdbool.h>
#include <time.h>

#include "rules/time/zone.h"

struct hours;

/* find_zone is called for a zone other than UTC; NULL: there is no other. Result NULL: *mistake_r
 * says what is wrong, to be freed. */
struct hours *hours_parse(const char *text, zone_find *find_zone, char **mistake_r);
void hours_free(struct hours *hours);

bool hours_match(const struct hours *hours, time_t time);

/* "Sat 2026-01-03 14:03 Europe/Berlin": the time on the clocks of that zone; a new string. */
char *hours_clock(const struct hours *hours, time_t time);

#endif
