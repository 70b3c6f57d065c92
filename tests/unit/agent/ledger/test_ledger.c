#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/resource.h>

#include "agent/ledger/ledger_help.h"
#include "agent/ledger/private.h"

#define MAIL_1 "Subject: one\n\nfirst body\n"
#define MAIL_2 "Subject: two\n\nsecond body\n"
#define MAIL_3 "Subject: three\n\nthird body\n"

/* ---- folders ---- */

static void test_first_folder_of_an_account_gets_a_baseline(void **state)
{
    struct room *room = *state;
    room_folder(room, "alice", "INBOX", 7, 1000001, true);
    assert_true(room->folder.first_sight);
    assert_false(room->folder.validity_changed);
    assert_int_equal(room->folder.seen_through, 1000000);
    assert_int_equal(room_sql(room, "SELECT count(*) FROM span"), 1);
    assert_int_equal(room_sql(room, "SELECT last FROM span"), 1000000);
}

static void test_folder_is_known_again(void **state)
{
    struct room *room = *state;
    int64_t id = room_folder(room, "alice", "INBOX", 7, 11, true);
    ledger_modseq(room->ledger, id, 1234567890123);
    ledger_note(room->ledger, id, 11, 15, UID_NOT_WANTED, NULL);
    room_close(room);
    room_open(room);
    assert_int_equal(room_folder(room, "alice", "INBOX", 7, 20, false), id);
    assert_false(room->folder.first_sight);
    assert_int_equal(room->folder.seen_through, 15);
    assert_true(room->folder.modseq == 1234567890123);
}

static void test_late_folder_is_looked_at_from_its_first_message(void **state)
{
    struct room *room = *state;
    room_folder(room, "alice", "Archive", 9, 21, false);
    assert_true(room->folder.first_sight);
    assert_int_equal(room->folder.seen_through, 0);
    assert_int_equal(room->folder.look_through, 20);
}

static void test_first_sight_is_told_until_all_was_looked_at(void **state)
{
    struct room *room = *state;
    int64_t id = room_folder(room, "alice", "Archive", 9, 21, false);
    ledger_note(room->ledger, id, 1, 19, UID_BEFORE_BASELINE, NULL);
    room_folder(room, "alice", "Archive", 9, 30, false);
    assert_true(room->folder.first_sight);
    ledger_note(room->ledger, id, 20, 20, UID_BEFORE_BASELINE, NULL);
    room_folder(room, "alice", "Archive", 9, 30, false);
    assert_false(room->folder.first_sight);
}

static void test_changed_uidvalidity_is_told_until_resolved(void **state)
{
    struct room *room = *state;
    room_folder(room, "alice", "INBOX", 7, 11, true);
    int64_t id = room_folder(room, "alice", "INBOX", 8, 4, true);
    for (int i = 0; i < 2; i++) {
        assert_true(room->folder.validity_changed);
        assert_false(room->folder.first_sight);
        assert_int_equal(room->folder.previous_validity, 7);
        assert_int_equal(room->folder.seen_through, 0);
        room_folder(room, "alice", "INBOX", 8, 4, false);
    }
    ledger_note(room->ledger, id, 1, 3, UID_NOT_WANTED, NULL);
    room_folder(room, "alice", "INBOX", 8, 4, false);
    assert_false(room->folder.validity_changed);
}

struct account_answer {
    struct room *room;
    bool known;
    time_t baseline_at;
};

static void on_account(void *arg, const struct ledger_account *account)
{
    struct account_answer *answer = arg;
    answer->known = account->known;
    answer->baseline_at = account->baseline_at;
    answer->room->waiting--;
}

static void test_account_is_known_when_its_first_listing_ended(void **state)
{
    struct account_answer answer = {.room = *state};
    struct room *room = *state;
    room->waiting++;
    ledger_account_open(room->ledger, "alice", on_account, &answer);
    room_wait(room);
    assert_false(answer.known);
    time_t first = answer.baseline_at;
    ledger_account_baselined(room->ledger, "alice", (char *[]){NULL});
    room->waiting++;
    ledger_account_open(room->ledger, "alice", on_account, &answer);
    room_wait(room);
    assert_true(answer.known);
    assert_int_equal(answer.baseline_at, first);
}

