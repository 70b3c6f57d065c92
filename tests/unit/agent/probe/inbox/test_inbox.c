/* Inboxes: what is there, what comes and how it is seen, deleting, and sessions that are lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/probe/inbox/fake_post.h"
#include "agent/probe/inbox/inbox.h"
#include "agent/reflect/probe_mail.h"

struct stage {
    struct post post;
    struct inbox_options options;
    struct inbox *inbox;
    char seen[4096]; /* "3 idle, 4 noop, " */
    char last[PROBE_MAIL_HEADER + 1];
    bool cut;
    unsigned looked;
    uint32_t uidvalidity, seen_through, messages;
    char trouble[256];
    const char *free_in; /* the callback that frees it */
};

static void maybe_free(struct stage *stage, const char *callback)
{
    if (stage->free_in == NULL || strcmp(stage->free_in, callback) != 0)
        return;
    inbox_free(stage->inbox);
    stage->inbox = NULL;
    stage->free_in = "done";
}

static void on_message(void *arg, const struct inbox_message *message)
{
    struct stage *stage = arg;
    size_t len = strlen(stage->seen);
    assert_int_equal(message->uidvalidity, stage->post.inbox.uidvalidity);
    snprintf(stage->seen + len, sizeof(stage->seen) - len, "%u %s, ", message->uid,
             message->seen_by);
    memcpy(stage->last, message->header, message->len);
    stage->last[message->len] = '\0';
    stage->cut = message->cut;
    maybe_free(stage, "message");
}

static void on_looked(void *arg, const char *folder, uint32_t uidvalidity, uint32_t seen_through,
                      uint32_t messages)
{
    struct stage *stage = arg;
    assert_non_null(folder);
    stage->looked++;
    stage->uidvalidity = uidvalidity;
    stage->seen_through = seen_through;
    stage->messages = messages;
    maybe_free(stage, "looked");
}

static void on_trouble(void *arg, const char *why)
{
    struct stage *stage = arg;
    snprintf(stage->trouble, sizeof(stage->trouble), "%s", why != NULL ? why : "");
    maybe_free(stage, "trouble");
}

static int setup(void **state)
{
    struct stage *stage = xcalloc(1, sizeof(*stage));
    post_open(&stage->post, event_base_new());
    stage->options = (struct inbox_options){.account = &stage->post.account, .folder = "INBOX"};
    *state = stage;
    return 0;
}

static int teardown(void **state)
{
    struct stage *stage = *state;
    struct event_base *base = stage->post.base;
    inbox_free(stage->inbox);
    post_close(&stage->post);
    event_base_free(base);
    free(stage);
    return 0;
}

static void start(struct stage *stage)
{
    static const struct inbox_events events = {
        .on_message = on_message, .on_looked = on_looked, .on_trouble = on_trouble};
    stage->inbox = inbox_new(stage->post.links, &stage->options, &events, stage);
}

static void open_it(struct stage *stage)
{
    start(stage);
    POST_AWAIT(&stage->post, stage->looked > 0);
}

static void await_idle(struct stage *stage)
{
    POST_AWAIT(&stage->post, post_idles(&stage->post));
    post_forget(&stage->post);
}

static uint32_t deliver(struct stage *stage, const char *header)
{
    return post_deliver(&stage->post, &stage->post.inbox, header);
}

/* ---- looking ---- */

static void what_is_there_is_given_in_order(void **state)
{
    struct stage *stage = *state;
    deliver(stage, "Subject: one\n\n");
    deliver(stage, "Subject: two\nX: y\n\n");
    open_it(stage);
    assert_string_equal(stage->seen, "1 start, 2 start, ");
    assert_string_equal(stage->last, "Subject: two\r\nX: y\r\n\r\n");
    assert_int_equal(stage->uidvalidity, 7);
    assert_int_equal(stage->seen_through, 2);
    assert_int_equal(stage->messages, 2);
    assert_true(inbox_is_up(stage->inbox));
}

static void an_empty_folder_is_looked_at_too(void **state)
{
    struct stage *stage = *state;
    open_it(stage);
    assert_string_equal(stage->seen, "");
    assert_int_equal(stage->messages, 0);
    await_idle(stage);
}

