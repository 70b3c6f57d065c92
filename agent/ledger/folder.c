#include <stdlib.h>
#include <string.h>

#include "agent/ledger/watched.h"
#include "rules/util/memory.h"

#define RETRY_MAX 100000
#define REASON_PAUSED "it came while the folder was not configured to be watched"

enum origin { ORIGIN_BASELINE, ORIGIN_LATE, ORIGIN_CHANGED };

/* ---- ledger_folder_open() ---- */

struct folder_job {
    struct ledger_job job;
    char *account, *folder;
    uint32_t uidvalidity, uidnext;
    bool fresh;
    ledger_folder_done *done;
    void *arg;
    struct ledger_folder result;
};

/* Its row; *generation: of the configuration under which it was watched last. */
static bool folder_find(struct ledger *ledger, const struct folder_job *job, int64_t account,
                        struct ledger_folder *folder, int64_t *generation)
{
    sqlite3_stmt *query = ledger_query(
        ledger,
        "SELECT id, origin, previous_validity, look_through, seen_through, modseq, generation"
        " FROM folder WHERE account = ?1 AND name = ?2 AND uidvalidity = ?3");
    bind_number(query, 1, account);
    bind_text(query, 2, job->folder);
    bind_number(query, 3, job->uidvalidity);
    if (!ledger_row(ledger, query))
        return false;
    folder->id = column_number(query, 0);
    enum origin origin = (enum origin)column_number(query, 1);
    folder->look_through = column_uid(query, 3);
    folder->seen_through = column_uid(query, 4);
    folder->modseq = (uint64_t)column_number(query, 5);
    *generation = column_number(query, 6);
    if (folder->seen_through < folder->look_through) {
        folder->first_sight = origin == ORIGIN_LATE;
        folder->validity_changed = origin == ORIGIN_CHANGED;
    }
    if (folder->validity_changed)
        folder->previous_validity = column_uid(query, 2);
    sqlite3_reset(query);
    return true;
}

/* The UIDVALIDITY that was met last under that name, and under which configuration; 0: none. */
static uint32_t previous_validity(struct ledger *ledger, int64_t account, const char *name,
                                  int64_t *generation)
{
    sqlite3_stmt *query = ledger_query(
        ledger, "SELECT uidvalidity, generation FROM folder WHERE account = ?1 AND name = ?2"
                " ORDER BY opened_at DESC, id DESC LIMIT 1");
    bind_number(query, 1, account);
    bind_text(query, 2, name);
    uint32_t validity = 0;
    if (ledger_row(ledger, query)) {
        validity = column_uid(query, 0);
        *generation = column_number(query, 1);
        sqlite3_reset(query);
    }
    return validity;
}

static void folder_touch(struct ledger *ledger, const struct ledger_folder *folder,
                         const struct account_row *account)
{
    sqlite3_stmt *query =
        ledger_query(ledger, "UPDATE folder SET opened_at = ?2, generation = ?3, look_through = ?4"
                             " WHERE id = ?1");
    bind_number(query, 1, folder->id);
    bind_number(query, 2, ledger->now);
    bind_number(query, 3, account->generation);
    bind_number(query, 4, folder->look_through);
    ledger_run(ledger, query);
}

static int64_t folder_insert(struct ledger *ledger, const struct folder_job *job,
                             const struct account_row *account, enum origin origin,
                             const struct ledger_folder *folder)
{
    sqlite3_stmt *query = ledger_query(
        ledger, "INSERT INTO folder(account, name, uidvalidity, origin, previous_validity,"
                " look_through, seen_through, opened_at, generation)"
                " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)");
    bind_number(query, 1, account->id);
    bind_text(query, 2, job->folder);
    bind_number(query, 3, job->uidvalidity);
    bind_number(query, 4, origin);
    bind_number(query, 5, folder->previous_validity);
    bind_number(query, 6, folder->look_through);
    bind_number(query, 7, folder->seen_through);
    bind_number(query, 8, ledger->now);
    bind_number(query, 9, account->generation);
    ledger_run(ledger, query);
    return sqlite3_last_insert_rowid(ledger->db);
}

static void folder_record(struct ledger *ledger, enum origin origin,
                          const struct ledger_folder *folder, const char *reason)
{
    chain_begin(ledger);
    chain_folder(ledger, folder->id);
    if (origin == ORIGIN_CHANGED)
        chain_number(ledger, "previous", folder->previous_validity);
    chain_number(ledger, "through", folder->look_through);
    if (*reason != '\0')
        chain_text(ledger, "reason", reason);
    static const char *const kinds[] = {"baseline", "late-folder", "uidvalidity"};
    chain_end(ledger, kinds[origin]);
}

static uint32_t last_uid(const struct folder_job *job)
{
    return job->uidnext > 0 ? job->uidnext - 1 : 0;
}

/* What is there now, and has no state yet, came before the baseline. */
static void baseline(struct ledger *ledger, struct ledger_folder *folder, const char *reason)
{
    if (folder->look_through <= folder->seen_through)
        return;
    span_note(ledger, folder->id, folder->seen_through + 1, folder->look_through,
              UID_BEFORE_BASELINE, reason);
    folder->seen_through = folder->look_through;
}

/*
 * Whether messages came to the folder while the configuration did not want it. A folder that was
 * watched under the configuration before this one was wanted all the time, whatever it was called
 * there.
 */
static bool was_paused(const struct folder_job *job, const struct account_row *account,
                       int64_t generation)
{
    return job->fresh && generation < account->generation - 1;
}

