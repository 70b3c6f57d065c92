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
     {"T OK stored", FETCHES_IDS("100"), "T NO never", REFUSED_WAYS("100", ID_1), NULL},
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
    {"NO with LIMIT, whatever the form",
     {"T NO [LIMIT] slowly", APPEND_SIMPLEST("Monitor"), "T NO [LIMIT] slowly", NULL},
     STEP_IDLE,
     COPY_PENDING,
     0,
     "slowly"},
    {"NO with LIMIT, for its keywords",
     {"T NO [LIMIT] too many keywords", APPEND_SIMPLEST("Monitor"), STORED("100"), NULL},
     STEP_IDLE,
     COPY_DELIVERED,
     100,
     ""},
    {"NO with ALREADYEXISTS",
     {"T NO [ALREADYEXISTS] odd", APPEND_SIMPLEST("Monitor"), "T NO [ALREADYEXISTS] odd", NULL},
     STEP_IDLE,
     COPY_PENDING,
     0,
     "odd"},
    {"NO with TOOBIG", {"T NO [TOOBIG] too large", NULL}, STEP_IDLE, COPY_FAILED, 0, "too large"},
    {"NO with BADCHARSET", {"T NO [BADCHARSET] eh", NULL}, STEP_IDLE, COPY_FAILED, 0, "eh"},
    {"NO with UNKNOWN-CTE", {"T NO [UNKNOWN-CTE] eh", NULL}, STEP_IDLE, COPY_FAILED, 0, "eh"},
    {"plain NO, whatever the form",
     {"T NO not now", APPEND_SIMPLEST("Monitor"), "T NO not at all", NULL},
     STEP_IDLE,
     COPY_PENDING,
     0,
     "not at all"},
    {"plain NO, for its keywords",
     {"T NO invalid keyword", APPEND_SIMPLEST("Monitor"), STORED("100"), NULL},
     STEP_IDLE,
     COPY_DELIVERED,
     100,
     ""},
    {"BAD, but not to the simplest form",
     {"T BAD what?", APPEND_SIMPLEST("Monitor"), STORED("100"), NULL},
     STEP_IDLE,
     COPY_DELIVERED,
     100,
     ""},
    {"BAD to the simplest form too",
     {"T BAD what?", APPEND_SIMPLEST("Monitor"), "T BAD what?", "C NOOP", "T OK done", NULL},
     STEP_IDLE,
     COPY_FAILED,
     0,
     "simplest form"},
    {"BAD to all that is sent",
     {"T BAD what?", APPEND_SIMPLEST("Monitor"), "T BAD what?", "C NOOP", "T BAD what?", NULL},
     STEP_IDLE,
     COPY_PENDING,
     0,
     "at present"},
    {"BAD, and the session ends while it is checked",
     {"T BAD what?", APPEND_SIMPLEST("Monitor"), "T BAD what?", "C NOOP", "CLOSE", NULL},
     STEP_DOWN,
     COPY_PENDING,
     0,
     "at present"},
    {"BAD, and the session ends at the simplest form",
     {"T BAD what?", "C APPEND Monitor \"* {*[0-9]}", "CLOSE", NULL},
     STEP_DOWN,
     COPY_SENDING,
     0,
     ""},
    {"BAD from a session that lost its mailbox",
     {"T BAD User is authenticated but not connected.", APPEND_SIMPLEST("Monitor"),
      "T BAD User is authenticated but not connected.", NULL},
     STEP_IDLE,
     COPY_PENDING,
     0,
     "not connected"},
    {"BAD that asks for time",
     {"T BAD Request is throttled. Suggested Backoff Time: 300000 milliseconds", NULL},
     STEP_IDLE,
     COPY_PENDING,
     0,
     "throttled"},
    {"NO with THROTTLED", {"T NO [THROTTLED] slowly", NULL}, STEP_IDLE, COPY_PENDING, 0, "slowly"},
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
    {"plain NO",
     {"T NO not now", "C APPEND Monitor \"* {*[0-9]}", "T NO not now", NULL},
     STEP_IDLE,
     COPY_PENDING,
     0,
     "not now"},
    {"BAD",
     {"T BAD what?", "C APPEND Monitor \"* {*[0-9]}", "T BAD what?", "C NOOP", "T OK done", NULL},
     STEP_IDLE,
     COPY_FAILED,
     0,
     "simplest form"},
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

