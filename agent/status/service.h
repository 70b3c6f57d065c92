/*
 * How the running agent answers: the control socket (control.h: "status", "status json",
 * "problems", "probe text|json VERBOSITY NAME") and the status service (http.h).
 *
 * Most answers need figures from the ledger, which arrive later; while the ledger is blocked the
 * last known ones are used. A port that is in use does not stop monitoring: it is logged, and tried
 * again every STATUS_HTTP_RETRY seconds.
 */
#ifndef AGENT_STATUS_SERVICE_H
#define AGENT_STATUS_SERVICE_H

#include "agent/status/snapshot.h"

#define STATUS_HTTP_RETRY 10 /* seconds */

struct status_service;

/* Opens the control socket in state_dir. take_snapshot is called with arg for each answer. NULL:
 * *why, which the caller frees. */
struct status_service *
status_service_new(struct event_base *base, struct ledger *ledger, const char *state_dir,
                   void (*take_snapshot)(void *arg, struct snapshot *snapshot), void *arg,
                   char **why);
/* After ledger_close(): requests are still answered while it closes. */
void status_service_free(struct status_service *service);
/* Opens, moves or closes the status service as configured. */
void status_service_apply_config(struct status_service *service, const struct config *config);
/* To be called about once a second: answers requests that wait for a ledger that has since blocked,
 * and tries a port again that was in use. */
void status_service_every_second(struct status_service *service);

/* The reply to "retry" and "drop", also where no agent runs: an exit status (sysexits.h) and a line
 * for people. A new string. */
char *decision_answer(bool retry, size_t n, const char *why);

#endif
