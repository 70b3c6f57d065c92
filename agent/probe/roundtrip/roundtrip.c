#include <assert.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ledger/probe.h"
#include "agent/probe/dialogue/phase.h"
#include "agent/probe/roundtrip/private.h"
#include "rules/util/memory.h"

#define SECOND INT64_C(1000000) /* in microseconds */
#define JUNK_AFTER 30           /* seconds outstanding, if the probe has no warn */
#define PATIENCE 10             /* seconds that the first message waits for the mailbox */

/* The upper end of a range, in seconds; 0: it has none. */
static unsigned upper_end(const struct range *range)
{
    if (!range->set || range->inside || !isfinite(range->end) || range->end <= 0)
        return 0;
    return range->end < UINT_MAX / 2 ? (unsigned)ceil(range->end) : UINT_MAX / 2;
}

static struct book_limits limits_of(const struct probe *probe)
{
    return (struct book_limits){.crit = upper_end(&probe->crit), .lost = probe->lost};
}

/* ---- reporting ---- */

static struct probe_result *next_result(struct roundtrip *roundtrip)
{
    struct outgoing_result *outgoing = STAILQ_FIRST(&roundtrip->results);
    struct probe_result *result = outgoing->result;

    STAILQ_REMOVE_HEAD(&roundtrip->results, entry);
    free(outgoing);
    return result;
}

/* One at a time: the owner may free the round trip. */
static void on_reporter(evutil_socket_t fd, short what, void *arg)
{
    struct roundtrip *roundtrip = arg;
    struct probe_result *result;

    (void)fd;
    (void)what;
    if (STAILQ_EMPTY(&roundtrip->results))
        return;
    result = next_result(roundtrip);
    if (!STAILQ_EMPTY(&roundtrip->results))
        event_active(roundtrip->reporter, EV_TIMEOUT, 0);
    roundtrip->done(roundtrip->arg, result);
}

/* ---- what is overdue ---- */

static void report_missing(struct roundtrip *roundtrip, struct awaited *awaited,
                           enum roundtrip_verdict verdict)
{
    struct roundtrip_facts facts = roundtrip_facts_now(roundtrip, verdict);
    struct probe_result *result = awaited->result;

    if (awaited->reported)
        return;
    if (result == NULL) {
        result = probe_result_new(roundtrip->probe);
        result->at = (time_t)(awaited->began.wall_us / SECOND);
    }
    awaited->result = NULL;
    awaited->reported = true;
    roundtrip_report(roundtrip, result, &facts);
}

/* Reports what is lost, or not back within crit. Microseconds until the next may be; -1: none. */
static int64_t check_awaited(struct roundtrip *roundtrip, const struct book_time *now)
{
    int64_t crit = limits_of(roundtrip->probe).crit * SECOND;
    int64_t next = -1;
    struct awaited *awaited, *after;

    for (awaited = TAILQ_FIRST(&roundtrip->awaited); awaited != NULL; awaited = after) {
        const struct book_entry *entry = roundtrip_book_find(roundtrip->book, awaited->nonce);
        int64_t age = book_time_between(&awaited->began, now);

        after = TAILQ_NEXT(awaited, entry);
        if (entry == NULL || entry->state == BOOK_LOST) {
            report_missing(roundtrip, awaited, ROUNDTRIP_LOST);
            roundtrip_drop_awaited(roundtrip, awaited);
        } else if (crit > 0 && age > crit) {
            report_missing(roundtrip, awaited, ROUNDTRIP_OUTSTANDING);
        } else if (crit > 0 && !awaited->reported && (next < 0 || crit - age < next)) {
            next = crit - age;
        }
    }
    return next;
}

/* ---- deadlines ---- */

/* Those sent then, or earlier, are past `lost`. */
static time_t lost_before(const struct roundtrip *roundtrip, const struct book_time *now)
{
    return (time_t)(now->wall_us / SECOND) - (time_t)roundtrip->probe->lost - 1;
}

/* No second session is kept open for Junk all the time: it is opened when a message is overdue, at
 * once if the last one came back there, and to clean up. Microseconds until that may be the case;
 * -1: there is nothing to wait for. */
static int64_t mind_junk(struct roundtrip *roundtrip, const struct book_time *now)
{
    struct probe_box *box = roundtrip->junk.box;
    int64_t warn = upper_end(&roundtrip->probe->warn);
    int64_t patience = (warn > 0 ? warn : JUNK_AFTER) * SECOND;
    int64_t oldest = roundtrip_book_oldest(roundtrip->book, now);
    time_t oldest_leftover = probe_box_oldest_leftover(box);
    bool expected =
        oldest >= 0 && (oldest >= patience || roundtrip->last_placement == PLACEMENT_JUNK);
    bool is_due = oldest_leftover > 0 && oldest_leftover <= lost_before(roundtrip, now);

    if (expected || is_due)
        probe_box_open(box);
    else if (!probe_box_is_deleting(box))
        probe_box_close(box);
    return oldest >= 0 && !expected ? patience - oldest : -1;
}

