#include "agent/probe/schedule.h"

#include <assert.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config/same.h"
#include "agent/ledger/probe.h"
#include "agent/probe/run.h"
#include "agent/system/limit.h"
#include "agent/system/log.h"
#include "imapclient/util/milliseconds.h"
#include "rules/util/memory.h"

#define TICK 5 /* seconds between looks at maintenance windows and reminders */

/* A configured probe in operation. */
struct slot {
    struct probes *probes;
    struct config *config; /* held: probe points into it */
    const struct probe *probe;
    struct probe_state state;
    struct ledger_request *recall; /* of the state reported before the start; NULL: known */
    struct probe_result *result;
    struct probe_verdict *verdict;
    struct probe_run *run; /* a service's that is under way */
    struct roundtrip *roundtrip;
    struct event *due;
    time_t ran_at, next_at, last_ok_at;
    uint64_t runs, failures;
    struct probe_point points[PROBE_POINTS * 2]; /* the last ones from first_point on */
    size_t first_point, n_points;
};

struct reflecting {
    struct config *config; /* held */
    const struct reflector *reflector;
    struct reflector_watch *watch;
};

struct probes {
    struct event_base *base;
    struct links *links;
    struct ledger *ledger;
    struct config *config; /* held: the one in force; NULL before the first */
    struct slot **slots;
    size_t n_slots;
    struct reflecting **reflecting;
    size_t n_reflecting;
    struct alerts *alerts;
    struct event *tick;
};

/* ---- what was reported, over restarts ---- */

static void remember(const struct slot *slot)
{
    struct ledger_reported reported = {.status = slot->state.reported,
                                       .since = slot->state.since,
                                       .told_at = slot->state.reported_at};

    ledger_reported_set(slot->probes->ledger, slot->probe->name, &reported);
}

static void on_recalled(void *arg, const struct ledger_reported *reported)
{
    struct slot *slot = arg;

    slot->recall = NULL;
    if (slot->state.since != 0 || reported->status == PROBE_OK || reported->status > PROBE_UNKNOWN)
        return;
    slot->state.shown = slot->state.reported = (enum probe_status)reported->status;
    slot->state.since = reported->since;
    slot->state.reported_at = reported->told_at;
}

/* The ledger answers in the order of requests, so this comes before the first result. */
static void recall_reported(struct slot *slot)
{
    slot->recall = ledger_reported_get(slot->probes->ledger, slot->probe->name, on_recalled, slot);
}

/* ---- results ---- */

static void report_event(struct slot *slot, enum probe_event event, enum probe_status previous,
                         const struct probe_result *result, const struct probe_verdict *verdict,
                         time_t now)
{
    struct alert_facts facts = {
        .probe = slot->probe,
        .event = event,
        .state = slot->state.reported,
        .previous = previous,
        .since = slot->state.since,
        .at = now,
        .result = result,
        .verdict = verdict,
    };

    if (event == PROBE_NO_EVENT)
        return;
    remember(slot);
    log_event(event == PROBE_CLEARED ? LOG_LEVEL_NOTICE : LOG_LEVEL_WARNING, "probe", "event",
              probe_event_text(event), "probe", slot->probe->name, "state",
              probe_status_text(slot->state.reported), "summary",
              verdict != NULL ? verdict->summary : "", (char *)NULL);
    alerts_send(slot->probes->alerts, slot->probes->config, &facts);
}

static void keep_point(struct slot *slot, const struct probe_result *result,
                       enum probe_status status)
{
    size_t half = PROBE_POINTS;

    if (slot->first_point + slot->n_points == half * 2) {
        memmove(slot->points, slot->points + slot->first_point,
                slot->n_points * sizeof(*slot->points));
        slot->first_point = 0;
    }
    slot->points[slot->first_point + slot->n_points++] = (struct probe_point){
        .at = result->at,
        .seconds = status == PROBE_CRITICAL || status == PROBE_UNKNOWN
                       ? -1
                       : (float)result->microseconds / 1e6f,
        .status = (unsigned char)status,
    };
    if (slot->n_points > half) {
        slot->first_point++;
        slot->n_points--;
    }
}

