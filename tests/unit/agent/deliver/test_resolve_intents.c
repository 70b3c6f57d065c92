/* Copies with an intent, after a crash or a lost connection: found, not found, nobody knows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/deliver/deliver_help.h"
#include "agent/system/limit.h"

static void test_those_found_are_delivered_the_others_sent_again(void **state)
{
    static const char *const script[] = {
        LOGS_IN("LITERAL+"), SELECT("Monitor"),     FETCHES_IDS("90"), FOUND("95", ID_2),
        "T OK done",         APPEND_NOW("Monitor"), STORED("100"),     NULL};
    struct stage *stage = *state;

    capture(stage, 2);
    intend(stage, 1, "Monitor", 9, 90);
    intend(stage, 2, "Monitor", 9, 90);
    deliver_all(stage, script);
    assert_int_equal(copy_uid(stage, 1), 100);
    assert_int_equal(copy_uid(stage, 2), 95);
    assert_int_equal(stage->context.count.delivered, 2);
}

static void test_a_changed_uidvalidity_searches_the_whole_folder(void **state)
{
    static const char *const script[] = {LOGS_IN("LITERAL+"), SELECT("Monitor"), FETCHES_IDS("1"),
                                         FOUND("3", ID_1),    "T OK done",       NULL};
    struct stage *stage = *state;

    capture(stage, 1);
    intend(stage, 1, "Monitor", 8, 90);
    deliver_all(stage, script);
    assert_int_equal(copy_uid(stage, 1), 3);
    assert_int_equal(copy_number(stage, 1, "target_uidvalidity"), 9);
}

static void test_a_missing_folder_has_none_of_them(void **state)
{
    static const char *const script[] = {LOGS_IN("LITERAL+"),
                                         "C SELECT Monitor",
                                         "T NO [NONEXISTENT] none",
                                         "C SELECT Monitor",
                                         "T NO none",
                                         "C CREATE Monitor",
                                         "T OK made",
                                         "C SUBSCRIBE Monitor",
                                         "T OK done",
                                         SELECT("Monitor"),
                                         APPEND_NOW("Monitor"),
                                         STORED("100"),
                                         NULL};
    struct stage *stage = *state;

    capture(stage, 1);
    intend(stage, 1, "Monitor", 9, 90);
    deliver_all(stage, script);
    assert_int_equal(copy_uid(stage, 1), 100);
}

/* Folders are searched one after the other, whatever the pattern makes today. */
static void test_each_folder_is_searched(void **state)
{
    static const char *const script[] = {
        LOGS_IN("LITERAL+"), SELECT("Old"),     FETCHES_IDS("90"), FOUND("95", ID_1), "T OK done",
        SELECT("Monitor"),   FETCHES_IDS("40"), FOUND("45", ID_2), "T OK done",       NULL};
    struct stage *stage = *state;

    capture(stage, 2);
    intend(stage, 1, "Old", 9, 90);
    intend(stage, 2, "Monitor", 9, 40);
    deliver_all(stage, script);
    assert_int_equal(copy_uid(stage, 1), 95);
    assert_int_equal(copy_uid(stage, 2), 45);
}

static void lose(struct stage *stage, const char *const *script)
{
    static const char *const again[] = {LOGS_IN("LITERAL+"), SELECT("Monitor"), FETCHES_IDS("90"),
                                        FOUND("95", ID_1),   "T OK done",       NULL};

    capture(stage, 1);
    intend(stage, 1, "Monitor", 9, 90);
    play(stage, script);
    begin(stage);
    await(stage, STEP_DOWN);
    assert_int_equal(copy_state(stage, 1), COPY_SENDING);
    reconnect(stage, again);
    await(stage, STEP_IDLE);
    assert_int_equal(copy_uid(stage, 1), 95);
}

static void test_a_session_that_ends_before_the_answer(void **state)
{
    static const char *const select_ends[] = {LOGS_IN("LITERAL+"), "C SELECT Monitor", "CLOSE",
                                              NULL};
    static const char *const fetch_ends[] = {
        LOGS_IN("LITERAL+"), SELECT("Monitor"), FETCHES_IDS("90"),
        FOUND("95", ID_1),   "CLOSE",           NULL};
    static const char *const *const scripts[] = {select_ends, fetch_ends};

    for (size_t i = 0; i < sizeof(scripts) / sizeof(*scripts); i++) {
        stage_setup(state);
        lose(*state, scripts[i]);
        stage_teardown(state);
    }
}

/* Copy 1 is in doubt, and nobody knows: it waits, and copy 2 is delivered. */
static void doubt(struct stage *stage, const char *const *script)
{
    struct deliver_status status;

    capture(stage, 2);
    intend(stage, 1, "Monitor", 9, 90);
    play(stage, script);
    begin(stage);
    await(stage, STEP_IDLE);
    assert_int_equal(copy_state(stage, 1), COPY_SENDING);
    assert_int_equal(copy_state(stage, 2), COPY_DELIVERED);
    assert_true(event_pending(stage->deliver->doubt, EV_TIMEOUT, NULL));
    deliver_status(stage->deliver, &status);
    assert_non_null(strstr(status.trouble, "cannot be searched for"));
    assert_true(status.trouble_since != 0);
}

