#include "agent/status/metrics.h"

#include <stddef.h>

#include "agent/status/metrics_probe.h"
#include "agent/status/metrics_writer.h"
#include "agent/status/snapshot.h"
#include "rules/match/decide.h"

/* ---- the agent itself ---- */

static void write_agent(struct metrics_writer *writer, const struct snapshot *snapshot)
{
    metrics_family(writer, METRIC_INFO, "mailvigil_build_info", "The running version.");
    metrics_sample(writer, 1, "version", MAILVIGIL_VERSION, (char *)NULL);
    metrics_family(writer, METRIC_INFO, "mailvigil_instance_info",
                   "The configured name of the instance.");
    metrics_sample(writer, 1, "name", snapshot->context->config->instance, (char *)NULL);
    metrics_family(writer, METRIC_GAUGE, "process_start_time_seconds",
                   "Start time of the agent, seconds since 1970.");
    metrics_sample(writer, (double)snapshot->started, (char *)NULL);
    metrics_family(writer, METRIC_GAUGE, "mailvigil_config_last_reload_successful",
                   "1 if the last reload was applied, 0 if it was refused.");
    metrics_sample(writer, *snapshot->reload_trouble == '\0', (char *)NULL);
    metrics_family(writer, METRIC_GAUGE, "mailvigil_config_last_reload_success_timestamp_seconds",
                   "When the active configuration was read, seconds since 1970.");
    metrics_sample(writer,
                   (double)(snapshot->reloaded != 0 ? snapshot->reloaded : snapshot->started),
                   (char *)NULL);
}

/* ---- messages and copies ---- */

#define COUNT(field) offsetof(struct context, count.field)

static const struct {
    size_t offset;
    const char *name, *help;
} counters[] = {
    {COUNT(seen), "mailvigil_messages_seen_total", "Messages examined in watched folders."},
    {COUNT(captured), "mailvigil_messages_captured_total",
     "Messages stored because a rule matched."},
    {COUNT(duplicates), "mailvigil_messages_duplicate_total",
     "Messages that were already stored: moved or copied between folders of an account."},
    {COUNT(joined), "mailvigil_messages_joined_total",
     "Internal messages joined with their counterpart in another account."},
    {COUNT(own_copies), "mailvigil_messages_own_copy_total",
     "Messages proven to be copies made by mailvigil."},
    {COUNT(not_wanted), "mailvigil_messages_not_wanted_total", "Messages that matched no rule."},
    {COUNT(vanished), "mailvigil_messages_vanished_total",
     "Messages that disappeared before they could be fetched."},
    {COUNT(unfetched), "mailvigil_messages_unfetched_total",
     "Messages that the server did not return; they are requested again."},
    {COUNT(failed), "mailvigil_messages_failed_total", "Messages that could not be captured."},
    {COUNT(delivered), "mailvigil_copies_delivered_total", "Copies accepted by their target."},
    {COUNT(refused), "mailvigil_copies_refused_total",
     "Copies abandoned because the target rejects them; the originals are kept."},
    {COUNT(reconnects), "mailvigil_reconnects_total",
     "Attempts to restore a session that was lost or could not be established."},
};

static void write_undecided(struct metrics_writer *writer, const struct context *context)
{
    metrics_family(writer, METRIC_COUNTER, "mailvigil_messages_undecided_total",
                   "Messages with a condition that could not be answered for certain, and what was "
                   "done with them.");
    metrics_sample(writer, (double)context->count.undecided_copied, "action", "copied",
                   (char *)NULL);
    metrics_sample(writer, (double)context->count.undecided_skipped, "action", "skipped",
                   (char *)NULL);
    metrics_family(writer, METRIC_COUNTER, "mailvigil_conditions_undecided_total",
                   "Conditions that could not be answered for certain.");
    for (unsigned i = 0; decide_condition(i) != NULL; i++)
        metrics_sample(writer, (double)context->count.undecided[i], "condition",
                       decide_condition(i), (char *)NULL);
}

/* Every exempt rule of the configuration, and those that a reload took away. */
static void write_exempt(struct metrics_writer *writer, const struct context *context)
{
    struct rule_counts counts = {0};
    const struct rule_set *rules = context->config->rules;

    for (size_t i = 0; i < rules->count; i++)
        if (rules->rules[i].exempt)
            rule_counts_add(&counts, rules->rules[i].name, 0);
    for (size_t i = 0; i < context->exempt_by.n; i++)
        rule_counts_add(&counts, context->exempt_by.list[i].rule, context->exempt_by.list[i].count);
    metrics_family(writer, METRIC_COUNTER, "mailvigil_messages_exempt_total",
                   "Messages exempted, by rule.");
    for (size_t i = 0; i < counts.n; i++)
        metrics_sample(writer, (double)counts.list[i].count, "rule", counts.list[i].rule,
                       (char *)NULL);
    rule_counts_clear(&counts);
}

