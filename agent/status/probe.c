#include "agent/status/probe.h"

#include <inttypes.h>
#include <stdlib.h>

#include "agent/status/snapshot.h"
#include "agent/util/text_table.h"
#include "rules/util/memory.h"

/* ---- JSON ---- */

static void write_rejected(struct json *json, const struct book_counts *counts)
{
    json_object(json, "rejected");
    for (enum book_rejection reason = REJECT_CONNECT; reason < REJECT_REASONS; reason++)
        json_number(json, book_rejection_text(reason), (int64_t)counts->rejected[reason]);
    json_object_end(json);
}

static void write_counts(struct json *json, const struct book_counts *counts)
{
    json_object(json, "counts");
    json_number(json, "sent", (int64_t)counts->sent);
    json_number(json, "returned", (int64_t)counts->returned);
    json_number(json, "late", (int64_t)counts->late);
    json_number(json, "lost", (int64_t)counts->lost);
    json_number(json, "uncertain", (int64_t)counts->uncertain);
    json_number(json, "outstanding", (int64_t)counts->outstanding);
    json_number(json, "duplicates", (int64_t)counts->duplicates);
    json_number(json, "after_verdict", (int64_t)counts->after_verdict);
    write_rejected(json, counts);
    json_time(json, "last_success", (time_t)counts->last_success);
    json_time(json, "last_sent", (time_t)counts->last_sent);
    json_object_end(json);
}

static void write_probe(struct json *json, const struct probe_view *view)
{
    json_object(json, NULL);
    json_string(json, "name", view->probe->name);
    json_string(json, "state", probe_status_text(view->state->shown));
    json_time(json, "since", view->state->since);
    json_bool(json, "maintenance", view->in_maintenance);
    json_bool(json, "running", view->running);
    json_time(json, "last_run", view->ran_at);
    json_time(json, "last_ok", view->last_ok_at);
    json_time(json, "next_run", view->next_at);
    json_number(json, "runs", (int64_t)view->runs);
    json_number(json, "failures", (int64_t)view->failures);
    json_string(json, "trouble", view->trouble);
    if (view->counts != NULL)
        write_counts(json, view->counts);
    if (view->result != NULL && view->verdict != NULL) {
        json_object(json, "last");
        probe_json(json, view->probe, view->result, view->verdict);
        json_object_end(json);
    }
    json_object_end(json);
}

static void write_reflector(struct json *json, const struct reflector_view *view)
{
    json_object(json, NULL);
    json_string(json, "name", view->reflector->name);
    json_string(json, "trouble", view->trouble);
    json_number(json, "answered", (int64_t)view->counts.answered);
    json_number(json, "refused", (int64_t)view->counts.refused);
    json_number(json, "replayed", (int64_t)view->counts.replayed);
    json_number(json, "failed", (int64_t)view->counts.failed);
    json_object_end(json);
}

static struct alerts_count alerts_of(const struct snapshot *snapshot)
{
    return snapshot->probes != NULL ? probes_alerts(snapshot->probes) : (struct alerts_count){0};
}

void status_probe_json(struct json *json, const struct snapshot *snapshot)
{
    struct alerts_count alerts = alerts_of(snapshot);

    json_array(json, "probes");
    for (size_t i = 0; i < snapshot_probes(snapshot); i++) {
        struct probe_view probe = probes_view(snapshot->probes, i);

        write_probe(json, &probe);
    }
    json_array_end(json);
    json_array(json, "reflectors");
    for (size_t i = 0; i < snapshot_reflectors(snapshot); i++) {
        struct reflector_view reflector = probes_reflector_view(snapshot->probes, i);

        write_reflector(json, &reflector);
    }
    json_array_end(json);
    json_object(json, "alerts");
    json_number(json, "sent", (int64_t)alerts.sent);
    json_number(json, "failed", (int64_t)alerts.failed);
    json_number(json, "dropped", (int64_t)alerts.dropped);
    json_number(json, "waiting", (int64_t)alerts.waiting);
    json_object_end(json);
}

/* ---- text ---- */