static void folder_make(struct ledger *ledger, struct folder_job *job,
                        const struct account_row *account, struct ledger_folder *folder)
{
    int64_t generation = 0;
    uint32_t previous = previous_validity(ledger, account->id, job->folder, &generation);
    bool paused = previous != 0 && was_paused(job, account, generation);
    const char *reason = paused ? REASON_PAUSED : "";
    enum origin origin = ORIGIN_LATE;
    if (previous != 0 && !paused)
        origin = ORIGIN_CHANGED;
    else if (job->fresh)
        origin = ORIGIN_BASELINE;
    folder->previous_validity = origin == ORIGIN_CHANGED ? previous : 0;
    folder->validity_changed = origin == ORIGIN_CHANGED;
    folder->first_sight = !folder->validity_changed;
    folder->look_through = last_uid(job);
    folder->id = folder_insert(ledger, job, account, origin, folder);
    folder_record(ledger, origin, folder, reason);
    if (origin == ORIGIN_BASELINE)
        baseline(ledger, folder, reason);
    ledger->batch.folder_noted = true;
}

/* The folder is wanted again: what came meanwhile is before its new baseline. */
static void folder_resume(struct ledger *ledger, const struct folder_job *job,
                          struct ledger_folder *folder)
{
    folder->first_sight = true;
    folder->validity_changed = false;
    folder->look_through = last_uid(job);
    folder_record(ledger, ORIGIN_BASELINE, folder, REASON_PAUSED);
    baseline(ledger, folder, REASON_PAUSED);
    ledger->batch.folder_noted = true;
}

static void read_retry(struct ledger *ledger, struct ledger_folder *folder)
{
    size_t room = 0;
    sqlite3_stmt *query =
        ledger_query(ledger, "SELECT uid FROM unfetched WHERE folder = ?1 ORDER BY uid LIMIT ?2");
    bind_number(query, 1, folder->id);
    bind_number(query, 2, RETRY_MAX);
    while (ledger_row(ledger, query)) {
        if (folder->n_retry == room) {
            room = room * 2 + 16;
            folder->retry = xreallocarray(folder->retry, room, sizeof(*folder->retry));
        }
        folder->retry[folder->n_retry++] = column_uid(query, 0);
    }
}

static void read_drafts(struct ledger *ledger, struct ledger_folder *folder)
{
    size_t room = 0;
    sqlite3_stmt *query =
        ledger_query(ledger, "SELECT first, last FROM span WHERE folder = ?1 AND state = ?2"
                             " ORDER BY first LIMIT ?3");
    bind_number(query, 1, folder->id);
    bind_number(query, 2, UID_DRAFT);
    bind_number(query, 3, RETRY_MAX);
    while (ledger_row(ledger, query)) {
        if (folder->n_drafts == room) {
            room = room * 2 + 16;
            folder->drafts = xreallocarray(folder->drafts, room, sizeof(*folder->drafts));
        }
        folder->drafts[folder->n_drafts++] =
            (struct ledger_range){column_uid(query, 0), column_uid(query, 1)};
    }
}

static void folder_run(struct ledger *ledger, struct ledger_job *base)
{
    struct folder_job *job = (struct folder_job *)base;
    struct ledger_folder *folder = &job->result;
    free(folder->retry);
    free(folder->drafts);
    memset(folder, 0, sizeof(*folder));
    struct account_row account;
    int64_t generation = 0;
    account_find(ledger, job->account, &account);
    folder->baseline_at = account.first_seen;
    if (folder_find(ledger, job, account.id, folder, &generation)) {
        if (was_paused(job, &account, generation))
            folder_resume(ledger, job, folder);
        folder_touch(ledger, folder, &account);
    } else if (!ledger->failed) {
        folder_make(ledger, job, &account, folder);
    }
    read_retry(ledger, folder);
    read_drafts(ledger, folder);
}

static void folder_answer(struct ledger_job *base)
{
    struct folder_job *job = (struct folder_job *)base;
    job->done(job->arg, &job->result);
}

static void folder_release(struct ledger_job *base)
{
    struct folder_job *job = (struct folder_job *)base;
    free(job->account);
    free(job->folder);
    free(job->result.retry);
    free(job->result.drafts);
    free(job);
}

struct ledger_request *ledger_folder_open(struct ledger *ledger, const char *account,
                                          const char *folder, uint32_t uidvalidity,
                                          uint32_t uidnext, bool fresh, ledger_folder_done *done,
                                          void *arg)
{
    struct folder_job *job = xcalloc(1, sizeof(*job));
    job->job.run = folder_run;
    job->job.answer = folder_answer;
    job->job.release = folder_release;
    job->account = xstrdup(account);
    job->folder = xstrdup(folder);
    job->uidvalidity = uidvalidity;
    job->uidnext = uidnext;
    job->fresh = fresh;
    job->done = done;
    job->arg = arg;
    return ledger_submit(ledger, &job->job);
}

/* ---- ledger_modseq() ---- */

struct modseq_job {
    struct ledger_job job;
    int64_t folder;
    uint64_t modseq;
};

static void modseq_run(struct ledger *ledger, struct ledger_job *base)
{
    const struct modseq_job *job = (const struct modseq_job *)base;
    sqlite3_stmt *query = ledger_query(ledger, "UPDATE folder SET modseq = ?2 WHERE id = ?1");
    bind_number(query, 1, job->folder);
    bind_number(query, 2, (int64_t)job->modseq);
    ledger_run(ledger, query);
}

void ledger_modseq(struct ledger *ledger, int64_t folder, uint64_t modseq)
{
    struct modseq_job *job = xcalloc(1, sizeof(*job));
    job->job.run = modseq_run;
    job->folder = folder;
    job->modseq = modseq;
    ledger_submit(ledger, &job->job);
}