/* ---- notes ---- */

static void test_notes_of_one_state_grow_one_span(void **state)
{
    struct room *room = *state;
    int64_t id = room_folder(room, "alice", "INBOX", 7, 1, true);
    for (uint32_t uid = 1; uid <= 500; uid++)
        ledger_note(room->ledger, id, uid, uid, UID_NOT_WANTED, NULL);
    room_figures(room);
    assert_int_equal(room_sql(room, "SELECT count(*) FROM span"), 1);
    assert_int_equal(room->figures.states[UID_NOT_WANTED], 500);
}

static void test_another_reason_begins_another_span(void **state)
{
    struct room *room = *state;
    int64_t id = room_folder(room, "alice", "INBOX", 7, 1, true);
    ledger_note(room->ledger, id, 1, 1, UID_EXEMPT, "rule a");
    ledger_note(room->ledger, id, 2, 2, UID_EXEMPT, "rule b");
    room_figures(room);
    assert_int_equal(room_sql(room, "SELECT count(*) FROM span"), 2);
}

/* A second note over 1:10, when 3 and 6 to 7 have the state `first` already. */
static void test_which_states_a_later_note_replaces(void **state)
{
    static const struct {
        enum uid_state first;
        bool replaced;
    } cases[] = {
        {UID_NOT_WANTED, false}, {UID_EXEMPT, false},
        {UID_FAILED, false},     {UID_VANISHED, false},
        {UID_DRAFT, true},       {UID_VANISHED_INFERRED, true},
        {UID_UNFETCHED, true},   {UID_BEFORE_BASELINE, false},
    };
    struct room *room = *state;
    for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t id = room_folder(room, "alice", "INBOX", 100 + i, 1, false);
        room_figures(room);
        uint64_t before = room->figures.states[UID_OWN_COPY];
        ledger_note(room->ledger, id, 3, 3, cases[i].first, NULL);
        ledger_note(room->ledger, id, 6, 7, cases[i].first, NULL);
        ledger_note(room->ledger, id, 1, 10, UID_OWN_COPY, NULL);
        room_figures(room);
        uint64_t expected = cases[i].replaced ? 10 : 7;
        if (room->figures.states[UID_OWN_COPY] - before != expected)
            fail_msg("case %u: %d UIDs took the new state", i,
                     (int)(room->figures.states[UID_OWN_COPY] - before));
        assert_int_equal(room_sql(room, "SELECT sum(last - first + 1) FROM span WHERE folder ="
                                        " (SELECT max(id) FROM folder)"),
                         10);
    }
}

static void test_captured_uid_keeps_its_state(void **state)
{
    struct room *room = *state;
    int64_t id = room_folder(room, "alice", "INBOX", 7, 1, true);
    room_capture(room, &(struct mail){id, 5, MAIL_1, .targets = {"compliance"}});
    ledger_note(room->ledger, id, 1, 10, UID_VANISHED, NULL);
    room_figures(room);
    assert_int_equal(room->figures.states[UID_VANISHED], 9);
    assert_int_equal(room->figures.states[UID_CAPTURED], 1);
}

static void test_unfetched_uid_is_in_the_retry_list_until_noted(void **state)
{
    struct room *room = *state;
    int64_t id = room_folder(room, "alice", "INBOX", 7, 1, true);
    ledger_note(room->ledger, id, 4, 6, UID_UNFETCHED, "NO");
    ledger_note(room->ledger, id, 5, 5, UID_NOT_WANTED, NULL);
    room_capture(room, &(struct mail){id, 6, MAIL_1, .targets = {"compliance"}});
    room_folder(room, "alice", "INBOX", 7, 7, false);
    assert_int_equal(room->folder.n_retry, 1);
    assert_int_equal(room->retry[0], 4);
    assert_int_equal(room->folder.seen_through, 6);
    room_figures(room);
    assert_int_equal(room->figures.states[UID_UNFETCHED], 1);
}

