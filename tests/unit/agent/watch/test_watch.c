/* A watch: its steps in each mode, what a server may reply to each, and sessions that are lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/capture/fake_mailboxes.h"
#include "agent/watch/private.h"

struct stage {
    struct fake *fake;
    struct fake_folder *inbox;
    const struct account *account;
    struct watch *watch;
    bool is_main, baseline;
    bool stays_down; /* no attempt before its time */
    unsigned listings, watchings, downs;
    bool refused;
    const char *free_in; /* the callback that frees the watch */
};

static bool maybe_free(struct stage *stage, const char *callback)
{
    if (stage->free_in == NULL || strcmp(stage->free_in, callback) != 0)
        return false;
    watch_free(stage->watch);
    stage->watch = NULL;
    return true;
}

static void on_listing(void *arg, const struct folder_list *list)
{
    struct stage *stage = arg;
    stage->listings++;
    if (maybe_free(stage, "listing"))
        return;
    struct folder_choice *choice = folder_list_choose(list, stage->account->folders);
    for (size_t i = 0; i < choice->count; i++)
        choice->folders[i].fresh = stage->baseline;
    watch_set_folders(stage->watch, choice->folders, choice->count);
    folder_choice_free(choice);
}

static void on_watching(void *arg)
{
    struct stage *stage = arg;
    stage->watchings++;
    maybe_free(stage, "watching");
}

static void on_down(void *arg, bool refused)
{
    struct stage *stage = arg;
    stage->downs++;
    stage->refused = refused;
    if (!maybe_free(stage, "down") && !stage->stays_down)
        watch_wake(stage->watch);
}

static int setup(void **state)
{
    struct stage *stage = xcalloc(1, sizeof(*stage));
    stage->fake = fake_new();
    stage->inbox = &stage->fake->folders[0];
    stage->account = &stage->fake->account;
    stage->is_main = stage->baseline = true;
    make_rule(stage->fake->config.rules, "all");
    prepare(stage->fake->config.rules);
    *state = stage;
    return 0;
}

static int teardown(void **state)
{
    struct stage *stage = *state;
    watch_free(stage->watch);
    fake_free(stage->fake);
    free(stage);
    return 0;
}

static void start(struct stage *stage)
{
    static const struct watch_events events = {
        .listing = on_listing, .watching = on_watching, .down = on_down};
    stage->watch =
        watch_new(&stage->fake->context, &stage->account, stage->is_main, &events, stage);
}

static enum watch_state state_of(const struct stage *stage)
{
    struct watch_status status;
    watch_status(stage->watch, &status);
    return status.state;
}

/* All that was sent is done, and IDLE runs if it is used. */
static bool is_watching(const struct stage *stage)
{
    const struct watch *watch = stage->watch;
    return watch->phase == PHASE_WATCHING && watch->statuses == 0 && stage->watchings > 0 &&
           (!watch_idles(watch) || watch->selected == NULL || fake_idlers(stage->fake) > 0);
}

static void await_watching(struct stage *stage)
{
    FAKE_AWAIT(stage->fake, is_watching(stage));
}

static void begin(struct stage *stage)
{
    start(stage);
    await_watching(stage);
    fake_forget(stage->fake);
}

static void await_state(struct stage *stage, const struct fake_folder *folder, uint32_t uid,
                        enum uid_state state)
{
    FAKE_AWAIT(stage->fake, fake_state(stage->fake, folder, uid) == (int)state);
}

/* A message that comes now is captured. */
static void check_it_works(struct stage *stage, struct fake_folder *folder)
{
    uint32_t uid = fake_mail(stage->fake, folder);
    await_state(stage, folder, uid, UID_CAPTURED);
}

static struct fake_folder *add_folder(struct stage *stage, const char *name)
{
    stage->fake->folders_wanted[0] = (char *)"*";
    return fake_folder(stage->fake, name, "");
}

/* ---- modes ---- */

struct mode_case {
    const char *capabilities;
    bool is_main;
    enum watch_mode mode;
    const char *text, *commands;
};

static const struct mode_case mode_cases[] = {
    {"NOTIFY IDLE", true, WATCH_MODE_NOTIFY, "notify",
     "LIST*NOTIFY SET*EXAMINE*UID FETCH 3:\\* (UID FLAGS INTERNALDATE)\nIDLE\n"},
    {"NOTIFY", true, WATCH_MODE_NOTIFY, "notify", "LIST*NOTIFY SET*EXAMINE*UID FETCH*"},
    {"IDLE NAMESPACE", true, WATCH_MODE_IDLE, "idle", "NAMESPACE\nLIST*EXAMINE*UID FETCH*IDLE\n"},
    {"NOTIFY IDLE", false, WATCH_MODE_IDLE, "idle", "EXAMINE*UID FETCH*IDLE\n"},
    {"", true, WATCH_MODE_POLL, "poll", "LIST*EXAMINE*UID FETCH*"},
};

