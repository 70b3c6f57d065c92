/*
 * The state of the running agent that status, metrics and the page are written from.
 */
#ifndef AGENT_STATUS_SNAPSHOT_H
#define AGENT_STATUS_SNAPSHOT_H

#include "agent/deliver/deliver.h"
#include "agent/probe/schedule.h"
#include "agent/watch/account_watch.h"

/* All borrowed, valid until the event loop runs on. */
struct snapshot {
    const struct context *context;
    struct account_watch *const *accounts;
    size_t n_accounts;
    struct deliver *const *deliveries;
    size_t n_deliveries;
    time_t started, reloaded;    /* reloaded: 0 if never */
    const char *reload_trouble;  /* why the last reload was refused, "" if it was not */
    const struct probes *probes; /* NULL during shutdown */
    bool ready;                  /* every account has been listed, or has failed once */
};

/* The figures of that target; all 0 if the ledger has none. */
const struct ledger_target_figures *snapshot_target(const struct ledger_target_figures *targets,
                                                    size_t n, const char *name);

/* The state of an account: of its main watch, or of the first one that is in trouble. */
void snapshot_account(const struct account_watch *account, struct watch_status *worst);

/* How many folders of the account are missed: account_watch_misses(). */
size_t snapshot_missed(const struct account_watch *account);

/* Current problems, the worst first: the ledger, a refused reload, accounts and what of their
 * folders is missing or refused, targets, copies that wait too long or were given up, probes that
 * are raised and not in maintenance, round trips and reflectors that cannot reach their mailbox. */
struct problem {      /* valid during the call */
    const char *what; /* "ledger", "account", ... */
    const char *name; /* "" if there is only one */
    time_t since;     /* 0: not known */
    const char *text; /* for people; may quote a server */
    bool warning;     /* not a failure (yet) */
};
typedef void snapshot_report(void *arg, const struct problem *problem);
/* Returns their number. report may be NULL. targets: the ledger's figures, as far as known. */
size_t snapshot_problems(const struct snapshot *snapshot,
                         const struct ledger_target_figures *targets, size_t n_targets,
                         snapshot_report *report, void *arg);

/* Likewise, only those that may keep messages from being seen or copies from being delivered though
 * no copy waits: what no figure of the ledger shows; and accounts that are not watched yet. */
size_t snapshot_unseen(const struct snapshot *snapshot, snapshot_report *report, void *arg);

/* Since when the oldest copy for that target waits, where that is longer than its alarm_after;
 * else 0. */
time_t snapshot_overdue(const struct target *target, const struct ledger_target_figures *figures);

/* The configuration has probes or reflectors, and the agent runs them. */
size_t snapshot_probes(const struct snapshot *snapshot);
size_t snapshot_reflectors(const struct snapshot *snapshot);

/* "90 s", "12 min", "5 h", "3 days" from since to now; buffer is returned. */
#define SNAPSHOT_AGO_MAX 32
const char *snapshot_ago(char buffer[SNAPSHOT_AGO_MAX], time_t since);

#endif
