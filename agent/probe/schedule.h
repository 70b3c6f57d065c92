/*
 * All probes and reflectors of the running agent: when they run, what they found last, in which
 * state they stand, and who is told.
 *
 * Each probe runs every `every` seconds, from a first moment spread by chance over that time (at
 * most 10 s for the first), never twice at the same time; after a rejected password it is not run
 * again for LIMIT_BACKOFF_AUTH (its state stays as found). A reload keeps the state, the books and
 * the last result of probes whose section has not changed.
 */
#ifndef AGENT_PROBE_SCHEDULE_H
#define AGENT_PROBE_SCHEDULE_H

#include "agent/alert/alert.h"
#include "agent/probe/roundtrip/reflector.h"
#include "agent/probe/roundtrip/roundtrip.h"
#include "agent/session/context.h"

struct probes;

struct probes *probes_new(struct parts *parts);
void probes_free(struct probes *probes);
/* At the start and after a reload. Probes that go on as they were hold the config they came from.
 */
void probes_take_config(struct probes *probes, struct config *config);

struct probe_view { /* borrowed until the loop goes on */
    const struct probe *probe;
    const struct probe_result *result;   /* NULL: not run yet */
    const struct probe_verdict *verdict; /* of result */
    const struct probe_state *state;
    time_t ran_at, next_at;  /* 0: never, not known */
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

/* What the probe found last: its exit status as a digit, then what `mailvigil probe` prints. A
 * result that is older than three turns is UNKNOWN. Nothing when there is no such probe. */
void probes_write_last(const struct probes *probes, const char *name, bool as_json, int verbosity,
                       FILE *out);

size_t probes_count(const struct probes *probes);
struct probe_view probes_view(const struct probes *probes, size_t i);
size_t probes_reflectors(const struct probes *probes);
struct reflector_view probes_reflector_view(const struct probes *probes, size_t i);
struct alerts_count probes_alerts(const struct probes *probes);

#endif