/* However often: the pause only grows to an hour. */
static void test_no_number_of_refusals_is_the_last(void **state)
{
    static const char *const script[] = {LOGS_IN("LITERAL+"), SELECT("Monitor"),
                                         APPEND_NOW("Monitor"), "T NO [OVERQUOTA] full", NULL};
    struct stage *stage = *state;
    int64_t wait;

    capture(stage, 1);
    room_sql(&stage->room, "UPDATE copy SET attempts = 1000");
    deliver_all(stage, script);
    assert_int_equal(copy_state(stage, 1), COPY_PENDING);
    assert_int_equal(copy_number(stage, 1, "attempts"), 1001);
    wait = copy_number(stage, 1, "due") - time(NULL);
    assert_in_range(wait, LIMIT_REFUSED_LAST / 2, LIMIT_REFUSED_LAST * 2);
}

/* A hint of time holds for the whole target, also where more is due. */
static void test_a_server_that_asks_for_time_is_left_alone(void **state)
{
    static const char *const script[] = {LOGS_IN("LITERAL+"),
                                         SELECT("Monitor"),
                                         APPEND_NOW("Monitor"),
                                         "T NO [LIMIT] try again in 2 seconds",
                                         "HOLD",
                                         APPEND_NOW("Monitor"),
                                         STORED("100"),
                                         APPEND_NOW("Monitor"),
                                         STORED("101"),
                                         NULL};
    struct stage *stage = *state;
    struct deliver_status status;
    time_t began;

    capture(stage, 1);
    play(stage, script);
    begin(stage);
    while (!scripted_server_holds(stage->scripted))
        run_for(stage, 5);
    began = time(NULL);
    scripted_server_go(stage->scripted);
    capture(stage, 1);
    deliver_wake(stage->deliver);
    deliver_status(stage->deliver, &status);
    assert_in_range(status.next_try, began + 1, began + 3);
    room_sql(&stage->room, "UPDATE copy SET due = 0");
    await(stage, STEP_IDLE);
    assert_true(time(NULL) >= began + 1);
    assert_int_equal(copy_state(stage, 1), COPY_DELIVERED);
    assert_int_equal(copy_state(stage, 2), COPY_DELIVERED);
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
static void test_a_refused_multiappend_is_halved(void **state)
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
}

static void test_a_refused_multiappend_for_want_of_a_folder(void **state)
{
    static const char *const script[] = {LOGS_IN("LITERAL+ MULTIAPPEND"),
                                         SELECT("Monitor"),
                                         APPEND_TWO,
                                         "T NO [TRYCREATE] none",
                                         CREATES,
                                         APPEND_TWO,
                                         STORED("100:101"),
                                         NULL};
    struct stage *stage = *state;

    capture(stage, 2);
    deliver_all(stage, script);
    assert_int_equal(copy_uid(stage, 1), 100);
    assert_int_equal(copy_uid(stage, 2), 101);
}

/* The beginning of a MULTIAPPEND, and each further message of it. */
#define APPEND_FIRST "C APPEND Monitor * {*+}", "LITERAL"
#define APPEND_MORE "D  (*) * {*+}", "LITERAL"
#define APPEND_3 APPEND_FIRST, APPEND_MORE, APPEND_MORE, "D "
#define APPEND_6 APPEND_FIRST, APPEND_MORE, APPEND_MORE, APPEND_MORE, APPEND_MORE, APPEND_MORE, "D "
#define APPEND_12                                                                                  \
    APPEND_FIRST, APPEND_MORE, APPEND_MORE, APPEND_MORE, APPEND_MORE, APPEND_MORE, APPEND_MORE,    \
        APPEND_MORE, APPEND_MORE, APPEND_MORE, APPEND_MORE, APPEND_MORE, "D "

