/* Accounts: how many sessions their folders get, what the ledger knows of them, reloads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/capture/fake_mailboxes.h"
#include "agent/system/limit.h"
#include "agent/watch/account_watch.h"

struct stage {
    struct fake *fake;
    struct fake_folder *inbox;
    struct account_watch *watch;
};

static int setup(void **state)
{
    struct stage *stage = xcalloc(1, sizeof(*stage));
    stage->fake = fake_new();
    stage->inbox = &stage->fake->folders[0];
    make_rule(stage->fake->config.rules, "all");
    prepare(stage->fake->config.rules);
    stage->fake->folders_wanted[0] = (char *)"*";
    *state = stage;
    return 0;
}

static int teardown(void **state)
{
    struct stage *stage = *state;
    account_watch_free(stage->watch);
    fake_free(stage->fake);
    free(stage);
    return 0;
}

static void start(struct stage *stage)
{
    stage->watch = account_watch_new(&stage->fake->context, &stage->fake->account);
}

static void add_folders(struct stage *stage, size_t n)
{
    static const char *const names[] = {"Sent", "A", "B", "C", "D", "E"};
    for (size_t i = 0; i < n; i++)
        fake_folder(stage->fake, names[i], i == 0 ? "\\Sent" : "");
}

static bool all_are_watching(const struct stage *stage, size_t n)
{
    struct watch_status status;
    if (account_watch_count(stage->watch) != n)
        return false;
    for (size_t i = 0; i < n; i++) {
        watch_status(account_watch_nth(stage->watch, i), &status);
        if (status.state != WATCH_WATCHING)
            return false;
    }
    return true;
}

static bool is_baselined(const struct stage *stage)
{
    room_figures(&stage->fake->room);
    return room_sql(&stage->fake->room, "SELECT baselined FROM account") == 1;
}

static void check_it_works(struct stage *stage, struct fake_folder *folder)
{
    uint32_t uid = fake_mail(stage->fake, folder);
    FAKE_AWAIT(stage->fake, fake_state(stage->fake, folder, uid) == UID_CAPTURED);
}

/* Sessions: the main one's folders come first. */
static void assert_folders(const struct stage *stage, size_t watch, const char *names)
{
    const struct watch *one = account_watch_nth(stage->watch, watch);
    char got[200] = "";
    for (size_t i = 0; i < watch_folder_count(one); i++) {
        size_t len = strlen(got);
        snprintf(got + len, sizeof(got) - len, "%s ", watch_folder(one, i)->name);
    }
    assert_string_equal(got, names);
}

static void with_idle_the_first_folders_get_a_session_each(void **state)
{
    struct stage *stage = *state;
    stage->fake->config.poll_interval = 1;
    add_folders(stage, 6);
    start(stage);
    FAKE_AWAIT(stage->fake, all_are_watching(stage, LIMIT_IDLE_SESSIONS));
    FAKE_AWAIT(stage->fake, fake_idlers(stage->fake) == LIMIT_IDLE_SESSIONS);
    assert_folders(stage, 0, "INBOX C D E ");
    assert_folders(stage, 1, "Sent ");
    assert_folders(stage, 2, "A ");
    assert_folders(stage, 3, "B ");
    assert_int_equal(watch_folder(account_watch_nth(stage->watch, 1), 0)->role, FOLDER_SENT);
    check_it_works(stage, &stage->fake->folders[2]); /* IDLE */
    check_it_works(stage, &stage->fake->folders[6]); /* polled */
    check_it_works(stage, stage->inbox);
    assert_ptr_equal(account_watch_account(stage->watch), &stage->fake->account);
    assert_null(account_watch_missing(stage->watch)[0]);
}

