/*
 * Hours of the week in a time zone: "Mon-Fri 08:00-18:00 Europe/Berlin".
 *
 * Days, then time ranges, separated by blanks or commas; further days and ranges may follow; the
 * time zone comes last and defaults to UTC.
 *
 *     Mon-Fri 08:00-12:00, 13:00-17:00, Sat 09:00-12:00 Europe/Berlin
 *     Mon,Wed 22:00-06:00          starts on Monday and Wednesday, ends the next morning
 *     Sat,Sun                      both days in full
 *     08:00-18:00                  every day
 *
 * Days are English names or their first three letters; "Fri-Mon" includes Sunday. A range includes
 * its first minute and excludes its last; 24:00 is the end of a day.
 */
#ifndef RULES_TIME_HOURS_H
#define RULES_TIME_HOURS_H

#include <stdbool.h>
#include <time.h>

#include "rules/time/zone.h"

struct hours;

/* find_zone is called for any zone but UTC; NULL: only UTC is known. Returns NULL on error, with a
 * message in *mistake_r that the caller frees. */
struct hours *hours_parse(const char *text, zone_find *find_zone, char **mistake_r);
void hours_free(struct hours *hours);

bool hours_match(const struct hours *hours, time_t time);

/* Local time in that zone, "Sat 2026-01-03 14:03 Europe/Berlin"; the caller frees it. */
char *hours_clock(const struct hours *hours, time_t time);

#endif
