#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/command/ledger.h"
#include "agent/command/report.h"
#include "agent/ledger/ledger_help.h"

#define MAIL_1 "Subject: one\n\nfirst body\n"
#define MAIL_2 "Subject: two\n\nsecond body\n"
#define MAIL_3 "Subject: three\n\nthird body\n"

/*
 * alice INBOX: 1:10 before the baseline, 11 delivered, 12:14 not wanted, 15 failed for the
 * auditor and pending for compliance; alice Archive: 1 a duplicate of INBOX 11; bob INBOX: 1
 * exempt, 2 vanished. bob "Odd %= name": 1 pending, a name that must be escaped.
 */
static int report_setup(void **state)
{
    room_setup(state);
    struct room *room = *state;
    int64_t inbox = room_folder(room, "alice", "INBOX", 7, 11, true);
    room_capture(room, &(struct mail){inbox, 11, MAIL_1, .targets = {"compliance"}});
    room_pending(room, "compliance", time(NULL), 10);
    room_intent(room, 0, MAIL_1);
    room_deliver(room, 0, 41);
    ledger_note(room->ledger, inbox, 12, 14, UID_NOT_WANTED, NULL);
    room_capture(room, &(struct mail){inbox, 15, MAIL_2, .targets = {"auditor", "compliance"}});
    room_pending(room, "auditor", time(NULL), 10);
    room_refuse(room, 0, "message too big", 0);
    int64_t archive = room_folder(room, "alice", "Archive", 9, 1, true);
    room_capture(room, &(struct mail){archive, 1, MAIL_1, .targets = {"compliance"}});
    int64_t bob = room_folder(room, "bob", "INBOX", 3, 1, true);
    ledger_note(room->ledger, bob, 1, 1, UID_EXEMPT, "rule privileged");
    ledger_note(room->ledger, bob, 2, 2, UID_VANISHED, NULL);
    int64_t odd = room_folder(room, "bob", "Odd %= name", 3, 1, true);
    room_capture(room, &(struct mail){odd, 1, MAIL_3, .targets = {"compliance"}});
    return 0;
}

static struct report *open_report(const struct room *room)
{
    char *why = NULL;
    struct report *report = report_open(room->dir, &why);
    if (report == NULL)
        fail_msg("%s", why);
    return report;
}

/* ---- lines ---- */

struct collected {
    char text[16][400];
    size_t n;
};

static void collect(void *arg, const struct report_line *line)
{
    struct collected *collected = arg;
    assert_true(collected->n < 16);
    snprintf(collected->text[collected->n++], 400, "%s %s %u %u:%u %s|%s|%s %s %s %u|%s",
             line->account, line->folder, line->uidvalidity, line->first_uid, line->last_uid,
             uid_state_text(line->state), line->reason, line->target, line->copy_state,
             line->target_folder, line->target_uid, line->duplicate_of);
}

static void test_lines_tell_what_became_of_every_message(void **state)
{
    static const char *const expected[] = {
        "alice Archive 9 1:1 duplicate||   0|alice INBOX 7 11",
        "alice INBOX 7 1:10 before baseline||   0|",
        "alice INBOX 7 11:11 captured||compliance delivered Monitor 41|",
        "alice INBOX 7 12:14 not wanted||   0|",
        "alice INBOX 7 15:15 captured|message too big|auditor failed  0|",
        "alice INBOX 7 15:15 captured||compliance pending  0|",
        "bob INBOX 3 1:1 exempt|rule privileged|   0|",
        "bob INBOX 3 2:2 vanished||   0|",
        "bob Odd %= name 3 1:1 captured||compliance pending  0|",
    };
    struct report *report = open_report(*state);
    struct collected collected = {.n = 0};
    report_lines(report, NULL, 0, collect, &collected);
    report_close(report);
    assert_int_equal(collected.n, sizeof(expected) / sizeof(expected[0]));
    for (size_t i = 0; i < collected.n; i++)
        assert_string_equal(collected.text[i], expected[i]);
}

