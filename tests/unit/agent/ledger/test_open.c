#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/ledger/ledger_help.h"
#include "in_range.h"

static int closed_setup(void **state)
{
    room_setup(state);
    room_close(*state);
    return 0;
}

static void file_path(const struct room *room, const char *name, char path[160])
{
    snprintf(path, 160, "%s/%s", room->dir, name);
}

static void write_file(const struct room *room, const char *name, const void *octets, size_t len)
{
    char path[160];
    file_path(room, name, path);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(octets, 1, len, file), len);
    fclose(file);
}

static mode_t mode_of(const struct room *room, const char *name)
{
    char path[160];
    struct stat status;
    file_path(room, name, path);
    assert_int_equal(stat(path, &status), 0);
    return status.st_mode & 0777;
}

/* Opening must end so, and its reason must hold `text`. */
static void refused_with(struct room *room, const struct ledger_options *options,
                         enum ledger_open_error expected, const char *text)
{
    char *why = NULL;
    struct ledger *ledger = NULL;
    enum ledger_open_error error = ledger_open(room->base, options, &ledger, &why);
    if (error == LEDGER_OPENED)
        ledger_close(ledger);
    assert_int_equal(error, expected);
    if (strstr(why, text) == NULL)
        fail_msg("\"%s\" does not contain \"%s\"", why, text);
    free(why);
}

static void refused(struct room *room, enum ledger_open_error expected, const char *text)
{
    struct ledger_options options = room_options(room);
    refused_with(room, &options, expected, text);
}

static void test_what_is_made_is_for_nobody_else(void **state)
{
    struct room *room = *state;
    assert_int_equal(mode_of(room, "."), 0700);
    assert_int_equal(mode_of(room, "ledger.db"), 0600);
    assert_int_equal(mode_of(room, "instance.key"), 0600);
    assert_int_equal(mode_of(room, "ledger.lock"), 0600);
    assert_int_equal(mode_of(room, "spool"), 0700);
}

static void test_key_stays_the_same(void **state)
{
    struct room *room = *state;
    unsigned char key[32];
    memcpy(key, ledger_key(room->ledger), 32);
    room_close(room);
    room_open(room);
    assert_memory_equal(key, ledger_key(room->ledger), 32);
}

static void test_ledger_in_use_names_the_process(void **state)
{
    struct room *room = *state;
    char pid[32];
    snprintf(pid, sizeof(pid), "process %ld", (long)getpid());
    refused(room, LEDGER_IN_USE, pid);
}

static void test_other_instance(void **state)
{
    struct room *room = *state;
    struct ledger_options options = room_options(room);
    options.instance = "other.test";
    refused_with(room, &options, LEDGER_OTHER_INSTANCE, "belongs to instance \"example.org\"");
}

static void test_newer_version(void **state)
{
    struct room *room = *state;
    room_sql(room, "PRAGMA user_version = 99");
    refused(room, LEDGER_NEWER_VERSION, "newer mailvigil");
}

static void test_directory_that_others_may_enter(void **state)
{
    struct room *room = *state;
    chmod(room->dir, 0750);
    refused(room, LEDGER_SYSTEM, "chmod 700");
}

static void test_directory_without_a_parent(void **state)
{
    struct room *room = *state;
    struct ledger_options options = room_options(room);
    char path[160];
    file_path(room, "missing/state", path);
    options.state_dir = path;
    refused_with(room, &options, LEDGER_SYSTEM, "cannot be made");
}

static void test_key_of_another_size(void **state)
{
    struct room *room = *state;
    write_file(room, "instance.key", "short", 5);
    refused(room, LEDGER_DAMAGED, "not 32 bytes long");
    write_file(room, "instance.key", "123456789012345678901234567890123", 33);
    refused(room, LEDGER_DAMAGED, "not 32 bytes long");
}

static void test_key_of_another_ledger(void **state)
{
    struct room *room = *state;
    write_file(room, "instance.key", "12345678901234567890123456789012", 32);
    refused(room, LEDGER_DAMAGED, "not the key of its ledger");
}

