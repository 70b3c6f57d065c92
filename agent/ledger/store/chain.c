#include <assert.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ledger/store/store.h"
#include "rules/util/memory.h"

#define HOUR 3600

/* The head is in meta too, so that a truncated chain is detected. */
void chain_load(struct ledger *ledger)
{
    sqlite3_stmt *query = ledger_query(ledger, "SELECT value FROM meta WHERE key = 'chain_seq'");
    ledger->chain.seq = 0;
    ledger->chain.changed = false;
    if (ledger_row(ledger, query)) {
        ledger->chain.seq = (uint64_t)column_number(query, 0);
        sqlite3_reset(query);
    }
    memset(ledger->chain.head, 0, DIGEST);
    query = ledger_query(ledger, "SELECT value FROM meta WHERE key = 'chain_head'");
    if (ledger_row(ledger, query)) {
        column_digest(query, 0, ledger->chain.head);
        sqlite3_reset(query);
    }
}

void chain_save(struct ledger *ledger)
{
    if (!ledger->chain.changed)
        return;
    sqlite3_stmt *query = ledger_query(
        ledger, "INSERT OR REPLACE INTO meta VALUES('chain_seq', ?1), ('chain_head', ?2)");
    bind_number(query, 1, (int64_t)ledger->chain.seq);
    bind_digest(query, 2, ledger->chain.head);
    ledger_run(ledger, query);
    ledger->chain.changed = false;
}

static void add(struct ledger *ledger, const char *text, size_t len)
{
    if (ledger->chain.len + len + 1 > ledger->chain.room) {
        ledger->chain.room = (ledger->chain.len + len + 1) * 2;
        ledger->chain.text = xrealloc(ledger->chain.text, ledger->chain.room);
    }
    memcpy(ledger->chain.text + ledger->chain.len, text, len);
    ledger->chain.len += len;
    ledger->chain.text[ledger->chain.len] = '\0';
}

void chain_begin(struct ledger *ledger)
{
    ledger->chain.len = 0;
    add(ledger, "", 0);
}

static void add_key(struct ledger *ledger, const char *key)
{
    if (ledger->chain.len > 0)
        add(ledger, " ", 1);
    add(ledger, key, strlen(key));
    add(ledger, "=", 1);
}

void chain_text(struct ledger *ledger, const char *key, const char *value)
{
    static const char hex[] = "0123456789ABCDEF";
    assert(ledger->chain.text != NULL); /* chain_begin() was called */
    add_key(ledger, key);
    for (const unsigned char *p = (const unsigned char *)value; *p != '\0'; p++) {
        char octet = (char)*p;
        if (*p > ' ' && *p < 0x7f && *p != '%' && *p != '=')
            add(ledger, &octet, 1);
        else
            add(ledger, (char[]){'%', hex[*p >> 4], hex[*p & 15]}, 3);
    }
}

void chain_number(struct ledger *ledger, const char *key, uint64_t value)
{
    char text[24];
    int len = snprintf(text, sizeof(text), "%" PRIu64, value);
    add_key(ledger, key);
    add(ledger, text, (size_t)len);
}

void chain_digest(struct ledger *ledger, const char *key, const unsigned char digest[DIGEST])
{
    static const char hex[] = "0123456789abcdef";
    char text[DIGEST * 2];
    for (size_t i = 0; i < DIGEST; i++) {
        text[i * 2] = hex[digest[i] >> 4];
        text[i * 2 + 1] = hex[digest[i] & 15];
    }
    add_key(ledger, key);
    add(ledger, text, sizeof(text));
}

void chain_folder(struct ledger *ledger, int64_t folder)
{
    sqlite3_stmt *query =
        ledger_query(ledger, "SELECT account.name, folder.name, folder.uidvalidity FROM folder"
                             " JOIN account ON account.id = folder.account WHERE folder.id = ?1");
    bind_number(query, 1, folder);
    if (!ledger_row(ledger, query))
        return;
    chain_text(ledger, "account", column_text(query, 0));
    chain_text(ledger, "folder", column_text(query, 1));
    chain_number(ledger, "uidvalidity", column_uid(query, 2));
    sqlite3_reset(query);
}

static void big_endian(unsigned char octets[8], uint64_t number)
{
    for (int i = 7; i >= 0; i--) {
        octets[i] = (unsigned char)(number & 0xff);
        number >>= 8;
    }
}

