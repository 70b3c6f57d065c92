#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ledger/known.h"
#include "rules/util/memory.h"

struct capture_job {
    struct ledger_job job;
    struct ledger_capture capture; /* owns its strings and copies */
    struct spool_entry *entry;
    uint64_t handed; /* octets to the thread */
    uint32_t seen_through;
    struct known_plans plans;
    void (*done)(void *arg, enum capture_outcome outcome);
    void *arg;
    enum capture_outcome outcome;
};

/* ---- octets ---- */

/* The segment has `more` additional undelivered copies, and holds at least `size` octets. */
static void segment_live(struct ledger *ledger, uint64_t segment, int64_t more, uint64_t size)
{
    sqlite3_stmt *query = ledger_query(ledger, "INSERT INTO segment VALUES(?1, ?2, ?3)"
                                               " ON CONFLICT(id) DO UPDATE SET"
                                               " live = live + excluded.live,"
                                               " size = max(size, excluded.size)");
    bind_number(query, 1, (int64_t)segment);
    bind_number(query, 2, (int64_t)size);
    bind_number(query, 3, more);
    ledger_run(ledger, query);
}

static bool keep_big(struct ledger *ledger, const struct capture_job *job, struct known *known)
{
    struct spool_entry *entry = job->entry;
    if (entry->len > 0 && !spool_big_write(&ledger->spool, &entry->big, entry->data, entry->len,
                                           entry->size - entry->len))
        return false;
    if (!spool_big_finish(&ledger->spool, &entry->big, entry->size, job->capture.sha256))
        return false;
    known->segment = entry->big.file.segment;
    known->offset = SPOOL_HEADER;
    return true;
}

static void keep_octets(struct ledger *ledger, const struct capture_job *job, struct known *known,
                        size_t n_copies)
{
    const struct spool_entry *entry = job->entry;
    bool kept = entry->is_big ? keep_big(ledger, job, known)
                              : spool_put(&ledger->spool, entry->data, entry->len,
                                          job->capture.sha256, &known->segment, &known->offset);
    if (kept)
        segment_live(ledger, known->segment, (int64_t)n_copies, known->offset + entry->size);
    else
        ledger_fail(ledger, "%s", ledger->spool.why);
}

static void drop_octets(struct ledger *ledger, const struct capture_job *job)
{
    if (job->entry->is_big)
        spool_big_discard(&ledger->spool, &job->entry->big);
}

/* ---- rows ---- */

static void message_bind(sqlite3_stmt *query, const struct capture_job *job,
                         const struct known *known)
{
    const struct ledger_capture *capture = &job->capture;
    bind_number(query, 1, known->account);
    bind_number(query, 2, capture->folder);
    bind_number(query, 3, capture->uid);
    bind_number(query, 4, (int64_t)job->entry->size);
    bind_digest(query, 5, capture->sha256);
    bind_digest(query, 6, capture->body_sha256);
    if (capture->has_sameness)
        bind_digest(query, 7, capture->sameness);
    bind_number(query, 8, capture->internaldate);
    bind_number(query, 9, capture->internaldate_zone);
    bind_number(query, 10, capture->header_len);
    bind_number(query, 12, (int64_t)known->segment);
    bind_number(query, 13, (int64_t)known->offset);
    if (known->root != 0)
        bind_number(query, 15, known->root);
    bind_number(query, 18, capture->sent);
}

static int64_t message_insert(struct ledger *ledger, const struct capture_job *job,
                              const struct known *known, enum uid_state state, const char *note)
{
    sqlite3_stmt *query =
        ledger_query(ledger, "INSERT INTO message(account, folder, uid, size, sha256, body_sha256,"
                             " sameness, internaldate, zone, header_len, captured_at, segment,"
                             " offset, state, duplicate_of, note, chain, sent)"
                             " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14,"
                             " ?15, ?16, ?17, ?18)");
    message_bind(query, job, known);
    bind_number(query, 11, ledger->now);
    bind_number(query, 14, state);
    bind_text(query, 16, note);
    bind_number(query, 17, (int64_t)ledger->chain.seq + 1);
    ledger_run(ledger, query);
    ledger_tally_state(ledger, state, 1);
    return sqlite3_last_insert_rowid(ledger->db);
}

