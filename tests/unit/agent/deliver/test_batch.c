/* Batches: every reply to APPEND, with MULTIAPPEND and without, with each kind of literal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/deliver/deliver_help.h"
#include "agent/system/limit.h"

#define STEPS_MAX 48
#define CREATES                                                                                    \
    "C SELECT Monitor", "T NO none", "C CREATE Monitor", "T OK made", "C SUBSCRIBE Monitor",       \
        "T OK done", SELECT("Monitor")

/* ---- every reply ---- */

struct reply {
    const char *title;
    const char *script[STEPS_MAX]; /* from the end of the first APPEND on */
    enum deliver_step step;        /* in which it ends */
    enum copy_state state;
    uint32_t uid;       /* of the copy, 0: unknown */
    const char *reason; /* a part of what the ledger has */
};

static const struct reply replies[] = {
    {"OK with APPENDUID", {STORED("100"), NULL}, STEP_IDLE, COPY_DELIVERED, 100, ""},
    {"OK, and the search finds it",
     {"T OK stored", FETCHES_IDS("100"), FOUND("103", ID_1), "T OK done", NULL},
     STEP_IDLE,
     COPY_DELIVERED,
     103,
     ""},
    {"OK, and the search finds another one",
     {"T OK stored", FETCHES_IDS("100"), FOUND("103", ID_2), "T OK done", NULL},
     STEP_IDLE,
     COPY_DELIVERED,
     0,
     ""},
    {"OK, and the search is refused",
     {"T OK stored", FETCHES_IDS("100"), "T NO never", NULL},
     STEP_IDLE,
     COPY_DELIVERED,
     0,
     ""},
    {"OK, and the session ends during the search",
     {"T OK stored", FETCHES_IDS("100"), "CLOSE", NULL},
     STEP_DOWN,
     COPY_SENDING,
     0,
     ""},
    {"OK with UIDs for two", {STORED("100:101"), NULL}, STEP_IDLE, COPY_DELIVERED, 0, ""},
    {"OK with another code",
     {"T OK [HIGHESTMODSEQ 5] stored", FETCHES_IDS("100"), FOUND("100", ID_1), "T OK done", NULL},
     STEP_IDLE,
     COPY_DELIVERED,
     100,
     ""},
    {"NO with TRYCREATE",
     {"T NO [TRYCREATE] none", CREATES, APPEND_NOW("Monitor"), STORED("100"), NULL},
     STEP_IDLE,
     COPY_DELIVERED,
     100,
     ""},
    {"NO with NONEXISTENT",
     {"T NO [NONEXISTENT] none", CREATES, APPEND_NOW("Monitor"), STORED("100"), NULL},
     STEP_IDLE,
     COPY_DELIVERED,
     100,
     ""},
    {"NO with TRYCREATE, again and again",
     {"T NO [TRYCREATE] none", SELECT("Monitor"), APPEND_NOW("Monitor"), "T NO [TRYCREATE] none",
      NULL},
     STEP_IDLE,
     COPY_PENDING,
     0,
     "none"},
    {"NO with OVERQUOTA", {"T NO [OVERQUOTA] full", NULL}, STEP_IDLE, COPY_PENDING, 0, "full"},
    {"NO with LIMIT", {"T NO [LIMIT] slowly", NULL}, STEP_IDLE, COPY_PENDING, 0, "slowly"},
    {"NO with ALREADYEXISTS",
     {"T NO [ALREADYEXISTS] odd", NULL},
     STEP_IDLE,
     COPY_PENDING,
     0,
     "odd"},
    {"NO with TOOBIG", {"T NO [TOOBIG] too large", NULL}, STEP_IDLE, COPY_FAILED, 0, "too large"},
    {"plain NO", {"T NO not now", NULL}, STEP_IDLE, COPY_PENDING, 0, "not now"},
    {"BAD", {"T BAD what?", NULL}, STEP_IDLE, COPY_FAILED, 0, "what?"},
    {"BYE", {"S * BYE shutting down", "CLOSE", NULL}, STEP_DOWN, COPY_SENDING, 0, ""},
    {"the end of the connection", {"CLOSE", NULL}, STEP_DOWN, COPY_SENDING, 0, ""},
    {"garbage before the reply",
     {"S * )(]{ 17 %", "S * 1 EXISTS", STORED("100"), NULL},
     STEP_IDLE,
     COPY_DELIVERED,
     100,
     ""},
    {"a tagged reply to nothing",
     {"S zz9 OK [APPENDUID 9 5] stored", STORED("100"), NULL},
     STEP_IDLE,
     COPY_DELIVERED,
     100,
     ""},
};

