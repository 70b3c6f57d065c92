#include "agent/status/metrics_probe.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "agent/status/snapshot.h"

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

/* The path that explains the result: the first that failed, else the slowest. NULL: none. */
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

/* The first path that succeeded: each sees the same mailbox. NULL: none did. */
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

/* The names that blackbox_exporter has, followed by ours. */
static const struct {
    enum metric_type type;
    const char *name, *help;
    double (*value)(const struct probe_view *view); /* NAN: not known */
} probe_metrics[] = {
    {METRIC_GAUGE, "probe_success",
     "1 if the last run succeeded over every address family, with all expected capabilities; for "
     "a round trip, if the message came back in time.",
     value_success},
    {METRIC_GAUGE, "probe_duration_seconds",
     "Duration of the last run over its slowest address family; for a round trip, from sending to "
     "arrival.",
     value_duration},
    {METRIC_GAUGE, "probe_timeout_seconds", "The time limit of one run.", value_timeout},
    {METRIC_GAUGE, "probe_dns_lookup_time_seconds", "Time taken to resolve the host name.",
     value_lookup},
    {METRIC_GAUGE, "probe_ip_protocol",
     "IP version, 4 or 6, that probe_mail_duration_seconds and probe_mail_failure refer to; 0 if "
     "the name was not resolved.",
     value_ip_protocol},
    {METRIC_GAUGE, "probe_ssl_earliest_cert_expiry",
     "Earliest expiry of all certificates sent by the server, verified or not, seconds since 1970.",
     value_certificate_expiry},
    {METRIC_GAUGE, "probe_ssl_last_chain_expiry_timestamp_seconds",
     "Earliest expiry in the verified chain, seconds since 1970.", value_chain_expiry},
    {METRIC_GAUGE, "probe_tls_verify_failed",
     "1 if the chain, its dates or the name did not verify.", value_verify_failed},
    {METRIC_GAUGE, "probe_mailbox_messages", "Messages in the mailbox.", value_messages},
    {METRIC_GAUGE, "probe_mailbox_oldest_timestamp_seconds",
     "Arrival of the oldest message in the mailbox, seconds since 1970; 0 if it is empty.",
     value_oldest},
    {METRIC_GAUGE, "probe_mailbox_newest_timestamp_seconds",
     "Arrival of the newest message in the mailbox, seconds since 1970; 0 if it is empty.",
     value_newest},
    {METRIC_GAUGE, "probe_mailbox_quota_storage_used_ratio",
     "Fraction of the storage quota in use, 0 to 1.", value_quota_storage},
    {METRIC_GAUGE, "probe_mailbox_quota_messages_used_ratio",
     "Fraction of the message quota in use, 0 to 1.", value_quota_messages},
    {METRIC_GAUGE, "mailvigil_probe_status",
     "Damped state: 0 OK, 1 warning, 2 critical, 3 unknown.", value_status},
    {METRIC_GAUGE, "mailvigil_probe_last_run_timestamp_seconds",
     "Start of the last run, seconds since 1970; 0 if there was none.", value_last_run},
    {METRIC_GAUGE, "mailvigil_probe_last_success_timestamp_seconds",
     "Start of the last run that was OK, seconds since 1970; 0 if there was none.",
     value_last_success},
    {METRIC_GAUGE, "mailvigil_probe_interval_seconds", "Configured interval between runs.",
     value_interval},
    {METRIC_COUNTER, "mailvigil_probe_runs_total", "Runs since the start.", value_runs},
    {METRIC_COUNTER, "mailvigil_probe_failures_total", "Runs since the start that were not OK.",
     value_failures},
    {METRIC_GAUGE, "mailvigil_probe_maintenance", "1 while a maintenance window suppresses alerts.",
     value_maintenance},
};

static void write_probe_metrics(struct metrics_writer *writer, const struct snapshot *snapshot)
{
    for (size_t m = 0; m < sizeof(probe_metrics) / sizeof(*probe_metrics); m++) {
        metrics_family(writer, probe_metrics[m].type, probe_metrics[m].name, probe_metrics[m].help);
        for (size_t i = 0; i < snapshot_probes(snapshot); i++) {
            struct probe_view probe = probes_view(snapshot->probes, i);

            metrics_sample(writer, probe_metrics[m].value(&probe), "probe", probe.probe->name,
                           "proto", probe_type_text(probe.probe->type), (char *)NULL);
        }
    }
}

/* ---- by phase, by address family, by version of TLS ---- */