static void test_note_of_the_last_uid_there_can_be(void **state)
{
    struct room *room = *state;
    int64_t id = room_folder(room, "alice", "INBOX", 7, 1, true);
    ledger_note(room->ledger, id, 1, UINT32_MAX, UID_NOT_WANTED, NULL);
    ledger_note(room->ledger, id, 1, UINT32_MAX, UID_VANISHED, NULL);
    room_figures(room);
    assert_true(room->figures.states[UID_NOT_WANTED] == UINT32_MAX);
    assert_int_equal(room->figures.states[UID_VANISHED], 0);
}

static void test_announced_flood_of_unfetched_is_bounded(void **state)
{
    struct room *room = *state;
    int64_t id = room_folder(room, "alice", "INBOX", 7, 1, true);
    ledger_note(room->ledger, id, 1, UINT32_MAX, UID_UNFETCHED, NULL);
    room_figures(room);
    assert_true(room->figures.states[UID_UNFETCHED] <= 100000);
    assert_true(room->figures.states[UID_UNFETCHED] + room->figures.states[UID_FAILED] ==
                UINT32_MAX);
}

/* ---- capture ---- */

static void test_captured_message_comes_back_whole(void **state)
{
    struct room *room = *state;
    int64_t id = room_folder(room, "alice", "INBOX", 7, 1, true);
    struct mail mail = {id, 5, MAIL_1, .targets = {"compliance"}, .plan = "say so"};
    assert_int_equal(room_capture(room, &mail), CAPTURE_STORED);
    assert_int_equal(room_pending(room, "compliance", time(NULL), 10), 1);
    const struct ledger_copy *copy = room->copies;
    assert_string_equal(copy->account, "alice");
    assert_string_equal(copy->folder, "INBOX");
    assert_string_equal(copy->plan, "say so");
    assert_int_equal(copy->uid, 5);
    assert_int_equal(copy->uidvalidity, 7);
    assert_int_equal(copy->internaldate, 1700000000);
    assert_int_equal(copy->internaldate_zone, 60);
    assert_int_equal(copy->size, strlen(MAIL_1));
    assert_int_equal(copy->header_len, header_len(MAIL_1));
    assert_false(copy->intent);
    room_read(room, 0);
    assert_null(room->read_why);
    assert_memory_equal(room->read, MAIL_1, strlen(MAIL_1));
}

static void test_same_octets_in_the_account_are_a_duplicate(void **state)
{
    struct room *room = *state;
    int64_t inbox = room_folder(room, "alice", "INBOX", 7, 1, true);
    int64_t archive = room_folder(room, "alice", "Archive", 8, 1, true);
    room_capture(room, &(struct mail){inbox, 5, MAIL_1, .targets = {"compliance"}});
    assert_int_equal(
        room_capture(room, &(struct mail){archive, 1, MAIL_1, .targets = {"compliance"}}),
        CAPTURE_DUPLICATE);
    assert_int_equal(room_pending(room, "compliance", time(NULL), 10), 1);
    assert_int_equal(room_sql(room, "SELECT duplicate_of FROM message WHERE id = 2"), 1);
}

static void test_same_octets_in_another_account_are_not(void **state)
{
    struct room *room = *state;
    int64_t inbox = room_folder(room, "alice", "INBOX", 7, 1, true);
    int64_t other = room_folder(room, "bob", "INBOX", 7, 1, true);
    room_capture(room, &(struct mail){inbox, 5, MAIL_1, .targets = {"compliance"}});
    assert_int_equal(
        room_capture(room, &(struct mail){other, 1, MAIL_1, .targets = {"compliance"}}),
        CAPTURE_STORED);
}