/* Copy 5 is refused: 12 = 6 (3 (4, 5 with 6) and 3) and 6. */
static void test_eleven_good_copies_beside_one_refused_arrive_at_once(void **state)
{
    static const char *const script[] = {LOGS_IN("LITERAL+ MULTIAPPEND"),
                                         SELECT("Monitor"),
                                         APPEND_12,
                                         "T NO [OVERQUOTA] one of twelve",
                                         APPEND_6,
                                         "T NO [OVERQUOTA] one of six",
                                         APPEND_3,
                                         STORED("100:102"),
                                         APPEND_3,
                                         "T NO [OVERQUOTA] one of three",
                                         APPEND_NOW("Monitor"),
                                         STORED("103"),
                                         APPEND_TWO,
                                         "T NO [OVERQUOTA] one of two",
                                         APPEND_NOW("Monitor"),
                                         "T NO [OVERQUOTA] this one",
                                         APPEND_NOW("Monitor"),
                                         STORED("104"),
                                         APPEND_6,
                                         STORED("105:110"),
                                         NULL};
    struct stage *stage = *state;

    capture(stage, 12);
    deliver_all(stage, script);
    for (uint32_t uid = 1; uid <= 12; uid++)
        assert_int_equal(copy_state(stage, uid), uid == 5 ? COPY_PENDING : COPY_DELIVERED);
    assert_true(copy_reason_has(stage, 5, "this one"));
    assert_int_equal(copy_number(stage, 5, "attempts"), 1);
    assert_int_equal(copy_number(stage, 6, "attempts"), 0);
    assert_int_equal(copy_uid(stage, 12), 110);
}

/* A full mailbox is not asked once a copy. */
static void test_copy_after_copy_refused_the_rest_is_put_off(void **state)
{
    static const char *const script[] = {LOGS_IN("LITERAL+ MULTIAPPEND"),
                                         SELECT("Monitor"),
                                         APPEND_6,
                                         "T NO [OVERQUOTA] full",
                                         APPEND_3,
                                         "T NO [OVERQUOTA] full",
                                         APPEND_NOW("Monitor"),
                                         "T NO [OVERQUOTA] full",
                                         APPEND_TWO,
                                         "T NO [OVERQUOTA] full",
                                         APPEND_NOW("Monitor"),
                                         "T NO [OVERQUOTA] full",
                                         APPEND_NOW("Monitor"),
                                         "T NO [OVERQUOTA] full",
                                         NULL};
    struct stage *stage = *state;

    capture(stage, 6);
    deliver_all(stage, script);
    for (uint32_t uid = 1; uid <= 6; uid++) {
        assert_int_equal(copy_state(stage, uid), COPY_PENDING);
        assert_int_equal(copy_number(stage, uid, "attempts"), uid <= 3);
        assert_false(copy_is_due(stage, uid));
    }
}

static void test_refused_for_its_last_line_it_gets_a_line_end(void **state)
{
    static const char *const script[] = {LOGS_IN("LITERAL+"),
                                         SELECT("Monitor"),
                                         APPEND_NOW("Monitor"),
                                         "T NO bare end",
                                         APPEND_SIMPLEST("Monitor"),
                                         STORED("100"),
                                         NULL};
    struct stage *stage = *state;
    unsigned char sha256[32], recorded[32];
    char sql[150];

    capture_sized(stage, "alice", 1); /* "b" */
    SHA256((const unsigned char *)"b", 1, recorded);
    deliver_all(stage, script);
    assert_int_equal(copy_state(stage, 1), COPY_DELIVERED);
    SHA256((const unsigned char *)"b\r\n", 3, sha256);
    strcpy(sql, "SELECT count(*) FROM copy WHERE body_sha256 = x'");
    for (size_t i = 0; i < sizeof(sha256); i++)
        sprintf(sql + strlen(sql), "%02x", sha256[i]);
    strcat(sql, "'");
    assert_int_equal(room_sql(&stage->room, sql), 1);
}

