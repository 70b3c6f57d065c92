/*
 * A time zone: how far its clocks are ahead of UTC at a given time. Made from the octets of a time
 * zone file (TZif, RFC 8536, version 2 or later, with the POSIX TZ rule in its footer), so that
 * neither localtime() nor the environment variable TZ is needed, which limit a threaded program to
 * one zone.
 *
 * Not supported: files of version 1, and files that count leap seconds ("right/...").
 */
#ifndef RULES_TIME_ZONE_H
#define RULES_TIME_ZONE_H

#include <stddef.h>
#include <stdint.h>

#define ZONE_FILE_MAX (256 * 1024)

struct zone;

/* How the caller finds the zone of a name, "Europe/Berlin"; the name is as a user wrote it. NULL:
 * *mistake_r says why, to be freed. */
typedef struct zone *zone_find(const char *name, char **mistake_r);

struct zone *zone_utc(void);
/* From the octets of a file. NULL: not a time zone file, or not a supported one. */
struct zone *zone_parse(const unsigned char *data, size_t len);
void zone_free(struct zone *zone);

/* Seconds to add to UTC to get the zone's local time. */
int zone_offset(const struct zone *zone, int64_t time);

#endif
