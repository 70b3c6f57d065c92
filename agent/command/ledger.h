/*
 * `mailvigil ledger`: what became of every message, a line each, and a summary that says whether
 * everything that was wanted is delivered. Reads beside a running agent (report.h).
 *
 *   {"lines": [{"account", "folder", "uidvalidity", "first_uid", "last_uid", "at", "state",
 *      "reason", "sha256", "target", "copy_state", "target_folder", "target_uidvalidity",
 *      "target_uid", "delivered_at", "monitor_id", "duplicate_of"}],
 *    "messages": {"not wanted": n, ...},
 *    "copies": {"delivered", "pending", "failed"}, "complete": bool}
 */
#ifndef AGENT_COMMAND_LEDGER_H
#define AGENT_COMMAND_LEDGER_H

#include <stdbool.h>
#include <stdio.h>

/*
 * account NULL: all; one that is not configured any more may still be in the ledger. since NULL:
 * all; else a date (2026-01-31) or a duration (7d). The exit status: 0; 64 for a since that is
 * neither and for an account that neither the configuration nor the ledger knows, 75 when there is
 * no ledger to read: why is told on standard error.
 */
int ledger_command(const char *state_dir, const char *account, bool configured, const char *since,
                   bool json, FILE *out);

#endif
