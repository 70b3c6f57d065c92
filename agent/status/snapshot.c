#include "agent/status/snapshot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/util/memory.h"

const struct ledger_target_figures *snapshot_target(const struct ledger_target_figures *targets,
                                                    size_t n, const char *name)
{
    static const struct ledger_target_figures none = {.target = ""};

    for (size_t i = 0; i < n; i++)
        if (strcmp(targets[i].target, name) == 0)
            return &targets[i];
    return &none;
}

void snapshot_account(const struct account_watch *account, struct watch_status *worst)
{
    watch_status(account_watch_nth(account, 0), worst);
    for (size_t i = 1; i < account_watch_count(account); i++) {
        struct watch_status status;

        watch_status(account_watch_nth(account, i), &status);
        if (worst->trouble_since == 0 && status.trouble_since != 0)
            *worst = status;
    }
}

size_t snapshot_probes(const struct snapshot *snapshot)
{
    return snapshot->probes != NULL ? probes_count(snapshot->probes) : 0;
}

size_t snapshot_reflectors(const struct snapshot *snapshot)
{
    return snapshot->probes != NULL ? probes_reflectors(snapshot->probes) : 0;
}

/* ---- problems ---- */

struct reporting {
    snapshot_report *report;
    void *arg;
    size_t count;
};

static void add(struct reporting *reporting, const struct problem *problem)
{
    reporting->count++;
    if (reporting->report != NULL)
        reporting->report(reporting->arg, problem);
}

size_t snapshot_missed(const struct account_watch *account)
{
    size_t n = 0;

    for (char *const *missing = account_watch_missing(account); *missing != NULL; missing++)
        n += account_watch_misses(account, *missing);
    return n;
}

static void append(char **list, const char *name)
{
    char *longer = *list == NULL ? xstrdup(name) : xasprintf("%s, %s", *list, name);

    free(*list);
    *list = longer;
}

static void add_folders(struct reporting *reporting, const struct account_watch *account,
                        const char *what, const char *names)
{
    char *text;

    if (names == NULL)
        return;
    text = xasprintf("%s: %s", what, names);
    add(reporting, &(struct problem){.what = "account",
                                     .name = account_watch_account(account)->name,
                                     .text = text});
    free(text);
}

static void report_folders(struct reporting *reporting, const struct account_watch *account)
{
    char *missed = NULL, *refused = NULL;

    for (char *const *missing = account_watch_missing(account); *missing != NULL; missing++)
        if (account_watch_misses(account, *missing))
            append(&missed, *missing);
    for (size_t w = 0; w < account_watch_count(account); w++) {
        const struct watch *watch = account_watch_nth(account, w);

        for (size_t i = 0; i < watch_folder_count(watch); i++)
            if (watch_folder(watch, i)->refused)
                append(&refused, watch_folder(watch, i)->name);
    }
    add_folders(reporting, account, "folders that are configured and not there", missed);
    add_folders(reporting, account, "folders that the server refuses to open", refused);
    free(missed);
    free(refused);
}

static void report_accounts(struct reporting *reporting, const struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->n_accounts; i++) {
        struct watch_status status;

        snapshot_account(snapshot->accounts[i], &status);
        if (status.trouble_since != 0)
            add(reporting,
                &(struct problem){.what = "account",
                                  .name = account_watch_account(snapshot->accounts[i])->name,
                                  .since = status.trouble_since,
                                  .text = status.trouble});
        report_folders(reporting, snapshot->accounts[i]);
    }
}

time_t snapshot_overdue(const struct target *target, const struct ledger_target_figures *figures)
{
    bool overdue = figures->oldest_pending != 0 &&
                   time(NULL) - figures->oldest_pending > (time_t)target->alarm_after;

    return overdue ? figures->oldest_pending : 0;
}

static void report_waiting(struct reporting *reporting, const struct target *target,
                           const struct ledger_target_figures *figures)
{
    time_t overdue = snapshot_overdue(target, figures);
    char *text;

    if (overdue != 0) {
        text = xasprintf("%" PRIu64 " cop%s wait%s for it, the oldest longer than alarm_after; "
                         "\"mailvigil ledger --waiting\" lists them",
                         figures->pending, figures->pending == 1 ? "y" : "ies",
                         figures->pending == 1 ? "s" : "");
        add(reporting, &(struct problem){
                           .what = "target", .name = target->name, .since = overdue, .text = text});
        free(text);
    }
    if (figures->failed > 0) {
        text = xasprintf("%" PRIu64 " cop%s given up; \"mailvigil ledger --waiting\" lists them, "
                         "\"retry\" and \"drop\" settle them",
                         figures->failed, figures->failed == 1 ? "y was" : "ies were");
        add(reporting, &(struct problem){
                           .what = "target", .name = target->name, .text = text, .warning = true});
        free(text);
    }
}

static void report_targets(struct reporting *reporting, const struct snapshot *snapshot,
                           const struct ledger_target_figures *targets, size_t n_targets)
{
    for (size_t i = 0; i < snapshot->n_deliveries; i++) {
        struct deliver_status status;

        deliver_status(snapshot->deliveries[i], &status);
        if (status.trouble_since != 0)
            add(reporting, &(struct problem){.what = "target",
                                             .name = deliver_target(snapshot->deliveries[i])->name,
                                             .since = status.trouble_since,
                                             .text = status.trouble});
    }
    for (size_t i = 0; i < snapshot->n_deliveries; i++) {
        const struct target *target = deliver_target(snapshot->deliveries[i]);

        report_waiting(reporting, target, snapshot_target(targets, n_targets, target->name));
    }
}

