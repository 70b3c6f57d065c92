/* Round trips: every way that a test message may take, what is reported and booked, restarts, and
 * what clean-up deletes and leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/ledger/ledger_help.h"
#include "agent/probe/inbox/fake_post.h"
#include "agent/probe/roundtrip/roundtrip.h"
#include "agent/reflect/answer.h"

#define RESULTS_MAX 16
#define FROM "probe@example.org"
#define TO "echo@example.net"
#define BACK "box@example.org"

enum way { WAY_NOWHERE, WAY_ABSENCE, WAY_ANSWER, WAY_FORWARD, WAY_JUNK, WAY_FORGED };

struct stage {
    struct post post; /* first: on_mail gets it */
    struct room room;
    struct probe probe;
    struct roundtrip *roundtrip;
    struct probe_result *results[RESULTS_MAX];
    size_t n_results;
    enum way way;
    char *mails[RESULTS_MAX]; /* as they were sent */
    size_t n_mails;
    struct token_keys keys;
};

/* ---- the other side ---- */

/* What a reflector writes to that message. */
static char *answer_to(const struct stage *stage, const char *message)
{
    struct answer_rules rules = {.keys = &stage->keys, .address = TO, .reply_to = BACK};
    struct probe_mail mail;
    struct probe_token token;
    struct timespec now;
    char answer[ANSWER_MAX];
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t now_us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
    struct stamp stamp = {now_us, now_us};
    probe_mail_parse(&mail, message, strlen(message));
    assert_int_equal(answer_decide(&rules, &mail, false, now_us, &token), ANSWER_YES);
    size_t len =
        answer_write(&rules, &mail, &token, &stamp, (const unsigned char[16]){0}, false, answer);
    return xmemdup0(answer, len);
}

/* A vacation reply: it has the token where it quotes the Subject. */
static void send_notice(struct stage *stage, const char *message)
{
    const char *subject = strstr(message, "\nSubject: ") + 10;
    char *notice = xasprintf("Return-Path: <>\nAuto-Submitted: auto-replied\n"
                             "From: " TO "\nSubject: Absent: %.*s\n\nI am away.\n",
                             (int)strcspn(subject, "\r\n"), subject);
    post_deliver(&stage->post, &stage->post.inbox, notice);
    free(notice);
}

static void send_back(struct stage *stage, const char *message, enum way way)
{
    struct post *post = &stage->post;
    if (way == WAY_ABSENCE) {
        send_notice(stage, message);
        return;
    }
    char *answer = answer_to(stage, message);
    if (way == WAY_FORGED)
        strstr(answer, "X-Mailvigil-Return: ")[40] ^= 1;
    if (way == WAY_FORGED) {
        char *subject = strstr(answer, "Subject: ");
        memset(subject + 9, 'x', 9);
    }
    if (way != WAY_NOWHERE)
        post_deliver(post, way == WAY_JUNK ? &post->junk : &post->inbox,
                     way == WAY_FORWARD ? message : answer);
    free(answer);
}

static void on_mail(struct post *post, const char *from, const char *to, const char *message)
{
    struct stage *stage = (struct stage *)post;
    assert_string_equal(from, FROM);
    assert_string_equal(to, TO);
    assert_true(stage->n_mails < RESULTS_MAX);
    stage->mails[stage->n_mails++] = xstrdup(message);
    send_back(stage, message, stage->way);
}

/* ---- the stage ---- */

static int setup(void **state)
{
    struct stage *stage = xcalloc(1, sizeof(*stage));
    char why[256];
    room_make(&stage->room);
    room_open(&stage->room);
    post_open(&stage->post, stage->room.base);
    stage->post.on_mail = on_mail;
    assert_true(token_keys_read(stage->post.key, &stage->keys, why, sizeof(why)));
    stage->way = WAY_ANSWER;
    stage->probe = (struct probe){.name = (char *)"loop",
                                  .type = PROBE_ROUNDTRIP,
                                  .server = &stage->post.server,
                                  .timeout = 5000,
                                  .from = (char *)FROM,
                                  .to = (char *)TO,
                                  .login = (char *)"probe",
                                  .return_account = &stage->post.account,
                                  .return_folder = (char *)"INBOX",
                                  .reply_to = (char *)BACK,
                                  .lost = 3600,
                                  .secret_file = stage->post.key};
    stage->probe.secret.password_file = stage->post.secret;
    *state = stage;
    return 0;
}

