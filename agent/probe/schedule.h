/*
 * All probes and reflectors of the running agent: when they run, their last results, their states,
 * and whose alerts are due.
 *
 * Each probe runs every `every` seconds, starting at a random moment within the first interval (10
 * s at most), never twice at the same time; after a rejected password it is not run again for
 * LIMIT_BACKOFF_AUTH (its state remains). A reload keeps the state, the books and the last result
 * of probes whose section has not changed.
 */
#ifndef AGENT_PROBE_SCHEDULE_H
#define AGENT_PROBE_SCHEDULE_H

#include "agent/alert/alert.h"
#include "agent/probe/roundtrip/reflector.h"
#include "agent/probe/roundtrip/roundtrip.h"

struct probes;

/* All must outlive the probes. Nothing runs before the first configuration is applied. */
struct probes *probes_new(struct event_base *base, struct links *links, struct ledger *ledger);
void probes_free(struct probes *probes);
/* At the start and after a reload. Probes that have not changed carry on, and hold the
 * configuration that they came from. */
void probes_apply_config(struct probes *probes, struct config *config);

struct probe_view { /* borrowed until the event loop continues */
    const struct probe *probe;
    const struct probe_result *result;   /* NULL: not run yet */
    const struct probe_verdict *verdict; /* of result */
    const struct probe_state *state;
    time_t ran_at, next_at;  /* 0: never, unknown */
    time_t last_ok_at;       /* 0: never */
    uint64_t runs, failures; /* since the start */
    bool in_maintenance, running;
    const char *trouble;                       /* round trip: its mailbox; NULL */
    const struct book_counts *counts;          /* round trip; else NULL */
    const struct roundtrip_facts *last_return; /* round trip; NULL: none yet */
    const struct probe_point *points;          /* oldest first */
    size_t n_points;
};
/* The last PROBE_POINTS results, for plots. */
#define PROBE_POINTS 120
struct probe_point {
    time_t at;
    float seconds; /* negative: failed */
    unsigned char status;
};
struct reflector_view {
    const struct reflector *reflector;
    struct reflector_counts counts;
    const char *trouble;
};

/* The probe's last result: its exit status as a digit, then what `mailvigil probe` prints. A result
 * older than three intervals is UNKNOWN. Nothing when there is no such probe. */
void probes_write_last(const struct probes *probes, const char *name, bool as_json, int verbosity,
                       FILE *out);

size_t probes_count(const struct probes *probes);
struct probe_view probes_view(const struct probes *probes, size_t i);
size_t probes_reflectors(const struct probes *probes);
struct reflector_view probes_reflector_view(const struct probes *probes, size_t i);
struct alerts_count probes_alerts(const struct probes *probes);

#endif