static void it_goes_on_where_it_was(void **state)
{
    struct stage *stage = *state;
    deliver(stage, "Subject: one\n\n");
    deliver(stage, "Subject: two\n\n");
    stage->options.uidvalidity = 7;
    stage->options.seen_through = 1;
    open_it(stage);
    assert_string_equal(stage->seen, "2 start, ");
}

static void the_last_message_is_not_given_again(void **state)
{
    struct stage *stage = *state;
    deliver(stage, "Subject: one\n\n");
    stage->options.uidvalidity = 7;
    stage->options.seen_through = 1;
    open_it(stage); /* UID FETCH 2:* brings it */
    assert_string_equal(stage->seen, "");
    assert_int_equal(stage->seen_through, 1);
}

static void with_another_uidvalidity_all_is_new(void **state)
{
    struct stage *stage = *state;
    deliver(stage, "Subject: one\n\n");
    stage->options.uidvalidity = 6;
    stage->options.seen_through = 100;
    open_it(stage);
    assert_string_equal(stage->seen, "1 start, ");
    assert_int_equal(stage->uidvalidity, 7);
    assert_int_equal(stage->seen_through, 1);
}

static void a_long_header_is_cut(void **state)
{
    struct stage *stage = *state;
    char *big = xmalloc(100001);
    memset(big, 'x', 100000);
    memcpy(big, "Subject: ", 9);
    big[100000] = '\0';
    deliver(stage, big);
    free(big);
    open_it(stage);
    assert_int_equal(strlen(stage->last), PROBE_MAIL_HEADER);
    assert_true(stage->cut);
    deliver(stage, "Subject: short\n\n");
    POST_AWAIT(&stage->post, strstr(stage->seen, "2 idle") != NULL);
    assert_false(stage->cut);
}

static void of_a_big_backlog_the_server_finds_what_matters(void **state)
{
    struct stage *stage = *state;
    for (unsigned i = 0; i < INBOX_BACKLOG; i++)
        deliver(stage, "Subject: news\n\n");
    deliver(stage, "Subject: mailvigil probe x\n\n");
    deliver(stage, "Subject: news\n\n");
    open_it(stage);
    assert_string_equal(stage->seen, "1001 start, ");
    assert_int_equal(post_heard(&stage->post, "UID SEARCH UID 1:1002 "), 1);
    assert_int_equal(post_heard(&stage->post, "UID FETCH 1:"), 0);
    POST_AWAIT(&stage->post, stage->seen_through == 1002);
    deliver(stage, "Subject: news\n\n"); /* what comes is fetched whatever it is */
    POST_AWAIT(&stage->post, strstr(stage->seen, "1003 idle") != NULL);
}

static void what_cannot_be_fetched_is_a_trouble_and_asked_for_again(void **state)
{
    struct stage *stage = *state;
    deliver(stage, "Subject: one\n\n");
    stage->post.refuse_fetch = true;
    start(stage);
    POST_AWAIT(&stage->post, strstr(stage->trouble, "not now") != NULL);
    assert_int_equal(stage->looked, 0);
    assert_false(inbox_is_up(stage->inbox));
    stage->post.refuse_fetch = false;
    deliver(stage, "Subject: two\n\n");
    POST_AWAIT(&stage->post, stage->looked > 0);
    assert_string_equal(stage->seen, "1 idle, 2 idle, ");
    assert_string_equal(stage->trouble, "");
}

/* ---- news ---- */

static void idle_tells(void **state)
{
    struct stage *stage = *state;
    open_it(stage);
    await_idle(stage);
    deliver(stage, "Subject: one\n\n");
    POST_AWAIT(&stage->post, stage->seen_through == 1);
    deliver(stage, "Subject: two\n\n");
    POST_AWAIT(&stage->post, stage->seen_through == 2);
    assert_string_equal(stage->seen, "1 idle, 2 idle, ");
    assert_int_equal(stage->messages, 2);
}

static void noop_sees_what_idle_does_not(void **state)
{
    struct stage *stage = *state;
    stage->post.idle_is_deaf = true;
    open_it(stage);
    await_idle(stage);
    inbox_expect(stage->inbox, 5000);
    POST_AWAIT(&stage->post, post_heard(&stage->post, "NOOP") > 1);
    deliver(stage, "Subject: one\n\n");
    POST_AWAIT(&stage->post, stage->seen_through == 1);
    assert_string_equal(stage->seen, "1 noop, ");
}

