#include "agent/status/metrics.h"

#include <stddef.h>

#include "agent/status/metrics_probe.h"
#include "agent/status/metrics_writer.h"
#include "agent/status/view.h"

/* ---- the agent itself ---- */

static void write_agent(struct metrics_writer *writer, const struct agent_view *view)
{
    metrics_family(writer, METRIC_INFO, "mailvigil_build_info", "The version that runs.");
    metrics_sample(writer, 1, "version", MAILVIGIL_VERSION, (char *)NULL);
    metrics_family(writer, METRIC_INFO, "mailvigil_instance_info",
                   "The instance, as the configuration names it.");
    metrics_sample(writer, 1, "name", view->parts->config->instance, (char *)NULL);
    metrics_family(writer, METRIC_GAUGE, "process_start_time_seconds",
                   "When the agent was started, seconds since 1970.");
    metrics_sample(writer, (double)view->started, (char *)NULL);
    metrics_family(writer, METRIC_GAUGE, "mailvigil_config_last_reload_successful",
                   "Whether the last reload was taken over: 1, or refused: 0.");
    metrics_sample(writer, *view->reload_trouble == '\0', (char *)NULL);
    metrics_family(writer, METRIC_GAUGE, "mailvigil_config_last_reload_success_timestamp_seconds",
                   "When the configuration was read that is in force, seconds since 1970.");
    metrics_sample(writer, (double)(view->reloaded != 0 ? view->reloaded : view->started),
                   (char *)NULL);
}

/* ---- messages and copies ---- */

#define COUNT(field) offsetof(struct parts, count.field)

static const struct {
    size_t offset;
    const char *name, *help;
} counters[] = {
    {COUNT(seen), "mailvigil_messages_seen_total",
     "Messages that were looked at in watched folders."},
    {COUNT(captured), "mailvigil_messages_captured_total",
     "Messages that are stored because a rule wants them."},
    {COUNT(duplicates), "mailvigil_messages_duplicate_total",
     "Messages that were stored already: moved or copied between folders of an account."},
    {COUNT(joined), "mailvigil_messages_joined_total",
     "Internal messages that were joined with their counterpart in another account."},
    {COUNT(own_copies), "mailvigil_messages_own_copy_total",
     "Messages that were proven to be copies of our own."},
    {COUNT(not_wanted), "mailvigil_messages_not_wanted_total", "Messages that no rule wants."},
    {COUNT(exempt), "mailvigil_messages_exempt_total", "Messages that a rule exempts."},
    {COUNT(vanished), "mailvigil_messages_vanished_total",
     "Messages that were gone before they could be fetched."},
    {COUNT(unfetched), "mailvigil_messages_unfetched_total",
     "Messages that their server did not give when asked; they are asked for again."},
    {COUNT(failed), "mailvigil_messages_failed_total", "Messages that were given up."},
    {COUNT(delivered), "mailvigil_copies_delivered_total", "Copies that their target has taken."},
    {COUNT(refused), "mailvigil_copies_refused_total",
     "Copies that were given up because their target refuses them; originals are kept."},
    {COUNT(reconnects), "mailvigil_reconnects_total",
     "Sessions of watches that were lost or could not be had, and were tried again."},
};

static void write_counters(struct metrics_writer *writer, const struct parts *parts)
{
    for (size_t i = 0; i < sizeof(counters) / sizeof(*counters); i++) {
        metrics_family(writer, METRIC_COUNTER, counters[i].name, counters[i].help);
        metrics_sample(writer, metrics_number_at(parts, counters[i].offset), (char *)NULL);
    }
    metrics_family(writer, METRIC_HISTOGRAM, "mailvigil_capture_latency_seconds",
                   "From the second of a new message's arrival (INTERNALDATE) to its capture.");
    metrics_histogram(writer, histogram_bounds, parts->capture_latency.buckets, HISTOGRAM_BUCKETS,
                      parts->capture_latency.sum, (char *)NULL);
    metrics_family(writer, METRIC_HISTOGRAM, "mailvigil_delivery_latency_seconds",
                   "From the second of a message's capture to the delivery of a copy.");
    metrics_histogram(writer, histogram_bounds, parts->delivery_latency.buckets, HISTOGRAM_BUCKETS,
                      parts->delivery_latency.sum, (char *)NULL);
}

/* ---- ledger and spool ---- */

#define FIGURE(field) offsetof(struct ledger_figures, field)

static const struct {
    size_t offset;
    const char *name, *help;
} figures_of_ledger[] = {
    {FIGURE(pending), "mailvigil_copies_pending", "Copies neither delivered nor given up."},
    {FIGURE(held), "mailvigil_copies_held",
     "Pending copies that wait for counterparts or for their next attempt."},
    {FIGURE(intents), "mailvigil_copies_sending", "Pending copies that are being sent."},
    {FIGURE(failed_copies), "mailvigil_copies_failed",
     "Copies that were given up, of all time; their originals are kept."},
    {FIGURE(spool_bytes), "mailvigil_spool_bytes", "Size of the spool."},
    {FIGURE(spool_segments), "mailvigil_spool_segments", "Segment files of the spool."},
};

