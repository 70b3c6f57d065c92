/*
 * Lists: a name for several targets, or for further lists. All are read first, then resolved;
 * unknown names and cycles are reported.
 */
#ifndef AGENT_CONFIG_SECTIONS_LISTS_H
#define AGENT_CONFIG_SECTIONS_LISTS_H

#include "agent/config/sections/loader.h"

struct config_lists;

/* The list sections of all sources; notes their names in the config. */
struct config_lists *config_lists_load(struct config_loader *loader);
void config_lists_free(struct config_lists *lists);
/*
 * The targets that the values of the section's `targets` mean, each once: a new list, NULL if
 * there are none.
 */
char **config_lists_targets(struct config_lists *lists, const struct config_section *section);
/* Warns about unused targets and lists. */
void config_lists_unused(const struct config_lists *lists);

#endif
