/*
 * From single results to a damped state that people are alerted about. Pure: time is an argument.
 *
 * N failures among the last M results raise (raise = "2/3"); K good results in a row clear. Worse
 * than what is raised raises again by the same rule (warning to critical); better lowers after K,
 * to the worst of them. Results before a clearing do not count for the next raising.
 * While a state is raised, results are evaluated with its thresholds narrowed (hysteresis): the
 * caller passes `shown` to probe_verdict_new().
 * UNKNOWN results count as neither good nor bad, but N of M unknown raise UNKNOWN, which is worse
 * than a warning and does not hide a critical state. During a maintenance window results are
 * recorded and nothing is reported; a change that persists is reported when the window closes. A
 * reminder is due every `remind` seconds while a state is raised.
 */
#ifndef AGENT_PROBE_VERDICT_STATE_H
#define AGENT_PROBE_VERDICT_STATE_H

#include "agent/probe/verdict/verdict.h"

struct probe_state {
    enum probe_status shown;    /* the damped state */
    enum probe_status reported; /* as last reported; OK at first */
    time_t since;               /* of shown; 0: never run */
    time_t reported_at;
    /* Results since the last clearing or lowering, including those that caused it; newest first. */
    enum probe_status window[PROBE_STATE_WINDOW_MAX];
    unsigned filled;
};

enum probe_event { PROBE_NO_EVENT, PROBE_RAISED, PROBE_CHANGED, PROBE_CLEARED, PROBE_REMINDER };
const char *probe_event_text(enum probe_event event);

bool probe_state_is_raised(const struct probe_state *state);
/* There is a new result. */
enum probe_event probe_state_result(struct probe_state *state, const struct probe *probe,
                                    enum probe_status status, time_t now);
/* To be called regularly between results: a window may have closed, a reminder may be due. */
enum probe_event probe_state_tick(struct probe_state *state, const struct probe *probe, time_t now);
bool probe_in_maintenance(const struct probe *probe, time_t now);

#endif
