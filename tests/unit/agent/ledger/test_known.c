#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/ledger/ledger_help.h"

#define MAIL_1 "Subject: one\n\nfirst body\n"
#define MAIL_2 "Subject: two\n\nsecond body\n"

/* ---- copies of our own ---- */

#define COPY_OF_MAIL_1 "Subject: {Mon-In} one\nX-Monitor-Id: x\n\nfirst body\n"
#define CHANGED_COPY "Subject: {Mon-In} one\nX-Monitor-Id: x\nX-Seen: yes\n\nfirst body\n"

/* Where a message lies that carries the id of the copy of MAIL_1. */
struct place {
    const char *mailbox, *folder;
    uint32_t uidvalidity, uid;
};
static const struct place target = {MONITOR, "Monitor", 77, 31};

/* The copy of MAIL_1 is sent; uid 0: and not yet recorded as delivered. */
static void send_copy(struct room *room, uint32_t uid, char id[64])
{
    int64_t inbox = room_folder(room, "alice", "INBOX", 7, 1, true);
    struct mail mail = {inbox, 5, MAIL_1, .targets = {"compliance"}};
    mail_id(&mail, "compliance", id);
    assert_int_equal(room_capture(room, &mail), CAPTURE_STORED);
    assert_int_equal(room_pending(room, "compliance", time(NULL), 10), 1);
    room_intent(room, 0, COPY_OF_MAIL_1);
    if (uid != 0)
        room_deliver(room, 0, uid);
}

static enum capture_outcome meet(struct room *room, const struct place *place, const char *octets,
                                 const char *id)
{
    int64_t folder = room_folder(room, "monitor", place->folder, place->uidvalidity, 1, true);
    struct mail mail = {folder, place->uid, octets, .targets = {"auditor"}, .carries = id};
    mail.mailbox = place->mailbox;
    return room_capture(room, &mail);
}

