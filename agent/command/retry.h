/*
 * `mailvigil retry` and `mailvigil drop`: what an officer decides about copies that wait or were
 * given up. The running agent is asked to do it; where none runs, the ledger is changed directly,
 * under its lock. Either way it is recorded in the chain.
 */
#ifndef AGENT_COMMAND_RETRY_H
#define AGENT_COMMAND_RETRY_H

#include "agent/config/config.h"

/* Only instance and state_dir of the configuration are used. id and target NULL: all copies. The
 * exit status: EX_OK; EX_USAGE; EX_NOINPUT if there is no such copy, or nothing to do with it;
 * EX_TEMPFAIL. */
int retry_command(const struct config *config, const char *id, const char *target);
int drop_command(const struct config *config, const char *id, const char *why);

#endif
