/*
 * The running agent: `mailvigil run`. Joins configuration, ledger, watches, deliveries and probes
 * on one event loop; handles signals and reloads, and speaks the service manager's protocol.
 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

/* Runs until SIGTERM or SIGINT. Returns an exit status of sysexits.h: EX_OK, EX_TEMPFAIL or
 * EX_CONFIG. */
int agent_run(const char *config_path);

#endif
