#include "agent/util/backoff.h"

#include <event2/util.h>
#include <stdint.h>

#include "imapclient/util/milliseconds.h"

struct timeval backoff_next(struct backoff *backoff)
{
    uint64_t seconds = backoff->first;
    uint32_t chance;

    for (unsigned i = 0; i < backoff->tries && seconds < backoff->last; i++)
        seconds *= 2;
    if (seconds > backoff->last)
        seconds = backoff->last;
    backoff->tries++;

    evutil_secure_rng_get_bytes(&chance, sizeof(chance));
    return milliseconds(seconds * 750 + (seconds * 500 * (uint64_t)(chance & 0xffff)) / 0xffff);
}

void backoff_succeeded(struct backoff *backoff)
{
    backoff->tries = 0;
}
