/*
 * Runs probes once, without the agent, in parallel, each to its verdict, on an event loop of its
 * own. Round trips send one message and wait for it; they keep no books and delete nothing.
 */
#ifndef AGENT_PROBE_ONCE_H
#define AGENT_PROBE_ONCE_H

#include "agent/probe/verdict/verdict.h"

struct probe_once {
    const struct probe *probe;   /* with the thresholds and the timeout of the command line */
    unsigned patience;           /* milliseconds until it is given up, whatever the cause */
    struct probe_result *result; /* set by probe_once_run(); the caller frees both */
    struct probe_verdict *verdict;
};

void probe_once_run(struct probe_once *probes, size_t count, const char *instance);

#endif
