#include "agent/command/report.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/command/report_private.h"
#include "rules/util/memory.h"

/* ---- opening ---- */

static char *check_version(const struct report *report, const char *state_dir)
{
    sqlite3_stmt *query = NULL;
    char *why = NULL;
    if (sqlite3_prepare_v2(report->db, "PRAGMA user_version", -1, &query, NULL) != SQLITE_OK ||
        sqlite3_step(query) != SQLITE_ROW)
        why = xasprintf("%s/ledger.db cannot be read: %s", state_dir, sqlite3_errmsg(report->db));
    else if (sqlite3_column_int(query, 0) > LEDGER_SCHEMA)
        why = xasprintf("%s/ledger.db was written by a newer version of mailvigil", state_dir);
    else if (sqlite3_column_int(query, 0) == 0)
        why = xasprintf("%s/ledger.db is not a mailvigil ledger", state_dir);
    sqlite3_finalize(query);
    return why;
}

struct report *report_open(const char *state_dir, char **why)
{
    struct report *report = xcalloc(1, sizeof(*report));
    char *path = xasprintf("%s/ledger.db", state_dir);
    char *spool = xasprintf("%s/spool", state_dir);
    *why = NULL;
    report->spool_fd = open(spool, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (access(path, F_OK) < 0)
        *why = xasprintf("no ledger in %s: has the agent run yet?", state_dir);
    else if (sqlite3_open_v2(path, &report->db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
        *why = xasprintf("%s cannot be opened: %s", path, sqlite3_errmsg(report->db));
    else
        sqlite3_busy_timeout(report->db, 10000);
    if (*why == NULL)
        *why = check_version(report, state_dir);
    free(path);
    free(spool);
    if (*why == NULL)
        return report;
    report_close(report);
    return NULL;
}

void report_close(struct report *report)
{
    if (report == NULL)
        return;
    sqlite3_close(report->db);
    if (report->spool_fd >= 0)
        close(report->spool_fd);
    free(report);
}

sqlite3_stmt *report_query(const struct report *report, const char *sql)
{
    sqlite3_stmt *query = NULL;
    sqlite3_prepare_v2(report->db, sql, -1, &query, NULL);
    return query;
}

const char *report_text(sqlite3_stmt *query, int column)
{
    const unsigned char *text = sqlite3_column_text(query, column);
    return text == NULL ? "" : (const char *)text;
}

/* ---- lines ---- */

struct lines {
    void (*line)(void *arg, const struct report_line *line);
    void *arg;
    time_t now;
    sqlite3_stmt *copies, *original;
};

static const char *copy_state_text(int64_t state, int64_t due, time_t now)
{
    switch (state) {
    case 0:
        return due > now ? "held" : "pending";
    case 1:
        return "sending";
    case 2:
        return "delivered";
    case 4:
        return "dropped";
    default:
        return "failed";
    }
}

/* One line for each copy of the message; how many. */
static unsigned copy_lines(const struct lines *lines, struct report_line *line, int64_t message)
{
    const char *note = line->reason;
    unsigned n = 0;
    sqlite3_reset(lines->copies);
    sqlite3_bind_int64(lines->copies, 1, message);
    while (sqlite3_step(lines->copies) == SQLITE_ROW) {
        line->target = report_text(lines->copies, 0);
        line->copy_state = copy_state_text(sqlite3_column_int64(lines->copies, 1),
                                           sqlite3_column_int64(lines->copies, 2), lines->now);
        line->target_folder = report_text(lines->copies, 3);
        line->target_uidvalidity = (uint32_t)sqlite3_column_int64(lines->copies, 4);
        line->target_uid = (uint32_t)sqlite3_column_int64(lines->copies, 5);
        line->delivered_at = (time_t)sqlite3_column_int64(lines->copies, 6);
        line->monitor_id = report_text(lines->copies, 7);
        line->plan = report_text(lines->copies, 8);
        const char *reason = report_text(lines->copies, 9);
        line->reason = reason[0] != '\0' ? reason : note;
        lines->line(lines->arg, line);
        n++;
    }
    return n;
}

static void message_lines(const struct lines *lines, struct report_line *line, int64_t message)
{
    sqlite3_reset(lines->original);
    sqlite3_bind_int64(lines->original, 1, message);
    if (sqlite3_step(lines->original) == SQLITE_ROW) {
        line->sha256 = report_text(lines->original, 0);
        line->duplicate_of = report_text(lines->original, 1);
    }
    if (copy_lines(lines, line, message) == 0)
        lines->line(lines->arg, line);
}

static void one_line(const struct lines *lines, sqlite3_stmt *query)
{
    struct report_line line = {
        .account = report_text(query, 0),
        .folder = report_text(query, 1),
        .uidvalidity = (uint32_t)sqlite3_column_int64(query, 2),
        .first_uid = (uint32_t)sqlite3_column_int64(query, 3),
        .last_uid = (uint32_t)sqlite3_column_int64(query, 4),
        .at = (time_t)sqlite3_column_int64(query, 5),
        .state = (enum uid_state)sqlite3_column_int(query, 6),
        .reason = report_text(query, 7),
        .sha256 = "",
        .target = "",
        .copy_state = "",
        .target_folder = "",
        .monitor_id = "",
        .duplicate_of = "",
        .plan = "",
    };
    int64_t message = sqlite3_column_int64(query, 8);
    if (message == 0)
        lines->line(lines->arg, &line);
    else
        message_lines(lines, &line, message);
}

/* Everything that has a state, as folder, first, last, at, state, reason, message. */
#define ALL_STATES                                                                                 \
    "(SELECT folder, first, last, at_last AS at, state, reason, 0 AS message FROM span"            \
    " UNION ALL SELECT folder, uid, uid, last_seen, 9, reason, 0 FROM unfetched"                   \
    " UNION ALL SELECT folder, uid, uid, captured_at, state, note, id FROM message) x"             \
    " JOIN folder f ON f.id = x.folder JOIN account a ON a.id = f.account"                         \
    " WHERE (?1 IS NULL OR a.name = ?1) AND x.at >= ?2"

_Static_assert(UID_UNFETCHED == 9, "as ALL_STATES has it");

static void bind_filter(sqlite3_stmt *query, const char *account, time_t since)
{
    if (account != NULL)
        sqlite3_bind_text(query, 1, account, -1, SQLITE_STATIC);
    sqlite3_bind_int64(query, 2, since);
}

void report_lines(struct report *report, const char *account, time_t since,
                  void (*line)(void *arg, const struct report_line *line), void *arg)
{
    struct lines lines = {.line = line, .arg = arg, .now = time(NULL)};
    sqlite3_exec(report->db, "BEGIN", NULL, NULL, NULL);
    lines.copies = report_query(
        report, "SELECT target, state, due, target_folder, target_uidvalidity, target_uid,"
                " delivered_at, monitor_id, plan, reason FROM copy WHERE message = ?1 ORDER BY id");
    lines.original = report_query(
        report, "SELECT lower(hex(m.sha256)),"
                " a.name || ' ' || f.name || ' ' || f.uidvalidity || ' ' || o.uid FROM message m"
                " LEFT JOIN message o ON o.id = m.duplicate_of"
                " LEFT JOIN folder f ON f.id = o.folder LEFT JOIN account a ON a.id = f.account"
                " WHERE m.id = ?1");
    sqlite3_stmt *query = report_query(
        report, "SELECT a.name, f.name, f.uidvalidity, x.first, x.last, x.at, x.state, x.reason,"
                " x.message FROM " ALL_STATES
                " ORDER BY a.name, f.name, f.uidvalidity, x.first, x.message");
    bind_filter(query, account, since);
    while (sqlite3_step(query) == SQLITE_ROW)
        one_line(&lines, query);
    sqlite3_finalize(query);
    sqlite3_finalize(lines.copies);
    sqlite3_finalize(lines.original);
    sqlite3_exec(report->db, "COMMIT", NULL, NULL, NULL);
}

/* ---- figures ---- */

static void count_copies(const struct report *report, const char *account, time_t since,
                         struct ledger_figures *figures)
{
    sqlite3_stmt *query = report_query(
        report, "SELECT c.state, count(*), sum(c.due > ?3), min(m.captured_at) FROM copy c"
                " JOIN message m ON m.id = c.message JOIN account a ON a.id = m.account"
                " WHERE (?1 IS NULL OR a.name = ?1) AND m.captured_at >= ?2 GROUP BY c.state");
    bind_filter(query, account, since);
    sqlite3_bind_int64(query, 3, time(NULL));
    while (sqlite3_step(query) == SQLITE_ROW) {
        int state = sqlite3_column_int(query, 0);
        uint64_t n = (uint64_t)sqlite3_column_int64(query, 1);
        time_t oldest = (time_t)sqlite3_column_int64(query, 3);
        if (state == 2)
            figures->delivered = n;
        else if (state == 3)
            figures->failed_copies = n;
        else if (state == 4)
            figures->dropped = n;
        if (state >= 2)
            continue;
        figures->pending += n;
        if (state == 1)
            figures->intents = n;
        else
            figures->held = (uint64_t)sqlite3_column_int64(query, 2);
        if (figures->oldest_pending == 0 || oldest < figures->oldest_pending)
            figures->oldest_pending = oldest;
    }
    sqlite3_finalize(query);
}

static void count_undecided(const struct report *report, const char *account, time_t since,
                            struct ledger_figures *figures)
{
    sqlite3_stmt *query = report_query(
        report, "SELECT count(*) FROM copy c JOIN message m ON m.id = c.message"
                " JOIN account a ON a.id = m.account WHERE (?1 IS NULL OR a.name = ?1)"
                " AND m.captured_at >= ?2 AND instr(c.plan, char(10) || 'undecided ') > 0");
    bind_filter(query, account, since);
    if (sqlite3_step(query) == SQLITE_ROW)
        figures->undecided = (uint64_t)sqlite3_column_int64(query, 0);
    sqlite3_finalize(query);
}

void report_figures(struct report *report, const char *account, time_t since,
                    struct ledger_figures *figures)
{
    memset(figures, 0, sizeof(*figures));
    sqlite3_exec(report->db, "BEGIN", NULL, NULL, NULL);
    sqlite3_stmt *query = report_query(report, "SELECT x.state, sum(x.last - x.first + 1)"
                                               " FROM " ALL_STATES " GROUP BY x.state");
    bind_filter(query, account, since);
    while (sqlite3_step(query) == SQLITE_ROW) {
        unsigned state = (unsigned)sqlite3_column_int(query, 0);
        if (state < sizeof(figures->states) / sizeof(figures->states[0]))
            figures->states[state] = (uint64_t)sqlite3_column_int64(query, 1);
    }
    sqlite3_finalize(query);
    count_copies(report, account, since, figures);
    count_undecided(report, account, since, figures);
    query = report_query(report, "SELECT count(*), total(size) FROM segment");
    if (sqlite3_step(query) == SQLITE_ROW) {
        figures->spool_segments = (uint64_t)sqlite3_column_int64(query, 0);
        figures->spool_bytes = (uint64_t)sqlite3_column_int64(query, 1);
    }
    sqlite3_finalize(query);
    sqlite3_exec(report->db, "COMMIT", NULL, NULL, NULL);
}

time_t report_last_seen(struct report *report, const char *account)
{
    sqlite3_stmt *query = report_query(
        report, "SELECT max(at) FROM (SELECT x.at AS at FROM " ALL_STATES
                " UNION ALL SELECT f.opened_at FROM folder f JOIN account a ON a.id = f.account"
                " WHERE ?1 IS NULL OR a.name = ?1)");
    time_t last = 0;
    bind_filter(query, account, 0);
    if (sqlite3_step(query) == SQLITE_ROW)
        last = (time_t)sqlite3_column_int64(query, 0);
    sqlite3_finalize(query);
    return last;
}