static void test_duplicate_gets_a_copy_for_a_target_that_the_first_lacks(void **state)
{
    struct room *room = *state;
    int64_t inbox = room_folder(room, "alice", "INBOX", 7, 1, true);
    int64_t archive = room_folder(room, "alice", "Archive", 8, 1, true);
    room_capture(room, &(struct mail){inbox, 5, MAIL_1, .targets = {"compliance"}});
    room_pending(room, "compliance", time(NULL), 10);
    room_intent(room, 0, MAIL_1);
    room_deliver(room, 0, 1);
    struct mail again = {archive, 1, MAIL_1, .targets = {"compliance", "auditor"}};
    assert_int_equal(room_capture(room, &again), CAPTURE_STORED);
    assert_int_equal(room_pending(room, "compliance", time(NULL), 10), 0);
    assert_int_equal(room_pending(room, "auditor", time(NULL), 10), 1);
    room_read(room, 0);
    assert_null(room->read_why);
    assert_memory_equal(room->read, MAIL_1, strlen(MAIL_1));
}

static void test_capture_of_a_known_uid_changes_nothing(void **state)
{
    struct room *room = *state;
    int64_t id = room_folder(room, "alice", "INBOX", 7, 1, true);
    struct mail mail = {id, 5, MAIL_1, .targets = {"compliance"}};
    room_capture(room, &mail);
    assert_int_equal(room_capture(room, &mail), CAPTURE_DUPLICATE);
    mail.octets = MAIL_2;
    assert_int_equal(room_capture(room, &mail), CAPTURE_DUPLICATE);
    assert_int_equal(room_sql(room, "SELECT count(*) FROM copy"), 1);
}

static void test_capture_beats_a_span(void **state)
{
    struct room *room = *state;
    int64_t id = room_folder(room, "alice", "INBOX", 7, 11, true);
    assert_int_equal(room_capture(room, &(struct mail){id, 5, MAIL_1, .targets = {"compliance"}}),
                     CAPTURE_STORED);
    room_figures(room);
    assert_int_equal(room->figures.states[UID_BEFORE_BASELINE], 9);
    assert_int_equal(room_sql(room, "SELECT count(*) FROM span WHERE 5 BETWEEN first AND last"), 0);
}

/* ---- delivery ---- */

static void capture_three(struct room *room)
{
    int64_t id = room_folder(room, "alice", "INBOX", 7, 1, true);
    room_capture(room, &(struct mail){id, 1, MAIL_1, .targets = {"compliance"}});
    room_capture(room, &(struct mail){id, 2, MAIL_2, .targets = {"compliance"}});
    room_capture(room, &(struct mail){id, 3, MAIL_3, .targets = {"compliance"}});
}

static void test_pending_copies_come_oldest_first_and_not_more_than_asked(void **state)
{
    struct room *room = *state;
    capture_three(room);
    assert_int_equal(room_pending(room, "compliance", time(NULL), 2), 2);
    assert_int_equal(room->copies[0].uid, 1);
    assert_int_equal(room->copies[1].uid, 2);
}

static void test_copies_with_an_intent_come_first_with_where_to_look(void **state)
{
    struct room *room = *state;
    capture_three(room);
    room_pending(room, "compliance", time(NULL), 3);
    room_intent(room, 2, MAIL_3);
    room_close(room);
    room_open(room);
    assert_int_equal(room_pending(room, "compliance", time(NULL), 2), 2);
    assert_true(room->copies[0].intent);
    assert_int_equal(room->copies[0].uid, 3);
    assert_string_equal(room->copies[0].target_folder, "Monitor");
    assert_int_equal(room->copies[0].target_uidvalidity, 77);
    assert_int_equal(room->copies[0].target_uidnext, 5);
    assert_int_equal(room->copies[0].attempts, 0);
    assert_false(room->copies[1].intent);
}

