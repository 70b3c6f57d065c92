/* What status tells of probes, reflectors and alerts; for status.c. */
#ifndef AGENT_STATUS_PROBE_H
#define AGENT_STATUS_PROBE_H

#include <stdio.h>

#include "agent/agent.h"
#include "agent/util/json.h"

/* The members "probes", "reflectors" and "alerts" of the object that was begun. */
void status_probe_json(struct json *json, const struct agent_view *view);
/* Tables for people; nothing where there is nothing to tell. */
void status_probe_text(FILE *out, const struct agent_view *view);

#endif