static void stop_roundtrip(struct stage *stage)
{
    roundtrip_free(stage->roundtrip);
    stage->roundtrip = NULL;
}

static void forget_results(struct stage *stage)
{
    while (stage->n_results > 0)
        probe_result_free(stage->results[--stage->n_results]);
}

static int teardown(void **state)
{
    struct stage *stage = *state;
    stop_roundtrip(stage);
    forget_results(stage);
    while (stage->n_mails > 0)
        free(stage->mails[--stage->n_mails]);
    post_close(&stage->post);
    room_remove(&stage->room);
    free(stage);
    return 0;
}

static void on_told(void *arg, struct probe_result *result)
{
    struct stage *stage = arg;
    assert_true(stage->n_results < RESULTS_MAX);
    stage->results[stage->n_results++] = result;
}

static void start_with(struct stage *stage, struct ledger *ledger)
{
    stage->roundtrip =
        roundtrip_new(stage->post.links, ledger, "example.org", &stage->probe, on_told, stage);
}

static void start(struct stage *stage)
{
    start_with(stage, stage->room.ledger);
}

static const struct book_counts *counts(const struct stage *stage)
{
    const struct book_counts *found = roundtrip_counts(stage->roundtrip);
    assert_true(book_balances(found));
    return found;
}

static void await_results(struct stage *stage, size_t n)
{
    POST_AWAIT(&stage->post, stage->n_results >= n);
    post_run(&stage->post, 50);
    assert_int_equal(stage->n_results, n);
}

static const struct roundtrip_facts *facts(const struct stage *stage, size_t i)
{
    assert_true(i < stage->n_results);
    assert_null(stage->results[i]->trouble);
    assert_true(stage->results[i]->has_roundtrip);
    return &stage->results[i]->roundtrip;
}

static void send_one(struct stage *stage)
{
    start(stage);
    roundtrip_send(stage->roundtrip);
}

static void assert_text(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("no \"%s\" in:\n%s", part, text);
}

/* What the ledger has, once everything sent to it is committed. */
static int64_t in_ledger(struct stage *stage, const char *sql)
{
    room_figures(&stage->room);
    return room_sql(&stage->room, sql);
}

/* ---- back again ---- */

static void an_answer_is_a_return(void **state)
{
    struct stage *stage = *state;
    send_one(stage);
    await_results(stage, 1);
    const struct probe_result *result = stage->results[0];
    const struct roundtrip_facts *found = facts(stage, 0);
    assert_int_equal(found->verdict, ROUNDTRIP_RETURNED);
    assert_int_equal(found->placement, PLACEMENT_INBOX);
    assert_true(found->by_reflector);
    assert_true(found->duration > 0 && found->duration < 10000000);
    assert_int_equal(result->microseconds, found->duration);
    assert_true(found->has_delays);
    for (size_t i = 0; i < 3; i++)
        assert_true(found->delay_min[i] >= 0 && found->delay_max[i] >= found->delay_min[i]);
    assert_int_equal(found->outstanding, 0);
    assert_int_equal(result->n_paths, 1);
    assert_int_equal(result->paths[0].end, DIALOGUE_OK);
    assert_int_equal(result->paths[0].failed, PHASE_NONE);
    assert_true(result->paths[0].clock.ran[PHASE_COMMAND]);
    assert_int_equal(counts(stage)->sent, 1);
    assert_int_equal(counts(stage)->returned, 1);
    assert_ptr_not_equal(roundtrip_last(stage->roundtrip), NULL);
    assert_null(roundtrip_trouble(stage->roundtrip));
    uint32_t messages;
    assert_true(roundtrip_mailbox(stage->roundtrip, &messages));
    assert_int_equal(messages, 1);
}

