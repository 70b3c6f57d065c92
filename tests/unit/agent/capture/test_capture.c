/* Capture: the list, headers, bodies, what does not come, and when the session or the room ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/capture/fake_mailboxes.h"
#include "agent/capture/private.h"
#include "agent/system/limit.h"

/* One session in INBOX, and a capture on it. */
struct stage {
    struct fake *fake;
    struct fake_folder *inbox;
    const struct account *account;
    struct link *link;
    struct capture *capture;
    struct folder folder;
    bool retry, examined;
    unsigned done, closed;
    bool free_when_done;
};

static void on_done(void *arg)
{
    struct stage *stage = arg;
    stage->done++;
    if (!stage->free_when_done)
        return;
    capture_free(stage->capture);
    stage->capture = NULL;
}

static void on_examined(void *arg, const struct imap_result *result,
                        const struct imap_mailbox *mailbox)
{
    struct stage *stage = arg;
    assert_int_equal(result->kind, IMAP_RESULT_OK);
    stage->folder.uidnext = mailbox->uidnext;
    stage->examined = true;
}

static void on_ready(void *arg)
{
    struct stage *stage = arg;
    imap_examine(link_session(stage->link), "INBOX", &(struct imap_resync){0}, on_examined, stage);
}

static void on_closed(void *arg, const struct imap_failure *failure)
{
    struct stage *stage = arg;
    assert_non_null(failure->reason);
    stage->closed++;
    capture_lose(stage->capture);
}

static void on_untagged(void *arg, const struct imap_untagged *untagged)
{
    struct stage *stage = arg;
    if (stage->capture != NULL)
        capture_untagged(stage->capture, untagged);
}

static bool on_body_begin(void *arg, const struct imap_body *body)
{
    struct stage *stage = arg;
    return stage->capture != NULL && capture_body_begin(stage->capture, body);
}

static void on_body_data(void *arg, const unsigned char *data, size_t len)
{
    struct stage *stage = arg;
    capture_body_data(stage->capture, data, len);
}

static void on_body_end(void *arg, bool complete)
{
    struct stage *stage = arg;
    capture_body_end(stage->capture, complete);
}

static int setup(void **state)
{
    struct stage *stage = xcalloc(1, sizeof(*stage));
    stage->fake = fake_new();
    stage->inbox = &stage->fake->folders[0];
    stage->account = &stage->fake->account;
    stage->capture = capture_new(&stage->fake->context);
    stage->folder = (struct folder){.name = (char *)"INBOX", .uidvalidity = 78};
    *state = stage;
    return 0;
}

static int teardown(void **state)
{
    struct stage *stage = *state;
    capture_free(stage->capture);
    link_free(stage->link);
    imap_uidset_clear(&stage->folder.vanished);
    imap_uidset_clear(&stage->folder.retry);
    imap_uidset_clear(&stage->folder.drafts);
    fake_free(stage->fake);
    free(stage);
    return 0;
}

/* Rules that want every message. */
static struct rule *want_all(struct stage *stage)
{
    struct rule *rule = make_rule(stage->fake->config.rules, "all");
    prepare(stage->fake->config.rules);
    return rule;
}

/* Rules that want those of bob, as their headers tell. */
static void want_bob(struct stage *stage)
{
    struct rule *rule = make_rule(stage->fake->config.rules, "bob");
    rule->from = LIST("bob@partner.test");
    rule->outgoing = rule->internal = SELECT_NONE;
    prepare(stage->fake->config.rules);
}

static const char from_eve[] =
    RECEIVED "From: eve@partner.test\r\nTo: alice@example.org\r\n\r\nx\r\n";

static void connect_it(struct stage *stage)
{
    static const struct imap_events events = {
        .on_ready = on_ready,
        .on_closed = on_closed,
        .on_untagged = on_untagged,
        .on_body_begin = on_body_begin,
        .on_body_data = on_body_data,
        .on_body_end = on_body_end,
    };
    struct link_login login = {
        .server = &stage->fake->server, .login = "alice", .secret = &stage->fake->account.secret};
    link_free(stage->link);
    if (stage->folder.ledger_id == 0)
        stage->folder.ledger_id = room_folder(&stage->fake->room, "alice", "INBOX", 78, 1, true);
    stage->examined = false;
    stage->link = link_new(stage->fake->context.links, &login, &events, stage);
    FAKE_AWAIT(stage->fake, stage->examined);
    fake_forget(stage->fake);
}

static void start(struct stage *stage)
{
    if (stage->link == NULL || link_session(stage->link) == NULL)
        connect_it(stage);
    stage->done = stage->closed = 0;
    capture_start(stage->capture, link_session(stage->link), &stage->account, &stage->folder,
                  stage->retry, on_done, stage);
    assert_true(capture_runs(stage->capture));
}

static void run(struct stage *stage)
{
    start(stage);
    FAKE_AWAIT(stage->fake, stage->done == 1);
    if (stage->capture != NULL)
        assert_false(capture_runs(stage->capture));
}

/* "1=captured 2=..." of all UIDs up to the last one given. */
static void assert_states(struct stage *stage, const char *expected)
{
    char got[400] = "";
    for (uint32_t uid = 1; uid < stage->inbox->uidnext; uid++) {
        size_t len = strlen(got);
        int state = fake_state(stage->fake, stage->inbox, uid);
        snprintf(got + len, sizeof(got) - len, "%u=%s ", uid,
                 state >= 0 ? uid_state_text((enum uid_state)state) : "none");
    }
    assert_string_equal(got, expected);
}

/* ---- what is asked of the server ---- */

static void nothing_new_ends_at_once(void **state)
{
    struct stage *stage = *state;
    want_all(stage);
    run(stage);
    assert_string_equal(stage->fake->received, "UID FETCH 1:* (UID FLAGS INTERNALDATE)\n");
    assert_int_equal(stage->folder.seen_through, 0);
}