static void test_missing_key_is_not_made_anew(void **state)
{
    struct room *room = *state;
    char path[160];
    file_path(room, "instance.key", path);
    unlink(path);
    refused(room, LEDGER_DAMAGED, "instance.key is missing");
}

static void test_key_that_others_can_read(void **state)
{
    struct room *room = *state;
    char path[160];
    file_path(room, "instance.key", path);
    chmod(path, 0644);
    refused(room, LEDGER_SYSTEM, "chmod 600");
}

static void test_database_that_is_none(void **state)
{
    struct room *room = *state;
    char garbage[4096];
    memset(garbage, 'x', sizeof(garbage));
    write_file(room, "ledger.db", garbage, sizeof(garbage));
    refused(room, LEDGER_DAMAGED, "ledger.db");
}

static void test_database_of_something_else(void **state)
{
    struct room *room = *state;
    room_sql(room, "PRAGMA application_id = 5");
    refused(room, LEDGER_DAMAGED, "not a ledger");
}

static void test_key_outlives_the_ledger(void **state)
{
    struct room *room = *state;
    unsigned char key[32];
    char path[160];
    memcpy(key, ledger_key(room->ledger), 32);
    room_close(room);
    file_path(room, "ledger.db", path);
    unlink(path);
    room_open(room);
    assert_memory_equal(key, ledger_key(room->ledger), 32);
}

static void test_refused_opening_leaves_no_lock(void **state)
{
    struct room *room = *state;
    test_other_instance(state);
    room_open(room);
    assert_null(ledger_damage(room->ledger));
}

/* ---- a ledger of version 1, as it was released ---- */

static char *read_fixture(void)
{
    FILE *file = fopen(SOURCE_DIRECTORY "/tests/unit/agent/ledger_version_1.sql", "rb");
    assert_non_null(file);
    char *text = xcalloc(1, 64 * 1024);
    size_t len = fread(text, 1, 64 * 1024 - 1, file);
    assert_uint_in_range(len, 1000, 64 * 1024 - 2);
    fclose(file);
    return text;
}

static void write_fixture_files(const struct room *room, sqlite3 *db)
{
    sqlite3_stmt *query;
    assert_int_equal(
        sqlite3_prepare_v2(db, "SELECT name, octets FROM fixture_file", -1, &query, NULL),
        SQLITE_OK);
    while (sqlite3_step(query) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(query, 0);
        char path[160];
        write_file(room, name, sqlite3_column_blob(query, 1),
                   (size_t)sqlite3_column_bytes(query, 1));
        file_path(room, name, path);
        assert_int_equal(chmod(path, 0600), 0);
    }
    sqlite3_finalize(query);
}

