/*
 * Which accounts the rules cover, as far as that can be known without a message.
 */
#ifndef AGENT_COMMAND_COVERAGE_H
#define AGENT_COMMAND_COVERAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/config/config.h"

/* The directions in which the rule may select messages of that owner, without those in which all of
 * them are exempt; none for an account that is not watched. */
unsigned coverage_directions(const struct config *config, const struct rule *rule,
                             const struct account *account);
/* Why an account is not monitored in any direction. */
enum coverage_reason {
    COVERAGE_MONITORED, /* it is, in some */
    COVERAGE_PROBES_ONLY,
    COVERAGE_EXEMPT,
    COVERAGE_SELECTED_NO_RULE,
    COVERAGE_NOT_SELECTED,
    COVERAGE_NO_RULE,
};
enum coverage_reason coverage_reason(const struct config *config, const struct account *account);
/* For people, and "probes_only", "exempt" and so on for programs; NULL: it is monitored. */
const char *coverage_reason_text(enum coverage_reason reason);
const char *coverage_reason_name(enum coverage_reason reason);

/* The i-th condition that a rule may have besides owner and direction: its key if the rule has
 * it, else "". NULL after the last. */
const char *coverage_condition(const struct rule *rule, size_t i);
/* "sample 5 %, min_size, attachment"; "" if it has none; a new string. */
char *coverage_conditions(const struct rule *rule);
/* "a, b"; a new string. */
char *coverage_join(char *const *texts);

#endif
