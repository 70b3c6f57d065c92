#include "agent/probe/verdict/state.h"

#include <string.h>

const char *probe_event_text(enum probe_event event)
{
    static const char *const texts[] = {
        [PROBE_NO_EVENT] = "none",   [PROBE_RAISED] = "raised",     [PROBE_CHANGED] = "changed",
        [PROBE_CLEARED] = "cleared", [PROBE_REMINDER] = "reminder",
    };
    return texts[event];
}

bool probe_state_is_raised(const struct probe_state *state)
{
    return state->shown != PROBE_OK;
}

bool probe_in_maintenance(const struct probe *probe, time_t now)
{
    for (struct hours **window = probe->maintenance; *window != NULL; window++)
        if (hours_match(*window, now))
            return true;
    return false;
}

/* ---- from results to what is shown ---- */

static unsigned badness(enum probe_status status)
{
    static const unsigned order[] = {
        [PROBE_OK] = 0, [PROBE_WARNING] = 1, [PROBE_UNKNOWN] = 2, [PROBE_CRITICAL] = 3};
    return order[status];
}

static unsigned within(unsigned value, unsigned least, unsigned most)
{
    if (value < least)
        return least;
    return value < most ? value : most;
}

static void note(struct probe_state *state, enum probe_status status)
{
    memmove(state->window + 1, state->window, sizeof(state->window) - sizeof(state->window[0]));
    state->window[0] = status;
    if (state->filled < PROBE_STATE_WINDOW_MAX)
        state->filled++;
}

/* Whether a result counts towards raising that. */
static bool counts_towards(enum probe_status result, enum probe_status raised)
{
    if (raised == PROBE_WARNING)
        return result == PROBE_WARNING || result == PROBE_CRITICAL;
    return result == raised;
}

static bool raises(const struct probe_state *state, const struct probe *probe,
                   enum probe_status status)
{
    unsigned of = within(probe->raise_of, 1, PROBE_STATE_WINDOW_MAX);
    unsigned needed = within(probe->raise_failures, 1, of), count = 0;

    if (badness(status) <= badness(state->shown) || !counts_towards(state->window[0], status))
        return false;
    for (unsigned i = 0; i < of && i < state->filled; i++)
        count += counts_towards(state->window[i], status) ? 1 : 0;
    return count >= needed;
}

/* The worst of the last K results if all are better than what is shown; else what is shown.
 * *looked_r: how many results those are. */
static enum probe_status lowered(const struct probe_state *state, const struct probe *probe,
                                 unsigned *looked_r)
{
    unsigned needed = within(probe->clear, 1, PROBE_STATE_WINDOW_MAX), good = 0, i;
    enum probe_status worst = PROBE_OK;

    for (i = 0; i < state->filled && good < needed; i++) {
        enum probe_status result = state->window[i];
        if (result == PROBE_UNKNOWN && state->shown != PROBE_UNKNOWN)
            continue;
        if (badness(result) >= badness(state->shown))
            return state->shown;
        if (badness(result) > badness(worst))
            worst = result;
        good++;
    }
    *looked_r = i;
    return good == needed ? worst : state->shown;
}

static void decide(struct probe_state *state, const struct probe *probe, time_t now)
{
    static const enum probe_status worst_first[] = {PROBE_CRITICAL, PROBE_UNKNOWN, PROBE_WARNING};
    enum probe_status before = state->shown;
    unsigned looked = 0;

    for (size_t i = 0; i < sizeof(worst_first) / sizeof(*worst_first); i++)
        if (raises(state, probe, worst_first[i]))
            state->shown = worst_first[i];
    if (state->shown == before && before != PROBE_OK) {
        state->shown = lowered(state, probe, &looked);
        if (state->shown != before)
            state->filled = looked;
    }
    if (state->shown != before || state->since == 0)
        state->since = now;
}

/* ---- from what is shown to what is reported ---- */

static enum probe_event event_of(const struct probe_state *state, const struct probe *probe,
                                 time_t now)
{
    if (state->shown == state->reported) {
        bool due = probe->remind > 0 && now - state->reported_at >= (time_t)probe->remind;
        return state->shown != PROBE_OK && due ? PROBE_REMINDER : PROBE_NO_EVENT;
    }
    if (state->reported == PROBE_OK)
        return PROBE_RAISED;
    return state->shown == PROBE_OK ? PROBE_CLEARED : PROBE_CHANGED;
}

enum probe_event probe_state_tick(struct probe_state *state, const struct probe *probe, time_t now)
{
    if (now < state->reported_at) /* the clock was set back: do not wait for it */
        state->reported_at = now;
    if (probe_in_maintenance(probe, now))
        return PROBE_NO_EVENT;
    enum probe_event event = event_of(state, probe, now);
    if (event != PROBE_NO_EVENT) {
        state->reported = state->shown;
        state->reported_at = now;
    }
    return event;
}

enum probe_event probe_state_result(struct probe_state *state, const struct probe *probe,
                                    enum probe_status status, time_t now)
{
    note(state, status);
    decide(state, probe, now);
    return probe_state_tick(state, probe, now);
}
