#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/wait.h>

#include "agent/command/report.h"
#include "agent/ledger/ledger_help.h"
#include "agent/system/fault.h"

#define MAIL_1 "Subject: one\n\nfirst body\n"
#define MAIL_2 "Subject: two\n\nsecond body\n"

/* A build without fault points cannot be killed at them. */
#ifdef MAILVIGIL_FAULTS
static const bool has_faults = true;
#else
static const bool has_faults = false;
#endif

static int crash_setup(void **state)
{
    struct room *room = malloc(sizeof(*room));
    assert_non_null(room);
    room_make(room);
    *state = room;
    return 0;
}

/* ---- an agent in a child, and a target that is a file with the ids of its copies ---- */

static void target_path(const struct room *room, char path[160])
{
    snprintf(path, 160, "%s/target", room->top);
}

static void target_append(const struct room *room, const char *monitor_id)
{
    char path[160], line[80];
    target_path(room, path);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    int len = snprintf(line, sizeof(line), "%s\n", monitor_id);
    if (fd < 0 || write(fd, line, (size_t)len) != len)
        _exit(3);
    close(fd);
}

/* How often the target has a copy with that id. */
static unsigned target_count(const struct room *room, const char *monitor_id)
{
    char path[160], line[80];
    unsigned n = 0;
    target_path(room, path);
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        n += strcmp(line, monitor_id) == 0;
    }
    if (file != NULL)
        fclose(file);
    return n;
}

static void message_text(uint32_t uid, bool big, char **octets)
{
    size_t filling = big ? 1200000 : 40;
    char *text = malloc(filling + 100);
    int len = snprintf(text, 100, "Subject: message %u\n\n", uid);
    memset(text + len, 'a' + (int)(uid % 26), filling);
    text[(size_t)len + filling] = '\0';
    *octets = text;
}

/* What the agent does: looks for copies with an intent, sends the others. false: nothing is left.
 */
static bool deliver_some(struct room *room, size_t limit)
{
    if (room_pending(room, "compliance", time(NULL), limit) == 0)
        return false;
    for (size_t i = 0; i < room->n_copies; i++) {
        bool there = room->copies[i].intent && target_count(room, room->copies[i].monitor_id) > 0;
        if (!there) {
            room_read(room, i);
            if (room->read_why != NULL)
                _exit(4);
            room_intent(room, i, MAIL_1);
            target_append(room, room->copies[i].monitor_id);
        }
        room_deliver(room, i, (uint32_t)i + 1);
    }
    return true;
}

/* Captures what was not seen of messages 1 to n, the third one big; then delivers everything. */
static void agent_run(struct room *room, uint32_t n)
{
    room->base = event_base_new();
    room_open(room);
    if (ledger_damage(room->ledger) != NULL)
        _exit(5);
    int64_t folder = room_folder(room, "alice", "INBOX", 7, 1, true);
    uint32_t first = room->folder.seen_through + 1;
    for (uint32_t uid = first; uid <= n; uid++) {
        char *octets;
        message_text(uid, uid == 3, &octets);
        room_submit_mail(room, &(struct mail){folder, uid, octets, .targets = {"compliance"}});
        free(octets);
        if (uid % 10 == 2)
            room_wait(room);
    }
    room_wait(room);
    while (deliver_some(room, 10))
        ;
    room_close(room);
}

/* true: it ran to its end; false: it was killed. kill_after in microseconds, 0: not by us. */
static bool agent_in_child(struct room *room, uint32_t n, enum fault fault, unsigned count,
                           useconds_t kill_after)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (fault != 0)
            fault_arm(fault, count);
        agent_run(room, n);
        _exit(0);
    }
    if (kill_after != 0) {
        usleep(kill_after);
        kill(child, SIGKILL);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status)) {
        assert_int_equal(WTERMSIG(status), SIGKILL);
        return false;
    }
    assert_int_equal(WEXITSTATUS(status), 0);
    return true;
}

static void tell_finding(void *arg, const char *text)
{
    (void)arg;
    print_error("%s\n", text);
}

static void assert_all_delivered_once(struct room *room, uint32_t n)
{
    for (uint32_t uid = 1; uid <= n; uid++) {
        char id[64];
        mail_id(&(struct mail){.folder = 1, .uid = uid}, "compliance", id);
        if (target_count(room, id) != 1)
            fail_msg("message %u is %u times in the target", uid, target_count(room, id));
    }
    assert_int_equal(room_sql(room, "SELECT count(*) FROM copy WHERE state = 2"), n);
    assert_int_equal(room_sql(room, "SELECT count(*) FROM segment"), 0);
    assert_int_equal(room_spool(room, NULL), 0);
    char *why;
    struct report *report = report_open(room->dir, &why);
    assert_non_null(report);
    uint64_t records;
    char head[65];
    unsigned findings = report_verify_chain(report, &records, head, tell_finding, NULL);
    report_close(report);
    assert_int_equal(findings, 0);
}

