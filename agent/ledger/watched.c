#include "agent/ledger/watched.h"

#include <stdlib.h>
#include <string.h>

#include "rules/util/buffer.h"
#include "rules/util/memory.h"

/* pattern.baselined. FORMER: not configured any more, but baselined before this generation, so what
 * it names has been wanted all the time; until the next end of a baseline. */
enum { PATTERN_NEW, PATTERN_BASELINED, PATTERN_FORMER };

/* account.watched */
enum { WATCHED_UNKNOWN, WATCHED_NOW, WATCHED_BEFORE };

static bool account_read(struct ledger *ledger, const char *name, struct account_row *account)
{
    memset(account, 0, sizeof(*account));
    sqlite3_stmt *query = ledger_query(
        ledger, "SELECT id, first_seen, baselined, generation FROM account WHERE name = ?1");
    bind_text(query, 1, name);
    if (!ledger_row(ledger, query))
        return false;
    account->id = column_number(query, 0);
    account->first_seen = (time_t)column_number(query, 1);
    account->baselined = column_number(query, 2) != 0;
    account->generation = column_number(query, 3);
    sqlite3_reset(query);
    return true;
}

static void account_make(struct ledger *ledger, const char *name, time_t first_seen,
                         struct account_row *account)
{
    sqlite3_stmt *query =
        ledger_query(ledger, "INSERT INTO account(name, first_seen) VALUES(?1, ?2)");
    bind_text(query, 1, name);
    bind_number(query, 2, first_seen);
    ledger_run(ledger, query);
    account->id = sqlite3_last_insert_rowid(ledger->db);
    account->first_seen = first_seen;
}

void account_find(struct ledger *ledger, const char *name, struct account_row *account)
{
    if (!account_read(ledger, name, account))
        account_make(ledger, name, ledger->now, account);
}

static void account_save(struct ledger *ledger, const struct account_row *account)
{
    sqlite3_stmt *query = ledger_query(ledger, "UPDATE account SET first_seen = ?2, baselined = ?3,"
                                               " generation = ?4, watched = 1 WHERE id = ?1");
    bind_number(query, 1, account->id);
    bind_number(query, 2, account->first_seen);
    bind_number(query, 3, account->baselined);
    bind_number(query, 4, account->generation);
    ledger_run(ledger, query);
}

/* ---- ledger_configured() ---- */

struct configured {
    char *account;
    char **folders;
};

struct configured_job {
    struct ledger_job job;
    struct configured *accounts; /* by name */
    size_t n;
};

static int compare_configured(const void *a, const void *b)
{
    const struct configured *x = a, *y = b;
    return strcmp(x->account, y->account);
}

static bool is_listed(char *const *list, const char *name)
{
    for (; *list != NULL; list++)
        if (strcmp(*list, name) == 0)
            return true;
    return false;
}

static bool has_pattern(struct ledger *ledger, int64_t account, const char *name)
{
    sqlite3_stmt *query =
        ledger_query(ledger, "SELECT 1 FROM pattern WHERE account = ?1 AND name = ?2"
                             " AND baselined <> ?3");
    bind_number(query, 1, account);
    bind_text(query, 2, name);
    bind_number(query, 3, PATTERN_FORMER);
    bool found = ledger_row(ledger, query);
    if (found)
        sqlite3_reset(query);
    return found;
}

/* One that is configured again before it was forgotten stays what it was. */
static void pattern_add(struct ledger *ledger, int64_t account, const char *name, time_t since,
                        bool baselined)
{
    sqlite3_stmt *query = ledger_query(
        ledger, "INSERT INTO pattern VALUES(?1, ?2, ?3, ?4)"
                " ON CONFLICT(account, name) DO UPDATE SET baselined = ?5 WHERE baselined = ?6");
    bind_number(query, 1, account);
    bind_text(query, 2, name);
    bind_number(query, 3, since);
    bind_number(query, 4, baselined ? PATTERN_BASELINED : PATTERN_NEW);
    bind_number(query, 5, PATTERN_BASELINED);
    bind_number(query, 6, PATTERN_FORMER);
    ledger_run(ledger, query);
}