static void without_a_rule_nothing_is_fetched(void **state)
{
    struct stage *stage = *state;
    prepare(stage->fake->config.rules);
    fake_mail(stage->fake, stage->inbox);
    fake_mail(stage->fake, stage->inbox);
    run(stage);
    assert_states(stage, "1=not wanted 2=not wanted ");
    assert_int_equal(fake_received(stage->fake, "BODY"), 0);
    assert_int_equal(stage->fake->context.count.not_wanted, 2);
    assert_int_equal(stage->folder.seen_through, 2);
}

static void if_all_are_wanted_bodies_are_fetched_at_once(void **state)
{
    struct stage *stage = *state;
    want_all(stage);
    fake_mail(stage->fake, stage->inbox);
    fake_mail(stage->fake, stage->inbox);
    run(stage);
    assert_states(stage, "1=captured 2=captured ");
    assert_string_equal(stage->fake->received, "UID FETCH 1:* (UID FLAGS INTERNALDATE)\n"
                                               "UID FETCH 1:2 (UID BODY.PEEK[])\n");
    assert_int_equal(stage->fake->stored, 2);
    run(stage); /* the last one is listed again: "3:*" */
    assert_int_equal(stage->fake->context.count.seen, 2);
}

static void headers_tell_which_bodies_are_wanted(void **state)
{
    struct stage *stage = *state;
    want_bob(stage);
    fake_deliver(stage->fake, stage->inbox, from_eve);
    fake_mail(stage->fake, stage->inbox);
    fake_deliver(stage->fake, stage->inbox, from_eve);
    run(stage);
    assert_states(stage, "1=not wanted 2=captured 3=not wanted ");
    assert_string_equal(stage->fake->received, "UID FETCH 1:* (UID FLAGS INTERNALDATE)\n"
                                               "UID FETCH 1:3 (UID RFC822.SIZE BODY.PEEK[HEADER])\n"
                                               "UID FETCH 2 (UID BODY.PEEK[])\n");
    fake_forget(stage->fake);
    fake_deliver(stage->fake, stage->inbox, from_eve);
    run(stage); /* none wanted: no body */
    assert_int_equal(fake_received(stage->fake, "BODY.PEEK[])"), 0);
    assert_int_equal(fake_state(stage->fake, stage->inbox, 4), UID_NOT_WANTED);
}

static void an_exempt_message_is_noted_with_its_rule(void **state)
{
    struct stage *stage = *state;
    make_rule(stage->fake->config.rules, "all");
    struct rule *rule = make_rule(stage->fake->config.rules, "privileged");
    rule->exempt = true;
    rule->incoming = rule->outgoing = rule->internal = SELECT_NONE;
    rule->addresses = LIST("bob@partner.test");
    prepare(stage->fake->config.rules);
    fake_mail(stage->fake, stage->inbox);
    run(stage);
    assert_states(stage, "1=exempt ");
    assert_int_equal(stage->fake->context.count.exempt, 1);
    assert_int_equal(stage->fake->context.exempt_by.n, 1);
    assert_string_equal(stage->fake->context.exempt_by.list[0].rule, "privileged");
    assert_int_equal(stage->fake->context.exempt_by.list[0].count, 1);
}

/* Nothing of an exempt owner's mail is fetched, and the ledger still says why. */
static void mail_of_an_exempt_owner_is_noted_with_its_rule(void **state)
{
    struct stage *stage = *state;
    make_rule(stage->fake->config.rules, "all");
    struct rule *rule = make_rule(stage->fake->config.rules, "privileged");
    rule->exempt = true;
    rule->incoming = rule->outgoing = rule->internal = SELECT_NONE;
    rule->addresses = LIST("alice@*");
    prepare(stage->fake->config.rules);
    fake_mail(stage->fake, stage->inbox);
    run(stage);
    assert_states(stage, "1=exempt ");
    assert_int_equal(fake_received(stage->fake, "BODY.PEEK"), 0);
    assert_int_equal(stage->fake->context.exempt_by.n, 1);
}

static void a_long_header_is_read_up_to_its_limit(void **state)
{
    struct stage *stage = *state;
    size_t len = 300000;
    char *text = xmalloc(len + 1);
    want_bob(stage);
    memset(text, 'x', len);
    memcpy(text, "From: bob@partner.test\r\n" RECEIVED "X-Long: ",
           strlen("From: bob@partner.test\r\n" RECEIVED "X-Long: "));
    strcpy(text + len - 9, "\r\n\r\nbody");
    fake_deliver(stage->fake, stage->inbox, text);
    fake_deliver(stage->fake, stage->inbox, from_eve);
    run(stage);
    assert_int_equal(fake_state(stage->fake, stage->inbox, 1), UID_CAPTURED);
    assert_int_equal(fake_state(stage->fake, stage->inbox, 2), UID_NOT_WANTED);
    free(text);
}

static void a_backlog_is_worked_off_window_by_window(void **state)
{
    struct stage *stage = *state;
    want_all(stage);
    for (unsigned i = 0; i < LIMIT_FETCH_WINDOW + 3; i++)
        fake_mail(stage->fake, stage->inbox);
    run(stage);
    assert_int_equal(fake_received(stage->fake, "UID FETCH 1:500 (UID BODY.PEEK[])"), 1);
    assert_int_equal(fake_received(stage->fake, "UID FETCH 501:503 (UID BODY.PEEK[])"), 1);
    FAKE_AWAIT(stage->fake, stage->fake->context.count.captured == LIMIT_FETCH_WINDOW + 3);
}

/* ---- drafts ---- */

static const char by_alice[] =
    "From: alice@example.org\r\nTo: bob@partner.test\r\nSubject: draft\r\n\r\nx\r\n";

