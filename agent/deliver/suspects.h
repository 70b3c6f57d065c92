/*
 * Copies that were being sent, alone, when a connection was lost: perhaps because of them. Such a
 * copy is sent alone and less and less often, so that it stops nothing else; it is never given up
 * for it. In memory only, and only the last SUSPECTS_MAX of them.
 */
#ifndef AGENT_DELIVER_SUSPECTS_H
#define AGENT_DELIVER_SUSPECTS_H

#include <stddef.h>
#include <stdint.h>

#define SUSPECTS_MAX 32

struct suspects {
    struct suspect {
        int64_t copy;
        unsigned cuts;    /* connections lost */
    } list[SUSPECTS_MAX]; /* the last one added is the last */
    size_t n;
};

void suspects_add(struct suspects *suspects, int64_t copy);
/* 0: it is none. */
unsigned suspects_cuts(const struct suspects *suspects, int64_t copy);
void suspects_clear(struct suspects *suspects, int64_t copy);

#endif
