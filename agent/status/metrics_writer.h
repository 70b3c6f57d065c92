/*
 * Writes metric families as text: OpenMetrics 1.0.0, or the Prometheus text format 0.0.4 to who
 * knows only that. A family begins with its type and help, then come its samples; each family is
 * begun once. Names are the caller's constants; label values may be any UTF-8 and are escaped, what
 * is not UTF-8 becomes U+FFFD.
 *
 * The two formats differ in how the type of a counter is named (without _total in OpenMetrics), in
 * units and infos, which only OpenMetrics knows, and in its end. Bounds are written alike in both
 * ("1.0"), so that a change of format keeps the series.
 */
#ifndef AGENT_STATUS_METRICS_WRITER_H
#define AGENT_STATUS_METRICS_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum metric_type {
    METRIC_COUNTER, /* the name ends in _total */
    METRIC_GAUGE,
    METRIC_INFO, /* the name ends in _info; the value is 1 */
    METRIC_HISTOGRAM,
};

struct metrics_writer {
    FILE *out;
    bool openmetrics;
    const char *name; /* of the family that was begun last */
};

void metrics_begin(struct metrics_writer *writer, FILE *out, bool openmetrics);
/* "# EOF": what lacks it was cut off. */
void metrics_end(struct metrics_writer *writer);

/* name: in full, as its samples have it (a histogram's without _bucket); a constant. A unit is
 * declared for names that end in _seconds, _bytes or _ratio. help: one sentence. */
void metrics_family(struct metrics_writer *writer, enum metric_type type, const char *name,
                    const char *help);
/* Labels: pairs of name and value, ended by NULL. A value that is not finite is not known: no
 * sample is written. */
void metrics_sample(struct metrics_writer *writer, double value, ...) __attribute__((sentinel));
/* buckets: n + 1, not cumulative; bounds: n, ascending. */
void metrics_histogram(struct metrics_writer *writer, const double *bounds, const uint64_t *buckets,
                       size_t n, double sum, ...) __attribute__((sentinel));

/* For tables of samples: the uint64_t at that offset of a struct. */
double metrics_number_at(const void *numbers, size_t offset);

#endif