static void with_notify_or_polls_one_session_does(void **state)
{
    struct stage *stage = *state;
    static const char *const capabilities[] = {"NOTIFY IDLE", "NOTIFY", ""};
    add_folders(stage, 4);
    for (size_t i = 0; i < 3; i++) {
        stage->fake->capabilities = capabilities[i];
        start(stage);
        FAKE_AWAIT(stage->fake, all_are_watching(stage, 1));
        FAKE_AWAIT(stage->fake, watch_folder_count(account_watch_nth(stage->watch, 0)) == 5);
        account_watch_free(stage->watch);
    }
    stage->watch = NULL;
}

static void a_refused_notify_gets_more_sessions(void **state)
{
    struct stage *stage = *state;
    add_folders(stage, 2);
    stage->fake->capabilities = "NOTIFY IDLE";
    fake_override(stage->fake, "NOTIFY*", "$ NO not here", 1);
    start(stage);
    FAKE_AWAIT(stage->fake, all_are_watching(stage, 3));
    check_it_works(stage, &stage->fake->folders[2]);
}

static void when_sessions_are_refused_the_rest_is_polled(void **state)
{
    struct stage *stage = *state;
    stage->fake->config.poll_interval = 1;
    add_folders(stage, 3);
    fake_override(stage->fake, "AUTHENTICATE*", "CONTINUE", 1);
    fake_override(stage->fake, "AUTHENTICATE*", "$ NO [UNAVAILABLE] too many sessions", 1);
    start(stage);
    FAKE_AWAIT(stage->fake, account_watch_count(stage->watch) == 3);
    FAKE_AWAIT(stage->fake, all_are_watching(stage, 3));
    check_it_works(stage, &stage->fake->folders[3]);
    for (size_t i = 1; i < 4; i++)
        check_it_works(stage, &stage->fake->folders[i]);
}

/* The main watch is what is left; its own refusals only mean to wait. */
static void all_other_sessions_may_be_refused(void **state)
{
    struct stage *stage = *state;
    add_folders(stage, 3);
    fake_override(stage->fake, "AUTHENTICATE*", "CONTINUE", 1);
    fake_override(stage->fake, "AUTHENTICATE*", "$ NO [UNAVAILABLE] too many sessions", 100);
    start(stage);
    FAKE_AWAIT(stage->fake, account_watch_count(stage->watch) == 1 &&
                                watch_folder_count(account_watch_nth(stage->watch, 0)) == 4);
    FAKE_AWAIT(stage->fake, all_are_watching(stage, 1));
    assert_int_equal(stage->fake->settled, 1);
}

/* ---- what the ledger knows ---- */

static void the_baseline_ends_when_all_folders_were_checked(void **state)
{
    struct stage *stage = *state;
    add_folders(stage, 1);
    fake_mail(stage->fake, stage->inbox);
    fake_override(stage->fake, "EXAMINE*Sent*", "", 1); /* silence */
    start(stage);
    FAKE_AWAIT(stage->fake, fake_received(stage->fake, "EXAMINE Sent") > 0);
    fake_run(stage->fake, 50);
    assert_false(is_baselined(stage));
    assert_int_equal(stage->fake->settled, 0);
    fake_drop(stage->fake);
    FAKE_AWAIT(stage->fake, is_baselined(stage));
    assert_int_equal(fake_state(stage->fake, stage->inbox, 1), UID_BEFORE_BASELINE);
    assert_int_equal(stage->fake->settled, 1);
}

static void of_a_known_account_new_folders_are_captured(void **state)
{
    struct stage *stage = *state;
    start(stage);
    FAKE_AWAIT(stage->fake, is_baselined(stage));
    account_watch_free(stage->watch);
    add_folders(stage, 1);
    fake_mail(stage->fake, &stage->fake->folders[1]);
    fake_nth(&stage->fake->folders[1], 0)->internaldate += 10;
    start(stage);
    FAKE_AWAIT(stage->fake, fake_state(stage->fake, &stage->fake->folders[1], 1) != -1);
    assert_int_not_equal(fake_state(stage->fake, &stage->fake->folders[1], 1), UID_BEFORE_BASELINE);
}

