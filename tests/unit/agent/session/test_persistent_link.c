/* A link that stays up: on a server that plays one script a connection. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/session/persistent_link.h"
#include "agent/system/limit.h"
#include "imapclient/scripted_server.h"
#include "imapclient/util/milliseconds.h"
#include "rules/util/memory.h"

#define GREETING "S * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hello"
#define LOGS_IN GREETING, "C AUTHENTICATE*", "T OK [CAPABILITY IMAP4rev1] done"

enum reaction { NOTHING, FREE, CLOSE, FAIL };

struct stage {
    char dir[64], secret[96];
    struct event_base *base;
    struct links *links;
    struct server server;
    struct secret_source source;
    struct scripted_server *scripted;
    struct persistent_link *link;
    enum reaction when_ready, when_down;
    unsigned attempts, retries, ready, down, untagged;
    enum imap_failure_kind kind;
    char *reason;
    time_t wait;
};

static int setup(void **state)
{
    struct stage *stage = xcalloc(1, sizeof(*stage));
    FILE *out;

    strcpy(stage->dir, "/tmp/mailvigil-test-XXXXXX");
    assert_non_null(mkdtemp(stage->dir));
    snprintf(stage->secret, sizeof(stage->secret), "%s/secret", stage->dir);
    out = fopen(stage->secret, "w");
    assert_non_null(out);
    fputs("wonder\n", out);
    fclose(out);
    chmod(stage->secret, 0600);
    stage->base = event_base_new();
    stage->links = links_new(stage->base);
    stage->server = (struct server){.name = (char *)"office"};
    stage->source.password_file = stage->secret;
    *state = stage;
    return 0;
}

static int teardown(void **state)
{
    struct stage *stage = *state;

    persistent_link_free(stage->link);
    if (stage->scripted != NULL)
        scripted_server_free(stage->scripted);
    links_free(stage->links);
    event_base_free(stage->base);
    unlink(stage->secret);
    rmdir(stage->dir);
    free(stage->reason);
    free(stage);
    return 0;
}

/* Every connection from now on meets this script. */
static void play(struct stage *stage, const char *const *script)
{
    if (stage->scripted != NULL)
        scripted_server_free(stage->scripted);
    stage->scripted = scripted_server_new(stage->base, script, NULL, false);
    stage->server.imap = (struct endpoint){.set = true,
                                           .security = SECURITY_PLAIN,
                                           .host = (char *)"127.0.0.1",
                                           .port = scripted_server_port(stage->scripted)};
}

static void react(struct stage *stage, enum reaction reaction)
{
    if (reaction == FREE) {
        persistent_link_free(stage->link);
        stage->link = NULL;
    } else if (reaction == CLOSE) {
        persistent_link_close(stage->link);
    } else if (reaction == FAIL) {
        persistent_link_fail(stage->link, "not what was looked for");
    }
}

static void login(void *arg, struct link_login *login, bool is_retry)
{
    struct stage *stage = arg;

    stage->attempts++;
    stage->retries += is_retry;
    login->server = &stage->server;
    login->login = "alice";
    login->secret = &stage->source;
}

static void on_ready(void *arg, struct imap_session *session)
{
    struct stage *stage = arg;

    stage->ready++;
    assert_non_null(session);
    assert_ptr_equal(session, persistent_link_session(stage->link));
    assert_int_equal(persistent_link_state(stage->link), PERSISTENT_LINK_UP);
    react(stage, stage->when_ready);
}

static void on_down(void *arg, const struct imap_failure *failure, time_t wait)
{
    struct stage *stage = arg;

    stage->down++;
    stage->kind = failure->kind;
    free(stage->reason);
    stage->reason = xstrdup(failure->reason);
    stage->wait = wait;
    assert_null(persistent_link_session(stage->link));
    assert_int_equal(persistent_link_state(stage->link), PERSISTENT_LINK_WAITING);
    assert_string_equal(persistent_link_trouble(stage->link).reason, failure->reason);
    react(stage, stage->when_down);
}

static void on_untagged(void *arg, const struct imap_untagged *untagged)
{
    struct stage *stage = arg;

    stage->untagged += untagged->kind == IMAP_UNTAGGED_EXISTS;
}

