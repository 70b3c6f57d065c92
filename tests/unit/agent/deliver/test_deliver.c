/* A delivery from the ledger to a scripted server: every state, and the way from each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/deliver/deliver_help.h"
#include "agent/system/limit.h"

/* ---- what is due is delivered ---- */

static void test_a_copy_is_delivered_and_its_uid_recorded(void **state)
{
    static const char *const script[] = {LOGS_IN("LITERAL+"), SELECT("Monitor"),
                                         APPEND_NOW("Monitor"), STORED("100"), NULL};
    struct stage *stage = *state;

    capture(stage, 1);
    deliver_all(stage, script);
    assert_int_equal(copy_state(stage, 1), COPY_DELIVERED);
    assert_int_equal(copy_uid(stage, 1), 100);
    assert_int_equal(stage->context.count.delivered, 1);
}

static void test_without_anything_due_it_does_not_connect(void **state)
{
    static const char *const script[] = {NULL};
    struct stage *stage = *state;

    play(stage, script);
    begin(stage);
    await_step(stage, STEP_ASKING);
    await_step(stage, STEP_IDLE);
    assert_int_equal(persistent_link_state(stage->deliver->link), PERSISTENT_LINK_CLOSED);
}

static void test_the_next_copy_uses_the_selected_folder(void **state)
{
    static const char *const script[] = {LOGS_IN("LITERAL+"),
                                         SELECT("Monitor"),
                                         APPEND_NOW("Monitor"),
                                         STORED("100"),
                                         APPEND_NOW("Monitor"),
                                         STORED("101"),
                                         NULL};
    struct stage *stage = *state;

    capture(stage, 1);
    play(stage, script);
    begin(stage);
    while (stage->context.count.delivered == 0)
        run_for(stage, 5);
    capture(stage, 1);
    deliver_wake(stage->deliver);
    await(stage, STEP_IDLE);
    assert_int_equal(copy_state(stage, 2), COPY_DELIVERED);
    assert_int_equal(copy_uid(stage, 2), 101);
}

static void test_the_next_batch_is_prepared_while_one_is_sent(void **state)
{
    static const char *const script[] = {
        LOGS_IN("LITERAL+"), SELECT("Monitor"),     APPEND_NOW("Monitor"), "HOLD",
        STORED("100"),       APPEND_NOW("Monitor"), STORED("101"),         NULL};
    struct stage *stage = *state;
    const struct batch *sending;

    capture(stage, 1);
    play(stage, script);
    begin(stage);
    await_step(stage, STEP_SENDING);
    sending = stage->deliver->sending;
    capture(stage, 1);
    deliver_wake(stage->deliver);
    await_step(stage, STEP_ASKING);
    await_step(stage, STEP_PREPARING);
    await_step(stage, STEP_PREPARED);
    assert_ptr_equal(stage->deliver->sending, sending);
    assert_int_equal(copy_state(stage, 1), COPY_SENDING);
    assert_int_equal(copy_state(stage, 2), COPY_SENDING);
    scripted_server_go(stage->scripted);
    await(stage, STEP_IDLE);
    assert_int_equal(copy_state(stage, 1), COPY_DELIVERED);
    assert_int_equal(copy_state(stage, 2), COPY_DELIVERED);
}

static void test_a_batch_that_ends_while_the_next_is_prepared(void **state)
{
    static const char *const script[] = {
        LOGS_IN("LITERAL+"), SELECT("Monitor"),     APPEND_NOW("Monitor"), "HOLD",
        STORED("100"),       APPEND_NOW("Monitor"), STORED("101"),         NULL};
    static const enum deliver_step steps[] = {STEP_ASKING, STEP_PREPARING};

    for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
        struct stage *stage;

        stage_setup(state);
        stage = *state;
        capture(stage, 1);
        play(stage, script);
        begin(stage);
        await_step(stage, STEP_SENDING);
        capture(stage, 1);
        deliver_wake(stage->deliver);
        await_step(stage, steps[i]);
        scripted_server_go(stage->scripted);
        await(stage, STEP_IDLE);
        assert_int_equal(copy_state(stage, 1), COPY_DELIVERED);
        assert_int_equal(copy_state(stage, 2), COPY_DELIVERED);
        stage_teardown(state);
    }
}

