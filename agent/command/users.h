/*
 * `mailvigil users`: who is monitored, in which directions, by which rules, to which targets; and
 * who is not, with the reason; and who is exempt. As a table, or as JSON:
 *
 *   {"instance": "...", "accounts": [{"account", "address", "aliases": [], "server", "selected",
 *     "monitored", "reason": coverage_reason_name(), or null, "takes": [{"rule", "directions": [],
 * "targets": [], "sample": percent as text, "conditions": []}]}], "exempt": [{"rule", "addresses":
 * [], "conditions": [], "purpose", "approved_by"}]}
 *
 * What else a rule requires of a message is named, because it may then select only some of them.
 */
#ifndef AGENT_COMMAND_USERS_H
#define AGENT_COMMAND_USERS_H

#include <stdbool.h>
#include <stdio.h>

#include "agent/config/config.h"

void users_print(const struct config *config, FILE *out);
void users_print_json(const struct config *config, FILE *out);
/* Loads the configuration and prints; problems to err. The exit status: EX_OK or EX_CONFIG. */
int users_command(const char *config_path, bool json, FILE *out, FILE *err);

#endif