static void write_phases(struct metrics_writer *writer, const struct snapshot *snapshot)
{
    metrics_family(writer, METRIC_GAUGE, "probe_mail_duration_seconds",
                   "Duration of each phase of the dialogue; 0 if it was not reached.");
    for (size_t i = 0; i < snapshot_probes(snapshot); i++) {
        struct probe_view probe = probes_view(snapshot->probes, i);
        const struct probe_path *path = telling_path(&probe);

        for (enum phase phase = PHASE_RESOLVE; path != NULL && phase < PHASE_COUNT; phase++)
            metrics_sample(writer, (double)path->clock.microseconds[phase] / MICROSECONDS, "probe",
                           probe.probe->name, "proto", probe_type_text(probe.probe->type), "phase",
                           phase_text(phase), (char *)NULL);
    }
    metrics_family(writer, METRIC_GAUGE, "probe_mail_failure",
                   "1 for the phase in which the last run failed, 0 for the others; phase "
                   "\"none\" is 1 if it did not fail.");
    for (size_t i = 0; i < snapshot_probes(snapshot); i++) {
        struct probe_view probe = probes_view(snapshot->probes, i);
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

static void write_families(struct metrics_writer *writer, const struct snapshot *snapshot,
                           bool durations)
{
    for (size_t i = 0; i < snapshot_probes(snapshot); i++) {
        struct probe_view probe = probes_view(snapshot->probes, i);

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

static void write_tls_versions(struct metrics_writer *writer, const struct snapshot *snapshot)
{
    metrics_family(writer, METRIC_INFO, "probe_tls_version_info", "Negotiated TLS version.");
    for (size_t i = 0; i < snapshot_probes(snapshot); i++) {
        struct probe_view probe = probes_view(snapshot->probes, i);
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
    {ANSWERS(answered), "mailvigil_reflector_answered_total", "Probe messages answered."},
    {ANSWERS(refused), "mailvigil_reflector_refused_total",
     "Messages not answered: no token, a foreign token, or automatic mail."},
    {ANSWERS(replayed), "mailvigil_reflector_replayed_total",
     "Probe messages that had been answered before."},
    {ANSWERS(failed), "mailvigil_reflector_failed_total", "Answers that could not be sent."},
};

static void write_reflectors(struct metrics_writer *writer, const struct snapshot *snapshot)
{
    for (size_t m = 0; m < sizeof(reflector_metrics) / sizeof(*reflector_metrics); m++) {
        metrics_family(writer, METRIC_COUNTER, reflector_metrics[m].name,
                       reflector_metrics[m].help);
        for (size_t i = 0; i < snapshot_reflectors(snapshot); i++) {
            struct reflector_view reflector = probes_reflector_view(snapshot->probes, i);

            metrics_sample(writer,
                           metrics_number_at(&reflector.counts, reflector_metrics[m].offset),
                           "reflector", reflector.reflector->name, (char *)NULL);
        }
    }
    metrics_family(writer, METRIC_GAUGE, "mailvigil_reflector_up",
                   "1 while the mailbox of the reflector is monitored, else 0.");
    for (size_t i = 0; i < snapshot_reflectors(snapshot); i++) {
        struct reflector_view reflector = probes_reflector_view(snapshot->probes, i);

        metrics_sample(writer, reflector.trouble == NULL, "reflector", reflector.reflector->name,
                       (char *)NULL);
    }
}

static void write_alerts(struct metrics_writer *writer, const struct snapshot *snapshot)
{
    struct alerts_count count = {0};

    if (snapshot->probes != NULL)
        count = probes_alerts(snapshot->probes);
    metrics_family(writer, METRIC_COUNTER, "mailvigil_alerts_sent_total",
                   "Alerts accepted by the command or webhook.");
    metrics_sample(writer, (double)count.sent, (char *)NULL);
    metrics_family(writer, METRIC_COUNTER, "mailvigil_alerts_failed_total",
                   "Alerts abandoned after all attempts.");
    metrics_sample(writer, (double)count.failed, (char *)NULL);
    metrics_family(writer, METRIC_COUNTER, "mailvigil_alerts_dropped_total",
                   "Alerts dropped because the queue was full.");
    metrics_sample(writer, (double)count.dropped, (char *)NULL);
    metrics_family(writer, METRIC_GAUGE, "mailvigil_alerts_waiting", "Alerts in the queue.");
    metrics_sample(writer, (double)count.waiting, (char *)NULL);
}

void metrics_probe_write(struct metrics_writer *writer, const struct snapshot *snapshot)
{
    write_probe_metrics(writer, snapshot);
    write_phases(writer, snapshot);
    metrics_family(writer, METRIC_GAUGE, "probe_mail_family_success",
                   "1 if the last run over this address family succeeded.");
    write_families(writer, snapshot, false);
    metrics_family(writer, METRIC_GAUGE, "probe_mail_family_duration_seconds",
                   "Duration of the last run over this address family.");
    write_families(writer, snapshot, true);
    write_tls_versions(writer, snapshot);
    metrics_roundtrip_write(writer, snapshot);
    write_reflectors(writer, snapshot);
    write_alerts(writer, snapshot);
}
