/*
 * Notifies people of a changed state: `alert` sections run a command, or post to a webhook.
 *
 * The facts are one JSON object: event (raised, changed, cleared, reminder), instance, probe, type,
 * server, state, previous, since, at, summary, phase, reply, and result, which is everything that
 * probe_json() writes (summary to result: null where there is none). A command gets it on standard
 * input and the main facts in its environment (MAILVIGIL_EVENT, _INSTANCE, _PROBE, _TYPE, _SERVER,
 * _STATE, _PREVIOUS, _SINCE, _SUMMARY, _PHASE); it is executed as it is written, without a shell.
 * A webhook gets a POST with Content-Type application/json; 2xx is success.
 *
 * One alert per change and destination; tried again with backoff up to ALERT_TRIES times, then
 * given up with a log line; never blocks the loop. ALERT_RUNNING_MAX run at a time,
 * ALERT_RUNNING_EACH for one destination, so that a dead one leaves room for others; the others are
 * queued, ALERT_QUEUE_MAX at most (the oldest is dropped and logged). A later change of the same
 * probe does not overtake an earlier one that is still being tried at the same destination. Only
 * the scheme and the host of a webhook are logged: its path is often a secret.
 */
#ifndef AGENT_ALERT_ALERT_H
#define AGENT_ALERT_ALERT_H

#include "agent/probe/verdict/state.h"
#include "agent/session/link.h"

#define ALERT_TRIES 5
#define ALERT_TIMEOUT 30 /* seconds of one try */
#define ALERT_RUNNING_MAX 8
#define ALERT_RUNNING_EACH 4
#define ALERT_QUEUE_MAX 1000

struct alerts;

struct alert_facts { /* borrowed for the call */
    const struct probe *probe;
    enum probe_event event;
    enum probe_status state, previous;
    time_t since, at;
    const struct probe_result
        *result; /* NULL: there is none, at the end of a window or for a reminder */
    const struct probe_verdict *verdict; /* NULL likewise */
};

struct alerts *alerts_new(struct links *links);
/* Stops commands that run. */
void alerts_free(struct alerts *alerts);
/* Queues an alert for every alert section that names the probe, or no probe. Queued alerts keep
 * their destination over a reload. */
void alerts_send(struct alerts *alerts, const struct config *config,
                 const struct alert_facts *facts);
struct alerts_count {
    uint64_t sent, failed, dropped; /* accepted; given up; dropped from a full queue */
    size_t waiting;                 /* not running: queued, or between two tries */
};
struct alerts_count alerts_count(const struct alerts *alerts);

#endif