static void the_message_is_what_it_should_be(void **state)
{
    struct stage *stage = *state;
    struct probe_mail mail;
    send_one(stage);
    await_results(stage, 1);
    roundtrip_send(stage->roundtrip);
    await_results(stage, 2);
    const char *message = stage->mails[0];
    assert_text(message, "\nFrom: " FROM "\n");
    assert_text(message, "\nTo: " TO "\n");
    assert_text(message, "\nAuto-Submitted: auto-generated\n");
    probe_mail_parse(&mail, message, strlen(message));
    assert_false(mail.strange);
    assert_true(mail.has_probe_field);
    assert_string_equal(mail.probe_field, mail.subject_probe);
    assert_string_not_equal(mail.message_id, "");
    char first[PROBE_MAIL_ID_MAX];
    strcpy(first, mail.message_id);
    probe_mail_parse(&mail, stage->mails[1], strlen(stage->mails[1]));
    assert_string_not_equal(mail.message_id, first);
    for (const char *c = message; *c != '\0'; c++)
        assert_true((*c >= ' ' && *c <= '~') || *c == '\n');
}

static void the_probe_itself_is_a_return_too(void **state)
{
    struct stage *stage = *state;
    stage->way = WAY_FORWARD;
    send_one(stage);
    await_results(stage, 1);
    assert_int_equal(facts(stage, 0)->verdict, ROUNDTRIP_RETURNED);
    assert_false(facts(stage, 0)->by_reflector);
    assert_false(facts(stage, 0)->has_delays);
}

static void without_a_ledger_it_is_the_same(void **state)
{
    struct stage *stage = *state;
    start_with(stage, NULL);
    roundtrip_send(stage->roundtrip);
    await_results(stage, 1);
    assert_int_equal(facts(stage, 0)->verdict, ROUNDTRIP_RETURNED);
    assert_int_equal(in_ledger(stage, "SELECT count(*) FROM probe_entry"), 0);
}

/* The answer may be faster than the reply to the last dot. */
static void an_answer_may_come_before_the_end_of_the_dialogue(void **state)
{
    struct stage *stage = *state;
    stage->post.hold = true;
    send_one(stage);
    POST_AWAIT(&stage->post, counts(stage)->returned == 1);
    assert_int_equal(stage->n_results, 0);
    post_release(&stage->post);
    await_results(stage, 1);
    assert_int_equal(facts(stage, 0)->verdict, ROUNDTRIP_RETURNED);
    assert_true(facts(stage, 0)->has_delays);
    assert_int_equal(stage->results[0]->paths[0].failed, PHASE_NONE);
    assert_int_equal(counts(stage)->sent, 1);
}

static void a_second_copy_is_a_duplicate(void **state)
{
    struct stage *stage = *state;
    send_one(stage);
    await_results(stage, 1);
    send_back(stage, stage->mails[0], WAY_ANSWER);
    POST_AWAIT(&stage->post, counts(stage)->duplicates == 1);
    await_results(stage, 1);
    assert_int_equal(counts(stage)->returned, 1);
}

static void what_does_not_verify_is_nothing(void **state)
{
    struct stage *stage = *state;
    uint32_t messages = 0;
    stage->way = WAY_FORGED;
    send_one(stage);
    POST_AWAIT(&stage->post, roundtrip_mailbox(stage->roundtrip, &messages) && messages == 1);
    post_run(&stage->post, 50);
    assert_int_equal(stage->n_results, 0);
    assert_int_equal(counts(stage)->outstanding, 1);
    assert_null(roundtrip_last(stage->roundtrip));
}

static void a_notice_of_absence_is_no_return(void **state)
{
    struct stage *stage = *state;
    uint32_t messages = 0;
    stage->way = WAY_ABSENCE;
    send_one(stage);
    POST_AWAIT(&stage->post, roundtrip_mailbox(stage->roundtrip, &messages) && messages == 1);
    post_run(&stage->post, 50);
    assert_int_equal(stage->n_results, 0);
    assert_int_equal(counts(stage)->outstanding, 1);
}

/* ---- late and lost ---- */

