/* Probes, reflectors and alerts in the output of status; for status.c. */
#ifndef AGENT_STATUS_PROBE_H
#define AGENT_STATUS_PROBE_H

#include <stdio.h>

#include "agent/status/snapshot.h"
#include "agent/util/json.h"

/* The members "probes", "reflectors" and "alerts" of the object that was begun. */
void status_probe_json(struct json *json, const struct snapshot *snapshot);
/* Tables for people; empty ones are left out. */
void status_probe_text(FILE *out, const struct snapshot *snapshot);

#endif
