#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/command/report_private.h"
#include "agent/ledger/store/store.h"
#include "rules/util/memory.h"
#include "rules/util/octet.h"

struct verifying {
    const struct report *report;
    void (*finding)(void *arg, const char *text);
    void *arg;
    unsigned findings;
    sqlite3_stmt *message, *copies, *copy, *delivered;
};

__attribute__((format(printf, 2, 3))) static void found(struct verifying *verifying,
                                                        const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = xvasprintf(format, arguments);
    va_end(arguments);
    verifying->findings++;
    if (verifying->finding != NULL)
        verifying->finding(verifying->arg, text);
    free(text);
}

/* ---- a record's body: key=value, as ledger/store/chain.c writes it ---- */

struct pair {
    char key[32];
    char *value; /* decoded; large enough for the whole body */
};

static const char *decode(const char *p, char *value)
{
    while (*p != '\0' && *p != ' ') {
        int high = p[0] == '%' ? octet_hex(p[1]) : -1;
        int low = high >= 0 ? octet_hex(p[2]) : -1;
        if (low >= 0) {
            *value++ = (char)(high << 4 | low);
            p += 3;
        } else {
            *value++ = *p++;
        }
    }
    *value = '\0';
    return p;
}

/* The next pair after p, or NULL at the end. */
static const char *next_pair(const char *p, struct pair *pair)
{
    while (*p == ' ')
        p++;
    const char *sign = strchr(p, '=');
    if (sign == NULL)
        return NULL;
    size_t len = (size_t)(sign - p);
    if (len >= sizeof(pair->key))
        len = sizeof(pair->key) - 1;
    memcpy(pair->key, p, len);
    pair->key[len] = '\0';
    return decode(sign + 1, pair->value);
}

/* The first value of that key, or "". */
static const char *value_of(const char *body, const char *key, struct pair *pair)
{
    for (const char *p = next_pair(body, pair); p != NULL; p = next_pair(p, pair))
        if (strcmp(pair->key, key) == 0)
            return pair->value;
    return "";
}

static int64_t number_of(const char *body, const char *key, struct pair *pair)
{
    return strtoll(value_of(body, key, pair), NULL, 10);
}

/* ---- records against the tables ---- */

static bool has_copy(struct verifying *verifying, int64_t message, const char *target,
                     const char *monitor_id)
{
    sqlite3_reset(verifying->copy);
    sqlite3_bind_int64(verifying->copy, 1, message);
    sqlite3_bind_text(verifying->copy, 2, target, -1, SQLITE_STATIC);
    sqlite3_bind_text(verifying->copy, 3, monitor_id, -1, SQLITE_STATIC);
    return sqlite3_step(verifying->copy) == SQLITE_ROW;
}

/* The copies that the record names, and no others, must exist. */
static void check_copies(struct verifying *verifying, int64_t seq, int64_t message,
                         const char *body, struct pair *pair)
{
    int64_t named = 0;
    char *target = NULL;
    for (const char *p = next_pair(body, pair); p != NULL; p = next_pair(p, pair)) {
        if (strcmp(pair->key, "target") == 0) {
            free(target);
            target = xstrdup(pair->value);
        } else if (strcmp(pair->key, "id") == 0 && target != NULL) {
            named++;
            if (!has_copy(verifying, message, target, pair->value))
                found(verifying,
                      "record %" PRId64 ": the copy for %s of message %" PRId64
                      " is missing in the ledger",
                      seq, target, message);
        }
    }
    free(target);
    sqlite3_reset(verifying->copies);
    sqlite3_bind_int64(verifying->copies, 1, message);
    if (sqlite3_step(verifying->copies) == SQLITE_ROW &&
        sqlite3_column_int64(verifying->copies, 0) > named)
        found(verifying,
              "record %" PRId64 ": message %" PRId64
              " has copies in the ledger that it does not name",
              seq, message);
}