static void test_delivered_copy_is_not_pending(void **state)
{
    struct room *room = *state;
    capture_three(room);
    room_pending(room, "compliance", time(NULL), 3);
    room_intent(room, 0, MAIL_1);
    room_deliver(room, 0, 41);
    room_deliver(room, 0, 41);
    room_figures(room);
    assert_int_equal(room->figures.delivered, 1);
    assert_int_equal(room->figures.pending, 2);
    assert_int_equal(room_sql(room, "SELECT target_uid FROM copy WHERE state = 2"), 41);
    assert_int_equal(room_pending(room, "compliance", time(NULL), 3), 2);
}

static void test_delivery_that_the_server_did_not_number_keeps_the_folder(void **state)
{
    struct room *room = *state;
    capture_three(room);
    room_pending(room, "compliance", time(NULL), 3);
    room_intent(room, 0, MAIL_1);
    room_deliver(room, 0, 0);
    assert_int_equal(room_sql(room, "SELECT target_uidvalidity FROM copy WHERE state = 2"), 77);
}

static void test_refused_copy_waits_for_its_time(void **state)
{
    struct room *room = *state;
    time_t now = time(NULL);
    capture_three(room);
    room_pending(room, "compliance", now, 3);
    room_intent(room, 0, MAIL_1);
    room_refuse(room, 0, "quota", now + 50);
    assert_int_equal(room_pending(room, "compliance", now, 3), 2);
    assert_int_equal(room->next_due, now + 50);
    assert_int_equal(room_pending(room, "compliance", now + 50, 3), 3);
    assert_false(room->copies[2].intent);
}

static void test_segment_goes_with_its_last_copy(void **state)
{
    struct room *room = *state;
    unsigned files;
    capture_three(room);
    room_pending(room, "compliance", time(NULL), 3);
    for (size_t i = 0; i < 3; i++) {
        room_figures(room);
        assert_int_equal(room->figures.spool_segments, 1);
        room_deliver(room, i, 1);
    }
    assert_int_equal(room_spool(room, &files), 0);
    assert_int_equal(files, 0);
    room_figures(room);
    assert_int_equal(room->figures.spool_segments, 0);
    assert_int_equal(room->figures.spool_bytes, 0);
}

static void test_capture_after_the_segment_went(void **state)
{
    struct room *room = *state;
    capture_three(room);
    room_pending(room, "compliance", time(NULL), 3);
    for (size_t i = 0; i < 3; i++)
        room_deliver(room, i, 1);
    room_capture(room, &(struct mail){1, 4, "Subject: x\n\nx\n", .targets = {"compliance"}});
    room_pending(room, "compliance", time(NULL), 3);
    room_read(room, 0);
    assert_null(room->read_why);
    assert_memory_equal(room->read, "Subject: x\n\nx\n", 14);
}

static void test_copy_given_up_keeps_its_original(void **state)
{
    struct room *room = *state;
    int64_t id = room_folder(room, "alice", "INBOX", 7, 1, true);
    room_capture(room, &(struct mail){id, 1, MAIL_1, .targets = {"compliance"}});
    room_pending(room, "compliance", time(NULL), 3);
    room_refuse(room, 0, "too big", 0);
    room_figures(room);
    assert_int_equal(room->figures.failed_copies, 1);
    assert_int_equal(room->figures.pending, 0);
    room_read(room, 0);
    assert_null(room->read_why);
    room_close(room);
    room_open(room);
    assert_true(room_spool(room, NULL) > 0);
}

static void test_new_segment_when_one_has_its_size(void **state)
{
    struct room *room = *state;
    unsigned files;
    room_close(room);
    struct ledger_options options = room_options(room);
    options.segment_max = 100;
    room_open_with(room, &options);
    capture_three(room);
    room_spool(room, &files);
    assert_int_equal(files, 2);
}