static void deliver_draft(struct stage *stage, const char *text)
{
    fake_deliver(stage->fake, stage->inbox, text);
    fake_nth(stage->inbox, stage->inbox->count - 1)->flags = "\\Seen \\Draft";
}

static void drafts_are_no_mail_but_in_sent(void **state)
{
    struct stage *stage = *state;
    want_all(stage);
    deliver_draft(stage, by_alice);
    run(stage);
    assert_states(stage, "1=draft ");
    assert_int_equal(fake_received(stage->fake, "BODY.PEEK[])"), 0);
    deliver_draft(stage, by_alice);
    stage->folder.role = FOLDER_SENT;
    run(stage);
    assert_int_equal(fake_state(stage->fake, stage->inbox, 2), UID_CAPTURED);
}

/* Sieve: addflag "\\Draft". */
static void what_was_delivered_is_no_draft_whatever_its_flags(void **state)
{
    static const char *const traces[] = {
        RECEIVED, "Return-Path: <>\r\n", "Delivered-To: alice@example.org\r\n",
        "X-Original-To: alice@example.org\r\n", "Envelope-To: alice@example.org\r\n"};
    struct stage *stage = *state;
    want_bob(stage);
    for (int all = 0; all < 2; all++) {
        for (size_t i = 0; i < sizeof(traces) / sizeof(*traces); i++) {
            char *text = xasprintf(
                "%sFrom: bob@partner.test\r\nTo: alice@example.org\r\n\r\n%d\r\n", traces[i], all);
            deliver_draft(stage, text);
            free(text);
        }
        fake_mail(stage->fake, stage->inbox);
        deliver_draft(stage, by_alice);
        run(stage);
        want_all(stage);
    }
    assert_states(stage, "1=captured 2=captured 3=captured 4=captured 5=captured 6=captured "
                         "7=draft 8=captured 9=captured 10=captured 11=captured 12=captured "
                         "13=captured 14=draft ");
}

static void a_draft_that_loses_the_flag_is_mail(void **state)
{
    struct stage *stage = *state;
    want_all(stage);
    for (unsigned i = 0; i < 4; i++)
        deliver_draft(stage, i == 3 ? RECEIVED "From: bob@partner.test\r\n\r\n" : by_alice);
    run(stage);
    assert_states(stage, "1=draft 2=draft 3=draft 4=captured ");
    fake_nth(stage->inbox, 1)->flags = "\\Seen";
    fake_forget(stage->fake);
    run(stage); /* not asked */
    assert_int_equal(fake_state(stage->fake, stage->inbox, 2), UID_DRAFT);
    fake_override(stage->fake, "UID FETCH 1:* (UID FLAGS*", "$ NO not now", 1);
    stage->folder.drafts_due = true;
    run(stage); /* refused: asked again */
    stage->folder.drafts_due = true;
    fake_forget(stage->fake);
    run(stage);
    assert_int_equal(fake_received(stage->fake, "UID FETCH 1:3,5:* (UID FLAGS INTERNALDATE)"), 1);
    assert_states(stage, "1=draft 2=captured 3=draft 4=captured ");
    fake_nth(stage->inbox, 0)->flags = "";
    fake_expunge(stage->fake, stage->inbox, 3, false);
    stage->folder.drafts_due = true;
    fake_forget(stage->fake);
    run(stage);
    assert_int_equal(fake_received(stage->fake, "UID FETCH 1,3,5:* (UID FLAGS INTERNALDATE)"), 1);
    assert_int_equal(fake_state(stage->fake, stage->inbox, 1), UID_CAPTURED); /* two of her own */
    assert_int_equal(fake_state(stage->fake, stage->inbox, 3), UID_VANISHED_INFERRED);
    assert_int_equal(stage->folder.drafts.count, 0);
    assert_int_equal(stage->folder.seen_through, 4);
}

static void a_draft_that_is_gone_has_vanished(void **state)
{
    struct stage *stage = *state;
    want_all(stage);
    for (unsigned i = 0; i < 6; i++)
        deliver_draft(stage, by_alice);
    fake_mail(stage->fake, stage->inbox);
    run(stage);
    fake_nth(stage->inbox, 3)->flags = "";
    fake_expunge(stage->fake, stage->inbox, 1, false);
    fake_expunge(stage->fake, stage->inbox, 3, false);
    fake_expunge(stage->fake, stage->inbox, 6, false);
    fake_override(stage->fake, "UID FETCH 1:* (UID FLAGS*", "$ NO not now", 1);
    stage->folder.drafts_due = true;
    run(stage); /* nothing is known then */
    assert_states(stage, "1=draft 2=draft 3=draft 4=draft 5=draft 6=draft 7=captured ");
    for (unsigned i = 0; i < 2; i++) {
        stage->folder.drafts_due = true;
        run(stage);
        assert_states(stage, "1=vanished (inferred) 2=draft 3=vanished (inferred) 4=captured "
                             "5=draft 6=vanished (inferred) 7=captured ");
        assert_int_equal(imap_uidset_size(&stage->folder.drafts), 2);
        assert_int_equal(stage->fake->context.count.vanished, 3);
    }
}

static void drafts_are_known_again_from_the_ledger(void **state)
{
    struct stage *stage = *state;
    want_all(stage);
    for (unsigned i = 0; i < 3; i++)
        deliver_draft(stage, by_alice);
    fake_mail(stage->fake, stage->inbox);
    deliver_draft(stage, by_alice);
    run(stage);
    room_folder(&stage->fake->room, "alice", "INBOX", 78, 6, false);
    assert_int_equal(stage->fake->room.folder.n_drafts, 2);
}

/* ---- before the baseline ---- */

