#include <stdio.h>

#include "agent/ledger/store/store.h"

/*
 * Times are seconds since 1970. span and unfetched hold the UIDs without a message row.
 * folder.origin: 0 baseline, 1 came later than its account, 2 changed UIDVALIDITY.
 * message.segment 0: its octets are not kept (a duplicate) or are lost (note says so).
 * copy.due: not before; 0: at once. segment.live: copies in it that are not delivered.
 */
static const char schema_1[] =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE account(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
    " first_seen INTEGER NOT NULL, baselined INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE folder(id INTEGER PRIMARY KEY, account INTEGER NOT NULL REFERENCES account,"
    " name TEXT NOT NULL, uidvalidity INTEGER NOT NULL, origin INTEGER NOT NULL,"
    " previous_validity INTEGER NOT NULL, look_through INTEGER NOT NULL,"
    " seen_through INTEGER NOT NULL, modseq INTEGER NOT NULL DEFAULT 0,"
    " opened_at INTEGER NOT NULL, UNIQUE(account, name, uidvalidity));"
    "CREATE TABLE span(folder INTEGER NOT NULL REFERENCES folder, first INTEGER NOT NULL,"
    " last INTEGER NOT NULL, state INTEGER NOT NULL, reason TEXT NOT NULL, at INTEGER NOT NULL,"
    " at_last INTEGER NOT NULL, PRIMARY KEY(folder, first)) WITHOUT ROWID;"
    "CREATE TABLE unfetched(folder INTEGER NOT NULL REFERENCES folder, uid INTEGER NOT NULL,"
    " reason TEXT NOT NULL, attempts INTEGER NOT NULL, first_seen INTEGER NOT NULL,"
    " last_seen INTEGER NOT NULL, PRIMARY KEY(folder, uid)) WITHOUT ROWID;"
    "CREATE TABLE summary(folder INTEGER PRIMARY KEY REFERENCES folder, hour INTEGER NOT NULL,"
    " messages INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL);"
    "CREATE TABLE message(id INTEGER PRIMARY KEY, account INTEGER NOT NULL REFERENCES account,"
    " folder INTEGER NOT NULL REFERENCES folder, uid INTEGER NOT NULL, size INTEGER NOT NULL,"
    " sha256 BLOB NOT NULL, body_sha256 BLOB NOT NULL, sameness BLOB,"
    " internaldate INTEGER NOT NULL, zone INTEGER NOT NULL, header_len INTEGER NOT NULL,"
    " captured_at INTEGER NOT NULL, segment INTEGER NOT NULL, offset INTEGER NOT NULL,"
    " state INTEGER NOT NULL, duplicate_of INTEGER REFERENCES message, note TEXT NOT NULL,"
    " chain INTEGER NOT NULL);"
    "CREATE UNIQUE INDEX message_uid ON message(folder, uid);"
    "CREATE INDEX message_content ON message(account, sha256);"
    "CREATE TABLE copy(id INTEGER PRIMARY KEY, message INTEGER NOT NULL REFERENCES message,"
    " target TEXT NOT NULL, monitor_id TEXT NOT NULL, plan TEXT NOT NULL, sameness BLOB,"
    " state INTEGER NOT NULL, hold_until INTEGER NOT NULL, due INTEGER NOT NULL,"
    " attempts INTEGER NOT NULL DEFAULT 0, target_folder TEXT NOT NULL DEFAULT '',"
    " target_uidvalidity INTEGER NOT NULL DEFAULT 0, target_uidnext INTEGER NOT NULL DEFAULT 0,"
    " target_uid INTEGER NOT NULL DEFAULT 0, body_sha256 BLOB, reason TEXT NOT NULL DEFAULT '',"
    " delivered_at INTEGER NOT NULL DEFAULT 0, chain INTEGER NOT NULL DEFAULT 0);"
    "CREATE UNIQUE INDEX copy_id ON copy(monitor_id, target);"
    "CREATE INDEX copy_message ON copy(message);"
    "CREATE INDEX copy_open ON copy(target, state, due, message) WHERE state <> 2;"
    "CREATE INDEX copy_same ON copy(sameness, target) WHERE sameness IS NOT NULL;"
    "CREATE TABLE segment(id INTEGER PRIMARY KEY, size INTEGER NOT NULL, live INTEGER NOT NULL);"
    "CREATE TABLE chain(seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL,"
    " body TEXT NOT NULL, hash BLOB NOT NULL);"
    "CREATE TABLE tally(key TEXT PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID;";

/*
 * Probes (ledger/probe.c). Times without "boot" in their name are microseconds since 1970;
 * reflected.at is seconds. id and number only give the order. The columns of probe_counts are read
 * and written by their places.
 */
static const char schema_2[] =
    "CREATE TABLE probe_entry(id INTEGER PRIMARY KEY, probe TEXT NOT NULL, nonce BLOB NOT NULL,"
    " state INTEGER NOT NULL, began INTEGER NOT NULL, began_boot INTEGER NOT NULL,"
    " began_boot_id TEXT NOT NULL, accepted INTEGER NOT NULL, returned INTEGER NOT NULL,"
    " returned_boot INTEGER NOT NULL, returned_boot_id TEXT NOT NULL, duration INTEGER NOT NULL,"
    " folder TEXT NOT NULL, uidvalidity INTEGER NOT NULL, uid INTEGER NOT NULL,"
    " UNIQUE(probe, nonce));"
    "CREATE TABLE probe_counts(probe TEXT PRIMARY KEY, sent INTEGER NOT NULL,"
    " returned INTEGER NOT NULL, late INTEGER NOT NULL, lost INTEGER NOT NULL,"
    " uncertain INTEGER NOT NULL, outstanding INTEGER NOT NULL, duplicates INTEGER NOT NULL,"
    " after_verdict INTEGER NOT NULL, rejected_connect INTEGER NOT NULL,"
    " rejected_tls INTEGER NOT NULL, rejected_greeting INTEGER NOT NULL,"
    " rejected_capability INTEGER NOT NULL, rejected_auth INTEGER NOT NULL,"
    " rejected_mail INTEGER NOT NULL, rejected_rcpt INTEGER NOT NULL,"
    " rejected_data INTEGER NOT NULL, within_500ms INTEGER NOT NULL, within_1s INTEGER NOT NULL,"
    " within_2500ms INTEGER NOT NULL, within_5s INTEGER NOT NULL, within_10s INTEGER NOT NULL,"
    " within_30s INTEGER NOT NULL, within_1m INTEGER NOT NULL, within_2m INTEGER NOT NULL,"
    " within_5m INTEGER NOT NULL, within_10m INTEGER NOT NULL, within_15m INTEGER NOT NULL,"
    " within_30m INTEGER NOT NULL, within_1h INTEGER NOT NULL, beyond INTEGER NOT NULL,"
    " duration_sum REAL NOT NULL, last_duration REAL NOT NULL, last_success INTEGER NOT NULL,"
    " last_sent INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE probe_told(probe TEXT PRIMARY KEY, status INTEGER NOT NULL,"
    " since INTEGER NOT NULL, told_at INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE probe_place(who TEXT NOT NULL, folder TEXT NOT NULL,"
    " uidvalidity INTEGER NOT NULL, seen_through INTEGER NOT NULL, PRIMARY KEY(who, folder))"
    " WITHOUT ROWID;"
    "CREATE TABLE reflected(reflector TEXT NOT NULL, number INTEGER NOT NULL, nonce BLOB NOT NULL,"
    " at INTEGER NOT NULL, PRIMARY KEY(reflector, number)) WITHOUT ROWID;"
    "CREATE UNIQUE INDEX reflected_nonce ON reflected(reflector, nonce);";

/*
 * What is configured (ledger/watched.c). account.watched: 0 not known (an older version), 1 now,
 * 2 before. account.first_seen, pattern.since 0: not listed since it was configured.
 * pattern.baselined 2: not configured any more, kept until what replaced it is baselined.
 */
static const char schema_watched[] =
    "ALTER TABLE account ADD COLUMN watched INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE account ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE folder ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE pattern(account INTEGER NOT NULL REFERENCES account, name TEXT NOT NULL,"
    " since INTEGER NOT NULL, baselined INTEGER NOT NULL, PRIMARY KEY(account, name))"
    " WITHOUT ROWID;";

/*
 * Which messages are the same, and which are copies of ours (ledger/known.c). message.sent: its
 * owner sent it. place: the folders that copies were sent to; copy.place 0: none, or before this
 * version. copy.octets: sameness_of_copy() of what was sent. copy.chained: its message was such a
 * copy itself, as something had changed it.
 */
static const char schema_same[] =
    "ALTER TABLE message ADD COLUMN sent INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX message_group ON message(duplicate_of, sent, account)"
    " WHERE duplicate_of IS NOT NULL;"
    "CREATE TABLE place(id INTEGER PRIMARY KEY, target TEXT NOT NULL, mailbox TEXT NOT NULL,"
    " folder TEXT NOT NULL, UNIQUE(mailbox, folder, target));"
    "ALTER TABLE copy ADD COLUMN place INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE copy ADD COLUMN octets BLOB;"
    "ALTER TABLE copy ADD COLUMN chained INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX copy_uid ON copy(target_uid, target_uidvalidity) WHERE target_uid <> 0;";

/* What each version added to the one before it. */
static const char *const schemas[LEDGER_SCHEMA] = {schema_1, schema_2, schema_watched, schema_same};

bool ledger_schema_advance(struct ledger *ledger, int version)
{
    char pragma[40];
    for (int next = version; next < LEDGER_SCHEMA; next++)
        if (!ledger_execute(ledger, schemas[next]))
            return false;
    snprintf(pragma, sizeof(pragma), "PRAGMA user_version = %d", LEDGER_SCHEMA);
    return ledger_execute(ledger, pragma);
}