/* Both kinds of ends: nothing more to send, with the session kept or closed by the server. */
static void await_end(struct stage *stage, const struct reply *reply)
{
    bool is_over = false;

    for (time_t limit = time(NULL) + 20; !is_over; run_for(stage, 5)) {
        const char *complaint = scripted_server_complaint(stage->scripted);

        is_over = complaint == NULL && stage->deliver->step == reply->step;
        if (time(NULL) > limit || (complaint != NULL && complaint[0] != '\0'))
            fail_msg("%s: state %d, %s", reply->title, (int)stage->deliver->step, complaint);
    }
}

static void check_reply(void **state, const struct reply *reply, const char *const *before,
                        size_t n_before)
{
    const char *script[STEPS_MAX * 2] = {NULL};
    struct stage *stage;
    size_t n = 0;

    stage_setup(state);
    stage = *state;
    for (size_t i = 0; i < n_before; i++)
        script[n++] = before[i];
    for (size_t i = 0; reply->script[i] != NULL; i++)
        script[n++] = reply->script[i];
    capture(stage, 1);
    play(stage, script);
    begin(stage);
    await_end(stage, reply);
    if (copy_state(stage, 1) != reply->state || copy_uid(stage, 1) != reply->uid ||
        !copy_reason_has(stage, 1, reply->reason))
        fail_msg("%s: state %d, UID %u", reply->title, (int)copy_number(stage, 1, "state"),
                 copy_uid(stage, 1));
    if (reply->state == COPY_PENDING && copy_is_due(stage, 1))
        fail_msg("%s: due again at once", reply->title);
    assert_int_equal(stage->context.count.delivered, reply->state == COPY_DELIVERED);
    assert_int_equal(stage->context.count.refused, reply->state == COPY_FAILED);
    stage_teardown(state);
}

#define N_REPLIES (sizeof(replies) / sizeof(*replies))

static void test_every_reply_after_a_literal_that_does_not_wait(void **state)
{
    static const char *const before[] = {LOGS_IN("LITERAL+ MULTIAPPEND"), SELECT("Monitor"),
                                         APPEND_NOW("Monitor")};

    for (size_t i = 0; i < N_REPLIES; i++)
        check_reply(state, &replies[i], before, sizeof(before) / sizeof(*before));
}

static const struct reply early_replies[] = {
    {"NO with TRYCREATE",
     {"T NO [TRYCREATE] none", CREATES, APPEND_SYNC("Monitor"), STORED("100"), NULL},
     STEP_IDLE,
     COPY_DELIVERED,
     100,
     ""},
    {"NO with OVERQUOTA", {"T NO [OVERQUOTA] full", NULL}, STEP_IDLE, COPY_PENDING, 0, "full"},
    {"NO with TOOBIG", {"T NO [TOOBIG] too large", NULL}, STEP_IDLE, COPY_FAILED, 0, "too large"},
    {"plain NO", {"T NO not now", NULL}, STEP_IDLE, COPY_PENDING, 0, "not now"},
    {"BAD", {"T BAD what?", NULL}, STEP_IDLE, COPY_FAILED, 0, "what?"},
    {"the end of the connection", {"CLOSE", NULL}, STEP_DOWN, COPY_SENDING, 0, ""},
    {"the literal is taken",
     {"S + go", "LITERAL", "D ", STORED("100"), NULL},
     STEP_IDLE,
     COPY_DELIVERED,
     100,
     ""},
    {"the literal is taken, the message is not",
     {"S + go", "LITERAL", "D ", "T NO [OVERQUOTA] full", NULL},
     STEP_IDLE,
     COPY_PENDING,
     0,
     "full"},
};