static void what_is_older_than_the_first_sight_is_left_alone(void **state)
{
    struct stage *stage = *state;
    want_all(stage);
    for (unsigned i = 0; i < 3; i++)
        fake_mail(stage->fake, stage->inbox);
    stage->folder.baseline_at = time(NULL) - 10;
    stage->folder.look_through = 2;
    fake_nth(stage->inbox, 0)->internaldate -= 1000;
    fake_nth(stage->inbox, 2)->internaldate -= 1000; /* a copy that came later */
    run(stage);
    assert_states(stage, "1=before baseline 2=captured 3=captured ");
    assert_int_equal(fake_received(stage->fake, "UID FETCH 1 (UID RFC822.SIZE BODY.PEEK[HEADER])"),
                     1);
    assert_int_equal(fake_received(stage->fake, "UID FETCH 2:3 (UID BODY.PEEK[])"), 1);
}

/* RECEIVED is of 2026-01-01. */
static void a_date_alone_does_not_precede_the_baseline(void **state)
{
    static const char *const headers[] = {
        "From: alice@example.org\r\nTo: bob@partner.test\r\n\r\nsent\r\n",
        "Received: from a by b; Thu, 1 Jan 2026 00:00:00\r\nFrom: bob@partner.test\r\n\r\n",
        "Received: from a by b\r\n" RECEIVED "From: bob@partner.test\r\n\r\n",
        "Received: by b; Fri, 2 Jan 2026 00:00:00 +0000\r\n" RECEIVED
        "From: bob@partner.test\r\n\r\n",
        RECEIVED "From: bob@partner.test\r\n\r\n",
    };
    struct stage *stage = *state;
    size_t n = sizeof(headers) / sizeof(*headers);
    want_all(stage);
    for (size_t i = 0; i < n; i++) {
        fake_deliver(stage->fake, stage->inbox, headers[i]);
        fake_nth(stage->inbox, i)->internaldate = 1000000000;
    }
    stage->folder.baseline_at = 1767225600 + 60;
    stage->folder.look_through = (uint32_t)n;
    run(stage);
    assert_states(stage, "1=captured 2=captured 3=captured 4=captured 5=before baseline ");
}

/* ---- dates ---- */

static void a_guess_is_not_in_the_future(void **state)
{
    struct stage *stage = *state;
    want_all(stage);
    fake_deliver(stage->fake, stage->inbox,
                 "From: bob@partner.test\r\nDate: 31 Dec 9999 00:00:00 +0000\r\n\r\n");
    fake_override(stage->fake, "UID FETCH * (UID FLAGS*",
                  "* 1 FETCH (UID 1 FLAGS () INTERNALDATE NIL)\n$ OK", 1);
    run(stage);
    assert_states(stage, "1=captured ");
    int64_t at = room_sql(&stage->fake->room, "SELECT internaldate FROM message");
    assert_in_range(at, time(NULL) - 60, time(NULL));
}

static void a_message_without_a_usable_date_gets_the_best_guess(void **state)
{
    static const char *const dates[] = {
        "INTERNALDATE \"00-Jan-0000 00:00:00 +0000\"",
        "INTERNALDATE \"01-Jan-2026 00:00:00 +9900\"",
        "INTERNALDATE \"31-Feb-2026 00:00:00 +0000\"",
        "INTERNALDATE \"01-Jan-1970 00:00:00 +0000\"",
        "INTERNALDATE NIL",
        "INTERNALDATE \"\"",
        "INTERNALDATE (1)",
        "EMAILID (x)",
    };
    struct stage *stage = *state;
    want_all(stage);
    for (size_t i = 0; i < sizeof(dates) / sizeof(*dates); i++) {
        uint32_t uid = fake_mail(stage->fake, stage->inbox);
        char *reply = xasprintf("* %u FETCH (UID %u FLAGS () %s)\n$ OK", uid, uid, dates[i]);
        char *sql = xasprintf("SELECT internaldate FROM message WHERE uid = %u", uid);
        fake_override(stage->fake, "UID FETCH * (UID FLAGS*", reply, 1);
        run(stage);
        if (fake_state(stage->fake, stage->inbox, uid) != UID_CAPTURED)
            fail_msg("%s: %d", dates[i], fake_state(stage->fake, stage->inbox, uid));
        if (room_sql(&stage->fake->room, sql) != 1767225600)
            fail_msg("%s: %lld", dates[i], (long long)room_sql(&stage->fake->room, sql));
        free(reply);
        free(sql);
    }
    char *sql = xasprintf("SELECT count(*) FROM copy WHERE plan LIKE '%%warnings %u%%'",
                          WARNING_DATE_UNKNOWN);
    assert_int_equal(room_sql(&stage->fake->room, sql), sizeof(dates) / sizeof(*dates));
    free(sql);
}

/* ---- the list ---- */

struct list_case {
    const char *title, *reply;
    const char *states;
};

static const struct list_case list_cases[] = {
    {"NO", "$ NO not now", "1=none 2=none "},
    {"BAD", "$ BAD what", "1=none 2=none "},
    {"OK with nothing", "$ OK nothing", "1=none 2=none "},
    {"NO after some", "* 1 FETCH (UID 1 FLAGS ())\n$ NO half of it", "1=captured 2=none "},
    {"any order, twice",
     "* 2 FETCH (UID 2 FLAGS ())\n* 1 FETCH (FLAGS () UID 1)\n"
     "* 2 FETCH (UID 2 FLAGS (\\Seen))\n$ OK",
     "1=captured 2=captured "},
    {"without FLAGS or UID", "* 1 FETCH (UID 1)\n* 2 FETCH (FLAGS ())\n$ OK", "1=none 2=none "},
    {"other units", "* 9 EXISTS\n* VANISHED 1\nCONTINUE", "1=captured 2=captured "},
    {"garbage", "* 1 FETCH (UID x FLAGS (\n* 2 FETCH ()\nCONTINUE", "1=captured 2=captured "},
};

