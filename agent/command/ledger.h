/*
 * `mailvigil ledger`: the fate of every message, a line each, and a summary that says whether all
 * wanted copies have been delivered, and what keeps that from being known. Works while the agent is
 * running (report.h). With --exempt only the messages that a rule exempts, each with the rule and
 * its basis, and their number.
 *
 *   {"lines": [{"account", "folder", "uidvalidity", "first_uid", "last_uid", "at", "state",
 *      "reason", "sha256", "target", "copy_state", "target_folder", "target_uidvalidity",
 *      "target_uid", "delivered_at", "monitor_id", "duplicate_of", "undecided"}],
 *    "messages": {"not_wanted": n, ...},
 *    "copies": {"delivered", "pending", "failed", "dropped", "undecided"},
 *    "complete": bool, "agent": "running" | "stopped" | "unknown", "problems": ["..."],
 *    "last_seen": time of the last record}
 *
 * complete: nothing waits or failed, the agent runs, and it has no problem that keeps messages from
 * being seen or copied (standing.h).
 *
 * With --exempt: {"lines": as above, "messages": {"exempt": n}}
 */
#ifndef AGENT_COMMAND_LEDGER_H
#define AGENT_COMMAND_LEDGER_H

#include <stdbool.h>
#include <stdio.h>

/*
 * account NULL: all; one that is no longer configured may still be in the ledger. since NULL: all;
 * else a date (2026-01-31) or a duration (7d). The exit status: EX_OK; EX_USAGE for an invalid
 * since and for an account that is neither in the configuration nor in the ledger; EX_TEMPFAIL if
 * there is no ledger to read. The reason is printed on standard error.
 */
int ledger_command(const char *state_dir, const char *account, bool configured, const char *since,
                   bool exempt, bool json, FILE *out);

#endif
