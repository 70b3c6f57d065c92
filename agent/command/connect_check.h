/*
 * `mailvigil check --connect`: logs in to every account and target, shows what each server
 * supports, which methods will be used, and which folder is Sent. A few at a time; runs an event
 * loop of its own. Changes nothing on any server.
 */
#ifndef AGENT_COMMAND_CONNECT_CHECK_H
#define AGENT_COMMAND_CONNECT_CHECK_H

#include <stdio.h>

#include "agent/config/config.h"

/* Exit status: 0, or 1 if an account or target could not be reached or lacks a folder. */
int connect_check(const struct config *config, FILE *out);

#endif