static void test_nothing_new_while_a_batch_is_sent(void **state)
{
    static const char *const script[] = {
        LOGS_IN("LITERAL+"), SELECT("Monitor"), APPEND_NOW("Monitor"), "HOLD", STORED("100"), NULL};
    struct stage *stage = *state;

    capture(stage, 1);
    play(stage, script);
    begin(stage);
    await_step(stage, STEP_SENDING);
    deliver_wake(stage->deliver);
    await_step(stage, STEP_ASKING);
    await_step(stage, STEP_SENDING);
    scripted_server_go(stage->scripted);
    await(stage, STEP_IDLE);
    assert_int_equal(stage->context.count.delivered, 1);
}

static void test_another_folder_waits_for_the_end_of_what_is_sent(void **state)
{
    static const char *const script[] = {LOGS_IN("LITERAL+"),
                                         SELECT("Monitor.alice"),
                                         APPEND_NOW("Monitor.alice"),
                                         "HOLD",
                                         STORED("100"),
                                         SELECT("Monitor.bob"),
                                         APPEND_NOW("Monitor.bob"),
                                         STORED("100"),
                                         NULL};
    struct stage *stage = *state;

    stage->target.folder = (char *)"Monitor/%{user}";
    capture_sized(stage, "alice", 1000);
    capture_sized(stage, "bob", 1000);
    play(stage, script);
    begin(stage);
    await_step(stage, STEP_HOLDING); /* there is more: it asks by itself */
    assert_int_equal(copy_state(stage, 2), COPY_PENDING);
    scripted_server_go(stage->scripted);
    await(stage, STEP_IDLE);
    assert_int_equal(copy_state(stage, 1), COPY_DELIVERED);
    assert_int_equal(copy_state(stage, 2), COPY_DELIVERED);
}

/* An intent of the time before is looked for first; nothing is sent twice. */
static void test_an_intent_is_resolved_before_anything_is_sent(void **state)
{
    static const char *const script[] = {
        LOGS_IN("LITERAL+"), SELECT("Monitor"),     FETCHES_IDS("90"), FOUND("95", ID_1),
        "T OK done",         APPEND_NOW("Monitor"), STORED("100"),     NULL};
    struct stage *stage = *state;

    capture(stage, 2);
    intend(stage, 1, "Monitor", 9, 90);
    deliver_all(stage, script);
    assert_int_equal(copy_state(stage, 1), COPY_DELIVERED);
    assert_int_equal(copy_uid(stage, 1), 95);
    assert_int_equal(copy_uid(stage, 2), 100);
}

static void test_an_intent_waits_for_the_end_of_what_is_sent(void **state)
{
    static const char *const script[] = {
        LOGS_IN("LITERAL+"), SELECT("Monitor"),  APPEND_NOW("Monitor"), "HOLD",      STORED("100"),
        SELECT("Monitor"),   FETCHES_IDS("100"), FOUND("101", ID_2),    "T OK done", NULL};
    struct stage *stage = *state;

    capture(stage, 1);
    play(stage, script);
    begin(stage);
    await_step(stage, STEP_SENDING);
    capture(stage, 1);
    intend(stage, 2, "Monitor", 9, 100);
    deliver_wake(stage->deliver);
    await_step(stage, STEP_HOLDING);
    scripted_server_go(stage->scripted);
    await_step(stage, STEP_RESOLVING);
    await(stage, STEP_IDLE);
    assert_int_equal(copy_uid(stage, 1), 100);
    assert_int_equal(copy_uid(stage, 2), 101);
}

static void test_a_refused_folder_is_tried_again_later(void **state)
{
    static const char *const script[] = {LOGS_IN("LITERAL+"), "C SELECT Monitor", "T BAD never",
                                         NULL};
    struct stage *stage = *state;
    struct deliver_status status;

    capture(stage, 2);
    deliver_all(stage, script);
    for (uint32_t uid = 1; uid <= 2; uid++) {
        assert_int_equal(copy_state(stage, uid), COPY_PENDING);
        assert_true(copy_reason_has(stage, uid, "the folder Monitor cannot be selected"));
        assert_false(copy_is_due(stage, uid));
    }
    assert_true(event_pending(stage->deliver->due, EV_TIMEOUT, NULL));
    deliver_status(stage->deliver, &status);
    assert_int_equal(status.state, DELIVER_IDLE);
    assert_non_null(strstr(status.trouble, "cannot be selected"));
    assert_true(status.trouble_since != 0);
}