static void make(struct stage *stage)
{
    static const struct persistent_link_events events = {
        .login = login, .on_ready = on_ready, .on_down = on_down, .on_untagged = on_untagged};

    stage->link = persistent_link_new(stage->links, &events, stage);
    assert_int_equal(persistent_link_state(stage->link), PERSISTENT_LINK_CLOSED);
    persistent_link_open(stage->link);
}

static void run_for(struct stage *stage, unsigned count)
{
    const struct timeval wait = milliseconds(count);

    event_base_loopexit(stage->base, &wait);
    event_base_dispatch(stage->base);
}

static void await(struct stage *stage, const unsigned *counter, unsigned count)
{
    for (time_t limit = time(NULL) + 20; *counter < count; run_for(stage, 10))
        if (time(NULL) > limit)
            fail_msg("%u of %u; last failure: %s", *counter, count,
                     stage->reason != NULL ? stage->reason : "none");
    assert_int_equal(*counter, count);
}

static const char *const stays[] = {LOGS_IN, "HOLD", NULL};
static const char *const closes[] = {LOGS_IN, "CLOSE", NULL};
static const char *const refuses[] = {GREETING, "C AUTHENTICATE*",
                                      "T NO [AUTHENTICATIONFAILED] wrong", "HOLD", NULL};
static const char *const hangs_up[] = {"CLOSE", NULL};

static void test_it_logs_in_and_passes_untagged_replies_on(void **state)
{
    static const char *const script[] = {LOGS_IN, "S * 3 EXISTS", "HOLD", NULL};
    struct stage *stage = *state;

    play(stage, script);
    make(stage);
    persistent_link_open(stage->link); /* no effect */
    await(stage, &stage->untagged, 1);
    assert_int_equal(stage->attempts, 1);
    assert_int_equal(stage->retries, 0);
    assert_int_equal(persistent_link_trouble(stage->link).since, 0);
    assert_string_equal(persistent_link_trouble(stage->link).reason, "");
}

static void test_a_lost_session_comes_back_by_itself(void **state)
{
    struct stage *stage = *state;
    struct persistent_link_trouble trouble;

    play(stage, closes);
    make(stage);
    await(stage, &stage->down, 1);
    assert_int_equal(stage->kind, IMAP_FAILURE_CLOSED);
    trouble = persistent_link_trouble(stage->link);
    assert_true(trouble.since != 0 && trouble.next_try >= trouble.since);
    assert_true(stage->wait <= 2 * LIMIT_BACKOFF_FIRST);
    play(stage, stays);
    await(stage, &stage->ready, 2);
    assert_int_equal(stage->attempts, 2);
    assert_int_equal(stage->retries, 1);
    trouble = persistent_link_trouble(stage->link);
    assert_int_equal(trouble.since, 0);
    assert_int_equal(trouble.next_try, 0);
    assert_string_not_equal(trouble.reason, ""); /* what it was last */
}

static void test_waits_double_until_a_session_was_of_use(void **state)
{
    struct stage *stage = *state;

    play(stage, hangs_up);
    make(stage);
    await(stage, &stage->down, 1);
    for (unsigned failures = 2; failures <= 4; failures++) {
        play(stage, hangs_up);
        persistent_link_retry_now(stage->link);
        await(stage, &stage->down, failures);
    }
    assert_true(stage->wait >= 8 * LIMIT_BACKOFF_FIRST * 3 / 4 - 1);
    play(stage, closes); /* the login works, and nothing else does */
    persistent_link_retry_now(stage->link);
    await(stage, &stage->down, 5);
    assert_int_equal(stage->ready, 1);
    assert_true(stage->wait >= 16 * LIMIT_BACKOFF_FIRST * 3 / 4 - 1);
    play(stage, stays);
    persistent_link_retry_now(stage->link);
    await(stage, &stage->ready, 2);
    persistent_link_worked(stage->link);
    persistent_link_fail(stage->link, "enough");
    assert_int_equal(stage->down, 6);
    assert_true(stage->wait <= 2 * LIMIT_BACKOFF_FIRST);
}

static void test_a_rejected_password_waits_long(void **state)
{
    struct stage *stage = *state;

    play(stage, refuses);
    make(stage);
    await(stage, &stage->down, 1);
    assert_int_equal(stage->kind, IMAP_FAILURE_AUTH);
    assert_true(stage->wait >= LIMIT_BACKOFF_AUTH * 3 / 4 - 1);
}

