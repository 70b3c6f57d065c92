/* A histogram of durations with fixed bounds, as OpenMetrics has them. Counts since the start. */
#ifndef AGENT_UTIL_HISTOGRAM_H
#define AGENT_UTIL_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define HISTOGRAM_BUCKETS 14

/* Seconds: .005 .01 .025 .05 .1 .25 .5 1 2.5 5 10 60 600 3600, then +Inf. */
extern const double histogram_bounds[HISTOGRAM_BUCKETS];

struct histogram {
    uint64_t buckets[HISTOGRAM_BUCKETS + 1]; /* not cumulative */
    double sum;
};

/* Negative values count as 0: a clock was set back. NaN is not counted. */
void histogram_add(struct histogram *histogram, double seconds);
/* From that second of the wall clock to now; accurate to a second. */
void histogram_add_since(struct histogram *histogram, time_t since);

#endif