static void print_table(FILE *out, struct text_table *table)
{
    fputc('\n', out);
    text_table_print(table, "", out);
    text_table_clear(table);
}

static const char *state_of(const struct probe_view *probe)
{
    if (probe->ran_at == 0)
        return "not run yet";
    return probe->in_maintenance ? "maintenance" : probe_status_text(probe->state->shown);
}

static void print_probes(FILE *out, const struct snapshot *snapshot)
{
    static const char *const names[] = {"PROBE", "TYPE", "STATE", "RAN", "NOT OK", "LAST RESULT"};
    struct text_table table;
    char buffer[SNAPSHOT_AGO_MAX];

    text_table_begin(&table, names, sizeof(names) / sizeof(*names));
    for (size_t i = 0; i < snapshot_probes(snapshot); i++) {
        struct probe_view probe = probes_view(snapshot->probes, i);
        char *failures = xasprintf("%" PRIu64 " of %" PRIu64, probe.failures, probe.runs);

        text_table_cell(&table, probe.probe->name);
        text_table_cell(&table, probe_type_text(probe.probe->type));
        text_table_cell(&table, state_of(&probe));
        text_table_cell(&table, probe.ran_at != 0 ? snapshot_ago(buffer, probe.ran_at) : "-");
        text_table_cell(&table, failures);
        text_table_cell(&table, probe.verdict != NULL ? probe.verdict->summary : "-");
        free(failures);
    }
    print_table(out, &table);
}

static void print_roundtrips(FILE *out, const struct snapshot *snapshot)
{
    static const char *const names[] = {"ROUND TRIP", "SENT",      "RETURNED",    "LATE",
                                        "LOST",       "UNCERTAIN", "OUTSTANDING", "DUPLICATES"};
    struct text_table table;
    bool any = false;

    text_table_begin(&table, names, sizeof(names) / sizeof(*names));
    for (size_t i = 0; i < snapshot_probes(snapshot); i++) {
        struct probe_view probe = probes_view(snapshot->probes, i);

        if (probe.counts == NULL)
            continue;
        any = true;
        text_table_cell(&table, probe.probe->name);
        text_table_number(&table, probe.counts->sent);
        text_table_number(&table, probe.counts->returned);
        text_table_number(&table, probe.counts->late);
        text_table_number(&table, probe.counts->lost);
        text_table_number(&table, probe.counts->uncertain);
        text_table_number(&table, probe.counts->outstanding);
        text_table_number(&table, probe.counts->duplicates);
    }
    if (any)
        print_table(out, &table);
    else
        text_table_clear(&table);
}

static void print_reflectors(FILE *out, const struct snapshot *snapshot)
{
    static const char *const names[] = {"REFLECTOR", "STATE",    "ANSWERED",
                                        "REFUSED",   "REPLAYED", "FAILED"};
    struct text_table table;

    text_table_begin(&table, names, sizeof(names) / sizeof(*names));
    for (size_t i = 0; i < snapshot_reflectors(snapshot); i++) {
        struct reflector_view reflector = probes_reflector_view(snapshot->probes, i);

        text_table_cell(&table, reflector.reflector->name);
        text_table_cell(&table, reflector.trouble == NULL ? "listening" : "down");
        text_table_number(&table, reflector.counts.answered);
        text_table_number(&table, reflector.counts.refused);
        text_table_number(&table, reflector.counts.replayed);
        text_table_number(&table, reflector.counts.failed);
    }
    print_table(out, &table);
}

void status_probe_text(FILE *out, const struct snapshot *snapshot)
{
    struct alerts_count alerts = alerts_of(snapshot);

    if (snapshot_probes(snapshot) > 0)
        print_probes(out, snapshot);
    print_roundtrips(out, snapshot);
    if (snapshot_reflectors(snapshot) > 0)
        print_reflectors(out, snapshot);
    if (alerts.sent + alerts.failed + alerts.dropped + alerts.waiting > 0)
        fprintf(out,
                "\nalerts: %" PRIu64 " sent, %" PRIu64 " failed, %" PRIu64
                " dropped, %zu waiting\n",
                alerts.sent, alerts.failed, alerts.dropped, alerts.waiting);
}
