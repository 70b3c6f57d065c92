#include "agent/ledger/probe.h"

#include <stdlib.h>
#include <string.h>

#include "agent/ledger/private.h"
#include "rules/util/memory.h"

static void bind_nonce(sqlite3_stmt *query, int index, const unsigned char nonce[TOKEN_NONCE])
{
    sqlite3_bind_blob(query, index, nonce, TOKEN_NONCE, SQLITE_STATIC);
}

/* ---- entries ---- */

static void bind_time(sqlite3_stmt *query, int index, const struct book_time *time)
{
    bind_number(query, index, time->wall_us);
    bind_number(query, index + 1, time->boot_us);
    bind_text(query, index + 2, time->boot_id);
}

static void column_copy(sqlite3_stmt *query, int column, char *text, size_t size)
{
    snprintf(text, size, "%s", column_text(query, column));
}

static void column_time(sqlite3_stmt *query, int column, struct book_time *time)
{
    time->wall_us = column_number(query, column);
    time->boot_us = column_number(query, column + 1);
    column_copy(query, column + 2, time->boot_id, sizeof(time->boot_id));
}

/* A row that is there keeps its id, and so its place in the order of sending. */
static void entry_save(struct ledger *ledger, const char *probe, const struct book_entry *entry)
{
    sqlite3_stmt *query = ledger_query(
        ledger, "INSERT INTO probe_entry(probe, nonce, state, began, began_boot, began_boot_id,"
                " accepted, returned, returned_boot, returned_boot_id, duration, folder,"
                " uidvalidity, uid)"
                " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)"
                " ON CONFLICT(probe, nonce) DO UPDATE SET state = excluded.state,"
                " accepted = excluded.accepted, returned = excluded.returned,"
                " returned_boot = excluded.returned_boot,"
                " returned_boot_id = excluded.returned_boot_id, duration = excluded.duration,"
                " folder = excluded.folder, uidvalidity = excluded.uidvalidity,"
                " uid = excluded.uid");
    bind_text(query, 1, probe);
    bind_nonce(query, 2, entry->nonce);
    bind_number(query, 3, entry->state);
    bind_time(query, 4, &entry->began);
    bind_number(query, 7, entry->accepted_us);
    bind_time(query, 8, &entry->returned);
    bind_number(query, 11, entry->duration_us);
    bind_text(query, 12, entry->place.folder);
    bind_number(query, 13, entry->place.uidvalidity);
    bind_number(query, 14, entry->place.uid);
    ledger_run(ledger, query);
}

static void entry_remove(struct ledger *ledger, const char *probe,
                         const unsigned char nonce[TOKEN_NONCE])
{
    sqlite3_stmt *query =
        ledger_query(ledger, "DELETE FROM probe_entry WHERE probe = ?1 AND nonce = ?2");
    bind_text(query, 1, probe);
    bind_nonce(query, 2, nonce);
    ledger_run(ledger, query);
}

/* false: no row of ours. */
static bool column_entry(sqlite3_stmt *query, struct book_entry *entry)
{
    const void *nonce = sqlite3_column_blob(query, 0);
    int64_t state = column_number(query, 1);
    if (nonce == NULL || sqlite3_column_bytes(query, 0) != TOKEN_NONCE || state < 0 ||
        state >= BOOK_REJECTED)
        return false;
    memset(entry, 0, sizeof(*entry));
    memcpy(entry->nonce, nonce, TOKEN_NONCE);
    entry->state = (enum book_state)state;
    column_time(query, 2, &entry->began);
    entry->accepted_us = column_number(query, 5);
    column_time(query, 6, &entry->returned);
    entry->duration_us = column_number(query, 9);
    column_copy(query, 10, entry->place.folder, sizeof(entry->place.folder));
    entry->place.uidvalidity = column_uid(query, 11);
    entry->place.uid = column_uid(query, 12);
    return true;
}

/* ---- counts ---- */