/* Connections that are lost over one copy do not keep the others from arriving. */
static void test_a_copy_that_ends_connections_stops_nothing_else(void **state)
{
    static const char *const whole[] = {LOGS_IN("LITERAL+ MULTIAPPEND"), SELECT("Monitor"),
                                        APPEND_3, "CLOSE", NULL};
    static const char *const again[] = {LOGS_IN("LITERAL+ MULTIAPPEND"),
                                        SELECT("Monitor"),
                                        FETCHES_IDS("100"),
                                        "T OK done",
                                        APPEND_3,
                                        "CLOSE",
                                        NULL};
    static const char *const single[] = {LOGS_IN("LITERAL+ MULTIAPPEND"),
                                         SELECT("Monitor"),
                                         FETCHES_IDS("100"),
                                         "T OK done",
                                         APPEND_NOW("Monitor"),
                                         "CLOSE",
                                         NULL};
    static const char *const others[] = {LOGS_IN("LITERAL+ MULTIAPPEND"),
                                         SELECT("Monitor"),
                                         FETCHES_IDS("100"),
                                         "T OK done",
                                         APPEND_NOW("Monitor"),
                                         STORED("100"),
                                         APPEND_NOW("Monitor"),
                                         STORED("101"),
                                         NULL};
    struct stage *stage = *state;

    capture(stage, 3);
    play(stage, whole);
    begin(stage);
    await(stage, STEP_DOWN);
    reconnect(stage, again);
    await(stage, STEP_DOWN);
    reconnect(stage, single);
    await(stage, STEP_DOWN);
    reconnect(stage, others);
    await(stage, STEP_IDLE);
    assert_int_equal(copy_state(stage, 1), COPY_PENDING);
    assert_int_equal(copy_number(stage, 1, "attempts"), 0);
    assert_false(copy_is_due(stage, 1));
    assert_int_equal(copy_state(stage, 2), COPY_DELIVERED);
    assert_int_equal(copy_state(stage, 3), COPY_DELIVERED);
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

/* Trouble of ours: no verdict on the message. */
static void test_a_spool_that_cannot_be_opened_now_is_no_verdict(void **state)
{
    static const char *const script[] = {LOGS_IN("LITERAL+"), SELECT("Monitor"), NULL};
    struct stage *stage = *state;
    char command[200];

    capture_sized(stage, "alice", 10000);
    /* ELOOP stands for EMFILE: the process has its descriptors. */
    snprintf(command, sizeof(command),
             "cd '%s/spool' && for f in *.seg; do mv $f x && ln -s x $f; done", stage->room.dir);
    assert_int_equal(system(command), 0);
    deliver_all(stage, script);
    assert_int_equal(copy_state(stage, 1), COPY_PENDING);
    assert_true(copy_reason_has(stage, 1, "cannot be opened"));
    assert_int_equal(copy_number(stage, 1, "attempts"), 0);
    assert_false(copy_is_due(stage, 1));
    assert_int_equal(stage->context.count.refused, 0);
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
        TEST(test_no_number_of_refusals_is_the_last),
        TEST(test_a_server_that_asks_for_time_is_left_alone),
        TEST(test_multiappend_stores_all_with_their_uids),
        TEST(test_multiappend_with_literals_that_wait),
        TEST(test_a_refused_multiappend_is_halved),
        TEST(test_a_refused_multiappend_for_want_of_a_folder),
        TEST(test_eleven_good_copies_beside_one_refused_arrive_at_once),
        TEST(test_copy_after_copy_refused_the_rest_is_put_off),
        TEST(test_refused_for_its_last_line_it_gets_a_line_end),
        TEST(test_a_copy_that_ends_connections_stops_nothing_else),
        TEST(test_multiappend_without_uids_is_searched_for),
        TEST(test_without_multiappend_there_is_a_command_for_each),
        TEST(test_a_connection_lost_between_two_commands),
        TEST(test_one_that_is_too_large_is_left_out),
        TEST(test_a_damaged_spool_gives_the_copy_up),
        TEST(test_a_spool_that_is_damaged_while_it_is_sent),
        TEST(test_a_spool_that_cannot_be_opened_now_is_no_verdict),
        TEST(test_a_large_copy_is_sent_in_pieces),
        cmocka_unit_test(test_mdnsent_is_set_where_the_folder_keeps_it),
    };

    return cmocka_run_group_tests_name("agent.deliver.batch", tests, NULL, NULL);
}
