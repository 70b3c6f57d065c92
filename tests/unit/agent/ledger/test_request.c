#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <semaphore.h>

#include "agent/ledger/ledger_help.h"
#include "agent/ledger/probe.h"

static void never(void *arg)
{
    (void)arg;
    fail_msg("done of a cancelled request was called");
}

static void never_folder(void *arg, const struct ledger_folder *folder)
{
    (void)folder;
    never(arg);
}

static void never_account(void *arg, const struct ledger_account *account)
{
    (void)account;
    never(arg);
}

static void never_captured(void *arg, enum capture_outcome outcome)
{
    (void)outcome;
    never(arg);
}

static void never_pending(void *arg, struct ledger_copy *copies, size_t n, time_t next_due,
                          bool *keep)
{
    (void)copies;
    (void)n;
    (void)next_due;
    (void)keep;
    never(arg);
}

static void never_read(void *arg, const void *data, size_t len, const char *why)
{
    (void)data;
    (void)len;
    (void)why;
    never(arg);
}

static void never_figures(void *arg, const struct ledger_figures *figures,
                          const struct ledger_target_figures *targets, size_t n)
{
    (void)figures;
    (void)targets;
    (void)n;
    never(arg);
}

static void never_loaded(void *arg, const struct book_entry *entries, size_t n,
                         const struct book_counts *counts)
{
    (void)entries;
    (void)n;
    (void)counts;
    never(arg);
}

static void never_place(void *arg, const struct ledger_place *place)
{
    (void)place;
    never(arg);
}

static void never_told(void *arg, const struct ledger_reported *reported)
{
    (void)reported;
    never(arg);
}

static void never_reflected(void *arg, bool is_new)
{
    (void)is_new;
    never(arg);
}

static struct mail mail_of(int64_t folder, uint32_t uid)
{
    return (struct mail){
        .folder = folder, .uid = uid, .octets = "Subject: hi\n\nbody\n", .targets = {"archive"}};
}

/* Captures without an asker; not waited for. */
static struct ledger_request *submit_capture(struct room *room, int64_t folder, uint32_t uid)
{
    static const char octets[] = "Subject: hi\n\nbody\n";
    char id[64];
    struct mail mail = mail_of(folder, uid);
    mail_id(&mail, "archive", id);
    const struct ledger_new_copy copy = {.target = "archive", .monitor_id = id, .plan = "plan"};
    struct ledger_capture capture = {.folder = folder,
                                     .uid = uid,
                                     .header_len = (uint32_t)header_len(octets),
                                     .copies = &copy,
                                     .n_copies = 1};
    SHA256((const unsigned char *)octets, strlen(octets), capture.sha256);
    body_digest(octets, capture.body_sha256);
    struct spool_entry *entry = spool_entry_new(room->ledger);
    spool_entry_write(entry, octets, strlen(octets));
    return ledger_capture(room->ledger, &capture, entry, never_captured, NULL);
}

static void the_work_of_a_cancelled_request_is_carried_out(void **state)
{
    struct room *room = *state;
    int64_t folder = room_folder(room, "anna", "INBOX", 1, 1, true);
    ledger_cancel(submit_capture(room, folder, 1));
    ledger_cancel(ledger_folder_open(room->ledger, "anna", "Sent", 1, 1, true, never_folder, NULL));
    ledger_cancel(ledger_account_open(room->ledger, "bert", never_account, NULL));
    room_figures(room);
    assert_int_equal(room->figures.pending, 1);
    assert_int_equal(room_sql(room, "SELECT count(*) FROM folder"), 2);
    assert_int_equal(room_sql(room, "SELECT count(*) FROM account"), 2);
}

