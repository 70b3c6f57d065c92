/*
 * `mailvigil check` without --connect: all problems to err, then, if none of them is an error, the
 * effective configuration to out. Reads files only; logs in nowhere.
 */
#ifndef AGENT_COMMAND_CHECK_H
#define AGENT_COMMAND_CHECK_H

#include <stdio.h>

/* The exit status: EX_OK or EX_CONFIG. */
int check_configuration(const char *path, FILE *out, FILE *err);

#endif
