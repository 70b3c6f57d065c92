#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/ledger/store/spool.h"
#include "agent/ledger/store/spool_format.h"

#define SEGMENT_MAX 1000000

struct place {
    char path[64];
    int fd;
    struct spool spool;
};

static int setup(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    assert_non_null(place);
    strcpy(place->path, "/tmp/mailvigil-test-XXXXXX");
    assert_non_null(mkdtemp(place->path));
    place->fd = open(place->path, O_RDONLY | O_DIRECTORY);
    assert_true(spool_open(&place->spool, place->fd));
    place->spool.next_segment = 1;
    *state = place;
    return 0;
}

static int teardown(void **state)
{
    struct place *place = *state;
    char command[120];
    spool_close(&place->spool);
    close(place->fd);
    snprintf(command, sizeof(command), "rm -rf '%s'", place->path);
    assert_int_equal(system(command), 0);
    free(place);
    return 0;
}

static void digest(const char *text, unsigned char sha256[32])
{
    SHA256((const unsigned char *)text, strlen(text), sha256);
}

struct stored {
    const char *text;
    unsigned char sha256[32];
    uint64_t segment, offset;
};

static void put(struct place *place, const char *text, struct stored *stored)
{
    stored->text = text;
    digest(text, stored->sha256);
    assert_true(spool_put(&place->spool, text, strlen(text), stored->sha256, &stored->segment,
                          &stored->offset));
}

static void commit(struct place *place)
{
    assert_true(spool_flush(&place->spool));
    assert_true(spool_sync(&place->spool));
    spool_batch_committed(&place->spool);
}

/* Why it is not sound, or NULL; the text is the test's to free. */
static char *check(const struct place *place, const struct stored *stored)
{
    return spool_check_octets(place->spool.dir_fd, stored->segment, stored->offset,
                              strlen(stored->text), stored->sha256);
}

static void assert_sound(const struct place *place, const struct stored *stored)
{
    char *why = check(place, stored);
    if (why != NULL)
        fail_msg("%s", why);
}

static void assert_unsound(const struct place *place, const struct stored *stored, const char *text)
{
    char *why = check(place, stored);
    assert_non_null(why);
    if (strstr(why, text) == NULL)
        fail_msg("\"%s\" does not contain \"%s\"", why, text);
    free(why);
}

static int64_t file_size(const struct place *place, uint64_t segment)
{
    char name[SPOOL_NAME_SIZE];
    struct stat status;
    spool_name(segment, name);
    return fstatat(place->spool.dir_fd, name, &status, 0) == 0 ? status.st_size : -1;
}

static void overwrite(const struct place *place, uint64_t segment, uint64_t at)
{
    char name[SPOOL_NAME_SIZE];
    spool_name(segment, name);
    int fd = openat(place->spool.dir_fd, name, O_WRONLY);
    assert_int_equal(pwrite(fd, "#", 1, (off_t)at), 1);
    close(fd);
}

