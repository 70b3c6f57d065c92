/* Copies that wait or were given up: refusals are counted, an officer retries and drops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/command/report.h"
#include "agent/ledger/ledger_help.h"

#define OCTETS "Subject: one\n\nbody\n"
#define ID_OF_1 "id-1-1-compliance"

struct decided {
    struct room *room;
    size_t n;
    char why[200];
};

static void on_decided(void *arg, size_t n, const char *why)
{
    struct decided *decided = arg;
    decided->n = n;
    snprintf(decided->why, sizeof(decided->why), "%s", why == NULL ? "" : why);
    decided->room->waiting--;
}

static struct decided retry(struct room *room, const char *id, const char *target)
{
    struct decided decided = {.room = room};
    room->waiting++;
    ledger_retry(room->ledger, id, target, on_decided, &decided);
    room_wait(room);
    return decided;
}

static struct decided drop(struct room *room, const char *id, const char *why)
{
    struct decided decided = {.room = room};
    room->waiting++;
    ledger_drop(room->ledger, id, why, on_decided, &decided);
    room_wait(room);
    return decided;
}

static enum capture_outcome capture(struct room *room, uint32_t uid)
{
    int64_t folder = room_folder(room, "alice", "INBOX", 77, 1, true);
    struct mail mail = {.folder = folder, .uid = uid, .octets = OCTETS, .targets = {"compliance"}};
    assert_int_equal(folder, 1);
    return room_capture(room, &mail);
}

/* One copy, refused: retry_at 0 gives it up. */
static void refused(struct room *room, time_t retry_at)
{
    capture(room, 1);
    assert_int_equal(room_pending(room, "compliance", time(NULL), 9), 1);
    room_intent(room, 0, OCTETS);
    room->waiting++;
    ledger_refused(room->ledger, room->copies[0].id, "no", retry_at, room_done, room);
    room_wait(room);
}

static int64_t records(const struct room *room, const char *kind)
{
    char sql[120];
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM chain WHERE kind = '%s'", kind);
    return room_sql(room, sql);
}

static void assert_verified(const struct room *room)
{
    char *why, head[65];
    uint64_t n;
    struct report *report = report_open(room->dir, &why);
    assert_non_null(report);
    assert_int_equal(report_verify_chain(report, &n, head, NULL, NULL), 0);
    assert_int_equal(report_verify_spool(report, &n, NULL, NULL), 0);
    report_close(report);
}

static void test_only_refusals_count_as_attempts(void **state)
{
    struct room *room = *state;
    refused(room, time(NULL));
    assert_int_equal(room_pending(room, "compliance", time(NULL), 9), 1);
    assert_int_equal(room->copies[0].attempts, 1);
    room_intent(room, 0, OCTETS);
    room_refuse(room, 0, "the connection was lost", time(NULL));
    assert_int_equal(room_pending(room, "compliance", time(NULL), 9), 1);
    assert_int_equal(room->copies[0].attempts, 1);
}

static void test_retry_makes_one_that_waits_due(void **state)
{
    struct room *room = *state;
    refused(room, time(NULL) + 3600);
    assert_int_equal(room_pending(room, "compliance", time(NULL), 9), 0);
    assert_int_equal(retry(room, ID_OF_1, NULL).n, 1);
    assert_int_equal(room_pending(room, "compliance", time(NULL), 9), 1);
    assert_int_equal(records(room, "copy-retried"), 1);
    assert_verified(room);
}

static void test_retry_revives_one_that_was_given_up(void **state)
{
    struct room *room = *state;
    refused(room, 0);
    assert_int_equal(room_pending(room, "compliance", time(NULL), 9), 0);
    assert_int_equal(retry(room, NULL, "compliance").n, 1);
    assert_int_equal(room_pending(room, "compliance", time(NULL), 9), 1);
    room_read(room, 0);
    assert_int_equal(room->read_len, strlen(OCTETS));
    room_figures(room);
    assert_int_equal(room->figures.failed_copies, 0);
    assert_int_equal(records(room, "copies-retried"), 1);
    assert_verified(room);
}

