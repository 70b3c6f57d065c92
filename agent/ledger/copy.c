#include <stdlib.h>
#include <string.h>

#include "agent/ledger/private.h"
#include "rules/util/memory.h"

/* ---- ledger_pending() ---- */

struct pending_job {
    struct ledger_job job;
    char *target;
    time_t now;
    size_t limit;
    bool without_intents;
    ledger_pending_done *done;
    void *arg;
    struct ledger_copy *copies;
    size_t n, room;
    time_t next_due;
};

void ledger_copies_clear(struct ledger_copy *copies, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(copies[i].target);
        free(copies[i].monitor_id);
        free(copies[i].plan);
        free(copies[i].account);
        free(copies[i].folder);
        free(copies[i].target_folder);
    }
}

void ledger_copies_free(struct ledger_copy *copies, size_t n)
{
    ledger_copies_clear(copies, n);
    free(copies);
}

static void read_source(sqlite3_stmt *query, struct ledger_copy *copy)
{
    copy->account = xstrdup(column_text(query, 9));
    copy->folder = xstrdup(column_text(query, 10));
    copy->uidvalidity = column_uid(query, 11);
    copy->uid = column_uid(query, 12);
    copy->internaldate = (time_t)column_number(query, 13);
    copy->captured = (time_t)column_number(query, 14);
    copy->internaldate_zone = (int)column_number(query, 15);
    copy->size = (uint64_t)column_number(query, 16);
    copy->header_len = column_uid(query, 17);
    column_digest(query, 18, copy->sha256);
    copy->spool_segment = (uint64_t)column_number(query, 19);
    copy->spool_offset = (uint64_t)column_number(query, 20);
    column_digest(query, 21, copy->body_sha256);
}

static void read_copy(sqlite3_stmt *query, struct ledger_copy *copy)
{
    memset(copy, 0, sizeof(*copy));
    copy->id = column_number(query, 0);
    copy->message = column_number(query, 1);
    copy->target = xstrdup(column_text(query, 2));
    copy->monitor_id = xstrdup(column_text(query, 3));
    copy->plan = xstrdup(column_text(query, 4));
    copy->attempts = (unsigned)column_number(query, 5);
    copy->target_folder = xstrdup(column_text(query, 6));
    copy->target_uidvalidity = column_uid(query, 7);
    copy->target_uidnext = column_uid(query, 8);
    read_source(query, copy);
}

static void read_copies(struct ledger *ledger, struct pending_job *job, enum copy_state state,
                        int64_t due)
{
    /* "state <> 2" names the partial index. */
    sqlite3_stmt *query = ledger_query(
        ledger, "SELECT c.id, c.message, c.target, c.monitor_id, c.plan, c.attempts,"
                " c.target_folder, c.target_uidvalidity, c.target_uidnext,"
                " a.name, f.name, f.uidvalidity, m.uid, m.internaldate, m.captured_at, m.zone,"
                " m.size, m.header_len, m.sha256, m.segment, m.offset, m.body_sha256"
                " FROM copy c JOIN message m ON m.id = c.message JOIN folder f ON f.id = m.folder"
                " JOIN account a ON a.id = f.account"
                " WHERE c.target = ?1 AND c.state = ?2 AND c.due <= ?3 AND c.state <> 2"
                " ORDER BY c.due, c.message LIMIT ?4");
    bind_text(query, 1, job->target);
    bind_number(query, 2, state);
    bind_number(query, 3, due);
    bind_number(query, 4, (int64_t)(job->limit - job->n));
    while (ledger_row(ledger, query)) {
        if (job->n == job->room) {
            job->room = job->room * 2 + 16;
            job->copies = xreallocarray(job->copies, job->room, sizeof(*job->copies));
        }
        read_copy(query, &job->copies[job->n]);
        job->copies[job->n++].intent = state == COPY_SENDING;
    }
}

static void pending_clear(struct pending_job *job)
{
    ledger_copies_free(job->copies, job->n);
    job->copies = NULL;
    job->n = job->room = 0;
    job->next_due = 0;
}

