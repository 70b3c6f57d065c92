/* Milliseconds as a struct timeval, for libevent's timers. */
#ifndef IMAPCLIENT_UTIL_MILLISECONDS_H
#define IMAPCLIENT_UTIL_MILLISECONDS_H

#include <stdint.h>
#include <sys/time.h>

static inline struct timeval milliseconds(uint64_t count)
{
    return (struct timeval){.tv_sec = (time_t)(count / 1000),
                            .tv_usec = (suseconds_t)(count % 1000) * 1000};
}

#endif