static void what_is_behind_crit_is_told_once(void **state)
{
    struct stage *stage = *state;
    assert_null(range_parse("1s", true, &stage->probe.crit));
    stage->way = WAY_NOWHERE;
    send_one(stage);
    POST_AWAIT(&stage->post, stage->n_mails == 1);
    post_run(&stage->post, 100);
    assert_int_equal(stage->n_results, 0);
    await_results(stage, 1);
    assert_int_equal(facts(stage, 0)->verdict, ROUNDTRIP_OUTSTANDING);
    assert_int_equal(facts(stage, 0)->duration, -1);
    assert_int_equal(facts(stage, 0)->outstanding, 1);
    assert_true(time(NULL) - facts(stage, 0)->oldest_outstanding < 10);
    assert_int_equal(stage->results[0]->paths[0].failed, PHASE_NONE);
    send_back(stage, stage->mails[0], WAY_ANSWER);
    POST_AWAIT(&stage->post, counts(stage)->late == 1);
    await_results(stage, 1);
    assert_int_equal(roundtrip_last(stage->roundtrip)->verdict, ROUNDTRIP_LATE);
    assert_true(roundtrip_last(stage->roundtrip)->duration > 1000000);
}

static void what_never_comes_is_lost(void **state)
{
    struct stage *stage = *state;
    stage->probe.lost = 1;
    stage->way = WAY_NOWHERE;
    send_one(stage);
    await_results(stage, 1);
    assert_int_equal(facts(stage, 0)->verdict, ROUNDTRIP_LOST);
    assert_int_equal(counts(stage)->lost, 1);
    send_back(stage, stage->mails[0], WAY_ANSWER);
    POST_AWAIT(&stage->post, counts(stage)->after_verdict == 1);
    await_results(stage, 1);
    assert_int_equal(counts(stage)->lost, 1);
    assert_int_equal(roundtrip_last(stage->roundtrip)->verdict, ROUNDTRIP_LOST);
}

static void what_is_told_as_outstanding_is_not_told_as_lost(void **state)
{
    struct stage *stage = *state;
    assert_null(range_parse("1s", true, &stage->probe.crit));
    stage->probe.lost = 2;
    stage->way = WAY_NOWHERE;
    send_one(stage);
    POST_AWAIT(&stage->post, counts(stage)->lost == 1);
    await_results(stage, 1);
    assert_int_equal(facts(stage, 0)->verdict, ROUNDTRIP_OUTSTANDING);
}

/* ---- sending ---- */

struct rejection {
    const char *refuse, *refusal;
    enum book_rejection reason;
    enum phase failed;
};

static const struct rejection rejections[] = {
    {"greeting", "554 no service", REJECT_GREETING, PHASE_GREETING},
    {"EHLO", "550 go away", REJECT_CAPABILITY, PHASE_CAPABILITY},
    {"MAIL", "451 later", REJECT_MAIL, PHASE_COMMAND},
    {"RCPT", "550 nobody", REJECT_RCPT, PHASE_COMMAND},
    {"DATA", "452 full", REJECT_DATA, PHASE_COMMAND},
    {".", "554 spam", REJECT_DATA, PHASE_COMMAND},
    {"AUTH", "535 wrong", REJECT_AUTH, PHASE_AUTH}, /* last: none is sent after it */
};

static void what_is_rejected_has_a_reason(void **state)
{
    struct stage *stage = *state;
    size_t n = sizeof(rejections) / sizeof(*rejections);
    start(stage);
    for (size_t i = 0; i < n; i++) {
        stage->post.refuse = rejections[i].refuse;
        stage->post.refusal = rejections[i].refusal;
        roundtrip_send(stage->roundtrip);
        await_results(stage, i + 1);
        const struct probe_path *path = &stage->results[i]->paths[0];
        if (facts(stage, i)->verdict != ROUNDTRIP_REJECTED || path->failed != rejections[i].failed)
            fail_msg("%s: %s in %s", rejections[i].refuse,
                     roundtrip_verdict_text(facts(stage, i)->verdict), phase_text(path->failed));
        assert_text(path->reply, rejections[i].refusal + 4);
    }
    assert_int_equal(counts(stage)->rejected[REJECT_DATA], 2);
    for (size_t i = 0; i < n; i++)
        assert_true(counts(stage)->rejected[rejections[i].reason] > 0);
    assert_int_equal(counts(stage)->sent, 0);
    assert_int_equal(in_ledger(stage, "SELECT count(*) FROM probe_entry"), 0);
}

static void nobody_there_is_a_rejection(void **state)
{
    struct stage *stage = *state;
    stage->post.server.smtp.port = 1;
    send_one(stage);
    await_results(stage, 1);
    assert_int_equal(facts(stage, 0)->verdict, ROUNDTRIP_REJECTED);
    assert_int_equal(stage->results[0]->paths[0].failed, PHASE_CONNECT);
    assert_int_equal(counts(stage)->rejected[REJECT_CONNECT], 1);
}