static void the_server_decides_the_mode(void **state)
{
    struct stage *stage = *state;
    static const struct chosen_folder inbox = {.name = (char *)"INBOX", .role = FOLDER_OTHER};
    fake_mail(stage->fake, stage->inbox);
    fake_mail(stage->fake, stage->inbox);
    for (size_t i = 0; i < sizeof(mode_cases) / sizeof(*mode_cases); i++) {
        const struct mode_case *one = &mode_cases[i];
        struct watch_status status;
        stage->fake->capabilities = one->capabilities;
        stage->is_main = one->is_main;
        stage->watchings = 0;
        fake_forget(stage->fake);
        start(stage);
        if (!one->is_main)
            watch_set_folders(stage->watch, &inbox, 1);
        await_watching(stage);
        watch_status(stage->watch, &status);
        assert_int_equal(status.mode, one->mode);
        assert_int_equal(watch_mode(stage->watch), one->mode);
        assert_string_equal(watch_mode_text(status.mode), one->text);
        assert_int_equal(status.trouble_since, 0);
        assert_string_equal(status.trouble, "");
        assert_string_equal(status.tls, "");
        assert_non_null(status.server_id);
        char *pattern = xasprintf("AUTHENTICATE*\n%s", one->commands);
        if (fnmatch(pattern, stage->fake->received, 0) != 0)
            fail_msg("%s: %s", one->capabilities, stage->fake->received);
        free(pattern);
        watch_free(stage->watch);
        stage->watch = NULL;
    }
    assert_int_equal(fake_state(stage->fake, stage->inbox, 2), UID_BEFORE_BASELINE);
}

static void states_have_names(void **state)
{
    (void)state;
    assert_string_equal(watch_state_text(WATCH_CONNECTING), "connecting");
    assert_string_equal(watch_state_text(WATCH_WORKING), "working");
    assert_string_equal(watch_state_text(WATCH_WATCHING), "watching");
    assert_string_equal(watch_state_text(WATCH_DOWN), "down");
}

static void idle_announces(void **state)
{
    struct stage *stage = *state;
    begin(stage);
    for (unsigned i = 0; i < 3; i++)
        check_it_works(stage, stage->inbox);
    await_watching(stage);
    assert_int_equal(stage->fake->stored, 3);
    assert_int_equal(fake_received(stage->fake, "IDLE"), 3);
    assert_int_equal(watch_folder_count(stage->watch), 1);
    assert_int_equal(watch_folder(stage->watch, 0)->seen_through, 3);
}

static void without_idle_it_polls(void **state)
{
    struct stage *stage = *state;
    struct fake_folder *work = add_folder(stage, "Work");
    stage->fake->capabilities = "";
    stage->fake->config.poll_interval = 1;
    begin(stage);
    check_it_works(stage, stage->inbox);
    check_it_works(stage, work);
    assert_true(fake_received(stage->fake, "NOOP") > 0);
    assert_true(fake_received(stage->fake, "STATUS \"Work\"") +
                    fake_received(stage->fake, "STATUS Work") >
                0);
}

static void further_folders_are_polled_beside_idle(void **state)
{
    struct stage *stage = *state;
    struct fake_folder *work = add_folder(stage, "Work");
    stage->fake->config.poll_interval = 1;
    begin(stage);
    check_it_works(stage, work);
    check_it_works(stage, stage->inbox);
    await_watching(stage);
    assert_string_equal(stage->watch->selected->name, "INBOX"); /* the first one again */
}

static void notify_reports_every_folder(void **state)
{
    struct stage *stage = *state;
    struct fake_folder *work = add_folder(stage, "Work");
    stage->fake->capabilities = "NOTIFY IDLE";
    begin(stage);
    check_it_works(stage, work);
    await_watching(stage);
    check_it_works(stage, stage->inbox);
    await_watching(stage);
    assert_int_equal(fake_received(stage->fake, "NOTIFY"), 0); /* once is enough */
}

static void notify_names_folders_unless_all_are_watched(void **state)
{
    struct stage *stage = *state;
    stage->fake->capabilities = "NOTIFY IDLE";
    start(stage);
    await_watching(stage);
    assert_int_equal(fake_received(stage->fake, "(mailboxes"), 1);
}

static void notify_without_idle_checks_once_more(void **state)
{
    struct stage *stage = *state;
    struct fake_folder *work = add_folder(stage, "Work");
    stage->fake->capabilities = "NOTIFY";
    begin(stage);
    check_it_works(stage, work);
    assert_true(event_pending(stage->watch->recheck, EV_TIMEOUT, NULL));
    fake_forget(stage->fake);
    FAKE_AWAIT(stage->fake, fake_received(stage->fake, "STATUS") > 0);
    await_watching(stage);
    fake_announce(stage->fake, "* 0 EXISTS"); /* of the selected folder too */
    FAKE_AWAIT(stage->fake, event_pending(stage->watch->recheck, EV_TIMEOUT, NULL));
}

static void an_overflow_renews_notify(void **state)
{
    struct stage *stage = *state;
    stage->fake->capabilities = "NOTIFY IDLE";
    begin(stage);
    fake_announce(stage->fake, "* OK [NOTIFICATIONOVERFLOW] too much");
    FAKE_AWAIT(stage->fake, fake_received(stage->fake, "NOTIFY SET") == 1);
    check_it_works(stage, stage->inbox);
}

/* ---- renewals ---- */

static void idle_is_renewed(void **state)
{
    struct stage *stage = *state;
    stage->fake->config.poll_interval = 1;
    stage->fake->config.idle_renew = 1;
    stage->fake->idle_is_deaf = true;
    begin(stage);
    check_it_works(stage, stage->inbox);
    FAKE_AWAIT(stage->fake, fake_received(stage->fake, "IDLE") > 1);
    assert_true(fake_received(stage->fake, "NOOP") > 0);
}

