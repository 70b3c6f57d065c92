/*
 * Reading a ledger without the agent: `ledger`, `verify`, and tests. Opens ledger.db read-only,
 * also while the agent is running (WAL).
 */
#ifndef AGENT_COMMAND_REPORT_H
#define AGENT_COMMAND_REPORT_H

#include "agent/ledger/ledger.h"

struct report;
struct report *report_open(const char *state_dir, char **why);
void report_close(struct report *report);

/* Figures and lines count a span in full if any of it was recorded since the given time. */

/* One line of `ledger`: a span of UIDs with one state, or one message with one of its copies (a
 * message with three copies makes three lines, one without any makes one). */
struct report_line {
    const char *account, *folder;
    uint32_t uidvalidity, first_uid, last_uid;
    time_t at; /* recorded */
    enum uid_state state;
    const char *reason;     /* "" if none */
    const char *sha256;     /* hex, "" for spans */
    const char *target;     /* "" if it has no copy */
    const char *copy_state; /* "", pending, held, sending, delivered, failed, dropped */
    const char *target_folder;
    uint32_t target_uidvalidity, target_uid;
    time_t delivered_at;
    const char *monitor_id;
    const char *duplicate_of; /* "alice Sent 1700000001 42", "" if not */
    const char *plan;         /* "" if none */
};
/* account NULL: all. since 0: all. Ordered by account, folder, uidvalidity, uid. */
void report_lines(struct report *report, const char *account, time_t since,
                  void (*line)(void *arg, const struct report_line *line), void *arg);
/* Completeness: counts by state. */
void report_figures(struct report *report, const char *account, time_t since,
                    struct ledger_figures *figures);
/* When the last message was recorded, or the last folder opened; 0: never. */
time_t report_last_seen(struct report *report, const char *account);
/* Verifies the chain and that the tables agree with it; calls finding for each fault; returns their
 * number. head: hex of the last hash. */
unsigned report_verify_chain(struct report *report, uint64_t *records, char head[65],
                             void (*finding)(void *arg, const char *text), void *arg);
/* Verifies the checksum of every original that still has an undelivered copy; likewise. */
unsigned report_verify_spool(struct report *report, uint64_t *originals,
                             void (*finding)(void *arg, const char *text), void *arg);

#endif
