/*
 * What the tests of the ledger share: a state directory of their own, and waiting for callbacks.
 * Include it after cmocka.h.
 */
#ifndef AGENT_LEDGER_LEDGER_HELP_H
#define AGENT_LEDGER_LEDGER_HELP_H

#include <event2/event.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/ledger/ledger.h"
#include "rules/util/memory.h"

struct room {
    char top[64], dir[80];
    struct event_base *base;
    struct ledger *ledger;
    unsigned waiting; /* calls whose done has not come */
    enum capture_outcome outcome;
    struct ledger_folder folder;
    uint32_t retry[8];
    struct ledger_copy *copies;
    size_t n_copies;
    time_t next_due;
    struct ledger_figures figures;
    struct ledger_target_figures target_figures[4];
    size_t n_targets;
    char read[256];
    size_t read_len;
    char *read_why;
};

static inline struct ledger_options room_options(const struct room *room)
{
    return (struct ledger_options){
        .state_dir = room->dir, .instance = "example.org", .rules_digest = "00"};
}

static inline void room_open_with(struct room *room, const struct ledger_options *options)
{
    char *why = NULL;
    enum ledger_open_error error = ledger_open(room->base, options, &room->ledger, &why);
    if (error != LEDGER_OPENED)
        fail_msg("the ledger is not opened: %s", why);
}

static inline void room_open(struct room *room)
{
    struct ledger_options options = room_options(room);
    room_open_with(room, &options);
}

static inline void room_close(struct room *room)
{
    ledger_close(room->ledger);
    room->ledger = NULL;
}

static inline void room_clear_copies(struct room *room)
{
    ledger_copies_free(room->copies, room->n_copies);
    room->copies = NULL;
    room->n_copies = 0;
}

static inline void room_make(struct room *room)
{
    memset(room, 0, sizeof(*room));
    strcpy(room->top, "/tmp/mailvigil-test-XXXXXX");
    assert_non_null(mkdtemp(room->top));
    snprintf(room->dir, sizeof(room->dir), "%s/state", room->top);
    room->base = event_base_new();
    assert_non_null(room->base);
}

static inline void room_remove(struct room *room)
{
    char command[160];
    if (room->ledger != NULL)
        room_close(room);
    room_clear_copies(room);
    free(room->read_why);
    event_base_free(room->base);
    snprintf(command, sizeof(command), "rm -rf '%s'", room->top);
    assert_int_equal(system(command), 0);
}

static inline int room_setup(void **state)
{
    struct room *room = malloc(sizeof(*room));
    assert_non_null(room);
    room_make(room);
    room_open(room);
    *state = room;
    return 0;
}

static inline int room_teardown(void **state)
{
    room_remove(*state);
    free(*state);
    return 0;
}

/* Until all callbacks have come; a lost one ends the test instead of hanging it. */
static inline void room_wait(struct room *room)
{
    const struct timeval tick = {.tv_usec = 100000};
    time_t limit = time(NULL) + 60;
    while (room->waiting > 0) {
        if (time(NULL) > limit)
            fail_msg("%u callbacks did not come within a minute", room->waiting);
        event_base_loopexit(room->base, &tick);
        event_base_loop(room->base, EVLOOP_ONCE);
    }
}

static inline void room_done(void *arg)
{
    struct room *room = arg;
    room->waiting--;
}

/* ---- calls that wait ---- */

static inline void room_on_folder(void *arg, const struct ledger_folder *folder)
{
    struct room *room = arg;
    room->folder = *folder;
    room->folder.retry = room->retry;
    for (size_t i = 0; i < folder->n_retry && i < 8; i++)
        room->retry[i] = folder->retry[i];
    room->waiting--;
}

static inline int64_t room_folder(struct room *room, const char *account, const char *name,
                                  uint32_t uidvalidity, uint32_t uidnext, bool account_baseline)
{
    room->waiting++;
    ledger_folder_open(room->ledger, account, name, uidvalidity, uidnext, account_baseline,
                       room_on_folder, room);
    room_wait(room);
    return room->folder.id;
}

static inline void room_on_figures(void *arg, const struct ledger_figures *figures,
                                   const struct ledger_target_figures *targets, size_t n)
{
    struct room *room = arg;
    room->figures = *figures;
    room->n_targets = n;
    for (size_t i = 0; i < n && i < 4; i++)
        room->target_figures[i] = targets[i];
    room->waiting--;
}

/* Waits for all that was submitted before, too. The names of targets do not outlive it. */
static inline void room_figures(struct room *room)
{
    room->waiting++;
    ledger_figures(room->ledger, room_on_figures, room);
    room_wait(room);
}

static inline void room_on_pending(void *arg, struct ledger_copy *copies, size_t n, time_t next_due,
                                   bool *keep)
{
    struct room *room = arg;
    room_clear_copies(room);
    room->copies = copies;
    room->n_copies = n;
    room->next_due = next_due;
    *keep = true;
    room->waiting--;
}

static inline size_t room_pending(struct room *room, const char *target, time_t now, size_t limit)
{
    room->waiting++;
    ledger_pending(room->ledger, target, now, limit, room_on_pending, room);
    room_wait(room);
    return room->n_copies;
}

static inline void room_on_capture(void *arg, enum capture_outcome outcome)
{
    struct room *room = arg;
    room->outcome = outcome;
    room->waiting--;
}

/* A message as the tests have it: header, an empty line, body. */
struct mail {
    int64_t folder;
    uint32_t uid;
    const char *octets;
    const char *sameness; /* NULL: not internal */
    const char *carries;  /* X-Monitor-Id */
    const char *targets[3];
    time_t hold_until;
    const char *plan;
    bool sent;
    const char *mailbox; /* of the account */
    const char *goes_to; /* folder that the copies would go to, in the same mailbox */
};