/* Its patterns that are configured, names only. */
static char **patterns_of(struct ledger *ledger, int64_t account)
{
    size_t n = 0;
    char **names = xcalloc(1, sizeof(*names));
    sqlite3_stmt *query = ledger_query(
        ledger, "SELECT name FROM pattern WHERE account = ?1 AND baselined <> ?2 ORDER BY name");
    bind_number(query, 1, account);
    bind_number(query, 2, PATTERN_FORMER);
    while (ledger_row(ledger, query)) {
        names = xreallocarray(names, n + 2, sizeof(*names));
        names[n++] = xstrdup(column_text(query, 0));
        names[n] = NULL;
    }
    return names;
}

static void names_free(char **names)
{
    for (char **name = names; *name != NULL; name++)
        free(*name);
    free(names);
}

static void patterns_delete(struct ledger *ledger, int64_t account)
{
    sqlite3_stmt *query = ledger_query(ledger, "DELETE FROM pattern WHERE account = ?1");
    bind_number(query, 1, account);
    ledger_run(ledger, query);
}

static void pattern_drop(struct ledger *ledger, int64_t account, const char *name)
{
    sqlite3_stmt *query = ledger_query(
        ledger, "DELETE FROM pattern WHERE account = ?1 AND name = ?2 AND baselined = ?3");
    bind_number(query, 1, account);
    bind_text(query, 2, name);
    bind_number(query, 3, PATTERN_NEW);
    ledger_run(ledger, query);
    query =
        ledger_query(ledger, "UPDATE pattern SET baselined = ?3 WHERE account = ?1 AND name = ?2");
    bind_number(query, 1, account);
    bind_text(query, 2, name);
    bind_number(query, 3, PATTERN_FORMER);
    ledger_run(ledger, query);
}

/* Drops the patterns that are not configured any more; whether there was one. */
static bool patterns_drop(struct ledger *ledger, int64_t account, char *const *folders)
{
    char **names = patterns_of(ledger, account);
    bool any = false;
    for (char **name = names; *name != NULL; name++) {
        if (is_listed(folders, *name))
            continue;
        any = true;
        pattern_drop(ledger, account, *name);
    }
    names_free(names);
    return any;
}

/* All that is configured has a baseline. "*" goes on as a part of "**": it tells since when. */
static void patterns_baselined(struct ledger *ledger, int64_t account)
{
    sqlite3_stmt *query = ledger_query(
        ledger, "DELETE FROM pattern WHERE account = ?1 AND baselined = ?2 AND NOT (name = '*'"
                " AND EXISTS (SELECT 1 FROM pattern WHERE account = ?1 AND name = '**'"
                " AND baselined <> ?2))");
    bind_number(query, 1, account);
    bind_number(query, 2, PATTERN_FORMER);
    ledger_run(ledger, query);
    query = ledger_query(ledger,
                         "UPDATE pattern SET baselined = ?2 WHERE account = ?1 AND baselined = ?3");
    bind_number(query, 1, account);
    bind_number(query, 2, PATTERN_BASELINED);
    bind_number(query, 3, PATTERN_NEW);
    ledger_run(ledger, query);
}

static void record_account(struct ledger *ledger, const char *kind, const char *account,
                           char *const *folders)
{
    struct buffer text = {0};
    chain_begin(ledger);
    chain_text(ledger, "account", account);
    for (; folders != NULL && *folders != NULL; folders++) {
        buffer_text(&text, text.len > 0 ? ", " : "");
        buffer_text(&text, *folders);
    }
    if (folders != NULL)
        chain_text(ledger, "folders", text.data != NULL ? text.data : "");
    buffer_free(&text);
    chain_end(ledger, kind);
}

static void patterns_add(struct ledger *ledger, const struct account_row *account,
                         char *const *folders, bool adopt)
{
    for (; *folders != NULL; folders++)
        pattern_add(ledger, account->id, *folders, adopt ? account->first_seen : 0,
                    adopt && account->baselined);
}

/* An account that is watched already: its folders may have changed. */
static void configure_folders(struct ledger *ledger, const struct configured *configured,
                              struct account_row *account)
{
    bool changed = patterns_drop(ledger, account->id, configured->folders);
    for (char **name = configured->folders; *name != NULL; name++)
        changed = changed || !has_pattern(ledger, account->id, *name);
    if (!changed)
        return;
    patterns_add(ledger, account, configured->folders, false);
    account->generation += account->baselined;
    account->baselined = false;
    account_save(ledger, account);
    record_account(ledger, "folders-changed", configured->account, configured->folders);
}

