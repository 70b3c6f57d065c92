/*
 * A thread with a queue of jobs, and the way back to the event loop.
 *
 * worker_submit() is called on the loop. Jobs run on the thread in order, a whole queue at a time:
 * batch_begin, run of each job, batch_end; then `done` of each is called on the loop, in order,
 * never before batch_end returned. So a batch is one transaction: what `done` hears of is durable.
 * Ownership: a job belongs to the submitter until submitted, to the worker until done is called,
 * then to the submitter again (done usually frees it).
 */
#ifndef AGENT_WORKER_H
#define AGENT_WORKER_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>

struct worker;

struct worker_job {
    void (*run)(struct worker_job *job, void *context); /* on the thread */
    void (*done)(struct worker_job *job); /* on the loop */
    struct worker_job *next; /* the worker's own */
};

struct worker_hooks {
    void (*batch_begin)(void *context); /* each may be NULL */
    void (*batch_end)(void *context);
};

/* batch_max: jobs run in one batch at most, 0: no bound. */
struct worker *worker_new(struct event_base *base, const char *name,
                          const struct worker_hooks *hooks, void *context, size_t batch_max);
void worker_submit(struct worker *worker, struct worker_job *job);
/* Runs what is queued to its end, calls every done, joins the thread. On the loop's thread. */
void worker_free(struct worker *worker);
size_t worker_queued(const struct worker *worker);

#endif