static void copy_insert(struct ledger *ledger, const struct ledger_capture *capture,
                        int64_t message, const struct ledger_new_copy *copy, bool chained)
{
    sqlite3_stmt *query = ledger_query(
        ledger, "INSERT INTO copy(message, target, monitor_id, plan, sameness, state, hold_until,"
                " due, chained) VALUES(?1, ?2, ?3, ?4, ?5, 0, ?6, ?6, ?7)");
    bind_number(query, 1, message);
    bind_text(query, 2, copy->target);
    bind_text(query, 3, copy->monitor_id);
    bind_text(query, 4, copy->plan);
    if (capture->has_sameness)
        bind_digest(query, 5, capture->sameness);
    bind_number(query, 6, copy->hold_until);
    bind_number(query, 7, chained);
    ledger_run(ledger, query);
}

static void message_record(struct ledger *ledger, const struct capture_job *job,
                           const struct known *known, int64_t message, const char *kind)
{
    const struct ledger_capture *capture = &job->capture;
    chain_begin(ledger);
    chain_number(ledger, "message", (uint64_t)message);
    chain_folder(ledger, capture->folder);
    chain_number(ledger, "uid", capture->uid);
    chain_number(ledger, "size", job->entry->size);
    chain_digest(ledger, "sha256", capture->sha256);
    if (known->root != 0)
        chain_number(ledger, "of", (uint64_t)known->root);
    for (size_t i = 0; i < known->n_missing; i++) {
        chain_text(ledger, "target", known->missing[i]->target);
        chain_text(ledger, "id", known->missing[i]->monitor_id);
    }
    chain_end(ledger, kind);
}

/* ---- the ways that a capture can go ---- */

/* Nothing is kept of the message but its state. */
static void take_state(struct ledger *ledger, struct capture_job *job, enum capture_outcome outcome,
                       enum uid_state state, const char *why)
{
    const struct ledger_capture *capture = &job->capture;
    job->outcome = outcome;
    span_note(ledger, capture->folder, capture->uid, capture->uid, state, why);
    drop_octets(ledger, job);
}

static void take_own_copy(struct ledger *ledger, struct capture_job *job, bool chain)
{
    const struct ledger_capture *capture = &job->capture;
    take_state(ledger, job, CAPTURE_OWN_COPY, UID_OWN_COPY,
               chain ? "a changed copy of a changed copy" : "");
    chain_begin(ledger);
    chain_folder(ledger, capture->folder);
    chain_number(ledger, "uid", capture->uid);
    chain_text(ledger, "id", capture->monitor_id != NULL ? capture->monitor_id : "");
    chain_end(ledger, "own-copy");
}

/* How many copies of that message failed because its octets were lost. */
static int64_t count_lost(struct ledger *ledger, int64_t message)
{
    sqlite3_stmt *query = ledger_query(
        ledger, "SELECT count(*) FROM copy WHERE message = ?1 AND state = 3 AND reason = ?2");
    bind_number(query, 1, message);
    bind_text(query, 2, REASON_ORIGINAL_LOST);
    return message == 0 ? 0 : known_number(ledger, query);
}