static int watched_state(struct ledger *ledger, int64_t account)
{
    sqlite3_stmt *query = ledger_query(ledger, "SELECT watched FROM account WHERE id = ?1");
    bind_number(query, 1, account);
    if (!ledger_row(ledger, query))
        return WATCHED_UNKNOWN;
    int state = (int)column_number(query, 0);
    sqlite3_reset(query);
    return state;
}

static void configure_account(struct ledger *ledger, const struct configured *configured)
{
    struct account_row account;
    if (!account_read(ledger, configured->account, &account)) {
        account_make(ledger, configured->account, 0, &account);
        patterns_add(ledger, &account, configured->folders, false);
        account_save(ledger, &account);
        record_account(ledger, "account-added", configured->account, configured->folders);
        return;
    }
    switch (watched_state(ledger, account.id)) {
    case WATCHED_NOW:
        configure_folders(ledger, configured, &account);
        return;
    case WATCHED_UNKNOWN: /* of an older version: it was watched so */
        patterns_add(ledger, &account, configured->folders, true);
        account_save(ledger, &account);
        return;
    default:
        patterns_add(ledger, &account, configured->folders, false);
        account.generation += 2;
        account.baselined = false;
        account.first_seen = 0;
        account_save(ledger, &account);
        record_account(ledger, "account-resumed", configured->account, configured->folders);
    }
}

static bool is_configured(const struct configured_job *job, const char *account)
{
    const struct configured wanted = {.account = (char *)account};
    return job->n > 0 && bsearch(&wanted, job->accounts, job->n, sizeof(*job->accounts),
                                 compare_configured) != NULL;
}

static void remove_account(struct ledger *ledger, const char *name)
{
    struct account_row account;
    if (!account_read(ledger, name, &account))
        return;
    patterns_delete(ledger, account.id);
    sqlite3_stmt *query = ledger_query(ledger, "UPDATE account SET watched = 2 WHERE id = ?1");
    bind_number(query, 1, account.id);
    ledger_run(ledger, query);
    record_account(ledger, "account-removed", name, NULL);
}

static void remove_accounts(struct ledger *ledger, const struct configured_job *job)
{
    size_t n = 0;
    char **gone = xcalloc(1, sizeof(*gone));
    sqlite3_stmt *query =
        ledger_query(ledger, "SELECT name FROM account WHERE watched <> 2 ORDER BY id");
    while (ledger_row(ledger, query)) {
        if (is_configured(job, column_text(query, 0)))
            continue;
        gone = xreallocarray(gone, n + 2, sizeof(*gone));
        gone[n++] = xstrdup(column_text(query, 0));
        gone[n] = NULL;
    }
    for (size_t i = 0; i < n; i++)
        remove_account(ledger, gone[i]);
    names_free(gone);
}

static void configured_run(struct ledger *ledger, struct ledger_job *base)
{
    const struct configured_job *job = (const struct configured_job *)base;
    remove_accounts(ledger, job);
    for (size_t i = 0; i < job->n; i++)
        configure_account(ledger, &job->accounts[i]);
}

static void configured_release(struct ledger_job *base)
{
    struct configured_job *job = (struct configured_job *)base;
    for (size_t i = 0; i < job->n; i++) {
        free(job->accounts[i].account);
        names_free(job->accounts[i].folders);
    }
    free(job->accounts);
    free(job);
}

static char **names_copy(char *const *names)
{
    size_t n = 0;
    while (names[n] != NULL)
        n++;
    char **copy = xcalloc(n + 1, sizeof(*copy));
    for (size_t i = 0; i < n; i++)
        copy[i] = xstrdup(names[i]);
    return copy;
}

void ledger_configured(struct ledger *ledger, const struct ledger_configured_account *accounts,
                       size_t n)
{
    struct configured_job *job = xcalloc(1, sizeof(*job));
    job->job.run = configured_run;
    job->job.release = configured_release;
    job->accounts = xcalloc(n, sizeof(*job->accounts));
    job->n = n;
    for (size_t i = 0; i < n; i++)
        job->accounts[i] =
            (struct configured){xstrdup(accounts[i].account), names_copy(accounts[i].folders)};
    if (n > 1)
        qsort(job->accounts, n, sizeof(*job->accounts), compare_configured);
    ledger_submit(ledger, &job->job);
}