static void a_rejected_password_is_not_tried_again_at_once(void **state)
{
    struct stage *stage = *state;
    stage->post.refuse = "AUTH";
    stage->post.refusal = "535 wrong";
    send_one(stage);
    await_results(stage, 1);
    stage->post.refuse = NULL;
    roundtrip_send(stage->roundtrip);
    post_run(&stage->post, 100);
    assert_int_equal(stage->post.dialogues, 1);
}

static void what_may_have_gone_is_uncertain_and_sent_once_more(void **state)
{
    struct stage *stage = *state;
    stage->post.cut = 1;
    stage->post.keep_when_cut = true;
    stage->way = WAY_NOWHERE;
    send_one(stage);
    POST_AWAIT(&stage->post, stage->n_mails == 2);
    await_results(stage, 1);
    assert_int_equal(facts(stage, 0)->verdict, ROUNDTRIP_UNCERTAIN);
    assert_int_equal(counts(stage)->uncertain, 1);
    assert_int_equal(counts(stage)->outstanding, 1);
    struct probe_mail first, second;
    probe_mail_parse(&first, stage->mails[0], strlen(stage->mails[0]));
    probe_mail_parse(&second, stage->mails[1], strlen(stage->mails[1]));
    assert_string_not_equal(first.probe_field, second.probe_field);

    send_back(stage, stage->mails[0], WAY_ANSWER); /* it had gone */
    POST_AWAIT(&stage->post, counts(stage)->after_verdict == 1);
    assert_int_equal(counts(stage)->returned, 0);
    send_back(stage, stage->mails[1], WAY_ANSWER);
    await_results(stage, 2);
    assert_int_equal(facts(stage, 1)->verdict, ROUNDTRIP_RETURNED);
}

static void and_not_more_than_once(void **state)
{
    struct stage *stage = *state;
    stage->post.cut = 100;
    send_one(stage);
    await_results(stage, 2);
    assert_int_equal(stage->post.dialogues, 2);
    assert_int_equal(counts(stage)->uncertain, 2);
    assert_int_equal(counts(stage)->sent, 2);
}

static void what_has_come_back_is_not_uncertain(void **state)
{
    struct stage *stage = *state;
    stage->post.hold = true;
    send_one(stage);
    POST_AWAIT(&stage->post, counts(stage)->returned == 1);
    for (size_t i = 0; i < POST_GUESTS; i++)
        if (stage->post.guests[i].bev != NULL && stage->post.guests[i].is_smtp)
            post_leave(&stage->post.guests[i]);
    await_results(stage, 1);
    assert_int_equal(facts(stage, 0)->verdict, ROUNDTRIP_RETURNED);
    assert_int_equal(counts(stage)->uncertain, 0);
    assert_int_equal(stage->post.dialogues, 1);
}

static void a_secret_that_is_not_to_be_had_is_our_own_trouble(void **state)
{
    struct stage *stage = *state;
    start(stage);
    chmod(stage->post.key, 0644);
    roundtrip_send(stage->roundtrip);
    await_results(stage, 1);
    assert_text(stage->results[0]->trouble, stage->post.key);
    chmod(stage->post.key, 0600);
    stage->probe.secret.password_file = (char *)"/tmp/mailvigil-test-none";
    roundtrip_send(stage->roundtrip);
    await_results(stage, 2);
    assert_text(stage->results[1]->trouble, "/tmp/mailvigil-test-none");
    assert_int_equal(stage->post.dialogues, 0);
    assert_int_equal(counts(stage)->sent, 0);
    assert_int_equal(in_ledger(stage, "SELECT count(*) FROM probe_entry"), 0);
}

static void one_at_a_time(void **state)
{
    struct stage *stage = *state;
    stage->post.hold = true;
    send_one(stage);
    roundtrip_send(stage->roundtrip);
    POST_AWAIT(&stage->post, stage->n_mails == 1);
    roundtrip_send(stage->roundtrip);
    post_release(&stage->post);
    await_results(stage, 1);
    assert_int_equal(stage->n_mails, 1);
}

