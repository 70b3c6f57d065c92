/*
 * From single results to a state that people are told of. Pure: time is an argument.
 *
 * N failures among the last M results raise (raise = "2/3"); K good results in a row clear. Worse
 * than what is raised raises again by the same rule (warning to critical); better lowers after K,
 * to the worst of them. What was before a clearing does not count for the next raising.
 * While a state is raised results are judged with its thresholds narrowed (hysteresis): the caller
 * gives `shown` to probe_verdict_new().
 * UNKNOWN results count as neither good nor bad, but N of M unknown raise UNKNOWN, which is worse
 * than a warning and does not hide what is critical. In a maintenance window results are noted and
 * nothing is told; what has changed and stayed so is told when it ends. A reminder comes every
 * `remind` seconds while a state is raised.
 */
#ifndef AGENT_PROBE_VERDICT_STATE_H
#define AGENT_PROBE_VERDICT_STATE_H

#include "agent/probe/verdict/verdict.h"

struct probe_state {
    enum probe_status shown; /* raised, as it stands */
    enum probe_status told;  /* as it was told last; begins as OK */
    time_t since;            /* shown has stood so long; 0: never run */
    time_t told_at;
    /* The results since the last clearing or lowering, with those that did it; newest first. */
    enum probe_status window[PROBE_STATE_WINDOW_MAX];
    unsigned filled;
};

enum probe_event { PROBE_NO_EVENT, PROBE_RAISED, PROBE_CHANGED, PROBE_CLEARED, PROBE_REMINDER };
const char *probe_event_text(enum probe_event event);

bool probe_state_is_raised(const struct probe_state *state);
/* A result came. Also call with `tick` at times without one: ends of windows and reminders. */
enum probe_event probe_state_result(struct probe_state *state, const struct probe *probe,
                                    enum probe_status status, time_t now);
enum probe_event probe_state_tick(struct probe_state *state, const struct probe *probe, time_t now);
bool probe_in_maintenance(const struct probe *probe, time_t now);

#endif
