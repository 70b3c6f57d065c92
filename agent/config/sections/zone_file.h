/*
 * Time zones from the system's time zone data, for rules and maintenance windows: rules/ does not
 * read files itself.
 */
#ifndef AGENT_CONFIG_SECTIONS_ZONE_FILE_H
#define AGENT_CONFIG_SECTIONS_ZONE_FILE_H

#include "rules/time/zone.h"

/* A zone_find: by name, "Europe/Berlin". */
zone_find zone_file_load;

#endif
