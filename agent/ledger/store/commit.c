#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ledger/store/store.h"
#include "agent/system/fault.h"
#include "rules/util/memory.h"

const char *uid_state_text(enum uid_state state)
{
    static const char *const texts[] = {
        [UID_BEFORE_BASELINE] = "before baseline",
        [UID_NOT_WANTED] = "not wanted",
        [UID_EXEMPT] = "exempt",
        [UID_OWN_COPY] = "own copy",
        [UID_DRAFT] = "draft",
        [UID_CAPTURED] = "captured",
        [UID_DUPLICATE] = "duplicate",
        [UID_VANISHED] = "vanished",
        [UID_VANISHED_INFERRED] = "vanished (inferred)",
        [UID_UNFETCHED] = "unfetched",
        [UID_FAILED] = "failed",
    };
    if ((size_t)state >= sizeof(texts) / sizeof(texts[0]))
        return "unknown";
    return texts[state];
}

const char *uid_state_name(enum uid_state state)
{
    static const char *const names[] = {
        [UID_BEFORE_BASELINE] = "before_baseline",
        [UID_NOT_WANTED] = "not_wanted",
        [UID_EXEMPT] = "exempt",
        [UID_OWN_COPY] = "own_copy",
        [UID_DRAFT] = "draft",
        [UID_CAPTURED] = "captured",
        [UID_DUPLICATE] = "duplicate",
        [UID_VANISHED] = "vanished",
        [UID_VANISHED_INFERRED] = "vanished_inferred",
        [UID_UNFETCHED] = "unfetched",
        [UID_FAILED] = "failed",
    };
    if ((size_t)state >= sizeof(names) / sizeof(names[0]))
        return "unknown";
    return names[state];
}

const unsigned char *ledger_key(const struct ledger *ledger)
{
    return ledger->key;
}

const char *ledger_damage(const struct ledger *ledger)
{
    return ledger->damage;
}

/* ---- batches ---- */

void ledger_fail(struct ledger *ledger, const char *format, ...)
{
    if (ledger->failed)
        return;
    ledger->failed = true;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(ledger->failure, sizeof(ledger->failure), format, arguments);
    va_end(arguments);
}

/* The time when it became stuck stays that of the first failure. */
static void show_stuck(struct ledger *ledger, const char *why)
{
    struct stuck *stuck = ledger->stuck;
    pthread_mutex_lock(&stuck->mutex);
    if (why == NULL) {
        stuck->since = 0;
    } else {
        if (stuck->since == 0)
            stuck->since = ledger->now;
        snprintf(stuck->why, sizeof(stuck->why), "%s", why);
    }
    pthread_mutex_unlock(&stuck->mutex);
}

const char *ledger_is_stuck(const struct ledger *ledger, time_t *since)
{
    struct stuck *stuck = ledger->stuck;
    pthread_mutex_lock(&stuck->mutex);
    time_t when = stuck->since;
    memcpy(stuck->shown, stuck->why, sizeof(stuck->shown));
    pthread_mutex_unlock(&stuck->mutex);
    if (since != NULL)
        *since = when;
    return when == 0 ? NULL : stuck->shown;
}

void ledger_batch_begin(void *context)
{
    struct ledger *ledger = context;
    ledger->failed = ledger->damaged = false;
    ledger->now = time(NULL);
    memset(&ledger->batch, 0, sizeof(ledger->batch));
    spool_batch_begin(&ledger->spool, ledger->segment_max);
    if (!ledger_execute(ledger, "BEGIN"))
        return;
    if (ledger->reload) {
        chain_load(ledger);
        ledger_tally_load(ledger);
        ledger->reload = ledger->failed;
    }
}

/* Segments without an undelivered copy are forgotten; their files go after the commit. */
static size_t forget_segments(struct ledger *ledger, uint64_t **segments)
{
    size_t n = 0, room = 0;
    *segments = NULL;
    if (!ledger->batch.delivered && !ledger->batch.captured && !ledger->batch.settled)
        return 0;
    sqlite3_stmt *query = ledger_query(ledger, "SELECT id FROM segment WHERE live <= 0");
    while (ledger_row(ledger, query)) {
        if (n == room) {
            room = room * 2 + 8;
            *segments = xreallocarray(*segments, room, sizeof(**segments));
        }
        (*segments)[n++] = (uint64_t)column_number(query, 0);
    }
    if (n > 0)
        ledger_run(ledger, ledger_query(ledger, "DELETE FROM segment WHERE live <= 0"));
    return n;
}

/* Numbers of segments are not used twice. */
static void save_next_segment(struct ledger *ledger)
{
    if (ledger->next_segment == ledger->spool.next_segment)
        return;
    sqlite3_stmt *query =
        ledger_query(ledger, "UPDATE meta SET value = ?1 WHERE key = 'next_segment'");
    bind_number(query, 1, (int64_t)ledger->spool.next_segment);
    ledger_run(ledger, query);
    ledger->next_segment = ledger->spool.next_segment;
}