/* The columns of probe_counts after the probe's name, in their order. */
static size_t list_counts(struct book_counts *counts, uint64_t *list[40])
{
    uint64_t *const first[] = {&counts->sent,       &counts->returned,     &counts->late,
                               &counts->lost,       &counts->uncertain,    &counts->outstanding,
                               &counts->duplicates, &counts->after_verdict};
    size_t n = sizeof(first) / sizeof(*first);
    memcpy(list, first, sizeof(first));
    for (size_t i = 0; i < REJECT_REASONS; i++)
        list[n++] = &counts->rejected[i];
    for (size_t i = 0; i <= BOOK_BUCKETS; i++)
        list[n++] = &counts->buckets[i];
    return n;
}

static void counts_save(struct ledger *ledger, const char *probe, const struct book_counts *given)
{
    struct book_counts counts = *given;
    uint64_t *list[40];
    size_t n = list_counts(&counts, list);
    int index = 1;
    sqlite3_stmt *query = ledger_query(
        ledger, "INSERT OR REPLACE INTO probe_counts VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,"
                " ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25,"
                " ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35)");
    bind_text(query, index++, probe);
    for (size_t i = 0; i < n; i++)
        bind_number(query, index++, (int64_t)*list[i]);
    sqlite3_bind_double(query, index++, counts.duration_sum);
    sqlite3_bind_double(query, index++, counts.last_duration);
    bind_number(query, index++, counts.last_success);
    bind_number(query, index, counts.last_sent);
    ledger_run(ledger, query);
}

static void counts_load(struct ledger *ledger, const char *probe, struct book_counts *counts)
{
    uint64_t *list[40];
    size_t n = list_counts(counts, list);
    int column = 1;
    memset(counts, 0, sizeof(*counts));
    sqlite3_stmt *query = ledger_query(ledger, "SELECT * FROM probe_counts WHERE probe = ?1");
    bind_text(query, 1, probe);
    if (!ledger_row(ledger, query))
        return;
    for (size_t i = 0; i < n; i++)
        *list[i] = (uint64_t)column_number(query, column++);
    counts->duration_sum = sqlite3_column_double(query, column++);
    counts->last_duration = sqlite3_column_double(query, column++);
    counts->last_success = column_number(query, column++);
    counts->last_sent = column_number(query, column);
    sqlite3_reset(query);
}

/* ---- ledger_probe_load() ---- */

struct load_job {
    struct ledger_job job;
    char *probe;
    ledger_probe_loaded *done;
    void *arg;
    struct book_entry *entries;
    size_t n, room;
    struct book_counts counts;
};

static void load_run(struct ledger *ledger, struct ledger_job *base)
{
    struct load_job *job = (struct load_job *)base;
    job->n = 0;
    counts_load(ledger, job->probe, &job->counts);
    sqlite3_stmt *query = ledger_query(
        ledger, "SELECT nonce, state, began, began_boot, began_boot_id, accepted, returned,"
                " returned_boot, returned_boot_id, duration, folder, uidvalidity, uid"
                " FROM probe_entry WHERE probe = ?1 ORDER BY id");
    bind_text(query, 1, job->probe);
    while (ledger_row(ledger, query)) {
        if (job->n == job->room) {
            job->room = job->room * 2 + 64;
            job->entries = xreallocarray(job->entries, job->room, sizeof(*job->entries));
        }
        job->n += column_entry(query, &job->entries[job->n]);
    }
}

static void load_answer(struct ledger_job *base)
{
    struct load_job *job = (struct load_job *)base;
    job->done(job->arg, job->entries, job->n, &job->counts);
}

static void load_release(struct ledger_job *base)
{
    struct load_job *job = (struct load_job *)base;
    free(job->probe);
    free(job->entries);
    free(job);
}