static void test_a_server_that_asks_for_time_gets_it(void **state)
{
    static const char *const script[] = {
        GREETING, "C AUTHENTICATE*",
        "T NO [UNAVAILABLE] throttled. Suggested Backoff Time: 300000 milliseconds", "HOLD", NULL};
    struct stage *stage = *state;

    play(stage, script);
    make(stage);
    await(stage, &stage->down, 1);
    assert_true(stage->wait >= 300);
}

static void test_closed_in_on_down_it_stays_closed_and_counts_no_failure(void **state)
{
    struct stage *stage = *state;

    stage->when_down = CLOSE;
    for (unsigned times = 1; times <= 4; times++) {
        play(stage, closes);
        if (times == 1)
            make(stage);
        else
            persistent_link_open(stage->link);
        await(stage, &stage->down, times);
        assert_true(stage->wait <= 2 * LIMIT_BACKOFF_FIRST);
        assert_int_equal(persistent_link_state(stage->link), PERSISTENT_LINK_CLOSED);
        assert_int_equal(persistent_link_trouble(stage->link).next_try, 0);
    }
    persistent_link_retry_now(stage->link); /* no effect */
    run_for(stage, 50);
    assert_int_equal(stage->attempts, 4);
    assert_int_equal(stage->retries, 0);
}

static void test_closed_while_up_there_is_no_callback(void **state)
{
    struct stage *stage = *state;

    play(stage, stays);
    make(stage);
    await(stage, &stage->ready, 1);
    persistent_link_close(stage->link);
    persistent_link_close(stage->link); /* no effect */
    run_for(stage, 50);
    assert_int_equal(stage->down, 0);
    assert_null(persistent_link_session(stage->link));
    play(stage, stays);
    persistent_link_open(stage->link);
    await(stage, &stage->ready, 2);
}

static void test_closed_while_it_connects_or_waits(void **state)
{
    struct stage *stage = *state;

    play(stage, stays);
    make(stage);
    persistent_link_close(stage->link);
    run_for(stage, 50);
    assert_int_equal(stage->ready + stage->down, 0);
    play(stage, hangs_up);
    persistent_link_open(stage->link);
    await(stage, &stage->down, 1);
    persistent_link_close(stage->link);
    run_for(stage, 2000);
    assert_int_equal(stage->attempts, 2);
}

static void test_a_session_that_is_of_no_use_is_given_up(void **state)
{
    struct stage *stage = *state;

    stage->when_ready = FAIL;
    play(stage, stays);
    make(stage);
    await(stage, &stage->down, 1);
    assert_string_equal(stage->reason, "not what was looked for");
    stage->when_ready = NOTHING;
    play(stage, stays);
    await(stage, &stage->ready, 2);
}

static void test_it_may_be_freed_in_every_callback(void **state)
{
    struct stage *stage = *state;

    stage->when_ready = FREE;
    play(stage, stays);
    make(stage);
    await(stage, &stage->ready, 1);
    assert_null(stage->link);
    stage->when_ready = NOTHING;
    stage->when_down = FREE;
    play(stage, closes);
    make(stage);
    await(stage, &stage->down, 1);
    assert_null(stage->link);
    play(stage, refuses);
    make(stage);
    await(stage, &stage->down, 2);
    assert_null(stage->link);
}

static void test_a_secret_that_cannot_be_read_is_a_failure_too(void **state)
{
    struct stage *stage = *state;

    play(stage, stays);
    unlink(stage->secret);
    make(stage);
    await(stage, &stage->down, 1);
    assert_int_equal(stage->kind, IMAP_FAILURE_AUTH);
    assert_non_null(strstr(stage->reason, stage->secret));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_it_logs_in_and_passes_untagged_replies_on),
        TEST(test_a_lost_session_comes_back_by_itself),
        TEST(test_waits_double_until_a_session_was_of_use),
        TEST(test_a_rejected_password_waits_long),
        TEST(test_a_server_that_asks_for_time_gets_it),
        TEST(test_closed_in_on_down_it_stays_closed_and_counts_no_failure),
        TEST(test_closed_while_up_there_is_no_callback),
        TEST(test_closed_while_it_connects_or_waits),
        TEST(test_a_session_that_is_of_no_use_is_given_up),
        TEST(test_it_may_be_freed_in_every_callback),
        TEST(test_a_secret_that_cannot_be_read_is_a_failure_too),
    };

    return cmocka_run_group_tests_name("agent.session.persistent_link", tests, NULL, NULL);
}