static void test_killed_at_every_step_every_message_is_delivered_once(void **state)
{
    static const enum fault faults[] = {
        FAULT_FOLDER_NOTED,      FAULT_SPOOL_WRITTEN,    FAULT_SPOOL_SYNCED,
        FAULT_CAPTURE_COMMITTED, FAULT_INTENT_COMMITTED, FAULT_DELIVERY_COMMITTED,
        FAULT_SEGMENT_REMOVED,
    };
    (void)state;
    if (!has_faults)
        skip();
    const uint32_t n = 5;
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        struct room room;
        unsigned killed = 0;
        room_make(&room);
        for (unsigned count = 1; count < 20; count++) {
            if (agent_in_child(&room, n, faults[i], count, 0))
                break;
            killed++;
        }
        if (killed == 0)
            fail_msg("fault point %d was never passed", (int)faults[i]);
        assert_all_delivered_once(&room, n);
        room_remove(&room);
    }
}

static void test_killed_at_random_moments_every_message_is_delivered_once(void **state)
{
    struct room *room = *state;
    const uint32_t n = 120;
    unsigned short seed[3] = {1, 2, 3};
    unsigned kills = 0;
    while (kills < 40 && !agent_in_child(room, n, 0, 0, 5000 + (useconds_t)(nrand48(seed) % 60000)))
        kills++;
    if (kills == 40)
        assert_true(agent_in_child(room, n, 0, 0, 0));
    assert_all_delivered_once(room, n);
}

/* What is in the ledger after a crash at each point, when three messages were on their way. */
static void test_what_a_crash_leaves(void **state)
{
    static const struct {
        enum fault fault;
        uint64_t messages, pending, intents, delivered;
    } cases[] = {
        {FAULT_FOLDER_NOTED, 0, 0, 0, 0},     {FAULT_SPOOL_WRITTEN, 0, 0, 0, 0},
        {FAULT_SPOOL_SYNCED, 0, 0, 0, 0},     {FAULT_CAPTURE_COMMITTED, 1, 1, 0, 0},
        {FAULT_INTENT_COMMITTED, 1, 1, 1, 0}, {FAULT_DELIVERY_COMMITTED, 1, 0, 0, 1},
        {FAULT_SEGMENT_REMOVED, 1, 0, 0, 1},
    };
    (void)state;
    if (!has_faults)
        skip();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct room room;
        room_make(&room);
        assert_false(agent_in_child(&room, 1, cases[i].fault, 1, 0));
        room_open(&room);
        room_figures(&room);
        if (room.figures.states[UID_CAPTURED] != cases[i].messages ||
            room.figures.pending != cases[i].pending || room.figures.intents != cases[i].intents ||
            room.figures.delivered != cases[i].delivered)
            fail_msg("fault point %d: %" PRIu64 " messages, %" PRIu64 " pending, %" PRIu64
                     " intents, %" PRIu64 " delivered",
                     (int)cases[i].fault, room.figures.states[UID_CAPTURED], room.figures.pending,
                     room.figures.intents, room.figures.delivered);
        assert_int_equal(room_spool(&room, NULL) > 0, cases[i].pending > 0);
        room_remove(&room);
    }
}

/* ---- what a crash or a person may have done to the files ---- */

/* One message in the spool of a closed ledger; the path of its segment. */
static void spooled(struct room *room, char path[400])
{
    room_open(room);
    int64_t folder = room_folder(room, "alice", "INBOX", 7, 1, true);
    room_capture(room, &(struct mail){folder, 1, MAIL_1, .targets = {"compliance"}});
    room_close(room);
    char directory[120];
    snprintf(directory, sizeof(directory), "%s/spool", room->dir);
    DIR *dir = opendir(directory);
    assert_non_null(dir);
    path[0] = '\0';
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        if (strstr(entry->d_name, ".seg") != NULL)
            snprintf(path, 400, "%s/%s", directory, entry->d_name);
    closedir(dir);
    assert_true(path[0] != '\0');
}

static off_t size_of(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? status.st_size : -1;
}

static void test_tail_that_was_not_committed_is_cut_off(void **state)
{
    struct room *room = *state;
    char path[400];
    spooled(room, path);
    off_t size = size_of(path);
    FILE *file = fopen(path, "ab");
    fputs("half a record", file);
    fclose(file);
    room_open(room);
    assert_int_equal(size_of(path), size);
    assert_null(ledger_damage(room->ledger));
}

static void test_segment_that_the_ledger_does_not_know_is_removed(void **state)
{
    struct room *room = *state;
    char path[400], orphan[200];
    spooled(room, path);
    snprintf(orphan, sizeof(orphan), "%s/spool/00000000000000ff.seg", room->dir);
    FILE *file = fopen(orphan, "wb");
    fputs("octets", file);
    fclose(file);
    room_open(room);
    assert_int_equal(size_of(orphan), -1);
    assert_true(size_of(path) > 0);
}

