#include "agent/probe/dialogue/phase.h"

#include <string.h>
#include <time.h>

static const char *const texts[PHASE_COUNT + 1] = {
    [PHASE_RESOLVE] = "resolve",
    [PHASE_CONNECT] = "connect",
    [PHASE_TLS] = "tls",
    [PHASE_GREETING] = "greeting",
    [PHASE_CAPABILITY] = "capability",
    [PHASE_AUTH] = "auth",
    [PHASE_COMMAND] = "command",
    [PHASE_QUIT] = "quit",
    [PHASE_NONE] = "none",
};

const char *phase_text(enum phase phase)
{
    return texts[phase];
}

uint64_t phase_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void phase_clock_start(struct phase_clock *clock)
{
    memset(clock, 0, sizeof(*clock));
    clock->began = phase_now();
    clock->entered = clock->began;
    clock->current = PHASE_NONE;
}

void phase_clock_enter(struct phase_clock *clock, enum phase phase)
{
    uint64_t now = phase_now();
    if (clock->current != PHASE_NONE)
        clock->microseconds[clock->current] += now - clock->entered;
    clock->entered = now;
    clock->current = phase;
    if (phase != PHASE_NONE)
        clock->ran[phase] = true;
}

uint64_t phase_clock_total(const struct phase_clock *clock)
{
    return clock->entered - clock->began;
}