/* Microseconds until the next one is past `lost`, -1: there is none. */
static int64_t clean(struct roundtrip *roundtrip, struct probe_box *box,
                     const struct book_time *now)
{
    time_t before = lost_before(roundtrip, now), oldest;

    probe_box_clean(box, before);
    oldest = probe_box_oldest_leftover(box);
    if (oldest == 0)
        return -1;
    return oldest > before ? (int64_t)(oldest - before) * SECOND : BOOK_TICK_MAX * SECOND;
}

static int64_t sooner(int64_t a, int64_t b)
{
    return b >= 0 && (a < 0 || b < a) ? b : a;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct roundtrip *roundtrip = arg;
    struct book_time now;
    struct timeval wait;
    unsigned tick;
    int64_t next = -1;

    (void)fd;
    (void)what;
    if (roundtrip->state == ROUNDTRIP_LOADING)
        return;
    book_time_now(&now);
    tick = roundtrip_book_tick(roundtrip->book, &now);
    if (tick > 0)
        next = tick * SECOND;
    next = sooner(next, check_awaited(roundtrip, &now));
    next = sooner(next, clean(roundtrip, roundtrip->inbox.box, &now));
    next = sooner(next, clean(roundtrip, roundtrip->junk.box, &now));
    next = sooner(next, mind_junk(roundtrip, &now));
    if (next < 0)
        return;
    next += SECOND / 100; /* so that the limit has been passed by then */
    if (next > BOOK_TICK_MAX * SECOND)
        next = BOOK_TICK_MAX * SECOND;
    wait = (struct timeval){.tv_sec = next / SECOND, .tv_usec = next % SECOND};
    event_add(roundtrip->timer, &wait);
}

/* ---- the books and the ledger ---- */

static void on_nonce_noted(void *arg)
{
    struct roundtrip *roundtrip = arg;

    roundtrip->request = NULL;
    roundtrip_nonce_is_durable(roundtrip);
}

/* An intention is waited for: there is one at a time. */
static void on_changed(void *arg, const struct book_entry *entry, const struct book_counts *counts)
{
    struct roundtrip *roundtrip = arg;

    if (roundtrip->ledger == NULL)
        return;
    if (entry->state == BOOK_INTENDED) {
        assert(roundtrip->state == ROUNDTRIP_NOTING && roundtrip->request == NULL);
        roundtrip->request = ledger_probe_change(roundtrip->ledger, roundtrip->probe->name, entry,
                                                 counts, on_nonce_noted, roundtrip);
    } else {
        ledger_probe_change(roundtrip->ledger, roundtrip->probe->name, entry, counts, NULL, NULL);
    }
}

static void on_forgotten(void *arg, const unsigned char nonce[TOKEN_NONCE])
{
    struct roundtrip *roundtrip = arg;

    if (roundtrip->ledger != NULL)
        ledger_probe_forget(roundtrip->ledger, roundtrip->probe->name, nonce);
}

static bool is_listening(const struct roundtrip *roundtrip)
{
    const struct probe_box *box = roundtrip->inbox.box;

    return roundtrip->was_listening || probe_box_is_up(box) || probe_box_trouble(box) != NULL;
}

static void send_when_listening(struct roundtrip *roundtrip)
{
    if (roundtrip->state != ROUNDTRIP_LISTENING || !is_listening(roundtrip))
        return;
    roundtrip->was_listening = true;
    roundtrip_begin(roundtrip, false);
}

static void start(struct roundtrip *roundtrip)
{
    roundtrip_set_state(roundtrip,
                        roundtrip->send_requested ? ROUNDTRIP_LISTENING : ROUNDTRIP_READY);
    probe_box_open(roundtrip->inbox.box);
    roundtrip_mind(roundtrip);
    send_when_listening(roundtrip);
}

/* What was outstanding longer than crit has been reported before the restart. */
static void on_loaded(void *arg, const struct book_entry *entries, size_t n,
                      const struct book_counts *counts)
{
    struct roundtrip *roundtrip = arg;
    struct book_time now;

    roundtrip->request = NULL;
    book_time_now(&now);
    roundtrip_book_load(roundtrip->book, entries, n, counts);
    roundtrip_book_restarted(roundtrip->book, &now);
    for (size_t i = 0; i < n; i++) {
        int64_t crit = limits_of(roundtrip->probe).crit * SECOND;
        struct awaited *awaited;

        if (entries[i].state != BOOK_OUTSTANDING)
            continue;
        awaited = roundtrip_await(roundtrip, entries[i].nonce, &entries[i].began);
        awaited->reported = crit > 0 && book_time_between(&awaited->began, &now) > crit;
    }
    start(roundtrip);
}

/* ---- the mailbox ---- */

static void on_looked(void *arg)
{
    struct roundtrip_place *place = arg;

    roundtrip_mind(place->roundtrip);
    if (place == &place->roundtrip->inbox)
        send_when_listening(place->roundtrip);
}