static void test_while_nobody_knows_it_waits_and_the_others_go_on(void **state)
{
    static const char *const select_bad[] = {
        LOGS_IN("LITERAL+"),   "C SELECT Monitor", "T BAD what", SELECT("Monitor"),
        APPEND_NOW("Monitor"), STORED("100"),      NULL};
    static const char *const fetch_no[] = {
        LOGS_IN("LITERAL+"),      SELECT("Monitor"),     FETCHES_IDS("90"), "T NO never",
        REFUSED_WAYS("90", ID_1), APPEND_NOW("Monitor"), STORED("100"),     NULL};
    static const char *const *const scripts[] = {select_bad, fetch_no};

    for (size_t i = 0; i < sizeof(scripts) / sizeof(*scripts); i++) {
        stage_setup(state);
        doubt(*state, scripts[i]);
        stage_teardown(state);
    }
}

/* A refused SELECT does not say that the folder, and the copy in it, are gone. */
static void test_a_refused_folder_that_exists_is_not_missing(void **state)
{
    static const char *const script[] = {LOGS_IN("LITERAL+"),
                                         "C SELECT Monitor",
                                         "T NO [INUSE] not now",
                                         "C LIST * Monitor",
                                         "S * LIST () \".\" Monitor",
                                         "T OK done",
                                         SELECT("Monitor"),
                                         APPEND_NOW("Monitor"),
                                         STORED("100"),
                                         NULL};

    doubt(*state, script);
}

static void test_after_its_pause_the_search_is_tried_again(void **state)
{
    static const char *const script[] = {LOGS_IN("LITERAL+"),
                                         SELECT("Monitor"),
                                         FETCHES_IDS("90"),
                                         "T NO never",
                                         REFUSED_WAYS("90", ID_1),
                                         "HOLD",
                                         SELECT("Monitor"),
                                         FETCHES_IDS("90"),
                                         FOUND("95", ID_1),
                                         "T OK done",
                                         NULL};
    struct stage *stage = *state;

    capture(stage, 1);
    intend(stage, 1, "Monitor", 9, 90);
    play(stage, script);
    begin(stage);
    while (!scripted_server_holds(stage->scripted) || stage->deliver->step != STEP_IDLE)
        run_for(stage, 5);
    scripted_server_go(stage->scripted);
    deliver_retry_now(stage->deliver);
    await(stage, STEP_IDLE);
    assert_int_equal(copy_uid(stage, 1), 95);
}

static void test_stopped_while_it_searches(void **state)
{
    static const char *const script[] = {LOGS_IN("LITERAL+"), SELECT("Monitor"), FETCHES_IDS("90"),
                                         "HOLD", NULL};
    struct stage *stage = *state;

    capture(stage, 1);
    intend(stage, 1, "Monitor", 9, 90);
    play(stage, script);
    begin(stage);
    while (!scripted_server_holds(stage->scripted))
        run_for(stage, 5);
    deliver_stop(stage->deliver, on_stopped, stage);
    await_stopped(stage);
    assert_int_equal(copy_state(stage, 1), COPY_SENDING);
}

static void test_a_search_waits_until_the_server_has_settled(void **state)
{
    static const char *const script[] = {
        LOGS_IN("LITERAL+"), "HOLD", SELECT("Monitor"), FETCHES_IDS("90"), FOUND("95", ID_1),
        "T OK done",         NULL};
    struct stage *stage = *state;
    time_t lost_at = time(NULL);

    capture(stage, 1);
    intend(stage, 1, "Monitor", 9, 90);
    play(stage, script);
    begin(stage);
    stage->deliver->lost_at = lost_at;
    await_step(stage, STEP_RESOLVING);
    assert_null(resolve_intents_search(stage->deliver->resolving));
    scripted_server_go(stage->scripted);
    await(stage, STEP_IDLE);
    assert_true(time(NULL) >= lost_at + LIMIT_SETTLE);
    assert_int_equal(copy_uid(stage, 1), 95);
}

static void test_it_is_freed_before_the_search_begins(void **state)
{
    static const char *const script[] = {LOGS_IN("LITERAL+"), "HOLD", NULL};
    struct stage *stage = *state;

    capture(stage, 1);
    intend(stage, 1, "Monitor", 9, 90);
    play(stage, script);
    begin(stage);
    stage->deliver->lost_at = time(NULL);
    await_step(stage, STEP_RESOLVING);
    deliver_free(stage->deliver);
    stage->deliver = NULL;
    run_for(stage, LIMIT_SETTLE * 1000 + 100);
    assert_int_equal(copy_state(stage, 1), COPY_SENDING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_those_found_are_delivered_the_others_sent_again),
        TEST(test_a_changed_uidvalidity_searches_the_whole_folder),
        TEST(test_a_missing_folder_has_none_of_them),
        TEST(test_each_folder_is_searched),
        cmocka_unit_test(test_a_session_that_ends_before_the_answer),
        cmocka_unit_test(test_while_nobody_knows_it_waits_and_the_others_go_on),
        TEST(test_a_refused_folder_that_exists_is_not_missing),
        TEST(test_after_its_pause_the_search_is_tried_again),
        TEST(test_stopped_while_it_searches),
        TEST(test_a_search_waits_until_the_server_has_settled),
        TEST(test_it_is_freed_before_the_search_begins),
    };

    return cmocka_run_group_tests_name("agent.deliver.resolve_intents", tests, NULL, NULL);
}