struct ledger_request *ledger_probe_load(struct ledger *ledger, const char *probe,
                                         ledger_probe_loaded *done, void *arg)
{
    struct load_job *job = xcalloc(1, sizeof(*job));
    job->job.run = load_run;
    job->job.answer = load_answer;
    job->job.release = load_release;
    job->probe = xstrdup(probe);
    job->done = done;
    job->arg = arg;
    return ledger_submit(ledger, &job->job);
}

/* ---- ledger_probe_change(), ledger_probe_forget() ---- */

struct change_job {
    struct ledger_job job;
    char *probe;
    struct book_entry entry;
    struct book_counts counts;
    ledger_done *done;
    void *arg;
};

static void change_run(struct ledger *ledger, struct ledger_job *base)
{
    const struct change_job *job = (const struct change_job *)base;
    if (job->entry.state == BOOK_REJECTED)
        entry_remove(ledger, job->probe, job->entry.nonce);
    else
        entry_save(ledger, job->probe, &job->entry);
    counts_save(ledger, job->probe, &job->counts);
}

static void forget_run(struct ledger *ledger, struct ledger_job *base)
{
    const struct change_job *job = (const struct change_job *)base;
    entry_remove(ledger, job->probe, job->entry.nonce);
}

static void change_answer(struct ledger_job *base)
{
    const struct change_job *job = (const struct change_job *)base;
    job->done(job->arg);
}

static void change_release(struct ledger_job *base)
{
    struct change_job *job = (struct change_job *)base;
    free(job->probe);
    free(job);
}

struct ledger_request *ledger_probe_change(struct ledger *ledger, const char *probe,
                                           const struct book_entry *entry,
                                           const struct book_counts *counts, ledger_done *done,
                                           void *arg)
{
    struct change_job *job = xcalloc(1, sizeof(*job));
    job->job.run = change_run;
    job->job.answer = done == NULL ? NULL : change_answer;
    job->job.release = change_release;
    job->probe = xstrdup(probe);
    job->entry = *entry;
    job->counts = *counts;
    job->done = done;
    job->arg = arg;
    return ledger_submit(ledger, &job->job);
}

void ledger_probe_forget(struct ledger *ledger, const char *probe,
                         const unsigned char nonce[TOKEN_NONCE])
{
    struct change_job *job = xcalloc(1, sizeof(*job));
    job->job.run = forget_run;
    job->job.release = change_release;
    job->probe = xstrdup(probe);
    memcpy(job->entry.nonce, nonce, TOKEN_NONCE);
    ledger_submit(ledger, &job->job);
}

/* ---- ledger_reported_get(), ledger_reported_set() ---- */

struct told_job {
    struct ledger_job job;
    char *probe;
    struct ledger_reported reported;
    ledger_reported_done *done;
    void *arg;
};

static void told_get_run(struct ledger *ledger, struct ledger_job *base)
{
    struct told_job *job = (struct told_job *)base;
    job->reported = (struct ledger_reported){0};
    sqlite3_stmt *query =
        ledger_query(ledger, "SELECT status, since, told_at FROM probe_told WHERE probe = ?1");
    bind_text(query, 1, job->probe);
    if (!ledger_row(ledger, query))
        return;
    job->reported.status = (unsigned)column_number(query, 0);
    job->reported.since = (time_t)column_number(query, 1);
    job->reported.told_at = (time_t)column_number(query, 2);
    sqlite3_reset(query);
}

static void told_set_run(struct ledger *ledger, struct ledger_job *base)
{
    const struct told_job *job = (const struct told_job *)base;
    sqlite3_stmt *query =
        ledger_query(ledger, "INSERT OR REPLACE INTO probe_told VALUES(?1, ?2, ?3, ?4)");
    bind_text(query, 1, job->probe);
    bind_number(query, 2, job->reported.status);
    bind_number(query, 3, job->reported.since);
    bind_number(query, 4, job->reported.told_at);
    ledger_run(ledger, query);
}

