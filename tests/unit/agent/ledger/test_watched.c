/* What is configured, taken out and put back: which of it begins with a baseline. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/ledger/ledger_help.h"

struct answer {
    struct room *room;
    bool known, all_baselined;
    size_t n_patterns;
    time_t baseline_at;
};

static void on_account(void *arg, const struct ledger_account *account)
{
    struct answer *answer = arg;
    answer->known = account->known;
    answer->n_patterns = account->n_patterns;
    answer->baseline_at = account->baseline_at;
    answer->all_baselined = true;
    for (size_t i = 0; i < account->n_patterns; i++)
        answer->all_baselined = answer->all_baselined && account->patterns[i].baselined;
    answer->room->waiting--;
}

struct patterns {
    struct room *room;
    char text[200];
};

static struct answer account(struct room *room, const char *name)
{
    struct answer answer = {.room = room};
    room->waiting++;
    ledger_account_open(room->ledger, name, on_account, &answer);
    room_wait(room);
    return answer;
}

/* folders of alice, separated by blanks; NULL: she is not configured. bert always is. */
static void configure(struct room *room, const char *folders)
{
    char *words = xstrdup(folders != NULL ? folders : ""), *list[8], *rest = NULL;
    char *inbox[] = {(char *)"INBOX", NULL};
    size_t n = 0;
    for (char *word = strtok_r(words, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
        list[n++] = word;
    list[n] = NULL;
    struct ledger_configured_account accounts[] = {{"bert", inbox}, {"alice", list}};
    ledger_configured(room->ledger, accounts, folders != NULL ? 2 : 1);
    if (folders != NULL)
        account(room, "alice");
    free(words);
}

static void complete(struct room *room, const char *folders)
{
    char *words = xstrdup(folders), *list[8], *rest = NULL;
    size_t n = 0;
    for (char *word = strtok_r(words, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
        list[n++] = word;
    list[n] = NULL;
    ledger_account_baselined(room->ledger, "alice", list);
    assert_true(account(room, "alice").known);
    free(words);
}

/* Opens it; the last UID that came before a baseline. */
static uint32_t open_folder(struct room *room, const char *name, uint32_t uidnext, bool fresh)
{
    room_folder(room, "alice", name, 7, uidnext, fresh);
    return room->folder.seen_through;
}

static int64_t records(struct room *room, const char *kind)
{
    char *sql = xasprintf("SELECT count(*) FROM chain WHERE kind = '%s'", kind);
    room_figures(room);
    int64_t n = room_sql(room, sql);
    free(sql);
    return n;
}

static void see(struct room *room, uint32_t first, uint32_t last)
{
    ledger_note(room->ledger, room->folder.id, first, last, UID_NOT_WANTED, NULL);
}

static void a_new_account_begins_with_a_baseline(void **state)
{
    struct room *room = *state;
    configure(room, "INBOX *");
    struct answer answer = account(room, "alice");
    assert_false(answer.known);
    assert_int_equal(answer.n_patterns, 2);
    assert_false(answer.all_baselined);
    assert_true(answer.baseline_at > 0);
    assert_int_equal(open_folder(room, "INBOX", 5, true), 4);
    assert_int_equal(open_folder(room, "INBOX", 8, true), 4); /* a crash is no pause */
    see(room, 5, 7);
    complete(room, "INBOX");
    assert_true(account(room, "alice").all_baselined);
    assert_int_equal(open_folder(room, "INBOX", 10, false), 7);
    assert_int_equal(open_folder(room, "New", 10, false), 0); /* her own */
    assert_int_equal(records(room, "account-added"), 2);
}

static void the_same_configuration_again_changes_nothing(void **state)
{
    struct room *room = *state;
    configure(room, "INBOX");
    open_folder(room, "INBOX", 5, true);
    complete(room, "INBOX");
    time_t first = account(room, "alice").baseline_at;
    for (int i = 0; i < 3; i++) {
        room_close(room);
        room_open(room);
        configure(room, "INBOX");
    }
    assert_true(account(room, "alice").known);
    assert_int_equal(account(room, "alice").baseline_at, first);
    assert_int_equal(open_folder(room, "INBOX", 9, false), 4);
    assert_int_equal(records(room, "folders-changed") + records(room, "account-resumed"), 0);
}

static void an_account_that_was_taken_out_has_had_a_pause(void **state)
{
    struct room *room = *state;
    configure(room, "INBOX Sent");
    open_folder(room, "INBOX", 5, true);
    open_folder(room, "Sent", 1, true);
    complete(room, "INBOX Sent");
    room_sql(room, "UPDATE account SET first_seen = 1000");
    configure(room, NULL);
    assert_int_equal(records(room, "account-removed"), 1);
    configure(room, NULL);
    room_close(room);
    room_open(room);
    configure(room, "INBOX Sent");
    assert_int_equal(records(room, "account-removed"), 1);
    assert_int_equal(records(room, "account-resumed"), 1);
    assert_false(account(room, "alice").known);
    assert_true(account(room, "alice").baseline_at > 1000);
    assert_int_equal(open_folder(room, "INBOX", 9, true), 8);
    assert_int_equal(room_sql(room, "SELECT count(*) FROM span WHERE first = 5 AND last = 8 AND"
                                    " state = 0 AND reason LIKE '%not configured%'"),
                     1);
    assert_int_equal(open_folder(room, "INBOX", 12, true), 8); /* a crash is no pause */
    room_folder(room, "alice", "Sent", 8, 4, true);            /* remade meanwhile */
    assert_int_equal(room->folder.seen_through, 3);
    complete(room, "INBOX Sent");
    assert_int_equal(open_folder(room, "INBOX", 20, false), 8);
}

static void a_folder_that_is_configured_later_begins_with_a_baseline(void **state)
{
    struct room *room = *state;
    configure(room, "INBOX");
    open_folder(room, "INBOX", 5, true);
    complete(room, "INBOX");
    configure(room, "INBOX Archive");
    assert_false(account(room, "alice").known);
    assert_int_equal(open_folder(room, "INBOX", 9, false), 4);
    assert_int_equal(open_folder(room, "Archive", 100, true), 99);
    complete(room, "INBOX Archive");
    assert_int_equal(records(room, "folders-changed"), 1);
    configure(room, "INBOX");
    complete(room, "INBOX");
    configure(room, "INBOX Archive");
    assert_int_equal(open_folder(room, "Archive", 120, true), 119); /* a pause */
    assert_int_equal(open_folder(room, "INBOX", 20, false), 4);
}

static void another_name_for_what_is_watched_is_no_pause(void **state)
{
    static const char *const ways[] = {"*", "**", "INBOX *", "Sent INBOX", "\\Sent INBOX", "INBOX"};
    struct room *room = *state;
    configure(room, "INBOX");
    open_folder(room, "INBOX", 5, true);
    complete(room, "INBOX");
    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
        configure(room, ways[i]);
        assert_int_equal(open_folder(room, "INBOX", 9, true), 4);
        assert_int_equal(open_folder(room, "INBOX", 9, true), 4);
        complete(room, "INBOX");
    }
    /* Changes that nobody had the time to look at. */
    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
        configure(room, ways[i]);
    assert_int_equal(open_folder(room, "INBOX", 9, true), 4);
}

/* The patterns: "name:" and b baselined, f former, - neither. */
static void on_patterns(void *arg, const struct ledger_account *account)
{
    struct patterns *patterns = arg;
    for (size_t i = 0; i < account->n_patterns; i++) {
        const struct ledger_pattern *one = &account->patterns[i];
        size_t len = strlen(patterns->text);
        snprintf(patterns->text + len, sizeof(patterns->text) - len, "%s:%s ", one->name,
                 one->former      ? "f"
                 : one->baselined ? "b"
                                  : "-");
        assert_true(one->baselined || !one->former);
    }
    patterns->room->waiting--;
}

static void assert_patterns(struct room *room, const char *expected)
{
    struct patterns patterns = {.room = room};
    room->waiting++;
    ledger_account_open(room->ledger, "alice", on_patterns, &patterns);
    room_wait(room);
    assert_string_equal(patterns.text, expected);
}

static void what_was_configured_before_is_known_until_the_next_is_baselined(void **state)
{
    struct room *room = *state;
    configure(room, "*");
    configure(room, "INBOX");
    assert_patterns(room, "INBOX:- "); /* "*" had no baseline yet */
    configure(room, "*");
    complete(room, "INBOX");
    assert_patterns(room, "*:b ");
    configure(room, "INBOX Work");
    assert_patterns(room, "*:f INBOX:- Work:- ");
    configure(room, "Work");
    assert_patterns(room, "*:f Work:- ");
    configure(room, "* Work");
    assert_patterns(room, "*:b Work:- "); /* again, without a pause */
    configure(room, "Work");
    complete(room, "Work");
    assert_patterns(room, "Work:b ");
    configure(room, NULL);
    configure(room, "*");
    assert_patterns(room, "*:- "); /* a pause */
    complete(room, "INBOX");
    configure(room, "**");
    assert_patterns(room, "*:f **:- ");
    complete(room, "INBOX");
    assert_patterns(room, "*:f **:b "); /* it is a part of it */
    configure(room, "*");
    assert_patterns(room, "*:b **:f ");
    complete(room, "INBOX");
    assert_patterns(room, "*:b ");
}

static void a_folder_that_stays_open_during_a_change_is_no_pause(void **state)
{
    struct room *room = *state;
    configure(room, "INBOX");
    open_folder(room, "INBOX", 5, true);
    complete(room, "INBOX");
    for (int i = 0; i < 4; i++) {
        configure(room, i % 2 == 0 ? "*" : "**");
        complete(room, "INBOX"); /* not opened anew */
    }
    configure(room, "INBOX");
    assert_int_equal(open_folder(room, "INBOX", 9, true), 4);
}

static void a_remade_folder_is_no_pause(void **state)
{
    struct room *room = *state;
    configure(room, "Sent");
    open_folder(room, "Sent", 5, true);
    complete(room, "Sent");
    room_folder(room, "alice", "Sent", 8, 4, false);
    assert_int_equal(room->folder.seen_through, 0);
    assert_true(room->folder.validity_changed);
    configure(room, "*");
    room_folder(room, "alice", "Sent", 9, 4, true);
    assert_int_equal(room->folder.seen_through, 0);
    assert_true(room->folder.validity_changed);
}

static void a_ledger_of_an_older_version_was_watched_as_it_is_configured(void **state)
{
    struct room *room = *state;
    room_folder(room, "alice", "INBOX", 7, 5, true);
    room_folder(room, "carol", "INBOX", 7, 5, true);
    ledger_account_baselined(room->ledger, "alice", (char *[]){NULL});
    configure(room, "INBOX *");
    assert_true(account(room, "alice").known);
    assert_true(account(room, "alice").all_baselined);
    assert_int_equal(open_folder(room, "INBOX", 9, false), 4);
    assert_int_equal(records(room, "account-removed"), 1); /* carol */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, room_setup, room_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_new_account_begins_with_a_baseline),
        TEST(the_same_configuration_again_changes_nothing),
        TEST(an_account_that_was_taken_out_has_had_a_pause),
        TEST(a_folder_that_is_configured_later_begins_with_a_baseline),
        TEST(another_name_for_what_is_watched_is_no_pause),
        TEST(what_was_configured_before_is_known_until_the_next_is_baselined),
        TEST(a_folder_that_stays_open_during_a_change_is_no_pause),
        TEST(a_remade_folder_is_no_pause),
        TEST(a_ledger_of_an_older_version_was_watched_as_it_is_configured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