static void a_mailbox_that_is_down_does_not_stop_it(void **state)
{
    struct stage *stage = *state;
    stage->post.server.imap.port = 1;
    send_one(stage);
    POST_AWAIT(&stage->post, stage->n_mails == 1);
    assert_non_null(roundtrip_trouble(stage->roundtrip));
}

/* ---- restarts ---- */

static void restart(struct stage *stage)
{
    stop_roundtrip(stage);
    room_close(&stage->room);
    room_open(&stage->room);
    start(stage);
}

static void what_was_sent_before_a_restart_returns(void **state)
{
    struct stage *stage = *state;
    stage->way = WAY_NOWHERE;
    send_one(stage);
    POST_AWAIT(&stage->post, counts(stage)->outstanding == 1);
    restart(stage);
    send_back(stage, stage->mails[0], WAY_ANSWER);
    await_results(stage, 1);
    assert_int_equal(facts(stage, 0)->verdict, ROUNDTRIP_RETURNED);
    assert_true(facts(stage, 0)->has_delays);
    assert_int_equal(counts(stage)->sent, 1);
    assert_int_equal(counts(stage)->returned, 1);
}

static void nothing_is_counted_again_behind_a_restart(void **state)
{
    struct stage *stage = *state;
    send_one(stage);
    await_results(stage, 1);
    send_back(stage, stage->mails[0], WAY_ANSWER);
    POST_AWAIT(&stage->post, counts(stage)->duplicates == 1);
    for (unsigned i = 0; i < 2; i++) {
        uint32_t messages;
        restart(stage);
        POST_AWAIT(&stage->post, roundtrip_mailbox(stage->roundtrip, &messages));
        assert_int_equal(counts(stage)->returned, 1);
        assert_int_equal(counts(stage)->duplicates, 1);
    }
    /* Another UIDVALIDITY: all is looked at again, and one of the copies is not new. */
    stage->post.inbox.uidvalidity = 70;
    restart(stage);
    POST_AWAIT(&stage->post, counts(stage)->duplicates > 1);
    assert_int_equal(counts(stage)->returned, 1);
    assert_int_equal(stage->n_results, 1);
}

static void what_was_being_sent_at_a_restart_is_uncertain(void **state)
{
    struct stage *stage = *state;
    stage->post.hold = true;
    stage->way = WAY_NOWHERE;
    send_one(stage);
    POST_AWAIT(&stage->post, stage->n_mails == 1);
    restart(stage);
    POST_AWAIT(&stage->post, counts(stage)->uncertain == 1);
    send_back(stage, stage->mails[0], WAY_ANSWER);
    POST_AWAIT(&stage->post, counts(stage)->after_verdict == 1);
    assert_int_equal(stage->n_results, 0);
}

/* ---- Junk ---- */

static size_t idlers(const struct post *post, const struct post_folder *folder)
{
    size_t n = 0;
    for (size_t i = 0; i < POST_GUESTS; i++)
        n += post->guests[i].folder == folder;
    return n;
}

static void junk_is_looked_into_when_something_is_missing(void **state)
{
    struct stage *stage = *state;
    struct post *post = &stage->post;
    assert_null(range_parse("1s", true, &stage->probe.warn));
    stage->way = WAY_JUNK;
    send_one(stage);
    POST_AWAIT(post, stage->n_mails == 1);
    assert_int_equal(idlers(post, &post->junk), 0);
    await_results(stage, 1);
    assert_int_equal(facts(stage, 0)->verdict, ROUNDTRIP_RETURNED);
    assert_int_equal(facts(stage, 0)->placement, PLACEMENT_JUNK);
    POST_AWAIT(post, idlers(post, &post->junk) == 0);
    assert_int_equal(idlers(post, &post->inbox), 1);

    roundtrip_send(stage->roundtrip); /* this time it is known where to look */
    await_results(stage, 2);
    assert_int_equal(facts(stage, 1)->placement, PLACEMENT_JUNK);
    assert_true(facts(stage, 1)->duration < 900000);
}

/* ---- clean-up ---- */

struct lie { /* what lies in the mailbox */
    const char *title;
    const char *key, *probe, *to, *back;
    long age;           /* seconds */
    const char *header; /* %s: the token */
    bool goes;
};