static void a_delivery_can_be_recorded_for_nobody(void **state)
{
    struct room *room = *state;
    int64_t folder = room_folder(room, "anna", "INBOX", 1, 1, true);
    for (uint32_t uid = 1; uid <= 2; uid++) {
        struct mail mail = mail_of(folder, uid);
        mail.octets = uid == 1 ? "Subject: 1\n\none\n" : "Subject: 2\n\ntwo\n";
        assert_int_equal(room_capture(room, &mail), CAPTURE_STORED);
    }
    assert_int_equal(room_pending(room, "archive", time(NULL), 5), 2);
    const struct ledger_intended intended = {.copy = room->copies[0].id};
    const struct ledger_destination place = {"", "Monitor", 1, 1};
    const struct ledger_delivery delivery = {
        .copy = room->copies[0].id, .uidvalidity = 1, .uid = 1};
    ledger_cancel(ledger_intent(room->ledger, &intended, 1, &place, never, NULL));
    ledger_cancel(ledger_delivered(room->ledger, &delivery, 1, never, NULL));
    ledger_cancel(ledger_not_delivered(room->ledger, room->copies[1].id, "no", 0, never, NULL));
    room_figures(room);
    assert_int_equal(room->figures.delivered, 1);
    assert_int_equal(room->figures.failed_copies, 1);
}

/* What it holds is freed: the sanitizer sees it. */
static void a_cancelled_question_frees_its_answer(void **state)
{
    struct room *room = *state;
    int64_t folder = room_folder(room, "anna", "INBOX", 1, 1, true);
    struct mail mail = mail_of(folder, 1);
    room_capture(room, &mail);
    assert_int_equal(room_pending(room, "archive", time(NULL), 5), 1);
    const struct ledger_copy *copy = &room->copies[0];
    ledger_cancel(ledger_pending(room->ledger, "archive", time(NULL), 5, never_pending, NULL));
    ledger_cancel(ledger_figures(room->ledger, never_figures, NULL));
    ledger_cancel(
        spool_read(room->ledger, copy->spool_segment, copy->spool_offset, 4, never_read, NULL));
    ledger_cancel(spool_read(room->ledger, 999, 0, 4, never_read, NULL));
    room_read(room, 0);
    room_figures(room);
    assert_int_equal(room->figures.pending, 1);
}

static void questions_of_probes_can_be_cancelled(void **state)
{
    struct room *room = *state;
    const struct book_entry entry = {.nonce = "n", .state = BOOK_OUTSTANDING};
    const struct book_counts counts = {.sent = 1};
    const unsigned char nonce[TOKEN_NONCE] = "r";
    struct ledger *ledger = room->ledger;
    ledger_cancel(ledger_probe_change(ledger, "p", &entry, &counts, never, NULL));
    ledger_cancel(ledger_probe_load(ledger, "p", never_loaded, NULL));
    ledger_cancel(ledger_place_get(ledger, "p", "INBOX", never_place, NULL));
    ledger_cancel(ledger_reported_get(ledger, "p", never_told, NULL));
    ledger_cancel(ledger_reflect(ledger, "r", nonce, 1, never_reflected, NULL));
    room_figures(room);
    assert_int_equal(room_sql(room, "SELECT count(*) FROM probe_entry"), 1);
    assert_int_equal(room_sql(room, "SELECT count(*) FROM reflected"), 1);
}

/* ---- while the thread works ---- */

static sem_t joining, go_on;

static char *slow_join(const char *first, const char *second)
{
    sem_post(&joining);
    sem_wait(&go_on);
    return xasprintf("%s+%s", first, second);
}

