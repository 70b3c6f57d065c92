/*
 * How the ledger is kept: database, chain, spans, tally and spool, and the batch that commits them.
 * Used by agent/ledger, whose jobs run on the ledger's thread, and by those who read a ledger
 * without opening it.
 *
 * Every function here runs on the ledger's thread, inside a batch (ledger_batch_begin() to
 * ledger_batch_end(), one transaction). The first failure of a batch sticks (ledger_fail()): every
 * later database call does nothing and reports no row, and the batch is rolled back and run again.
 */
#ifndef AGENT_LEDGER_STORE_STORE_H
#define AGENT_LEDGER_STORE_STORE_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "agent/ledger/store/spool.h"
#include "agent/ledger/store/types.h"

#define STATEMENTS 256 /* slots for prepared statements, a power of two */
#define N_UID_STATES 16
#define DIGEST 32
/* The reason of copies whose original opening did not find; a new capture of it revives them. */
#define REASON_ORIGINAL_LOST "its original is missing from the spool"
#define REASON_MAX 1000 /* octets of a reason that are kept */

/* DROPPED: an officer decided so; its original is not kept for it. */
enum copy_state { COPY_PENDING, COPY_SENDING, COPY_DELIVERED, COPY_FAILED, COPY_DROPPED };

struct statement {
    const char *sql; /* by address */
    sqlite3_stmt *prepared;
};

/* Why the thread cannot commit, for the loop to ask. */
struct blockage {
    pthread_mutex_t mutex;
    char why[256];
    time_t since;    /* 0: it can */
    char shown[256]; /* the loop's: what ledger_is_blocked() returned last */
};

struct target_tally {
    char *target;
    int64_t delivered;
    bool changed;
};

struct event_base;
struct worker;

struct ledger {
    /* constant after opening */
    struct event_base *base;
    char *state_dir, *damage;
    unsigned char key[DIGEST];
    uint64_t segment_max, buffer_high;
    int state_fd, lock_fd;

    /* on the loop */
    struct worker *worker, *reader;
    uint64_t in_flight; /* octets that were handed to the thread */
    uint64_t gathering; /* octets of small entries in the making */
    bool full;
    bool answering; /* a done is being called */
    void (*on_room)(void *arg);
    void *on_room_arg;
    char *(*plan_join)(const char *first, const char *second); /* ledger_set_plans() */
    bool (*plan_covers)(const char *first, const char *second);

    struct blockage *blockage; /* between both */

    /* on the thread */
    sqlite3 *db;
    struct statement statements[STATEMENTS];
    bool failed;
    char failure[256];
    bool damaged; /* it is the database that is, not the disk */
    time_t now;   /* of the batch */
    struct spool spool;
    uint64_t next_segment; /* as in the database */
    bool reload; /* what is kept in memory of the database is older than it: rolled back */
    struct {
        uint64_t seq;
        unsigned char head[DIGEST];
        bool changed;
        char *text; /* the record in the making */
        size_t len, room;
    } chain;
    int64_t states[N_UID_STATES];
    bool states_changed[N_UID_STATES];
    struct target_tally *targets;
    size_t n_targets;
    struct {
        bool captured, intended, delivered, folder_noted;
        bool settled; /* any segment may have become unneeded */
    } batch;
};

/* ---- batches (commit.c) ---- */

/* The hooks of the ledger's worker; also for what is done while there is no thread: a batch of its
 * own. false: it was rolled back, ledger->failure is why. */
void ledger_batch_begin(void *ledger);
bool ledger_batch_end(void *ledger);
/* ---- the schema (schema.c) ---- */

/* From that version (0: nothing is there) to LEDGER_SCHEMA; within a transaction. */
bool ledger_schema_advance(struct ledger *ledger, int version);

/* ---- the database (db.c) ---- */