/* One question and one line of the log for all its copies, and a pause that grows. */
static void test_a_refused_folder_is_asked_for_once(void **state)
{
    static const char *const script[] = {
        LOGS_IN("LITERAL+"), "C SELECT Monitor", "T BAD never", "HOLD",
        "C SELECT Monitor",  "T BAD never",      NULL};
    struct stage *stage = *state;
    const struct folder_trouble *trouble;
    time_t first;

    capture(stage, 2);
    play(stage, script);
    begin(stage);
    while (!scripted_server_holds(stage->scripted) || stage->deliver->step != STEP_IDLE)
        run_for(stage, 5);
    trouble = folder_troubles_now(&stage->deliver->folders, "Monitor", time(NULL));
    assert_non_null(trouble);
    first = trouble->until;
    capture(stage, 1);
    deliver_wake(stage->deliver);
    while (stage->deliver->step != STEP_IDLE || copy_is_due(stage, 3))
        run_for(stage, 5);
    assert_int_equal(copy_number(stage, 3, "due"), first);
    assert_int_equal(copy_number(stage, 3, "attempts"), 0);
    scripted_server_go(stage->scripted);
    room_sql(&stage->room, "UPDATE copy SET due = 0");
    deliver_retry_now(stage->deliver);
    await(stage, STEP_IDLE);
    trouble = folder_troubles_now(&stage->deliver->folders, "Monitor", time(NULL));
    assert_non_null(trouble);
    assert_int_equal(trouble->backoff.tries, 2);
}

/* What can no longer be read is given up: then the batch has nothing to send. */
static void test_a_batch_of_which_nothing_is_left(void **state)
{
    static const char *const script[] = {LOGS_IN("LITERAL+ APPENDLIMIT=10"), SELECT("Monitor"),
                                         NULL};
    struct stage *stage = *state;

    capture(stage, 2);
    deliver_all(stage, script);
    assert_int_equal(copy_state(stage, 1), COPY_FAILED);
    assert_int_equal(copy_state(stage, 2), COPY_FAILED);
    assert_int_equal(stage->context.count.refused, 2);
}

/* ---- timers, reload ---- */

static void test_a_copy_that_is_due_later_is_sent_then(void **state)
{
    static const char *const script[] = {LOGS_IN("LITERAL+"), SELECT("Monitor"),
                                         APPEND_NOW("Monitor"), STORED("100"), NULL};
    struct stage *stage = *state;

    capture(stage, 1);
    room_pending(&stage->room, "t", time(NULL), 1);
    room_refuse(&stage->room, 0, "later", time(NULL) + 2);
    play(stage, script);
    begin(stage);
    await_step(stage, STEP_ASKING);
    await_step(stage, STEP_IDLE);
    assert_true(event_pending(stage->deliver->due, EV_TIMEOUT, NULL));
    await_step(stage, STEP_CONNECTING);
    await(stage, STEP_IDLE);
    assert_int_equal(copy_state(stage, 1), COPY_DELIVERED);
}

static void test_an_idle_session_ends_and_the_next_copy_connects_again(void **state)
{
    static const char *const script[] = {
        LOGS_IN("LITERAL+"), SELECT("Monitor"), APPEND_NOW("Monitor"),
        STORED("100"),       "C LOGOUT",        "S * BYE",
        "T OK bye",          "CLOSE",           NULL};
    static const char *const again[] = {LOGS_IN("LITERAL+"), SELECT("Monitor"),
                                        APPEND_NOW("Monitor"), STORED("101"), NULL};
    struct stage *stage = *state;
    struct deliver_status status;

    capture(stage, 1);
    play(stage, script);
    begin(stage);
    while (!event_pending(stage->deliver->session_idle, EV_TIMEOUT, NULL))
        run_for(stage, 5);
    event_active(stage->deliver->session_idle, EV_TIMEOUT, 0);
    await(stage, STEP_IDLE);
    while (stage->deliver->place.session != NULL)
        run_for(stage, 5);
    deliver_status(stage->deliver, &status);
    assert_int_equal(status.state, DELIVER_IDLE);
    assert_int_equal(status.trouble_since, 0);
    play(stage, again);
    capture(stage, 1);
    deliver_wake(stage->deliver);
    await_step(stage, STEP_CONNECTING);
    await(stage, STEP_IDLE);
    assert_int_equal(copy_uid(stage, 2), 101);
}