static void on_trouble(void *arg, const char *why)
{
    struct roundtrip_place *place = arg;

    if (why != NULL && place == &place->roundtrip->inbox)
        send_when_listening(place->roundtrip);
}

static void place_new(struct roundtrip *roundtrip, struct roundtrip_place *place,
                      const char *folder, enum placement placement)
{
    static const struct probe_box_events events = {
        .on_message = roundtrip_on_message, .on_looked = on_looked, .on_trouble = on_trouble};
    char *who = xasprintf("probe %s", roundtrip->probe->name);
    struct probe_box_options options = {
        .account = roundtrip->probe->return_account,
        .folder = folder,
        .dedicated = roundtrip->probe->dedicated,
        .who = who,
    };

    place->roundtrip = roundtrip;
    place->folder = folder != NULL ? folder : "\\Junk";
    place->placement = placement;
    place->box = probe_box_new(roundtrip->links, roundtrip->ledger, &options, &events, place);
    free(who);
}

/* ---- life ---- */

static void on_patience(evutil_socket_t fd, short what, void *arg)
{
    struct roundtrip *roundtrip = arg;

    (void)fd;
    (void)what;
    roundtrip->was_listening = true;
    send_when_listening(roundtrip);
}

void roundtrip_send(struct roundtrip *roundtrip)
{
    const struct timeval patience = {.tv_sec = PATIENCE};
    bool is_first = !roundtrip->send_requested;

    if ((roundtrip->state != ROUNDTRIP_LOADING && roundtrip->state != ROUNDTRIP_READY) ||
        phase_now() < roundtrip->no_auth_before)
        return;
    if (roundtrip->state == ROUNDTRIP_READY)
        roundtrip_set_state(roundtrip, ROUNDTRIP_LISTENING);
    roundtrip->send_requested = true;
    if (is_first)
        event_add(roundtrip->patience, &patience);
    send_when_listening(roundtrip);
}

struct roundtrip *roundtrip_new(struct links *links, struct ledger *ledger, const char *instance,
                                const struct probe *probe, roundtrip_done *done, void *arg)
{
    const struct book_events events = {.changed = on_changed, .forgotten = on_forgotten};
    const struct book_limits limits = limits_of(probe);
    struct event_base *base = links_base(links);
    struct roundtrip *roundtrip = xcalloc(1, sizeof(*roundtrip));

    roundtrip->links = links;
    roundtrip->ledger = ledger;
    roundtrip->probe = probe;
    roundtrip->instance = xstrdup(instance);
    token_probe_id(instance, probe->name, roundtrip->probe_id);
    roundtrip->done = done;
    roundtrip->arg = arg;
    roundtrip->delay.fuzz = 1;
    TAILQ_INIT(&roundtrip->awaited);
    STAILQ_INIT(&roundtrip->results);
    roundtrip->timer = evtimer_new(base, on_timer, roundtrip);
    roundtrip->patience = evtimer_new(base, on_patience, roundtrip);
    roundtrip->reporter = evtimer_new(base, on_reporter, roundtrip);
    roundtrip->book = roundtrip_book_new(&limits, &events, roundtrip);
    place_new(roundtrip, &roundtrip->inbox, probe->return_folder, PLACEMENT_INBOX);
    place_new(roundtrip, &roundtrip->junk, probe->junk_folder, PLACEMENT_JUNK);
    if (ledger != NULL)
        roundtrip->request = ledger_probe_load(ledger, probe->name, on_loaded, roundtrip);
    else
        start(roundtrip);
    return roundtrip;
}

void roundtrip_free(struct roundtrip *roundtrip)
{
    if (roundtrip == NULL)
        return;
    roundtrip_sending_free(roundtrip->sending);
    probe_box_free(roundtrip->inbox.box);
    probe_box_free(roundtrip->junk.box);
    ledger_cancel(roundtrip->request);
    while (!TAILQ_EMPTY(&roundtrip->awaited))
        roundtrip_drop_awaited(roundtrip, TAILQ_FIRST(&roundtrip->awaited));
    while (!STAILQ_EMPTY(&roundtrip->results))
        probe_result_free(next_result(roundtrip));
    roundtrip_book_free(roundtrip->book);
    event_free(roundtrip->timer);
    event_free(roundtrip->patience);
    event_free(roundtrip->reporter);
    free(roundtrip->instance);
    free(roundtrip);
}

const struct book_counts *roundtrip_counts(const struct roundtrip *roundtrip)
{
    return roundtrip_book_counts(roundtrip->book);
}

const struct roundtrip_facts *roundtrip_last(const struct roundtrip *roundtrip)
{
    return roundtrip->has_last ? &roundtrip->last : NULL;
}

const char *roundtrip_trouble(const struct roundtrip *roundtrip)
{
    return probe_box_trouble(roundtrip->inbox.box);
}

bool roundtrip_mailbox(const struct roundtrip *roundtrip, uint32_t *messages)
{
    return probe_box_messages(roundtrip->inbox.box, messages);
}