static void test_figures_by_target(void **state)
{
    struct room *room = *state;
    capture_three(room);
    room_pending(room, "compliance", time(NULL), 3);
    room_deliver(room, 0, 1);
    room_refuse(room, 1, "no", 0);
    room_close(room);
    room_open(room);
    room_figures(room);
    assert_int_equal(room->n_targets, 1);
    assert_int_equal(room->target_figures[0].delivered, 1);
    assert_int_equal(room->target_figures[0].failed, 1);
    assert_int_equal(room->target_figures[0].pending, 1);
    assert_true(room->figures.oldest_pending >= time(NULL) - 60);
}

/* ---- big messages and back-pressure ---- */

/* A sync failed after the disk had taken the octets: the message is fetched again. */
static void test_capture_that_the_disk_lost_is_unfetched(void **state)
{
    struct room *room = *state;
    int64_t id = room_folder(room, "alice", "INBOX", 1, 1, true);
    struct spool_entry *entry = spool_entry_new(room->ledger);
    struct ledger_capture capture = {.folder = id, .uid = 1};
    spool_entry_write(entry, MAIL_1, strlen(MAIL_1));
    entry->big.spoiled = true;
    room->waiting++;
    ledger_capture(room->ledger, &capture, entry, room_on_capture, room);
    room_wait(room);
    assert_int_equal(room->outcome, CAPTURE_LOST);
    room_folder(room, "alice", "INBOX", 1, 2, true);
    assert_int_equal(room->folder.n_retry, 1);
    assert_int_equal(room->retry[0], 1);
    assert_int_equal(room_capture(room, &(struct mail){id, 1, MAIL_1, .targets = {"compliance"}}),
                     CAPTURE_STORED);
}

static unsigned char *big_octets(size_t len)
{
    unsigned char *octets = malloc(len);
    assert_non_null(octets);
    for (size_t i = 0; i < len; i++)
        octets[i] = (unsigned char)(i * 2654435761u >> 13);
    return octets;
}

static void submit_big(struct room *room, uint32_t uid, const unsigned char *octets, size_t len)
{
    struct ledger_new_copy copy = {.target = "compliance", .plan = "plan"};
    char id[32];
    snprintf(id, sizeof(id), "big-%u", uid);
    copy.monitor_id = id;
    struct ledger_capture capture = {.folder = 1, .uid = uid, .copies = &copy, .n_copies = 1};
    SHA256(octets, len, capture.sha256);
    struct spool_entry *entry = spool_entry_new(room->ledger);
    for (size_t at = 0; at < len; at += 10007)
        spool_entry_write(entry, octets + at, len - at < 10007 ? len - at : 10007);
    assert_int_equal(entry->size, len);
    room->waiting++;
    ledger_capture(room->ledger, &capture, entry, room_on_capture, room);
}

static void test_big_message_has_a_segment_of_its_own(void **state)
{
    struct room *room = *state;
    unsigned files;
    const size_t len = 3 * 1024 * 1024 + 77;
    unsigned char *octets = big_octets(len);
    room_folder(room, "alice", "INBOX", 7, 1, true);
    submit_big(room, 1, octets, len);
    room_capture(room, &(struct mail){1, 2, MAIL_1, .targets = {"compliance"}});
    assert_int_equal(room->outcome, CAPTURE_STORED);
    room_spool(room, &files);
    assert_int_equal(files, 2);
    room_pending(room, "compliance", time(NULL), 10);
    for (size_t at = 0; at < len; at += 100) {
        room->waiting++;
        size_t n = len - at < 100 ? len - at : 100;
        spool_read(room->ledger, room->copies[0].spool_segment, room->copies[0].spool_offset + at,
                   n, room_on_read, room);
        if (at % 10000 != 0 && at + 100 < len)
            continue;
        room_wait(room);
        assert_memory_equal(room->read, octets + at, n);
    }
    free(octets);
    room_deliver(room, 0, 1);
    room_spool(room, &files);
    assert_int_equal(files, 1);
}

