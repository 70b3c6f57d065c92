/* Reflectors: what is answered and how often, answers that cannot go at once, restarts, clean-up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/ledger/ledger_help.h"
#include "agent/probe/inbox/fake_post.h"
#include "agent/probe/roundtrip/reflector.h"
#include "agent/reflect/probe_mail.h"

#define PROBER "probe@example.org"
#define US "echo@example.net"
#define BACK "box@example.org"
#define KEY "a key of sufficient length"
#define ANSWERS_MAX 16
#define DAY 86400

struct stage {
    struct post post; /* first: on_mail gets it */
    struct room room;
    struct reflector reflector;
    struct reflector_watch *watch;
    struct token_keys keys;
    char *answers[ANSWERS_MAX];
    char sender[128];
    size_t n_answers;
};

static void on_mail(struct post *post, const char *from, const char *to, const char *message)
{
    struct stage *stage = (struct stage *)post;
    assert_string_equal(to, BACK);
    assert_true(stage->n_answers < ANSWERS_MAX);
    snprintf(stage->sender, sizeof(stage->sender), "%s", from);
    stage->answers[stage->n_answers++] = xstrdup(message);
}

static int setup(void **state)
{
    struct stage *stage = xcalloc(1, sizeof(*stage));
    char why[256];
    room_make(&stage->room);
    room_open(&stage->room);
    post_open(&stage->post, stage->room.base);
    stage->post.on_mail = on_mail;
    assert_true(token_keys_read(stage->post.key, &stage->keys, why, sizeof(why)));
    stage->reflector = (struct reflector){.name = (char *)"echo",
                                          .account = &stage->post.account,
                                          .server = &stage->post.server,
                                          .address = (char *)US,
                                          .reply_to = (char *)BACK,
                                          .folder = (char *)"INBOX",
                                          .secret_file = stage->post.key,
                                          .sender = (char *)"",
                                          .keep = DAY};
    *state = stage;
    return 0;
}

static void stop_reflector(struct stage *stage)
{
    reflector_watch_free(stage->watch);
    stage->watch = NULL;
}

static void start(struct stage *stage)
{
    stage->watch = reflector_watch_new(stage->post.links, stage->room.ledger, &stage->reflector);
}

static void restart(struct stage *stage)
{
    stop_reflector(stage);
    room_close(&stage->room);
    room_open(&stage->room);
    start(stage);
}

static int teardown(void **state)
{
    struct stage *stage = *state;
    stop_reflector(stage);
    while (stage->n_answers > 0)
        free(stage->answers[--stage->n_answers]);
    post_close(&stage->post);
    room_remove(&stage->room);
    free(stage);
    return 0;
}

static struct reflector_counts counts(const struct stage *stage)
{
    return reflector_watch_counts(stage->watch);
}

/* The token of a probe that was sent so many seconds ago. */
static void token_text(const char *key_text, const char *to, unsigned char first, long age,
                       char text[TOKEN_LEN + 1])
{
    struct token_key key = {.len = strlen(key_text)};
    unsigned char nonce[TOKEN_NONCE] = {first}, id[TOKEN_PROBE_ID] = {7};
    struct probe_token token;
    memcpy(key.octets, key_text, key.len);
    token_make(&token, &key, id, nonce, (uint64_t)(time(NULL) - age) * 1000, to, BACK);
    token_write(&token, text);
}

static uint32_t deliver(struct stage *stage, unsigned char nonce, long age, const char *more)
{
    char text[TOKEN_LEN + 1];
    token_text(KEY, US, nonce, age, text);
    char *header = xasprintf("From: " PROBER "\nTo: " US "\nSubject: mailvigil probe %s\n"
                             "Message-ID: <1@example.org>\nX-Mailvigil-Probe: %s\n"
                             "Auto-Submitted: auto-generated\n%s\n",
                             text, text, more);
    uint32_t uid = post_deliver(&stage->post, &stage->post.inbox, header);
    free(header);
    return uid;
}

/* ---- answers ---- */

static void a_probe_is_answered(void **state)
{
    struct stage *stage = *state;
    struct probe_mail mail;
    struct probe_token token;
    struct stamp stamp;
    uint64_t before = (uint64_t)time(NULL) * 1000000;
    start(stage);
    deliver(stage, 1, 0, "");
    POST_AWAIT(&stage->post, counts(stage).answered == 1);
    assert_int_equal(stage->n_answers, 1);
    assert_string_equal(stage->sender, "");
    const char *answer = stage->answers[0];
    probe_mail_parse(&mail, answer, strlen(answer));
    assert_true(mail.has_return_field);
    assert_true(
        return_verify(mail.return_field, RETURN_LEN, &stage->keys, US, BACK, &token, &stamp));
    assert_int_equal(token_nonce(&token)[0], 1);
    assert_true(stamp.received_us >= before && stamp.handed_us >= stamp.received_us);
    assert_non_null(strstr(answer, "\nAuto-Submitted: auto-replied\n"));
    assert_non_null(strstr(answer, "\nIn-Reply-To: <1@example.org>\n"));
    assert_non_null(strstr(answer, "From: " US "\n"));
    assert_null(reflector_watch_trouble(stage->watch));
}

