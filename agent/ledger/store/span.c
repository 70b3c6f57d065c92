#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ledger/store/store.h"
#include "rules/util/memory.h"

#define UNFETCHED_MAX 100000 /* of one note: a server may announce any number */

bool folder_seen_through(struct ledger *ledger, int64_t folder, uint32_t *seen_through)
{
    sqlite3_stmt *query = ledger_query(ledger, "SELECT seen_through FROM folder WHERE id = ?1");
    bind_number(query, 1, folder);
    if (!ledger_row(ledger, query)) {
        ledger_fail(ledger, "there is no folder %lld", (long long)folder);
        return false;
    }
    *seen_through = column_uid(query, 0);
    sqlite3_reset(query);
    return true;
}

void folder_advance(struct ledger *ledger, int64_t folder, uint32_t seen_through)
{
    sqlite3_stmt *query = ledger_query(
        ledger, "UPDATE folder SET seen_through = ?2 WHERE id = ?1 AND seen_through < ?2");
    bind_number(query, 1, folder);
    bind_number(query, 2, seen_through);
    ledger_run(ledger, query);
}

/* ---- unfetched ---- */

void unfetched_add(struct ledger *ledger, int64_t folder, uint32_t uid, const char *reason)
{
    sqlite3_stmt *query = ledger_query(
        ledger, "UPDATE unfetched SET attempts = attempts + 1, reason = ?3, last_seen = ?4"
                " WHERE folder = ?1 AND uid = ?2");
    bind_number(query, 1, folder);
    bind_number(query, 2, uid);
    bind_text(query, 3, reason);
    bind_number(query, 4, ledger->now);
    if (ledger_run(ledger, query) > 0)
        return;
    query = ledger_query(ledger, "INSERT INTO unfetched VALUES(?1, ?2, ?3, 1, ?4, ?4)");
    bind_number(query, 1, folder);
    bind_number(query, 2, uid);
    bind_text(query, 3, reason);
    bind_number(query, 4, ledger->now);
    ledger_run(ledger, query);
    ledger_tally_state(ledger, UID_UNFETCHED, 1);
}

void unfetched_clear(struct ledger *ledger, int64_t folder, uint32_t first, uint32_t last)
{
    sqlite3_stmt *query =
        ledger_query(ledger, "DELETE FROM unfetched WHERE folder = ?1 AND uid BETWEEN ?2 AND ?3");
    bind_number(query, 1, folder);
    bind_number(query, 2, first);
    bind_number(query, 3, last);
    ledger_tally_state(ledger, UID_UNFETCHED, -ledger_run(ledger, query));
}

/* ---- spans ---- */

struct span {
    uint32_t first, last;
    enum uid_state state;
    int64_t at, at_last;
    char reason[REASON_MAX + 1];
};

static bool span_read(struct ledger *ledger, sqlite3_stmt *query, struct span *span)
{
    if (!ledger_row(ledger, query))
        return false;
    span->first = column_uid(query, 0);
    span->last = column_uid(query, 1);
    span->state = (enum uid_state)column_number(query, 2);
    span->at = column_number(query, 3);
    span->at_last = column_number(query, 4);
    const char *reason = column_text(query, 5);
    size_t len = strnlen(reason, REASON_MAX);
    memcpy(span->reason, reason, len);
    span->reason[len] = '\0';
    sqlite3_reset(query);
    return true;
}

/* The last one that begins at uid or before it. */
static bool span_at_or_before(struct ledger *ledger, int64_t folder, uint32_t uid,
                              struct span *span)
{
    sqlite3_stmt *query =
        ledger_query(ledger, "SELECT first, last, state, at, at_last, reason FROM span"
                             " WHERE folder = ?1 AND first <= ?2 ORDER BY first DESC LIMIT 1");
    bind_number(query, 1, folder);
    bind_number(query, 2, uid);
    return span_read(ledger, query, span);
}

/* The first one that begins after uid and not after last. */
static bool span_after(struct ledger *ledger, int64_t folder, uint32_t uid, uint32_t last,
                       struct span *span)
{
    sqlite3_stmt *query =
        ledger_query(ledger, "SELECT first, last, state, at, at_last, reason FROM span"
                             " WHERE folder = ?1 AND first > ?2 AND first <= ?3"
                             " ORDER BY first LIMIT 1");
    bind_number(query, 1, folder);
    bind_number(query, 2, uid);
    bind_number(query, 3, last);
    return span_read(ledger, query, span);
}

static void span_insert(struct ledger *ledger, int64_t folder, const struct span *span)
{
    sqlite3_stmt *query =
        ledger_query(ledger, "INSERT INTO span VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)");
    bind_number(query, 1, folder);
    bind_number(query, 2, span->first);
    bind_number(query, 3, span->last);
    bind_number(query, 4, span->state);
    bind_text(query, 5, span->reason);
    bind_number(query, 6, span->at);
    bind_number(query, 7, span->at_last);
    ledger_run(ledger, query);
    ledger_tally_state(ledger, span->state, (int64_t)span->last - span->first + 1);
}

static void span_delete(struct ledger *ledger, int64_t folder, const struct span *span)
{
    sqlite3_stmt *query = ledger_query(ledger, "DELETE FROM span WHERE folder = ?1 AND first = ?2");
    bind_number(query, 1, folder);
    bind_number(query, 2, span->first);
    ledger_run(ledger, query);
    ledger_tally_state(ledger, span->state, -((int64_t)span->last - span->first + 1));
}

