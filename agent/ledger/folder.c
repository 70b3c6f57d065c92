#include <stdlib.h>
#include <string.h>

#include "agent/ledger/private.h"
#include "rules/util/memory.h"

#define RETRY_MAX 100000

enum origin { ORIGIN_BASELINE, ORIGIN_LATE, ORIGIN_CHANGED };

struct account_row {
    int64_t id;
    time_t first_seen;
    bool baselined;
};

/* Makes it when it is new. */
static void account_find(struct ledger *ledger, const char *name, struct account_row *account)
{
    memset(account, 0, sizeof(*account));
    sqlite3_stmt *query =
        ledger_query(ledger, "SELECT id, first_seen, baselined FROM account WHERE name = ?1");
    bind_text(query, 1, name);
    if (ledger_row(ledger, query)) {
        account->id = column_number(query, 0);
        account->first_seen = (time_t)column_number(query, 1);
        account->baselined = column_number(query, 2) != 0;
        sqlite3_reset(query);
        return;
    }
    query = ledger_query(ledger, "INSERT INTO account(name, first_seen) VALUES(?1, ?2)");
    bind_text(query, 1, name);
    bind_number(query, 2, ledger->now);
    ledger_run(ledger, query);
    account->id = sqlite3_last_insert_rowid(ledger->db);
    account->first_seen = ledger->now;
}

/* ---- ledger_folder_open() ---- */

struct folder_job {
    struct ledger_job job;
    char *account, *folder;
    uint32_t uidvalidity, uidnext;
    bool account_baseline;
    ledger_folder_done *done;
    void *arg;
    struct ledger_folder result;
};

