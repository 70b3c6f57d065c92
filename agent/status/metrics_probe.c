#include "agent/status/metrics_probe.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "agent/status/view.h"

#define MICROSECONDS 1e6

/* ---- facts of the last result ---- */

static bool path_is_well(const struct probe *probe, const struct probe_path *path)
{
    if (path->failed != PHASE_NONE)
        return false;
    for (char *const *expected = probe->expect_capability; *expected != NULL; expected++)
        if (!dialogue_has(path->capabilities != NULL ? path->capabilities : "", *expected))
            return false;
    return true;
}

/* The path that explains the result: the first that is not well, else the slowest. NULL: none. */
static const struct probe_path *telling_path(const struct probe_view *view)
{
    const struct probe_path *slowest = NULL;

    if (view->result == NULL)
        return NULL;
    for (size_t i = 0; i < view->result->n_paths; i++) {
        const struct probe_path *path = &view->result->paths[i];

        if (!path_is_well(view->probe, path))
            return path;
        if (slowest == NULL || phase_clock_total(&path->clock) > phase_clock_total(&slowest->clock))
            slowest = path;
    }
    return slowest;
}

static double value_success(const struct probe_view *view)
{
    const struct probe_result *result = view->result;

    if (result == NULL)
        return NAN;
    if (result->trouble != NULL)
        return 0;
    for (size_t i = 0; i < result->n_paths; i++)
        if (!path_is_well(view->probe, &result->paths[i]))
            return 0;
    return !result->has_roundtrip || result->roundtrip.verdict == ROUNDTRIP_RETURNED;
}

static double value_duration(const struct probe_view *view)
{
    return view->result != NULL ? (double)view->result->microseconds / MICROSECONDS : NAN;
}

static double value_timeout(const struct probe_view *view)
{
    return (double)view->probe->timeout / 1000;
}

static double value_lookup(const struct probe_view *view)
{
    const struct probe_path *path = telling_path(view);

    return path != NULL ? (double)path->clock.microseconds[PHASE_RESOLVE] / MICROSECONDS : NAN;
}

static double value_ip_protocol(const struct probe_view *view)
{
    const struct probe_path *path = telling_path(view);

    if (path == NULL)
        return NAN;
    return path->family == AF_INET6 ? 6 : path->family == AF_INET ? 4 : 0;
}

/* The earliest date of all paths' chains; verified: of chains that verify. */
static double earliest(const struct probe_view *view, bool verified)
{
    double found = NAN;

    for (size_t i = 0; view->result != NULL && i < view->result->n_paths; i++) {
        const struct certificate_chain *chain = view->result->paths[i].certificates;
        time_t expiry = 0;

        if (chain != NULL)
            expiry = verified ? chain->verified_expiry : chain->earliest_expiry;
        if (expiry != 0 && !(found <= (double)expiry))
            found = (double)expiry;
    }
    return found;
}

static double value_certificate_expiry(const struct probe_view *view)
{
    return earliest(view, false);
}

static double value_chain_expiry(const struct probe_view *view)
{
    return earliest(view, true);
}

static double value_verify_failed(const struct probe_view *view)
{
    double failed = NAN;

    for (size_t i = 0; view->result != NULL && i < view->result->n_paths; i++) {
        const struct certificate_chain *chain = view->result->paths[i].certificates;

        if (chain != NULL && failed != 1)
            failed = !chain->verified;
    }
    return failed;
}

/* ---- facts about the mailbox ---- */

/* The first path that went well: each sees the same mailbox. NULL: none did. */
static const struct probe_path *mailbox_path(const struct probe_view *view)
{
    if (view->result == NULL || view->probe->account == NULL)
        return NULL;
    for (size_t i = 0; i < view->result->n_paths; i++)
        if (view->result->paths[i].failed == PHASE_NONE)
            return &view->result->paths[i];
    return NULL;
}

static const struct probe_imap_facts *imap_facts(const struct probe_view *view)
{
    const struct probe_path *path = mailbox_path(view);

    return path != NULL && view->probe->type == PROBE_MAILBOX ? &path->imap : NULL;
}

static double value_messages(const struct probe_view *view)
{
    const struct probe_path *path = mailbox_path(view);

    if (path == NULL || view->probe->type == PROBE_SMTP || view->probe->type == PROBE_ROUNDTRIP)
        return NAN;
    return view->probe->type == PROBE_POP3 ? (double)path->pop3.messages
                                           : (double)path->imap.messages;
}