static void any_reply_to_the_list_is_survived(void **state)
{
    struct stage *stage = *state;
    want_all(stage);
    for (size_t i = 0; i < sizeof(list_cases) / sizeof(*list_cases); i++) {
        char pattern[] = "UID FETCH * (UID FLAGS INTERNALDATE)";
        stage->inbox->uidvalidity = stage->folder.uidvalidity = 100 + (uint32_t)i;
        fake_empty(stage->inbox);
        stage->inbox->uidnext = 1;
        fake_mail(stage->fake, stage->inbox);
        fake_mail(stage->fake, stage->inbox);
        char *text = xasprintf(RECEIVED "From: bob@partner.test\r\n\r\n%zu\r\n", i);
        fake_deliver(stage->fake, stage->inbox, text); /* of its own content */
        free(text);
        fake_expunge(stage->fake, stage->inbox, 3, false);
        stage->inbox->uidnext = 3;
        stage->folder.ledger_id =
            room_folder(&stage->fake->room, "bob", "INBOX", stage->folder.uidvalidity, 1, true);
        stage->folder.seen_through = stage->folder.uidnext = 0;
        fake_override(stage->fake, pattern, list_cases[i].reply, 1);
        run(stage);
        for (size_t k = 0; k < 2; k++) {
            int found = fake_state(stage->fake, stage->inbox, (uint32_t)k + 1);
            bool none = strstr(list_cases[i].states, k == 0 ? "1=none" : "2=none") != NULL;
            if (none != (found == -1))
                fail_msg("%s: message %zu has state %d", list_cases[i].title, k + 1, found);
        }
        run(stage); /* and the next list finds them all */
        assert_int_not_equal(fake_state(stage->fake, stage->inbox, 1), -1);
        assert_int_not_equal(fake_state(stage->fake, stage->inbox, 2), -1);
    }
}

static void a_list_without_end_is_cut(void **state)
{
    struct stage *stage = *state;
    struct evbuffer *reply = evbuffer_new();
    for (unsigned uid = 1; uid <= LIMIT_LISTED + 2; uid++)
        evbuffer_add_printf(reply, "* %u FETCH (UID %u FLAGS ())\n", uid, uid);
    evbuffer_add(reply, "$ OK", sizeof("$ OK"));
    prepare(stage->fake->config.rules);
    fake_override(stage->fake, "UID FETCH*FLAGS*", (const char *)evbuffer_pullup(reply, -1), 1);
    run(stage);
    assert_int_equal(stage->folder.seen_through, LIMIT_LISTED);
    assert_true(stage->folder.dirty); /* the rest is listed next */
    assert_int_equal(stage->fake->context.count.not_wanted, LIMIT_LISTED);
    evbuffer_free(reply);
}

/* ---- what does not come ---- */

struct fetch_case {
    const char *title;
    bool by_header;
    const char *pattern, *reply;
    unsigned times;
    const char *states;
};

#define BODIES "UID FETCH 1:3 (UID BODY.PEEK[[]])"
#define HEADERS "UID FETCH 1:3 (UID RFC822.SIZE*"
#define SINGLE "UID FETCH 2 (UID BODY.PEEK[[]])"
#define ALL_CAPTURED "1=captured 2=captured 3=captured "
#define SECOND_UNFETCHED "1=captured 2=unfetched 3=captured "

static const struct fetch_case fetch_cases[] = {
    {"bodies: NO", false, BODIES, "$ NO later", 1, ALL_CAPTURED},
    {"bodies: BAD", false, BODIES, "$ BAD what", 1, ALL_CAPTURED},
    {"bodies: OK with nothing", false, BODIES, "$ OK", 1, ALL_CAPTURED},
    {"bodies: of others", false, BODIES,
     "* 9 FETCH (UID 99 BODY[] {1}\nx)\n* 1 FETCH (BODY[] {1}\nx)\n* 1 FETCH (UID 1 FLAGS ())\n"
     "* 1 FETCH (UID 1 BODY[TEXT] {1}\nx)\nCONTINUE",
     1, ALL_CAPTURED},
    {"bodies: empty ones first", false, BODIES, "* 1 FETCH (UID 1 BODY[] \"\")\nCONTINUE", 1,
     ALL_CAPTURED},
    {"bodies: NIL first", false, BODIES, "* 1 FETCH (UID 1 BODY[] NIL)\nCONTINUE", 1, ALL_CAPTURED},
    {"bodies: twice", false, BODIES, "CONTINUE", 1, ALL_CAPTURED},
    {"headers: NO", true, HEADERS, "$ NO later", 1, ALL_CAPTURED},
    {"headers: BAD", true, HEADERS, "$ BAD what", 1, ALL_CAPTURED},
    {"headers: OK with nothing", true, HEADERS, "$ OK", 1, ALL_CAPTURED},
    {"headers: NIL", true, HEADERS, "* 1 FETCH (UID 1 BODY[HEADER] NIL)\n$ OK", 1, ALL_CAPTURED},
    {"bodies after headers: NO", true, BODIES, "$ NO later", 1, ALL_CAPTURED},
    {"one that never comes: NO", false, SINGLE, "$ NO broken", 9, ALL_CAPTURED},
};

static void renew_inbox(struct stage *stage, uint32_t uidvalidity, size_t n)
{
    static unsigned serial;
    fake_empty(stage->inbox);
    stage->inbox->uidnext = 1;
    for (size_t i = 0; i < n; i++) {
        char *text = xasprintf(
            RECEIVED "From: bob@partner.test\r\nTo: alice@example.org\r\n\r\n%u\r\n", ++serial);
        fake_deliver(stage->fake, stage->inbox, text);
        free(text);
    }
    stage->inbox->uidvalidity = stage->folder.uidvalidity = uidvalidity;
    stage->folder.ledger_id =
        room_folder(&stage->fake->room, "alice", "INBOX", uidvalidity, 1, true);
    stage->folder.seen_through = stage->folder.uidnext = 0;
    stage->folder.retries = 0;
    imap_uidset_clear(&stage->folder.vanished);
    imap_uidset_clear(&stage->folder.retry);
}