static void an_expectation_ends_and_idle_begins_again(void **state)
{
    struct stage *stage = *state;
    open_it(stage);
    await_idle(stage);
    inbox_expect(stage->inbox, 200);
    POST_AWAIT(&stage->post, post_heard(&stage->post, "NOOP") > 0);
    await_idle(stage);
    post_run(&stage->post, 500);
    assert_int_equal(post_heard(&stage->post, "NOOP"), 0);
}

static void without_idle_it_is_asked_for(void **state)
{
    struct stage *stage = *state;
    stage->post.capabilities = "UIDPLUS";
    open_it(stage);
    inbox_expect(stage->inbox, 5000);
    deliver(stage, "Subject: one\n\n");
    POST_AWAIT(&stage->post, stage->seen_through == 1);
    assert_string_equal(stage->seen, "1 noop, ");
    assert_int_equal(post_heard(&stage->post, "IDLE"), 0);
}

/* ---- deleting ---- */

struct deletion {
    const char *title, *capabilities;
    bool dedicated;
    const char *said; /* NULL: nothing */
    bool other_goes;  /* what somebody else had marked */
};

static const struct deletion deletions[] = {
    {"UIDPLUS", "IDLE UIDPLUS", false, "UID EXPUNGE 1,3\n", false},
    {"UIDPLUS and dedicated", "IDLE UIDPLUS", true, "UID EXPUNGE 1,3\n", false},
    {"dedicated", "IDLE", true, "\nEXPUNGE\n", true},
    {"neither", "IDLE", false, NULL, false},
};

static void only_what_was_asked_for_is_deleted(void **state)
{
    struct stage *stage = *state;
    for (size_t i = 0; i < sizeof(deletions) / sizeof(*deletions); i++) {
        const struct deletion *deletion = &deletions[i];
        struct post_folder *inbox = &stage->post.inbox;
        post_empty(inbox);
        inbox->uidnext = 1;
        for (unsigned k = 0; k < 4; k++)
            deliver(stage, "Subject: x\n\n");
        inbox->mails[3].deleted = true;
        stage->post.capabilities = deletion->capabilities;
        stage->options.dedicated = deletion->dedicated;
        stage->looked = 0;
        open_it(stage);
        assert_int_equal(inbox_can_delete(stage->inbox), deletion->said != NULL);
        post_forget(&stage->post);
        inbox_delete(stage->inbox, 7, (const uint32_t[]){1, 3}, 2);
        assert_true(inbox_is_deleting(stage->inbox));
        POST_AWAIT(&stage->post, !inbox_is_deleting(stage->inbox));
        post_run(&stage->post, 50);
        if (deletion->said != NULL && post_heard(&stage->post, deletion->said) != 1)
            fail_msg("%s: %s", deletion->title, stage->post.heard);
        if (deletion->said == NULL &&
            (post_heard(&stage->post, "STORE") > 0 || post_heard(&stage->post, "EXPUNGE") > 0))
            fail_msg("%s: %s", deletion->title, stage->post.heard);
        assert_int_equal(post_has(inbox, 1), deletion->said == NULL);
        assert_int_equal(post_has(inbox, 3), deletion->said == NULL);
        assert_true(post_has(inbox, 2));
        assert_int_equal(post_has(inbox, 4), !deletion->other_goes);
        assert_int_equal(stage->messages, inbox->count);
        inbox_free(stage->inbox);
        stage->inbox = NULL;
    }
}

static void nothing_is_deleted_by_uids_of_another_time(void **state)
{
    struct stage *stage = *state;
    deliver(stage, "Subject: x\n\n");
    open_it(stage);
    inbox_delete(stage->inbox, 6, (const uint32_t[]){1}, 1);
    assert_false(inbox_is_deleting(stage->inbox));
    post_run(&stage->post, 50);
    assert_true(post_has(&stage->post.inbox, 1));
}

/* ---- sessions that are lost ---- */

