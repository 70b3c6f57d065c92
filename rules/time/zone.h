/*
 * A time zone: how far its clocks were ahead of UTC at a time. Read once from the system's time
 * zone data (TZif, RFC 8536, version 2 or later, with the POSIX TZ rule in its footer), so that
 * neither localtime() nor the environment variable TZ is needed, which a program with threads
 * cannot use for more than one zone.
 *
 * Not taken: files of version 1, and files that count leap seconds ("right/...").
 */
#ifndef RULES_TIME_ZONE_H
#define RULES_TIME_ZONE_H

#include <stddef.h>
#include <stdint.h>

#define ZONE_DIRECTORY "/usr/share/zoneinfo"
#define ZONE_FILE_MAX (256 * 1024)
#define ZONE_NAME_MAX 64

struct zone;

/* By name, "Europe/Berlin"; "UTC" needs no file. NULL: *mistake_r says why, to be freed. */
struct zone *zone_load(const char *name, char **mistake_r);
/* The same from the octets of a file. NULL if they are no such file. */
struct zone *zone_parse(const unsigned char *data, size_t len);
void zone_free(struct zone *zone);

/* Seconds to add to UTC to get the zone's own time. */
int zone_offset(const struct zone *zone, int64_t time);

#endif
