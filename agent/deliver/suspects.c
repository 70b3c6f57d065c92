#include "agent/deliver/suspects.h"

#include <string.h>

unsigned suspects_cuts(const struct suspects *suspects, int64_t copy)
{
    for (size_t i = 0; i < suspects->n; i++)
        if (suspects->list[i].copy == copy)
            return suspects->list[i].cuts;
    return 0;
}

static void take_out(struct suspects *suspects, size_t i)
{
    memmove(&suspects->list[i], &suspects->list[i + 1],
            (suspects->n - i - 1) * sizeof(suspects->list[0]));
    suspects->n--;
}

void suspects_clear(struct suspects *suspects, int64_t copy)
{
    for (size_t i = 0; i < suspects->n; i++) {
        if (suspects->list[i].copy == copy) {
            take_out(suspects, i);
            return;
        }
    }
}

void suspects_add(struct suspects *suspects, int64_t copy)
{
    unsigned cuts = suspects_cuts(suspects, copy);

    suspects_clear(suspects, copy);
    if (suspects->n == SUSPECTS_MAX)
        take_out(suspects, 0);
    suspects->list[suspects->n++] = (struct suspect){.copy = copy, .cuts = cuts + 1};
}