static void told_answer(struct ledger_job *base)
{
    const struct told_job *job = (const struct told_job *)base;
    job->done(job->arg, &job->reported);
}

static void told_release(struct ledger_job *base)
{
    struct told_job *job = (struct told_job *)base;
    free(job->probe);
    free(job);
}

struct ledger_request *ledger_reported_get(struct ledger *ledger, const char *probe,
                                           ledger_reported_done *done, void *arg)
{
    struct told_job *job = xcalloc(1, sizeof(*job));
    job->job.run = told_get_run;
    job->job.answer = told_answer;
    job->job.release = told_release;
    job->probe = xstrdup(probe);
    job->done = done;
    job->arg = arg;
    return ledger_submit(ledger, &job->job);
}

void ledger_reported_set(struct ledger *ledger, const char *probe,
                         const struct ledger_reported *reported)
{
    struct told_job *job = xcalloc(1, sizeof(*job));
    job->job.run = told_set_run;
    job->job.release = told_release;
    job->probe = xstrdup(probe);
    job->reported = *reported;
    ledger_submit(ledger, &job->job);
}

/* ---- ledger_place_get(), ledger_place_set() ---- */

struct place_job {
    struct ledger_job job;
    char *who, *folder;
    struct ledger_place place;
    ledger_place_done *done;
    void *arg;
};

static void place_get_run(struct ledger *ledger, struct ledger_job *base)
{
    struct place_job *job = (struct place_job *)base;
    job->place = (struct ledger_place){0};
    sqlite3_stmt *query = ledger_query(ledger, "SELECT uidvalidity, seen_through FROM probe_place"
                                               " WHERE who = ?1 AND folder = ?2");
    bind_text(query, 1, job->who);
    bind_text(query, 2, job->folder);
    if (!ledger_row(ledger, query))
        return;
    job->place.uidvalidity = column_uid(query, 0);
    job->place.seen_through = column_uid(query, 1);
    sqlite3_reset(query);
}

static void place_set_run(struct ledger *ledger, struct ledger_job *base)
{
    const struct place_job *job = (const struct place_job *)base;
    sqlite3_stmt *query =
        ledger_query(ledger, "INSERT OR REPLACE INTO probe_place VALUES(?1, ?2, ?3, ?4)");
    bind_text(query, 1, job->who);
    bind_text(query, 2, job->folder);
    bind_number(query, 3, job->place.uidvalidity);
    bind_number(query, 4, job->place.seen_through);
    ledger_run(ledger, query);
}

static void place_answer(struct ledger_job *base)
{
    const struct place_job *job = (const struct place_job *)base;
    job->done(job->arg, &job->place);
}

static void place_release(struct ledger_job *base)
{
    struct place_job *job = (struct place_job *)base;
    free(job->who);
    free(job->folder);
    free(job);
}

static struct place_job *place_job_new(const char *who, const char *folder)
{
    struct place_job *job = xcalloc(1, sizeof(*job));
    job->job.release = place_release;
    job->who = xstrdup(who);
    job->folder = xstrdup(folder);
    return job;
}

struct ledger_request *ledger_place_get(struct ledger *ledger, const char *who, const char *folder,
                                        ledger_place_done *done, void *arg)
{
    struct place_job *job = place_job_new(who, folder);
    job->job.run = place_get_run;
    job->job.answer = place_answer;
    job->done = done;
    job->arg = arg;
    return ledger_submit(ledger, &job->job);
}

void ledger_place_set(struct ledger *ledger, const char *who, const char *folder,
                      const struct ledger_place *place)
{
    struct place_job *job = place_job_new(who, folder);
    job->job.run = place_set_run;
    job->place = *place;
    ledger_submit(ledger, &job->job);
}

/* ---- ledger_reflect(), ledger_reflect_forget() ---- */

struct reflect_job {
    struct ledger_job job;
    char *reflector;
    unsigned char nonce[TOKEN_NONCE];
    time_t now;
    bool is_new;
    void (*done)(void *arg, bool is_new);
    void *arg;
};

