#include "agent/status/status.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/status/probe.h"
#include "agent/status/snapshot.h"
#include "agent/util/json.h"
#include "agent/util/text_table.h"
#include "imapclient/text/printable.h"
#include "rules/util/memory.h"

/* ---- JSON ---- */

static void write_counts(struct json *json, const struct context *context)
{
    json_object(json, "counts");
    json_number(json, "seen", (int64_t)context->count.seen);
    json_number(json, "captured", (int64_t)context->count.captured);
    json_number(json, "duplicates", (int64_t)context->count.duplicates);
    json_number(json, "joined", (int64_t)context->count.joined);
    json_number(json, "own_copies", (int64_t)context->count.own_copies);
    json_number(json, "not_wanted", (int64_t)context->count.not_wanted);
    json_number(json, "exempt", (int64_t)context->count.exempt);
    json_number(json, "vanished", (int64_t)context->count.vanished);
    json_number(json, "undecided_copied", (int64_t)context->count.undecided_copied);
    json_number(json, "undecided_skipped", (int64_t)context->count.undecided_skipped);
    json_number(json, "unfetched", (int64_t)context->count.unfetched);
    json_number(json, "failed", (int64_t)context->count.failed);
    json_number(json, "delivered", (int64_t)context->count.delivered);
    json_number(json, "refused", (int64_t)context->count.refused);
    json_number(json, "reconnects", (int64_t)context->count.reconnects);
    json_object_end(json);
}

static void write_ledger(struct json *json, const struct snapshot *snapshot,
                         const struct ledger_figures *figures)
{
    time_t since = 0;
    const char *blocked = ledger_is_blocked(snapshot->context->ledger, &since);

    json_object(json, "ledger");
    json_string(json, "blocked", blocked);
    json_time(json, "since", blocked != NULL ? since : 0);
    json_object_end(json);
    json_object(json, "spool");
    json_number(json, "bytes", (int64_t)figures->spool_bytes);
    json_number(json, "segments", (int64_t)figures->spool_segments);
    json_time(json, "oldest_pending", figures->oldest_pending);
    json_object_end(json);
    json_object(json, "copies");
    json_number(json, "pending", (int64_t)figures->pending);
    json_number(json, "held", (int64_t)figures->held);
    json_number(json, "sending", (int64_t)figures->intents);
    json_number(json, "failed", (int64_t)figures->failed_copies);
    json_number(json, "delivered", (int64_t)figures->delivered);
    json_object_end(json);
    json_object(json, "messages");
    for (enum uid_state state = UID_BEFORE_BASELINE; state < UID_STATES; state++)
        json_number(json, uid_state_name(state), (int64_t)figures->states[state]);
    json_object_end(json);
}

static void write_folders(struct json *json, const struct account_watch *account)
{
    json_array(json, "folders");
    for (size_t w = 0; w < account_watch_count(account); w++) {
        const struct watch *watch = account_watch_nth(account, w);

        for (size_t i = 0; i < watch_folder_count(watch); i++) {
            const struct folder *folder = watch_folder(watch, i);

            json_object(json, NULL);
            json_string(json, "name", folder->name);
            json_bool(json, "sent", folder->role == FOLDER_SENT);
            json_number(json, "uidvalidity", folder->uidvalidity);
            json_number(json, "seen_through", folder->seen_through);
            json_object_end(json);
        }
    }
    json_array_end(json);
}

static void write_account(struct json *json, const struct account_watch *account)
{
    const struct account *config = account_watch_account(account);
    struct watch_status status;

    snapshot_account(account, &status);
    json_object(json, NULL);
    json_string(json, "name", config->name);
    json_string(json, "address", config->address);
    json_string(json, "state", watch_state_text(status.state));
    json_string(json, "mode", watch_mode_text(status.mode));
    json_time(json, "since", status.since);
    json_string(json, "trouble", status.trouble);
    json_time(json, "trouble_since", status.trouble_since);
    json_time(json, "next_try", status.next_try);
    json_number(json, "sessions", (int64_t)account_watch_count(account));
    json_array(json, "missing");
    for (char *const *missing = account_watch_missing(account); *missing != NULL; missing++)
        json_string(json, NULL, *missing);
    json_array_end(json);
    write_folders(json, account);
    json_object_end(json);
}