static void the_sender_may_be_an_address(void **state)
{
    struct stage *stage = *state;
    stage->reflector.sender = (char *)US;
    start(stage);
    deliver(stage, 1, 0, "");
    POST_AWAIT(&stage->post, counts(stage).answered == 1);
    assert_string_equal(stage->sender, US);
}

static void what_was_there_before_is_answered_too(void **state)
{
    struct stage *stage = *state;
    deliver(stage, 1, 60, "");
    deliver(stage, 2, 30, "");
    start(stage);
    POST_AWAIT(&stage->post, counts(stage).answered == 2);
}

struct mail_to {
    const char *title, *key, *to;
    long age;
    const char *more;
    bool counts; /* as refused */
};

static const struct mail_to refusals[] = {
    {"another key", "another key of such length", US, 0, "", true},
    {"to somebody else", KEY, "other@example.net", 0, "", true},
    {"old", KEY, US, 6 * DAY, "", true},
    {"of the future", KEY, US, -7200, "", true},
    {"a bounce", KEY, US, 0, "Return-Path: <>\n", true},
    {"a list", KEY, US, 0, "List-Id: <x>\n", true},
    {"from ourselves", KEY, US, 0, "Return-Path: <" US ">\n", true},
};

static void all_else_is_not(void **state)
{
    struct stage *stage = *state;
    size_t n = sizeof(refusals) / sizeof(*refusals);
    start(stage);
    for (size_t i = 0; i < n; i++) {
        char text[TOKEN_LEN + 1];
        token_text(refusals[i].key, refusals[i].to, (unsigned char)(i + 1), refusals[i].age, text);
        char *header =
            xasprintf("%sFrom: " PROBER "\nX-Mailvigil-Probe: %s\n\n", refusals[i].more, text);
        post_deliver(&stage->post, &stage->post.inbox, header);
        free(header);
        POST_AWAIT(&stage->post, counts(stage).refused == i + 1);
    }
    post_deliver(&stage->post, &stage->post.inbox, "From: a@example.org\nSubject: hello\n\n");
    deliver(stage, 99, 0, ""); /* so that all before it have been seen */
    POST_AWAIT(&stage->post, counts(stage).answered == 1);
    assert_int_equal(counts(stage).refused, n);
    assert_int_equal(stage->post.dialogues, 1);
}

static void each_nonce_is_answered_once(void **state)
{
    struct stage *stage = *state;
    start(stage);
    deliver(stage, 1, 0, "");
    deliver(stage, 1, 0, "X-Copy: 2\n");
    POST_AWAIT(&stage->post, counts(stage).replayed == 1);
    assert_int_equal(counts(stage).answered, 1);
    restart(stage);
    deliver(stage, 1, 0, "X-Copy: 3\n");
    POST_AWAIT(&stage->post, counts(stage).replayed == 1);
    assert_int_equal(stage->n_answers, 1);
}

static void a_restart_answers_nothing_again(void **state)
{
    struct stage *stage = *state;
    start(stage);
    deliver(stage, 1, 0, "");
    POST_AWAIT(&stage->post, counts(stage).answered == 1);
    restart(stage);
    deliver(stage, 2, 0, "");
    POST_AWAIT(&stage->post, counts(stage).answered == 1);
    assert_int_equal(stage->n_answers, 2);
}

/* ---- trouble ---- */

static void what_cannot_go_now_goes_later(void **state)
{
    struct stage *stage = *state;
    stage->post.refuse = "MAIL";
    stage->post.refusal = "451 later";
    stage->post.refusals = 1;
    start(stage);
    deliver(stage, 1, 0, "");
    POST_AWAIT(&stage->post, counts(stage).answered == 1);
    assert_int_equal(stage->n_answers, 1);
    assert_int_equal(stage->post.dialogues, 2);
    assert_int_equal(counts(stage).failed, 0);
}

static void what_is_refused_for_good_is_given_up(void **state)
{
    struct stage *stage = *state;
    stage->post.refuse = "RCPT";
    stage->post.refusal = "550 nobody";
    start(stage);
    deliver(stage, 1, 0, "");
    POST_AWAIT(&stage->post, counts(stage).failed == 1);
    post_run(&stage->post, 100);
    assert_int_equal(stage->post.dialogues, 1);
}