static bool folder_find(struct ledger *ledger, const struct folder_job *job, int64_t account,
                        struct ledger_folder *folder)
{
    sqlite3_stmt *query = ledger_query(
        ledger, "SELECT id, origin, previous_validity, look_through, seen_through, modseq"
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
    if (folder->seen_through < folder->look_through) {
        folder->first_sight = origin == ORIGIN_LATE;
        folder->validity_changed = origin == ORIGIN_CHANGED;
    }
    if (folder->validity_changed)
        folder->previous_validity = column_uid(query, 2);
    sqlite3_reset(query);
    return true;
}

/* The UIDVALIDITY that was met last under that name; 0: none. */
static uint32_t previous_validity(struct ledger *ledger, int64_t account, const char *name)
{
    sqlite3_stmt *query =
        ledger_query(ledger, "SELECT uidvalidity FROM folder WHERE account = ?1 AND name = ?2"
                             " ORDER BY opened_at DESC, id DESC LIMIT 1");
    bind_number(query, 1, account);
    bind_text(query, 2, name);
    uint32_t validity = 0;
    if (ledger_row(ledger, query)) {
        validity = column_uid(query, 0);
        sqlite3_reset(query);
    }
    return validity;
}

static int64_t folder_insert(struct ledger *ledger, const struct folder_job *job, int64_t account,
                             enum origin origin, const struct ledger_folder *folder)
{
    sqlite3_stmt *query = ledger_query(
        ledger, "INSERT INTO folder(account, name, uidvalidity, origin, previous_validity,"
                " look_through, seen_through, opened_at)"
                " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)");
    bind_number(query, 1, account);
    bind_text(query, 2, job->folder);
    bind_number(query, 3, job->uidvalidity);
    bind_number(query, 4, origin);
    bind_number(query, 5, folder->previous_validity);
    bind_number(query, 6, folder->look_through);
    bind_number(query, 7, folder->seen_through);
    bind_number(query, 8, ledger->now);
    ledger_run(ledger, query);
    return sqlite3_last_insert_rowid(ledger->db);
}

static void folder_record(struct ledger *ledger, enum origin origin,
                          const struct ledger_folder *folder)
{
    chain_begin(ledger);
    chain_folder(ledger, folder->id);
    if (origin == ORIGIN_CHANGED)
        chain_number(ledger, "previous", folder->previous_validity);
    chain_number(ledger, "through", folder->look_through);
    static const char *const kinds[] = {"baseline", "late-folder", "uidvalidity"};
    chain_end(ledger, kinds[origin]);
}

static void folder_make(struct ledger *ledger, struct folder_job *job, int64_t account,
                        struct ledger_folder *folder)
{
    folder->previous_validity = previous_validity(ledger, account, job->folder);
    folder->validity_changed = folder->previous_validity != 0;
    folder->first_sight = !folder->validity_changed;
    folder->look_through = job->uidnext > 0 ? job->uidnext - 1 : 0;
    enum origin origin = ORIGIN_LATE;
    if (folder->validity_changed)
        origin = ORIGIN_CHANGED;
    else if (job->account_baseline)
        origin = ORIGIN_BASELINE;
    folder->id = folder_insert(ledger, job, account, origin, folder);
    folder_record(ledger, origin, folder);
    if (origin == ORIGIN_BASELINE && folder->look_through > 0) {
        span_note(ledger, folder->id, 1, folder->look_through, UID_BEFORE_BASELINE, "");
        folder->seen_through = folder->look_through;
    }
    ledger->batch.folder_noted = true;
}

static void folder_touch(struct ledger *ledger, int64_t folder)
{
    sqlite3_stmt *query = ledger_query(ledger, "UPDATE folder SET opened_at = ?2 WHERE id = ?1");
    bind_number(query, 1, folder);
    bind_number(query, 2, ledger->now);
    ledger_run(ledger, query);
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
    account_find(ledger, job->account, &account);
    folder->baseline_at = account.first_seen;
    if (folder_find(ledger, job, account.id, folder))
        folder_touch(ledger, folder->id);
    else if (!ledger->failed)
        folder_make(ledger, job, account.id, folder);
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
                                          uint32_t uidnext, bool account_baseline,
                                          ledger_folder_done *done, void *arg)
{
    struct folder_job *job = xcalloc(1, sizeof(*job));
    job->job.run = folder_run;
    job->job.answer = folder_answer;
    job->job.release = folder_release;
    job->account = xstrdup(account);
    job->folder = xstrdup(folder);
    job->uidvalidity = uidvalidity;
    job->uidnext = uidnext;
    job->account_baseline = account_baseline;
    job->done = done;
    job->arg = arg;
    return ledger_submit(ledger, &job->job);
}

/* ---- ledger_account_open(), ledger_account_baselined() ---- */

struct account_job {
    struct ledger_job job;
    char *name;
    void (*done)(void *arg, bool known, time_t baseline_at);
    void *arg;
    struct account_row account;
};

static void account_run(struct ledger *ledger, struct ledger_job *base)
{
    struct account_job *job = (struct account_job *)base;
    account_find(ledger, job->name, &job->account);
}

static void baselined_run(struct ledger *ledger, struct ledger_job *base)
{
    struct account_job *job = (struct account_job *)base;
    account_find(ledger, job->name, &job->account);
    sqlite3_stmt *query = ledger_query(ledger, "UPDATE account SET baselined = 1 WHERE id = ?1");
    bind_number(query, 1, job->account.id);
    ledger_run(ledger, query);
}

static void account_answer(struct ledger_job *base)
{
    struct account_job *job = (struct account_job *)base;
    job->done(job->arg, job->account.baselined, job->account.first_seen);
}

static void account_release(struct ledger_job *base)
{
    struct account_job *job = (struct account_job *)base;
    free(job->name);
    free(job);
}

struct ledger_request *ledger_account_open(struct ledger *ledger, const char *account,
                                           void (*done)(void *arg, bool known, time_t baseline_at),
                                           void *arg)
{
    struct account_job *job = xcalloc(1, sizeof(*job));
    job->job.run = account_run;
    job->job.answer = account_answer;
    job->job.release = account_release;
    job->name = xstrdup(account);
    job->done = done;
    job->arg = arg;
    return ledger_submit(ledger, &job->job);
}

void ledger_account_baselined(struct ledger *ledger, const char *account)
{
    struct account_job *job = xcalloc(1, sizeof(*job));
    job->job.run = baselined_run;
    job->job.release = account_release;
    job->name = xstrdup(account);
    ledger_submit(ledger, &job->job);
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
