/*
 * How long to wait before the next try: doubling from first to last, plus or minus a random
 * quarter, so that a thousand clients do not reconnect to a restarted server all at once.
 */
#ifndef AGENT_UTIL_BACKOFF_H
#define AGENT_UTIL_BACKOFF_H

#include <sys/time.h>

struct backoff {
    unsigned first, last; /* seconds */
    unsigned tries;       /* since the last success */
};

/* The wait before the next try, and counts it. */
struct timeval backoff_next(struct backoff *backoff);
void backoff_succeeded(struct backoff *backoff);

#endif