static void what_may_have_gone_is_not_sent_again(void **state)
{
    struct stage *stage = *state;
    stage->post.cut = 1;
    start(stage);
    deliver(stage, 1, 0, "");
    POST_AWAIT(&stage->post, counts(stage).answered == 1);
    restart(stage);
    deliver(stage, 2, 0, "");
    POST_AWAIT(&stage->post, counts(stage).answered == 1);
    assert_int_equal(stage->n_answers, 1);
    assert_int_equal(stage->post.dialogues, 2);
}

static void what_waits_for_its_answer_gets_it_behind_a_restart(void **state)
{
    struct stage *stage = *state;
    stage->post.refuse = "MAIL";
    stage->post.refusal = "451 later";
    start(stage);
    deliver(stage, 1, 0, "");
    POST_AWAIT(&stage->post, stage->post.dialogues == 1);
    post_run(&stage->post, 100);
    stage->post.refuse = NULL;
    restart(stage);
    POST_AWAIT(&stage->post, counts(stage).answered == 1);
    assert_int_equal(stage->n_answers, 1);
}

static void a_rejected_password_is_not_tried_again_at_once(void **state)
{
    struct stage *stage = *state;
    stage->post.refuse = "AUTH";
    stage->post.refusal = "535 wrong";
    start(stage);
    deliver(stage, 1, 0, "");
    POST_AWAIT(&stage->post, stage->post.dialogues == 1);
    post_run(&stage->post, 100);
    deliver(stage, 2, 0, "");
    post_run(&stage->post, 300);
    assert_int_equal(stage->post.dialogues, 1);
}

static void its_mailbox_may_be_in_trouble(void **state)
{
    struct stage *stage = *state;
    stage->post.server.imap.port = 1;
    start(stage);
    POST_AWAIT(&stage->post, reflector_watch_trouble(stage->watch) != NULL);
}

/* ---- clean-up ---- */

static void answered_probes_are_kept_for_a_while(void **state)
{
    struct stage *stage = *state;
    char text[TOKEN_LEN + 1];
    uint32_t old = deliver(stage, 1, 2 * DAY, "");
    uint32_t stale = deliver(stage, 2, 9 * DAY, "");
    uint32_t young = deliver(stage, 3, 60, "");
    uint32_t mail = post_deliver(&stage->post, &stage->post.inbox, "Subject: hello\n\n");
    token_text("another key of such length", US, 4, 2 * DAY, text);
    char *header = xasprintf("X-Mailvigil-Probe: %s\n\n", text);
    uint32_t forged = post_deliver(&stage->post, &stage->post.inbox, header);
    free(header);
    token_text(KEY, US, 5, 2 * DAY, text);
    header = xasprintf("From: a@example.org\nSubject: Re: mailvigil probe %s\n\n", text);
    uint32_t answer = post_deliver(&stage->post, &stage->post.inbox, header);
    free(header);
    start(stage);
    POST_AWAIT(&stage->post, !post_has(&stage->post.inbox, old));
    POST_AWAIT(&stage->post, counts(stage).answered == 3);
    assert_false(post_has(&stage->post.inbox, stale));
    assert_true(post_has(&stage->post.inbox, young));
    assert_true(post_has(&stage->post.inbox, mail));
    assert_true(post_has(&stage->post.inbox, forged));
    assert_true(post_has(&stage->post.inbox, answer));
    assert_int_equal(post_heard(&stage->post, "UID EXPUNGE 1:2\n"), 1);
}

static void it_may_be_freed_at_any_time(void **state)
{
    struct stage *stage = *state;
    for (unsigned rounds = 0; rounds < 60; rounds++) {
        deliver(stage, (unsigned char)(rounds + 1), 0, "");
        start(stage);
        for (unsigned i = 0; i < rounds; i++)
            event_base_loop(stage->post.base, EVLOOP_ONCE);
        stop_reflector(stage);
        while (stage->n_answers > 0)
            free(stage->answers[--stage->n_answers]);
    }
    room_figures(&stage->room);
    post_run(&stage->post, 50);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_probe_is_answered),
        T(the_sender_may_be_an_address),
        T(what_was_there_before_is_answered_too),
        T(all_else_is_not),
        T(each_nonce_is_answered_once),
        T(a_restart_answers_nothing_again),
        T(what_cannot_go_now_goes_later),
        T(what_is_refused_for_good_is_given_up),
        T(what_may_have_gone_is_not_sent_again),
        T(what_waits_for_its_answer_gets_it_behind_a_restart),
        T(a_rejected_password_is_not_tried_again_at_once),
        T(its_mailbox_may_be_in_trouble),
        T(answered_probes_are_kept_for_a_while),
        T(it_may_be_freed_at_any_time),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
