/*
 * `mailvigil check` without --connect: all problems to err, then, if none of them is an error, the
 * effective configuration to out. Reads files only; logs in nowhere.
 */
#ifndef AGENT_COMMAND_CHECK_H
#define AGENT_COMMAND_CHECK_H

#include <stdio.h>

#include "agent/config/config.h"

enum { CHECK_FINDING = 1 };

/* The exit status: EX_OK, CHECK_FINDING if nobody is monitored, or EX_CONFIG. */
int check_configuration(const char *path, FILE *out, FILE *err);
/* CHECK_FINDING, and says so, if nothing can be copied though the configuration is not just for
 * probes; else 0. */
int check_monitoring(const struct config *config, FILE *err);

#endif