static void write_warned(struct metrics_writer *writer, const struct context *context)
{
    metrics_family(writer, METRIC_COUNTER, "mailvigil_messages_warned_total",
                   "Captured messages whose copies carry a warning.");
    for (unsigned i = 0; warning_text(1u << i) != NULL; i++)
        metrics_sample(writer, (double)context->count.warned[i], "warning", warning_text(1u << i),
                       (char *)NULL);
}

static void write_counters(struct metrics_writer *writer, const struct context *context)
{
    for (size_t i = 0; i < sizeof(counters) / sizeof(*counters); i++) {
        metrics_family(writer, METRIC_COUNTER, counters[i].name, counters[i].help);
        metrics_sample(writer, metrics_number_at(context, counters[i].offset), (char *)NULL);
    }
    write_undecided(writer, context);
    write_warned(writer, context);
    write_exempt(writer, context);
    metrics_family(writer, METRIC_HISTOGRAM, "mailvigil_capture_latency_seconds",
                   "Time from the arrival of a message (INTERNALDATE, in seconds) to its capture.");
    metrics_histogram(writer, histogram_bounds, context->capture_latency.buckets, HISTOGRAM_BUCKETS,
                      context->capture_latency.sum, (char *)NULL);
    metrics_family(writer, METRIC_HISTOGRAM, "mailvigil_delivery_latency_seconds",
                   "Time from the capture of a message to the delivery of a copy.");
    metrics_histogram(writer, histogram_bounds, context->delivery_latency.buckets,
                      HISTOGRAM_BUCKETS, context->delivery_latency.sum, (char *)NULL);
}

/* ---- ledger and spool ---- */

#define FIGURE(field) offsetof(struct ledger_figures, field)

static const struct {
    size_t offset;
    const char *name, *help;
} figures_of_ledger[] = {
    {FIGURE(pending), "mailvigil_copies_pending", "Copies not yet delivered or abandoned."},
    {FIGURE(held), "mailvigil_copies_held",
     "Pending copies that wait for counterparts or for the next attempt."},
    {FIGURE(intents), "mailvigil_copies_sending", "Pending copies that are being sent."},
    {FIGURE(failed_copies), "mailvigil_copies_failed",
     "Copies abandoned since the ledger was created; the originals are kept."},
    {FIGURE(spool_bytes), "mailvigil_spool_bytes", "Size of the spool."},
    {FIGURE(spool_segments), "mailvigil_spool_segments", "Number of spool segment files."},
};

static void write_ledger(struct metrics_writer *writer, const struct snapshot *snapshot,
                         const struct ledger_figures *figures)
{
    metrics_family(writer, METRIC_GAUGE, "mailvigil_ledger_blocked",
                   "1 while the ledger cannot commit; capture and delivery are then suspended.");
    metrics_sample(writer, ledger_is_blocked(snapshot->context->ledger, NULL) != NULL,
                   (char *)NULL);
    for (size_t i = 0; i < sizeof(figures_of_ledger) / sizeof(*figures_of_ledger); i++) {
        metrics_family(writer, METRIC_GAUGE, figures_of_ledger[i].name, figures_of_ledger[i].help);
        metrics_sample(writer, metrics_number_at(figures, figures_of_ledger[i].offset),
                       (char *)NULL);
    }
    metrics_family(writer, METRIC_GAUGE, "mailvigil_spool_oldest_timestamp_seconds",
                   "Capture time of the oldest message with a pending copy, seconds since 1970; "
                   "0 if there is none.");
    metrics_sample(writer, (double)figures->oldest_pending, (char *)NULL);
    metrics_family(writer, METRIC_GAUGE, "mailvigil_ledger_messages",
                   "Messages in the ledger by state.");
    for (enum uid_state state = UID_BEFORE_BASELINE; state < UID_STATES; state++)
        metrics_sample(writer, (double)figures->states[state], "state", uid_state_name(state),
                       (char *)NULL);
}

/* ---- watches ---- */

static void write_watches(struct metrics_writer *writer, const struct snapshot *snapshot)
{
    size_t states[WATCH_DOWN + 1] = {0}, troubled = 0, folders = 0, missed = 0;
    struct watch_status status;

    for (size_t i = 0; i < snapshot->n_accounts; i++) {
        const struct account_watch *account = snapshot->accounts[i];

        snapshot_account(account, &status);
        troubled += status.trouble_since != 0;
        missed += snapshot_missed(account);
        for (size_t w = 0; w < account_watch_count(account); w++) {
            watch_status(account_watch_nth(account, w), &status);
            states[status.state]++;
            folders += watch_folder_count(account_watch_nth(account, w));
        }
    }
    metrics_family(writer, METRIC_GAUGE, "mailvigil_watches",
                   "Sessions that watch accounts, by state.");
    for (enum watch_state state = WATCH_CONNECTING; state <= WATCH_DOWN; state++)
        metrics_sample(writer, (double)states[state], "state", watch_state_text(state),
                       (char *)NULL);
    metrics_family(writer, METRIC_GAUGE, "mailvigil_accounts", "Watched accounts.");
    metrics_sample(writer, (double)snapshot->n_accounts, (char *)NULL);
    metrics_family(writer, METRIC_GAUGE, "mailvigil_accounts_troubled",
                   "Accounts that have a session in trouble.");
    metrics_sample(writer, (double)troubled, (char *)NULL);
    metrics_family(writer, METRIC_GAUGE, "mailvigil_folders", "Watched folders.");
    metrics_sample(writer, (double)folders, (char *)NULL);
    metrics_family(writer, METRIC_GAUGE, "mailvigil_folders_missing",
                   "Folders that are configured and not there, as status has them for problems.");
    metrics_sample(writer, (double)missed, (char *)NULL);
}

