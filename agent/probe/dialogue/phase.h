/*
 * The phases of a dialogue with a mail service, and the clock that times them: microseconds of
 * CLOCK_MONOTONIC. A phase that is entered again (CAPABILITY after STARTTLS) adds to its time.
 */
#ifndef AGENT_PROBE_DIALOGUE_PHASE_H
#define AGENT_PROBE_DIALOGUE_PHASE_H

#include <stdbool.h>
#include <stdint.h>

enum phase {
    PHASE_RESOLVE,
    PHASE_CONNECT,
    PHASE_TLS,        /* the handshake; STARTTLS or STLS and its reply too */
    PHASE_GREETING,   /* until the greeting was read completely */
    PHASE_CAPABILITY, /* CAPABILITY, CAPA, EHLO */
    PHASE_AUTH,
    PHASE_COMMAND, /* EXAMINE, NOOP; STAT, UIDL; MAIL, RCPT, RSET or DATA */
    PHASE_QUIT,
    PHASE_COUNT,
    PHASE_NONE = PHASE_COUNT,
};

const char *phase_text(enum phase phase); /* "resolve" ... "quit"; "none" */

struct phase_clock {
    uint64_t began, entered; /* microseconds */
    enum phase current;      /* PHASE_NONE: stopped */
    uint64_t microseconds[PHASE_COUNT];
    bool ran[PHASE_COUNT];
};

uint64_t phase_now(void); /* microseconds, CLOCK_MONOTONIC */
void phase_clock_start(struct phase_clock *clock);
/* The current phase ends and this one begins. PHASE_NONE: only ends. */
void phase_clock_enter(struct phase_clock *clock, enum phase phase);
/* From start to the last change. */
uint64_t phase_clock_total(const struct phase_clock *clock);

#endif
