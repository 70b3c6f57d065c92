/*
 * Whom the rules reach, as far as can be told without a message.
 */
#ifndef AGENT_COMMAND_COVERAGE_H
#define AGENT_COMMAND_COVERAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/config/config.h"

/* The directions in which the rule may take messages of that owner, without those in which all of
 * his are exempt; none for an account that is not watched. */
unsigned coverage_directions(const struct config *config, const struct rule *rule,
                             const struct account *account);
/* NULL: the account is monitored in some direction; else why not (static text). */
const char *coverage_reason(const struct config *config, const struct account *account);

/* The i-th thing that a rule may ask of a message besides owner and direction: its key if the rule
 * asks it, else "". NULL behind the last. */
const char *coverage_condition(const struct rule *rule, size_t i);
/* "sample 5 %, min_size, attachment"; "" if it asks nothing; a new string. */
char *coverage_conditions(const struct rule *rule);
/* "a, b"; a new string. */
char *coverage_join(char *const *texts);

#endif