/* It sent "Still here" every minute, and now nothing for three. */
static void a_server_that_falls_silent_is_checked(void **state)
{
    struct stage *stage = *state;
    stage->fake->config.poll_interval = 1;
    begin(stage);
    stage->watch->last_received -= 60;
    fake_announce(stage->fake, "* OK Still here");
    FAKE_AWAIT(stage->fake, stage->watch->heartbeat >= 60);
    fake_run(stage->fake, 1200);
    assert_int_equal(fake_received(stage->fake, "NOOP"), 0);
    stage->watch->last_received -= 180;
    FAKE_AWAIT(stage->fake, fake_received(stage->fake, "NOOP") == 1);
    await_watching(stage);
}

static void news_at_odd_times_is_no_heartbeat(void **state)
{
    struct stage *stage = *state;
    begin(stage);
    stage->watch->last_received -= 60;
    fake_announce(stage->fake, "* 0 EXISTS");
    fake_announce(stage->fake, "* OK Still here");
    fake_run(stage->fake, 50);
    assert_int_equal(stage->watch->heartbeat, 0);
}

static void the_safety_poll_checks_everything(void **state)
{
    struct stage *stage = *state;
    struct fake_folder *work = add_folder(stage, "Work");
    stage->fake->idle_is_deaf = true;
    stage->fake->config.poll_interval = 5;
    begin(stage);
    fake_mail(stage->fake, work);
    stage->watch->last_safety -= 1000;
    await_state(stage, work, 1, UID_CAPTURED);
    assert_int_equal(fake_received(stage->fake, "LIST"), 1);
}

static uint32_t draft(struct stage *stage, struct fake_folder *folder)
{
    static unsigned count;
    char *text =
        xasprintf("From: alice@example.org\r\nTo: bob@partner.test\r\n\r\n%u\r\n", count++);
    uint32_t uid = fake_deliver(stage->fake, folder, text);
    free(text);
    fake_nth(folder, folder->count - 1)->flags = "\\Draft";
    await_state(stage, folder, uid, UID_DRAFT);
    await_watching(stage);
    return uid;
}

static void a_draft_that_loses_the_flag_is_announced(void **state)
{
    struct stage *stage = *state;
    begin(stage);
    fake_announce(stage->fake, "* 1 FETCH (FLAGS (\\Seen))"); /* there is no draft */
    fake_run(stage->fake, 50);
    assert_int_equal(fake_received(stage->fake, "FETCH"), 0);
    uint32_t uid = draft(stage, stage->inbox);
    fake_announce(stage->fake, "* 1 FETCH (FLAGS (\\Draft \\Seen))");
    FAKE_AWAIT(stage->fake, fake_received(stage->fake, "UID FETCH 1:*") > 0);
    await_watching(stage);
    assert_int_equal(fake_state(stage->fake, stage->inbox, uid), UID_DRAFT);
    fake_nth(stage->inbox, 0)->flags = "\\Seen";
    fake_announce(stage->fake, "* 1 FETCH (FLAGS (\\Seen))");
    await_state(stage, stage->inbox, uid, UID_CAPTURED);
    check_it_works(stage, stage->inbox);
}

static void the_safety_poll_looks_at_drafts_everywhere(void **state)
{
    struct stage *stage = *state;
    struct fake_folder *work = add_folder(stage, "Work");
    stage->fake->config.poll_interval = 1;
    begin(stage);
    uint32_t uid = draft(stage, work);
    stage->fake->config.poll_interval = 60;
    fake_nth(work, 0)->flags = "";
    stage->watch->last_safety -= 1000;
    await_state(stage, work, uid, UID_CAPTURED);
}

static void drafts_are_looked_at_all_the_time(void **state)
{
    static const char *const capabilities[] = {"NOTIFY IDLE", "NOTIFY", "IDLE", ""};
    struct stage *stage = *state;
    struct fake_folder *work = add_folder(stage, "Work");
    stage->fake->config.poll_interval = 1;
    begin(stage);
    for (size_t i = 0; i < sizeof(capabilities) / sizeof(*capabilities); i++) {
        stage->fake->capabilities = capabilities[i];
        fake_drop(stage->fake);
        for (unsigned k = 0; k < 2; k++) {
            struct fake_folder *folder = k == 0 ? stage->inbox : work;
            uint32_t mail = draft(stage, folder), gone = draft(stage, folder);
            fake_nth(folder, folder->count - 2)->flags = "";
            await_state(stage, folder, mail, UID_CAPTURED);
            fake_expunge(stage->fake, folder, gone, false);
            await_state(stage, folder, gone, UID_VANISHED_INFERRED);
        }
    }
}

static void drafts_are_looked_at_after_a_loss(void **state)
{
    struct stage *stage = *state;
    begin(stage);
    uint32_t uid = draft(stage, stage->inbox);
    fake_nth(stage->inbox, 0)->flags = "";
    fake_drop(stage->fake);
    await_state(stage, stage->inbox, uid, UID_CAPTURED);
}

static void a_wake_checks_everything(void **state)
{
    struct stage *stage = *state;
    struct fake_folder *work = add_folder(stage, "Work");
    begin(stage);
    fake_mail(stage->fake, work);
    watch_wake(stage->watch);
    await_state(stage, work, 1, UID_CAPTURED);
    await_watching(stage);
    fake_forget(stage->fake);
    watch_wake(stage->watch);
    watch_wake(stage->watch);
    await_watching(stage);
    assert_true(fake_received(stage->fake, "LIST") > 0);
    assert_int_equal(fake_received(stage->fake, "EXAMINE"), 0); /* STATUS showed nothing new */
}

