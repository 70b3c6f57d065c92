/*
 * What a ledger cannot tell by itself: whether an agent runs that would see new messages, and what
 * keeps it from seeing them or from delivering copies. Asked through the control socket
 * (status/control.h), within STANDING_TIMEOUT seconds.
 */
#ifndef AGENT_COMMAND_STANDING_H
#define AGENT_COMMAND_STANDING_H

#include <stdbool.h>
#include <stddef.h>

#define STANDING_TIMEOUT 5

struct standing {
    enum standing_agent {
        STANDING_RUNNING,
        STANDING_STOPPED,
        STANDING_UNKNOWN, /* it cannot be reached, or does not answer: that is a problem */
    } agent;
    char **problems; /* "account alice: authentication failed"; printable */
    size_t n;
};

/* account NULL: all; else without the problems of the others. To be cleared. */
void standing_ask(struct standing *standing, const char *state_dir, const char *account);
void standing_clear(struct standing *standing);
const char *standing_agent_name(enum standing_agent agent); /* "running", for JSON */
/* It runs and nothing is in question. */
bool standing_is_good(const struct standing *standing);

#endif
