/*
 * Every figure of the agent as OpenMetrics 1.0.0 or Prometheus text 0.0.4. Names: probes.md's
 * mail_roundtrip_* and probe_*, mailvigil_* for monitoring (metrics.c lists them all, with help).
 * Label values come from the configuration and from fixed sets, never from a message or a server.
 */
#ifndef AGENT_STATUS_METRICS_H
#define AGENT_STATUS_METRICS_H

#include <stdio.h>

#include "agent/status/snapshot.h"

#define METRICS_TYPE_OPENMETRICS "application/openmetrics-text; version=1.0.0; charset=utf-8"
#define METRICS_TYPE_TEXT "text/plain; version=0.0.4; charset=utf-8"

void metrics_write(FILE *out, bool openmetrics, const struct snapshot *snapshot,
                   const struct ledger_figures *figures,
                   const struct ledger_target_figures *targets, size_t n_targets);

#endif
