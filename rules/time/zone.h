/*
 * A time zone: the offset of its local time from UTC at a given time. Made from the contents of a
 * time zone file (TZif, RFC 8536, version 2 or later, with the POSIX TZ rule in its footer),
 * because localtime() and the environment variable TZ limit a threaded program to one zone.
 *
 * Not supported: version 1 files, and files that count leap seconds ("right/...").
 */
#ifndef RULES_TIME_ZONE_H
#define RULES_TIME_ZONE_H

#include <stddef.h>
#include <stdint.h>

#define ZONE_FILE_MAX (256 * 1024)

struct zone;

/* The caller's lookup of a zone by name, "Europe/Berlin"; the name is unchecked user input. Returns
 * NULL on error, with a message in *mistake_r to be freed. */
typedef struct zone *zone_find(const char *name, char **mistake_r);

struct zone *zone_utc(void);
/* From the contents of a file. NULL: not a supported time zone file. */
struct zone *zone_parse(const unsigned char *data, size_t len);
void zone_free(struct zone *zone);

/* Seconds to add to UTC to get local time. */
int zone_offset(const struct zone *zone, int64_t time);

#endif