static void write_spool(struct ledger *ledger)
{
    if (ledger->failed)
        return;
    if (!spool_flush(&ledger->spool)) {
        ledger_fail(ledger, "%s", ledger->spool.why);
        return;
    }
    if (ledger->spool.written)
        fault_point(FAULT_SPOOL_WRITTEN);
    if (!spool_sync(&ledger->spool))
        ledger_fail(ledger, "%s", ledger->spool.why);
    else if (ledger->spool.written)
        fault_point(FAULT_SPOOL_SYNCED);
}

static void pass_fault_points(const struct ledger *ledger)
{
    (void)ledger;
    if (ledger->batch.folder_noted)
        fault_point(FAULT_FOLDER_NOTED);
    if (ledger->batch.captured)
        fault_point(FAULT_CAPTURE_COMMITTED);
    if (ledger->batch.intended)
        fault_point(FAULT_INTENT_COMMITTED);
    if (ledger->batch.delivered)
        fault_point(FAULT_DELIVERY_COMMITTED);
}

static void committed(struct ledger *ledger, const uint64_t *segments, size_t n)
{
    spool_batch_committed(&ledger->spool);
    pass_fault_points(ledger);
    for (size_t i = 0; i < n; i++) {
        spool_remove(&ledger->spool, segments[i]);
        fault_point(FAULT_SEGMENT_REMOVED);
    }
    show_stuck(ledger, NULL);
}

static void rolled_back(struct ledger *ledger)
{
    if (!sqlite3_get_autocommit(ledger->db))
        sqlite3_exec(ledger->db, "ROLLBACK", NULL, NULL, NULL);
    spool_batch_rolled_back(&ledger->spool);
    ledger->reload = true;
    ledger->next_segment = 0;
    show_stuck(ledger, ledger->failure);
}

/* The octets first, then what makes them true: DESIGN section 6. */
bool ledger_batch_end(void *context)
{
    struct ledger *ledger = context;
    uint64_t *segments;
    size_t n = forget_segments(ledger, &segments);
    save_next_segment(ledger);
    chain_save(ledger);
    ledger_tally_save(ledger);
    write_spool(ledger);
    bool took = ledger_execute(ledger, "COMMIT");
    if (took)
        committed(ledger, segments, n);
    else
        rolled_back(ledger);
    free(segments);
    return took;
}

struct worker *ledger_worker_new(struct ledger *ledger)
{
    static const struct worker_hooks hooks = {ledger_batch_begin, ledger_batch_end};
    /* So many that a backlog shares its fsyncs, so few that the first is not told late. */
    const size_t batch_max = 512;
    return worker_new(ledger->base, "ledger", &hooks, ledger, batch_max);
}

/* ---- jobs ---- */

static void job_run(struct worker_job *worker_job, void *context)
{
    struct ledger *ledger = context;
    struct ledger_job *job = (struct ledger_job *)worker_job;
    if (!ledger->failed)
        job->run(ledger, job);
}

static void job_done(struct worker_job *worker_job)
{
    struct ledger_job *job = (struct ledger_job *)worker_job;
    if (job->tell != NULL && !worker_job->lost && !job->request.cancelled)
        job->tell(job);
    if (job->release != NULL)
        job->release(job);
    else
        free(job);
}

struct ledger_request *ledger_submit(struct ledger *ledger, struct ledger_job *job)
{
    job->ledger = ledger;
    job->request.job.run = job_run;
    job->request.job.done = job_done;
    worker_submit(ledger->worker, &job->request.job);
    return &job->request;
}

void ledger_cancel(struct ledger_request *request)
{
    if (request != NULL)
        request->cancelled = true;
}

/* ---- room ---- */

bool ledger_is_full(const struct ledger *ledger)
{
    return ledger->full;
}

void ledger_on_room(struct ledger *ledger, void (*on_room)(void *arg), void *arg)
{
    ledger->on_room = on_room;
    ledger->on_room_arg = arg;
}

void ledger_in_flight_more(struct ledger *ledger, uint64_t octets)
{
    ledger->in_flight += octets;
    if (ledger->in_flight >= ledger->buffer_high)
        ledger->full = true;
}

void ledger_in_flight_less(struct ledger *ledger, uint64_t octets)
{
    ledger->in_flight -= octets;
    if (!ledger->full || ledger->in_flight > ledger->buffer_high / 2)
        return;
    ledger->full = false;
    if (ledger->on_room != NULL)
        ledger->on_room(ledger->on_room_arg);
}

void ledger_set_plan_join(struct ledger *ledger, ledger_plan_join *join)
{
    ledger->plan_join = join;
}