/* The room's state directory, closed, with what version 1 left. */
static int version_1_setup(void **state)
{
    char path[160];
    sqlite3 *db;
    char *fixture = read_fixture();
    struct room *room = xcalloc(1, sizeof(*room));
    room_make(room);
    assert_int_equal(mkdir(room->dir, 0700), 0);
    file_path(room, "spool", path);
    assert_int_equal(mkdir(path, 0700), 0);
    file_path(room, "ledger.db", path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, fixture, NULL, NULL, NULL), SQLITE_OK);
    write_fixture_files(room, db);
    assert_int_equal(sqlite3_exec(db, "DROP TABLE fixture_file", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    free(fixture);
    *state = room;
    return 0;
}

static void test_version_1_is_brought_forward_and_keeps_all(void **state)
{
    struct room *room = *state;
    assert_int_equal(room_sql(room, "PRAGMA user_version"), 1);
    room_open(room);
    assert_int_equal(room_sql(room, "PRAGMA user_version"), LEDGER_SCHEMA);
    assert_null(ledger_damage(room->ledger));
    room_figures(room);
    assert_int_equal(room->figures.pending, 1);
    assert_int_equal(room->figures.delivered, 1);
    assert_int_equal(room->figures.states[UID_NOT_WANTED], 3);
    assert_int_equal(room->figures.states[UID_UNFETCHED], 1);
    assert_int_equal(room_pending(room, "archive", time(NULL) + 1000000000, 10), 1);
    room_read(room, 0);
    static const char original[] = "Subject: pending\n\nIt is still to be delivered.\n";
    assert_int_equal(room->read_len, strlen(original));
    assert_memory_equal(room->read, original, strlen(original));
    room_folder(room, "alice", "INBOX", 7, 11, false);
    assert_int_equal(room->folder.seen_through, 10);
    assert_int_equal(room->folder.n_retry, 1);
    /* the chain goes on from its last record */
    assert_int_equal(room_sql(room, "SELECT seq FROM chain WHERE kind = 'closed'"), 7);
    assert_int_equal(room_sql(room, "SELECT count(*) FROM chain WHERE seq = 8"), 1);
}

static void test_what_was_brought_forward_opens_again(void **state)
{
    struct room *room = *state;
    room_open(room);
    room_close(room);
    room_open(room);
    assert_int_equal(room_sql(room, "SELECT count(*) FROM probe_entry"), 0);
    assert_int_equal(room_sql(room, "SELECT count(*) FROM reflected"), 0);
    room_figures(room);
    assert_int_equal(room->figures.pending, 1);
}

/* The last of the new tables cannot be made: nothing has changed. */
static void test_bringing_forward_is_whole_or_not_at_all(void **state)
{
    struct room *room = *state;
    room_sql(room, "CREATE TABLE reflected(mine)");
    refused(room, LEDGER_DAMAGED, "reflected already exists");
    assert_int_equal(room_sql(room, "PRAGMA user_version"), 1);
    assert_int_equal(
        room_sql(room, "SELECT count(*) FROM sqlite_master WHERE name = 'probe_entry'"), 0);
    assert_int_equal(room_sql(room, "SELECT max(seq) FROM chain"), 7);
    room_sql(room, "DROP TABLE reflected");
    room_open(room);
}

static void test_other_instance_is_not_brought_forward(void **state)
{
    struct room *room = *state;
    test_other_instance(state);
    assert_int_equal(room_sql(room, "PRAGMA user_version"), 1);
}

static void test_version_below_all(void **state)
{
    struct room *room = *state;
    room_sql(room, "PRAGMA user_version = -3");
    refused(room, LEDGER_DAMAGED, "not a ledger");
}

int main(void)
{
#define OPEN(name) cmocka_unit_test_setup_teardown(name, room_setup, room_teardown)
#define CLOSED(name) cmocka_unit_test_setup_teardown(name, closed_setup, room_teardown)
#define VERSION_1(name) cmocka_unit_test_setup_teardown(name, version_1_setup, room_teardown)
    const struct CMUnitTest tests[] = {
        OPEN(test_what_is_made_is_for_nobody_else),
        OPEN(test_key_stays_the_same),
        OPEN(test_ledger_in_use_names_the_process),
        CLOSED(test_other_instance),
        CLOSED(test_newer_version),
        CLOSED(test_directory_that_others_may_enter),
        CLOSED(test_directory_without_a_parent),
        CLOSED(test_key_of_another_size),
        CLOSED(test_key_of_another_ledger),
        CLOSED(test_missing_key_is_not_made_anew),
        CLOSED(test_key_that_others_can_read),
        CLOSED(test_database_that_is_none),
        CLOSED(test_database_of_something_else),
        OPEN(test_key_outlives_the_ledger),
        CLOSED(test_refused_opening_leaves_no_lock),
        VERSION_1(test_version_1_is_brought_forward_and_keeps_all),
        VERSION_1(test_what_was_brought_forward_opens_again),
        VERSION_1(test_bringing_forward_is_whole_or_not_at_all),
        VERSION_1(test_other_instance_is_not_brought_forward),
        CLOSED(test_version_below_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