static void check_message(struct verifying *verifying, int64_t seq, const char *body,
                          struct pair *pair)
{
    int64_t message = number_of(body, "message", pair);
    sqlite3_reset(verifying->message);
    sqlite3_bind_int64(verifying->message, 1, message);
    if (sqlite3_step(verifying->message) != SQLITE_ROW) {
        found(verifying, "record %" PRId64 ": its message %" PRId64 " is missing in the ledger",
              seq, message);
        return;
    }
    static const char *const keys[] = {"sha256", "account", "folder", "uidvalidity", "uid", "size"};
    for (int i = 0; i < (int)(sizeof(keys) / sizeof(keys[0])); i++)
        if (strcmp(value_of(body, keys[i], pair), report_text(verifying->message, i)) != 0)
            found(verifying,
                  "record %" PRId64 ": the %s of message %" PRId64 " differs in the ledger", seq,
                  keys[i], message);
    check_copies(verifying, seq, message, body, pair);
}

static void check_delivered(struct verifying *verifying, int64_t seq, const char *body,
                            struct pair *pair)
{
    int64_t copy = number_of(body, "copy", pair);
    sqlite3_reset(verifying->delivered);
    sqlite3_bind_int64(verifying->delivered, 1, copy);
    if (sqlite3_step(verifying->delivered) != SQLITE_ROW) {
        found(verifying, "record %" PRId64 ": copy %" PRId64 " is not delivered in the ledger", seq,
              copy);
        return;
    }
    static const char *const keys[] = {"message", "target", "id", "folder", "uid", "body"};
    for (int i = 0; i < (int)(sizeof(keys) / sizeof(keys[0])); i++)
        if (strcmp(value_of(body, keys[i], pair), report_text(verifying->delivered, i)) != 0)
            found(verifying, "record %" PRId64 ": the %s of copy %" PRId64 " differs in the ledger",
                  seq, keys[i], copy);
}

static void check_record(struct verifying *verifying, int64_t seq, const char *kind,
                         const char *body)
{
    struct pair pair = {.value = xmalloc(strlen(body) + 1)};
    if (strcmp(kind, "captured") == 0 || strcmp(kind, "duplicate") == 0 ||
        strcmp(kind, "joined") == 0)
        check_message(verifying, seq, body, &pair);
    else if (strcmp(kind, "delivered") == 0)
        check_delivered(verifying, seq, body, &pair);
    free(pair.value);
}

/* ---- the chain ---- */

static uint64_t walk_chain(struct verifying *verifying, unsigned char head[DIGEST])
{
    uint64_t seq = 0, records = 0;
    memset(head, 0, DIGEST);
    sqlite3_stmt *query =
        report_query(verifying->report, "SELECT seq, at, kind, body, hash FROM chain ORDER BY seq");
    while (sqlite3_step(query) == SQLITE_ROW) {
        unsigned char hash[DIGEST], recorded[DIGEST];
        uint64_t number = (uint64_t)sqlite3_column_int64(query, 0);
        const char *kind = report_text(query, 2), *body = report_text(query, 3);
        if (number != seq + 1)
            found(verifying, "records %" PRIu64 " to %" PRIu64 " are missing", seq + 1, number - 1);
        chain_hash(head, number, sqlite3_column_int64(query, 1), kind, body, hash);
        column_digest(query, 4, recorded);
        if (memcmp(hash, recorded, DIGEST) != 0)
            found(verifying,
                  "record %" PRIu64 ": its hash does not match its text and the previous"
                  " record",
                  number);
        check_record(verifying, (int64_t)number, kind, body);
        memcpy(head, recorded, DIGEST);
        seq = number;
        records++;
    }
    sqlite3_finalize(query);
    return records;
}

static void check_head(struct verifying *verifying, const unsigned char head[DIGEST])
{
    unsigned char recorded[DIGEST];
    sqlite3_stmt *query =
        report_query(verifying->report, "SELECT value FROM meta WHERE key = 'chain_head'");
    if (sqlite3_step(query) != SQLITE_ROW || !column_digest(query, 0, recorded) ||
        memcmp(recorded, head, DIGEST) != 0)
        found(verifying, "the end of the chain is missing or different");
    sqlite3_finalize(query);
}