static double value_oldest(const struct probe_view *view)
{
    const struct probe_imap_facts *facts = imap_facts(view);

    return facts != NULL ? (double)facts->oldest : NAN;
}

static double value_newest(const struct probe_view *view)
{
    const struct probe_imap_facts *facts = imap_facts(view);

    return facts != NULL ? (double)facts->newest : NAN;
}

static double ratio(uint64_t used, uint64_t limit)
{
    return limit != 0 ? (double)used / (double)limit : NAN;
}

static double value_quota_storage(const struct probe_view *view)
{
    const struct probe_imap_facts *facts = imap_facts(view);

    return facts != NULL ? ratio(facts->storage_used, facts->storage_limit) : NAN;
}

static double value_quota_messages(const struct probe_view *view)
{
    const struct probe_imap_facts *facts = imap_facts(view);

    return facts != NULL ? ratio(facts->messages_used, facts->messages_limit) : NAN;
}

/* ---- the state ---- */

static double value_status(const struct probe_view *view)
{
    return view->state->shown;
}

static double value_last_run(const struct probe_view *view)
{
    return (double)view->ran_at;
}

static double value_last_success(const struct probe_view *view)
{
    return (double)view->last_ok_at;
}

static double value_interval(const struct probe_view *view)
{
    return view->probe->every;
}

static double value_runs(const struct probe_view *view)
{
    return (double)view->runs;
}

static double value_failures(const struct probe_view *view)
{
    return (double)view->failures;
}

static double value_maintenance(const struct probe_view *view)
{
    return view->in_maintenance;
}

/* The names that blackbox_exporter has, and ours behind them. */
static const struct {
    enum metric_type type;
    const char *name, *help;
    double (*value)(const struct probe_view *view); /* NAN: not known */
} probe_metrics[] = {
    {METRIC_GAUGE, "probe_success",
     "Whether the last run went well by every address family, with all expected capabilities; a "
     "round trip: whether the message came back in time.",
     value_success},
    {METRIC_GAUGE, "probe_duration_seconds",
     "How long the last run took, by its slowest address family; a round trip: from sending to "
     "arrival.",
     value_duration},
    {METRIC_GAUGE, "probe_timeout_seconds", "The time limit of one run.", value_timeout},
    {METRIC_GAUGE, "probe_dns_lookup_time_seconds", "How long the name took to resolve.",
     value_lookup},
    {METRIC_GAUGE, "probe_ip_protocol",
     "IP version, 4 or 6, of what probe_mail_duration_seconds and probe_mail_failure tell; 0: the "
     "name was not resolved.",
     value_ip_protocol},
    {METRIC_GAUGE, "probe_ssl_earliest_cert_expiry",
     "The earliest expiry of all certificates that the server sent, verified or not, seconds since "
     "1970.",
     value_certificate_expiry},
    {METRIC_GAUGE, "probe_ssl_last_chain_expiry_timestamp_seconds",
     "The earliest expiry in the chain that verifies, seconds since 1970.", value_chain_expiry},
    {METRIC_GAUGE, "probe_tls_verify_failed",
     "Whether the chain, its dates or the name did not verify.", value_verify_failed},
    {METRIC_GAUGE, "probe_mailbox_messages", "Messages in the mailbox.", value_messages},
    {METRIC_GAUGE, "probe_mailbox_oldest_timestamp_seconds",
     "When the oldest message in the mailbox arrived, seconds since 1970; 0: it is empty.",
     value_oldest},
    {METRIC_GAUGE, "probe_mailbox_newest_timestamp_seconds",
     "When the newest message in the mailbox arrived, seconds since 1970; 0: it is empty.",
     value_newest},
    {METRIC_GAUGE, "probe_mailbox_quota_storage_used_ratio",
     "Used part of the mailbox's quota of storage, 0 to 1.", value_quota_storage},
    {METRIC_GAUGE, "probe_mailbox_quota_messages_used_ratio",
     "Used part of the mailbox's quota of messages, 0 to 1.", value_quota_messages},
    {METRIC_GAUGE, "mailvigil_probe_status",
     "State behind the damping: 0 OK, 1 warning, 2 critical, 3 unknown.", value_status},
    {METRIC_GAUGE, "mailvigil_probe_last_run_timestamp_seconds",
     "When the last run began, seconds since 1970; 0: never.", value_last_run},
    {METRIC_GAUGE, "mailvigil_probe_last_success_timestamp_seconds",
     "When the last run began that was OK, seconds since 1970; 0: never.", value_last_success},
    {METRIC_GAUGE, "mailvigil_probe_interval_seconds", "How often the probe runs.", value_interval},
    {METRIC_COUNTER, "mailvigil_probe_runs_total", "Runs since the start.", value_runs},
    {METRIC_COUNTER, "mailvigil_probe_failures_total", "Runs since the start that were not OK.",
     value_failures},
    {METRIC_GAUGE, "mailvigil_probe_maintenance",
     "Whether a maintenance window is open: nobody is told of changes.", value_maintenance},
};

