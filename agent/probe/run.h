/*
 * One run of a service probe (all types except round trips): the name is resolved, the secret is
 * obtained, then one dialogue runs for each address family, in parallel. done is called once, from
 * the loop, with the result, which the callee owns. The whole run has the probe's timeout (the
 * secret apart): what has not ended by then has timed out in its current phase.
 */
#ifndef AGENT_PROBE_RUN_H
#define AGENT_PROBE_RUN_H

#include "agent/probe/verdict/result.h"
#include "agent/session/link.h"

struct probe_run;
typedef void probe_run_done(void *arg, struct probe_result *result);

struct probe_run *probe_run_new(struct links *links, const struct probe *probe,
                                probe_run_done *done, void *arg);
/* Stops it; done is not called. */
void probe_run_free(struct probe_run *run);

#endif