static void what_was_not_fetched_is_tried_again(void **state)
{
    struct stage *stage = *state;
    stage->fake->config.poll_interval = 1;
    begin(stage);
    fake_override(stage->fake, "UID FETCH 1 (UID BODY.PEEK*", "$ NO not at hand", 2);
    fake_mail(stage->fake, stage->inbox);
    await_state(stage, stage->inbox, 1, UID_UNFETCHED);
    await_watching(stage);
    assert_int_equal(watch_folder(stage->watch, 0)->retry.count, 1);
    stage->watch->folders[0]->retry_at = time(NULL);
    await_state(stage, stage->inbox, 1, UID_CAPTURED);
    FAKE_AWAIT(stage->fake, watch_folder(stage->watch, 0)->retry.count == 0);
    assert_int_equal(watch_folder(stage->watch, 0)->retries, 1);
}

/* ---- refusals ---- */

struct reply_class {
    const char *title, *reply;
    unsigned downs; /* sessions that it costs */
};

static const struct reply_class reply_classes[] = {
    {"NO", "$ NO no", 0},
    {"BAD", "$ BAD bad", 0},
    {"OK with nothing", "$ OK nothing", 0},
    {"unknown units", "* XGARBAGE (((\n* 1 2 3\nCONTINUE", 0},
    {"BYE", "* BYE maintenance\nCLOSE", 1},
    {"lost", "CLOSE", 1},
    {"a broken frame", "* OK {99999999999999}\nCLOSE", 1},
};

struct command {
    const char *title, *capabilities, *pattern;
};

static const struct command commands[] = {
    {"LIST", "IDLE", "LIST*"},
    {"NAMESPACE", "IDLE NAMESPACE", "NAMESPACE"},
    {"EXAMINE", "IDLE", "EXAMINE*"},
    {"the list", "IDLE", "UID FETCH * (UID FLAGS INTERNALDATE)"},
    {"the highest UID", "IDLE", "UID FETCH \\* (UID)"},
    {"what vanished", "IDLE ENABLE CONDSTORE QRESYNC", "UID FETCH*VANISHED)"},
    {"STATUS", "IDLE", "STATUS*"},
    {"STATUS without IDLE", "", "STATUS*"},
    {"NOOP", "IDLE", "NOOP"},
    {"NOTIFY", "IDLE NOTIFY", "NOTIFY*"},
    {"NOTIFY without IDLE", "NOTIFY", "NOTIFY*"},
    {"IDLE", "IDLE", "IDLE"},
    {"IDLE beside NOTIFY", "IDLE NOTIFY", "IDLE"},
    {"DONE", "IDLE", "DONE"},
};

static void check_reply(struct stage *stage, const struct command *command,
                        const struct reply_class *reply)
{
    struct fake *fake = stage->fake;
    struct fake_folder *work = &fake->folders[1];
    fake->capabilities = command->capabilities;
    stage->watchings = stage->downs = 0;
    stage->inbox->no_uidnext = strcmp(command->title, "the highest UID") == 0;
    fake_forget(fake);
    fake_override(fake, command->pattern, reply->reply, 1);
    start(stage);
    for (unsigned i = 0; i < 2; i++) {
        await_watching(stage);
        watch_wake(stage->watch); /* STATUS, NOOP, DONE, and a listing if one was refused */
    }
    await_watching(stage);
    uint32_t in_work = fake_mail(fake, work), in_inbox = fake_mail(fake, stage->inbox);
    watch_wake(stage->watch);
    await_state(stage, work, in_work, UID_CAPTURED);
    await_state(stage, stage->inbox, in_inbox, UID_CAPTURED);
    await_watching(stage);
    if (fake->overrides[0].times != 0)
        fail_msg("%s: it was not sent: %s", command->title, fake->received);
    if (stage->downs != reply->downs)
        fail_msg("%s, %s: %u sessions were lost", command->title, reply->title, stage->downs);
    watch_free(stage->watch);
    stage->watch = NULL;
}

static void any_reply_to_any_command_is_survived(void **state)
{
    struct stage *stage = *state;
    struct fake_folder *work = add_folder(stage, "Work");
    stage->fake->config.poll_interval = 1;
    stage->inbox->modseq = work->modseq = 5;
    stage->baseline = true;
    start(stage); /* the baseline */
    await_watching(stage);
    watch_free(stage->watch);
    stage->watch = NULL;
    for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
        for (size_t k = 0; k < sizeof(reply_classes) / sizeof(*reply_classes); k++)
            check_reply(stage, &commands[i], &reply_classes[k]);
}

static void a_refused_notify_falls_back(void **state)
{
    struct stage *stage = *state;
    static const char *const capabilities[] = {"NOTIFY IDLE", "NOTIFY"};
    static const enum watch_mode modes[] = {WATCH_MODE_IDLE, WATCH_MODE_POLL};
    for (size_t i = 0; i < 2; i++) {
        stage->fake->capabilities = capabilities[i];
        stage->watchings = stage->listings = 0;
        fake_forget(stage->fake);
        fake_override(stage->fake, "NOTIFY*", "$ NO [CANNOT] not here", 1);
        start(stage);
        await_watching(stage);
        assert_int_equal(watch_mode(stage->watch), modes[i]);
        assert_int_equal(stage->listings, 2); /* folders are assigned anew */
        stage->watchings = 0;
        fake_drop(stage->fake);
        FAKE_AWAIT(stage->fake, stage->downs == i + 1);
        await_watching(stage);
        assert_int_equal(watch_mode(stage->watch), modes[i]); /* remembered */
        assert_int_equal(fake_received(stage->fake, "NOTIFY"), 1);
        watch_free(stage->watch);
        stage->watch = NULL;
    }
}