/* Rows whose record is missing or is not about them; the query gives their numbers. */
static void check_rows(struct verifying *verifying, const char *what, const char *sql)
{
    sqlite3_stmt *query = report_query(verifying->report, sql);
    while (sqlite3_step(query) == SQLITE_ROW)
        found(verifying, "%s %" PRId64 " has no record in the chain", what,
              (int64_t)sqlite3_column_int64(query, 0));
    sqlite3_finalize(query);
}

static void prepare(struct verifying *verifying)
{
    verifying->message = report_query(
        verifying->report, "SELECT lower(hex(m.sha256)), a.name, f.name, f.uidvalidity, m.uid,"
                           " m.size FROM message m JOIN folder f ON f.id = m.folder"
                           " JOIN account a ON a.id = m.account WHERE m.id = ?1");
    verifying->copies =
        report_query(verifying->report, "SELECT count(*) FROM copy WHERE message = ?1");
    verifying->copy =
        report_query(verifying->report,
                     "SELECT 1 FROM copy WHERE message = ?1 AND target = ?2 AND monitor_id = ?3");
    verifying->delivered = report_query(
        verifying->report, "SELECT message, target, monitor_id, target_folder, target_uid,"
                           " lower(hex(body_sha256)) FROM copy WHERE id = ?1 AND state = 2");
}

unsigned report_verify_chain(struct report *report, uint64_t *records, char head_text[65],
                             void (*finding)(void *arg, const char *text), void *arg)
{
    struct verifying verifying = {.report = report, .finding = finding, .arg = arg};
    unsigned char head[DIGEST];
    sqlite3_exec(report->db, "BEGIN", NULL, NULL, NULL);
    prepare(&verifying);
    *records = walk_chain(&verifying, head);
    check_head(&verifying, head);
    check_rows(&verifying, "message",
               "SELECT m.id FROM message m LEFT JOIN chain c ON c.seq = m.chain"
               " WHERE c.seq IS NULL OR c.kind NOT IN ('captured', 'duplicate', 'joined')"
               " OR c.body NOT LIKE 'message=' || m.id || ' %'");
    check_rows(&verifying, "the delivery of copy",
               "SELECT o.id FROM copy o LEFT JOIN chain c ON c.seq = o.chain WHERE o.state = 2"
               " AND (c.seq IS NULL OR c.kind <> 'delivered'"
               " OR c.body NOT LIKE 'copy=' || o.id || ' %')");
    sqlite3_finalize(verifying.message);
    sqlite3_finalize(verifying.copies);
    sqlite3_finalize(verifying.copy);
    sqlite3_finalize(verifying.delivered);
    sqlite3_exec(report->db, "COMMIT", NULL, NULL, NULL);
    for (size_t i = 0; i < DIGEST; i++)
        snprintf(head_text + i * 2, 3, "%02x", head[i]);
    return verifying.findings;
}

/* ---- originals ---- */

unsigned report_verify_spool(struct report *report, uint64_t *originals,
                             void (*finding)(void *arg, const char *text), void *arg)
{
    struct verifying verifying = {.report = report, .finding = finding, .arg = arg};
    *originals = 0;
    sqlite3_stmt *query =
        report_query(report, "SELECT id, segment, offset, size, sha256 FROM message WHERE id IN"
                             " (SELECT message FROM copy WHERE state NOT IN (2, 4)) ORDER BY id");
    while (sqlite3_step(query) == SQLITE_ROW) {
        unsigned char sha256[DIGEST];
        column_digest(query, 4, sha256);
        char *why = spool_check_octets(report->spool_fd, (uint64_t)sqlite3_column_int64(query, 1),
                                       (uint64_t)sqlite3_column_int64(query, 2),
                                       (uint64_t)sqlite3_column_int64(query, 3), sha256);
        ++*originals;
        if (why != NULL)
            found(&verifying, "message %" PRId64 ": %s", (int64_t)sqlite3_column_int64(query, 0),
                  why);
        free(why);
    }
    sqlite3_finalize(query);
    return verifying.findings;
}