void chain_hash(const unsigned char previous[DIGEST], uint64_t seq, int64_t at, const char *kind,
                const char *body, unsigned char hash[DIGEST])
{
    unsigned char numbers[16];
    big_endian(numbers, seq);
    big_endian(numbers + 8, (uint64_t)at);
    EVP_MD_CTX *context = memory_check(EVP_MD_CTX_new());
    if (EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1 ||
        EVP_DigestUpdate(context, previous, DIGEST) != 1 ||
        EVP_DigestUpdate(context, numbers, sizeof(numbers)) != 1 ||
        EVP_DigestUpdate(context, kind, strlen(kind) + 1) != 1 ||
        EVP_DigestUpdate(context, body, strlen(body)) != 1 ||
        EVP_DigestFinal_ex(context, hash, NULL) != 1)
        abort();
    EVP_MD_CTX_free(context);
}

uint64_t chain_end(struct ledger *ledger, const char *kind)
{
    if (ledger->failed)
        return 0;
    uint64_t seq = ledger->chain.seq + 1;
    unsigned char hash[DIGEST];
    chain_hash(ledger->chain.head, seq, ledger->now, kind, ledger->chain.text, hash);
    sqlite3_stmt *query = ledger_query(ledger, "INSERT INTO chain VALUES(?1, ?2, ?3, ?4, ?5)");
    bind_number(query, 1, (int64_t)seq);
    bind_number(query, 2, ledger->now);
    bind_text(query, 3, kind);
    bind_text(query, 4, ledger->chain.text);
    bind_digest(query, 5, hash);
    ledger_run(ledger, query);
    ledger->chain.seq = seq;
    memcpy(ledger->chain.head, hash, DIGEST);
    ledger->chain.changed = true;
    return seq;
}

/* ---- summaries of what was not wanted ---- */

struct summary {
    int64_t folder, hour;
    uint64_t messages;
    uint32_t first, last;
};

static void summary_record(struct ledger *ledger, const struct summary *summary)
{
    chain_begin(ledger);
    chain_folder(ledger, summary->folder);
    chain_number(ledger, "hour", (uint64_t)summary->hour * HOUR);
    chain_number(ledger, "messages", summary->messages);
    chain_number(ledger, "first", summary->first);
    chain_number(ledger, "last", summary->last);
    chain_end(ledger, "not-wanted");
}

static bool summary_read(struct ledger *ledger, sqlite3_stmt *query, struct summary *summary)
{
    if (!ledger_row(ledger, query))
        return false;
    summary->folder = column_number(query, 0);
    summary->hour = column_number(query, 1);
    summary->messages = (uint64_t)column_number(query, 2);
    summary->first = column_uid(query, 3);
    summary->last = column_uid(query, 4);
    sqlite3_reset(query);
    return true;
}

static void summary_end(struct ledger *ledger, const struct summary *summary)
{
    summary_record(ledger, summary);
    sqlite3_stmt *query = ledger_query(ledger, "DELETE FROM summary WHERE folder = ?1");
    bind_number(query, 1, summary->folder);
    ledger_run(ledger, query);
}

void chain_not_wanted(struct ledger *ledger, int64_t folder, uint32_t first, uint32_t last)
{
    struct summary before;
    int64_t hour = ledger->now / HOUR;
    sqlite3_stmt *query = ledger_query(
        ledger, "SELECT folder, hour, messages, first, last FROM summary WHERE folder = ?1");
    bind_number(query, 1, folder);
    if (summary_read(ledger, query, &before) && before.hour != hour)
        summary_end(ledger, &before);
    query = ledger_query(ledger, "INSERT INTO summary VALUES(?1, ?2, ?3, ?4, ?5)"
                                 " ON CONFLICT(folder) DO UPDATE SET"
                                 " messages = messages + excluded.messages,"
                                 " first = min(first, excluded.first),"
                                 " last = max(last, excluded.last)");
    bind_number(query, 1, folder);
    bind_number(query, 2, hour);
    bind_number(query, 3, (int64_t)last - first + 1);
    bind_number(query, 4, first);
    bind_number(query, 5, last);
    ledger_run(ledger, query);
}

void chain_summaries(struct ledger *ledger)
{
    struct summary summary;
    for (;;) {
        sqlite3_stmt *query =
            ledger_query(ledger, "SELECT folder, hour, messages, first, last FROM summary LIMIT 1");
        if (!summary_read(ledger, query, &summary))
            return;
        summary_end(ledger, &summary);
    }
}
