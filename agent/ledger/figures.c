#include <stdlib.h>
#include <string.h>

#include "agent/ledger/private.h"
#include "rules/util/memory.h"

struct figures_job {
    struct ledger_job job;
    ledger_figures_done *done;
    void *arg;
    struct ledger_figures figures;
    struct ledger_target_figures *targets;
    size_t n_targets;
};

static void targets_clear(struct figures_job *job)
{
    for (size_t i = 0; i < job->n_targets; i++)
        free((char *)job->targets[i].target);
    free(job->targets);
    job->targets = NULL;
    job->n_targets = 0;
}

static struct ledger_target_figures *target_figures(struct figures_job *job, const char *target)
{
    for (size_t i = 0; i < job->n_targets; i++)
        if (strcmp(job->targets[i].target, target) == 0)
            return &job->targets[i];
    job->targets = xreallocarray(job->targets, job->n_targets + 1, sizeof(*job->targets));
    struct ledger_target_figures *figures = &job->targets[job->n_targets++];
    *figures = (struct ledger_target_figures){.target = xstrdup(target)};
    return figures;
}

static time_t captured_at(struct ledger *ledger, int64_t message)
{
    sqlite3_stmt *query = ledger_query(ledger, "SELECT captured_at FROM message WHERE id = ?1");
    bind_number(query, 1, message);
    time_t at = 0;
    if (ledger_row(ledger, query)) {
        at = (time_t)column_number(query, 0);
        sqlite3_reset(query);
    }
    return at;
}

static void count_open(struct figures_job *job, enum copy_state state, const char *target,
                       uint64_t n, uint64_t held, time_t oldest)
{
    struct ledger_figures *figures = &job->figures;
    struct ledger_target_figures *its = target_figures(job, target);
    if (state == COPY_DROPPED) {
        figures->dropped += n;
        return;
    }
    if (state == COPY_FAILED) {
        figures->failed_copies += n;
        its->failed += n;
        return;
    }
    figures->pending += n;
    its->pending += n;
    figures->held += held;
    if (state == COPY_SENDING)
        figures->intents += n;
    if (figures->oldest_pending == 0 || oldest < figures->oldest_pending)
        figures->oldest_pending = oldest;
    if (its->oldest_pending == 0 || oldest < its->oldest_pending)
        its->oldest_pending = oldest;
}

static void count_copies(struct ledger *ledger, struct figures_job *job)
{
    sqlite3_stmt *query = ledger_query(
        ledger, "SELECT target, state, count(*), sum(state = 0 AND due > ?1), min(message)"
                " FROM copy WHERE state <> 2 GROUP BY target, state");
    bind_number(query, 1, ledger->now);
    while (ledger_row(ledger, query))
        count_open(job, (enum copy_state)column_number(query, 1), column_text(query, 0),
                   (uint64_t)column_number(query, 2), (uint64_t)column_number(query, 3),
                   captured_at(ledger, column_number(query, 4)));
    for (size_t i = 0; i < ledger->n_targets; i++) {
        uint64_t delivered = (uint64_t)ledger->targets[i].delivered;
        target_figures(job, ledger->targets[i].target)->delivered = delivered;
        job->figures.delivered += delivered;
    }
}

static void figures_run(struct ledger *ledger, struct ledger_job *base)
{
    struct figures_job *job = (struct figures_job *)base;
    targets_clear(job);
    memset(&job->figures, 0, sizeof(job->figures));
    for (size_t i = 0; i < N_UID_STATES; i++)
        job->figures.states[i] = (uint64_t)ledger->states[i];
    count_copies(ledger, job);
    sqlite3_stmt *query = ledger_query(ledger, "SELECT count(*), total(size) FROM segment");
    if (ledger_row(ledger, query)) {
        job->figures.spool_segments = (uint64_t)column_number(query, 0);
        job->figures.spool_bytes = (uint64_t)column_number(query, 1);
        sqlite3_reset(query);
    }
}

static void figures_answer(struct ledger_job *base)
{
    struct figures_job *job = (struct figures_job *)base;
    job->done(job->arg, &job->figures, job->targets, job->n_targets);
}

static void figures_release(struct ledger_job *base)
{
    struct figures_job *job = (struct figures_job *)base;
    targets_clear(job);
    free(job);
}

struct ledger_request *ledger_figures(struct ledger *ledger, ledger_figures_done *done, void *arg)
{
    struct figures_job *job = xcalloc(1, sizeof(*job));
    job->job.run = figures_run;
    job->job.answer = figures_answer;
    job->job.release = figures_release;
    job->done = done;
    job->arg = arg;
    return ledger_submit(ledger, &job->job);
}