/* The same octets came again: they are what the message lacks. */
static void mend(struct ledger *ledger, int64_t message, const struct known *known)
{
    sqlite3_stmt *query = ledger_query(
        ledger, "UPDATE message SET segment = ?2, offset = ?3, note = '' WHERE id = ?1");
    bind_number(query, 1, message);
    bind_number(query, 2, (int64_t)known->segment);
    bind_number(query, 3, (int64_t)known->offset);
    ledger_run(ledger, query);
    query = ledger_query(ledger, "UPDATE copy SET state = 0, due = 0, reason = ''"
                                 " WHERE message = ?1 AND state = 3 AND reason = ?2");
    bind_number(query, 1, message);
    bind_text(query, 2, REASON_ORIGINAL_LOST);
    ledger_run(ledger, query);
    query = ledger_query(ledger, "DELETE FROM unfetched WHERE (folder, uid) ="
                                 " (SELECT folder, uid FROM message WHERE id = ?1)");
    bind_number(query, 1, message);
    ledger_tally_state(ledger, UID_UNFETCHED, -ledger_run(ledger, query));
    chain_begin(ledger);
    chain_number(ledger, "message", (uint64_t)message);
    chain_end(ledger, "mended");
}

static const char *message_kind(struct capture_job *job, const struct known *known, bool stored,
                                const char **note)
{
    *note = "";
    job->outcome = CAPTURE_STORED;
    if (stored)
        return "captured";
    job->outcome = known->twin != 0 ? CAPTURE_DUPLICATE : CAPTURE_JOINED;
    if (known->twin == 0)
        *note = known->joined ? "joined" : "came after its counterpart was sent";
    return known->joined ? "joined" : "duplicate";
}

static void keep_message(struct ledger *ledger, struct capture_job *job, struct known *known)
{
    const struct ledger_capture *capture = &job->capture;
    const char *note;
    bool stored = known->n_missing > 0 || known->root == 0;
    size_t n_lost = (size_t)count_lost(ledger, known->twin);
    if (known->n_missing + n_lost > 0)
        keep_octets(ledger, job, known, known->n_missing + n_lost);
    else
        drop_octets(ledger, job);
    const char *kind = message_kind(job, known, stored, &note);
    if (n_lost > 0) {
        mend(ledger, known->twin, known);
        job->outcome = CAPTURE_STORED;
    }
    int64_t message =
        message_insert(ledger, job, known, stored ? UID_CAPTURED : UID_DUPLICATE, note);
    for (size_t i = 0; i < known->n_missing; i++)
        copy_insert(ledger, capture, message, known->missing[i], known->chained);
    message_record(ledger, job, known, message, kind);
}

static void take_message(struct ledger *ledger, struct capture_job *job)
{
    const struct ledger_capture *capture = &job->capture;
    struct known known;
    known_look(ledger, capture, &known);
    if (!known.own)
        known_find_missing(ledger, capture, &job->plans, &known);
    if (!known.own && capture->uid <= job->seen_through)
        span_take_out(ledger, capture->folder, capture->uid);
    if (known.own)
        take_own_copy(ledger, job, known.own_chain);
    else if (known.n_left_out > 0 && known.n_left_out == capture->n_copies)
        take_state(ledger, job, CAPTURE_NOT_WANTED, UID_NOT_WANTED,
                   "it lies in the folder that its copy would go to");
    else
        keep_message(ledger, job, &known);
    if (!known.own)
        folder_advance(ledger, capture->folder, capture->uid);
    known_clear(&known);
}

/* It has a row already. If its octets were lost they are back now. */
static void take_again(struct ledger *ledger, struct capture_job *job, int64_t message, bool same)
{
    struct known known = {0};
    size_t n_lost = same ? (size_t)count_lost(ledger, message) : 0;
    job->outcome = CAPTURE_DUPLICATE;
    if (n_lost == 0) {
        drop_octets(ledger, job);
        return;
    }
    job->outcome = CAPTURE_STORED;
    keep_octets(ledger, job, &known, n_lost);
    mend(ledger, message, &known);
}

/* The row of that UID; *same: with the same octets. 0: there is none. */
static int64_t row_of_uid(struct ledger *ledger, const struct ledger_capture *capture, bool *same)
{
    sqlite3_stmt *query = ledger_query(ledger, "SELECT id, sha256 = ?3 FROM message"
                                               " WHERE folder = ?1 AND uid = ?2");
    bind_number(query, 1, capture->folder);
    bind_number(query, 2, capture->uid);
    bind_digest(query, 3, capture->sha256);
    if (!ledger_row(ledger, query))
        return 0;
    int64_t message = column_number(query, 0);
    *same = column_number(query, 1) != 0;
    sqlite3_reset(query);
    return message;
}