static void a_refused_idle_falls_back(void **state)
{
    struct stage *stage = *state;
    stage->fake->config.poll_interval = 1;
    fake_override(stage->fake, "IDLE", "$ NO not here", 1);
    begin(stage);
    assert_int_equal(watch_mode(stage->watch), WATCH_MODE_POLL);
    check_it_works(stage, stage->inbox);
    assert_int_equal(fake_received(stage->fake, "IDLE"), 0);
}

static void a_refused_idle_beside_notify_is_done_without(void **state)
{
    struct stage *stage = *state;
    stage->fake->capabilities = "NOTIFY IDLE";
    fake_override(stage->fake, "IDLE", "$ BAD what", 1);
    begin(stage);
    assert_int_equal(watch_mode(stage->watch), WATCH_MODE_NOTIFY);
    assert_false(watch_idles(stage->watch));
    fake_mail(stage->fake, stage->inbox);
    fake_announce(stage->fake, "* 1 EXISTS");
    await_state(stage, stage->inbox, 1, UID_CAPTURED);
}

/* ---- folders ---- */

static void a_folder_that_cannot_be_opened_stops_no_other(void **state)
{
    struct stage *stage = *state;
    struct fake_folder *work = add_folder(stage, "Work");
    struct fake_folder *odd = add_folder(stage, "Odd");
    odd->no_uidvalidity = true;
    stage->fake->capabilities = "NOTIFY IDLE";
    fake_override(stage->fake, "EXAMINE*Work*", "$ NO [INUSE] later", 1000000);
    begin(stage);
    check_it_works(stage, stage->inbox);
    assert_int_equal(fake_state(stage->fake, work, 1), -1);
    fake_clear_overrides(stage->fake);
    watch_wake(stage->watch);
    FAKE_AWAIT(stage->fake, watch_find_folder(stage->watch, "Work")->ledger_id != 0);
    check_it_works(stage, work);
    await_watching(stage);
    assert_int_equal(watch_find_folder(stage->watch, "Odd")->ledger_id, 0);
}

static void a_refused_first_folder_is_not_asked_for_all_the_time(void **state)
{
    struct stage *stage = *state;
    struct fake_folder *work = add_folder(stage, "Work");
    stage->fake->capabilities = "NOTIFY IDLE";
    fake_override(stage->fake, "EXAMINE*INBOX*", "$ NO [INUSE] later", 1000000);
    start(stage);
    FAKE_AWAIT(stage->fake, stage->watchings > 0);
    FAKE_AWAIT(stage->fake, watch_find_folder(stage->watch, "Work")->ledger_id != 0);
    fake_run(stage->fake, 200);
    assert_true(fake_received(stage->fake, "EXAMINE INBOX") < 5);
    check_it_works(stage, work);
    assert_true(fake_received(stage->fake, "EXAMINE INBOX") < 10);
    fake_clear_overrides(stage->fake);
    watch_wake(stage->watch);
    FAKE_AWAIT(stage->fake, watch_find_folder(stage->watch, "INBOX")->ledger_id != 0);
    check_it_works(stage, stage->inbox);
}

static void without_uidnext_the_highest_uid_is_asked_for(void **state)
{
    struct stage *stage = *state;
    struct fake_folder *empty = add_folder(stage, "Empty");
    stage->inbox->no_uidnext = empty->no_uidnext = true;
    for (unsigned i = 0; i < 3; i++)
        fake_mail(stage->fake, stage->inbox);
    begin(stage);
    assert_int_equal(watch_find_folder(stage->watch, "INBOX")->seen_through, 3);
    assert_int_equal(watch_find_folder(stage->watch, "Empty")->seen_through, 0);
    check_it_works(stage, stage->inbox);
    assert_int_equal(fake_state(stage->fake, stage->inbox, 3), UID_BEFORE_BASELINE);
}

static void a_new_uidvalidity_is_resolved_by_content(void **state)
{
    struct stage *stage = *state;
    begin(stage);
    check_it_works(stage, stage->inbox);
    stage->inbox->uidvalidity = 500;
    fake_mail(stage->fake, stage->inbox);
    fake_drop(stage->fake);
    await_state(stage, stage->inbox, 1, UID_DUPLICATE);
    await_state(stage, stage->inbox, 2, UID_CAPTURED);
}

static void status_shows_a_new_uidvalidity(void **state)
{
    struct stage *stage = *state;
    struct fake_folder *work = add_folder(stage, "Work");
    begin(stage);
    work->uidvalidity = 501;
    watch_wake(stage->watch);
    FAKE_AWAIT(stage->fake, watch_find_folder(stage->watch, "Work")->uidvalidity == 501);
    check_it_works(stage, stage->inbox);
}

