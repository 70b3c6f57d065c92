/*
 * `mailvigil check --connect`: signs in to every account and target, says what each server offers,
 * which of our methods will be used, and which folder was found to be Sent. A few at a time; runs
 * an event loop of its own. Changes nothing on any server.
 */
#ifndef AGENT_COMMAND_CONNECT_CHECK_H
#define AGENT_COMMAND_CONNECT_CHECK_H

#include <stdio.h>

#include "agent/config/config.h"

/* Exit status: 0, or 1 when an account or target could not be reached or lacks a folder. */
int connect_check(const struct config *config, FILE *out);

#endif