static void a_lost_session_comes_back_and_goes_on(void **state)
{
    struct stage *stage = *state;
    deliver(stage, "Subject: one\n\n");
    open_it(stage);
    await_idle(stage);
    stage->looked = 0;
    post_drop(&stage->post);
    deliver(stage, "Subject: two\n\n");
    POST_AWAIT(&stage->post, stage->trouble[0] != '\0');
    assert_false(inbox_is_up(stage->inbox));
    POST_AWAIT(&stage->post, stage->looked > 0);
    assert_string_equal(stage->seen, "1 start, 2 start, ");
    assert_string_equal(stage->trouble, "");
}

static void what_was_being_deleted_is_deleted_then(void **state)
{
    struct stage *stage = *state;
    deliver(stage, "Subject: one\n\n");
    open_it(stage);
    await_idle(stage);
    post_drop(&stage->post);
    inbox_delete(stage->inbox, 7, (const uint32_t[]){1}, 1);
    POST_AWAIT(&stage->post, !post_has(&stage->post.inbox, 1));
}

static void and_not_if_the_folder_is_another_then(void **state)
{
    struct stage *stage = *state;
    deliver(stage, "Subject: one\n\n");
    open_it(stage);
    await_idle(stage);
    post_drop(&stage->post);
    inbox_delete(stage->inbox, 7, (const uint32_t[]){1}, 1);
    stage->post.inbox.uidvalidity = 9;
    stage->looked = 0;
    POST_AWAIT(&stage->post, stage->looked > 0);
    post_run(&stage->post, 50);
    assert_true(post_has(&stage->post.inbox, 1));
    assert_string_equal(stage->seen, "1 start, 1 start, ");
}

/* ---- folders ---- */

static void junk_is_found_by_its_use(void **state)
{
    struct stage *stage = *state;
    stage->options.folder = NULL;
    open_it(stage);
    assert_int_equal(post_heard(&stage->post, "SELECT \"Junk mail\""), 1);
    assert_int_equal(stage->uidvalidity, 8);
}

static void a_folder_that_is_not_there_is_a_trouble(void **state)
{
    static const char *const folders[] = {NULL, "Probes/returned"};
    struct stage *stage = *state;
    stage->post.has_no_junk = true;
    for (size_t i = 0; i < 2; i++) {
        stage->trouble[0] = '\0';
        stage->options.folder = folders[i];
        start(stage);
        POST_AWAIT(&stage->post, strstr(stage->trouble, "no such folder") != NULL);
        assert_non_null(strstr(stage->trouble, i == 0 ? "\\Junk" : folders[1]));
        inbox_free(stage->inbox);
        stage->inbox = NULL;
    }
}

/* ---- the end at any time ---- */

static void it_may_be_freed_in_each_callback(void **state)
{
    static const char *const callbacks[] = {"message", "looked", "trouble"};
    struct stage *stage = *state;
    deliver(stage, "Subject: one\n\n");
    for (size_t i = 0; i < 3; i++) {
        stage->free_in = callbacks[i];
        stage->post.refuse_fetch = i == 2;
        start(stage);
        POST_AWAIT(&stage->post, stage->inbox == NULL);
        post_run(&stage->post, 20);
    }
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(what_is_there_is_given_in_order),
        T(an_empty_folder_is_looked_at_too),
        T(it_goes_on_where_it_was),
        T(the_last_message_is_not_given_again),
        T(with_another_uidvalidity_all_is_new),
        T(a_long_header_is_cut),
        T(of_a_big_backlog_the_server_finds_what_matters),
        T(what_cannot_be_fetched_is_a_trouble_and_asked_for_again),
        T(idle_tells),
        T(noop_sees_what_idle_does_not),
        T(an_expectation_ends_and_idle_begins_again),
        T(without_idle_it_is_asked_for),
        T(only_what_was_asked_for_is_deleted),
        T(nothing_is_deleted_by_uids_of_another_time),
        T(a_lost_session_comes_back_and_goes_on),
        T(what_was_being_deleted_is_deleted_then),
        T(and_not_if_the_folder_is_another_then),
        T(junk_is_found_by_its_use),
        T(a_folder_that_is_not_there_is_a_trouble),
        T(it_may_be_freed_in_each_callback),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
