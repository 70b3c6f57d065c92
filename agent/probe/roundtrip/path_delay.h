/*
 * Bounds for the one-way delays of round trips and for the offset of the reflector's clock, without
 * trusting that clock.
 *
 * Local: t1, a moment before which the reflector cannot have received the message (its sending
 * began, or its last octet was sent; not the server's reply, which an answer can overtake); t4, its
 * answer was seen. Remote: t2 received, t3 handed over. The remote clock is ahead by an unknown
 * offset. Both one-way delays are at least 0, so t3 - t4 <= offset <= t2 - t1 for each probe; the
 * intervals of the last PATH_DELAY_WINDOW probes are intersected, each widened by what two clocks
 * may have drifted apart since. An empty intersection means that one of the clocks was stepped: the
 * window starts over, and `moved` counts it. Then out = t2 - t1 - offset and
 * back = t4 - t3 + offset, each as an interval, never below 0 nor longer than t4 - t1; and
 * out + back = (t4 - t1) - (t3 - t2).
 *
 * Pure. Microseconds; `fuzz` is the resolution of the remote stamps (1,000,000 for whole seconds: a
 * stamp t means [t, t + fuzz)). Initialise with zeros and the fuzz.
 */
#ifndef AGENT_PROBE_ROUNDTRIP_PATH_DELAY_H
#define AGENT_PROBE_ROUNDTRIP_PATH_DELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/probe/verdict/result.h"

#define PATH_DELAY_WINDOW 20
#define PATH_DELAY_DRIFT_PPM 100 /* two quartz clocks of 50 ppm each, apart from each other */

struct path_delay_sample {
    int64_t t1, t2, t3, t4;
};
struct path_delay {
    struct path_delay_sample window[PATH_DELAY_WINDOW];
    size_t count, next;
    int64_t fuzz;
    unsigned moved;
};

struct path_delay_bounds {
    int64_t offset_min, offset_max;
    int64_t min[PATH_PARTS], max[PATH_PARTS];
};
/* false: the sample is impossible (t4 < t1, t3 < t2, or it spent longer at the reflector than it
 * was away) and is ignored. bounds: of this sample. */
bool path_delay_add(struct path_delay *delay, const struct path_delay_sample *sample,
                    struct path_delay_bounds *bounds);

#endif
