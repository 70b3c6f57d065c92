/*
 * Counters by the name of a rule: a reload may change the rules, the counts remain. Start with {0}.
 */
#ifndef AGENT_SESSION_RULE_COUNTS_H
#define AGENT_SESSION_RULE_COUNTS_H

#include <stddef.h>
#include <stdint.h>

struct rule_counts {
    struct rule_count {
        char *rule;
        uint64_t count;
    } * list;
    size_t n;
};

void rule_counts_add(struct rule_counts *counts, const char *rule, uint64_t count);
void rule_counts_clear(struct rule_counts *counts);

#endif
