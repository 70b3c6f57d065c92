#include "agent/probe/roundtrip/path_delay.h"

/* Stamps come from elsewhere: sums of a few of this size cannot overflow. */
#define STAMP_MAX (INT64_C(1) << 60)

struct interval {
    int64_t min, max;
};

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
static int64_t drift(const struct path_delay_sample *a, const struct path_delay_sample *b)
{
    int64_t apart = greater(a->t4, b->t4) - smaller(a->t1, b->t1);
    return apart / 1000000 * PATH_DELAY_DRIFT_PPM + PATH_DELAY_DRIFT_PPM;
}

/* Of the offset at the time of `now`, as the other sample bounds it. */
static struct interval offset_by(const struct path_delay *delay,
                                 const struct path_delay_sample *other,
                                 const struct path_delay_sample *now)
{
    int64_t slack = drift(other, now);
    return (struct interval){other->t3 - other->t4 - slack,
                             other->t2 + delay->fuzz - other->t1 + slack};
}

static struct interval offset_of(const struct path_delay *delay,
                                 const struct path_delay_sample *now)
{
    struct interval offset = offset_by(delay, now, now);
    for (size_t i = 0; i < delay->count; i++) {
        struct interval other = offset_by(delay, &delay->window[i], now);
        offset.min = greater(offset.min, other.min);
        offset.max = smaller(offset.max, other.max);
    }
    return offset;
}

static bool in_range(int64_t stamp)
{
    return stamp >= -STAMP_MAX && stamp <= STAMP_MAX;
}

static bool is_possible(const struct path_delay *delay, const struct path_delay_sample *sample)
{
    if (!in_range(sample->t1) || !in_range(sample->t2) || !in_range(sample->t3) ||
        !in_range(sample->t4))
        return false;
    if (sample->t4 < sample->t1 || sample->t3 < sample->t2)
        return false;
    struct interval offset = offset_by(delay, sample, sample);
    return offset.min <= offset.max;
}

static void set_bounds(const struct path_delay *delay, const struct path_delay_sample *sample,
                       struct interval offset, struct path_delay_bounds *bounds)
{
    int64_t away = sample->t4 - sample->t1, held = sample->t3 - sample->t2;
    int64_t slack = drift(sample, sample);
    const struct interval of[PATH_PARTS] = {
        [PATH_OUT] = clip(sample->t2 - sample->t1 - offset.max,
                          sample->t2 + delay->fuzz - sample->t1 - offset.min, away),
        [PATH_REFLECTOR] = clip(held - delay->fuzz - slack, held + delay->fuzz + slack, away),
        [PATH_BACK] = clip(sample->t4 - sample->t3 - delay->fuzz + offset.min,
                           sample->t4 - sample->t3 + offset.max, away),
    };
    bounds->offset_min = offset.min;
    bounds->offset_max = offset.max;
    for (int part = 0; part < PATH_PARTS; part++) {
        bounds->min[part] = of[part].min;
        bounds->max[part] = of[part].max;
    }
}

bool path_delay_add(struct path_delay *delay, const struct path_delay_sample *sample,
                    struct path_delay_bounds *bounds)
{
    if (!is_possible(delay, sample))
        return false;
    struct interval offset = offset_of(delay, sample);
    if (offset.min > offset.max) {
        delay->moved++;
        delay->count = delay->next = 0;
        offset = offset_by(delay, sample, sample);
    }
    delay->window[delay->next] = *sample;
    delay->next = (delay->next + 1) % PATH_DELAY_WINDOW;
    if (delay->count < PATH_DELAY_WINDOW)
        delay->count++;
    set_bounds(delay, sample, offset, bounds);
    return true;
}