static void test_segments_of_a_lost_ledger_are_set_aside(void **state)
{
    struct room *room = *state;
    char path[400], other[420];
    spooled(room, path);
    snprintf(other, sizeof(other), "%s/ledger.db", room->dir);
    assert_int_equal(unlink(other), 0);
    room_open(room);
    assert_non_null(ledger_damage(room->ledger));
    snprintf(other, sizeof(other), "%s.lost", path);
    assert_true(size_of(other) > 0);
}

static void cut_short(const char *path)
{
    assert_int_equal(truncate(path, size_of(path) - 1), 0);
}

static void overwrite_header(const char *path)
{
    FILE *file = fopen(path, "r+b");
    fputs("zzzz", file);
    fclose(file);
}

static void delete_it(const char *path)
{
    assert_int_equal(unlink(path), 0);
}

static void (*const damages[])(const char *path) = {cut_short, overwrite_header, delete_it};
#define N_DAMAGES (sizeof(damages) / sizeof(damages[0]))

static void test_missing_octets_are_reported_and_the_copy_fails_with_the_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_DAMAGES; i++) {
        struct room room;
        char path[400];
        room_make(&room);
        spooled(&room, path);
        damages[i](path);
        room_open(&room);
        assert_non_null(ledger_damage(room.ledger));
        room_figures(&room);
        assert_int_equal(room.figures.failed_copies, 1);
        assert_int_equal(room.figures.pending, 0);
        assert_int_equal(room_sql(&room, "SELECT count(*) FROM chain WHERE kind = 'original-lost'"),
                         1);
        room_remove(&room);
    }
}

static void test_missing_octets_are_fetched_again(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_DAMAGES; i++) {
        struct room room;
        char path[400];
        room_make(&room);
        spooled(&room, path);
        damages[i](path);
        room_open(&room);
        int64_t folder = room_folder(&room, "alice", "INBOX", 7, 2, false);
        assert_int_equal(room.folder.n_retry, 1);
        assert_int_equal(room.retry[0], 1);
        struct mail mail = {folder, 1, MAIL_1, .targets = {"compliance"}};
        assert_int_equal(room_capture(&room, &mail), CAPTURE_STORED);
        assert_int_equal(room_pending(&room, "compliance", time(NULL), 10), 1);
        room_read(&room, 0);
        assert_null(room.read_why);
        assert_memory_equal(room.read, MAIL_1, strlen(MAIL_1));
        room_folder(&room, "alice", "INBOX", 7, 2, false);
        assert_int_equal(room.folder.n_retry, 0);
        room_remove(&room);
    }
}

/* The message was moved before it could be fetched again. */
static void test_missing_octets_are_taken_from_a_duplicate(void **state)
{
    struct room *room = *state;
    char path[400];
    spooled(room, path);
    cut_short(path);
    room_open(room);
    int64_t archive = room_folder(room, "alice", "Archive", 8, 1, true);
    struct mail mail = {archive, 1, MAIL_1, .targets = {"compliance"}};
    assert_int_equal(room_capture(room, &mail), CAPTURE_STORED);
    assert_int_equal(room_pending(room, "compliance", time(NULL), 10), 1);
    room_read(room, 0);
    assert_null(room->read_why);
    assert_memory_equal(room->read, MAIL_1, strlen(MAIL_1));
    room_deliver(room, 0, 1);
    assert_int_equal(room_spool(room, NULL), 0);
    room_folder(room, "alice", "INBOX", 7, 2, false);
    assert_int_equal(room->folder.n_retry, 0);
}

static void test_delivered_octets_may_be_missing(void **state)
{
    struct room *room = *state;
    char path[400];
    spooled(room, path);
    room_open(room);
    int64_t folder = room_folder(room, "alice", "INBOX", 7, 2, false);
    room_capture(room, &(struct mail){folder, 2, MAIL_2, .targets = {"compliance"}});
    room_pending(room, "compliance", time(NULL), 10);
    room_deliver(room, 0, 1);
    room_close(room);
    assert_int_equal(size_of(path), -1);
    room_open(room);
    assert_null(ledger_damage(room->ledger));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, crash_setup, room_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed_at_every_step_every_message_is_delivered_once),
        TEST(test_killed_at_random_moments_every_message_is_delivered_once),
        cmocka_unit_test(test_what_a_crash_leaves),
        TEST(test_tail_that_was_not_committed_is_cut_off),
        TEST(test_segment_that_the_ledger_does_not_know_is_removed),
        TEST(test_segments_of_a_lost_ledger_are_set_aside),
        cmocka_unit_test(test_missing_octets_are_reported_and_the_copy_fails_with_the_reason),
        cmocka_unit_test(test_missing_octets_are_fetched_again),
        TEST(test_missing_octets_are_taken_from_a_duplicate),
        TEST(test_delivered_octets_may_be_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
