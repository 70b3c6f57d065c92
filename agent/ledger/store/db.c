#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "agent/ledger/store/store.h"

void ledger_fail(struct ledger *ledger, const char *format, ...)
{
    if (ledger->failed)
        return;
    ledger->failed = true;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(ledger->failure, sizeof(ledger->failure), format, arguments);
    va_end(arguments);
}

static void fail_database(struct ledger *ledger)
{
    int system = sqlite3_system_errno(ledger->db);
    int code = sqlite3_extended_errcode(ledger->db);
    if ((code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB ||
        (code & 0xff) == SQLITE_ERROR)
        ledger->damaged = true;
    if ((code & 0xff) == SQLITE_IOERR && system != 0)
        ledger_fail(ledger, "ledger.db: %s (%s)", sqlite3_errmsg(ledger->db), strerror(system));
    else
        ledger_fail(ledger, "ledger.db: %s", sqlite3_errmsg(ledger->db));
}

bool ledger_execute(struct ledger *ledger, const char *sql)
{
    if (ledger->failed)
        return false;
    if (sqlite3_exec(ledger->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_database(ledger);
    return !ledger->failed;
}

static struct statement *slot(struct ledger *ledger, const char *sql)
{
    size_t place = (size_t)((uintptr_t)sql * 0x9e3779b97f4a7c15u >> 32) % STATEMENTS;
    for (size_t i = 0; i < STATEMENTS; i++) {
        struct statement *statement = &ledger->statements[(place + i) % STATEMENTS];
        if (statement->sql == NULL || statement->sql == sql)
            return statement;
    }
    return NULL;
}

sqlite3_stmt *ledger_query(struct ledger *ledger, const char *sql)
{
    if (ledger->failed)
        return NULL;
    struct statement *statement = slot(ledger, sql);
    if (statement == NULL) {
        ledger_fail(ledger, "ledger.db: more statements than expected");
        return NULL;
    }
    if (statement->sql == NULL) {
        if (sqlite3_prepare_v3(ledger->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement->prepared,
                               NULL) != SQLITE_OK) {
            fail_database(ledger);
            return NULL;
        }
        statement->sql = sql;
        return statement->prepared;
    }
    sqlite3_reset(statement->prepared);
    sqlite3_clear_bindings(statement->prepared);
    return statement->prepared;
}

bool ledger_row(struct ledger *ledger, sqlite3_stmt *query)
{
    if (ledger->failed || query == NULL)
        return false;
    int result = sqlite3_step(query);
    if (result == SQLITE_ROW)
        return true;
    if (result != SQLITE_DONE)
        fail_database(ledger);
    sqlite3_reset(query);
    return false;
}

int ledger_run(struct ledger *ledger, sqlite3_stmt *query)
{
    while (ledger_row(ledger, query))
        ;
    return ledger->failed ? 0 : sqlite3_changes(ledger->db);
}

void ledger_statements_free(struct ledger *ledger)
{
    for (size_t i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(ledger->statements[i].prepared);
    memset(ledger->statements, 0, sizeof(ledger->statements));
}

const char *column_text(sqlite3_stmt *query, int column)
{
    const unsigned char *text = sqlite3_column_text(query, column);
    return text == NULL ? "" : (const char *)text;
}

bool column_digest(sqlite3_stmt *query, int column, unsigned char digest[DIGEST])
{
    const void *blob = sqlite3_column_blob(query, column);
    if (blob == NULL || sqlite3_column_bytes(query, column) != DIGEST) {
        memset(digest, 0, DIGEST);
        return false;
    }
    memcpy(digest, blob, DIGEST);
    return true;
}
