/*
 * Counted work: how much may be spent on one message, in steps and never in seconds, so that the
 * same message costs the same and has the same result on every machine.
 *
 * One struct work is shared by all that draw on one budget. What runs out of it is doubt, never a
 * no. A step is what an ordinary core does in about 15 ns; whoever spends states what a step of
 * his is.
 *
 * Readers of structure (rules/mime) have bounds and cost linear time, so they carry no budget;
 * tests/unit/rules/test_work.c counts what they really execute and holds that against the size of
 * their input.
 */
#ifndef RULES_UTIL_WORK_H
#define RULES_UTIL_WORK_H

#include <stdbool.h>
#include <stdint.h>

/* Start with {.max = ...}. done may end up above max, by the last thing that was spent. */
struct work {
    uint64_t done, max;
};

static inline uint64_t work_left(const struct work *work)
{
    return work->done < work->max ? work->max - work->done : 0;
}

/* false: the budget is spent. */
static inline bool work_spend(struct work *work, uint64_t steps)
{
    work->done = UINT64_MAX - work->done < steps ? UINT64_MAX : work->done + steps;
    return work->done <= work->max;
}

#endif