/* What the agent says at its start and at a reload. */
static void configured(struct stage *stage, bool is_watched)
{
    const struct ledger_configured_account one = {"alice", stage->fake->folders_wanted};
    ledger_configured(stage->fake->context.ledger, &one, is_watched);
}

static void start_configured(struct stage *stage)
{
    configured(stage, true);
    start(stage);
    FAKE_AWAIT(stage->fake, is_baselined(stage) && stage->fake->settled > 0);
}

static void stop(struct stage *stage)
{
    account_watch_free(stage->watch);
    stage->watch = NULL;
    stage->fake->settled = 0;
}

static void what_comes_during_a_pause_is_before_the_next_baseline(void **state)
{
    struct stage *stage = *state;
    start_configured(stage);
    stop(stage); /* the agent was down: no pause */
    uint32_t uid = fake_mail(stage->fake, stage->inbox);
    start_configured(stage);
    FAKE_AWAIT(stage->fake, fake_state(stage->fake, stage->inbox, uid) == UID_CAPTURED);
    stop(stage);
    configured(stage, false);
    uid = fake_mail(stage->fake, stage->inbox);
    start_configured(stage);
    FAKE_AWAIT(stage->fake, fake_state(stage->fake, stage->inbox, uid) == UID_BEFORE_BASELINE);
    check_it_works(stage, stage->inbox);
}

static void a_folder_that_is_wanted_later_begins_with_a_baseline(void **state)
{
    struct stage *stage = *state;
    struct fake_folder *old = fake_folder(stage->fake, "Old", "");
    stage->fake->folders_wanted[0] = (char *)"INBOX";
    start_configured(stage);
    uint32_t uid = fake_mail(stage->fake, old);
    stage->fake->folders_wanted[0] = (char *)"*";
    configured(stage, true);
    uint32_t in_inbox = fake_mail(stage->fake, stage->inbox); /* watched all the time */
    assert_true(account_watch_update(stage->watch, &stage->fake->account));
    FAKE_AWAIT(stage->fake, fake_state(stage->fake, old, uid) == UID_BEFORE_BASELINE);
    FAKE_AWAIT(stage->fake, fake_state(stage->fake, stage->inbox, in_inbox) == UID_CAPTURED);
    check_it_works(stage, old);
    FAKE_AWAIT(stage->fake, is_baselined(stage));
    /* One that the owner makes is another thing. */
    struct fake_folder *made = fake_folder(stage->fake, "Made", "");
    uid = fake_deliver(stage->fake, made,
                       "From: alice@example.org\r\nTo: bob@partner.test\r\n\r\nx\r\n");
    fake_nth(made, 0)->internaldate = 1000000000;
    assert_true(account_watch_update(stage->watch, &stage->fake->account));
    FAKE_AWAIT(stage->fake, fake_state(stage->fake, made, uid) == UID_CAPTURED);
}

/* What another name covered was wanted all the time, though nobody saw it. */
static void a_folder_that_was_covered_before_has_no_baseline(void **state)
{
    static const char *const ways[] = {"**", "*", "**", "New3"};
    static const char *const names[] = {"New0", "New1", "New2", "New3"};
    struct stage *stage = *state;
    struct fake_folder *trash = fake_folder(stage->fake, "Trash", "");
    uint32_t in_trash = fake_mail(stage->fake, trash);
    start_configured(stage);
    FAKE_AWAIT(stage->fake, is_baselined(stage));
    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
        stop(stage);
        struct fake_folder *made = fake_folder(stage->fake, names[i], "");
        uint32_t uid = fake_mail(stage->fake, made);
        stage->fake->folders_wanted[0] = (char *)ways[i];
        start_configured(stage);
        FAKE_AWAIT(stage->fake, fake_state(stage->fake, made, uid) == UID_CAPTURED);
        if (i == 0)
            FAKE_AWAIT(stage->fake,
                       fake_state(stage->fake, trash, in_trash) == UID_BEFORE_BASELINE);
        FAKE_AWAIT(stage->fake, is_baselined(stage));
    }
}

