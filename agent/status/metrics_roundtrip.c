#include <math.h>
#include <stddef.h>
#include <stdio.h>

#include "agent/status/metrics_probe.h"
#include "agent/status/snapshot.h"

#define BOOK(field) offsetof(struct book_counts, field)

static const struct {
    size_t offset;
    enum metric_type type;
    const char *name, *help;
} book_numbers[] = {
    {BOOK(sent), METRIC_COUNTER, "mail_roundtrip_sent_total",
     "Test messages that the server accepted or may have accepted; the sum of returned, late, "
     "lost, "
     "uncertain and outstanding."},
    {BOOK(returned), METRIC_COUNTER, "mail_roundtrip_returned_total",
     "Test messages that came back in time."},
    {BOOK(late), METRIC_COUNTER, "mail_roundtrip_late_total",
     "Test messages that came back later than crit."},
    {BOOK(lost), METRIC_COUNTER, "mail_roundtrip_lost_total",
     "Test messages that did not come back within the time configured as lost."},
    {BOOK(uncertain), METRIC_COUNTER, "mail_roundtrip_send_uncertain_total",
     "Test messages that may or may not have been accepted: the connection was lost after "
     "sending."},
    {BOOK(outstanding), METRIC_GAUGE, "mail_roundtrip_outstanding", "Test messages still awaited."},
    {BOOK(duplicates), METRIC_COUNTER, "mail_roundtrip_duplicates_total",
     "Answers received more than once."},
    {BOOK(after_verdict), METRIC_COUNTER, "mail_roundtrip_after_verdict_total",
     "Answers to test messages already counted as lost or uncertain."},
};

static void write_book_numbers(struct metrics_writer *writer, const struct snapshot *snapshot)
{
    for (size_t m = 0; m < sizeof(book_numbers) / sizeof(*book_numbers); m++) {
        metrics_family(writer, book_numbers[m].type, book_numbers[m].name, book_numbers[m].help);
        for (size_t i = 0; i < snapshot_probes(snapshot); i++) {
            struct probe_view probe = probes_view(snapshot->probes, i);

            if (probe.counts != NULL)
                metrics_sample(writer, metrics_number_at(probe.counts, book_numbers[m].offset),
                               "probe", probe.probe->name, (char *)NULL);
        }
    }
}

static void write_rejected(struct metrics_writer *writer, const struct probe_view *probe)
{
    for (enum book_rejection reason = REJECT_CONNECT; reason < REJECT_REASONS; reason++)
        metrics_sample(writer, (double)probe->counts->rejected[reason], "probe", probe->probe->name,
                       "reason", book_rejection_text(reason), (char *)NULL);
}

static void write_durations(struct metrics_writer *writer, const struct probe_view *probe)
{
    metrics_histogram(writer, book_bucket_bounds, probe->counts->buckets, BOOK_BUCKETS,
                      probe->counts->duration_sum, "probe", probe->probe->name, (char *)NULL);
}

static void write_last_duration(struct metrics_writer *writer, const struct probe_view *probe)
{
    metrics_sample(writer, probe->counts->last_duration >= 0 ? probe->counts->last_duration : NAN,
                   "probe", probe->probe->name, (char *)NULL);
}

static void write_last_success(struct metrics_writer *writer, const struct probe_view *probe)
{
    metrics_sample(writer, (double)probe->counts->last_success, "probe", probe->probe->name,
                   (char *)NULL);
}

static void write_last_sent(struct metrics_writer *writer, const struct probe_view *probe)
{
    metrics_sample(writer, (double)probe->counts->last_sent, "probe", probe->probe->name,
                   (char *)NULL);
}

static void write_mailbox_up(struct metrics_writer *writer, const struct probe_view *probe)
{
    metrics_sample(writer, probe->trouble == NULL, "probe", probe->probe->name, (char *)NULL);
}

static void write_delays(struct metrics_writer *writer, const struct probe_view *probe)
{
    const struct roundtrip_facts *last = probe->last_return;

    for (enum path_part i = PATH_OUT; last != NULL && last->has_delays && i < PATH_PARTS; i++) {
        metrics_sample(writer, last->delay_min[i], "probe", probe->probe->name, "leg",
                       path_part_name(i), "bound", "min", (char *)NULL);
        metrics_sample(writer, last->delay_max[i], "probe", probe->probe->name, "leg",
                       path_part_name(i), "bound", "max", (char *)NULL);
    }
}