static void write_problem(void *arg, const struct problem *problem)
{
    struct json *json = arg;

    json_object(json, NULL);
    json_string(json, "what", problem->what);
    json_string(json, "name", problem->name);
    json_time(json, "since", problem->since);
    json_string(json, "text", problem->text);
    json_bool(json, "warning", problem->warning);
    json_object_end(json);
}

static void write_target(struct json *json, const struct deliver *deliver,
                         const struct ledger_target_figures *figures)
{
    struct deliver_status status;

    deliver_status(deliver, &status);
    json_object(json, NULL);
    json_string(json, "name", deliver_target(deliver)->name);
    json_string(json, "state", deliver_state_text(status.state));
    json_time(json, "since", status.since);
    json_string(json, "trouble", status.trouble);
    json_time(json, "trouble_since", status.trouble_since);
    json_time(json, "next_try", status.next_try);
    json_number(json, "pending", (int64_t)figures->pending);
    json_number(json, "failed", (int64_t)figures->failed);
    json_number(json, "delivered", (int64_t)figures->delivered);
    json_time(json, "oldest_pending", figures->oldest_pending);
    json_bool(json, "overdue", snapshot_overdue(deliver_target(deliver), figures) != 0);
    json_object_end(json);
}

void status_write_json(FILE *out, const struct snapshot *snapshot,
                       const struct ledger_figures *figures,
                       const struct ledger_target_figures *targets, size_t n_targets)
{
    struct json json;

    json_begin(&json, out);
    json_object(&json, NULL);
    json_string(&json, "instance", snapshot->context->config->instance);
    json_string(&json, "version", MAILVIGIL_VERSION);
    json_time(&json, "started", snapshot->started);
    json_time(&json, "reloaded", snapshot->reloaded);
    json_string(&json, "reload_trouble", snapshot->reload_trouble);
    json_array(&json, "problems");
    snapshot_problems(snapshot, targets, n_targets, write_problem, &json);
    json_array_end(&json);
    write_ledger(&json, snapshot, figures);
    write_counts(&json, snapshot->context);
    json_array(&json, "accounts");
    for (size_t i = 0; i < snapshot->n_accounts; i++)
        write_account(&json, snapshot->accounts[i]);
    json_array_end(&json);
    json_array(&json, "targets");
    for (size_t i = 0; i < snapshot->n_deliveries; i++)
        write_target(
            &json, snapshot->deliveries[i],
            snapshot_target(targets, n_targets, deliver_target(snapshot->deliveries[i])->name));
    json_array_end(&json);
    status_probe_json(&json, snapshot);
    json_object_end(&json);
}

/* ---- text ---- */

static void print_trouble(void *arg, const struct problem *trouble)
{
    char buffer[SNAPSHOT_AGO_MAX];
    FILE *out = arg;

    fprintf(out, "PROBLEM  %s", trouble->what);
    if (*trouble->name != '\0')
        fprintf(out, " %s", trouble->name);
    if (trouble->since != 0)
        fprintf(out, ", for %s", snapshot_ago(buffer, trouble->since));
    fprintf(out, ": %s\n", trouble->text);
}

static void print_targets(FILE *out, const struct snapshot *snapshot,
                          const struct ledger_target_figures *targets, size_t n_targets)
{
    static const char *const names[] = {"TARGET",  "STATE",  "DELIVERED",
                                        "PENDING", "FAILED", "OLDEST PENDING"};
    struct text_table table;

    text_table_begin(&table, names, sizeof(names) / sizeof(*names));
    for (size_t i = 0; i < snapshot->n_deliveries; i++) {
        const char *name = deliver_target(snapshot->deliveries[i])->name;
        const struct ledger_target_figures *figures = snapshot_target(targets, n_targets, name);
        struct deliver_status status;
        char buffer[SNAPSHOT_AGO_MAX];

        deliver_status(snapshot->deliveries[i], &status);
        text_table_cell(&table, name);
        text_table_cell(&table, deliver_state_text(status.state));
        text_table_number(&table, figures->delivered);
        text_table_number(&table, figures->pending);
        text_table_number(&table, figures->failed);
        text_table_cell(&table, figures->oldest_pending != 0
                                    ? snapshot_ago(buffer, figures->oldest_pending)
                                    : "-");
    }
    fputc('\n', out);
    text_table_print(&table, "", out);
    text_table_clear(&table);
}

