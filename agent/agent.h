/*
 * The running agent: `mailvigil run`. Joins configuration, ledger, watches and deliveries under one
 * event loop; signals; reload; the service manager's protocol; the control socket.
 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include "agent/deliver/deliver.h"
#include "agent/probe/schedule.h"
#include "agent/watch/account_watch.h"

struct agent;

/* Runs until SIGTERM or SIGINT; returns the exit status: 0, 75 (try again later) or 78. */
int agent_run(const char *config_path);

/* For status.c. */
struct agent_view {
    const struct parts *parts;
    struct account_watch *const *accounts;
    size_t n_accounts;
    struct deliver *const *deliveries;
    size_t n_deliveries;
    time_t started, reloaded;    /* reloaded: 0 if never */
    const char *reload_trouble;  /* why the last reload was refused, "" if it was not */
    const struct probes *probes; /* NULL while it stops */
    bool ready;                  /* every account was listed, or has failed once */
};
void agent_view(const struct agent *agent, struct agent_view *view);

#endif
