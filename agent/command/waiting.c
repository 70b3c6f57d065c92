#include "agent/command/waiting.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sysexits.h>
#include <time.h>

#include "agent/command/report_private.h"
#include "agent/util/json.h"
#include "agent/util/text_table.h"
#include "imapclient/text/printable.h"
#include "rules/util/memory.h"

/* One copy; borrowed from the query's row. */
struct waiting {
    const char *id, *target, *state, *reason, *account, *folder;
    unsigned attempts;
    time_t since, next_try; /* next_try 0: it is due, or was given up */
    uint32_t uidvalidity, uid;
    uint64_t size;
};

typedef void waiting_line(void *arg, const struct waiting *waiting);

static const char *state_text(int state, bool later)
{
    if (state == 3)
        return "failed";
    if (state == 1)
        return "sending";
    return later ? "held" : "pending";
}

static void read_line(sqlite3_stmt *query, time_t now, struct waiting *waiting)
{
    int state = sqlite3_column_int(query, 2);
    time_t due = (time_t)sqlite3_column_int64(query, 5);
    bool later = state == 0 && due > now;

    *waiting = (struct waiting){
        .id = report_text(query, 0),
        .target = report_text(query, 1),
        .state = state_text(state, later),
        .attempts = (unsigned)sqlite3_column_int(query, 3),
        .since = (time_t)sqlite3_column_int64(query, 4),
        .next_try = later ? due : 0,
        .reason = report_text(query, 6),
        .account = report_text(query, 7),
        .folder = report_text(query, 8),
        .uidvalidity = (uint32_t)sqlite3_column_int64(query, 9),
        .uid = (uint32_t)sqlite3_column_int64(query, 10),
        .size = (uint64_t)sqlite3_column_int64(query, 11),
    };
}

/* Returns their number. */
static size_t each_line(const struct report *report, const char *account, const char *target,
                        waiting_line *line, void *arg)
{
    sqlite3_stmt *query = report_query(
        report, "SELECT c.monitor_id, c.target, c.state, c.attempts, m.captured_at, c.due,"
                " c.reason, a.name, f.name, f.uidvalidity, m.uid, m.size FROM copy c"
                " JOIN message m ON m.id = c.message JOIN folder f ON f.id = m.folder"
                " JOIN account a ON a.id = m.account WHERE c.state <> 2 AND c.state IN (0, 1, 3)"
                " AND (?1 IS NULL OR a.name = ?1) AND (?2 IS NULL OR c.target = ?2)"
                " ORDER BY c.target, m.captured_at, c.id");
    time_t now = time(NULL);
    size_t n = 0;

    if (account != NULL)
        sqlite3_bind_text(query, 1, account, -1, SQLITE_STATIC);
    if (target != NULL)
        sqlite3_bind_text(query, 2, target, -1, SQLITE_STATIC);
    for (; sqlite3_step(query) == SQLITE_ROW; n++) {
        struct waiting waiting;

        read_line(query, now, &waiting);
        line(arg, &waiting);
    }
    sqlite3_finalize(query);
    return n;
}

/* ---- for people ---- */

/* Names and reasons come from servers: no control characters reach a terminal. */
static void put_cell(struct text_table *table, const char *text)
{
    char *printable = xstrdup(text);

    text_printable(printable, PRINTABLE_UTF8);
    text_table_cell(table, printable);
    free(printable);
}

static void put_time(struct text_table *table, time_t at)
{
    char text[32] = "-";
    struct tm utc;

    if (at != 0)
        strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", gmtime_r(&at, &utc));
    text_table_cell(table, text);
}

static void put_line(void *arg, const struct waiting *waiting)
{
    struct text_table *table = arg;
    char *source = xasprintf("%s \"%s\" %" PRIu32 "/%" PRIu32, waiting->account, waiting->folder,
                             waiting->uidvalidity, waiting->uid);

    put_cell(table, waiting->id);
    put_cell(table, waiting->target);
    text_table_cell(table, waiting->state);
    text_table_number(table, waiting->attempts);
    put_time(table, waiting->since);
    put_time(table, waiting->next_try);
    put_cell(table, source);
    put_cell(table, waiting->reason[0] != '\0' ? waiting->reason : "-");
    free(source);
}

static void print_text(const struct report *report, const char *account, const char *target,
                       FILE *out)
{
    static const char *const names[] = {"ID",          "TARGET",         "STATE",   "REFUSALS",
                                        "SINCE (UTC)", "NEXT TRY (UTC)", "MESSAGE", "REASON"};
    struct text_table table;

    text_table_begin(&table, names, sizeof(names) / sizeof(*names));
    if (each_line(report, account, target, put_line, &table) > 0)
        text_table_print(&table, "", out);
    else
        fputs("No copy waits, and none was given up.\n", out);
    text_table_clear(&table);
}

/* ---- JSON ---- */

static void json_line(void *arg, const struct waiting *waiting)
{
    struct json *json = arg;

    json_object(json, NULL);
    json_string(json, "id", waiting->id);
    json_string(json, "target", waiting->target);
    json_string(json, "state", waiting->state);
    json_number(json, "attempts", waiting->attempts);
    json_time(json, "since", waiting->since);
    json_time(json, "next_try", waiting->next_try);
    json_string(json, "reason", waiting->reason);
    json_string(json, "account", waiting->account);
    json_string(json, "folder", waiting->folder);
    json_number(json, "uidvalidity", waiting->uidvalidity);
    json_number(json, "uid", waiting->uid);
    json_number(json, "size", (int64_t)waiting->size);
    json_object_end(json);
}

static void print_json(const struct report *report, const char *account, const char *target,
                       FILE *out)
{
    struct json json;

    json_begin(&json, out);
    json_object(&json, NULL);
    json_array(&json, "waiting");
    each_line(report, account, target, json_line, &json);
    json_array_end(&json);
    json_object_end(&json);
}

int waiting_command(const char *state_dir, const char *account, const char *target, bool json,
                    FILE *out)
{
    char *why;
    struct report *report = report_open(state_dir, &why);

    if (report == NULL) {
        fprintf(stderr, "mailvigil: %s\n", why);
        free(why);
        return EX_TEMPFAIL;
    }
    if (json)
        print_json(report, account, target, out);
    else
        print_text(report, account, target, out);
    report_close(report);
    return 0;
}