static void test_lines_of_one_account(void **state)
{
    struct report *report = open_report(*state);
    struct collected collected = {.n = 0};
    report_lines(report, "bob", 0, collect, &collected);
    report_close(report);
    assert_int_equal(collected.n, 3);
}

static void test_lines_since_a_time(void **state)
{
    struct report *report = open_report(*state);
    struct collected collected = {.n = 0};
    report_lines(report, NULL, time(NULL) + 100, collect, &collected);
    report_close(report);
    assert_int_equal(collected.n, 0);
}

static void test_figures_are_those_of_the_ledger(void **state)
{
    struct room *room = *state;
    struct report *report = open_report(room);
    struct ledger_figures figures;
    report_figures(report, NULL, 0, &figures);
    report_close(report);
    room_figures(room);
    assert_memory_equal(figures.states, room->figures.states, sizeof(figures.states));
    assert_int_equal(figures.delivered, room->figures.delivered);
    assert_int_equal(figures.pending, room->figures.pending);
    assert_int_equal(figures.failed_copies, room->figures.failed_copies);
    assert_int_equal(figures.spool_bytes, room->figures.spool_bytes);
    assert_int_equal(figures.oldest_pending, room->figures.oldest_pending);
}

static void test_no_ledger_is_told(void **state)
{
    (void)state;
    char *why = NULL;
    assert_null(report_open("/nonexistent", &why));
    assert_non_null(strstr(why, "no ledger in"));
    free(why);
}

/* ---- the chain ---- */

#define FINDINGS 2000

/* All of them, a line each. */
static void keep_finding(void *arg, const char *text)
{
    char *findings = arg;
    size_t len = strlen(findings);
    snprintf(findings + len, FINDINGS - len, "%s\n", text);
}

static unsigned verify(const struct room *room, char finding[FINDINGS], uint64_t *records)
{
    char head[65];
    struct report *report = open_report(room);
    finding[0] = '\0';
    unsigned findings = report_verify_chain(report, records, head, keep_finding, finding);
    report_close(report);
    assert_int_equal(strlen(head), 64);
    return findings;
}

static void test_chain_of_an_honest_ledger(void **state)
{
    struct room *room = *state;
    char finding[FINDINGS];
    uint64_t records;
    if (verify(room, finding, &records) != 0)
        fail_msg("%s", finding);
    assert_int_equal(records, room_sql(room, "SELECT max(seq) FROM chain"));
    room_close(room);
    room_open(room);
    if (verify(room, finding, &records) != 0)
        fail_msg("after opening again: %s", finding);
}

static void test_chain_has_a_summary_of_what_was_not_wanted(void **state)
{
    struct room *room = *state;
    room_close(room);
    assert_int_equal(
        room_sql(room, "SELECT count(*) FROM chain WHERE kind = 'not-wanted' AND body LIKE"
                       " 'account=alice folder=INBOX uidvalidity=7 % messages=3 first=12 last=14'"),
        1);
}

