#include "agent/ledger/recover.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/util/memory.h"

#define DAMAGE_MAX 4000 /* octets of the report; the chain has every message */

struct segments {
    uint64_t *numbers;
    size_t n, room;
};

static void add_segment(void *arg, uint64_t segment)
{
    struct segments *segments = arg;
    if (segments->n == segments->room) {
        segments->room = segments->room * 2 + 16;
        segments->numbers =
            xreallocarray(segments->numbers, segments->room, sizeof(*segments->numbers));
    }
    segments->numbers[segments->n++] = segment;
}

__attribute__((format(printf, 2, 3))) static void add_damage(struct ledger *ledger,
                                                             const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = xvasprintf(format, arguments);
    va_end(arguments);
    if (ledger->damage == NULL) {
        ledger->damage = text;
        return;
    }
    if (strlen(ledger->damage) < DAMAGE_MAX) {
        char *both = xasprintf("%s; %s", ledger->damage, text);
        free(ledger->damage);
        ledger->damage = both;
    }
    free(text);
}

/* ---- numbers of segments are never used twice ---- */

static void set_next_segment(struct ledger *ledger, const struct segments *files)
{
    uint64_t next = 1;
    sqlite3_stmt *query =
        ledger_query(ledger, "SELECT max((SELECT value FROM meta WHERE key = 'next_segment'),"
                             " coalesce((SELECT max(id) + 1 FROM segment), 1))");
    if (ledger_row(ledger, query)) {
        next = (uint64_t)column_number(query, 0);
        sqlite3_reset(query);
    }
    for (size_t i = 0; i < files->n; i++)
        if (files->numbers[i] >= next && files->numbers[i] < INT64_MAX)
            next = files->numbers[i] + 1;
    ledger->spool.next_segment = next;
}

static bool is_known(struct ledger *ledger, uint64_t segment)
{
    sqlite3_stmt *query = ledger_query(ledger, "SELECT 1 FROM segment WHERE id = ?1");
    bind_number(query, 1, (int64_t)segment);
    if (!ledger_row(ledger, query))
        return false;
    sqlite3_reset(query);
    return true;
}

static void remove_unknown(struct ledger *ledger, const struct segments *files, bool fresh)
{
    for (size_t i = 0; i < files->n; i++) {
        uint64_t segment = files->numbers[i];
        if (is_known(ledger, segment) || ledger->failed)
            continue;
        if (!fresh)
            spool_remove(&ledger->spool, segment);
        else if (spool_set_aside(&ledger->spool, segment))
            add_damage(ledger, "spool/%016" PRIx64 ".seg belongs to a ledger that is gone: renamed",
                       segment);
    }
}

/* ---- what is missing ---- */

/* A query's first column, read whole, as what is done with each may change what it reads. */
static void read_numbers(struct ledger *ledger, sqlite3_stmt *query, struct segments *numbers)
{
    while (ledger_row(ledger, query))
        add_segment(numbers, (uint64_t)column_number(query, 0));
}

static void settle_segment(struct ledger *ledger, uint64_t segment)
{
    sqlite3_stmt *query = ledger_query(ledger, "SELECT size FROM segment WHERE id = ?1");
    bind_number(query, 1, (int64_t)segment);
    if (!ledger_row(ledger, query))
        return;
    uint64_t size = (uint64_t)column_number(query, 0), actual;
    sqlite3_reset(query);
    if (!spool_settle(&ledger->spool, segment, size, &actual))
        ledger_fail(ledger, "%s", ledger->spool.why);
    else if (actual < size)
        add_damage(ledger, "spool/%016" PRIx64 ".seg has %" PRIu64 " bytes of %" PRIu64, segment,
                   actual, size);
}

