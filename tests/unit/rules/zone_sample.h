/* Time zones for tests, from the system's time zone data; rules/ reads no file itself. */
#ifndef TESTS_ZONE_SAMPLE_H
#define TESTS_ZONE_SAMPLE_H

#include <stdio.h>

#include "rules/time/zone.h"
#include "rules/util/memory.h"

/* The contents of a zone's file, or NULL. */
static inline unsigned char *zone_sample_data(const char *name, size_t *len)
{
    char path[200];
    snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", name);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return NULL;
    unsigned char *data = xmalloc(ZONE_FILE_MAX);
    *len = fread(data, 1, ZONE_FILE_MAX, file);
    fclose(file);
    return data;
}

/* A zone_find. */
static inline struct zone *zone_sample(const char *name, char **mistake_r)
{
    size_t len = 0;
    unsigned char *data = zone_sample_data(name, &len);
    struct zone *zone = data != NULL ? zone_parse(data, len) : NULL;
    free(data);
    if (zone == NULL)
        *mistake_r = xasprintf("no time zone \"%s\"", name);
    return zone;
}

#endif
