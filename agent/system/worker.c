#include "agent/system/worker.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "rules/util/memory.h"

struct job_list {
    struct worker_job *first, **end;
};

struct worker {
    struct worker_hooks hooks;
    void *context;
    size_t batch_max;
    pthread_t thread;

    /* on the loop only */
    struct event *wake;
    size_t outstanding;
    bool calling; /* inside a done */

    /* between both */
    int wake_fd;
    pthread_mutex_t mutex;
    pthread_cond_t work;    /* for the thread: something is queued, or it is to finish or stop */
    pthread_cond_t results; /* for worker_finish() */
    struct job_list queue, finished;
    bool finishing, stopping;
};

static void list_clear(struct job_list *list)
{
    list->first = NULL;
    list->end = &list->first;
}

static void list_add(struct job_list *list, struct worker_job *job)
{
    job->next = NULL;
    *list->end = job;
    list->end = &job->next;
}

/* Appends all of `from` to `to`. */
static void list_move(struct job_list *to, struct job_list *from)
{
    if (from->first == NULL)
        return;
    *to->end = from->first;
    to->end = from->end;
    list_clear(from);
}

static void must(int error)
{
    if (error == 0)
        return;
    fprintf(stderr, "<0>mailvigil: threads: %s\n", strerror(error));
    abort();
}

/* Waits for work, returns the next batch. false: the thread is to end. */
static bool next_batch(struct worker *worker, struct job_list *batch)
{
    list_clear(batch);
    pthread_mutex_lock(&worker->mutex);
    while (worker->queue.first == NULL && !worker->stopping)
        pthread_cond_wait(&worker->work, &worker->mutex);
    if (worker->batch_max == 0) {
        list_move(batch, &worker->queue);
    } else {
        for (size_t n = 0; n < worker->batch_max && worker->queue.first != NULL; n++) {
            struct worker_job *job = worker->queue.first;
            worker->queue.first = job->next;
            if (worker->queue.first == NULL)
                list_clear(&worker->queue);
            list_add(batch, job);
        }
    }
    pthread_mutex_unlock(&worker->mutex);
    return batch->first != NULL;
}

static bool run_batch(struct worker *worker, struct job_list *batch)
{
    if (worker->hooks.batch_begin != NULL)
        worker->hooks.batch_begin(worker->context);
    for (struct worker_job *job = batch->first; job != NULL; job = job->next)
        job->run(job, worker->context);
    return worker->hooks.batch_end == NULL || worker->hooks.batch_end(worker->context);
}

/* After a batch that failed: sleeps, unless the worker is to finish. Returns whether it is.
 */
static bool wait_for_retry(struct worker *worker)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += WORKER_RETRY_SECONDS;
    pthread_mutex_lock(&worker->mutex);
    while (!worker->finishing)
        if (pthread_cond_timedwait(&worker->work, &worker->mutex, &until) == ETIMEDOUT)
            break;
    bool finishing = worker->finishing;
    pthread_mutex_unlock(&worker->mutex);
    return finishing;
}

static void return_batch(struct worker *worker, struct job_list *batch, bool lost)
{
    for (struct worker_job *job = batch->first; job != NULL; job = job->next)
        job->lost = lost;
    pthread_mutex_lock(&worker->mutex);
    list_move(&worker->finished, batch);
    pthread_cond_signal(&worker->results);
    pthread_mutex_unlock(&worker->mutex);
    const uint64_t one = 1;
    while (write(worker->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

static void *thread_main(void *arg)
{
    struct worker *worker = arg;
    struct job_list batch;
    while (next_batch(worker, &batch)) {
        bool stored = run_batch(worker, &batch);
        while (!stored) {
            bool last_attempt = wait_for_retry(worker);
            stored = run_batch(worker, &batch);
            if (last_attempt)
                break;
        }
        return_batch(worker, &batch, !stored);
    }
    return NULL;
}

static void call_done(struct worker *worker, struct job_list *finished)
{
    struct worker_job *job = finished->first;
    worker->calling = true;
    while (job != NULL) {
        struct worker_job *next = job->next;
        assert(worker->outstanding > 0);
        worker->outstanding--;
        job->done(job);
        job = next;
    }
    worker->calling = false;
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    struct worker *worker = arg;
    (void)what;
    uint64_t count;
    while (read((int)fd, &count, sizeof(count)) < 0 && errno == EINTR)
        ;
    struct job_list finished;
    list_clear(&finished);
    pthread_mutex_lock(&worker->mutex);
    list_move(&finished, &worker->finished);
    pthread_mutex_unlock(&worker->mutex);
    call_done(worker, &finished);
}

/* Signals are handled on the loop: the thread blocks them. */
static void start_thread(struct worker *worker, const char *name)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    must(pthread_create(&worker->thread, NULL, thread_main, worker));
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_setname_np(worker->thread, name);
}

struct worker *worker_new(struct event_base *base, const char *name,
                          const struct worker_hooks *hooks, void *context, size_t batch_max)
{
    struct worker *worker = xcalloc(1, sizeof(*worker));
    if (hooks != NULL)
        worker->hooks = *hooks;
    worker->context = context;
    worker->batch_max = batch_max;
    list_clear(&worker->queue);
    list_clear(&worker->finished);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    must(pthread_mutex_init(&worker->mutex, NULL));
    must(pthread_cond_init(&worker->work, &monotonic));
    must(pthread_cond_init(&worker->results, NULL));
    pthread_condattr_destroy(&monotonic);
    worker->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    must(worker->wake_fd < 0 ? errno : 0);
    worker->wake =
        memory_check(event_new(base, worker->wake_fd, EV_READ | EV_PERSIST, on_wake, worker));
    event_add(worker->wake, NULL);
    start_thread(worker, name);
    return worker;
}

void worker_submit(struct worker *worker, struct worker_job *job)
{
    worker->outstanding++;
    job->lost = false;
    pthread_mutex_lock(&worker->mutex);
    bool was_empty = worker->queue.first == NULL;
    list_add(&worker->queue, job);
    if (was_empty)
        pthread_cond_signal(&worker->work);
    pthread_mutex_unlock(&worker->mutex);
}

void worker_finish(struct worker *worker)
{
    assert(!worker->calling);
    pthread_mutex_lock(&worker->mutex);
    worker->finishing = true;
    pthread_cond_signal(&worker->work);
    pthread_mutex_unlock(&worker->mutex);
    while (worker->outstanding > 0) {
        struct job_list finished;
        list_clear(&finished);
        pthread_mutex_lock(&worker->mutex);
        while (worker->finished.first == NULL)
            pthread_cond_wait(&worker->results, &worker->mutex);
        list_move(&finished, &worker->finished);
        pthread_mutex_unlock(&worker->mutex);
        call_done(worker, &finished);
    }
}

void worker_free(struct worker *worker)
{
    if (worker == NULL)
        return;
    worker_finish(worker);
    pthread_mutex_lock(&worker->mutex);
    worker->stopping = true;
    pthread_cond_signal(&worker->work);
    pthread_mutex_unlock(&worker->mutex);
    pthread_join(worker->thread, NULL);
    event_free(worker->wake);
    close(worker->wake_fd);
    pthread_mutex_destroy(&worker->mutex);
    pthread_cond_destroy(&worker->work);
    pthread_cond_destroy(&worker->results);
    free(worker);
}

size_t worker_queued(const struct worker *worker)
{
    return worker->outstanding;
}
