/*
 * One run of a service probe (all types but round trip): the secret is got, the name resolved, then
 * one dialogue for each address family, side by side. done is called once, from the loop, with the
 * result, which the callee owns. The whole run has the probe's timeout (the secret apart): what has
 * not ended then has failed by timeout in the phase where it stood.
 */
#ifndef AGENT_PROBE_RUN_H
#define AGENT_PROBE_RUN_H

#include "agent/probe/verdict/result.h"
#include "agent/session/link.h"

struct probe_run;
typedef void probe_run_done(void *arg, struct probe_result *result);

struct probe_run *probe_run_new(struct links *links, const struct probe *probe,
                                probe_run_done *done, void *arg);
/* Forgets it; done is not called. */
void probe_run_free(struct probe_run *run);

#endif