/* By ACLs her folders can be refused for as long as she likes. */
static void a_refused_folder_does_not_prolong_the_baseline(void **state)
{
    struct stage *stage = *state;
    struct fake_folder *shut = fake_folder(stage->fake, "Shut", "");
    fake_override(stage->fake, "EXAMINE Shut*", "$ NO [NOPERM] no", 1000);
    start_configured(stage);
    uint32_t uid = fake_mail(stage->fake, shut);
    fake_clear_overrides(stage->fake);
    assert_true(account_watch_update(stage->watch, &stage->fake->account));
    fake_announce(stage->fake, "* STATUS \"Shut\" (UIDNEXT 2)");
    fake_drop(stage->fake);
    FAKE_AWAIT(stage->fake, fake_state(stage->fake, shut, uid) == UID_CAPTURED);
}

static void an_account_that_cannot_be_reached_is_settled_too(void **state)
{
    struct stage *stage = *state;
    fake_override(stage->fake, "AUTHENTICATE*", "CLOSE", 100);
    start(stage);
    FAKE_AWAIT(stage->fake, stage->fake->settled == 1);
    fake_clear_overrides(stage->fake);
    FAKE_AWAIT(stage->fake, all_are_watching(stage, 1));
    assert_int_equal(stage->fake->settled, 1); /* once */
}

static void an_other_session_that_is_lost_settles_and_comes_back(void **state)
{
    struct stage *stage = *state;
    add_folders(stage, 1);
    fake_override(stage->fake, "EXAMINE*Sent*", "CLOSE", 1);
    start(stage);
    FAKE_AWAIT(stage->fake, stage->fake->settled == 1);
    FAKE_AWAIT(stage->fake, all_are_watching(stage, 2));
    check_it_works(stage, &stage->fake->folders[1]);
}

static void missing_folders_are_reported(void **state)
{
    struct stage *stage = *state;
    stage->fake->folders_wanted[0] = (char *)"INBOX";
    stage->fake->folders_wanted[1] = (char *)"Sales";
    stage->fake->folders_wanted[2] = (char *)"Office";
    start(stage);
    assert_null(account_watch_missing(stage->watch)[0]); /* not listed yet */
    FAKE_AWAIT(stage->fake, all_are_watching(stage, 1) && is_baselined(stage));
    assert_string_equal(account_watch_missing(stage->watch)[0], "Sales");
    assert_string_equal(account_watch_missing(stage->watch)[1], "Office");
    assert_null(account_watch_missing(stage->watch)[2]);
    fake_folder(stage->fake, "Sales", "");
    assert_true(account_watch_update(stage->watch, &stage->fake->account));
    FAKE_AWAIT(stage->fake, account_watch_missing(stage->watch)[1] == NULL);
    assert_string_equal(account_watch_missing(stage->watch)[0], "Office");
    stage->fake->folders[1].gone = true;
    fake_folder(stage->fake, "Office", "");
    assert_true(account_watch_update(stage->watch, &stage->fake->account));
    FAKE_AWAIT(stage->fake, strcmp(account_watch_missing(stage->watch)[0], "Sales") == 0);
    assert_true(account_watch_misses(stage->watch, "Sales"));
}