static void what_does_not_come_is_asked_for_by_itself(void **state)
{
    struct stage *stage = *state;
    for (size_t i = 0; i < sizeof(fetch_cases) / sizeof(*fetch_cases); i++) {
        const struct fetch_case *one = &fetch_cases[i];
        rule_set_free(stage->fake->config.rules);
        stage->fake->config.rules = make_set();
        if (one->by_header)
            want_bob(stage);
        else
            want_all(stage);
        renew_inbox(stage, 200 + (uint32_t)i, 3);
        fake_clear_overrides(stage->fake);
        fake_override(stage->fake, one->pattern, one->reply, one->times);
        run(stage);
        assert_int_equal(stage->closed, 0);
        for (uint32_t uid = 1; uid <= 3; uid++)
            if (fake_state(stage->fake, stage->inbox, uid) != UID_CAPTURED)
                fail_msg("%s: message %u: %d\n%s", one->title, uid,
                         fake_state(stage->fake, stage->inbox, uid), stage->fake->received);
    }
}

static void one_that_never_comes_stops_no_other(void **state)
{
    struct stage *stage = *state;
    static const char *const replies[] = {"$ NO broken", "$ BAD broken", "$ OK nothing",
                                          "* 2 FETCH (UID 2 BODY[] \"\")\n$ OK",
                                          "* 2 FETCH (UID 2 BODY[] NIL)\n$ OK"};
    want_all(stage);
    for (size_t i = 0; i < sizeof(replies) / sizeof(*replies); i++) {
        renew_inbox(stage, 300 + (uint32_t)i, 3);
        fake_nth(stage->inbox, 1)->body = i % 2 == 0 ? "-" : "\"\"";
        fake_clear_overrides(stage->fake);
        fake_override(stage->fake, SINGLE, replies[i], 1);
        run(stage);
        assert_states(stage, SECOND_UNFETCHED);
        assert_int_equal(stage->folder.retry.count, 1);
        assert_int_equal(stage->fake->context.count.unfetched, i + 1);
        assert_int_equal(stage->folder.seen_through, 3);
    }
}

static void it_is_tried_again_and_given_up_in_the_end(void **state)
{
    struct stage *stage = *state;
    want_all(stage);
    renew_inbox(stage, 400, 3);
    fake_nth(stage->inbox, 1)->body = "NIL";
    run(stage);
    assert_states(stage, SECOND_UNFETCHED);
    run(stage); /* not yet */
    assert_int_equal(fake_received(stage->fake, "UID FETCH 2,"), 0);
    stage->retry = true;
    run(stage);
    assert_int_equal(fake_received(stage->fake, "UID FETCH 2,4:*"), 1);
    assert_states(stage, SECOND_UNFETCHED);
    assert_int_equal(stage->folder.retry.count, 1);
    stage->folder.retries = LIMIT_UNFETCHED_TRIES;
    run(stage);
    assert_states(stage, "1=captured 2=failed 3=captured ");
    assert_int_equal(stage->fake->context.count.failed, 1);
    assert_int_equal(stage->folder.retry.count, 0);
}

static void what_was_to_be_tried_again_may_come_or_go(void **state)
{
    struct stage *stage = *state;
    want_all(stage);
    renew_inbox(stage, 400, 3);
    fake_nth(stage->inbox, 0)->body = fake_nth(stage->inbox, 1)->body = "-";
    run(stage);
    assert_states(stage, "1=unfetched 2=unfetched 3=captured ");
    fake_nth(stage->inbox, 1)->body = NULL;
    fake_expunge(stage->fake, stage->inbox, 1, false);
    stage->retry = true;
    run(stage);
    assert_states(stage, "1=vanished (inferred) 2=captured 3=captured ");
}

static void what_goes_while_it_is_fetched_has_vanished(void **state)
{
    struct stage *stage = *state;
    want_all(stage);
    renew_inbox(stage, 500, 3);
    imap_uidset_add(&stage->folder.vanished, 3, 3); /* VANISHED comes to the watch */
    fake_nth(stage->inbox, 1)->body = fake_nth(stage->inbox, 2)->body = "-";
    fake_override(stage->fake, "UID FETCH 2:3 (UID)", "$ OK nothing", 1);
    run(stage);
    assert_states(stage, "1=captured 2=vanished (inferred) 3=vanished ");
}

/* ---- gaps ---- */

static void gaps_are_inferred_or_proven(void **state)
{
    struct stage *stage = *state;
    want_all(stage);
    renew_inbox(stage, 600, 9);
    for (uint32_t uid = 1; uid <= 8; uid++)
        if (uid != 4)
            fake_expunge(stage->fake, stage->inbox, uid, false);
    imap_uidset_add(&stage->folder.vanished, 2, 2);
    imap_uidset_add(&stage->folder.vanished, 6, 7);
    imap_uidset_add(&stage->folder.vanished, 20, 30);
    run(stage);
    assert_states(stage, "1=vanished (inferred) 2=vanished 3=vanished (inferred) 4=captured "
                         "5=vanished (inferred) 6=vanished 7=vanished 8=vanished (inferred) "
                         "9=captured ");
    assert_int_equal(stage->fake->context.count.vanished, 7);
}