static void test_every_reply_to_a_literal_that_waits(void **state)
{
    static const char *const before[] = {LOGS_IN(""), SELECT("Monitor"),
                                         "C APPEND Monitor * {*[0-9]}"};

    for (size_t i = 0; i < sizeof(early_replies) / sizeof(*early_replies); i++)
        check_reply(state, &early_replies[i], before, sizeof(before) / sizeof(*before));
}

/* The deadline of a minute is made short for the test. */
static void test_silence_costs_the_session(void **state)
{
    static const char *const script[] = {LOGS_IN("LITERAL+"), SELECT("Monitor"),
                                         APPEND_NOW("Monitor"), "END", NULL};
    static const char *const again[] = {LOGS_IN("LITERAL+"), SELECT("Monitor"), FETCHES_IDS("100"),
                                        FOUND("100", ID_1),  "T OK done",       NULL};
    struct stage *stage = *state;

    capture(stage, 1);
    play(stage, script);
    begin(stage);
    await_step(stage, STEP_SELECTING);
    session_shorten_deadlines(stage->deliver->place.session);
    await(stage, STEP_DOWN);
    assert_non_null(strstr(stage->deliver->trouble, "within 1 seconds"));
    assert_int_equal(copy_state(stage, 1), COPY_SENDING);
    reconnect(stage, again);
    await(stage, STEP_IDLE);
    assert_int_equal(copy_uid(stage, 1), 100);
}

static void test_a_refusal_too_many_is_the_last(void **state)
{
    static const char *const script[] = {LOGS_IN("LITERAL+"), SELECT("Monitor"),
                                         APPEND_NOW("Monitor"), "T NO not now", NULL};
    struct stage *stage = *state;
    char sql[80];

    capture(stage, 1);
    snprintf(sql, sizeof(sql), "UPDATE copy SET attempts = %d", LIMIT_REFUSALS - 1);
    room_sql(&stage->room, sql);
    deliver_all(stage, script);
    assert_int_equal(copy_state(stage, 1), COPY_FAILED);
    assert_true(copy_reason_has(stage, 1, "not now"));
}

/* ---- several copies ---- */

static void test_multiappend_stores_all_with_their_uids(void **state)
{
    static const char *const script[] = {LOGS_IN("LITERAL+ MULTIAPPEND"), SELECT("Monitor"),
                                         APPEND_TWO, STORED("100:101"), NULL};
    struct stage *stage = *state;

    capture(stage, 2);
    deliver_all(stage, script);
    assert_int_equal(copy_state(stage, 2), COPY_DELIVERED);
    assert_int_equal(copy_uid(stage, 1), 100);
    assert_int_equal(copy_uid(stage, 2), 101);
    assert_int_equal(target_folder_uidnext(stage->deliver->place.folder), 102);
}

static void test_multiappend_with_literals_that_wait(void **state)
{
    static const char *const script[] = {LOGS_IN("MULTIAPPEND"),
                                         SELECT("Monitor"),
                                         "C APPEND Monitor * {*[0-9]}",
                                         "S + go",
                                         "LITERAL",
                                         "D  (*) * {*[0-9]}",
                                         "S + go",
                                         "LITERAL",
                                         "D ",
                                         STORED("100:101"),
                                         NULL};
    struct stage *stage = *state;

    capture(stage, 2);
    deliver_all(stage, script);
    assert_int_equal(copy_uid(stage, 2), 101);
}

/* The one that cannot be stored does not stop the other. */
static void test_a_refused_multiappend_is_sent_one_by_one(void **state)
{
    static const char *const script[] = {
        LOGS_IN("LITERAL+ MULTIAPPEND"), SELECT("Monitor"),     APPEND_TWO,
        "T NO [TOOBIG] one of them",     APPEND_NOW("Monitor"), "T NO [TOOBIG] this one",
        APPEND_NOW("Monitor"),           STORED("100"),         NULL};
    struct stage *stage = *state;

    capture(stage, 2);
    deliver_all(stage, script);
    assert_int_equal(copy_state(stage, 1), COPY_FAILED);
    assert_true(copy_reason_has(stage, 1, "this one"));
    assert_int_equal(copy_state(stage, 2), COPY_DELIVERED);
    assert_int_equal(stage->deliver->singles, 0);
}