/* ---- targets ---- */

typedef double target_value(const struct ledger_target_figures *figures);

static double target_pending(const struct ledger_target_figures *figures)
{
    return (double)figures->pending;
}

static double target_failed(const struct ledger_target_figures *figures)
{
    return (double)figures->failed;
}

static double target_delivered(const struct ledger_target_figures *figures)
{
    return (double)figures->delivered;
}

static double target_oldest(const struct ledger_target_figures *figures)
{
    return (double)figures->oldest_pending;
}

static const struct {
    enum metric_type type;
    const char *name, *help;
    target_value *value;
} target_metrics[] = {
    {METRIC_GAUGE, "mailvigil_target_pending", "Copies waiting for this target.", target_pending},
    {METRIC_GAUGE, "mailvigil_target_failed", "Copies for this target that were abandoned.",
     target_failed},
    {METRIC_COUNTER, "mailvigil_target_delivered_total",
     "Copies accepted by this target since the ledger was created.", target_delivered},
    {METRIC_GAUGE, "mailvigil_target_oldest_pending_timestamp_seconds",
     "Capture time of the oldest message with a copy pending for this target, seconds since "
     "1970; 0 if there is none.",
     target_oldest},
};

static void write_target_states(struct metrics_writer *writer, const struct snapshot *snapshot)
{
    struct deliver_status status;

    metrics_family(writer, METRIC_GAUGE, "mailvigil_target_up",
                   "1 while delivery to this target works.");
    for (size_t i = 0; i < snapshot->n_deliveries; i++) {
        deliver_status(snapshot->deliveries[i], &status);
        metrics_sample(writer, status.trouble_since == 0, "target",
                       deliver_target(snapshot->deliveries[i])->name, (char *)NULL);
    }
    metrics_family(
        writer, METRIC_GAUGE, "mailvigil_target_state",
        "State of the delivery to this target: 1 for the current state, 0 for all others.");
    for (size_t i = 0; i < snapshot->n_deliveries; i++) {
        deliver_status(snapshot->deliveries[i], &status);
        for (enum deliver_state state = DELIVER_IDLE; state <= DELIVER_DOWN; state++)
            metrics_sample(writer, status.state == state, "target",
                           deliver_target(snapshot->deliveries[i])->name, "state",
                           deliver_state_text(state), (char *)NULL);
    }
}

/* A blocked ledger has no figures of its targets: no sample is better than 0 then. */
static void write_targets(struct metrics_writer *writer, const struct snapshot *snapshot,
                          const struct ledger_target_figures *targets, size_t n_targets)
{
    bool known = targets != NULL || ledger_is_blocked(snapshot->context->ledger, NULL) == NULL;

    for (size_t m = 0; m < sizeof(target_metrics) / sizeof(*target_metrics); m++) {
        metrics_family(writer, target_metrics[m].type, target_metrics[m].name,
                       target_metrics[m].help);
        for (size_t i = 0; known && i < snapshot->n_deliveries; i++) {
            const char *name = deliver_target(snapshot->deliveries[i])->name;

            metrics_sample(writer,
                           target_metrics[m].value(snapshot_target(targets, n_targets, name)),
                           "target", name, (char *)NULL);
        }
    }
    metrics_family(writer, METRIC_GAUGE, "mailvigil_target_overdue",
                   "1 while a copy for this target has been waiting for longer than its "
                   "alarm_after.");
    for (size_t i = 0; known && i < snapshot->n_deliveries; i++) {
        const struct target *target = deliver_target(snapshot->deliveries[i]);

        metrics_sample(
            writer,
            snapshot_overdue(target, snapshot_target(targets, n_targets, target->name)) != 0,
            "target", target->name, (char *)NULL);
    }
    write_target_states(writer, snapshot);
}

void metrics_write(FILE *out, bool openmetrics, const struct snapshot *snapshot,
                   const struct ledger_figures *figures,
                   const struct ledger_target_figures *targets, size_t n_targets)
{
    struct metrics_writer writer;

    metrics_begin(&writer, out, openmetrics);
    write_agent(&writer, snapshot);
    write_counters(&writer, snapshot->context);
    write_ledger(&writer, snapshot, figures);
    write_watches(&writer, snapshot);
    write_targets(&writer, snapshot, targets, n_targets);
    metrics_probe_write(&writer, snapshot);
    metrics_end(&writer);
}
