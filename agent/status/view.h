/*
 * What status, metrics and the page all read from the agent's view.
 */
#ifndef AGENT_STATUS_VIEW_H
#define AGENT_STATUS_VIEW_H

#include "agent/agent.h"

/* The figures of that target; all 0 when the ledger knows nothing of it. */
const struct ledger_target_figures *view_target(const struct ledger_target_figures *targets,
                                                size_t n, const char *name);

/* The worst state of an account's watches, the main one first. */
void view_account(const struct account_watch *account, struct watch_status *worst);

/* What is wrong now, the worst first: the ledger, a refused reload, accounts, targets, probes that
 * are raised and not in maintenance, round trips and reflectors that cannot reach their mailbox. */
struct trouble {      /* borrowed for the call */
    const char *what; /* "ledger", "account", ... */
    const char *name; /* "" if there is only one */
    time_t since;     /* 0: not known */
    const char *text; /* for a person; may hold a server's words */
    bool warning;     /* it is not a failure (yet) */
};
typedef void view_tell(void *arg, const struct trouble *trouble);
/* How many they are. */
size_t view_troubles(const struct agent_view *view, view_tell *tell, void *arg);

/* The configuration has probes or reflectors, and the agent runs them. */
size_t view_probes(const struct agent_view *view);
size_t view_reflectors(const struct agent_view *view);

/* "90 s", "12 min", "5 h", "3 days" from since to now; buffer is returned. */
#define VIEW_AGO_MAX 32
const char *view_ago(char buffer[VIEW_AGO_MAX], time_t since);

#endif