static bool password_rejected(const struct probe_result *result)
{
    for (size_t i = 0; i < result->n_paths; i++)
        if (result->paths[i].end == DIALOGUE_AUTH && !result->paths[i].temporary)
            return true;
    return false;
}

/* Takes ownership of the result. */
static void handle_result(struct slot *slot, struct probe_result *result)
{
    time_t now = time(NULL);
    struct probe_verdict *verdict = probe_verdict_new(slot->probe, result, now, slot->state.shown);
    enum probe_status previous = slot->state.reported;
    /* A rejected password is not tried again soon, so it counts at once. */
    unsigned counts = password_rejected(result) ? slot->probe->raise_failures : 1;
    enum probe_event event = PROBE_NO_EVENT;

    probe_result_free(slot->result);
    probe_verdict_free(slot->verdict);
    slot->result = result;
    slot->verdict = verdict;
    slot->ran_at = result->at;
    slot->runs++;
    slot->failures += verdict->status == PROBE_CRITICAL || verdict->status == PROBE_UNKNOWN;
    if (verdict->status == PROBE_OK || verdict->status == PROBE_WARNING)
        slot->last_ok_at = now;
    keep_point(slot, result, verdict->status);
    log_event(LOG_LEVEL_DEBUG, "probe-result", "probe", slot->probe->name, "status",
              probe_status_text(verdict->status), "summary", verdict->summary, (char *)NULL);
    for (unsigned i = 0; i < counts && event == PROBE_NO_EVENT; i++)
        event = probe_state_result(&slot->state, slot->probe, verdict->status, now);
    report_event(slot, event, previous, result, verdict, now);
}

/* ---- when it runs ---- */

static void run_in(struct slot *slot, unsigned delay)
{
    struct timeval wait = milliseconds(delay);

    slot->next_at = time(NULL) + wait.tv_sec;
    evtimer_add(slot->due, &wait);
}

static void on_run(void *arg, struct probe_result *result)
{
    struct slot *slot = arg;

    assert(slot->run != NULL && slot->roundtrip == NULL);
    probe_run_free(slot->run);
    slot->run = NULL;
    if (password_rejected(result))
        run_in(slot, LIMIT_BACKOFF_AUTH * 1000);
    handle_result(slot, result);
}

static void on_roundtrip(void *arg, struct probe_result *result)
{
    handle_result(arg, result);
}

static void on_due(evutil_socket_t fd, short what, void *arg)
{
    struct slot *slot = arg;
    struct probes *probes = slot->probes;

    (void)fd;
    (void)what;
    run_in(slot, slot->probe->every * 1000);
    if (slot->recall != NULL) /* the ledger is blocked: what was reported is unknown yet */
        return;
    if (slot->roundtrip != NULL)
        roundtrip_send(slot->roundtrip);
    else if (slot->run == NULL)
        slot->run = probe_run_new(probes->links, slot->probe, on_run, slot);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct probes *probes = arg;
    time_t now = time(NULL);

    (void)fd;
    (void)what;
    for (size_t i = 0; i < probes->n_slots; i++) {
        struct slot *slot = probes->slots[i];
        enum probe_status previous = slot->state.reported;

        report_event(slot, probe_state_tick(&slot->state, slot->probe, now), previous, slot->result,
                     slot->verdict, now);
    }
}

/* Spread, so that a thousand probes do not begin together. */
static unsigned first_wait(const struct probe *probe)
{
    unsigned random, over = probe->every < 10 ? probe->every : 10;

    if (RAND_bytes((unsigned char *)&random, sizeof(random)) != 1)
        random = 0;
    return random % (over * 1000);
}

/* ---- slots ---- */

static struct slot *slot_new(struct probes *probes, struct config *config,
                             const struct probe *probe)
{
    struct slot *slot = xcalloc(1, sizeof(*slot));

    slot->probes = probes;
    slot->config = config_hold(config);
    slot->probe = probe;
    slot->due = evtimer_new(probes->base, on_due, slot);
    recall_reported(slot);
    if (probe->type == PROBE_ROUNDTRIP)
        slot->roundtrip = roundtrip_new(probes->links, probes->ledger, config->instance, probe,
                                        on_roundtrip, slot);
    run_in(slot, first_wait(probe));
    return slot;
}

