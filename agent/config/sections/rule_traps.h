/*
 * Rules that are valid but hardly mean what was written: patterns that must match a whole text and
 * are only a part of it, rules that can never select a message, rules that are there twice. All are
 * warnings.
 */
#ifndef AGENT_CONFIG_SECTIONS_RULE_TRAPS_H
#define AGENT_CONFIG_SECTIONS_RULE_TRAPS_H

#include "agent/config/sections/loader.h"

/* sections: of the rules, in the set's order. Only for a configuration without errors so far. */
void rule_traps_check(const struct config_loader *loader, const struct config_section *sections);

#endif