static void write_ledger(struct metrics_writer *writer, const struct agent_view *view,
                         const struct ledger_figures *figures)
{
    metrics_family(writer, METRIC_GAUGE, "mailvigil_ledger_stuck",
                   "Whether the ledger cannot commit: nothing is captured or delivered then.");
    metrics_sample(writer, ledger_is_stuck(view->parts->ledger, NULL) != NULL, (char *)NULL);
    for (size_t i = 0; i < sizeof(figures_of_ledger) / sizeof(*figures_of_ledger); i++) {
        metrics_family(writer, METRIC_GAUGE, figures_of_ledger[i].name, figures_of_ledger[i].help);
        metrics_sample(writer, metrics_number_at(figures, figures_of_ledger[i].offset),
                       (char *)NULL);
    }
    metrics_family(writer, METRIC_GAUGE, "mailvigil_spool_oldest_timestamp_seconds",
                   "When the oldest message with a pending copy was captured, seconds since 1970; "
                   "0: there is none.");
    metrics_sample(writer, (double)figures->oldest_pending, (char *)NULL);
    metrics_family(writer, METRIC_GAUGE, "mailvigil_ledger_messages",
                   "Messages in the ledger by what became of them, of all time.");
    for (enum uid_state state = UID_BEFORE_BASELINE; state <= UID_FAILED; state++)
        metrics_sample(writer, (double)figures->states[state], "state", uid_state_text(state),
                       (char *)NULL);
}

/* ---- watches ---- */

static void write_watches(struct metrics_writer *writer, const struct agent_view *view)
{
    size_t states[WATCH_DOWN + 1] = {0}, troubled = 0, folders = 0;
    struct watch_status status;

    for (size_t i = 0; i < view->n_accounts; i++) {
        const struct account_watch *account = view->accounts[i];

        view_account(account, &status);
        troubled += status.trouble_since != 0;
        for (size_t w = 0; w < account_watch_count(account); w++) {
            watch_status(account_watch_nth(account, w), &status);
            states[status.state]++;
            folders += watch_folder_count(account_watch_nth(account, w));
        }
    }
    metrics_family(writer, METRIC_GAUGE, "mailvigil_watches",
                   "Sessions that watch accounts, by what they do.");
    for (enum watch_state state = WATCH_CONNECTING; state <= WATCH_DOWN; state++)
        metrics_sample(writer, (double)states[state], "state", watch_state_text(state),
                       (char *)NULL);
    metrics_family(writer, METRIC_GAUGE, "mailvigil_accounts", "Accounts that are watched.");
    metrics_sample(writer, (double)view->n_accounts, (char *)NULL);
    metrics_family(writer, METRIC_GAUGE, "mailvigil_accounts_troubled",
                   "Accounts with a watch that is not well.");
    metrics_sample(writer, (double)troubled, (char *)NULL);
    metrics_family(writer, METRIC_GAUGE, "mailvigil_folders", "Folders that are watched.");
    metrics_sample(writer, (double)folders, (char *)NULL);
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
    {METRIC_GAUGE, "mailvigil_target_pending", "Copies that wait for this target.", target_pending},
    {METRIC_GAUGE, "mailvigil_target_failed", "Copies for this target that were given up.",
     target_failed},
    {METRIC_COUNTER, "mailvigil_target_delivered_total",
     "Copies that this target has taken, of all time.", target_delivered},
    {METRIC_GAUGE, "mailvigil_target_oldest_pending_timestamp_seconds",
     "When the oldest message was captured whose copy waits for this target, seconds since 1970; "
     "0: none waits.",
     target_oldest},
};

static void write_target_states(struct metrics_writer *writer, const struct agent_view *view)
{
    struct deliver_status status;

    metrics_family(writer, METRIC_GAUGE, "mailvigil_target_up",
                   "Whether deliveries to this target are well: 1.");
    for (size_t i = 0; i < view->n_deliveries; i++) {
        deliver_status(view->deliveries[i], &status);
        metrics_sample(writer, status.trouble_since == 0, "target",
                       deliver_target(view->deliveries[i])->name, (char *)NULL);
    }
    metrics_family(writer, METRIC_GAUGE, "mailvigil_target_state",
                   "What the delivery to this target does: 1 for that state, 0 for the others.");
    for (size_t i = 0; i < view->n_deliveries; i++) {
        deliver_status(view->deliveries[i], &status);
        for (enum deliver_state state = DELIVER_IDLE; state <= DELIVER_DOWN; state++)
            metrics_sample(writer, status.state == state, "target",
                           deliver_target(view->deliveries[i])->name, "state",
                           deliver_state_text(state), (char *)NULL);
    }
}

/* A ledger that is stuck tells nothing of its targets: no figure is better than 0 then. */
static void write_targets(struct metrics_writer *writer, const struct agent_view *view,
                          const struct ledger_target_figures *targets, size_t n_targets)
{
    bool known = targets != NULL || ledger_is_stuck(view->parts->ledger, NULL) == NULL;

    for (size_t m = 0; m < sizeof(target_metrics) / sizeof(*target_metrics); m++) {
        metrics_family(writer, target_metrics[m].type, target_metrics[m].name,
                       target_metrics[m].help);
        for (size_t i = 0; known && i < view->n_deliveries; i++) {
            const char *name = deliver_target(view->deliveries[i])->name;

            metrics_sample(writer, target_metrics[m].value(view_target(targets, n_targets, name)),
                           "target", name, (char *)NULL);
        }
    }
    write_target_states(writer, view);
}

void metrics_write(FILE *out, bool openmetrics, const struct agent_view *view,
                   const struct ledger_figures *figures,
                   const struct ledger_target_figures *targets, size_t n_targets)
{
    struct metrics_writer writer;

    metrics_begin(&writer, out, openmetrics);
    write_agent(&writer, view);
    write_counters(&writer, view->parts);
    write_ledger(&writer, view, figures);
    write_watches(&writer, view);
    write_targets(&writer, view, targets, n_targets);
    metrics_probe_write(&writer, view);
    metrics_end(&writer);
}