static void slot_free(struct slot *slot)
{
    if (slot == NULL)
        return;
    ledger_cancel(slot->recall);
    probe_run_free(slot->run);
    roundtrip_free(slot->roundtrip);
    event_free(slot->due);
    probe_result_free(slot->result);
    probe_verdict_free(slot->verdict);
    config_free(slot->config);
    free(slot);
}

static struct reflecting *reflecting_new(struct probes *probes, struct config *config,
                                         const struct reflector *reflector)
{
    struct reflecting *reflecting = xcalloc(1, sizeof(*reflecting));

    reflecting->config = config_hold(config);
    reflecting->reflector = reflector;
    reflecting->watch = reflector_watch_new(probes->links, probes->ledger, reflector);
    return reflecting;
}

static void reflecting_free(struct reflecting *reflecting)
{
    if (reflecting == NULL)
        return;
    reflector_watch_free(reflecting->watch);
    config_free(reflecting->config);
    free(reflecting);
}

struct probes *probes_new(struct event_base *base, struct links *links, struct ledger *ledger)
{
    struct timeval interval = {.tv_sec = TICK};
    struct probes *probes = xcalloc(1, sizeof(*probes));

    probes->base = base;
    probes->links = links;
    probes->ledger = ledger;
    probes->alerts = alerts_new(links);
    probes->tick = event_new(base, -1, EV_PERSIST, on_tick, probes);
    event_add(probes->tick, &interval);
    return probes;
}

void probes_free(struct probes *probes)
{
    if (probes == NULL)
        return;
    for (size_t i = 0; i < probes->n_slots; i++)
        slot_free(probes->slots[i]);
    for (size_t i = 0; i < probes->n_reflecting; i++)
        reflecting_free(probes->reflecting[i]);
    free(probes->slots);
    free(probes->reflecting);
    alerts_free(probes->alerts);
    event_free(probes->tick);
    config_free(probes->config);
    free(probes);
}

/* The one whose section has not changed: it carries on. NULL: none. */
static struct slot *keep_old_slot(struct probes *probes, const struct probe *probe)
{
    for (size_t i = 0; i < probes->n_slots; i++) {
        struct slot *old = probes->slots[i];

        if (old == NULL || strcmp(old->probe->name, probe->name) != 0)
            continue;
        if (!probe_same(old->probe, probe))
            return NULL;
        probes->slots[i] = NULL;
        return old;
    }
    return NULL;
}

static struct reflecting *keep_old_reflecting(struct probes *probes,
                                              const struct reflector *reflector)
{
    for (size_t i = 0; i < probes->n_reflecting; i++) {
        struct reflecting *old = probes->reflecting[i];

        if (old == NULL || strcmp(old->reflector->name, reflector->name) != 0)
            continue;
        if (!reflector_same(old->reflector, reflector))
            return NULL;
        probes->reflecting[i] = NULL;
        return old;
    }
    return NULL;
}

static void apply_to_slots(struct probes *probes, struct config *config)
{
    struct slot **slots = xcalloc(config->n_probes, sizeof(*slots));

    for (size_t i = 0; i < config->n_probes; i++)
        slots[i] = keep_old_slot(probes, config->probes[i]);
    /* Old ones are freed first: two of the same name would share the ledger's books. */
    for (size_t k = 0; k < probes->n_slots; k++)
        slot_free(probes->slots[k]);
    for (size_t i = 0; i < config->n_probes; i++)
        if (slots[i] == NULL)
            slots[i] = slot_new(probes, config, config->probes[i]);
    free(probes->slots);
    probes->slots = slots;
    probes->n_slots = config->n_probes;
}

static void apply_to_reflectors(struct probes *probes, struct config *config)
{
    struct reflecting **reflecting = xcalloc(config->n_reflectors, sizeof(*reflecting));

    for (size_t i = 0; i < config->n_reflectors; i++)
        reflecting[i] = keep_old_reflecting(probes, config->reflectors[i]);
    for (size_t k = 0; k < probes->n_reflecting; k++)
        reflecting_free(probes->reflecting[k]);
    for (size_t i = 0; i < config->n_reflectors; i++)
        if (reflecting[i] == NULL)
            reflecting[i] = reflecting_new(probes, config, config->reflectors[i]);
    free(probes->reflecting);
    probes->reflecting = reflecting;
    probes->n_reflecting = config->n_reflectors;
}

