/*
 * Bounds for the legs of round trips and for the reflector's clock, without trusting that clock.
 *
 * Local: t1 a moment before which the reflector cannot have had the message (its sending began, or
 * its last octet went; not the server's reply, which an answer can overtake), t4 its answer was
 * seen. Remote: t2 received, t3 handed over; the remote clock is ahead by an unknown offset. Both
 * legs are at least 0, so t3 - t4 <= offset <= t2 - t1 for each probe; intersected over the last
 * LEGS_WINDOW probes, each widened by what two clocks may have drifted apart since. An empty
 * intersection means that one of the clocks was moved: the window is begun anew, and `moved` counts
 * it. Then out = t2 - t1 - offset, back = t4 - t3 + offset, each as an interval, never below 0 nor
 * longer than t4 - t1; and out + back = (t4 - t1) - (t3 - t2).
 *
 * Pure. Microseconds; `fuzz` says how coarse the remote stamps are (1,000,000 for whole seconds: a
 * stamp t means [t, t + fuzz)). Begin with zeros and the fuzz.
 */
#ifndef AGENT_PROBE_ROUNDTRIP_LEGS_H
#define AGENT_PROBE_ROUNDTRIP_LEGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEGS_WINDOW 20
#define LEGS_DRIFT_PPM 100 /* two quartz clocks of 50 ppm each, apart from each other */

struct legs_sample {
    int64_t t1, t2, t3, t4;
};
struct legs {
    struct legs_sample window[LEGS_WINDOW];
    size_t count, next;
    int64_t fuzz;
    unsigned moved;
};
enum leg { LEG_OUT, LEG_REFLECTOR, LEG_BACK, LEG_COUNT };
const char *leg_text(enum leg leg); /* "out" "reflector" "back" */

struct legs_bounds {
    int64_t offset_min, offset_max;
    int64_t min[LEG_COUNT], max[LEG_COUNT];
};
/* false: the sample cannot be (t4 < t1, t3 < t2, it was at the reflector for longer than it was
 * away): nothing is taken. bounds: of this sample. */
bool legs_add(struct legs *legs, const struct legs_sample *sample, struct legs_bounds *bounds);

#endif