static bool is_reflected(struct ledger *ledger, const struct reflect_job *job)
{
    sqlite3_stmt *query =
        ledger_query(ledger, "SELECT 1 FROM reflected WHERE reflector = ?1 AND nonce = ?2");
    bind_text(query, 1, job->reflector);
    bind_nonce(query, 2, job->nonce);
    bool there = ledger_row(ledger, query);
    if (there)
        sqlite3_reset(query);
    return there;
}

static int64_t next_number(struct ledger *ledger, const char *reflector)
{
    int64_t number = 1;
    sqlite3_stmt *query = ledger_query(
        ledger, "SELECT coalesce(max(number), 0) + 1 FROM reflected WHERE reflector = ?1");
    bind_text(query, 1, reflector);
    if (ledger_row(ledger, query)) {
        number = column_number(query, 0);
        sqlite3_reset(query);
    }
    return number;
}

/* Numbers rise, so that the oldest are found without counting. */
static void reflect_run(struct ledger *ledger, struct ledger_job *base)
{
    struct reflect_job *job = (struct reflect_job *)base;
    job->is_new = !is_reflected(ledger, job) && !ledger->failed;
    if (!job->is_new)
        return;
    int64_t number = next_number(ledger, job->reflector);
    sqlite3_stmt *query = ledger_query(ledger, "INSERT INTO reflected VALUES(?1, ?2, ?3, ?4)");
    bind_text(query, 1, job->reflector);
    bind_number(query, 2, number);
    bind_nonce(query, 3, job->nonce);
    bind_number(query, 4, job->now);
    ledger_run(ledger, query);
    query = ledger_query(ledger, "DELETE FROM reflected WHERE reflector = ?1 AND number <= ?2");
    bind_text(query, 1, job->reflector);
    bind_number(query, 2, number - LEDGER_REFLECTED_MAX);
    ledger_run(ledger, query);
}

static void reflect_forget_run(struct ledger *ledger, struct ledger_job *base)
{
    const struct reflect_job *job = (const struct reflect_job *)base;
    sqlite3_stmt *query =
        ledger_query(ledger, "DELETE FROM reflected WHERE reflector = ?1 AND nonce = ?2");
    bind_text(query, 1, job->reflector);
    bind_nonce(query, 2, job->nonce);
    ledger_run(ledger, query);
}

static void reflect_answer(struct ledger_job *base)
{
    const struct reflect_job *job = (const struct reflect_job *)base;
    job->done(job->arg, job->is_new);
}

static void reflect_release(struct ledger_job *base)
{
    struct reflect_job *job = (struct reflect_job *)base;
    free(job->reflector);
    free(job);
}

static struct reflect_job *reflect_job_new(const char *reflector,
                                           const unsigned char nonce[TOKEN_NONCE])
{
    struct reflect_job *job = xcalloc(1, sizeof(*job));
    job->job.release = reflect_release;
    job->reflector = xstrdup(reflector);
    memcpy(job->nonce, nonce, TOKEN_NONCE);
    return job;
}

struct ledger_request *ledger_reflect(struct ledger *ledger, const char *reflector,
                                      const unsigned char nonce[TOKEN_NONCE], time_t now,
                                      void (*done)(void *arg, bool is_new), void *arg)
{
    struct reflect_job *job = reflect_job_new(reflector, nonce);
    job->job.run = reflect_run;
    job->job.answer = reflect_answer;
    job->now = now;
    job->done = done;
    job->arg = arg;
    return ledger_submit(ledger, &job->job);
}

void ledger_reflect_forget(struct ledger *ledger, const char *reflector,
                           const unsigned char nonce[TOKEN_NONCE])
{
    struct reflect_job *job = reflect_job_new(reflector, nonce);
    job->job.run = reflect_forget_run;
    ledger_submit(ledger, &job->job);
}
