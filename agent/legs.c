#include "agent/legs.h"

/* Two clocks that are both disciplined run apart by less than this: 50 of a million. A sample that
 * is older is taken as so much wider. */
#define DRIFT_PARTS 20000

const char *leg_text(enum leg leg)
{
    static const char *const texts[] = {
        [LEG_OUT] = "out", [LEG_REFLECTOR] = "reflector", [LEG_BACK] = "back"};

    return texts[leg];
}

static int64_t at_least_zero(int64_t value)
{
    return value > 0 ? value : 0;
}

/* The offset as all samples of the window bound it, at the time of the newest. false: no offset
 * fits them all. */
static bool intersect(const struct legs *legs, int64_t newest, int64_t *min, int64_t *max)
{
    *min = INT64_MIN;
    *max = INT64_MAX;
    for (size_t i = 0; i < legs->count; i++) {
        const struct legs_sample *sample = &legs->window[i];
        int64_t age = newest > sample->t4 ? newest - sample->t4 : sample->t4 - newest;
        int64_t drift = age / DRIFT_PARTS;
        int64_t low = sample->t3 - sample->t4 - drift;
        int64_t high = sample->t2 + legs->fuzz - sample->t1 + drift;

        *min = low > *min ? low : *min;
        *max = high < *max ? high : *max;
    }
    return *min <= *max;
}

static void bound(const struct legs *legs, const struct legs_sample *sample,
                  struct legs_bounds *bounds)
{
    int64_t held = sample->t3 - sample->t2;
    int64_t out = sample->t2 - sample->t1, back = sample->t4 - sample->t3;

    bounds->min[LEG_REFLECTOR] = at_least_zero(held - legs->fuzz);
    bounds->max[LEG_REFLECTOR] = held + legs->fuzz;
    bounds->min[LEG_OUT] = at_least_zero(out - bounds->offset_max);
    bounds->max[LEG_OUT] = at_least_zero(out + legs->fuzz - bounds->offset_min);
    bounds->min[LEG_BACK] = at_least_zero(back - legs->fuzz + bounds->offset_min);
    bounds->max[LEG_BACK] = at_least_zero(back + bounds->offset_max);
}

bool legs_add(struct legs *legs, const struct legs_sample *sample, struct legs_bounds *bounds)
{
    if (sample->t4 < sample->t1 || sample->t3 < sample->t2)
        return false;
    legs->window[legs->next] = *sample;
    legs->next = (legs->next + 1) % LEGS_WINDOW;
    if (legs->count < LEGS_WINDOW)
        legs->count++;
    if (!intersect(legs, sample->t4, &bounds->offset_min, &bounds->offset_max)) {
        legs->moved++;
        legs->window[0] = *sample;
        legs->count = legs->next = 1;
        if (!intersect(legs, sample->t4, &bounds->offset_min, &bounds->offset_max))
            return false;
    }
    bound(legs, sample, bounds);
    return true;
}
