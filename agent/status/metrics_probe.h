/* The part of the metrics that probes, round trips, reflectors and alerts make; for metrics.c. */
#ifndef AGENT_STATUS_METRICS_PROBE_H
#define AGENT_STATUS_METRICS_PROBE_H

#include "agent/status/metrics_writer.h"
#include "agent/status/snapshot.h"

void metrics_probe_write(struct metrics_writer *writer, const struct snapshot *snapshot);
/* A part of it, metrics_roundtrip.c. */
void metrics_roundtrip_write(struct metrics_writer *writer, const struct snapshot *snapshot);

#endif