static void sent_is_missed_once_it_was_there(void **state)
{
    struct stage *stage = *state;
    stage->fake->folders_wanted[0] = (char *)"INBOX";
    stage->fake->folders_wanted[1] = (char *)"\\Sent";
    start(stage);
    FAKE_AWAIT(stage->fake, all_are_watching(stage, 1) && is_baselined(stage));
    assert_string_equal(account_watch_missing(stage->watch)[0], "\\Sent");
    assert_false(account_watch_misses(stage->watch, "\\Sent"));
    add_folders(stage, 1);
    assert_true(account_watch_update(stage->watch, &stage->fake->account));
    FAKE_AWAIT(stage->fake, account_watch_missing(stage->watch)[0] == NULL);
    stage->fake->folders[1].gone = true;
    assert_true(account_watch_update(stage->watch, &stage->fake->account));
    FAKE_AWAIT(stage->fake, account_watch_missing(stage->watch)[0] != NULL);
    assert_true(account_watch_misses(stage->watch, "\\Sent"));
}

static void two_listings_while_the_ledger_is_asked_ask_it_once(void **state)
{
    struct stage *stage = *state;
    start(stage);
    FAKE_AWAIT(stage->fake, fake_received(stage->fake, "LIST") == 1);
    for (unsigned i = 0; i < 3; i++)
        assert_true(account_watch_update(stage->watch, &stage->fake->account));
    FAKE_AWAIT(stage->fake, all_are_watching(stage, 1) && is_baselined(stage));
    check_it_works(stage, stage->inbox);
}

/* ---- reloads ---- */

static void a_reload_that_changes_nothing_of_the_login_goes_on(void **state)
{
    struct stage *stage = *state;
    struct account changed = stage->fake->account;
    char *only_inbox[] = {(char *)"INBOX", NULL};
    add_folders(stage, 2);
    start(stage);
    FAKE_AWAIT(stage->fake, all_are_watching(stage, 3));
    changed.folders = only_inbox;
    assert_true(account_watch_update(stage->watch, &changed));
    assert_ptr_equal(account_watch_account(stage->watch), &changed);
    FAKE_AWAIT(stage->fake, all_are_watching(stage, 1));
    assert_folders(stage, 0, "INBOX ");
    assert_int_equal(stage->fake->logins, 3);
    changed.login = (char *)"bob";
    struct account other = changed;
    other.login = (char *)"carol";
    assert_false(account_watch_update(stage->watch, &other));
    account_watch_free(stage->watch);
    stage->watch = NULL;
}

static void freed_at_any_moment(void **state)
{
    struct stage *stage = *state;
    add_folders(stage, 2);
    fake_override(stage->fake, "AUTHENTICATE*", "$ NO [UNAVAILABLE] too many sessions", 3);
    for (unsigned turns = 0; turns < 60; turns += 2) {
        start(stage);
        for (unsigned i = 0; i < turns; i++)
            fake_run(stage->fake, 1);
        account_watch_free(stage->watch);
        stage->watch = NULL;
    }
    account_watch_free(NULL);
    fake_run(stage->fake, 50);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(with_idle_the_first_folders_get_a_session_each),
        TEST(with_notify_or_polls_one_session_does),
        TEST(a_refused_notify_gets_more_sessions),
        TEST(when_sessions_are_refused_the_rest_is_polled),
        TEST(all_other_sessions_may_be_refused),
        TEST(the_baseline_ends_when_all_folders_were_checked),
        TEST(of_a_known_account_new_folders_are_captured),
        TEST(what_comes_during_a_pause_is_before_the_next_baseline),
        TEST(a_folder_that_is_wanted_later_begins_with_a_baseline),
        TEST(a_folder_that_was_covered_before_has_no_baseline),
        TEST(a_refused_folder_does_not_prolong_the_baseline),
        TEST(an_account_that_cannot_be_reached_is_settled_too),
        TEST(an_other_session_that_is_lost_settles_and_comes_back),
        TEST(missing_folders_are_reported),
        TEST(sent_is_missed_once_it_was_there),
        TEST(two_listings_while_the_ledger_is_asked_ask_it_once),
        TEST(a_reload_that_changes_nothing_of_the_login_goes_on),
        TEST(freed_at_any_moment),
    };
    cmocka_set_test_filter(getenv("ONLY"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