static void capture_run(struct ledger *ledger, struct ledger_job *base)
{
    struct capture_job *job = (struct capture_job *)base;
    const struct ledger_capture *capture = &job->capture;
    uint32_t seen_through;
    bool same = false;
    ledger->batch.captured = true;
    if (!folder_seen_through(ledger, capture->folder, &seen_through))
        return;
    if (job->entry->big.spoiled) {
        take_state(ledger, job, CAPTURE_LOST, UID_UNFETCHED, "the disk failed while it was stored");
        return;
    }
    if (capture->uid <= seen_through)
        unfetched_clear(ledger, capture->folder, capture->uid, capture->uid);
    int64_t known = 0;
    if (capture->uid <= seen_through)
        known = row_of_uid(ledger, capture, &same);
    if (known != 0) {
        take_again(ledger, job, known, same);
        return;
    }
    job->seen_through = seen_through;
    take_message(ledger, job);
}

/* ---- ledger_capture() ---- */

static void capture_answer(struct ledger_job *base)
{
    struct capture_job *job = (struct capture_job *)base;
    if (job->done != NULL)
        job->done(job->arg, job->outcome);
}

static void capture_release(struct ledger_job *base)
{
    struct capture_job *job = (struct capture_job *)base;
    struct ledger *ledger = base->ledger;
    uint64_t handed = job->handed;
    for (size_t i = 0; i < job->capture.n_copies; i++) {
        const struct ledger_new_copy *copy = &job->capture.copies[i];
        free((char *)copy->target);
        free((char *)copy->monitor_id);
        free((char *)copy->plan);
        free((char *)copy->folder);
    }
    free((struct ledger_new_copy *)job->capture.copies);
    free((char *)job->capture.mailbox);
    free((char *)job->capture.monitor_id);
    spool_big_close(&ledger->spool, &job->entry->big, true);
    spool_entry_free(job->entry);
    free(job);
    ledger_in_flight_less(ledger, handed);
}

static struct ledger_new_copy *copy_copies(const struct ledger_new_copy *copies, size_t n)
{
    struct ledger_new_copy *mine = xcalloc(n, sizeof(*mine));
    for (size_t i = 0; i < n; i++) {
        mine[i].target = xstrdup(copies[i].target);
        mine[i].monitor_id = xstrdup(copies[i].monitor_id);
        mine[i].plan = xstrdup(copies[i].plan == NULL ? "" : copies[i].plan);
        mine[i].hold_until = copies[i].hold_until;
        mine[i].folder = copies[i].folder == NULL ? NULL : xstrdup(copies[i].folder);
    }
    return mine;
}

struct ledger_request *ledger_capture(struct ledger *ledger, const struct ledger_capture *capture,
                                      struct spool_entry *entry,
                                      void (*done)(void *arg, enum capture_outcome outcome),
                                      void *arg)
{
    struct capture_job *job = xcalloc(1, sizeof(*job));
    job->job.run = capture_run;
    job->job.answer = capture_answer;
    job->job.release = capture_release;
    job->capture = *capture;
    job->capture.monitor_id = capture->monitor_id == NULL ? NULL : xstrdup(capture->monitor_id);
    job->capture.mailbox = capture->mailbox == NULL ? NULL : xstrdup(capture->mailbox);
    job->capture.copies = copy_copies(capture->copies, capture->n_copies);
    job->entry = entry;
    job->handed = entry->len;
    job->plans = (struct known_plans){.join = ledger->plan_join, .covers = ledger->plan_covers};
    job->done = done;
    job->arg = arg;
    assert(entry->ledger == ledger && ledger->gathering >= entry->len);
    ledger->gathering -= entry->len;
    ledger_in_flight_more(ledger, job->handed);
    return ledger_submit(ledger, &job->job);
}
