#include "agent/util/histogram.h"

#include <math.h>

const double histogram_bounds[HISTOGRAM_BUCKETS] = {.005, .01, .025, .05, .1, .25, .5,
                                                    1,    2.5, 5,    10,  60, 600, 3600};

void histogram_add(struct histogram *histogram, double seconds)
{
    size_t bucket = 0;

    if (isnan(seconds))
        return;
    if (seconds < 0)
        seconds = 0;
    while (bucket < HISTOGRAM_BUCKETS && seconds > histogram_bounds[bucket])
        bucket++;
    histogram->buckets[bucket]++;
    histogram->sum += seconds;
}

void histogram_add_since(struct histogram *histogram, time_t since)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    histogram_add(histogram, difftime(now.tv_sec, since) + (double)now.tv_nsec / 1e9);
}