static void pending_run(struct ledger *ledger, struct ledger_job *base)
{
    struct pending_job *job = (struct pending_job *)base;
    pending_clear(job);
    if (!job->without_intents)
        read_copies(ledger, job, COPY_SENDING, INT64_MAX);
    if (job->n < job->limit)
        read_copies(ledger, job, COPY_PENDING, job->now);
    sqlite3_stmt *query =
        ledger_query(ledger, "SELECT due FROM copy WHERE target = ?1 AND state = 0 AND due > ?2"
                             " AND state <> 2 ORDER BY due LIMIT 1");
    bind_text(query, 1, job->target);
    bind_number(query, 2, job->now);
    if (ledger_row(ledger, query)) {
        job->next_due = (time_t)column_number(query, 0);
        sqlite3_reset(query);
    }
}

static void pending_answer(struct ledger_job *base)
{
    struct pending_job *job = (struct pending_job *)base;
    bool keep = false;
    job->done(job->arg, job->copies, job->n, job->next_due, &keep);
    if (keep) {
        job->copies = NULL;
        job->n = 0;
    }
}

static void pending_release(struct ledger_job *base)
{
    struct pending_job *job = (struct pending_job *)base;
    pending_clear(job);
    free(job->target);
    free(job);
}

static struct ledger_request *submit_pending(struct ledger *ledger, const char *target, time_t now,
                                             size_t limit, bool without_intents,
                                             ledger_pending_done *done, void *arg)
{
    struct pending_job *job = xcalloc(1, sizeof(*job));
    job->without_intents = without_intents;
    job->job.run = pending_run;
    job->job.answer = pending_answer;
    job->job.release = pending_release;
    job->target = xstrdup(target);
    job->now = now;
    job->limit = limit;
    job->done = done;
    job->arg = arg;
    return ledger_submit(ledger, &job->job);
}

struct ledger_request *ledger_pending(struct ledger *ledger, const char *target, time_t now,
                                      size_t limit, ledger_pending_done *done, void *arg)
{
    return submit_pending(ledger, target, now, limit, false, done, arg);
}

struct ledger_request *ledger_pending_certain(struct ledger *ledger, const char *target, time_t now,
                                              size_t limit, ledger_pending_done *done, void *arg)
{
    return submit_pending(ledger, target, now, limit, true, done, arg);
}

/* ---- ledger_intent() ---- */

struct intent_job {
    struct ledger_job job;
    struct ledger_intended *copies;
    size_t n;
    char *mailbox, *folder;
    uint32_t uidvalidity, uidnext;
    ledger_done *done;
    void *arg;
};

/* The number of that place, for the target of a copy. */
static int64_t place_of(struct ledger *ledger, const struct intent_job *job, int64_t copy)
{
    int64_t place = 0;
    sqlite3_stmt *query =
        ledger_query(ledger, "INSERT OR IGNORE INTO place(target, mailbox, folder)"
                             " SELECT target, ?2, ?3 FROM copy WHERE id = ?1");
    bind_number(query, 1, copy);
    bind_text(query, 2, job->mailbox);
    bind_text(query, 3, job->folder);
    ledger_run(ledger, query);
    query = ledger_query(ledger, "SELECT p.id FROM place p JOIN copy c ON c.target = p.target"
                                 " WHERE c.id = ?1 AND p.mailbox = ?2 AND p.folder = ?3");
    bind_number(query, 1, copy);
    bind_text(query, 2, job->mailbox);
    bind_text(query, 3, job->folder);
    if (ledger_row(ledger, query)) {
        place = column_number(query, 0);
        sqlite3_reset(query);
    }
    return place;
}

static void intent_run(struct ledger *ledger, struct ledger_job *base)
{
    struct intent_job *job = (struct intent_job *)base;
    int64_t place = job->n > 0 ? place_of(ledger, job, job->copies[0].copy) : 0;
    ledger->batch.intended = true;
    for (size_t i = 0; i < job->n; i++) {
        sqlite3_stmt *query = ledger_query(
            ledger, "UPDATE copy SET state = 1, target_folder = ?2,"
                    " target_uidvalidity = ?3, target_uidnext = ?4, body_sha256 = ?5, place = ?6,"
                    " octets = ?7 WHERE id = ?1 AND state IN (0, 1)");
        bind_number(query, 1, job->copies[i].copy);
        bind_text(query, 2, job->folder);
        bind_number(query, 3, job->uidvalidity);
        bind_number(query, 4, job->uidnext);
        bind_digest(query, 5, job->copies[i].body_sha256);
        bind_number(query, 6, place);
        if (job->copies[i].has_octets)
            bind_digest(query, 7, job->copies[i].octets);
        ledger_run(ledger, query);
    }
}