/* Ends the batch's work: the first reason is kept. */
void ledger_fail(struct ledger *ledger, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
bool ledger_execute(struct ledger *ledger, const char *sql);
/* The prepared statement, reset, with nothing bound. sql must be a constant: it is known by its
 * address. NULL after a failure, which all functions here (and sqlite3_bind) bear. */
sqlite3_stmt *ledger_query(struct ledger *ledger, const char *sql);
/* Steps: true when there is a row; else the statement is reset. */
bool ledger_row(struct ledger *ledger, sqlite3_stmt *query);
/* Runs to the end; how many rows were changed. */
int ledger_run(struct ledger *ledger, sqlite3_stmt *query);
void ledger_statements_free(struct ledger *ledger);

static inline void bind_number(sqlite3_stmt *query, int index, int64_t value)
{
    sqlite3_bind_int64(query, index, value);
}

/* Borrowed until the statement is used again. */
static inline void bind_text(sqlite3_stmt *query, int index, const char *text)
{
    sqlite3_bind_text(query, index, text, -1, SQLITE_STATIC);
}

static inline void bind_digest(sqlite3_stmt *query, int index, const unsigned char digest[DIGEST])
{
    sqlite3_bind_blob(query, index, digest, DIGEST, SQLITE_STATIC);
}

static inline int64_t column_number(sqlite3_stmt *query, int column)
{
    return sqlite3_column_int64(query, column);
}

static inline uint32_t column_uid(sqlite3_stmt *query, int column)
{
    return (uint32_t)sqlite3_column_int64(query, column);
}

/* "" for NULL; valid until the next step. */
const char *column_text(sqlite3_stmt *query, int column);
/* A column that is not a digest gives zeros and false. */
bool column_digest(sqlite3_stmt *query, int column, unsigned char digest[DIGEST]);

/* ---- what is kept in memory of the database (tally.c) ---- */

void ledger_tally_load(struct ledger *ledger);
void ledger_tally_save(struct ledger *ledger);
void ledger_tally_state(struct ledger *ledger, enum uid_state state, int64_t more);
void ledger_tally_delivered(struct ledger *ledger, const char *target);

/* ---- the chain (chain.c) ---- */

void chain_load(struct ledger *ledger);
void chain_save(struct ledger *ledger);
/* A record: chain_begin, its values, chain_end, which returns its number. */
void chain_begin(struct ledger *ledger);
void chain_text(struct ledger *ledger, const char *key, const char *value);
void chain_number(struct ledger *ledger, const char *key, uint64_t value);
void chain_digest(struct ledger *ledger, const char *key, const unsigned char digest[DIGEST]);
/* account=, folder=, uidvalidity= */
void chain_folder(struct ledger *ledger, int64_t folder);
uint64_t chain_end(struct ledger *ledger, const char *kind);
/* hash = SHA-256(previous, seq, at, kind NUL, body); numbers as 64 bits, big-endian. */
void chain_hash(const unsigned char previous[DIGEST], uint64_t seq, int64_t at, const char *kind,
                const char *body, unsigned char hash[DIGEST]);
/* Adds to the folder's summary of the hour, which becomes a record when the hour is over. */
void chain_not_wanted(struct ledger *ledger, int64_t folder, uint32_t first, uint32_t last);
/* All summaries become records: at opening and closing. */
void chain_summaries(struct ledger *ledger);

/* ---- spans (span.c) ---- */

/* false: there is no such folder, and the batch has failed. */
bool folder_seen_through(struct ledger *ledger, int64_t folder, uint32_t *seen_through);
void folder_advance(struct ledger *ledger, int64_t folder, uint32_t seen_through);
/* Makes room for a message row, or for the UID's place among the unfetched. */
void span_take_out(struct ledger *ledger, int64_t folder, uint32_t uid);
void span_note(struct ledger *ledger, int64_t folder, uint32_t first, uint32_t last,
               enum uid_state state, const char *reason);
void unfetched_add(struct ledger *ledger, int64_t folder, uint32_t uid, const char *reason);
void unfetched_clear(struct ledger *ledger, int64_t folder, uint32_t first, uint32_t last);

#endif