/* ---- ledger_account_open() ---- */

struct account_job {
    struct ledger_job job;
    char *name;
    ledger_account_done *done;
    void *arg;
    struct ledger_account result;
};

static void patterns_clear(struct ledger_account *account)
{
    for (size_t i = 0; i < account->n_patterns; i++)
        free(account->patterns[i].name);
    free(account->patterns);
    account->patterns = NULL;
    account->n_patterns = 0;
}

static void patterns_read(struct ledger *ledger, int64_t account, struct ledger_account *result)
{
    size_t room = 0;
    sqlite3_stmt *query = ledger_query(
        ledger, "SELECT name, since, baselined FROM pattern WHERE account = ?1 ORDER BY name");
    bind_number(query, 1, account);
    while (ledger_row(ledger, query)) {
        if (result->n_patterns == room) {
            room = room * 2 + 4;
            result->patterns = xreallocarray(result->patterns, room, sizeof(*result->patterns));
        }
        result->patterns[result->n_patterns++] =
            (struct ledger_pattern){.name = xstrdup(column_text(query, 0)),
                                    .since = (time_t)column_number(query, 1),
                                    .baselined = column_number(query, 2) != PATTERN_NEW,
                                    .former = column_number(query, 2) == PATTERN_FORMER};
    }
}

/* What was configured is seen for the first time now. */
static void note_first_sight(struct ledger *ledger, int64_t account)
{
    sqlite3_stmt *query =
        ledger_query(ledger, "UPDATE account SET first_seen = ?2 WHERE id = ?1 AND first_seen = 0");
    bind_number(query, 1, account);
    bind_number(query, 2, ledger->now);
    ledger_run(ledger, query);
    query = ledger_query(ledger, "UPDATE pattern SET since = ?2 WHERE account = ?1 AND since = 0");
    bind_number(query, 1, account);
    bind_number(query, 2, ledger->now);
    ledger_run(ledger, query);
}

static void account_run(struct ledger *ledger, struct ledger_job *base)
{
    struct account_job *job = (struct account_job *)base;
    struct account_row account;
    patterns_clear(&job->result);
    account_find(ledger, job->name, &account);
    note_first_sight(ledger, account.id);
    job->result.known = account.baselined;
    job->result.baseline_at = account.first_seen != 0 ? account.first_seen : ledger->now;
    patterns_read(ledger, account.id, &job->result);
}

static void account_answer(struct ledger_job *base)
{
    struct account_job *job = (struct account_job *)base;
    job->done(job->arg, &job->result);
}

static void account_release(struct ledger_job *base)
{
    struct account_job *job = (struct account_job *)base;
    patterns_clear(&job->result);
    free(job->name);
    free(job);
}

struct ledger_request *ledger_account_open(struct ledger *ledger, const char *account,
                                           ledger_account_done *done, void *arg)
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

/* ---- ledger_account_baselined() ---- */

struct baselined_job {
    struct ledger_job job;
    char *name;
    char **folders;
};

static void baselined_run(struct ledger *ledger, struct ledger_job *base)
{
    const struct baselined_job *job = (const struct baselined_job *)base;
    struct account_row account;
    account_find(ledger, job->name, &account);
    sqlite3_stmt *query = ledger_query(ledger, "UPDATE account SET baselined = 1 WHERE id = ?1");
    bind_number(query, 1, account.id);
    ledger_run(ledger, query);
    patterns_baselined(ledger, account.id);
    for (char **folder = job->folders; *folder != NULL; folder++) {
        query = ledger_query(ledger,
                             "UPDATE folder SET generation = ?3 WHERE account = ?1 AND name = ?2");
        bind_number(query, 1, account.id);
        bind_text(query, 2, *folder);
        bind_number(query, 3, account.generation);
        ledger_run(ledger, query);
    }
}

static void baselined_release(struct ledger_job *base)
{
    struct baselined_job *job = (struct baselined_job *)base;
    names_free(job->folders);
    free(job->name);
    free(job);
}

void ledger_account_baselined(struct ledger *ledger, const char *account, char *const *folders)
{
    struct baselined_job *job = xcalloc(1, sizeof(*job));
    job->job.run = baselined_run;
    job->job.release = baselined_release;
    job->name = xstrdup(account);
    job->folders = names_copy(folders);
    ledger_submit(ledger, &job->job);
}