/* How many are watched, and which of those that are configured are not there. */
static void put_folders(struct text_table *table, const struct account_watch *account)
{
    size_t folders = 0;
    char *text, *longer;

    for (size_t w = 0; w < account_watch_count(account); w++)
        folders += watch_folder_count(account_watch_nth(account, w));
    text = xasprintf("%zu", folders);
    for (char *const *missing = account_watch_missing(account); *missing != NULL; missing++) {
        longer = xasprintf("%s  (no %s)", text, *missing);
        free(text);
        text = longer;
    }
    text_table_cell(table, text);
    free(text);
}

static void print_accounts(FILE *out, const struct snapshot *snapshot)
{
    static const char *const names[] = {"ACCOUNT", "STATE", "NOTIFIED BY", "FOLDERS"};
    struct text_table table;

    text_table_begin(&table, names, sizeof(names) / sizeof(*names));
    for (size_t i = 0; i < snapshot->n_accounts; i++) {
        struct watch_status status;

        snapshot_account(snapshot->accounts[i], &status);
        text_table_cell(&table, account_watch_account(snapshot->accounts[i])->name);
        text_table_cell(&table, watch_state_text(status.state));
        text_table_cell(&table, watch_mode_text(status.mode));
        put_folders(&table, snapshot->accounts[i]);
    }
    fputc('\n', out);
    text_table_print(&table, "", out);
    text_table_clear(&table);
}

static void print_undecided(FILE *out, const struct context *context)
{
    if (context->count.undecided_copied + context->count.undecided_skipped == 0)
        return;
    fprintf(out,
            "in doubt since the start: %" PRIu64 " copied, %" PRIu64
            " skipped; \"mailvigil ledger\" shows which and why\n",
            context->count.undecided_copied, context->count.undecided_skipped);
}

void status_write_text(FILE *out, const struct snapshot *snapshot,
                       const struct ledger_figures *figures,
                       const struct ledger_target_figures *targets, size_t n_targets)
{
    char buffer[SNAPSHOT_AGO_MAX];

    fputc(snapshot_problems(snapshot, targets, n_targets, NULL, NULL) > 0 ? '1' : '0', out);
    fprintf(out, "mailvigil %s, instance %s, running for %s\n", MAILVIGIL_VERSION,
            snapshot->context->config->instance, snapshot_ago(buffer, snapshot->started));
    snapshot_problems(snapshot, targets, n_targets, print_trouble, out);
    fprintf(out,
            "copies: %" PRIu64 " delivered, %" PRIu64 " pending (%" PRIu64
            " held for now), %" PRIu64 " failed; spool: %" PRIu64 " bytes in %" PRIu64
            " segment%s\n",
            figures->delivered, figures->pending, figures->held, figures->failed_copies,
            figures->spool_bytes, figures->spool_segments, figures->spool_segments == 1 ? "" : "s");
    print_undecided(out, snapshot->context);
    status_probe_text(out, snapshot);
    print_targets(out, snapshot, targets, n_targets);
    print_accounts(out, snapshot);
}

/* ---- for `ledger` ---- */

static void put_printable(FILE *out, const char *text, char end)
{
    char *printable = xstrdup(text);

    text_printable(printable, PRINTABLE_UTF8);
    fprintf(out, "%s%c", printable, end);
    free(printable);
}

static void put_unseen(void *arg, const struct problem *problem)
{
    FILE *out = arg;

    put_printable(out, problem->what, '\t');
    put_printable(out, problem->name, '\t');
    put_printable(out, problem->text, '\n');
}

void status_write_unseen(FILE *out, const struct snapshot *snapshot)
{
    fprintf(out, "problems %zu\n", snapshot_unseen(snapshot, NULL, NULL));
    snapshot_unseen(snapshot, put_unseen, out);
}