static void write_probe_metrics(struct metrics_writer *writer, const struct agent_view *view)
{
    for (size_t m = 0; m < sizeof(probe_metrics) / sizeof(*probe_metrics); m++) {
        metrics_family(writer, probe_metrics[m].type, probe_metrics[m].name, probe_metrics[m].help);
        for (size_t i = 0; i < view_probes(view); i++) {
            struct probe_view probe = probes_view(view->probes, i);

            metrics_sample(writer, probe_metrics[m].value(&probe), "probe", probe.probe->name,
                           "proto", probe_type_text(probe.probe->type), (char *)NULL);
        }
    }
}

/* ---- by phase, by address family, by version of TLS ---- */

static void write_phases(struct metrics_writer *writer, const struct agent_view *view)
{
    metrics_family(writer, METRIC_GAUGE, "probe_mail_duration_seconds",
                   "How long each phase of the dialogue took; 0: it did not come to it.");
    for (size_t i = 0; i < view_probes(view); i++) {
        struct probe_view probe = probes_view(view->probes, i);
        const struct probe_path *path = telling_path(&probe);

        for (enum phase phase = PHASE_RESOLVE; path != NULL && phase < PHASE_COUNT; phase++)
            metrics_sample(writer, (double)path->clock.microseconds[phase] / MICROSECONDS, "probe",
                           probe.probe->name, "proto", probe_type_text(probe.probe->type), "phase",
                           phase_text(phase), (char *)NULL);
    }
    metrics_family(writer, METRIC_GAUGE, "probe_mail_failure",
                   "1 for the phase in which the last run failed, 0 for the others; none: it did "
                   "not fail.");
    for (size_t i = 0; i < view_probes(view); i++) {
        struct probe_view probe = probes_view(view->probes, i);
        const struct probe_path *path = telling_path(&probe);

        for (enum phase phase = PHASE_RESOLVE; path != NULL && phase <= PHASE_NONE; phase++)
            metrics_sample(writer, path->failed == phase, "probe", probe.probe->name, "proto",
                           probe_type_text(probe.probe->type), "phase", phase_text(phase),
                           (char *)NULL);
    }
}

static const char *family_text(int family)
{
    return family == AF_INET6 ? "ipv6" : family == AF_INET ? "ipv4" : NULL;
}

static void write_families(struct metrics_writer *writer, const struct agent_view *view,
                           bool durations)
{
    for (size_t i = 0; i < view_probes(view); i++) {
        struct probe_view probe = probes_view(view->probes, i);

        for (size_t k = 0; probe.result != NULL && k < probe.result->n_paths; k++) {
            const struct probe_path *path = &probe.result->paths[k];
            double seconds = (double)phase_clock_total(&path->clock) / MICROSECONDS;

            if (family_text(path->family) == NULL)
                continue;
            metrics_sample(writer, durations ? seconds : path_is_well(probe.probe, path), "probe",
                           probe.probe->name, "proto", probe_type_text(probe.probe->type), "family",
                           family_text(path->family), (char *)NULL);
        }
    }
}

/* As blackbox_exporter has them; a word of ours, whatever the library says. */
static const char *tls_version_text(const char *version)
{
    if (*version == '\0')
        return "";
    static const char *const versions[][2] = {{"TLSv1.3", "TLS 1.3"},
                                              {"TLSv1.2", "TLS 1.2"},
                                              {"TLSv1.1", "TLS 1.1"},
                                              {"TLSv1", "TLS 1.0"}};

    for (size_t i = 0; i < sizeof(versions) / sizeof(*versions); i++)
        if (strcmp(version, versions[i][0]) == 0)
            return versions[i][1];
    return "other";
}