/* Takes first to last out of a span that holds some of them. */
static void span_cut(struct ledger *ledger, int64_t folder, struct span *span, uint32_t first,
                     uint32_t last)
{
    assert(span->first <= last && span->last >= first);
    span_delete(ledger, folder, span);
    uint32_t end = span->last;
    if (span->first < first) {
        span->last = first - 1;
        span_insert(ledger, folder, span);
    }
    if (end > last) {
        span->first = last + 1;
        span->last = end;
        span_insert(ledger, folder, span);
    }
}

void span_take_out(struct ledger *ledger, int64_t folder, uint32_t uid)
{
    struct span span;
    if (span_at_or_before(ledger, folder, uid, &span) && span.last >= uid)
        span_cut(ledger, folder, &span, uid, uid);
}

/* A judgement that a later one may replace. */
static bool is_provisional(enum uid_state state)
{
    return state == UID_DRAFT || state == UID_VANISHED_INFERRED;
}

static void cut_provisional(struct ledger *ledger, int64_t folder, uint32_t first, uint32_t last)
{
    struct span span;
    bool found = span_at_or_before(ledger, folder, first, &span) && span.last >= first;
    if (!found)
        found = span_after(ledger, folder, first, last, &span);
    while (found) {
        uint32_t begin = span.first;
        if (is_provisional(span.state))
            span_cut(ledger, folder, &span, first, last);
        found = span_after(ledger, folder, begin > first ? begin : first, last, &span);
    }
}

/* None of them has a state: grows the span before it, or makes a new one. */
static void fill(struct ledger *ledger, int64_t folder, uint32_t first, uint32_t last,
                 enum uid_state state, const char *reason)
{
    struct span before;
    assert(first <= last && strlen(reason) <= REASON_MAX);
    if (state == UID_NOT_WANTED)
        chain_not_wanted(ledger, folder, first, last);
    if (span_at_or_before(ledger, folder, first, &before) && before.last == first - 1 &&
        before.state == state && strcmp(before.reason, reason) == 0) {
        sqlite3_stmt *query = ledger_query(
            ledger, "UPDATE span SET last = ?3, at_last = ?4 WHERE folder = ?1 AND first = ?2");
        bind_number(query, 1, folder);
        bind_number(query, 2, before.first);
        bind_number(query, 3, last);
        bind_number(query, 4, ledger->now);
        ledger_run(ledger, query);
        ledger_tally_state(ledger, state, (int64_t)last - first + 1);
        return;
    }
    struct span span = {.first = first, .last = last, .state = state};
    span.at = span.at_last = ledger->now;
    memcpy(span.reason, reason, strlen(reason));
    span_insert(ledger, folder, &span);
}

/* The first UIDs from uid to last that have a state already: a span or a message. */
static bool next_judged(struct ledger *ledger, int64_t folder, uint32_t uid, uint32_t last,
                        struct span *judged)
{
    bool found = span_at_or_before(ledger, folder, uid, judged) && judged->last >= uid;
    if (found)
        return true;
    found = span_after(ledger, folder, uid, last, judged);
    sqlite3_stmt *query =
        ledger_query(ledger, "SELECT uid FROM message WHERE folder = ?1 AND uid BETWEEN ?2 AND ?3"
                             " ORDER BY uid LIMIT 1");
    bind_number(query, 1, folder);
    bind_number(query, 2, uid);
    bind_number(query, 3, found ? judged->first : last);
    if (ledger_row(ledger, query)) {
        judged->first = judged->last = column_uid(query, 0);
        sqlite3_reset(query);
        found = true;
    }
    return found;
}

typedef void each_hole(struct ledger *ledger, int64_t folder, uint32_t first, uint32_t last,
                       enum uid_state state, const char *reason);

static void for_holes(struct ledger *ledger, int64_t folder, uint32_t first, uint32_t last,
                      enum uid_state state, const char *reason, each_hole *hole)
{
    uint64_t uid = first;
    struct span judged;
    while (uid <= last && next_judged(ledger, folder, (uint32_t)uid, last, &judged)) {
        if (judged.first > uid)
            hole(ledger, folder, (uint32_t)uid, judged.first - 1, state, reason);
        uid = (uint64_t)judged.last + 1;
    }
    if (uid <= last)
        hole(ledger, folder, (uint32_t)uid, last, state, reason);
}

static void unfetched_hole(struct ledger *ledger, int64_t folder, uint32_t first, uint32_t last,
                           enum uid_state state, const char *reason)
{
    (void)state;
    uint64_t end = last;
    if (end - first >= UNFETCHED_MAX) {
        end = (uint64_t)first + UNFETCHED_MAX - 1;
        fill(ledger, folder, (uint32_t)end + 1, last, UID_FAILED,
             "too many messages could not be fetched");
    }
    for (uint64_t uid = first; uid <= end && !ledger->failed; uid++)
        unfetched_add(ledger, folder, (uint32_t)uid, reason);
}

void span_note(struct ledger *ledger, int64_t folder, uint32_t first, uint32_t last,
               enum uid_state state, const char *reason)
{
    uint32_t seen_through;
    if (!folder_seen_through(ledger, folder, &seen_through))
        return;
    each_hole *hole = state == UID_UNFETCHED ? unfetched_hole : fill;
    if (first > seen_through) {
        hole(ledger, folder, first, last, state, reason);
    } else {
        if (state != UID_UNFETCHED) {
            unfetched_clear(ledger, folder, first, last);
            cut_provisional(ledger, folder, first, last);
        }
        for_holes(ledger, folder, first, last, state, reason, hole);
    }
    folder_advance(ledger, folder, last);
}