static void test_names(void **state)
{
    static const struct {
        const char *name;
        uint64_t segment;
    } cases[] = {
        {"0000000000000001.seg", 1},      {"00000000000000ff.seg", 255},
        {"ffffffffffffffff.seg", ~0ull},  {"00000000000000FF.seg", 0},
        {"0000000000000001.seg.lost", 0}, {"000000000000001.seg", 0},
        {"0000000000000001.tmp", 0},      {"", 0},
        {"000000000000000g.seg", 0},      {"..", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (spool_name_read(cases[i].name) != cases[i].segment)
            fail_msg("\"%s\" is read as %llx", cases[i].name,
                     (unsigned long long)spool_name_read(cases[i].name));
}

static void test_records_of_many_batches_are_sound(void **state)
{
    struct place *place = *state;
    struct stored stored[3];
    for (int i = 0; i < 2; i++) {
        spool_batch_begin(&place->spool, SEGMENT_MAX);
        put(place, "first", &stored[0]);
        put(place, "", &stored[1]);
        put(place, "third and last", &stored[2]);
        commit(place);
        for (int j = 0; j < 3; j++)
            assert_sound(place, &stored[j]);
    }
}

static void test_more_records_than_one_writev_takes(void **state)
{
    struct place *place = *state;
    struct stored first, last;
    spool_batch_begin(&place->spool, SEGMENT_MAX);
    put(place, "first", &first);
    for (int i = 0; i < 3000; i++)
        put(place, "some octets", &last);
    commit(place);
    assert_sound(place, &first);
    assert_sound(place, &last);
}

static void test_rolled_back_batch_leaves_nothing(void **state)
{
    struct place *place = *state;
    struct stored kept, gone, next;
    spool_batch_begin(&place->spool, SEGMENT_MAX);
    put(place, "kept", &kept);
    commit(place);
    int64_t size = file_size(place, kept.segment);
    spool_batch_begin(&place->spool, SEGMENT_MAX);
    put(place, "rolled back", &gone);
    assert_true(spool_flush(&place->spool));
    spool_batch_rolled_back(&place->spool);
    assert_int_equal(file_size(place, kept.segment), size);
    spool_batch_begin(&place->spool, SEGMENT_MAX);
    put(place, "the next", &next);
    commit(place);
    assert_sound(place, &kept);
    assert_sound(place, &next);
}

static void test_changed_octet_is_found(void **state)
{
    struct place *place = *state;
    struct stored stored;
    spool_batch_begin(&place->spool, SEGMENT_MAX);
    put(place, "octets", &stored);
    commit(place);
    overwrite(place, stored.segment, stored.offset + 2);
    assert_unsound(place, &stored, "SHA-256");
}

static void test_changed_header_is_found(void **state)
{
    struct place *place = *state;
    struct stored stored;
    for (unsigned at = 0; at < SPOOL_HEADER; at += 7) {
        spool_batch_begin(&place->spool, SEGMENT_MAX);
        put(place, "octets", &stored);
        commit(place);
        overwrite(place, stored.segment, stored.offset - SPOOL_HEADER + at);
        assert_unsound(place, &stored, "no record of that message");
    }
}

static void test_missing_file_is_reported(void **state)
{
    struct place *place = *state;
    struct stored stored;
    spool_batch_begin(&place->spool, SEGMENT_MAX);
    put(place, "octets", &stored);
    commit(place);
    spool_remove(&place->spool, stored.segment);
    assert_unsound(place, &stored, "cannot be opened");
}

static void test_full_segment_takes_no_more_batches(void **state)
{
    struct place *place = *state;
    struct stored first, second;
    spool_batch_begin(&place->spool, 10);
    put(place, "first", &first);
    commit(place);
    spool_batch_begin(&place->spool, 10);
    put(place, "second", &second);
    commit(place);
    assert_int_not_equal(first.segment, second.segment);
    assert_sound(place, &first);
    assert_sound(place, &second);
}

static void test_big_one_written_in_parts_and_twice(void **state)
{
    struct place *place = *state;
    struct spool_big big = {.file.fd = -1};
    struct stored stored = {.text = "partone-parttwo", .offset = SPOOL_HEADER};
    digest(stored.text, stored.sha256);
    spool_batch_begin(&place->spool, SEGMENT_MAX);
    assert_true(spool_big_write(&place->spool, &big, "partone-", 8, 0));
    spool_batch_rolled_back(&place->spool);
    spool_batch_begin(&place->spool, SEGMENT_MAX);
    assert_true(spool_big_write(&place->spool, &big, "partone-", 8, 0));
    assert_true(spool_big_write(&place->spool, &big, "parttwo", 7, 8));
    assert_true(spool_big_finish(&place->spool, &big, 15, stored.sha256));
    stored.segment = big.file.segment;
    commit(place);
    assert_int_equal(big.file.segment, 0);
    assert_sound(place, &stored);
}

static void test_discarded_big_one_goes_with_the_commit(void **state)
{
    struct place *place = *state;
    struct spool_big big = {.file.fd = -1};
    spool_batch_begin(&place->spool, SEGMENT_MAX);
    assert_true(spool_big_write(&place->spool, &big, "part", 4, 0));
    uint64_t segment = big.file.segment;
    spool_big_discard(&place->spool, &big);
    assert_true(file_size(place, segment) > 0);
    commit(place);
    assert_int_equal(file_size(place, segment), -1);
}

static void test_settle_cuts_and_reports_the_size(void **state)
{
    struct place *place = *state;
    struct stored stored;
    uint64_t actual;
    spool_batch_begin(&place->spool, SEGMENT_MAX);
    put(place, "octets", &stored);
    commit(place);
    assert_true(spool_settle(&place->spool, stored.segment, 20, &actual));
    assert_int_equal(actual, SPOOL_HEADER + 6);
    assert_int_equal(file_size(place, stored.segment), 20);
    assert_true(spool_settle(&place->spool, stored.segment, 30, &actual));
    assert_int_equal(actual, 20);
    assert_true(spool_settle(&place->spool, 99, 30, &actual));
    assert_int_equal(actual, 0);
}

static void test_close_removes_an_empty_segment(void **state)
{
    struct place *place = *state;
    struct stored stored;
    spool_batch_begin(&place->spool, SEGMENT_MAX);
    put(place, "octets", &stored);
    commit(place);
    spool_remove(&place->spool, stored.segment);
    uint64_t prepared = place->spool.current.segment;
    assert_int_equal(file_size(place, prepared), 0);
    spool_close(&place->spool);
    assert_true(spool_open(&place->spool, place->fd));
    assert_int_equal(file_size(place, prepared), -1);
}

/* ---- what the disk refuses ---- */

static void assert_why(const struct place *place, const char *text)
{
    if (strstr(place->spool.why, text) == NULL)
        fail_msg("\"%s\" does not contain \"%s\"", place->spool.why, text);
}

/* From now on it cannot be synced: it is a pipe. */
static void break_file(int fd)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(dup2(ends[1], fd), fd);
    close(ends[0]);
    close(ends[1]);
}

static void test_segment_that_failed_to_sync_is_not_trusted(void **state)
{
    struct place *place = *state;
    struct stored lost, again;
    spool_batch_begin(&place->spool, SEGMENT_MAX);
    put(place, "octets", &lost);
    assert_true(spool_flush(&place->spool));
    break_file(place->spool.current.fd);
    assert_false(spool_sync(&place->spool));
    assert_why(place, "cannot be synced");
    spool_batch_rolled_back(&place->spool);
    assert_int_equal(file_size(place, lost.segment), -1);
    spool_batch_begin(&place->spool, SEGMENT_MAX);
    put(place, "octets", &again);
    commit(place);
    assert_int_not_equal(again.segment, lost.segment);
    assert_sound(place, &again);
}

static void test_big_one_that_failed_to_sync_is_spoiled(void **state)
{
    struct place *place = *state;
    struct spool_big big = {.file.fd = -1};
    unsigned char sha256[32];
    digest("part", sha256);
    spool_batch_begin(&place->spool, SEGMENT_MAX);
    assert_true(spool_big_write(&place->spool, &big, "part", 4, 0));
    assert_true(spool_big_finish(&place->spool, &big, 4, sha256));
    uint64_t segment = big.file.segment;
    break_file(big.file.fd);
    assert_false(spool_sync(&place->spool));
    assert_true(big.spoiled);
    spool_batch_rolled_back(&place->spool);
    spool_big_close(&place->spool, &big, true);
    assert_int_equal(file_size(place, segment), -1);
}

static void test_segment_that_cannot_be_made_fails_the_batch(void **state)
{
    struct place *place = *state;
    struct spool_big big = {.file.fd = -1};
    char path[80];
    unsigned char sha256[32] = {0};
    uint64_t segment, offset;
    snprintf(path, sizeof(path), "%s/spool", place->path);
    assert_int_equal(rmdir(path), 0);
    spool_batch_begin(&place->spool, SEGMENT_MAX);
    assert_false(spool_put(&place->spool, "x", 1, sha256, &segment, &offset));
    assert_why(place, "cannot be made");
    assert_false(spool_big_write(&place->spool, &big, "x", 1, 0));
    spool_big_discard(&place->spool, &big); /* nothing was made of it */
    spool_batch_rolled_back(&place->spool);
}

static void test_files_that_cannot_be_written_fail_the_batch(void **state)
{
    struct place *place = *state;
    struct spool_big big = {.file.fd = -1};
    struct stored stored;
    spool_batch_begin(&place->spool, SEGMENT_MAX);
    assert_true(spool_big_write(&place->spool, &big, "part", 4, 0));
    break_file(big.file.fd); /* nor written at an offset */
    assert_false(spool_big_write(&place->spool, &big, "more", 4, 4));
    assert_why(place, "cannot be written");
    assert_false(spool_big_finish(&place->spool, &big, 8, stored.sha256));
    put(place, "octets", &stored);
    break_file(place->spool.current.fd);
    assert_false(spool_flush(&place->spool));
    assert_why(place, "cannot be written");
    spool_batch_rolled_back(&place->spool);
    spool_big_close(&place->spool, &big, true);
}

static void test_spool_that_cannot_be_a_directory_is_refused(void **state)
{
    struct place *place = *state;
    struct spool other;
    char path[80];
    snprintf(path, sizeof(path), "%s/spool", place->path);
    assert_int_equal(rmdir(path), 0);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    close(fd);
    assert_false(spool_open(&other, place->fd));
    assert_non_null(strstr(other.why, "cannot be opened"));
    assert_false(spool_open(&other, -1));
    assert_non_null(strstr(other.why, "cannot be made"));
}

/* ---- opening ---- */

static void count_segments(void *arg, uint64_t segment)
{
    *(uint64_t *)arg += segment;
}

static void test_segments_are_listed_and_set_aside(void **state)
{
    struct place *place = *state;
    struct stored stored;
    uint64_t sum = 0;
    spool_batch_begin(&place->spool, SEGMENT_MAX);
    put(place, "octets", &stored);
    commit(place);
    assert_true(spool_list(&place->spool, count_segments, &sum));
    assert_int_equal(sum, stored.segment);
    assert_true(spool_set_aside(&place->spool, stored.segment));
    assert_false(spool_set_aside(&place->spool, stored.segment)); /* it is gone */
    sum = 0;
    assert_true(spool_list(&place->spool, count_segments, &sum));
    assert_int_equal(sum, 0);
}

static void test_original_without_a_place_is_not_in_the_spool(void **state)
{
    struct place *place = *state;
    struct stored stored = {.text = "x", .segment = 0, .offset = SPOOL_HEADER};
    char octet;
    assert_unsound(place, &stored, "not in the spool");
    stored = (struct stored){.text = "x", .segment = 1, .offset = 0};
    assert_unsound(place, &stored, "not in the spool");
    char *why = spool_read_octets(place->spool.dir_fd, 0, 0, &octet, 1);
    assert_string_equal(why, "the original is not in the spool");
    free(why);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        TEST(test_records_of_many_batches_are_sound),
        TEST(test_more_records_than_one_writev_takes),
        TEST(test_rolled_back_batch_leaves_nothing),
        TEST(test_changed_octet_is_found),
        TEST(test_changed_header_is_found),
        TEST(test_missing_file_is_reported),
        TEST(test_full_segment_takes_no_more_batches),
        TEST(test_big_one_written_in_parts_and_twice),
        TEST(test_discarded_big_one_goes_with_the_commit),
        TEST(test_settle_cuts_and_reports_the_size),
        TEST(test_close_removes_an_empty_segment),
        TEST(test_segment_that_failed_to_sync_is_not_trusted),
        TEST(test_big_one_that_failed_to_sync_is_spoiled),
        TEST(test_segment_that_cannot_be_made_fails_the_batch),
        TEST(test_files_that_cannot_be_written_fail_the_batch),
        TEST(test_spool_that_cannot_be_a_directory_is_refused),
        TEST(test_segments_are_listed_and_set_aside),
        TEST(test_original_without_a_place_is_not_in_the_spool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
