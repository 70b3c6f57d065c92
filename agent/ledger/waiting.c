/* What an officer decides about copies that wait or were given up. */
#include <stdlib.h>
#include <string.h>

#include "agent/ledger/private.h"
#include "rules/util/memory.h"

struct decision_job {
    struct ledger_job job;
    char *monitor_id, *target, *why;
    ledger_decided *done;
    void *arg;
    size_t changed;
    char *trouble; /* why nothing was changed */
};

static void decision_begin(struct decision_job *job)
{
    free(job->trouble);
    job->trouble = NULL;
    job->changed = 0;
}

/* The copy with that id, or 0 and job->trouble. */
static int64_t find_copy(struct ledger *ledger, struct decision_job *job, enum copy_state *state)
{
    sqlite3_stmt *query = ledger_query(ledger, "SELECT id, state FROM copy WHERE monitor_id = ?1"
                                               " ORDER BY state IN (2, 4), id LIMIT 1");
    bind_text(query, 1, job->monitor_id);
    if (!ledger_row(ledger, query)) {
        job->trouble = xasprintf("the ledger has no copy with the id \"%s\"", job->monitor_id);
        return 0;
    }
    int64_t id = column_number(query, 0);
    *state = (enum copy_state)column_number(query, 1);
    sqlite3_reset(query);
    if (*state == COPY_DELIVERED)
        job->trouble = xasprintf("copy %s has been delivered", job->monitor_id);
    else if (*state == COPY_DROPPED)
        job->trouble = xasprintf("copy %s was dropped", job->monitor_id);
    return job->trouble == NULL ? id : 0;
}

/* ---- retry ---- */

/* hold_until is in the past but for copies that wait for their counterparts. */
#define MAKE_DUE "UPDATE copy SET state = 0, due = hold_until WHERE state IN (0, 3) AND"
#define HAS_ORIGINAL " (SELECT segment FROM message WHERE message.id = copy.message) <> 0"

static void retry_one(struct ledger *ledger, struct decision_job *job)
{
    enum copy_state state;
    int64_t id = find_copy(ledger, job, &state);
    if (id == 0)
        return;
    if (state == COPY_SENDING) {
        job->trouble = xasprintf("copy %s is being sent", job->monitor_id);
        return;
    }
    sqlite3_stmt *query = ledger_query(ledger, MAKE_DUE " id = ?1 AND" HAS_ORIGINAL);
    bind_number(query, 1, id);
    job->changed = (size_t)ledger_run(ledger, query);
    if (job->changed == 0) {
        job->trouble = xasprintf("copy %s: " REASON_ORIGINAL_LOST, job->monitor_id);
        return;
    }
    if (copy_record_begin(ledger, id, &state) != 0)
        chain_end(ledger, "copy-retried");
}

static void retry_all(struct ledger *ledger, struct decision_job *job)
{
    sqlite3_stmt *query = ledger_query(
        ledger, MAKE_DUE " (?1 IS NULL OR target = ?1) AND state <> 2 AND" HAS_ORIGINAL);
    if (job->target != NULL)
        bind_text(query, 1, job->target);
    job->changed = (size_t)ledger_run(ledger, query);
    if (job->changed == 0) {
        job->trouble = job->target != NULL ? xasprintf("no copy waits for target %s", job->target)
                                           : xstrdup("no copy waits");
        return;
    }
    chain_begin(ledger);
    chain_number(ledger, "copies", job->changed);
    if (job->target != NULL)
        chain_text(ledger, "target", job->target);
    chain_end(ledger, "copies-retried");
}

static void retry_run(struct ledger *ledger, struct ledger_job *base)
{
    struct decision_job *job = (struct decision_job *)base;
    decision_begin(job);
    if (job->monitor_id != NULL)
        retry_one(ledger, job);
    else
        retry_all(ledger, job);
}

/* ---- drop ---- */

static void drop_run(struct ledger *ledger, struct ledger_job *base)
{
    struct decision_job *job = (struct decision_job *)base;
    enum copy_state state;
    decision_begin(job);
    int64_t id = find_copy(ledger, job, &state);
    int64_t message = id != 0 ? copy_record_begin(ledger, id, &state) : 0;
    if (message == 0)
        return;
    chain_text(ledger, "why", job->why);
    int64_t seq = (int64_t)chain_end(ledger, "copy-dropped");
    sqlite3_stmt *query =
        ledger_query(ledger, "UPDATE copy SET state = 4, reason = ?2, chain = ?3 WHERE id = ?1");
    bind_number(query, 1, id);
    bind_text(query, 2, job->why);
    bind_number(query, 3, seq);
    job->changed = (size_t)ledger_run(ledger, query);
    original_release(ledger, message);
    ledger->batch.settled = true; /* a segment may have become unneeded */
}

/* ---- both ---- */

static void decision_answer(struct ledger_job *base)
{
    const struct decision_job *job = (const struct decision_job *)base;
    if (job->done != NULL)
        job->done(job->arg, job->changed, job->trouble);
}

static void decision_release(struct ledger_job *base)
{
    struct decision_job *job = (struct decision_job *)base;
    free(job->monitor_id);
    free(job->target);
    free(job->why);
    free(job->trouble);
    free(job);
}

static char *copy_of(const char *text)
{
    return text != NULL ? xstrndup(text, REASON_MAX) : NULL;
}

static struct ledger_request *submit(struct ledger *ledger,
                                     void (*run)(struct ledger *, struct ledger_job *),
                                     const char *monitor_id, const char *target, const char *why,
                                     ledger_decided *done, void *arg)
{
    struct decision_job *job = xcalloc(1, sizeof(*job));
    job->job.run = run;
    job->job.answer = decision_answer;
    job->job.release = decision_release;
    job->monitor_id = copy_of(monitor_id);
    job->target = copy_of(target);
    job->why = copy_of(why);
    job->done = done;
    job->arg = arg;
    return ledger_submit(ledger, &job->job);
}

struct ledger_request *ledger_retry(struct ledger *ledger, const char *monitor_id,
                                    const char *target, ledger_decided *done, void *arg)
{
    return submit(ledger, retry_run, monitor_id, target, NULL, done, arg);
}

struct ledger_request *ledger_drop(struct ledger *ledger, const char *monitor_id, const char *why,
                                   ledger_decided *done, void *arg)
{
    return submit(ledger, drop_run, monitor_id, NULL, why, done, arg);
}
