#include "agent/backoff.h"

#include <event2/util.h>
#include <stdint.h>

struct timeval backoff_next(struct backoff *backoff)
{
    uint64_t seconds = backoff->first;
    uint64_t milliseconds;
    uint32_t chance;

    for (unsigned i = 0; i < backoff->tries && seconds < backoff->last; i++)
        seconds *= 2;
    if (seconds > backoff->last)
        seconds = backoff->last;
    backoff->tries++;

    evutil_secure_rng_get_bytes(&chance, sizeof(chance));
    milliseconds = seconds * 750 + (seconds * 500 * (uint64_t)(chance & 0xffff)) / 0xffff;
    return (struct timeval){.tv_sec = (time_t)(milliseconds / 1000),
                            .tv_usec = (suseconds_t)(milliseconds % 1000 * 1000)};
}

void backoff_succeeded(struct backoff *backoff)
{
    backoff->tries = 0;
}