/* Else a server that closes every session at once would be asked for the next without a pause. */
static void test_an_idle_session_that_is_lost_when_it_is_wanted_counts_as_failed(void **state)
{
    static const char *const script[] = {
        LOGS_IN("LITERAL+"), SELECT("Monitor"), APPEND_NOW("Monitor"), STORED("100"), "HOLD", NULL};
    struct stage *stage = *state;

    capture(stage, 1);
    play(stage, script);
    begin(stage);
    while (!event_pending(stage->deliver->session_idle, EV_TIMEOUT, NULL))
        run_for(stage, 5);
    deliver_wake(stage->deliver);
    persistent_link_fail(stage->deliver->link, "lost");
    assert_int_equal(stage->deliver->step, STEP_DOWN);
}

static void test_a_server_that_is_away(void **state)
{
    static const char *const script[] = {"CLOSE", NULL};
    static const char *const again[] = {LOGS_IN("LITERAL+"), SELECT("Monitor"),
                                        APPEND_NOW("Monitor"), STORED("100"), NULL};
    struct stage *stage = *state;
    struct deliver_status status;

    capture(stage, 1);
    play(stage, script);
    begin(stage);
    await_step(stage, STEP_CONNECTING);
    deliver_status(stage->deliver, &status);
    assert_int_equal(status.state, DELIVER_CONNECTING);
    await_step(stage, STEP_DOWN);
    deliver_status(stage->deliver, &status);
    assert_int_equal(status.state, DELIVER_DOWN);
    assert_string_not_equal(status.trouble, "");
    assert_true(status.next_try >= time(NULL) - 1);
    deliver_wake(stage->deliver); /* does not make it try earlier */
    run_for(stage, 50);
    assert_int_equal(stage->deliver->step, STEP_DOWN);
    play(stage, again);
    await_step(stage, STEP_CONNECTING); /* by itself */
    await(stage, STEP_IDLE);
    assert_int_equal(copy_state(stage, 1), COPY_DELIVERED);
    deliver_status(stage->deliver, &status);
    assert_int_equal(status.trouble_since, 0);
    assert_int_equal(status.next_try, 0);
}

static void test_a_reload_keeps_the_session_unless_the_login_changes(void **state)
{
    static const char *const script[] = {LOGS_IN("LITERAL+"), SELECT("Monitor"),
                                         APPEND_NOW("Monitor"), STORED("100"), NULL};
    struct stage *stage = *state;
    struct target same = stage->target, other = stage->target;

    capture(stage, 1);
    deliver_all(stage, script);
    same.folder = (char *)"Elsewhere";
    other.login = (char *)"bob";
    assert_true(deliver_update(stage->deliver, &same));
    assert_ptr_equal(deliver_target(stage->deliver), &same);
    assert_false(deliver_update(stage->deliver, &other));
    assert_true(deliver_update(stage->deliver, &stage->target));
}

static void test_states_have_names(void **state)
{
    static const char *const names[] = {"idle", "connecting", "sending", "down"};

    (void)state;
    for (enum deliver_state shown = DELIVER_IDLE; shown <= DELIVER_DOWN; shown++)
        assert_string_equal(deliver_state_text(shown), names[shown]);
}

/* ---- in every state: the session is lost, a stop is asked for, it is freed ---- */

#define REPLIES_MAX 48

struct place {
    const char *title;
    enum deliver_step step;
    unsigned messages;
    bool of_two_accounts;                 /* the second one's folder is another */
    bool later;                           /* the second message comes while the first is sent */
    bool intent;                          /* the first has one from before */
    const char *script[REPLIES_MAX];      /* "HOLD" at the place, then what a stop lets end */
    enum copy_state lost[2];              /* after the loss of the session */
    enum copy_state stopped[2];           /* after the stop */
    const char *reconnected[REPLIES_MAX]; /* after the loss: until both are delivered */
};

#define SEND_BOTH SELECT("Monitor"), APPEND_TWO, STORED("100:101")
#define LOGIN LOGS_IN("LITERAL+ MULTIAPPEND")
#define SEARCH_1 SELECT("Monitor"), FETCHES_IDS("100"), FOUND("100", ID_1), "T OK done"
#define P COPY_PENDING
#define S COPY_SENDING
#define D COPY_DELIVERED