static void test_a_refused_multiappend_for_want_of_a_folder(void **state)
{
    static const char *const script[] = {LOGS_IN("LITERAL+ MULTIAPPEND"),
                                         SELECT("Monitor"),
                                         APPEND_TWO,
                                         "T NO [TRYCREATE] none",
                                         CREATES,
                                         APPEND_NOW("Monitor"),
                                         STORED("100"),
                                         APPEND_NOW("Monitor"),
                                         STORED("101"),
                                         NULL};
    struct stage *stage = *state;

    capture(stage, 2);
    deliver_all(stage, script);
    assert_int_equal(copy_uid(stage, 1), 100);
    assert_int_equal(copy_uid(stage, 2), 101);
}

static void test_multiappend_without_uids_is_searched_for(void **state)
{
    static const char *const script[] = {LOGS_IN("LITERAL+ MULTIAPPEND"),
                                         SELECT("Monitor"),
                                         APPEND_TWO,
                                         "T OK stored",
                                         FETCHES_IDS("100"),
                                         FOUND("107", ID_2),
                                         FOUND("108", ID_1),
                                         "T OK done",
                                         NULL};
    struct stage *stage = *state;

    capture(stage, 2);
    deliver_all(stage, script);
    assert_int_equal(copy_uid(stage, 1), 108);
    assert_int_equal(copy_uid(stage, 2), 107);
}

static void test_without_multiappend_there_is_a_command_for_each(void **state)
{
    static const char *const script[] = {
        LOGS_IN("LITERAL+"),   SELECT("Monitor"),
        APPEND_NOW("Monitor"), APPEND_NOW("Monitor"),
        APPEND_NOW("Monitor"), "T NO [OVERQUOTA] full",
        STORED("100"),         "T OK stored",
        FETCHES_IDS("101"),    FOUND("101", "adaaaaaaaaaaaaaaaaaaaaaaaa"),
        "T OK done",           NULL};
    struct stage *stage = *state;

    capture(stage, 3);
    deliver_all(stage, script);
    assert_int_equal(copy_state(stage, 1), COPY_PENDING);
    assert_true(copy_reason_has(stage, 1, "full"));
    assert_int_equal(copy_uid(stage, 2), 100);
    assert_int_equal(copy_uid(stage, 3), 101);
}

/* What was not sent at all needs no search. */
static void test_a_connection_lost_between_two_commands(void **state)
{
    static const char *const script[] = {
        LOGS_IN(""),   SELECT("Monitor"),        APPEND_SYNC("Monitor"),
        STORED("100"), "C APPEND Monitor * {*}", "CLOSE",
        NULL};
    struct stage *stage = *state;

    capture(stage, 3);
    play(stage, script);
    begin(stage);
    await(stage, STEP_DOWN);
    assert_int_equal(copy_state(stage, 1), COPY_DELIVERED);
    assert_int_equal(copy_state(stage, 2), COPY_SENDING);
    assert_int_equal(copy_state(stage, 3), COPY_PENDING);
}

static void test_one_that_is_too_large_is_left_out(void **state)
{
    static const char *const script[] = {LOGS_IN("LITERAL+ MULTIAPPEND APPENDLIMIT=20000"),
                                         SELECT("Monitor"), APPEND_NOW("Monitor"), STORED("100"),
                                         NULL};
    struct stage *stage = *state;

    capture_sized(stage, "alice", 50000);
    capture(stage, 1);
    deliver_all(stage, script);
    assert_int_equal(copy_state(stage, 1), COPY_FAILED);
    assert_true(copy_reason_has(stage, 1, "APPENDLIMIT"));
    assert_int_equal(copy_uid(stage, 2), 100);
}

/* ---- the message's source, flags ---- */

/* The segments of the spool lose all but their beginning. */
static void damage_spool(const struct stage *stage)
{
    char command[160];

    snprintf(command, sizeof(command), "find '%s' -name '*.seg' -exec truncate -s 2000 '{}' +",
             stage->room.dir);
    assert_int_equal(system(command), 0);
}

static void test_a_damaged_spool_gives_the_copy_up(void **state)
{
    static const char *const script[] = {LOGS_IN("LITERAL+"), SELECT("Monitor"), NULL};
    struct stage *stage = *state;

    capture_sized(stage, "alice", 10000);
    damage_spool(stage);
    deliver_all(stage, script);
    assert_int_equal(copy_state(stage, 1), COPY_FAILED);
    assert_true(copy_reason_has(stage, 1, ".seg"));
}

