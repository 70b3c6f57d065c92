/*
 * The status of the running agent: watches, lag, spool, targets, probes. As one JSON object,
 * and for people; both go through the control socket.
 *
 *   {"instance", "version", "started", "reloaded", "reload_trouble",
 *    "problems": [{"what", "name", "since", "text", "warning": bool}],
 *    "ledger": {"blocked", "since"},
 *    "counts": {...since the start...},
 *    "spool": {"bytes", "segments", "oldest_pending"},
 *    "copies": {"pending", "held", "sending", "failed", "delivered"},
 *    "messages": {"not wanted": n, ...by state...},
 *    "accounts": [{"name", "address", "state", "mode", "since", "trouble", "trouble_since",
 *                  "next_try", "sessions", "missing": [..],
 *                  "folders": [{"name", "sent", "uidvalidity", "seen_through"}]}],
 *    "targets": [{"name", "state", "since", "trouble", "trouble_since", "next_try", "pending",
 *                 "failed", "delivered", "oldest_pending"}],
 *    "probes": [{"name", "state", "since", "maintenance", "running", "last_run", "last_ok",
 *                "next_run", "runs", "failures", "trouble", "counts": {...of a round trip...},
 *                "last": {...as `mailvigil probe --json` has it...}}],
 *    "reflectors": [{"name", "trouble", "answered", "refused", "replayed", "failed"}],
 *    "alerts": {"sent", "failed", "dropped", "waiting"}}
 */
#ifndef AGENT_STATUS_STATUS_H
#define AGENT_STATUS_STATUS_H

#include "agent/status/snapshot.h"

void status_write_json(FILE *out, const struct snapshot *snapshot,
                       const struct ledger_figures *figures,
                       const struct ledger_target_figures *targets, size_t n_targets);
/* For people: a screenful, problems first. The first octet of the reply, which the command cuts
 * off, is '1' if there are problems (an account or target is down, a probe is raised, the
 * ledger is blocked: snapshot.h), else '0'. */
void status_write_text(FILE *out, const struct snapshot *snapshot,
                       const struct ledger_figures *figures,
                       const struct ledger_target_figures *targets, size_t n_targets);
/* For `ledger`: "problems N", then each of snapshot_unseen() on a line, what it is about, its name
 * and its text, with tabs between; nothing else in them is a control character. */
void status_write_unseen(FILE *out, const struct snapshot *snapshot);

#endif