static void test_what_is_a_copy_of_ours(void **state)
{
    static const struct {
        const char *name;
        struct place place;
        const char *octets;
        uint32_t delivered; /* UID of the copy, 0: not recorded */
        bool own;
    } cases[] = {
        {"that UID", {MONITOR, "Monitor", 77, 31}, COPY_OF_MAIL_1, 31, true},
        {"that UID, changed by the server", {MONITOR, "Monitor", 77, 31}, CHANGED_COPY, 31, true},
        {"delivery not recorded", {MONITOR, "Monitor", 77, 31}, COPY_OF_MAIL_1, 0, true},
        {"remade folder", {MONITOR, "Monitor", 78, 2}, COPY_OF_MAIL_1, 31, true},
        {"another name of the mailbox", {"x/y", "Monitor", 77, 31}, COPY_OF_MAIL_1, 31, true},
        {"changed, delivery not recorded", {MONITOR, "Monitor", 77, 31}, CHANGED_COPY, 0, false},
        {"changed under another UID", {MONITOR, "Monitor", 77, 32}, CHANGED_COPY, 31, false},
        {"changed in a remade folder", {MONITOR, "Monitor", 78, 31}, CHANGED_COPY, 31, false},
        {"another folder", {MONITOR, "Archive", 77, 31}, COPY_OF_MAIL_1, 31, false},
        {"another mailbox", {"imap.test:143/alice", "Monitor", 78, 31}, COPY_OF_MAIL_1, 31, false},
        {"that UID elsewhere", {"imap.test:143/alice", "Monitor", 77, 31}, CHANGED_COPY, 31, false},
        {"unknown mailbox", {NULL, "Monitor", 78, 31}, COPY_OF_MAIL_1, 31, false},
        {"the id on another body", {MONITOR, "Monitor", 77, 32}, MAIL_2, 31, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        void *room;
        char id[64];
        room_setup(&room);
        send_copy(room, cases[i].delivered, id);
        bool own = meet(room, &cases[i].place, cases[i].octets, id) == CAPTURE_OWN_COPY;
        if (own != cases[i].own)
            fail_msg("%s: %s", cases[i].name, own ? "taken for ours" : "not known as ours");
        room_teardown(&room);
    }
}

static void test_copy_without_its_id_is_known_by_its_uid(void **state)
{
    struct room *room = *state;
    char id[64];
    send_copy(room, 31, id);
    assert_int_equal(meet(room, &target, "Subject: stripped\n\nx\n", NULL), CAPTURE_OWN_COPY);
    struct place elsewhere = target;
    elsewhere.mailbox = "imap.test:143/alice";
    elsewhere.uidvalidity = 77;
    elsewhere.folder = "Other";
    assert_int_equal(meet(room, &elsewhere, "Subject: not it\n\nx\n", NULL), CAPTURE_STORED);
}

static void test_own_copy_leaves_no_octets_and_its_state(void **state)
{
    struct room *room = *state;
    char id[64];
    send_copy(room, 31, id);
    int64_t octets = room_spool(room, NULL);
    assert_int_equal(meet(room, &target, COPY_OF_MAIL_1, id), CAPTURE_OWN_COPY);
    room_figures(room);
    assert_int_equal(room->figures.states[UID_OWN_COPY], 1);
    assert_int_equal(room_spool(room, NULL), octets);
}

/* Something in two watched targets changes what is stored: the second copy is the last. */
static void test_copies_make_no_chain(void **state)
{
    struct room *room = *state;
    struct place place = target;
    char id[64], next[64];
    send_copy(room, 31, id);
    place.uid = 32;
    assert_int_equal(meet(room, &place, CHANGED_COPY, id), CAPTURE_STORED);
    snprintf(next, sizeof(next), "id-%lld-32-auditor", (long long)room->folder.id);
    assert_int_equal(room_pending(room, "auditor", time(NULL), 10), 1);
    room_intent(room, 0, "copy of the copy");
    room_deliver(room, 0, 33);
    place.uid = 34;
    assert_int_equal(meet(room, &place, "changed copy of the copy", next), CAPTURE_OWN_COPY);
    place.uid = 35;
    place.folder = "Archive";
    assert_int_equal(meet(room, &place, "moved copy of the copy", next), CAPTURE_OWN_COPY);
    /* With that id elsewhere it is mail. */
    place.mailbox = "imap.test:143/alice";
    place.uid = 36;
    assert_int_equal(meet(room, &place, "sent under its id", next), CAPTURE_STORED);
}

static void test_nothing_is_copied_into_its_own_folder(void **state)
{
    static const struct {
        const char *lies_in, *goes_to;
        bool copied;
    } cases[] = {
        {"Monitor", "Monitor", false},           {"INBOX", "inbox", false},
        {"Monitor/2026", "Monitor/2026", false}, {"Monitor.2026", "Monitor/2026", true},
        {"Old/Monitor", "Monitor", true},        {"Monitor", "Monitor/2026", true},
    };
    struct room *room = *state;
    for (uint32_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char octets[64];
        snprintf(octets, sizeof(octets), "Subject: %u\n\nbody\n", i);
        int64_t folder = room_folder(room, "monitor", cases[i].lies_in, 100 + i, 1, true);
        struct mail mail = {folder, 1, octets, .targets = {"compliance"}};
        mail.mailbox = MONITOR;
        mail.goes_to = cases[i].goes_to;
        bool copied = room_capture(room, &mail) == CAPTURE_STORED;
        if (copied != cases[i].copied)
            fail_msg("from %s to %s: %s", cases[i].lies_in, cases[i].goes_to,
                     copied ? "copied" : "not copied");
    }
    room_figures(room);
    assert_int_equal(room->figures.states[UID_NOT_WANTED], 3);
}

/* The server's separator and prefix are known from the copies that are there. */
static void test_folder_of_copies_is_known_below_a_namespace(void **state)
{
    struct room *room = *state;
    char id[64];
    send_copy(room, 31, id); /* to "Monitor" */
    int64_t folder = room_folder(room, "monitor", "Monitor", 77, 1, true);
    struct mail mail = {folder, 1, MAIL_2, .targets = {"compliance"}};
    mail.mailbox = MONITOR;
    mail.goes_to = "Monitor";
    assert_int_equal(room_capture(room, &mail), CAPTURE_NOT_WANTED);
    mail.goes_to = NULL;
    mail.uid = 2;
    assert_int_equal(room_capture(room, &mail), CAPTURE_STORED);
}

/* ---- internal messages ---- */

static char *join(const char *first, const char *second)
{
    return xasprintf("%s+%s", first, second);
}

/* A plan "more" says what no other does. */
static bool covers(const char *first, const char *second)
{
    (void)first;
    return strcmp(second, "more") != 0;
}

static void test_counterpart_joins_a_held_copy(void **state)
{
    struct room *room = *state;
    time_t now = time(NULL);
    ledger_set_plans(room->ledger, join, covers);
    int64_t sent = room_folder(room, "alice", "Sent", 7, 1, true);
    int64_t inbox = room_folder(room, "bob", "INBOX", 7, 1, true);
    room_capture(
        room,
        &(struct mail){sent, 1, MAIL_1, "same", NULL, {"compliance"}, now + 100, .plan = "alice"});
    struct mail other = {inbox, 1, MAIL_2, "same", NULL, {"compliance"}, now + 100, .plan = "bob"};
    assert_int_equal(room_capture(room, &other), CAPTURE_JOINED);
    assert_int_equal(room_pending(room, "compliance", now, 10), 0);
    assert_int_equal(room->next_due, now + 100);
    assert_int_equal(room_pending(room, "compliance", now + 100, 10), 1);
    assert_string_equal(room->copies[0].plan, "alice+bob");
}

static void test_late_counterpart_is_a_duplicate_and_changes_no_plan(void **state)
{
    struct room *room = *state;
    time_t now = time(NULL);
    ledger_set_plans(room->ledger, join, covers);
    int64_t sent = room_folder(room, "alice", "Sent", 7, 1, true);
    int64_t inbox = room_folder(room, "bob", "INBOX", 7, 1, true);
    room_capture(
        room,
        &(struct mail){sent, 1, MAIL_1, "same", NULL, {"compliance"}, now + 100, .plan = "alice"});
    room_pending(room, "compliance", now + 100, 10);
    room_intent(room, 0, MAIL_1);
    struct mail other = {inbox, 1, MAIL_2, "same", NULL, {"compliance"}, now + 100, .plan = "bob"};
    assert_int_equal(room_capture(room, &other), CAPTURE_JOINED);
    room_pending(room, "compliance", now + 100, 10);
    assert_string_equal(room->copies[0].plan, "alice");
    assert_int_equal(room_sql(room, "SELECT duplicate_of FROM message WHERE id = 2"), 1);
}

static void test_counterpart_gets_a_copy_for_a_target_of_its_own(void **state)
{
    struct room *room = *state;
    time_t now = time(NULL);
    ledger_set_plans(room->ledger, join, covers);
    int64_t sent = room_folder(room, "alice", "Sent", 7, 1, true);
    int64_t inbox = room_folder(room, "bob", "INBOX", 7, 1, true);
    room_capture(
        room,
        &(struct mail){sent, 1, MAIL_1, "same", NULL, {"compliance"}, now + 100, .plan = "alice"});
    struct mail other = {
        inbox, 1, MAIL_2, "same", NULL, {"compliance", "auditor"}, now + 100, .plan = "bob"};
    assert_int_equal(room_capture(room, &other), CAPTURE_STORED);
    assert_int_equal(room_pending(room, "compliance", now + 100, 10), 1);
    assert_string_equal(room->copies[0].plan, "alice+bob");
    assert_int_equal(room_pending(room, "auditor", now + 100, 10), 1);
    assert_string_equal(room->copies[0].plan, "bob");
}

static void test_other_content_is_not_joined(void **state)
{
    struct room *room = *state;
    int64_t sent = room_folder(room, "alice", "Sent", 7, 1, true);
    room_capture(room, &(struct mail){sent, 1, MAIL_1, "same", .targets = {"compliance"}});
    assert_int_equal(
        room_capture(room, &(struct mail){sent, 2, MAIL_2, "other", .targets = {"compliance"}}),
        CAPTURE_STORED);
}

/* ---- what is no counterpart ---- */

struct half {
    const char *account, *folder;
    uint32_t uidvalidity;
    bool sent;
};

static enum capture_outcome take_half(struct room *room, const struct half *half, uint32_t uid,
                                      time_t hold, const char *plan)
{
    static unsigned number;
    char octets[64];
    int64_t folder = room_folder(room, half->account, half->folder, half->uidvalidity, 1, true);
    snprintf(octets, sizeof(octets), "Received: %u\n\nbody\n", ++number);
    struct mail mail = {folder, uid, octets, "same", NULL, {"compliance"}, hold, .plan = plan};
    mail.sent = half->sent;
    return room_capture(room, &mail);
}

static void test_who_is_a_counterpart(void **state)
{
    static const struct half sent = {"alice", "Sent", 7, true};
    static const struct {
        struct half half;
        bool joined;
    } cases[] = {
        {{"bob", "INBOX", 7, false}, true},    {{"bob", "INBOX", 7, false}, false},
        {{"bob", "INBOX", 8, false}, false},   {{"bob", "Archive", 7, false}, false},
        {{"alice", "Sent", 7, true}, false},   {{"alice", "Sent", 8, true}, false},
        {{"alice", "Sent", 8, false}, false},  {{"carol", "Sent", 7, true}, false},
        {{"alice", "INBOX", 7, false}, false}, {{"alice", "Copies", 7, false}, false},
        {{"carol", "INBOX", 7, false}, true},
    };
    struct room *room = *state;
    time_t hold = time(NULL) + 100;
    ledger_set_plans(room->ledger, join, covers);
    assert_int_equal(take_half(room, &sent, 1, hold, "p"), CAPTURE_STORED);
    /* Each is met for the second copy alone: the others have been taken out again. */
    for (uint32_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        bool joined = take_half(room, &cases[i].half, 100 + i, hold, "p") == CAPTURE_JOINED;
        if (joined != cases[i].joined)
            fail_msg("case %u: %s", i, joined ? "joined" : "not joined");
        if (!joined) {
            room_sql(room, "DELETE FROM copy WHERE id > 1");
            room_sql(room, "DELETE FROM message WHERE duplicate_of IS NULL AND id > 1");
        }
    }
}

/* One sends the same twice, another receives the same twice: two messages, two copies. */
static void test_two_of_each_make_two_copies(void **state)
{
    static const struct half sent = {"alice", "Sent", 7, true}, inbox = {"bob", "INBOX", 7, false};
    struct room *room = *state;
    time_t hold = time(NULL) + 100;
    ledger_set_plans(room->ledger, join, covers);
    assert_int_equal(take_half(room, &sent, 1, hold, "p"), CAPTURE_STORED);
    assert_int_equal(take_half(room, &sent, 2, hold, "p"), CAPTURE_STORED);
    assert_int_equal(take_half(room, &inbox, 1, hold, "p"), CAPTURE_JOINED);
    assert_int_equal(take_half(room, &inbox, 2, hold, "p"), CAPTURE_JOINED);
    assert_int_equal(take_half(room, &inbox, 3, hold, "p"), CAPTURE_STORED);
    assert_int_equal(room_sql(room, "SELECT count(DISTINCT duplicate_of) FROM message"), 2);
}

static void test_late_counterpart_that_says_more_has_its_own_copy(void **state)
{
    static const struct half sent = {"alice", "Sent", 7, true}, inbox = {"bob", "INBOX", 7, false};
    struct room *room = *state;
    ledger_set_plans(room->ledger, join, covers);
    assert_int_equal(take_half(room, &inbox, 1, 0, "received"), CAPTURE_STORED);
    assert_int_equal(take_half(room, &sent, 1, 0, "more"), CAPTURE_STORED);
    assert_int_equal(room_pending(room, "compliance", time(NULL), 10), 2);
}

static void test_copy_given_up_does_for_nobody_else(void **state)
{
    static const struct half sent = {"alice", "Sent", 7, true}, inbox = {"bob", "INBOX", 7, false};
    struct room *room = *state;
    ledger_set_plans(room->ledger, join, covers);
    assert_int_equal(take_half(room, &sent, 1, 0, "p"), CAPTURE_STORED);
    assert_int_equal(room_pending(room, "compliance", time(NULL), 10), 1);
    room_refuse(room, 0, "too large", 0);
    assert_int_equal(take_half(room, &inbox, 1, 0, "p"), CAPTURE_STORED);
    int64_t archive = room_folder(room, "carol", "Archive", 7, 1, true);
    int64_t other = room_folder(room, "carol", "INBOX", 7, 1, true);
    struct mail mail = {other, 1, MAIL_1, .targets = {"auditor"}};
    assert_int_equal(room_capture(room, &mail), CAPTURE_STORED);
    assert_int_equal(room_pending(room, "auditor", time(NULL), 10), 1);
    room_refuse(room, 0, "too large", 0);
    mail.folder = archive;
    assert_int_equal(room_capture(room, &mail), CAPTURE_STORED);
}

/* A counterpart that is moved within its account is still one message. */
static void test_joined_message_that_is_moved_makes_no_copy(void **state)
{
    struct room *room = *state;
    time_t hold = time(NULL) + 100;
    ledger_set_plans(room->ledger, join, covers);
    int64_t sent = room_folder(room, "alice", "Sent", 7, 1, true);
    int64_t inbox = room_folder(room, "bob", "INBOX", 7, 1, true);
    int64_t archive = room_folder(room, "bob", "Archive", 7, 1, true);
    struct mail mail = {sent,           1,    MAIL_1,      "same",      NULL,
                        {"compliance"}, hold, .plan = "p", .sent = true};
    assert_int_equal(room_capture(room, &mail), CAPTURE_STORED);
    mail = (struct mail){inbox, 1, MAIL_2, "same", NULL, {"compliance"}, hold, .plan = "p"};
    assert_int_equal(room_capture(room, &mail), CAPTURE_JOINED);
    mail.folder = archive;
    assert_int_equal(room_capture(room, &mail), CAPTURE_DUPLICATE);
    assert_int_equal(room_pending(room, "compliance", hold, 10), 1);
}

/* Two mails with the same octets that the owner sent are two; what is moved is one. */
static void test_sent_twice_is_two_mails(void **state)
{
    struct room *room = *state;
    int64_t sent = room_folder(room, "alice", "Sent", 7, 1, true);
    int64_t archive = room_folder(room, "alice", "Archive", 7, 1, true);
    struct mail mail = {sent, 1, MAIL_1, .targets = {"compliance"}, .sent = true};
    assert_int_equal(room_capture(room, &mail), CAPTURE_STORED);
    mail.uid = 2;
    assert_int_equal(room_capture(room, &mail), CAPTURE_STORED);
    mail.folder = archive;
    mail.uid = 1;
    assert_int_equal(room_capture(room, &mail), CAPTURE_DUPLICATE);
    assert_int_equal(room_pending(room, "compliance", time(NULL), 10), 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, room_setup, room_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_a_copy_of_ours),
        TEST(test_copy_without_its_id_is_known_by_its_uid),
        TEST(test_own_copy_leaves_no_octets_and_its_state),
        TEST(test_copies_make_no_chain),
        TEST(test_nothing_is_copied_into_its_own_folder),
        TEST(test_folder_of_copies_is_known_below_a_namespace),
        TEST(test_counterpart_joins_a_held_copy),
        TEST(test_late_counterpart_is_a_duplicate_and_changes_no_plan),
        TEST(test_counterpart_gets_a_copy_for_a_target_of_its_own),
        TEST(test_other_content_is_not_joined),
        TEST(test_who_is_a_counterpart),
        TEST(test_two_of_each_make_two_copies),
        TEST(test_late_counterpart_that_says_more_has_its_own_copy),
        TEST(test_copy_given_up_does_for_nobody_else),
        TEST(test_joined_message_that_is_moved_makes_no_copy),
        TEST(test_sent_twice_is_two_mails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
