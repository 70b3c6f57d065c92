#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ledger_help.h"

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
        fail_msg("\"%s\" does not tell \"%s\"", why, text);
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
    snprintf(pid, sizeof pid, "process %ld", (long)getpid());
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
    refused(room, LEDGER_DAMAGED, "not 32 octets long");
    write_file(room, "instance.key", "123456789012345678901234567890123", 33);
    refused(room, LEDGER_DAMAGED, "not 32 octets long");
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
    memset(garbage, 'x', sizeof garbage);
    write_file(room, "ledger.db", garbage, sizeof garbage);
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

int main(void)
{
#define OPEN(name) cmocka_unit_test_setup_teardown(name, room_setup, room_teardown)
#define CLOSED(name) cmocka_unit_test_setup_teardown(name, closed_setup, room_teardown)
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
