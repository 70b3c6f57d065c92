/*
 * A thread with a queue of jobs, whose results return to the event loop.
 *
 * worker_submit() is called on the loop. Jobs run on the thread in order, a whole queue at a time:
 * batch_begin, run of each job, batch_end; then `done` of each is called on the loop, in order,
 * never before batch_end returned. So a batch is one transaction: what `done` reports is durable.
 * batch_end may report that nothing of the batch was stored (a full disk): then the same batch is
 * run again after WORKER_RETRY_SECONDS, from batch_begin on, until it succeeds; so run() must be
 * repeatable and leave all effects in memory to batch_end or done. Once worker_finish() was called
 * a batch that fails is dropped after one more attempt: its jobs have `lost` set when done is
 * called, which then only frees. Ownership: a job belongs to the submitter until submitted, to the
 * worker until done is called, then to the submitter again (done usually frees it).
 */
#ifndef AGENT_SYSTEM_WORKER_H
#define AGENT_SYSTEM_WORKER_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>

struct worker;

struct worker_job {
    void (*run)(struct worker_job *job, void *context); /* on the thread */
    void (*done)(struct worker_job *job);               /* on the loop */
    bool lost; /* for done: what run did was rolled back and will not be tried again */
    struct worker_job *next; /* used by the worker */
};

struct worker_hooks {
    void (*batch_begin)(void *context); /* each may be NULL */
    bool (*batch_end)(void *context);   /* false: nothing of it was stored, run it again */
};

#define WORKER_RETRY_SECONDS 1

/* batch_max: jobs run in one batch at most, 0: no limit. */
struct worker *worker_new(struct event_base *base, const char *name,
                          const struct worker_hooks *hooks, void *context, size_t batch_max);
void worker_submit(struct worker *worker, struct worker_job *job);
/* Completes all queued jobs, and those that their done callbacks submit, and calls every done. On
 * the loop's thread, not from inside a done. */
void worker_finish(struct worker *worker);
/* worker_finish(), then joins the thread. */
void worker_free(struct worker *worker);
/* Jobs submitted whose done was not called yet. */
size_t worker_queued(const struct worker *worker);

#endif
