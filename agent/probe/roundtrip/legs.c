#include "agent/probe/roundtrip/legs.h"

/* Stamps come from elsewhere: sums of a few of this size cannot overflow. */
#define STAMP_MAX (INT64_C(1) << 60)

struct interval {
    int64_t min, max;
};

const char *leg_text(enum leg leg)
{
    static const char *const texts[LEG_COUNT] = {
        [LEG_OUT] = "out", [LEG_REFLECTOR] = "reflector", [LEG_BACK] = "back"};
    return (size_t)leg < LEG_COUNT ? texts[leg] : "unknown";
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t greater(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static struct interval clip(int64_t min, int64_t max, int64_t limit)
{
    return (struct interval){smaller(greater(min, 0), limit), greater(smaller(max, limit), 0)};
}

/* How far the clocks may have drifted apart from the first moment of both samples to the last. */
static int64_t drift(const struct legs_sample *a, const struct legs_sample *b)
{
    int64_t apart = greater(a->t4, b->t4) - smaller(a->t1, b->t1);
    return apart / 1000000 * LEGS_DRIFT_PPM + LEGS_DRIFT_PPM;
}

/* Of the offset at the time of `now`, by what the other sample tells. */
static struct interval offset_by(const struct legs *legs, const struct legs_sample *other,
                                 const struct legs_sample *now)
{
    int64_t slack = drift(other, now);
    return (struct interval){other->t3 - other->t4 - slack,
                             other->t2 + legs->fuzz - other->t1 + slack};
}

static struct interval offset_of(const struct legs *legs, const struct legs_sample *now)
{
    struct interval offset = offset_by(legs, now, now);
    for (size_t i = 0; i < legs->count; i++) {
        struct interval other = offset_by(legs, &legs->window[i], now);
        offset.min = greater(offset.min, other.min);
        offset.max = smaller(offset.max, other.max);
    }
    return offset;
}

static bool in_range(int64_t stamp)
{
    return stamp >= -STAMP_MAX && stamp <= STAMP_MAX;
}

static bool can_be(const struct legs *legs, const struct legs_sample *sample)
{
    if (!in_range(sample->t1) || !in_range(sample->t2) || !in_range(sample->t3) ||
        !in_range(sample->t4))
        return false;
    if (sample->t4 < sample->t1 || sample->t3 < sample->t2)
        return false;
    struct interval offset = offset_by(legs, sample, sample);
    return offset.min <= offset.max;
}

static void set_bounds(const struct legs *legs, const struct legs_sample *sample,
                       struct interval offset, struct legs_bounds *bounds)
{
    int64_t away = sample->t4 - sample->t1, held = sample->t3 - sample->t2;
    int64_t slack = drift(sample, sample);
    const struct interval of[LEG_COUNT] = {
        [LEG_OUT] = clip(sample->t2 - sample->t1 - offset.max,
                         sample->t2 + legs->fuzz - sample->t1 - offset.min, away),
        [LEG_REFLECTOR] = clip(held - legs->fuzz - slack, held + legs->fuzz + slack, away),
        [LEG_BACK] = clip(sample->t4 - sample->t3 - legs->fuzz + offset.min,
                          sample->t4 - sample->t3 + offset.max, away),
    };
    bounds->offset_min = offset.min;
    bounds->offset_max = offset.max;
    for (int leg = 0; leg < LEG_COUNT; leg++) {
        bounds->min[leg] = of[leg].min;
        bounds->max[leg] = of[leg].max;
    }
}

bool legs_add(struct legs *legs, const struct legs_sample *sample, struct legs_bounds *bounds)
{
    if (!can_be(legs, sample))
        return false;
    struct interval offset = offset_of(legs, sample);
    if (offset.min > offset.max) {
        legs->moved++;
        legs->count = legs->next = 0;
        offset = offset_by(legs, sample, sample);
    }
    legs->window[legs->next] = *sample;
    legs->next = (legs->next + 1) % LEGS_WINDOW;
    if (legs->count < LEGS_WINDOW)
        legs->count++;
    set_bounds(legs, sample, offset, bounds);
    return true;
}