/* Each is found, and says so. */
static void test_every_tampering_is_found(void **state)
{
    static const struct {
        const char *sql, *finding;
    } cases[] = {
        {"UPDATE chain SET body = replace(body, 'uid=11', 'uid=12') WHERE seq = 3", "its hash"},
        {"UPDATE chain SET at = at + 1 WHERE seq = 3", "its hash"},
        {"UPDATE chain SET kind = 'exempt' WHERE seq = 3", "its hash"},
        {"DELETE FROM chain WHERE seq = 2", "records 2 to 2 are missing"},
        {"DELETE FROM chain WHERE seq = (SELECT max(seq) FROM chain)", "the end of the chain"},
        {"UPDATE message SET sha256 = zeroblob(32) WHERE id = 1", "sha256 of message 1"},
        {"UPDATE message SET uid = 99 WHERE id = 1", "uid of message 1"},
        {"DELETE FROM copy WHERE target = 'auditor'", "the copy for auditor"},
        {"INSERT INTO copy(message, target, monitor_id, plan, state, hold_until, due)"
         " VALUES(1, 'x', 'y', '', 0, 0, 0)",
         "copies in the ledger that it does not name"},
        {"UPDATE copy SET state = 0 WHERE state = 2", "is not delivered in the ledger"},
        {"UPDATE copy SET state = 2 WHERE state = 3", "the delivery of copy"},
        {"UPDATE copy SET target_uid = 1 WHERE state = 2", "uid of copy"},
        {"INSERT INTO message(account, folder, uid, size, sha256, body_sha256, internaldate, zone,"
         " header_len, captured_at, segment, offset, state, note, chain, id) SELECT account, "
         "folder,"
         " 99, size, sha256, body_sha256, internaldate, zone, header_len, captured_at, segment,"
         " offset, state, note, chain, 99 FROM message WHERE id = 1",
         "message 99 has no record"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        void *room;
        char finding[FINDINGS];
        uint64_t records;
        report_setup(&room);
        room_sql(room, cases[i].sql);
        assert_true(verify(room, finding, &records) > 0);
        if (strstr(finding, cases[i].finding) == NULL)
            fail_msg("\"%s\" gave \"%s\"", cases[i].sql, finding);
        room_teardown(&room);
    }
}

static void test_deleted_message_is_found(void **state)
{
    struct room *room = *state;
    char finding[FINDINGS];
    uint64_t records;
    room_sql(room, "DELETE FROM message WHERE duplicate_of IS NOT NULL");
    assert_int_equal(verify(room, finding, &records), 1);
    assert_non_null(strstr(finding, "is missing in the ledger"));
}

static void test_originals_are_proven(void **state)
{
    struct room *room = *state;
    char finding[FINDINGS] = "", command[300];
    uint64_t originals;
    struct report *report = open_report(room);
    assert_int_equal(report_verify_spool(report, &originals, keep_finding, finding), 0);
    assert_int_equal(originals, 2);
    snprintf(command, sizeof(command), "sed -i 's/second body/second b0dy/' '%s'/spool/*.seg",
             room->dir);
    assert_int_equal(system(command), 0);
    assert_int_equal(report_verify_spool(report, &originals, keep_finding, finding), 1);
    assert_non_null(strstr(finding, "SHA-256"));
    report_close(report);
}

/* ---- the command ---- */

static int run_command(const struct room *room, const char *account, const char *since, bool json,
                       char **text)
{
    size_t len;
    FILE *out = open_memstream(text, &len);
    assert_non_null(out);
    int status = ledger_command(room->dir, account, false, since, false, json, out);
    fclose(out);
    return status;
}

static void assert_says(const struct room *room, const char *account, const char *expected)
{
    char *text;
    assert_int_equal(run_command(room, account, NULL, false, &text), 0);
    if (strstr(text, expected) == NULL)
        fail_msg("\"%s\" is not in:\n%s", expected, text);
    free(text);
}

static char *exempt_lines(const struct room *room, const char *account, bool json)
{
    char *text;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    assert_int_equal(ledger_command(room->dir, account, true, NULL, true, json, out), 0);
    fclose(out);
    return text;
}

static void test_command_lists_what_is_exempt(void **state)
{
    char *text = exempt_lines(*state, NULL, false);
    assert_non_null(strstr(text, "  bob      INBOX   3/1              exempt  reason: rule "
                                 "privileged\n\n1 message was exempted by a rule.\n"));
    assert_null(strstr(text, "alice"));
    free(text);
    text = exempt_lines(*state, "alice", false);
    assert_string_equal(text, "No message of account alice was exempted since the baseline.\n");
    free(text);
    text = exempt_lines(*state, NULL, true);
    assert_non_null(strstr(text, "\"reason\":\"rule privileged\""));
    assert_non_null(strstr(text, "\"messages\":{\"exempt\":1}}"));
    assert_null(strstr(text, "alice"));
    free(text);
}

static void test_command_says_what_is_not_delivered(void **state)
{
    assert_says(*state, NULL,
                "Not all wanted copies have been delivered:\n"
                "  2 copies are pending\n"
                "  1 copy failed; its original is kept\n"
                "The agent is not running, so what has arrived since ");
}

static void test_command_says_when_all_is_delivered(void **state)
{
    struct room *room = *state;
    room_pending(room, "compliance", time(NULL), 10);
    room_deliver(room, 0, 1);
    room_deliver(room, 1, 1);
    assert_says(
        room, "bob",
        "\nAll wanted copies of the messages seen so far have been delivered; the agent is not "
        "running, so what has arrived since 2");
}

static void test_command_says_what_vanished(void **state)
{
    assert_says(*state, "bob", "1 vanished before it could be checked against the rules.");
}

static void test_command_refuses_an_account_that_nobody_knows(void **state)
{
    char *text;
    assert_int_equal(run_command(*state, "nobody", NULL, false, &text), 64);
    free(text);
}

static void test_command_says_when_an_account_had_no_message(void **state)
{
    const struct room *room = *state;
    char *text;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    int status = ledger_command(room->dir, "nobody", true, NULL, false, false, out);
    fclose(out);
    assert_int_equal(status, 0);
    assert_non_null(strstr(text, "No message of account nobody has been seen since the baseline.\n"
                                 "The agent is not running, so what has arrived since then has not "
                                 "been seen.\n"));
    free(text);
}

static void test_command_refuses_a_since_that_is_none(void **state)
{
    char *text;
    assert_int_equal(run_command(*state, NULL, "yesterday", false, &text), 64);
    free(text);
}

static void test_command_takes_dates_and_durations(void **state)
{
    static const struct {
        const char *since;
        bool has_lines;
    } cases[] = {{"7d", true}, {"2000-01-31", true}, {"9000-01-31", false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *text;
        assert_int_equal(run_command(*state, NULL, cases[i].since, false, &text), 0);
        assert_int_equal(strstr(text, "compliance") != NULL, cases[i].has_lines);
        free(text);
    }
}

static void test_json_has_lines_and_the_summary(void **state)
{
    char *text;
    assert_int_equal(run_command(*state, NULL, NULL, true, &text), 0);
    assert_non_null(strstr(text, "\"folder\":\"Odd %= name\""));
    assert_non_null(strstr(text, "\"not_wanted\":3"));
    assert_non_null(strstr(text, "\"complete\":false"));
    free(text);
}

static void test_command_without_a_ledger(void **state)
{
    (void)state;
    struct room room;
    char *text;
    room_make(&room);
    assert_int_equal(run_command(&room, NULL, NULL, false, &text), 75);
    free(text);
    room_remove(&room);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, report_setup, room_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_lines_tell_what_became_of_every_message),
        TEST(test_lines_of_one_account),
        TEST(test_lines_since_a_time),
        TEST(test_figures_are_those_of_the_ledger),
        cmocka_unit_test(test_no_ledger_is_told),
        TEST(test_chain_of_an_honest_ledger),
        TEST(test_chain_has_a_summary_of_what_was_not_wanted),
        cmocka_unit_test(test_every_tampering_is_found),
        TEST(test_deleted_message_is_found),
        TEST(test_originals_are_proven),
        TEST(test_command_lists_what_is_exempt),
        TEST(test_command_says_what_is_not_delivered),
        TEST(test_command_says_when_all_is_delivered),
        TEST(test_command_says_what_vanished),
        TEST(test_command_refuses_an_account_that_nobody_knows),
        TEST(test_command_says_when_an_account_had_no_message),
        TEST(test_command_refuses_a_since_that_is_none),
        TEST(test_command_takes_dates_and_durations),
        TEST(test_json_has_lines_and_the_summary),
        cmocka_unit_test(test_command_without_a_ledger),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
