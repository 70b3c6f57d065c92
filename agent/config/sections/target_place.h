/*
 * Where a target's copies lie, compared with what is watched: a monitored person who can open the
 * mailbox of a target sees that she is monitored, and copies in a watched folder are mail again.
 * Warnings only.
 */
#ifndef AGENT_CONFIG_SECTIONS_TARGET_PLACE_H
#define AGENT_CONFIG_SECTIONS_TARGET_PLACE_H

#include "agent/config/sections/loader.h"

/* For all targets, once the accounts are read. */
void target_place_check(const struct config_loader *loader);

#endif
