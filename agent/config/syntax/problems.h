/*
 * Collecting problems; struct config_problems itself is public in config.h.
 */
#ifndef AGENT_CONFIG_SYNTAX_PROBLEMS_H
#define AGENT_CONFIG_SYNTAX_PROBLEMS_H

#include "agent/config/config.h"

/* file NULL or line 0: none. */
void config_problem(struct config_problems *problems, const char *file, int line,
                    const char *format, ...) __attribute__((format(printf, 4, 5)));
void config_warning(struct config_problems *problems, const char *file, int line,
                    const char *format, ...) __attribute__((format(printf, 4, 5)));
/* By file (`first` before all others, which are sorted by name), then by line. */
void config_problems_sort(struct config_problems *problems, const char *first);
/* "; did you mean "x"?", or "" without a suggestion. Returns the buffer. */
#define CONFIG_HINT_MAX 160
const char *config_hint(char buffer[CONFIG_HINT_MAX], const char *suggestion);

#endif
