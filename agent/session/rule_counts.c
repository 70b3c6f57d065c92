#include "agent/session/rule_counts.h"

#include <stdlib.h>
#include <string.h>

#include "rules/util/memory.h"

void rule_counts_add(struct rule_counts *counts, const char *rule, uint64_t count)
{
    for (size_t i = 0; i < counts->n; i++) {
        if (strcmp(counts->list[i].rule, rule) == 0) {
            counts->list[i].count += count;
            return;
        }
    }
    counts->list = xreallocarray(counts->list, counts->n + 1, sizeof(*counts->list));
    counts->list[counts->n++] = (struct rule_count){.rule = xstrdup(rule), .count = count};
}

void rule_counts_clear(struct rule_counts *counts)
{
    for (size_t i = 0; i < counts->n; i++)
        free(counts->list[i].rule);
    free(counts->list);
    *counts = (struct rule_counts){0};
}