#define KEY "a key of sufficient length"
#define OURS KEY, "loop", TO, BACK
#define IN_FIELD "From: " FROM "\nX-Mailvigil-Probe: %s\n\n"

static const struct lie lies[] = {
    {"ours", OURS, 7200, IN_FIELD, true},
    {"ours, in the Subject", OURS, 7200, "From: " FROM "\nSubject: mailvigil probe %s\n\n", true},
    {"ours, young", OURS, 60, IN_FIELD, false},
    {"of the future", OURS, -7200, IN_FIELD, false},
    {"another key", "another key of such length", "loop", TO, BACK, 7200, IN_FIELD, false},
    {"another probe", KEY, "pool", TO, BACK, 7200, IN_FIELD, false},
    {"to somebody else", KEY, "loop", "other@example.net", BACK, 7200, IN_FIELD, false},
    {"back to somebody else", KEY, "loop", TO, "other@example.org", 7200, IN_FIELD, false},
    {"a person's answer", OURS, 7200, "From: " TO "\nSubject: Re: mailvigil probe %s\n\n", false},
    {"twice", OURS, 7200, "X-Mailvigil-Probe: %1$s\nX-Mailvigil-Probe: %1$s\n\n", false},
    {"cut", OURS, 7200, "X-Mailvigil-Probe: %.91s\n\n", false},
    {"no token", OURS, 7200, "X-Mailvigil-Probe: a\nX: %s\n\n", false},
    {"only its words", OURS, 7200, "Subject: mailvigil probe\nX-Token: %s\n\n", false},
    {"a person's mail", OURS, 7200, "From: " FROM "\nSubject: hello\n\n", false},
    {"ours, the last", OURS, 3700, IN_FIELD, true},
};
#define LIES (sizeof(lies) / sizeof(*lies))

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void lay(struct stage *stage, const struct lie *lie)
{
    struct token_key key = {.len = strlen(lie->key)};
    unsigned char nonce[TOKEN_NONCE] = {1}, id[TOKEN_PROBE_ID];
    struct probe_token token;
    char text[TOKEN_LEN + 1];
    memcpy(key.octets, lie->key, key.len);
    token_probe_id("example.org", lie->probe, id);
    token_make(&token, &key, id, nonce, (uint64_t)(time(NULL) - lie->age) * 1000, lie->to,
               lie->back);
    token_write(&token, text);
    char *header = xasprintf(lie->header, text);
    post_deliver(&stage->post, &stage->post.inbox, header);
    free(header);
}
#pragma GCC diagnostic pop

static void lay_all(struct stage *stage)
{
    for (size_t i = 0; i < LIES; i++)
        lay(stage, &lies[i]);
}

static size_t lying(const struct stage *stage)
{
    return stage->post.inbox.count;
}

static void only_our_own_old_messages_are_deleted(void **state)
{
    struct stage *stage = *state;
    size_t stay = 0;
    for (size_t i = 0; i < LIES; i++)
        stay += !lies[i].goes;
    lay_all(stage);
    stage->post.inbox.mails[3].deleted = true; /* somebody else's doing */
    start(stage);
    POST_AWAIT(&stage->post, lying(stage) == stay);
    post_run(&stage->post, 50);
    for (size_t i = 0; i < LIES; i++)
        if (post_has(&stage->post.inbox, (uint32_t)i + 1) == lies[i].goes)
            fail_msg("%s: %s", lies[i].title, lies[i].goes ? "it is still there" : "it is gone");
    assert_int_equal(post_heard(&stage->post, "UID EXPUNGE 1:2,15\n"), 1);
    assert_int_equal(post_heard(&stage->post, "\nEXPUNGE"), 0);
    assert_int_equal(counts(stage)->sent + counts(stage)->returned, 0);
}

struct no_cleaning {
    const char *capabilities;
    bool ledger;
};

static const struct no_cleaning no_cleanings[] = {{"IDLE", true}, {"IDLE UIDPLUS", false}};

static void nothing_is_deleted_without_uidplus_or_ledger(void **state)
{
    struct stage *stage = *state;
    uint32_t messages;
    lay_all(stage);
    for (size_t i = 0; i < 2; i++) {
        stage->post.capabilities = no_cleanings[i].capabilities;
        start_with(stage, no_cleanings[i].ledger ? stage->room.ledger : NULL);
        POST_AWAIT(&stage->post, roundtrip_mailbox(stage->roundtrip, &messages));
        post_run(&stage->post, 100);
        assert_int_equal(lying(stage), LIES);
        assert_int_equal(post_heard(&stage->post, "STORE"), 0);
        stop_roundtrip(stage);
    }
}