static void intent_answer(struct ledger_job *base)
{
    struct intent_job *job = (struct intent_job *)base;
    if (job->done != NULL)
        job->done(job->arg);
}

static void intent_release(struct ledger_job *base)
{
    struct intent_job *job = (struct intent_job *)base;
    free(job->copies);
    free(job->mailbox);
    free(job->folder);
    free(job);
}

struct ledger_request *ledger_intent(struct ledger *ledger, const struct ledger_intended *copies,
                                     size_t n, const struct ledger_destination *place,
                                     ledger_done *done, void *arg)
{
    struct intent_job *job = xcalloc(1, sizeof(*job));
    job->job.run = intent_run;
    job->job.answer = intent_answer;
    job->job.release = intent_release;
    job->copies = (struct ledger_intended *)xmemdup0(copies, n * sizeof(*copies));
    job->n = n;
    job->mailbox = xstrdup(place->mailbox);
    job->folder = xstrdup(place->folder);
    job->uidvalidity = place->uidvalidity;
    job->uidnext = place->uidnext;
    job->done = done;
    job->arg = arg;
    return ledger_submit(ledger, &job->job);
}

/* ---- ledger_delivered() ---- */

struct delivered_job {
    struct ledger_job job;
    struct ledger_delivery *deliveries;
    size_t n;
    ledger_done *done;
    void *arg;
};

int64_t copy_record_begin(struct ledger *ledger, int64_t id, enum copy_state *state)
{
    sqlite3_stmt *query =
        ledger_query(ledger, "SELECT message, target, monitor_id, target_folder, body_sha256, state"
                             " FROM copy WHERE id = ?1 AND state <> 2");
    bind_number(query, 1, id);
    if (!ledger_row(ledger, query))
        return 0;
    int64_t message = column_number(query, 0);
    unsigned char body_sha256[DIGEST];
    *state = (enum copy_state)column_number(query, 5);
    chain_begin(ledger);
    chain_number(ledger, "copy", (uint64_t)id);
    chain_number(ledger, "message", (uint64_t)message);
    chain_text(ledger, "target", column_text(query, 1));
    chain_text(ledger, "id", column_text(query, 2));
    chain_text(ledger, "folder", column_text(query, 3));
    if (column_digest(query, 4, body_sha256))
        chain_digest(ledger, "body", body_sha256);
    sqlite3_reset(query);
    return message;
}

void original_release(struct ledger *ledger, int64_t message)
{
    sqlite3_stmt *query = ledger_query(ledger, "UPDATE segment SET live = live - 1 WHERE id ="
                                               " (SELECT segment FROM message WHERE id = ?1)");
    bind_number(query, 1, message);
    ledger_run(ledger, query);
}

static void deliver_one(struct ledger *ledger, const struct ledger_delivery *delivery)
{
    enum copy_state before;
    int64_t message = copy_record_begin(ledger, delivery->copy, &before);
    if (message == 0)
        return;
    chain_number(ledger, "uidvalidity", delivery->uidvalidity);
    chain_number(ledger, "uid", delivery->uid);
    int64_t seq = (int64_t)chain_end(ledger, "delivered");
    sqlite3_stmt *query = ledger_query(
        ledger, "UPDATE copy SET state = 2, delivered_at = ?2, target_uid = ?3, chain = ?4,"
                " reason = '', target_uidvalidity = iif(?5 = 0, target_uidvalidity, ?5)"
                " WHERE id = ?1 RETURNING target");
    bind_number(query, 1, delivery->copy);
    bind_number(query, 2, ledger->now);
    bind_number(query, 3, delivery->uid);
    bind_number(query, 4, seq);
    bind_number(query, 5, delivery->uidvalidity);
    if (ledger_row(ledger, query)) {
        ledger_tally_delivered(ledger, column_text(query, 0));
        sqlite3_reset(query);
    }
    if (before != COPY_DROPPED)
        original_release(ledger, message);
}

