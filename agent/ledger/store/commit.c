#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ledger/store/store.h"
#include "agent/system/fault.h"
#include "rules/util/memory.h"

/* The time when it became blocked stays that of the first failure. */
static void show_stuck(struct ledger *ledger, const char *why)
{
    struct blockage *blockage = ledger->blockage;
    pthread_mutex_lock(&blockage->mutex);
    if (why == NULL) {
        blockage->since = 0;
    } else {
        if (blockage->since == 0)
            blockage->since = ledger->now;
        snprintf(blockage->why, sizeof(blockage->why), "%s", why);
    }
    pthread_mutex_unlock(&blockage->mutex);
}

void ledger_batch_begin(void *context)
{
    struct ledger *ledger = context;
    ledger->failed = ledger->damaged = false;
    ledger->now = time(NULL);
    memset(&ledger->batch, 0, sizeof(ledger->batch));
    spool_batch_begin(&ledger->spool, ledger->segment_max);
    if (!ledger_execute(ledger, "BEGIN"))
        return;
    if (ledger->reload) {
        chain_load(ledger);
        ledger_tally_load(ledger);
        ledger->reload = ledger->failed;
    }
}

/* Segments without an undelivered copy are forgotten; their files go after the commit. */
static size_t forget_segments(struct ledger *ledger, uint64_t **segments)
{
    size_t n = 0, room = 0;
    *segments = NULL;
    if (!ledger->batch.delivered && !ledger->batch.captured && !ledger->batch.settled)
        return 0;
    sqlite3_stmt *query = ledger_query(ledger, "SELECT id FROM segment WHERE live <= 0");
    while (ledger_row(ledger, query)) {
        if (n == room) {
            room = room * 2 + 8;
            *segments = xreallocarray(*segments, room, sizeof(**segments));
        }
        (*segments)[n++] = (uint64_t)column_number(query, 0);
    }
    if (n > 0)
        ledger_run(ledger, ledger_query(ledger, "DELETE FROM segment WHERE live <= 0"));
    return n;
}

/* Numbers of segments are not used twice. */
static void save_next_segment(struct ledger *ledger)
{
    if (ledger->next_segment == ledger->spool.next_segment)
        return;
    sqlite3_stmt *query =
        ledger_query(ledger, "UPDATE meta SET value = ?1 WHERE key = 'next_segment'");
    bind_number(query, 1, (int64_t)ledger->spool.next_segment);
    ledger_run(ledger, query);
    ledger->next_segment = ledger->spool.next_segment;
}

static void write_spool(struct ledger *ledger)
{
    if (ledger->failed)
        return;
    if (!spool_flush(&ledger->spool)) {
        ledger_fail(ledger, "%s", ledger->spool.why);
        return;
    }
    if (ledger->spool.written)
        fault_point(FAULT_SPOOL_WRITTEN);
    if (!spool_sync(&ledger->spool))
        ledger_fail(ledger, "%s", ledger->spool.why);
    else if (ledger->spool.written)
        fault_point(FAULT_SPOOL_SYNCED);
}

static void pass_fault_points(const struct ledger *ledger)
{
    (void)ledger;
    if (ledger->batch.folder_noted)
        fault_point(FAULT_FOLDER_NOTED);
    if (ledger->batch.captured)
        fault_point(FAULT_CAPTURE_COMMITTED);
    if (ledger->batch.intended)
        fault_point(FAULT_INTENT_COMMITTED);
    if (ledger->batch.delivered)
        fault_point(FAULT_DELIVERY_COMMITTED);
}

static void committed(struct ledger *ledger, const uint64_t *segments, size_t n)
{
    spool_batch_committed(&ledger->spool);
    pass_fault_points(ledger);
    for (size_t i = 0; i < n; i++) {
        spool_remove(&ledger->spool, segments[i]);
        fault_point(FAULT_SEGMENT_REMOVED);
    }
    show_stuck(ledger, NULL);
}

static void rolled_back(struct ledger *ledger)
{
    if (!sqlite3_get_autocommit(ledger->db))
        sqlite3_exec(ledger->db, "ROLLBACK", NULL, NULL, NULL);
    spool_batch_rolled_back(&ledger->spool);
    ledger->reload = true;
    ledger->next_segment = 0;
    show_stuck(ledger, ledger->failure);
}

/* The octets first, then the commit that refers to them (share/doc/design.md, "Ledger and spool").
 */
bool ledger_batch_end(void *context)
{
    struct ledger *ledger = context;
    uint64_t *segments;
    size_t n = forget_segments(ledger, &segments);
    save_next_segment(ledger);
    chain_save(ledger);
    ledger_tally_save(ledger);
    write_spool(ledger);
    bool took = ledger_execute(ledger, "COMMIT");
    if (took)
        committed(ledger, segments, n);
    else
        rolled_back(ledger);
    free(segments);
    return took;
}