static void a_request_can_be_cancelled_while_the_thread_works_on_it(void **state)
{
    struct room *room = *state;
    int64_t folder = room_folder(room, "anna", "INBOX", 1, 1, true);
    int64_t other = room_folder(room, "bea", "INBOX", 1, 1, true);
    struct mail mail = mail_of(folder, 1);
    mail.sameness = "same";
    mail.hold_until = time(NULL) + 1000;
    sem_init(&joining, 0, 0);
    sem_init(&go_on, 0, 0);
    ledger_set_plans(room->ledger, slow_join, NULL);
    room_capture(room, &mail);

    struct ledger_capture capture = {.folder = other, .uid = 2, .has_sameness = true};
    const struct ledger_new_copy copy = {.target = "archive", .monitor_id = "2", .plan = "other"};
    SHA256((const unsigned char *)mail.sameness, strlen(mail.sameness), capture.sameness);
    capture.copies = &copy;
    capture.n_copies = 1;
    struct ledger_request *request =
        ledger_capture(room->ledger, &capture, spool_entry_new(room->ledger), never_captured, NULL);
    sem_wait(&joining);
    ledger_cancel(request);
    sem_post(&go_on);
    room_pending(room, "archive", mail.hold_until, 5);
    assert_int_equal(room->n_copies, 1);
    assert_string_equal(room->copies[0].plan, "plan+other");
    sem_destroy(&joining);
    sem_destroy(&go_on);
}

/* ---- from within a done ---- */

struct chain {
    struct room *room;
    struct ledger_request *next;
};

static void cancel_next(void *arg, const struct ledger_account *account)
{
    struct chain *chain = arg;
    (void)account;
    ledger_cancel(chain->next);
    chain->room->waiting--;
}

static void a_request_can_be_cancelled_by_the_done_of_another(void **state)
{
    struct room *room = *state;
    struct chain chain = {.room = room};
    room->waiting++;
    ledger_account_open(room->ledger, "anna", cancel_next, &chain);
    chain.next = ledger_account_open(room->ledger, "bert", never_account, NULL);
    room_wait(room);
    room_figures(room);
    assert_int_equal(room_sql(room, "SELECT count(*) FROM account"), 2);
}

static void closing_carries_out_what_was_cancelled(void **state)
{
    struct room *room = *state;
    int64_t folder = room_folder(room, "anna", "INBOX", 1, 1, true);
    ledger_cancel(submit_capture(room, folder, 1));
    ledger_cancel(ledger_figures(room->ledger, never_figures, NULL));
    ledger_cancel(spool_read(room->ledger, 999, 0, 4, never_read, NULL));
    room_close(room);
    assert_int_equal(room_sql(room, "SELECT count(*) FROM copy"), 1);
}

static void cancelling_nothing_does_nothing(void **state)
{
    (void)state;
    ledger_cancel(NULL);
}

/* ---- names of states ---- */

static void a_state_has_a_text_for_people_and_a_name_for_programs(void **state)
{
    (void)state;
    for (int i = UID_BEFORE_BASELINE; i <= UID_FAILED; i++) {
        const char *name = uid_state_name((enum uid_state)i);
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
        assert_string_not_equal(name, "unknown");
        assert_string_not_equal(uid_state_text((enum uid_state)i), "unknown");
    }
    assert_string_equal(uid_state_name(UID_VANISHED_INFERRED), "vanished_inferred");
    assert_string_equal(uid_state_text(UID_VANISHED_INFERRED), "vanished (inferred)");
    assert_string_equal(uid_state_name((enum uid_state)99), "unknown");
    assert_string_equal(uid_state_text((enum uid_state)99), "unknown");
}

#define TEST_OF_ROOM(function) cmocka_unit_test_setup_teardown(function, room_setup, room_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_OF_ROOM(the_work_of_a_cancelled_request_is_carried_out),
        TEST_OF_ROOM(a_delivery_can_be_recorded_for_nobody),
        TEST_OF_ROOM(a_cancelled_question_frees_its_answer),
        TEST_OF_ROOM(questions_of_probes_can_be_cancelled),
        TEST_OF_ROOM(a_request_can_be_cancelled_while_the_thread_works_on_it),
        TEST_OF_ROOM(a_request_can_be_cancelled_by_the_done_of_another),
        TEST_OF_ROOM(closing_carries_out_what_was_cancelled),
        cmocka_unit_test(cancelling_nothing_does_nothing),
        cmocka_unit_test(a_state_has_a_text_for_people_and_a_name_for_programs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