/* Its session goes on as if nothing had happened. */
static void a_folder_remade_under_the_session_is_found(void **state)
{
    struct stage *stage = *state;
    begin(stage);
    check_it_works(stage, stage->inbox);
    await_watching(stage);
    fake_empty(stage->inbox);
    stage->inbox->uidvalidity = 5000;
    stage->inbox->uidnext = 1;
    stage->fake->idle_is_deaf = true;
    uint32_t uid = fake_mail(stage->fake, stage->inbox);
    fake_nth(stage->inbox, 0)->internaldate = 1000000000;
    stage->fake->config.poll_interval = 5;
    stage->watch->last_safety -= 1000;
    FAKE_AWAIT(stage->fake, fake_state(stage->fake, stage->inbox, uid) != -1);
}

static void a_new_folder_is_found(void **state)
{
    struct stage *stage = *state;
    static const char *const hints[] = {"* LIST () \"/\" \"New\"",
                                        "* STATUS \"New\" (UIDNEXT 2 UIDVALIDITY 1)"};
    static const char *const names[] = {"New", "Newer"};
    stage->fake->folders_wanted[0] = (char *)"*";
    stage->fake->capabilities = "NOTIFY IDLE";
    begin(stage);
    for (size_t i = 0; i < 2; i++) {
        struct fake_folder *folder = fake_folder(stage->fake, names[i], "");
        fake_mail(stage->fake, folder);
        fake_announce(stage->fake, hints[i]);
        FAKE_AWAIT(stage->fake, watch_find_folder(stage->watch, names[i]) != NULL);
        FAKE_AWAIT(stage->fake, fake_received(stage->fake, "NOTIFY SET") == i + 1);
        await_state(stage, folder, 1, stage->baseline ? UID_BEFORE_BASELINE : UID_CAPTURED);
        await_watching(stage);
        check_it_works(stage, folder);
        await_watching(stage);
    }
}

static void a_folder_that_goes_is_dropped(void **state)
{
    struct stage *stage = *state;
    struct fake_folder *work = add_folder(stage, "Work");
    begin(stage);
    work->gone = true;
    watch_wake(stage->watch);
    FAKE_AWAIT(stage->fake, watch_find_folder(stage->watch, "Work") == NULL);
    check_it_works(stage, stage->inbox);
    work->gone = false;
    watch_wake(stage->watch);
    FAKE_AWAIT(stage->fake, watch_find_folder(stage->watch, "Work") != NULL);
    check_it_works(stage, stage->inbox);
}

/* The selected one is dropped with the next listing, once another is selected. */
static void the_selected_folder_may_go(void **state)
{
    struct stage *stage = *state;
    add_folder(stage, "Work");
    begin(stage);
    stage->inbox->gone = true;
    watch_wake(stage->watch);
    await_watching(stage);
    assert_string_equal(watch_folder(stage->watch, 0)->name, "Work");
    watch_wake(stage->watch);
    FAKE_AWAIT(stage->fake, watch_folder_count(stage->watch) == 1);
    check_it_works(stage, &stage->fake->folders[1]);
}

static void no_folder_at_all_is_watched_too(void **state)
{
    struct stage *stage = *state;
    stage->inbox->gone = true;
    stage->fake->capabilities = "NOTIFY IDLE";
    begin(stage);
    assert_int_equal(watch_folder_count(stage->watch), 0);
    stage->inbox->gone = false;
    watch_wake(stage->watch);
    FAKE_AWAIT(stage->fake, watch_folder_count(stage->watch) == 1);
    check_it_works(stage, stage->inbox);
}

/* ---- what vanishes ---- */

static void what_vanishes_is_proven_or_inferred(void **state)
{
    struct stage *stage = *state;
    stage->fake->capabilities = "IDLE ENABLE CONDSTORE QRESYNC";
    stage->inbox->modseq = 10;
    stage->fake->idle_is_deaf = true;
    begin(stage);
    for (unsigned i = 0; i < 4; i++)
        fake_mail(stage->fake, stage->inbox);
    fake_expunge(stage->fake, stage->inbox, 1, true);
    fake_expunge(stage->fake, stage->inbox, 2, false);
    fake_run(stage->fake, 50); /* VANISHED came before any look */
    watch_wake(stage->watch);
    await_state(stage, stage->inbox, 3, UID_CAPTURED);
    assert_int_equal(fake_state(stage->fake, stage->inbox, 1), UID_VANISHED);
    assert_int_equal(fake_state(stage->fake, stage->inbox, 2), UID_VANISHED_INFERRED);
    FAKE_AWAIT(stage->fake, watch_folder(stage->watch, 0)->vanished.count == 0);
}

static void what_vanished_while_there_was_no_session_is_asked_for(void **state)
{
    struct stage *stage = *state;
    stage->fake->capabilities = "IDLE ENABLE CONDSTORE QRESYNC";
    stage->inbox->modseq = 10;
    begin(stage);
    check_it_works(stage, stage->inbox);
    FAKE_AWAIT(stage->fake, watch_folder(stage->watch, 0)->modseq == 10);
    fake_drop(stage->fake);
    fake_mail(stage->fake, stage->inbox);
    fake_expunge(stage->fake, stage->inbox, 2, false);
    fake_mail(stage->fake, stage->inbox);
    fake_override(stage->fake, "UID FETCH*VANISHED)", "* VANISHED (EARLIER) 2\nCONTINUE", 1);
    await_state(stage, stage->inbox, 3, UID_CAPTURED);
    assert_int_equal(fake_state(stage->fake, stage->inbox, 2), UID_VANISHED);
}