static void test_aborted_big_message_leaves_nothing(void **state)
{
    struct room *room = *state;
    unsigned char *octets = big_octets(2 * 1024 * 1024);
    struct spool_entry *entry = spool_entry_new(room->ledger);
    spool_entry_write(entry, octets, 2 * 1024 * 1024);
    spool_entry_abort(entry);
    free(octets);
    room_figures(room);
    assert_int_equal(room_spool(room, NULL), 0);
    assert_false(ledger_is_full(room->ledger));
}

static void test_big_duplicate_leaves_nothing(void **state)
{
    struct room *room = *state;
    unsigned files;
    const size_t len = 2 * 1024 * 1024;
    unsigned char *octets = big_octets(len);
    room_folder(room, "alice", "INBOX", 7, 1, true);
    submit_big(room, 1, octets, len);
    submit_big(room, 2, octets, len);
    room_wait(room);
    free(octets);
    assert_int_equal(room->outcome, CAPTURE_DUPLICATE);
    room_spool(room, &files);
    assert_int_equal(files, 1);
}

static void on_room(void *arg)
{
    *(bool *)arg = true;
}

static void test_full_ends_by_itself_and_is_told(void **state)
{
    struct room *room = *state;
    bool called = false;
    const size_t len = 9 * 1024 * 1024;
    unsigned char *octets = big_octets(len);
    room_folder(room, "alice", "INBOX", 7, 1, true);
    ledger_on_room(room->ledger, on_room, &called);
    assert_false(ledger_is_full(room->ledger));
    submit_big(room, 1, octets, len);
    assert_true(ledger_is_full(room->ledger));
    room_wait(room);
    free(octets);
    assert_false(ledger_is_full(room->ledger));
    assert_true(called);
}

/* ---- a full disk ---- */