static void write_offset(struct metrics_writer *writer, const struct probe_view *probe)
{
    const struct roundtrip_facts *last = probe->last_return;

    if (last == NULL || !last->has_delays)
        return;
    metrics_sample(writer, last->offset_min, "probe", probe->probe->name, "bound", "min",
                   (char *)NULL);
    metrics_sample(writer, last->offset_max, "probe", probe->probe->name, "bound", "max",
                   (char *)NULL);
}

static void write_hops(struct metrics_writer *writer, const struct probe_view *probe)
{
    const struct roundtrip_facts *last = probe->last_return;
    char hop[24];

    for (size_t i = 0; last != NULL && i < last->n_hops; i++) {
        snprintf(hop, sizeof(hop), "%zu", i);
        metrics_sample(writer, (double)last->hop_seconds[i], "probe", probe->probe->name, "hop",
                       hop, (char *)NULL);
    }
}

static void write_placement(struct metrics_writer *writer, const struct probe_view *probe)
{
    for (enum placement place = PLACEMENT_INBOX; place <= PLACEMENT_OTHER; place++)
        metrics_sample(writer, probe->last_return != NULL && probe->last_return->placement == place,
                       "probe", probe->probe->name, "folder", placement_text(place), (char *)NULL);
}

static void write_auth_results(struct metrics_writer *writer, const struct probe_view *probe)
{
    for (enum auth_method method = AUTH_SPF; method < AUTH_METHODS; method++)
        for (enum auth_result result = AUTH_ABSENT; result < AUTH_RESULTS; result++)
            metrics_sample(writer,
                           probe->last_return != NULL && probe->last_return->auth[method] == result,
                           "probe", probe->probe->name, "method", auth_method_text(method),
                           "result", auth_result_text(result), (char *)NULL);
}

static const struct {
    enum metric_type type;
    const char *name, *help;
    void (*write)(struct metrics_writer *writer, const struct probe_view *probe);
} roundtrip_metrics[] = {
    {METRIC_COUNTER, "mail_roundtrip_rejected_total",
     "Test messages that the server did not accept, by the phase or command that failed.",
     write_rejected},
    {METRIC_HISTOGRAM, "mail_roundtrip_duration_seconds",
     "Time from the start of sending to arrival, for returned and late messages.", write_durations},
    {METRIC_GAUGE, "mail_roundtrip_last_duration_seconds",
     "Time from the start of sending to arrival of the last message that came back.",
     write_last_duration},
    {METRIC_GAUGE, "mail_roundtrip_last_success_timestamp_seconds",
     "When a message last came back in time, seconds since 1970; 0 if never.", write_last_success},
    {METRIC_GAUGE, "mail_roundtrip_last_sent_timestamp_seconds",
     "When a message was last sent, seconds since 1970; 0 if never.", write_last_sent},
    {METRIC_GAUGE, "mail_roundtrip_mailbox_up", "1 while the return mailbox is monitored, else 0.",
     write_mailbox_up},
    {METRIC_GAUGE, "mail_roundtrip_leg_seconds",
     "Bounds of the last message's one-way delays, independent of the reflector's clock.",
     write_delays},
    {METRIC_GAUGE, "mail_roundtrip_clock_offset_seconds",
     "Bounds of the offset of the reflector's clock; positive if it is ahead.", write_offset},
    {METRIC_GAUGE, "mail_roundtrip_hop_seconds",
     "Time between consecutive Received fields of the last message, oldest first; informational, "
     "negative where clocks disagree.",
     write_hops},
    {METRIC_GAUGE, "mail_roundtrip_placement",
     "1 for where the last message was placed, 0 for the others.", write_placement},
    {METRIC_GAUGE, "mail_roundtrip_auth_result",
     "1 for the result that the receiving server reported for the last message "
     "(Authentication-Results), 0 for the others.",
     write_auth_results},
};

void metrics_roundtrip_write(struct metrics_writer *writer, const struct snapshot *snapshot)
{
    write_book_numbers(writer, snapshot);
    for (size_t m = 0; m < sizeof(roundtrip_metrics) / sizeof(*roundtrip_metrics); m++) {
        metrics_family(writer, roundtrip_metrics[m].type, roundtrip_metrics[m].name,
                       roundtrip_metrics[m].help);
        for (size_t i = 0; i < snapshot_probes(snapshot); i++) {
            struct probe_view probe = probes_view(snapshot->probes, i);

            if (probe.counts != NULL)
                roundtrip_metrics[m].write(writer, &probe);
        }
    }
}