static void lose_original(struct ledger *ledger, int64_t message, const char *why)
{
    add_damage(ledger, "message %lld: %s", (long long)message, why);
    sqlite3_stmt *query = ledger_query(ledger, "SELECT folder, uid FROM message WHERE id = ?1");
    bind_number(query, 1, message);
    if (!ledger_row(ledger, query))
        return;
    int64_t folder = column_number(query, 0);
    uint32_t uid = column_uid(query, 1);
    sqlite3_reset(query);
    unfetched_add(ledger, folder, uid, REASON_ORIGINAL_LOST);
    query =
        ledger_query(ledger, "UPDATE message SET segment = 0, offset = 0, note = ?2 WHERE id = ?1");
    bind_number(query, 1, message);
    bind_text(query, 2, why);
    ledger_run(ledger, query);
    /* One with an intent may have been delivered: that is resolved first. */
    query = ledger_query(ledger, "UPDATE copy SET state = 3, reason = ?2"
                                 " WHERE message = ?1 AND state = 0");
    bind_number(query, 1, message);
    bind_text(query, 2, REASON_ORIGINAL_LOST);
    ledger_run(ledger, query);
    chain_begin(ledger);
    chain_number(ledger, "message", (uint64_t)message);
    chain_text(ledger, "reason", why);
    chain_end(ledger, "original-lost");
}

static void check_original(struct ledger *ledger, int64_t message)
{
    sqlite3_stmt *query =
        ledger_query(ledger, "SELECT segment, offset, size, sha256 FROM message WHERE id = ?1");
    bind_number(query, 1, message);
    if (!ledger_row(ledger, query))
        return;
    uint64_t segment = (uint64_t)column_number(query, 0);
    uint64_t offset = (uint64_t)column_number(query, 1);
    uint64_t size = (uint64_t)column_number(query, 2);
    unsigned char sha256[DIGEST], last;
    column_digest(query, 3, sha256);
    sqlite3_reset(query);
    char *why = spool_check_header(ledger->spool.dir_fd, segment, offset, size, sha256);
    if (why == NULL && size > 0)
        why = spool_read_octets(ledger->spool.dir_fd, segment, offset + size - 1, &last, 1);
    if (why != NULL)
        lose_original(ledger, message, why);
    free(why);
}

static void check_originals(struct ledger *ledger)
{
    struct segments messages = {0};
    read_numbers(ledger,
                 ledger_query(ledger,
                              "SELECT DISTINCT m.id FROM copy c"
                              " JOIN message m ON m.id = c.message"
                              " WHERE c.state NOT IN (2, 4) AND m.segment <> 0 ORDER BY m.id"),
                 &messages);
    for (size_t i = 0; i < messages.n && !ledger->failed; i++)
        check_original(ledger, (int64_t)messages.numbers[i]);
    free(messages.numbers);
}

/* Undelivered copies are counted again for every segment. */
static void count_live(struct ledger *ledger)
{
    ledger_execute(ledger, "UPDATE segment SET live = 0;"
                           "UPDATE segment SET live = counted.n FROM"
                           " (SELECT m.segment AS segment, count(*) AS n FROM copy c"
                           "  JOIN message m ON m.id = c.message"
                           "  WHERE c.state NOT IN (2, 4) GROUP BY 1) AS counted"
                           " WHERE segment.id = counted.segment;");
}

void ledger_recover(struct ledger *ledger, bool fresh)
{
    struct segments files = {0}, known = {0};
    if (!spool_list(&ledger->spool, add_segment, &files)) {
        ledger_fail(ledger, "%s", ledger->spool.why);
        return;
    }
    set_next_segment(ledger, &files);
    remove_unknown(ledger, &files, fresh);
    read_numbers(ledger, ledger_query(ledger, "SELECT id FROM segment"), &known);
    for (size_t i = 0; i < known.n && !ledger->failed; i++)
        settle_segment(ledger, known.numbers[i]);
    check_originals(ledger);
    count_live(ledger);
    ledger->batch.settled = true;
    free(files.numbers);
    free(known.numbers);
}