static void test_a_spool_that_is_damaged_while_it_is_sent(void **state)
{
    static const char *const script[] = {LOGS_IN("LITERAL+"),
                                         SELECT("Monitor"),
                                         "C APPEND Monitor * {*[0-9]}",
                                         "HOLD",
                                         "S + go",
                                         NULL};
    struct stage *stage = *state;

    capture_sized(stage, "alice", 3 * LIMIT_WHOLE_READ);
    play(stage, script);
    begin(stage);
    while (!scripted_server_holds(stage->scripted))
        run_for(stage, 5);
    damage_spool(stage);
    scripted_server_go(stage->scripted);
    await_step(stage, STEP_DOWN);
    assert_int_equal(copy_state(stage, 1), COPY_FAILED);
}

static void test_a_large_copy_is_sent_in_pieces(void **state)
{
    static const char *const script[] = {LOGS_IN("LITERAL+"), SELECT("Monitor"),
                                         APPEND_SYNC("Monitor"), STORED("100"), NULL};
    struct stage *stage = *state;

    capture_sized(stage, "alice", 3 * LIMIT_WHOLE_READ);
    deliver_all(stage, script);
    assert_int_equal(copy_uid(stage, 1), 100);
    assert_true(evbuffer_get_length(scripted_server_taken(stage->scripted)) > 3 * LIMIT_WHOLE_READ);
}

#define SELECT_WITH(permanent)                                                                     \
    "C SELECT Monitor", "S * OK [PERMANENTFLAGS " permanent "] so", "S * OK [UIDVALIDITY 9] yes",  \
        "S * OK [UIDNEXT 100] yes", "T OK done"

static void test_mdnsent_is_set_where_the_folder_keeps_it(void **state)
{
    static const char *const none[] = {LOGS_IN("LITERAL+"),
                                       SELECT_WITH("(\\Seen)"),
                                       "C APPEND Monitor \"*",
                                       "LITERAL",
                                       "D ",
                                       STORED("100"),
                                       NULL};
    static const char *const its[] = {LOGS_IN("LITERAL+"),
                                      SELECT_WITH("(\\Seen $MDNSent)"),
                                      "C APPEND Monitor ($MDNSent) \"*",
                                      "LITERAL",
                                      "D ",
                                      STORED("100"),
                                      NULL};
    static const char *const any[] = {LOGS_IN("LITERAL+"),
                                      SELECT_WITH("(\\Seen \\*)"),
                                      "C APPEND Monitor ($MDNSent) \"*",
                                      "LITERAL",
                                      "D ",
                                      STORED("100"),
                                      NULL};
    static const char *const *const scripts[] = {none, its, any};

    for (size_t i = 0; i < 3; i++) {
        stage_setup(state);
        capture(*state, 1);
        deliver_all(*state, scripts[i]);
        assert_int_equal(copy_state(*state, 1), COPY_DELIVERED);
        stage_teardown(state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_reply_after_a_literal_that_does_not_wait),
        cmocka_unit_test(test_every_reply_to_a_literal_that_waits),
        TEST(test_silence_costs_the_session),
        TEST(test_a_refusal_too_many_is_the_last),
        TEST(test_multiappend_stores_all_with_their_uids),
        TEST(test_multiappend_with_literals_that_wait),
        TEST(test_a_refused_multiappend_is_sent_one_by_one),
        TEST(test_a_refused_multiappend_for_want_of_a_folder),
        TEST(test_multiappend_without_uids_is_searched_for),
        TEST(test_without_multiappend_there_is_a_command_for_each),
        TEST(test_a_connection_lost_between_two_commands),
        TEST(test_one_that_is_too_large_is_left_out),
        TEST(test_a_damaged_spool_gives_the_copy_up),
        TEST(test_a_spool_that_is_damaged_while_it_is_sent),
        TEST(test_a_large_copy_is_sent_in_pieces),
        cmocka_unit_test(test_mdnsent_is_set_where_the_folder_keeps_it),
    };

    return cmocka_run_group_tests_name("agent.deliver.batch", tests, NULL, NULL);
}