static const struct place places[] = {
    {"the secret, the connection",
     STEP_CONNECTING,
     2,
     false,
     false,
     false,
     {GREETING, "HOLD", NULL},
     {P, P},
     {P, P},
     {LOGIN, SEND_BOTH, NULL}},
    {"the namespace",
     STEP_CONNECTING,
     2,
     false,
     false,
     false,
     {BEGIN("LITERAL+"), "C LIST*", "HOLD", NULL},
     {P, P},
     {P, P},
     {LOGIN, SEND_BOTH, NULL}},
    {"the ledger's answer",
     STEP_ASKING,
     2,
     false,
     false,
     false,
     {LOGIN, "HOLD", NULL},
     {P, P},
     {P, P},
     {LOGIN, SEND_BOTH, NULL}},
    {"SELECT",
     STEP_SELECTING,
     2,
     false,
     false,
     false,
     {LOGIN, "C SELECT Monitor", "HOLD", SELECTED, APPEND_TWO, STORED("100:101"), NULL},
     {P, P},
     {D, D},
     {LOGIN, SEND_BOTH, NULL}},
    {"SELECT that is refused",
     STEP_SELECTING,
     2,
     false,
     false,
     false,
     {LOGIN, "C SELECT Monitor", "HOLD", "T BAD no", NULL},
     {P, P},
     {P, P},
     {LOGIN, SEND_BOTH, NULL}},
    {"CREATE",
     STEP_SELECTING,
     2,
     false,
     false,
     false,
     {LOGIN, "C SELECT Monitor", "T NO none", "C CREATE Monitor", "HOLD", "T OK made",
      "C SUBSCRIBE Monitor", "T OK subscribed", SELECT("Monitor"), APPEND_TWO, STORED("100:101"),
      NULL},
     {P, P},
     {D, D},
     {LOGIN, SEND_BOTH, NULL}},
    {"the spool",
     STEP_PREPARING,
     2,
     false,
     false,
     false,
     {LOGIN, SELECT("Monitor"), "HOLD", APPEND_TWO, STORED("100:101"), NULL},
     {P, P},
     {D, D},
     {LOGIN, SEND_BOTH, NULL}},
    {"the reply to APPEND",
     STEP_SENDING,
     2,
     false,
     false,
     false,
     {LOGIN, SELECT("Monitor"), APPEND_TWO, "HOLD", STORED("100:101"), NULL},
     {S, S},
     {D, D},
     {LOGIN, SEARCH_1, APPEND_NOW("Monitor"), STORED("101"), NULL}},
    {"a + for the literal",
     STEP_SENDING,
     1,
     false,
     false,
     false,
     {LOGS_IN(""), SELECT("Monitor"), "C APPEND Monitor * {*}", "HOLD", "S + go", "LITERAL", "D ",
      STORED("100"), NULL},
     {S},
     {D},
     {LOGIN, SEARCH_1, NULL}},
    {"the UIDs of what was stored",
     STEP_SENDING,
     1,
     false,
     false,
     false,
     {LOGIN, SELECT("Monitor"), APPEND_NOW("Monitor"), "T OK stored", FETCHES_IDS("100"), "HOLD",
      FOUND("100", ID_1), "T OK done", NULL},
     {S},
     {D},
     {LOGIN, SEARCH_1, NULL}},
    {"two replies, one of them for what is prepared",
     STEP_PREPARED,
     2,
     false,
     true,
     false,
     {LOGIN, SELECT("Monitor"), APPEND_NOW("Monitor"), "HOLD", STORED("100"), APPEND_NOW("Monitor"),
      STORED("101"), NULL},
     {S, P},
     {D, D},
     {LOGIN, SEARCH_1, APPEND_NOW("Monitor"), STORED("101"), NULL}},
    {"the end of what goes to another folder",
     STEP_HOLDING,
     2,
     true,
     false,
     false,
     {LOGIN, SELECT("Monitor.alice"), APPEND_NOW("Monitor.alice"), "HOLD", STORED("100"), NULL},
     {S, P},
     {D, P},
     {LOGIN, SELECT("Monitor.alice"), FETCHES_IDS("100"), FOUND("100", ID_1), "T OK done",
      SELECT("Monitor.bob"), APPEND_NOW("Monitor.bob"), STORED("100"), NULL}},
    {"the search",
     STEP_RESOLVING,
     1,
     false,
     false,
     true,
     {LOGIN, SELECT("Monitor"), FETCHES_IDS("100"), "HOLD", FOUND("100", ID_1), "T OK done", NULL},
     {S},
     {S},
     {LOGIN, SEARCH_1, NULL}},
    {"the folder of the search",
     STEP_RESOLVING,
     1,
     false,
     false,
     true,
     {LOGIN, "C SELECT Monitor", "HOLD", SELECTED, FETCHES_IDS("100"), "T OK done", NULL},
     {S},
     {S},
     {LOGIN, SEARCH_1, NULL}},
};