/* After the last message only what is proven, and only below UIDNEXT. */
static void after_the_last_message_only_proof_counts(void **state)
{
    struct stage *stage = *state;
    want_all(stage);
    renew_inbox(stage, 600, 5);
    for (uint32_t uid = 3; uid <= 5; uid++)
        fake_expunge(stage->fake, stage->inbox, uid, false);
    stage->folder.uidnext = 6;
    run(stage);
    assert_states(stage, "1=captured 2=captured 3=none 4=none 5=none ");
    imap_uidset_add(&stage->folder.vanished, 3, 4);
    imap_uidset_add(&stage->folder.vanished, 5, UINT32_MAX);
    stage->folder.uidnext = 0;
    run(stage);
    assert_int_equal(stage->folder.seen_through, 2);
    stage->folder.uidnext = 6;
    run(stage);
    assert_states(stage, "1=captured 2=captured 3=vanished 4=vanished 5=vanished ");
    assert_int_equal(stage->folder.seen_through, 5);
}

static void the_last_uid_there_is_ends_it(void **state)
{
    struct stage *stage = *state;
    want_all(stage);
    connect_it(stage);
    stage->folder.seen_through = UINT32_MAX - 2;
    imap_uidset_add(&stage->folder.vanished, UINT32_MAX - 1, UINT32_MAX);
    stage->inbox->uidnext = UINT32_MAX;
    stage->folder.uidnext = UINT32_MAX;
    fake_override(stage->fake, "UID FETCH*FLAGS*",
                  "* 1 FETCH (UID 4294967295 FLAGS (\\Draft))\n$ OK", 1);
    run(stage);
    assert_int_equal(stage->folder.seen_through, UINT32_MAX);
    stage->retry = true;
    imap_uidset_add(&stage->folder.retry, UINT32_MAX, UINT32_MAX);
    run(stage); /* UINT32_MAX + 1 is not asked for */
    assert_int_equal(fake_received(stage->fake, "UID FETCH 0"), 0);
}

/* ---- the session ends ---- */

struct loss_case {
    bool by_header;
    const char *pattern;
    enum step step;
};

static const struct loss_case loss_cases[] = {
    {false, "UID FETCH * (UID FLAGS*", STEP_LIST},
    {true, HEADERS, STEP_HEADERS},
    {false, BODIES, STEP_BODIES},
    {false, "UID FETCH * (UID)", STEP_MISSING},
    {false, SINGLE, STEP_SINGLE},
};

static void the_session_may_be_lost_in_any_step(void **state)
{
    struct stage *stage = *state;
    static const char *const ends[] = {"CLOSE", "* BYE later\nCLOSE",
                                       "* 1 FETCH (UID 1 BODY[] {1000}\nFrom: x\nCLOSE"};
    for (size_t i = 0; i < 3 * sizeof(loss_cases) / sizeof(*loss_cases); i++) {
        const struct loss_case *one = &loss_cases[i / 3];
        rule_set_free(stage->fake->config.rules);
        stage->fake->config.rules = make_set();
        if (one->by_header)
            want_bob(stage);
        else
            want_all(stage);
        renew_inbox(stage, 700 + (uint32_t)i, 3);
        stage->folder.strikes = stage->folder.suspect = 0;
        fake_nth(stage->inbox, 1)->body = "-";
        fake_clear_overrides(stage->fake);
        fake_override(stage->fake, one->pattern, ends[i % 3], 1);
        start(stage);
        FAKE_AWAIT(stage->fake, stage->closed == 1);
        assert_int_equal(stage->done, 0);
        assert_false(capture_runs(stage->capture));
        fake_nth(stage->inbox, 1)->body = NULL;
        run(stage);
        assert_states(stage, ALL_CAPTURED);
    }
}

/* A message that kills its session each time is left out after LIMIT_SUSPECT. */
static void a_message_that_costs_sessions_is_left_out(void **state)
{
    struct stage *stage = *state;
    want_all(stage);
    renew_inbox(stage, 800, 3);
    fake_nth(stage->inbox, 1)->body = "-";
    fake_override(stage->fake, SINGLE, "CLOSE", 100);
    for (unsigned i = 0; i < LIMIT_SUSPECT; i++) {
        start(stage);
        FAKE_AWAIT(stage->fake, stage->closed == 1);
    }
    assert_int_equal(stage->folder.suspect, 2);
    assert_int_equal(stage->folder.strikes, LIMIT_SUSPECT);
    fake_mail(stage->fake, stage->inbox);
    run(stage);
    assert_states(stage, "1=captured 2=unfetched 3=captured 4=captured ");
    assert_int_equal(stage->folder.suspect, 0);
    assert_int_equal(stage->folder.strikes, 0);
}

static void losing_nothing_is_nothing(void **state)
{
    struct stage *stage = *state;
    capture_lose(stage->capture);
    capture_free(NULL);
    assert_false(capture_runs(stage->capture));
    assert_false(capture_body_begin(stage->capture, &(struct imap_body){.section = "", .uid = 1}));
    capture_untagged(stage->capture, &(struct imap_untagged){.kind = IMAP_UNTAGGED_FETCH});
    assert_int_equal(stage->folder.strikes, 0);
}

static void freed_in_any_step(void **state)
{
    struct stage *stage = *state;
    want_all(stage);
    for (size_t i = 0; i < sizeof(loss_cases) / sizeof(*loss_cases); i++) {
        if (loss_cases[i].by_header)
            continue;
        renew_inbox(stage, 900 + (uint32_t)i, 3);
        fake_nth(stage->inbox, 1)->body = "-";
        fake_clear_overrides(stage->fake);
        fake_override(stage->fake, loss_cases[i].pattern, "", 1);
        connect_it(stage);
        start(stage);
        FAKE_AWAIT(stage->fake, stage->capture->step == loss_cases[i].step &&
                                    stage->fake->overrides[0].times == 0);
        capture_free(stage->capture);
        stage->capture = NULL;
        link_free(stage->link);
        stage->link = NULL;
        fake_run(stage->fake, 10);
        stage->capture = capture_new(&stage->fake->context);
    }
}

static void freed_when_done(void **state)
{
    struct stage *stage = *state;
    want_all(stage);
    renew_inbox(stage, 950, 2);
    stage->free_when_done = true;
    run(stage);
    assert_null(stage->capture);
}