static void a_dedicated_mailbox_needs_no_uidplus(void **state)
{
    struct stage *stage = *state;
    lay_all(stage);
    stage->post.capabilities = "IDLE";
    stage->probe.dedicated = true;
    start(stage);
    POST_AWAIT(&stage->post, !post_has(&stage->post.inbox, 1));
    assert_int_equal(post_heard(&stage->post, "\nEXPUNGE\n"), 1);
    assert_true(post_has(&stage->post.inbox, 3));
}

static void what_was_young_before_a_restart_is_deleted_in_time(void **state)
{
    struct stage *stage = *state;
    uint32_t messages;
    send_one(stage);
    await_results(stage, 1);
    post_deliver(&stage->post, &stage->post.inbox, "Subject: hello\n\n");
    POST_AWAIT(&stage->post, roundtrip_mailbox(stage->roundtrip, &messages) && messages == 2);
    stage->probe.lost = 2;
    restart(stage);
    POST_AWAIT(&stage->post, roundtrip_mailbox(stage->roundtrip, &messages));
    assert_true(post_has(&stage->post.inbox, 1) || lying(stage) == 1);
    POST_AWAIT(&stage->post, !post_has(&stage->post.inbox, 1));
    post_run(&stage->post, 50);
    assert_true(post_has(&stage->post.inbox, 2));
    assert_int_equal(counts(stage)->returned, 1);
    restart(stage); /* what is gone is not asked for any more */
    post_forget(&stage->post);
    POST_AWAIT(&stage->post, post_heard(&stage->post, "UID FETCH 3:") == 1);
}

/* ---- the end at any time ---- */

static void it_may_be_freed_at_any_time(void **state)
{
    struct stage *stage = *state;
    for (unsigned rounds = 0; rounds < 60; rounds++) {
        stage->post.cut = rounds % 3 == 0;
        send_one(stage);
        for (unsigned i = 0; i < rounds; i++)
            event_base_loop(stage->post.base, EVLOOP_ONCE);
        stop_roundtrip(stage);
        forget_results(stage);
        while (stage->n_mails > 0)
            free(stage->mails[--stage->n_mails]);
    }
    room_figures(&stage->room);
    post_run(&stage->post, 50);
    assert_int_equal(stage->n_results, 0);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(an_answer_is_a_return),
        T(the_message_is_what_it_should_be),
        T(the_probe_itself_is_a_return_too),
        T(without_a_ledger_it_is_the_same),
        T(an_answer_may_come_before_the_end_of_the_dialogue),
        T(a_second_copy_is_a_duplicate),
        T(what_does_not_verify_is_nothing),
        T(a_notice_of_absence_is_no_return),
        T(what_is_behind_crit_is_told_once),
        T(what_never_comes_is_lost),
        T(what_is_told_as_outstanding_is_not_told_as_lost),
        T(what_is_rejected_has_a_reason),
        T(nobody_there_is_a_rejection),
        T(a_rejected_password_is_not_tried_again_at_once),
        T(what_may_have_gone_is_uncertain_and_sent_once_more),
        T(and_not_more_than_once),
        T(what_has_come_back_is_not_uncertain),
        T(a_secret_that_is_not_to_be_had_is_our_own_trouble),
        T(one_at_a_time),
        T(a_mailbox_that_is_down_does_not_stop_it),
        T(what_was_sent_before_a_restart_returns),
        T(nothing_is_counted_again_behind_a_restart),
        T(what_was_being_sent_at_a_restart_is_uncertain),
        T(junk_is_looked_into_when_something_is_missing),
        T(only_our_own_old_messages_are_deleted),
        T(nothing_is_deleted_without_uidplus_or_ledger),
        T(a_dedicated_mailbox_needs_no_uidplus),
        T(what_was_young_before_a_restart_is_deleted_in_time),
        T(it_may_be_freed_at_any_time),
    };
#undef T
    return cmocka_run_group_tests(tests, NULL, NULL);
}