#undef P
#undef S
#undef D

static bool is_there(const struct stage *stage, enum deliver_step step)
{
    const struct deliver *deliver = stage->deliver;

    return deliver->step == step && scripted_server_holds(stage->scripted) &&
           (step != STEP_ASKING || deliver->place.session != NULL);
}

static void await_place(struct stage *stage, const struct place *place, enum deliver_step step)
{
    for (time_t limit = time(NULL) + 20; !is_there(stage, step);
         event_base_loop(stage->room.base, EVLOOP_ONCE))
        if (time(NULL) > limit)
            fail_msg("%s is not reached: %d, %s", place->title, (int)stage->deliver->step,
                     scripted_server_complaint(stage->scripted));
}

static struct stage *reach(void **state, const struct place *place)
{
    struct stage *stage;

    stage_setup(state);
    stage = *state;
    print_message("waiting for %s\n", place->title);
    if (place->of_two_accounts) {
        stage->target.folder = (char *)"Monitor/%{user}";
        capture_sized(stage, "alice", 1000);
        capture_sized(stage, "bob", 1000);
    } else {
        capture(stage, place->later ? 1 : place->messages);
    }
    if (place->intent)
        intend(stage, 1, "Monitor", 9, 100);
    play(stage, place->script);
    begin(stage);
    if (place->later) {
        await_place(stage, place, STEP_SENDING);
        capture(stage, 1);
        deliver_wake(stage->deliver);
    }
    await_place(stage, place, place->step);
    return stage;
}

static void assert_states(struct stage *stage, const struct place *place,
                          const enum copy_state states[2])
{
    for (uint32_t uid = 1; uid <= place->messages; uid++)
        if (copy_state(stage, uid) != states[uid - 1])
            fail_msg("%s: copy %u is in state %d", place->title, uid,
                     (int)copy_number(stage, uid, "state"));
}

/* These last only as long as the ledger works: the end of the connection would come too late. */
static void lose(struct stage *stage)
{
    enum deliver_step step = stage->deliver->step;

    if (step == STEP_ASKING || step == STEP_PREPARING) {
        persistent_link_fail(stage->deliver->link, "the session is lost");
        assert_int_equal(stage->deliver->step, STEP_DOWN);
    } else {
        scripted_server_free(stage->scripted);
        stage->scripted = NULL;
    }
}

#define N_PLACES (sizeof(places) / sizeof(*places))

static void test_the_session_is_lost_in_every_state(void **state)
{
    static const enum copy_state delivered[2] = {COPY_DELIVERED, COPY_DELIVERED};

    for (size_t i = 0; i < N_PLACES; i++) {
        struct stage *stage = reach(state, &places[i]);

        lose(stage);
        await_step(stage, STEP_DOWN);
        assert_states(stage, &places[i], places[i].lost);
        reconnect(stage, places[i].reconnected);
        await_step(stage, STEP_CONNECTING);
        await(stage, STEP_IDLE);
        assert_states(stage, &places[i], delivered);
        assert_int_equal(stage->context.count.delivered, places[i].messages);
        stage_teardown(state);
    }
}

static void test_it_is_stopped_in_every_state(void **state)
{
    for (size_t i = 0; i < N_PLACES; i++) {
        struct stage *stage = reach(state, &places[i]);

        deliver_stop(stage->deliver, on_stopped, stage);
        assert_int_equal(stage->stopped, 0);
        run_for(stage, 10);
        scripted_server_go(stage->scripted);
        await_stopped(stage);
        assert_states(stage, &places[i], places[i].stopped);
        deliver_wake(stage->deliver);
        run_for(stage, 10);
        assert_int_equal(stage->deliver->step, STEP_STOPPED);
        stage_teardown(state);
    }
}