static inline size_t header_len(const char *octets)
{
    const char *end = strstr(octets, "\n\n");
    return end == NULL ? strlen(octets) : (size_t)(end - octets) + 2;
}

static inline void body_digest(const char *octets, unsigned char digest[32])
{
    const char *body = octets + header_len(octets);
    SHA256((const unsigned char *)body, strlen(body), digest);
}

static inline void mail_id(const struct mail *mail, const char *target, char id[64])
{
    snprintf(id, 64, "id-%lld-%u-%s", (long long)mail->folder, mail->uid, target);
}

static inline void room_submit_mail(struct room *room, const struct mail *mail)
{
    struct ledger_new_copy copies[3];
    char ids[3][64];
    struct ledger_capture capture = {.folder = mail->folder,
                                     .uid = mail->uid,
                                     .internaldate = 1700000000,
                                     .internaldate_zone = 60,
                                     .header_len = (uint32_t)header_len(mail->octets),
                                     .monitor_id = mail->carries,
                                     .sent = mail->sent,
                                     .mailbox = mail->mailbox,
                                     .has_octets = mail->carries != NULL,
                                     .copies = copies};
    for (size_t i = 0; i < 3 && mail->targets[i] != NULL; i++) {
        mail_id(mail, mail->targets[i], ids[i]);
        copies[i] = (struct ledger_new_copy){.target = mail->targets[i],
                                             .monitor_id = ids[i],
                                             .plan = mail->plan == NULL ? "plan" : mail->plan,
                                             .hold_until = mail->hold_until,
                                             .folder = mail->goes_to};
        capture.n_copies++;
    }
    SHA256((const unsigned char *)mail->octets, strlen(mail->octets), capture.sha256);
    memcpy(capture.octets, capture.sha256, sizeof(capture.octets));
    body_digest(mail->octets, capture.body_sha256);
    capture.has_sameness = mail->sameness != NULL;
    if (mail->sameness != NULL)
        SHA256((const unsigned char *)mail->sameness, strlen(mail->sameness), capture.sameness);
    struct spool_entry *entry = spool_entry_new(room->ledger);
    spool_entry_write(entry, mail->octets, strlen(mail->octets));
    room->waiting++;
    ledger_capture(room->ledger, &capture, entry, room_on_capture, room);
}

static inline enum capture_outcome room_capture(struct room *room, const struct mail *mail)
{
    room_submit_mail(room, mail);
    room_wait(room);
    return room->outcome;
}

#define MONITOR "imap.test:143/monitor" /* the mailbox that copies go to, folder Monitor */

/* An intent for copy i of the last room_pending(), with those octets. */
static inline void room_intent(struct room *room, size_t i, const char *octets)
{
    struct ledger_intended intended = {.copy = room->copies[i].id, .has_octets = true};
    const struct ledger_destination place = {MONITOR, "Monitor", 77, 5};
    body_digest(octets, intended.body_sha256);
    SHA256((const unsigned char *)octets, strlen(octets), intended.octets);
    room->waiting++;
    ledger_intent(room->ledger, &intended, 1, &place, room_done, room);
    room_wait(room);
}

static inline void room_deliver(struct room *room, size_t i, uint32_t uid)
{
    struct ledger_delivery delivery = {
        .copy = room->copies[i].id, .uidvalidity = uid != 0 ? 77 : 0, .uid = uid};
    room->waiting++;
    ledger_delivered(room->ledger, &delivery, 1, room_done, room);
    room_wait(room);
}

static inline void room_refuse(struct room *room, size_t i, const char *reason, time_t retry_at)
{
    room->waiting++;
    ledger_not_delivered(room->ledger, room->copies[i].id, reason, retry_at, room_done, room);
    room_wait(room);
}

static inline void room_on_read(void *arg, const void *data, size_t len, const char *why)
{
    struct room *room = arg;
    free(room->read_why);
    room->read_why = why == NULL ? NULL : strdup(why);
    room->read_len = len;
    if (data != NULL)
        memcpy(room->read, data, len < sizeof(room->read) ? len : sizeof(room->read));
    room->waiting--;
}

/* The original of copy i, as the spool has it; its beginning, if it is long. */
static inline void room_read(struct room *room, size_t i)
{
    const struct ledger_copy *copy = &room->copies[i];
    size_t len = copy->size < sizeof(room->read) ? copy->size : sizeof(room->read);
    room->waiting++;
    spool_read(room->ledger, copy->spool_segment, copy->spool_offset, len, room_on_read, room);
    room_wait(room);
}

/* ---- looking into the files, not through the ledger ---- */

static inline int64_t room_sql(const struct room *room, const char *sql)
{
    char path[128];
    sqlite3 *db;
    sqlite3_stmt *query = NULL;
    snprintf(path, sizeof(path), "%s/ledger.db", room->dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 10000);
    if (sqlite3_prepare_v2(db, sql, -1, &query, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(db));
    int64_t value = sqlite3_step(query) == SQLITE_ROW ? sqlite3_column_int64(query, 0) : -1;
    sqlite3_finalize(query);
    sqlite3_close(db);
    return value;
}

/* How many octets the spool's segments have; *files: how many files. */
static inline int64_t room_spool(const struct room *room, unsigned *files)
{
    char command[200];
    long long octets = 0;
    unsigned n = 0;
    snprintf(command, sizeof(command),
             "find '%s/spool' -name '*.seg' -size +0 -printf '%%s\\n' |"
             " awk '{n++; s+=$1} END {print n+0, s+0}'",
             room->dir);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_int_equal(fscanf(pipe, "%u %lld", &n, &octets), 2);
    pclose(pipe);
    if (files != NULL)
        *files = n;
    return octets;
}

#endif
