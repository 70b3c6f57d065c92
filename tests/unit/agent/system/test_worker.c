#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <event2/event.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "agent/system/worker.h"

/* What the jobs of a test share. */
struct bench {
    struct event_base *base;
    struct worker *worker;
    pthread_t loop;
    /* on the thread */
    int running; /* inside a batch */
    int batches, largest_batch, this_batch;
    int failures; /* batches that fail before one takes */
    atomic_int runs, ended;
    atomic_bool held; /* the first job waits while it is set */
    /* on the loop */
    int done[1000], n_done;
    bool too_early, on_wrong_thread;
    int resubmit;
};

struct number_job {
    struct worker_job job;
    struct bench *bench;
    int number;
    int ran_in_batch;
    bool lost;
};

static void batch_begin(void *context)
{
    struct bench *bench = context;
    bench->running = 1;
    bench->this_batch = 0;
}

static bool batch_end(void *context)
{
    struct bench *bench = context;
    bench->running = 0;
    if (bench->failures > 0) {
        bench->failures--;
        return false;
    }
    bench->batches++;
    if (bench->this_batch > bench->largest_batch)
        bench->largest_batch = bench->this_batch;
    atomic_store(&bench->ended, bench->batches);
    return true;
}

static void number_run(struct worker_job *job, void *context)
{
    struct number_job *number = (struct number_job *)job;
    struct bench *bench = context;
    while (atomic_load(&bench->held))
        usleep(1000);
    bench->this_batch++;
    atomic_fetch_add(&bench->runs, 1);
    number->ran_in_batch = bench->batches + 1;
}

static void submit(struct bench *bench, int number);

static void number_done(struct worker_job *job)
{
    struct number_job *number = (struct number_job *)job;
    struct bench *bench = number->bench;
    if (!job->lost && number->ran_in_batch > atomic_load(&bench->ended))
        bench->too_early = true;
    if (!pthread_equal(pthread_self(), bench->loop))
        bench->on_wrong_thread = true;
    bench->done[bench->n_done++] = job->lost ? -1 : number->number;
    free(number);
    if (bench->resubmit > 0) {
        bench->resubmit--;
        submit(bench, 100 + bench->resubmit);
    }
}

static void submit(struct bench *bench, int number)
{
    struct number_job *job = calloc(1, sizeof(*job));
    assert_non_null(job);
    job->job.run = number_run;
    job->job.done = number_done;
    job->bench = bench;
    job->number = number;
    worker_submit(bench->worker, &job->job);
}

static void start(struct bench *bench, size_t batch_max)
{
    static const struct worker_hooks hooks = {batch_begin, batch_end};
    bench->base = event_base_new();
    bench->loop = pthread_self();
    bench->worker = worker_new(bench->base, "test", &hooks, bench, batch_max);
}

static void finish(struct bench *bench)
{
    worker_free(bench->worker);
    event_base_free(bench->base);
}

static void loop_until(struct bench *bench, int n)
{
    time_t limit = time(NULL) + 30;
    const struct timeval tick = {.tv_usec = 50000};
    while (bench->n_done < n && time(NULL) < limit) {
        event_base_loopexit(bench->base, &tick);
        event_base_loop(bench->base, EVLOOP_ONCE);
    }
    assert_int_equal(bench->n_done, n);
}

static void test_done_comes_in_order_on_the_loop(void **state)
{
    (void)state;
    struct bench bench = {0};
    start(&bench, 0);
    for (int i = 0; i < 500; i++)
        submit(&bench, i);
    assert_int_equal(worker_queued(bench.worker), 500);
    loop_until(&bench, 500);
    assert_int_equal(worker_queued(bench.worker), 0);
    for (int i = 0; i < 500; i++)
        assert_int_equal(bench.done[i], i);
    assert_false(bench.on_wrong_thread);
    finish(&bench);
}

static void test_done_never_comes_before_the_end_of_its_batch(void **state)
{
    (void)state;
    struct bench bench = {0};
    start(&bench, 3);
    for (int i = 0; i < 200; i++)
        submit(&bench, i);
    loop_until(&bench, 200);
    assert_false(bench.too_early);
    finish(&bench);
}

static void test_batches_keep_their_bound(void **state)
{
    (void)state;
    struct bench bench = {.held = true};
    start(&bench, 7);
    for (int i = 0; i < 100; i++)
        submit(&bench, i);
    atomic_store(&bench.held, false);
    loop_until(&bench, 100);
    finish(&bench);
    assert_int_equal(bench.largest_batch, 7);
}

static void test_what_is_queued_is_one_batch_without_a_bound(void **state)
{
    (void)state;
    struct bench bench = {.held = true};
    start(&bench, 0);
    for (int i = 0; i < 100; i++)
        submit(&bench, i);
    atomic_store(&bench.held, false);
    loop_until(&bench, 100);
    finish(&bench);
    assert_true(bench.batches <= 2);
}

static void test_batch_that_fails_is_run_again_whole(void **state)
{
    (void)state;
    struct bench bench = {.held = true, .failures = 2};
    start(&bench, 3);
    for (int i = 0; i < 3; i++)
        submit(&bench, i);
    usleep(20000);
    atomic_store(&bench.held, false);
    loop_until(&bench, 3);
    finish(&bench);
    assert_true(atomic_load(&bench.runs) >= 5);
    assert_int_equal(bench.failures, 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(bench.done[i], i);
}

static void test_finish_gives_up_a_batch_that_does_not_take(void **state)
{
    (void)state;
    struct bench bench = {.failures = 1000};
    start(&bench, 0);
    submit(&bench, 0);
    time_t begun = time(NULL);
    worker_finish(bench.worker);
    assert_int_equal(bench.n_done, 1);
    assert_int_equal(bench.done[0], -1);
    assert_true(time(NULL) - begun < 10);
    finish(&bench);
}

static void test_free_runs_all_and_calls_every_done(void **state)
{
    (void)state;
    struct bench bench = {0};
    start(&bench, 4);
    for (int i = 0; i < 50; i++)
        submit(&bench, i);
    finish(&bench);
    assert_int_equal(bench.n_done, 50);
    assert_int_equal(bench.done[49], 49);
}

static void test_free_runs_what_its_done_callbacks_submit(void **state)
{
    (void)state;
    struct bench bench = {.resubmit = 5};
    start(&bench, 0);
    submit(&bench, 1);
    finish(&bench);
    assert_int_equal(bench.n_done, 6);
}

static void test_free_of_an_idle_worker_ends(void **state)
{
    (void)state;
    struct bench bench = {0};
    start(&bench, 0);
    finish(&bench);
    assert_int_equal(bench.n_done, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_done_comes_in_order_on_the_loop),
        cmocka_unit_test(test_done_never_comes_before_the_end_of_its_batch),
        cmocka_unit_test(test_batches_keep_their_bound),
        cmocka_unit_test(test_what_is_queued_is_one_batch_without_a_bound),
        cmocka_unit_test(test_batch_that_fails_is_run_again_whole),
        cmocka_unit_test(test_finish_gives_up_a_batch_that_does_not_take),
        cmocka_unit_test(test_free_runs_all_and_calls_every_done),
        cmocka_unit_test(test_free_runs_what_its_done_callbacks_submit),
        cmocka_unit_test(test_free_of_an_idle_worker_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