/* Lost after the stop: what was sent is looked for at the next start. */
static void test_the_session_is_lost_while_it_stops(void **state)
{
    for (size_t i = 0; i < N_PLACES; i++) {
        struct stage *stage = reach(state, &places[i]);

        deliver_stop(stage->deliver, on_stopped, stage);
        if (places[i].step != STEP_CONNECTING)
            lose(stage);
        await_stopped(stage);
        assert_states(stage, &places[i], places[i].lost);
        stage_teardown(state);
    }
}

static void test_it_is_freed_in_every_state(void **state)
{
    for (size_t i = 0; i < N_PLACES; i++) {
        struct stage *stage = reach(state, &places[i]);

        deliver_free(stage->deliver);
        stage->deliver = NULL;
        run_for(stage, 10);
        stage_teardown(state);
    }
}

static void test_it_is_stopped_while_it_has_nothing_to_do_or_is_down(void **state)
{
    static const char *const script[] = {"CLOSE", NULL};
    struct stage *stage;

    stage_setup(state);
    stage = *state;
    stage->deliver = deliver_new(&stage->context, &stage->target);
    deliver_stop(stage->deliver, on_stopped, stage);
    await_stopped(stage);
    stage_teardown(state);

    stage_setup(state);
    stage = *state;
    capture(stage, 1);
    play(stage, script);
    begin(stage);
    await_step(stage, STEP_DOWN);
    deliver_stop(stage->deliver, on_stopped, stage);
    await_stopped(stage);
    assert_int_equal(copy_state(stage, 1), COPY_PENDING);
    stage_teardown(state);
}

/* The process ends during APPEND; the next one starts with the search.
 */
static void test_after_a_crash_nothing_is_lost_or_sent_twice(void **state)
{
    static const char *const script[] = {LOGIN, SELECT("Monitor"), APPEND_TWO, "HOLD", NULL};
    static const char *const again[] = {LOGIN, SEARCH_1, APPEND_NOW("Monitor"), STORED("101"),
                                        NULL};
    struct stage *stage = *state;

    capture(stage, 2);
    play(stage, script);
    begin(stage);
    while (!is_there(stage, STEP_SENDING))
        run_for(stage, 5);
    deliver_free(stage->deliver);
    room_close(&stage->room);
    open_ledger(stage);
    assert_int_equal(copy_state(stage, 1), COPY_SENDING);
    deliver_all(stage, again);
    assert_int_equal(copy_uid(stage, 1), 100);
    assert_int_equal(copy_uid(stage, 2), 101);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_copy_is_delivered_and_its_uid_recorded),
        TEST(test_without_anything_due_it_does_not_connect),
        TEST(test_the_next_copy_uses_the_selected_folder),
        TEST(test_the_next_batch_is_prepared_while_one_is_sent),
        cmocka_unit_test(test_a_batch_that_ends_while_the_next_is_prepared),
        TEST(test_nothing_new_while_a_batch_is_sent),
        TEST(test_another_folder_waits_for_the_end_of_what_is_sent),
        TEST(test_an_intent_is_resolved_before_anything_is_sent),
        TEST(test_an_intent_waits_for_the_end_of_what_is_sent),
        TEST(test_a_refused_folder_is_tried_again_later),
        TEST(test_a_refused_folder_is_asked_for_once),
        TEST(test_a_batch_of_which_nothing_is_left),
        TEST(test_a_copy_that_is_due_later_is_sent_then),
        TEST(test_an_idle_session_ends_and_the_next_copy_connects_again),
        TEST(test_an_idle_session_that_is_lost_when_it_is_wanted_counts_as_failed),
        TEST(test_a_server_that_is_away),
        TEST(test_a_reload_keeps_the_session_unless_the_login_changes),
        TEST(test_states_have_names),
        cmocka_unit_test(test_the_session_is_lost_in_every_state),
        cmocka_unit_test(test_it_is_stopped_in_every_state),
        cmocka_unit_test(test_the_session_is_lost_while_it_stops),
        cmocka_unit_test(test_it_is_freed_in_every_state),
        cmocka_unit_test(test_it_is_stopped_while_it_has_nothing_to_do_or_is_down),
        TEST(test_after_a_crash_nothing_is_lost_or_sent_twice),
    };

    return cmocka_run_group_tests_name("agent.deliver", tests, NULL, NULL);
}