static void delivered_run(struct ledger *ledger, struct ledger_job *base)
{
    const struct delivered_job *job = (const struct delivered_job *)base;
    ledger->batch.delivered = true;
    for (size_t i = 0; i < job->n; i++)
        deliver_one(ledger, &job->deliveries[i]);
}

static void delivered_answer(struct ledger_job *base)
{
    struct delivered_job *job = (struct delivered_job *)base;
    if (job->done != NULL)
        job->done(job->arg);
}

static void delivered_release(struct ledger_job *base)
{
    struct delivered_job *job = (struct delivered_job *)base;
    free(job->deliveries);
    free(job);
}

struct ledger_request *ledger_delivered(struct ledger *ledger,
                                        const struct ledger_delivery *deliveries, size_t n,
                                        ledger_done *done, void *arg)
{
    struct delivered_job *job = xcalloc(1, sizeof(*job));
    job->job.run = delivered_run;
    job->job.answer = delivered_answer;
    job->job.release = delivered_release;
    job->deliveries = (struct ledger_delivery *)xmemdup0(deliveries, n * sizeof(*deliveries));
    job->n = n;
    job->done = done;
    job->arg = arg;
    return ledger_submit(ledger, &job->job);
}

/* ---- ledger_not_delivered(), ledger_refused() ---- */

struct refused_job {
    struct ledger_job job;
    int64_t copy;
    char *reason;
    time_t retry_at;
    bool answered;
    ledger_done *done;
    void *arg;
};

static void refused_run(struct ledger *ledger, struct ledger_job *base)
{
    const struct refused_job *job = (const struct refused_job *)base;
    bool given_up = job->retry_at == 0;
    enum copy_state before;
    int64_t seq = 0;
    if (given_up) {
        if (copy_record_begin(ledger, job->copy, &before) == 0 || before == COPY_DROPPED)
            return;
        chain_text(ledger, "reason", job->reason);
        seq = (int64_t)chain_end(ledger, "copy-failed");
    }
    sqlite3_stmt *query =
        ledger_query(ledger, "UPDATE copy SET state = ?2, due = ?3, reason = ?4, chain = ?5,"
                             " attempts = attempts + ?6 WHERE id = ?1 AND state NOT IN (2, 4)");
    bind_number(query, 1, job->copy);
    bind_number(query, 2, given_up ? COPY_FAILED : COPY_PENDING);
    bind_number(query, 3, job->retry_at);
    bind_text(query, 4, job->reason);
    bind_number(query, 5, seq);
    bind_number(query, 6, job->answered);
    ledger_run(ledger, query);
}

static void refused_answer(struct ledger_job *base)
{
    struct refused_job *job = (struct refused_job *)base;
    if (job->done != NULL)
        job->done(job->arg);
}

static void refused_release(struct ledger_job *base)
{
    struct refused_job *job = (struct refused_job *)base;
    free(job->reason);
    free(job);
}

static struct ledger_request *submit_refused(struct ledger *ledger, const struct refused_job *given,
                                             const char *reason)
{
    struct refused_job *job = xmalloc(sizeof(*job));
    *job = *given;
    job->job.run = refused_run;
    job->job.answer = refused_answer;
    job->job.release = refused_release;
    job->reason = xstrndup(reason == NULL ? "" : reason, REASON_MAX);
    return ledger_submit(ledger, &job->job);
}

struct ledger_request *ledger_not_delivered(struct ledger *ledger, int64_t copy, const char *reason,
                                            time_t retry_at, ledger_done *done, void *arg)
{
    struct refused_job job = {.copy = copy, .retry_at = retry_at, .done = done, .arg = arg};
    return submit_refused(ledger, &job, reason);
}

struct ledger_request *ledger_refused(struct ledger *ledger, int64_t copy, const char *reason,
                                      time_t retry_at, ledger_done *done, void *arg)
{
    struct refused_job job = {
        .copy = copy, .retry_at = retry_at, .answered = true, .done = done, .arg = arg};
    return submit_refused(ledger, &job, reason);
}