/* ---- room in the spool ---- */

/* A ledger whose spool is full after little. */
static void make_spool_small(struct stage *stage)
{
    struct ledger_options options = room_options(&stage->fake->room);
    options.buffer_high = 64 * 1024;
    room_close(&stage->fake->room);
    spool_room_free(stage->fake->context.spool_room);
    fake_open_ledger(stage->fake, &options);
}

static void deliver_big(struct stage *stage, size_t n)
{
    size_t len = 200000;
    char *text = xmalloc(len + 1);
    for (size_t i = 0; i < n; i++) {
        int used = snprintf(text, 200, RECEIVED "From: bob@partner.test\r\nX: %zu\r\n\r\n", i);
        memset(text + used, 'a' + (int)i, len - (size_t)used);
        text[len] = '\0';
        fake_deliver(stage->fake, stage->inbox, text);
    }
    free(text);
}

static void a_full_spool_pauses_the_session(void **state)
{
    struct stage *stage = *state;
    bool was_paused = false;
    want_all(stage);
    make_spool_small(stage);
    deliver_big(stage, 8);
    start(stage);
    while (stage->done == 0) {
        event_base_loop(stage->fake->room.base, EVLOOP_ONCE);
        was_paused |= spool_waiter_is_paused(&stage->capture->waiter);
    }
    assert_true(was_paused);
    for (uint32_t uid = 1; uid <= 8; uid++)
        assert_int_equal(fake_state(stage->fake, stage->inbox, uid), UID_CAPTURED);
    assert_false(spool_waiter_is_paused(&stage->capture->waiter));
}

static void a_paused_one_may_be_lost_or_freed(void **state)
{
    struct stage *stage = *state;
    want_all(stage);
    make_spool_small(stage);
    deliver_big(stage, 8);
    for (unsigned i = 0; i < 2; i++) {
        start(stage);
        while (!spool_waiter_is_paused(&stage->capture->waiter)) {
            assert_int_equal(stage->done, 0);
            event_base_loop(stage->fake->room.base, EVLOOP_ONCE);
        }
        if (i == 0) {
            capture_lose(stage->capture);
        } else {
            capture_free(stage->capture);
            stage->capture = NULL;
        }
        link_free(stage->link);
        stage->link = NULL;
        fake_run(stage->fake, 30);
    }
}

/* ---- reloads ---- */

/* Rules that read bodies come while one arrives that was not scanned: it is fetched again. */
static void rules_that_come_meanwhile_get_what_they_need(void **state)
{
    struct stage *stage = *state;
    want_all(stage);
    renew_inbox(stage, 960, 1);
    fake_override(stage->fake, "UID FETCH 1 (UID BODY.PEEK*",
                  "* 1 FETCH (UID 1 BODY[] {60}\nFrom: bob@partner.test\n", 1);
    start(stage);
    FAKE_AWAIT(stage->fake, stage->capture->arriving != NULL);
    struct rule_set *old = stage->fake->config.rules;
    stage->fake->config.rules = make_set();
    struct rule *rule = make_rule(stage->fake->config.rules, "zip");
    rule->attachment = LIST("*.zip");
    prepare(stage->fake->config.rules);
    rule_set_free(old);
    fake_announce(stage->fake, "Subject: x\r\n\r\n0123456789012345678901)");
    FAKE_AWAIT(stage->fake, stage->capture->arriving == NULL);
    assert_int_equal(fake_state(stage->fake, stage->inbox, 1), -1);
    assert_int_equal(stage->capture->emitted, 0);
    fake_drop(stage->fake);
    FAKE_AWAIT(stage->fake, stage->closed == 1);
    run(stage);
    assert_states(stage, "1=not wanted ");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_new_ends_at_once),
        TEST(without_a_rule_nothing_is_fetched),
        TEST(if_all_are_wanted_bodies_are_fetched_at_once),
        TEST(headers_tell_which_bodies_are_wanted),
        TEST(an_exempt_message_is_noted_with_its_rule),
        TEST(mail_of_an_exempt_owner_is_noted_with_its_rule),
        TEST(a_long_header_is_read_up_to_its_limit),
        TEST(a_backlog_is_worked_off_window_by_window),
        TEST(drafts_are_no_mail_but_in_sent),
        TEST(what_was_delivered_is_no_draft_whatever_its_flags),
        TEST(a_draft_that_loses_the_flag_is_mail),
        TEST(a_draft_that_is_gone_has_vanished),
        TEST(drafts_are_known_again_from_the_ledger),
        TEST(what_is_older_than_the_first_sight_is_left_alone),
        TEST(a_date_alone_does_not_precede_the_baseline),
        TEST(a_guess_is_not_in_the_future),
        TEST(a_message_without_a_usable_date_gets_the_best_guess),
        TEST(any_reply_to_the_list_is_survived),
        TEST(a_list_without_end_is_cut),
        TEST(what_does_not_come_is_asked_for_by_itself),
        TEST(one_that_never_comes_stops_no_other),
        TEST(it_is_tried_again_and_given_up_in_the_end),
        TEST(what_was_to_be_tried_again_may_come_or_go),
        TEST(what_goes_while_it_is_fetched_has_vanished),
        TEST(gaps_are_inferred_or_proven),
        TEST(after_the_last_message_only_proof_counts),
        TEST(the_last_uid_there_is_ends_it),
        TEST(the_session_may_be_lost_in_any_step),
        TEST(a_message_that_costs_sessions_is_left_out),
        TEST(losing_nothing_is_nothing),
        TEST(freed_in_any_step),
        TEST(freed_when_done),
        TEST(a_full_spool_pauses_the_session),
        TEST(a_paused_one_may_be_lost_or_freed),
        TEST(rules_that_come_meanwhile_get_what_they_need),
    };
    cmocka_set_test_filter(getenv("ONLY"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