/* A raised state outlives its cause until there were enough good results. */
static void report_probe(struct reporting *reporting, const struct probe_view *probe)
{
    const char *state = probe_status_text(probe->state->shown);
    char *text;

    if (probe->verdict == NULL)
        text = xstrdup(state);
    else if (probe->verdict->status == probe->state->shown)
        text = xasprintf("%s: %s", state, probe->verdict->summary);
    else
        text = xasprintf("%s, though the last result is %s: %s", state,
                         probe_status_text(probe->verdict->status), probe->verdict->summary);
    add(reporting, &(struct problem){.what = "probe",
                                     .name = probe->probe->name,
                                     .since = probe->state->since,
                                     .text = text,
                                     .warning = probe->state->shown != PROBE_CRITICAL});
    free(text);
}

static void report_probes(struct reporting *reporting, const struct snapshot *snapshot,
                          enum probe_status status)
{
    for (size_t i = 0; i < snapshot_probes(snapshot); i++) {
        struct probe_view probe = probes_view(snapshot->probes, i);

        if (probe.state->shown == status && !probe.in_maintenance)
            report_probe(reporting, &probe);
    }
}

static void report_mailboxes(struct reporting *reporting, const struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot_probes(snapshot); i++) {
        struct probe_view probe = probes_view(snapshot->probes, i);

        if (probe.trouble != NULL)
            add(reporting, &(struct problem){.what = "return mailbox of the probe",
                                             .name = probe.probe->name,
                                             .text = probe.trouble});
    }
    for (size_t i = 0; i < snapshot_reflectors(snapshot); i++) {
        struct reflector_view reflector = probes_reflector_view(snapshot->probes, i);

        if (reflector.trouble != NULL)
            add(reporting, &(struct problem){.what = "reflector",
                                             .name = reflector.reflector->name,
                                             .text = reflector.trouble});
    }
}

static void report_watching(struct reporting *reporting, const struct snapshot *snapshot,
                            const struct ledger_target_figures *targets, size_t n_targets)
{
    time_t since = 0;
    const char *blocked = ledger_is_blocked(snapshot->context->ledger, &since);

    if (blocked != NULL)
        add(reporting,
            &(struct problem){.what = "ledger", .name = "", .since = since, .text = blocked});
    if (*snapshot->reload_trouble != '\0')
        add(reporting, &(struct problem){.what = "the last reload was refused, the old "
                                                 "configuration is still in use",
                                         .name = "",
                                         .text = snapshot->reload_trouble});
    report_accounts(reporting, snapshot);
    report_targets(reporting, snapshot, targets, n_targets);
}

/* What has been no problem so far: the first look into a mailbox. */
static void report_starting(struct reporting *reporting, const struct snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->n_accounts; i++) {
        struct watch_status status;

        snapshot_account(snapshot->accounts[i], &status);
        if (status.trouble_since == 0 && status.state == WATCH_CONNECTING)
            add(reporting,
                &(struct problem){.what = "account",
                                  .name = account_watch_account(snapshot->accounts[i])->name,
                                  .text = "not signed in yet"});
    }
    if (!snapshot->ready)
        add(reporting, &(struct problem){.what = "agent",
                                         .name = "",
                                         .text = "it has just started, and has not looked into "
                                                 "every account yet"});
}

size_t snapshot_unseen(const struct snapshot *snapshot, snapshot_report *report, void *arg)
{
    struct reporting reporting = {.report = report, .arg = arg};

    report_watching(&reporting, snapshot, NULL, 0);
    report_starting(&reporting, snapshot);
    return reporting.count;
}

size_t snapshot_problems(const struct snapshot *snapshot,
                         const struct ledger_target_figures *targets, size_t n_targets,
                         snapshot_report *report, void *arg)
{
    struct reporting reporting = {.report = report, .arg = arg};

    report_watching(&reporting, snapshot, targets, n_targets);
    report_probes(&reporting, snapshot, PROBE_CRITICAL);
    report_mailboxes(&reporting, snapshot);
    report_probes(&reporting, snapshot, PROBE_UNKNOWN);
    report_probes(&reporting, snapshot, PROBE_WARNING);
    return reporting.count;
}

const char *snapshot_ago(char buffer[SNAPSHOT_AGO_MAX], time_t since)
{
    long long seconds = since == 0 ? 0 : (long long)(time(NULL) - since);

    if (seconds < 120)
        snprintf(buffer, SNAPSHOT_AGO_MAX, "%lld s", seconds);
    else if (seconds < 7200)
        snprintf(buffer, SNAPSHOT_AGO_MAX, "%lld min", seconds / 60);
    else if (seconds < 172800)
        snprintf(buffer, SNAPSHOT_AGO_MAX, "%lld h", seconds / 3600);
    else
        snprintf(buffer, SNAPSHOT_AGO_MAX, "%lld days", seconds / 86400);
    return buffer;
}