static void test_retry_of_nothing_says_so(void **state)
{
    struct room *room = *state;
    struct decided decided = retry(room, "no-such-id", NULL);
    assert_int_equal(decided.n, 0);
    assert_non_null(strstr(decided.why, "no copy with the id \"no-such-id\""));
    assert_non_null(strstr(retry(room, NULL, "other").why, "no copy waits for target other"));
    assert_non_null(strstr(retry(room, NULL, NULL).why, "no copy waits"));
    refused(room, time(NULL));
    room_intent(room, 0, OCTETS);
    assert_non_null(strstr(retry(room, ID_OF_1, NULL).why, "being sent"));
    room_deliver(room, 0, 41);
    assert_non_null(strstr(retry(room, ID_OF_1, NULL).why, "has been delivered"));
    assert_non_null(strstr(drop(room, ID_OF_1, "why").why, "has been delivered"));
    assert_int_equal(records(room, "copy-retried") + records(room, "copy-dropped"), 0);
}

/* A copy that waits for its counterparts is not sent early. */
static void test_retry_leaves_held_copies_held(void **state)
{
    struct room *room = *state;
    int64_t folder = room_folder(room, "alice", "INBOX", 77, 1, true);
    struct mail mail = {.folder = folder,
                        .uid = 1,
                        .octets = OCTETS,
                        .targets = {"compliance"},
                        .hold_until = time(NULL) + 100};
    room_capture(room, &mail);
    retry(room, NULL, NULL);
    assert_int_equal(room_pending(room, "compliance", time(NULL), 9), 0);
}

static void test_dropped_copy_is_never_sent_and_frees_its_original(void **state)
{
    struct room *room = *state;
    unsigned files;
    refused(room, 0);
    assert_int_equal(drop(room, ID_OF_1, "not ours to keep").n, 1);
    assert_int_equal(room_pending(room, "compliance", time(NULL) + 9999, 9), 0);
    assert_int_equal(room_sql(room, "SELECT count(*) FROM copy WHERE state = 4"
                                    " AND reason = 'not ours to keep'"),
                     1);
    assert_int_equal(room_sql(room, "SELECT instr(body, 'why=not%20ours%20to%20keep') > 0"
                                    " FROM chain WHERE kind = 'copy-dropped'"),
                     1);
    room_figures(room);
    assert_int_equal(room->figures.failed_copies, 0);
    assert_int_equal(room->figures.dropped, 1);
    assert_non_null(strstr(drop(room, ID_OF_1, "again").why, "was dropped"));
    assert_non_null(strstr(retry(room, ID_OF_1, NULL).why, "was dropped"));
    room_close(room);
    room_open(room);
    assert_null(ledger_damage(room->ledger));
    room_spool(room, &files);
    assert_int_equal(files, 0);
    assert_verified(room);
}

/* It was on its way, and the server stored it: then it is delivered. */
static void test_dropped_while_it_was_sent(void **state)
{
    struct room *room = *state;
    refused(room, time(NULL));
    room_intent(room, 0, OCTETS);
    assert_int_equal(drop(room, ID_OF_1, "why").n, 1);
    room_refuse(room, 0, "no", time(NULL));
    assert_int_equal(room_sql(room, "SELECT state FROM copy"), 4);
    room_deliver(room, 0, 41);
    assert_int_equal(room_sql(room, "SELECT state FROM copy"), 2);
    assert_verified(room);
    assert_int_equal(room_sql(room, "SELECT count(*) FROM segment WHERE live < 0"), 0);
}

static void test_octets_that_come_again_after_all_was_given_up(void **state)
{
    struct room *room = *state;
    refused(room, 0);
    assert_int_equal(capture(room, 2), CAPTURE_STORED);
    assert_int_equal(room_pending(room, "compliance", time(NULL), 9), 1);
    assert_int_equal(room->copies[0].uid, 2);
    assert_int_equal(drop(room, ID_OF_1, "why").n, 1);
    assert_int_equal(drop(room, "id-1-2-compliance", "why").n, 1);
    assert_int_equal(capture(room, 3), CAPTURE_STORED);
    assert_int_equal(capture(room, 4), CAPTURE_DUPLICATE);
    assert_verified(room);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, room_setup, room_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_only_refusals_count_as_attempts),
        TEST(test_retry_makes_one_that_waits_due),
        TEST(test_retry_revives_one_that_was_given_up),
        TEST(test_retry_of_nothing_says_so),
        TEST(test_retry_leaves_held_copies_held),
        TEST(test_dropped_copy_is_never_sent_and_frees_its_original),
        TEST(test_dropped_while_it_was_sent),
        TEST(test_octets_that_come_again_after_all_was_given_up),
    };
    return cmocka_run_group_tests_name("agent.ledger.waiting", tests, NULL, NULL);
}