void probes_apply_config(struct probes *probes, struct config *config)
{
    struct config *old = probes->config;

    probes->config = config_hold(config);
    apply_to_slots(probes, config);
    apply_to_reflectors(probes, config);
    config_free(old);
}

/* ---- views ---- */

static const struct slot *find_slot(const struct probes *probes, const char *name)
{
    for (size_t i = 0; probes != NULL && i < probes->n_slots; i++)
        if (strcmp(probes->slots[i]->probe->name, name) == 0)
            return probes->slots[i];
    return NULL;
}

/* Why there is no current result; the caller frees. NULL: there is one. */
static char *why_no_result(const struct slot *slot, time_t now)
{
    time_t stale = (time_t)slot->probe->every * 3 + (time_t)(slot->probe->timeout / 1000);

    if (slot->result == NULL)
        return xstrdup("not run since the agent was started");
    /* Round trips have results when they are back; after a rejected password there is a long pause.
     */
    if (slot->probe->type == PROBE_ROUNDTRIP || password_rejected(slot->result) ||
        now - slot->ran_at <= stale)
        return NULL;
    return xasprintf("the last result is %lld s old", (long long)(now - slot->ran_at));
}

void probes_write_last(const struct probes *probes, const char *name, bool as_json, int verbosity,
                       FILE *out)
{
    const struct slot *slot = find_slot(probes, name);
    struct probe_result *missing = NULL;
    struct probe_verdict *none = NULL;
    const struct probe_result *result;
    const struct probe_verdict *verdict;
    struct json json;
    char *why;

    if (slot == NULL)
        return;
    result = slot->result;
    verdict = slot->verdict;
    why = why_no_result(slot, time(NULL));
    if (why != NULL) {
        result = missing = probe_result_new(slot->probe);
        missing->trouble = why;
        verdict = none = probe_verdict_new(slot->probe, missing, time(NULL), PROBE_OK);
    }
    fputc('0' + (char)verdict->status, out);
    if (as_json) {
        json_begin(&json, out);
        json_object(&json, NULL);
        json_string(&json, "instance", probes->config->instance);
        probe_json(&json, slot->probe, result, verdict);
        json_object_end(&json);
        fputc('\n', out);
    } else {
        nagios_write(out, slot->probe, verdict, verbosity);
    }
    probe_verdict_free(none);
    probe_result_free(missing);
}

size_t probes_count(const struct probes *probes)
{
    return probes != NULL ? probes->n_slots : 0;
}

struct probe_view probes_view(const struct probes *probes, size_t i)
{
    const struct slot *slot = probes->slots[i];
    const struct roundtrip *roundtrip = slot->roundtrip;

    return (struct probe_view){
        .probe = slot->probe,
        .result = slot->result,
        .verdict = slot->verdict,
        .state = &slot->state,
        .ran_at = slot->ran_at,
        .next_at = slot->next_at,
        .last_ok_at = slot->last_ok_at,
        .runs = slot->runs,
        .failures = slot->failures,
        .in_maintenance = probe_in_maintenance(slot->probe, time(NULL)),
        .running = slot->run != NULL,
        .trouble = roundtrip != NULL ? roundtrip_trouble(roundtrip) : NULL,
        .counts = roundtrip != NULL ? roundtrip_counts(roundtrip) : NULL,
        .last_return = roundtrip != NULL ? roundtrip_last(roundtrip) : NULL,
        .points = slot->points + slot->first_point,
        .n_points = slot->n_points,
    };
}

size_t probes_reflectors(const struct probes *probes)
{
    return probes != NULL ? probes->n_reflecting : 0;
}

struct reflector_view probes_reflector_view(const struct probes *probes, size_t i)
{
    const struct reflecting *reflecting = probes->reflecting[i];

    return (struct reflector_view){
        .reflector = reflecting->reflector,
        .counts = reflector_watch_counts(reflecting->watch),
        .trouble = reflector_watch_trouble(reflecting->watch),
    };
}

struct alerts_count probes_alerts(const struct probes *probes)
{
    return probes != NULL ? alerts_count(probes->alerts) : (struct alerts_count){0};
}