static void limit_files(rlim_t octets)
{
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = octets;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void wait_stuck(struct room *room)
{
    for (int i = 0; i < 3000 && ledger_is_blocked(room->ledger, NULL) == NULL; i++)
        usleep(1000);
}

/* The disk takes nothing while a message is captured; then it has room again. */
static void capture_on_full_disk(struct room *room, const char *octets, bool big)
{
    time_t since;
    room_folder(room, "alice", "INBOX", 7, 1, true);
    limit_files(10);
    if (big)
        submit_big(room, 1, (const unsigned char *)octets, strlen(octets));
    else
        room_submit_mail(room, &(struct mail){1, 1, octets, .targets = {"compliance"}});
    wait_stuck(room);
    const char *why = ledger_is_blocked(room->ledger, &since);
    limit_files(RLIM_INFINITY);
    assert_non_null(why);
    assert_true(since >= time(NULL) - 60 && since <= time(NULL));
    assert_int_equal(room->waiting, 1);
    room_wait(room);
    assert_null(ledger_is_blocked(room->ledger, NULL));
    assert_int_equal(room->outcome, CAPTURE_STORED);
    room_pending(room, "compliance", time(NULL), 10);
    room_read(room, 0);
    assert_null(room->read_why);
    assert_memory_equal(room->read, octets, 20);
}

static void test_full_disk_is_waited_for(void **state)
{
    capture_on_full_disk(*state, MAIL_1, false);
}

static void test_full_disk_is_waited_for_with_a_big_message(void **state)
{
    const size_t len = 2 * 1024 * 1024;
    char *octets = malloc(len + 1);
    memset(octets, 'x', len);
    octets[len] = '\0';
    capture_on_full_disk(*state, octets, true);
    free(octets);
}

static void test_figures_are_right_after_a_rollback(void **state)
{
    struct room *room = *state;
    int64_t id = room_folder(room, "alice", "INBOX", 7, 1, true);
    ledger_note(room->ledger, id, 1, 5, UID_NOT_WANTED, NULL);
    room_figures(room);
    limit_files(10);
    ledger_note(room->ledger, id, 6, 10, UID_NOT_WANTED, NULL);
    wait_stuck(room);
    limit_files(RLIM_INFINITY);
    room_figures(room);
    assert_int_equal(room->figures.states[UID_NOT_WANTED], 10);
}

static void test_close_gives_up_what_a_full_disk_refuses(void **state)
{
    struct room *room = *state;
    room_folder(room, "alice", "INBOX", 7, 1, true);
    limit_files(10);
    room_submit_mail(room, &(struct mail){1, 1, MAIL_1, .targets = {"compliance"}});
    room_close(room);
    limit_files(RLIM_INFINITY);
    assert_int_equal(room->waiting, 1);
    room->waiting = 0;
    room_open(room);
    assert_int_equal(room_pending(room, "compliance", time(NULL), 10), 0);
}

/* ---- closing ---- */

static void test_close_finishes_what_is_queued(void **state)
{
    struct room *room = *state;
    int64_t id = room_folder(room, "alice", "INBOX", 7, 1, true);
    for (uint32_t uid = 1; uid <= 20; uid++) {
        char octets[64];
        snprintf(octets, sizeof(octets), "Subject: %u\n\nbody\n", uid);
        room_submit_mail(room, &(struct mail){id, uid, octets, .targets = {"compliance"}});
    }
    room_close(room);
    assert_int_equal(room->waiting, 0);
    room_open(room);
    assert_int_equal(room_pending(room, "compliance", time(NULL), 100), 20);
}

int main(void)
{
    signal(SIGXFSZ, SIG_IGN);
#define TEST(name) cmocka_unit_test_setup_teardown(name, room_setup, room_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_first_folder_of_an_account_gets_a_baseline),
        TEST(test_folder_is_known_again),
        TEST(test_late_folder_is_looked_at_from_its_first_message),
        TEST(test_first_sight_is_told_until_all_was_looked_at),
        TEST(test_changed_uidvalidity_is_told_until_resolved),
        TEST(test_account_is_known_when_its_first_listing_ended),
        TEST(test_notes_of_one_state_grow_one_span),
        TEST(test_another_reason_begins_another_span),
        TEST(test_which_states_a_later_note_replaces),
        TEST(test_captured_uid_keeps_its_state),
        TEST(test_unfetched_uid_is_in_the_retry_list_until_noted),
        TEST(test_note_of_the_last_uid_there_can_be),
        TEST(test_announced_flood_of_unfetched_is_bounded),
        TEST(test_captured_message_comes_back_whole),
        TEST(test_same_octets_in_the_account_are_a_duplicate),
        TEST(test_same_octets_in_another_account_are_not),
        TEST(test_duplicate_gets_a_copy_for_a_target_that_the_first_lacks),
        TEST(test_capture_of_a_known_uid_changes_nothing),
        TEST(test_capture_beats_a_span),
        TEST(test_capture_that_the_disk_lost_is_unfetched),
        TEST(test_pending_copies_come_oldest_first_and_not_more_than_asked),
        TEST(test_copies_with_an_intent_come_first_with_where_to_look),
        TEST(test_delivered_copy_is_not_pending),
        TEST(test_delivery_that_the_server_did_not_number_keeps_the_folder),
        TEST(test_refused_copy_waits_for_its_time),
        TEST(test_segment_goes_with_its_last_copy),
        TEST(test_capture_after_the_segment_went),
        TEST(test_copy_given_up_keeps_its_original),
        TEST(test_new_segment_when_one_has_its_size),
        TEST(test_figures_by_target),
        TEST(test_big_message_has_a_segment_of_its_own),
        TEST(test_aborted_big_message_leaves_nothing),
        TEST(test_big_duplicate_leaves_nothing),
        TEST(test_full_ends_by_itself_and_is_told),
        TEST(test_full_disk_is_waited_for),
        TEST(test_full_disk_is_waited_for_with_a_big_message),
        TEST(test_figures_are_right_after_a_rollback),
        TEST(test_close_gives_up_what_a_full_disk_refuses),
        TEST(test_close_finishes_what_is_queued),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
