/*
 * `mailvigil ledger --waiting`: the copies that wait for their target, or were given up, with the
 * server's reason, and how often it refused them.
 *
 *   {"waiting": [{"id", "target", "state", "attempts", "since", "next_try", "reason",
 *      "account", "folder", "uidvalidity", "uid", "size"}]}
 *
 * state: pending, held, sending, failed. since: when it was captured. next_try: null if it is due,
 * or was given up.
 */
#ifndef AGENT_COMMAND_WAITING_H
#define AGENT_COMMAND_WAITING_H

#include <stdbool.h>
#include <stdio.h>

/* account, target NULL: all. The exit status: EX_OK, or EX_TEMPFAIL if there is no ledger to read;
 * the reason is printed on standard error. */
int waiting_command(const char *state_dir, const char *account, const char *target, bool json,
                    FILE *out);

#endif