/* Of a folder that is examined again the server says it with EXAMINE. */
static void what_vanished_in_another_folder_comes_with_examine(void **state)
{
    struct stage *stage = *state;
    struct fake_folder *work = add_folder(stage, "Work");
    stage->fake->capabilities = "IDLE ENABLE CONDSTORE QRESYNC";
    stage->inbox->modseq = work->modseq = 10;
    begin(stage);
    fake_mail(stage->fake, work);
    fake_mail(stage->fake, work);
    fake_expunge(stage->fake, work, 1, false);
    watch_find_folder(stage->watch, "Work")->modseq = 10;
    fake_override(stage->fake, "EXAMINE*Work*QRESYNC*", "* VANISHED (EARLIER) 1\nCONTINUE", 1);
    watch_wake(stage->watch);
    await_state(stage, work, 2, UID_CAPTURED);
    assert_int_equal(fake_state(stage->fake, work, 1), UID_VANISHED);
}

static void untagged_responses_without_a_folder_are_ignored(void **state)
{
    struct stage *stage = *state;
    stage->fake->capabilities = "";
    fake_override(stage->fake, "LIST*",
                  "* VANISHED 1\n* 1 EXISTS\n* 1 FETCH (UID 1 FLAGS ())\n* 1 EXPUNGE\n"
                  "* STATUS \"Nowhere\" (UIDNEXT 3)\n* 1 FETCH (UID 1 BODY[] {3}\nxyz)\nCONTINUE",
                  1);
    begin(stage);
    fake_announce(stage->fake, "* 1 FETCH (UID 1 BODY[] {1}\r\nx)");
    fake_run(stage->fake, 50);
    assert_int_equal(stage->downs, 0);
    assert_int_equal(fake_state(stage->fake, stage->inbox, 1), -1);
}

/* ---- losing the session ---- */

struct phase_case {
    enum watch_phase phase;
    enum watch_state state;
    const char *capabilities, *pattern; /* that gets no reply */
    bool no_uidnext;
};

static const struct phase_case phase_cases[] = {
    {PHASE_CONNECTING, WATCH_CONNECTING, "IDLE", "AUTHENTICATE*", false},
    {PHASE_LISTING, WATCH_WORKING, "IDLE", "LIST*", false},
    {PHASE_REQUESTING_NOTIFY, WATCH_WORKING, "IDLE NOTIFY", "NOTIFY*", false},
    {PHASE_EXAMINING, WATCH_WORKING, "IDLE", "EXAMINE*", false},
    {PHASE_FINDING_HIGHEST, WATCH_WORKING, "IDLE", "UID FETCH*(UID)", true},
    {PHASE_OPENING, WATCH_WORKING, "IDLE", NULL, false},
    {PHASE_CAPTURING, WATCH_WORKING, "IDLE", "UID FETCH*FLAGS*", false},
    {PHASE_WATCHING, WATCH_WATCHING, "IDLE", "IDLE", false},
    {PHASE_WATCHING, WATCH_WATCHING, "", NULL, false},
};

static void reach(struct stage *stage, const struct phase_case *one)
{
    time_t limit = time(NULL) + 20;
    fake_forget(stage->fake);
    stage->fake->capabilities = one->capabilities;
    stage->inbox->no_uidnext = one->no_uidnext;
    if (one->pattern != NULL)
        fake_override(stage->fake, one->pattern, "", 1);
    start(stage);
    while (stage->watch->phase != one->phase ||
           (one->phase == PHASE_CONNECTING && fake_received(stage->fake, "AUTHENTICATE") == 0)) {
        if (time(NULL) > limit)
            fail_msg("phase %d is not reached: %s", one->phase, stage->fake->received);
        event_base_loop(stage->fake->room.base, EVLOOP_ONCE);
    }
    assert_int_equal(state_of(stage), one->state);
}

static void the_session_may_be_lost_in_any_phase(void **state)
{
    struct stage *stage = *state;
    stage->fake->config.poll_interval = 1;
    fake_mail(stage->fake, stage->inbox);
    for (size_t i = 0; i < sizeof(phase_cases) / sizeof(*phase_cases); i++) {
        struct watch_status status;
        stage->downs = stage->watchings = 0;
        stage->stays_down = true;
        reach(stage, &phase_cases[i]);
        fake_drop(stage->fake);
        FAKE_AWAIT(stage->fake, stage->downs == 1);
        watch_status(stage->watch, &status);
        assert_int_equal(status.state, WATCH_DOWN);
        assert_string_not_equal(status.trouble, "");
        assert_true(status.trouble_since > 0);
        assert_true(status.next_try >= time(NULL));
        assert_string_equal(status.server_id, "");
        fake_clear_overrides(stage->fake);
        stage->stays_down = false;
        stage->watchings = 0;
        watch_wake(stage->watch);
        await_watching(stage);
        check_it_works(stage, stage->inbox);
        watch_status(stage->watch, &status);
        assert_int_equal(status.trouble_since, 0);
        assert_int_equal(status.next_try, 0);
        assert_true(stage->fake->context.count.reconnects > i);
        watch_free(stage->watch);
        stage->watch = NULL;
    }
}

static void it_comes_back_by_itself(void **state)
{
    struct stage *stage = *state;
    begin(stage);
    stage->stays_down = true;
    fake_drop(stage->fake);
    FAKE_AWAIT(stage->fake, stage->downs == 1);
    stage->watchings = 0;
    await_watching(stage);
    check_it_works(stage, stage->inbox);
}