static void write_tls_versions(struct metrics_writer *writer, const struct agent_view *view)
{
    metrics_family(writer, METRIC_INFO, "probe_tls_version_info", "Version of TLS in use.");
    for (size_t i = 0; i < view_probes(view); i++) {
        struct probe_view probe = probes_view(view->probes, i);
        const char *before = "";

        for (size_t k = 0; probe.result != NULL && k < probe.result->n_paths; k++) {
            const char *version = tls_version_text(probe.result->paths[k].tls_version);

            if (*version != '\0' && strcmp(version, before) != 0)
                metrics_sample(writer, 1, "probe", probe.probe->name, "proto",
                               probe_type_text(probe.probe->type), "version", version,
                               (char *)NULL);
            before = version;
        }
    }
}

/* ---- reflectors and alerts ---- */

#define ANSWERS(field) offsetof(struct reflector_counts, field)

static const struct {
    size_t offset;
    const char *name, *help;
} reflector_metrics[] = {
    {ANSWERS(answered), "mailvigil_reflector_answered_total", "Probes that were answered."},
    {ANSWERS(refused), "mailvigil_reflector_refused_total",
     "Messages that were not answered: no token, not ours, or from a machine."},
    {ANSWERS(replayed), "mailvigil_reflector_replayed_total",
     "Probes that were answered before and came once more."},
    {ANSWERS(failed), "mailvigil_reflector_failed_total", "Answers that could not be sent."},
};

static void write_reflectors(struct metrics_writer *writer, const struct agent_view *view)
{
    for (size_t m = 0; m < sizeof(reflector_metrics) / sizeof(*reflector_metrics); m++) {
        metrics_family(writer, METRIC_COUNTER, reflector_metrics[m].name,
                       reflector_metrics[m].help);
        for (size_t i = 0; i < view_reflectors(view); i++) {
            struct reflector_view reflector = probes_reflector_view(view->probes, i);

            metrics_sample(writer,
                           metrics_number_at(&reflector.counts, reflector_metrics[m].offset),
                           "reflector", reflector.reflector->name, (char *)NULL);
        }
    }
    metrics_family(writer, METRIC_GAUGE, "mailvigil_reflector_up",
                   "Whether the reflector's mailbox is listened to: 1; else 0.");
    for (size_t i = 0; i < view_reflectors(view); i++) {
        struct reflector_view reflector = probes_reflector_view(view->probes, i);

        metrics_sample(writer, reflector.trouble == NULL, "reflector", reflector.reflector->name,
                       (char *)NULL);
    }
}

static void write_alerts(struct metrics_writer *writer, const struct agent_view *view)
{
    struct alerts_count count = {0};

    if (view->probes != NULL)
        count = probes_alerts(view->probes);
    metrics_family(writer, METRIC_COUNTER, "mailvigil_alerts_sent_total",
                   "Alerts that a command or webhook has taken.");
    metrics_sample(writer, (double)count.sent, (char *)NULL);
    metrics_family(writer, METRIC_COUNTER, "mailvigil_alerts_failed_total",
                   "Alerts that were given up after all tries.");
    metrics_sample(writer, (double)count.failed, (char *)NULL);
    metrics_family(writer, METRIC_COUNTER, "mailvigil_alerts_dropped_total",
                   "Alerts that were dropped because too many waited.");
    metrics_sample(writer, (double)count.dropped, (char *)NULL);
    metrics_family(writer, METRIC_GAUGE, "mailvigil_alerts_waiting", "Alerts that wait.");
    metrics_sample(writer, (double)count.waiting, (char *)NULL);
}

void metrics_probe_write(struct metrics_writer *writer, const struct agent_view *view)
{
    write_probe_metrics(writer, view);
    write_phases(writer, view);
    metrics_family(writer, METRIC_GAUGE, "probe_mail_family_success",
                   "Whether the last run went well by this address family.");
    write_families(writer, view, false);
    metrics_family(writer, METRIC_GAUGE, "probe_mail_family_duration_seconds",
                   "How long the last run took by this address family.");
    write_families(writer, view, true);
    write_tls_versions(writer, view);
    metrics_roundtrip_write(writer, view);
    write_reflectors(writer, view);
    write_alerts(writer, view);
}