static void a_login_that_is_refused_says_so(void **state)
{
    struct stage *stage = *state;
    stage->stays_down = true;
    fake_override(stage->fake, "AUTHENTICATE*", "$ NO [UNAVAILABLE] too many sessions", 1);
    start(stage);
    FAKE_AWAIT(stage->fake, stage->downs == 1);
    assert_true(stage->refused);
    stage->stays_down = false;
    watch_wake(stage->watch);
    await_watching(stage);
    fake_drop(stage->fake);
    FAKE_AWAIT(stage->fake, stage->downs == 2);
    assert_false(stage->refused);
}

static void what_happens_without_a_session_does_no_harm(void **state)
{
    struct stage *stage = *state;
    static const struct chosen_folder folders[] = {{.name = (char *)"INBOX", .role = FOLDER_OTHER},
                                                   {.name = (char *)"X", .role = FOLDER_SENT}};
    stage->stays_down = true;
    begin(stage);
    watch_recheck_soon(stage->watch);
    watch_recheck_soon(stage->watch); /* one is enough */
    fake_drop(stage->fake);
    FAKE_AWAIT(stage->fake, stage->downs == 1);
    watch_set_folders(stage->watch, folders, 2);
    event_active(stage->watch->recheck, EV_TIMEOUT, 0);
    event_active(stage->watch->tick, EV_TIMEOUT, 0);
    fake_run(stage->fake, 50);
    assert_int_equal(state_of(stage), WATCH_DOWN);
    assert_int_equal(watch_folder_count(stage->watch), 2);
}

static void a_recheck_waits_for_the_listing(void **state)
{
    struct stage *stage = *state;
    begin(stage);
    fake_override(stage->fake, "LIST*", "", 1);
    watch_wake(stage->watch);
    FAKE_AWAIT(stage->fake, stage->watch->phase == PHASE_LISTING);
    event_active(stage->watch->recheck, EV_TIMEOUT, 0);
    fake_run(stage->fake, 20);
    assert_true(event_pending(stage->watch->recheck, EV_TIMEOUT, NULL));
}

/* ---- freeing ---- */

static void freed_in_any_callback(void **state)
{
    struct stage *stage = *state;
    static const char *const callbacks[] = {"listing", "watching", "down"};
    for (size_t i = 0; i < 3; i++) {
        stage->free_in = callbacks[i];
        if (i == 2)
            fake_override(stage->fake, "LIST*", "CLOSE", 1);
        start(stage);
        FAKE_AWAIT(stage->fake, stage->watch == NULL);
        fake_run(stage->fake, 30);
    }
}

static void freed_in_any_phase(void **state)
{
    struct stage *stage = *state;
    fake_mail(stage->fake, stage->inbox);
    for (size_t i = 0; i < sizeof(phase_cases) / sizeof(*phase_cases); i++) {
        reach(stage, &phase_cases[i]);
        watch_free(stage->watch);
        stage->watch = NULL;
        fake_clear_overrides(stage->fake);
        fake_run(stage->fake, 30);
    }
    watch_free(NULL);
    assert_int_equal(stage->downs, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_server_decides_the_mode),
        TEST(states_have_names),
        TEST(idle_announces),
        TEST(without_idle_it_polls),
        TEST(further_folders_are_polled_beside_idle),
        TEST(notify_reports_every_folder),
        TEST(notify_names_folders_unless_all_are_watched),
        TEST(notify_without_idle_checks_once_more),
        TEST(an_overflow_renews_notify),
        TEST(idle_is_renewed),
        TEST(a_server_that_falls_silent_is_checked),
        TEST(news_at_odd_times_is_no_heartbeat),
        TEST(the_safety_poll_checks_everything),
        TEST(a_draft_that_loses_the_flag_is_announced),
        TEST(the_safety_poll_looks_at_drafts_everywhere),
        TEST(drafts_are_looked_at_all_the_time),
        TEST(drafts_are_looked_at_after_a_loss),
        TEST(a_wake_checks_everything),
        TEST(what_was_not_fetched_is_tried_again),
        TEST(any_reply_to_any_command_is_survived),
        TEST(a_refused_notify_falls_back),
        TEST(a_refused_idle_falls_back),
        TEST(a_refused_idle_beside_notify_is_done_without),
        TEST(a_folder_that_cannot_be_opened_stops_no_other),
        TEST(a_refused_first_folder_is_not_asked_for_all_the_time),
        TEST(without_uidnext_the_highest_uid_is_asked_for),
        TEST(a_new_uidvalidity_is_resolved_by_content),
        TEST(status_shows_a_new_uidvalidity),
        TEST(a_folder_remade_under_the_session_is_found),
        TEST(a_new_folder_is_found),
        TEST(a_folder_that_goes_is_dropped),
        TEST(the_selected_folder_may_go),
        TEST(no_folder_at_all_is_watched_too),
        TEST(what_vanishes_is_proven_or_inferred),
        TEST(what_vanished_while_there_was_no_session_is_asked_for),
        TEST(what_vanished_in_another_folder_comes_with_examine),
        TEST(untagged_responses_without_a_folder_are_ignored),
        TEST(the_session_may_be_lost_in_any_phase),
        TEST(it_comes_back_by_itself),
        TEST(a_login_that_is_refused_says_so),
        TEST(what_happens_without_a_session_does_no_harm),
        TEST(a_recheck_waits_for_the_listing),
        TEST(freed_in_any_callback),
        TEST(freed_in_any_phase),
    };
    cmocka_set_test_filter(getenv("ONLY"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
