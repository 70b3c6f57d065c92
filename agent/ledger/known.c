#include "agent/ledger/known.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "rules/util/memory.h"

int64_t known_number(struct ledger *ledger, sqlite3_stmt *query)
{
    if (!ledger_row(ledger, query))
        return 0;
    int64_t number = column_number(query, 0);
    sqlite3_reset(query);
    return number;
}

static bool same_folder(const char *a, const char *b)
{
    return strcmp(a, b) == 0 || (strcasecmp(a, "INBOX") == 0 && strcasecmp(b, "INBOX") == 0);
}

static void look_at_folder(struct ledger *ledger, int64_t folder, struct known *known)
{
    sqlite3_stmt *query =
        ledger_query(ledger, "SELECT account, uidvalidity, name FROM folder WHERE id = ?1");
    bind_number(query, 1, folder);
    if (!ledger_row(ledger, query))
        return;
    known->account = column_number(query, 0);
    known->uidvalidity = column_uid(query, 1);
    known->folder = xstrdup(column_text(query, 2));
    sqlite3_reset(query);
}

/* ---- copies of our own ---- */

/* A copy in the ledger, as the columns of COPY_PLACE have it. */
#define COPY_PLACE                                                                                 \
    "p.mailbox, c.target_folder, c.target_uidvalidity, c.target_uid, c.octets, c.chained"          \
    " FROM copy c JOIN place p ON p.id = c.place"

/*
 * Compares the message with a copy. Two names of one mailbox (two logins, two hosts) cannot be told
 * from two mailboxes; but where folder and UIDVALIDITY are equal and every octet is, nothing can
 * hide behind it.
 */
static void compare(const struct ledger_capture *capture, sqlite3_stmt *query, struct known *known)
{
    unsigned char octets[DIGEST];
    const char *mailbox = column_text(query, 0);
    bool same_mailbox =
        capture->mailbox != NULL && *mailbox != '\0' && strcmp(mailbox, capture->mailbox) == 0;
    bool in_folder = same_folder(column_text(query, 1), known->folder);
    bool same_validity = column_uid(query, 2) == known->uidvalidity;
    bool same_uid = same_validity && column_uid(query, 3) == capture->uid;
    bool same_octets = capture->has_octets && column_digest(query, 4, octets) &&
                       memcmp(octets, capture->octets, DIGEST) == 0;

    if (in_folder &&
        ((same_mailbox && (same_uid || same_octets)) || (same_validity && same_octets)))
        known->own = true;
    if (!same_mailbox && !(in_folder && same_validity))
        return;
    known->chained = true;
    if (column_number(query, 5) != 0)
        known->own_chain = true;
}

static void look_for_copy(struct ledger *ledger, const struct ledger_capture *capture,
                          struct known *known)
{
    sqlite3_stmt *query;
    if (capture->monitor_id != NULL) {
        query = ledger_query(ledger, "SELECT " COPY_PLACE " WHERE c.monitor_id = ?1");
        bind_text(query, 1, capture->monitor_id);
        while (ledger_row(ledger, query))
            compare(capture, query, known);
    }
    if (!known->own && capture->mailbox != NULL) {
        /* Its id may have been removed. */
        query = ledger_query(ledger, "SELECT " COPY_PLACE " WHERE c.target_uid = ?1"
                                     " AND c.target_uidvalidity = ?2 AND c.target_uid <> 0"
                                     " AND p.mailbox = ?3");
        bind_number(query, 1, capture->uid);
        bind_number(query, 2, known->uidvalidity);
        bind_text(query, 3, capture->mailbox);
        while (ledger_row(ledger, query))
            if (same_folder(column_text(query, 1), known->folder))
                compare(capture, query, known);
    }
    known->own_chain = known->own_chain && !known->own;
    known->own = known->own || known->own_chain;
}

void known_look(struct ledger *ledger, const struct ledger_capture *capture, struct known *known)
{
    *known = (struct known){0};
    look_at_folder(ledger, capture->folder, known);
    if (known->folder != NULL)
        look_for_copy(ledger, capture, known);
}

/* ---- the folder of the message itself ---- */

static bool is_separator(char c)
{
    return c == '/' || c == '.' || c == '\\' || c == '_';
}

static bool same_parts(const char *a, const char *b)
{
    for (; *a != '\0' && *b != '\0'; a++, b++)
        if (*a != *b && !(is_separator(*a) && is_separator(*b)))
            return false;
    return *a == *b;
}

/* Whether the name may be those parts on a server: with whatever separator, and below the prefix
 * of a namespace. */
static bool may_be(const char *name, const char *parts)
{
    size_t len = strlen(name), end = strlen(parts);
    if (len > end + 1 && is_separator(name[len - end - 1]))
        name += len - end;
    return same_parts(name, parts);
}

static bool has_copies_of(struct ledger *ledger, const char *target, const char *mailbox,
                          const char *folder)
{
    sqlite3_stmt *query = ledger_query(
        ledger, "SELECT id FROM place WHERE mailbox = ?1 AND folder = ?2 AND target = ?3");
    bind_text(query, 1, mailbox);
    bind_text(query, 2, folder);
    bind_text(query, 3, target);
    return known_number(ledger, query) != 0;
}

/* Whether the copy would go to the folder that its message lies in. Names that are equal only by
 * and large count where the target has had copies in that very folder. */
static bool goes_round(struct ledger *ledger, const struct ledger_capture *capture,
                       const struct known *known, const struct ledger_new_copy *copy)
{
    if (copy->folder == NULL || capture->mailbox == NULL)
        return false;
    return same_folder(copy->folder, known->folder) ||
           (may_be(known->folder, copy->folder) &&
            has_copies_of(ledger, copy->target, capture->mailbox, known->folder));
}

/* ---- twins: the same octets in the same account ---- */

/* The same octets in the account, seen in another folder. Sent twice in one folder are two mails
 * that the owner sent. */
static void find_twin(struct ledger *ledger, const struct ledger_capture *capture,
                      struct known *known)
{
    sqlite3_stmt *query = ledger_query(ledger, "SELECT id, coalesce(duplicate_of, id) FROM message"
                                               " WHERE account = ?1 AND sha256 = ?2"
                                               " AND NOT (?3 AND folder = ?4) ORDER BY id LIMIT 1");
    bind_number(query, 1, known->account);
    bind_digest(query, 2, capture->sha256);
    bind_number(query, 3, capture->sent);
    bind_number(query, 4, capture->folder);
    if (!ledger_row(ledger, query))
        return;
    known->twin = column_number(query, 0);
    known->root = column_number(query, 1);
    sqlite3_reset(query);
}

/* Of a twin, or of the group that a twin belongs to. A copy that was given up does for nobody else,
 * except where the octets that it lacked are here again: then it is made after all. */
static bool twin_has_copy(struct ledger *ledger, const struct ledger_capture *capture,
                          const struct known *known, const char *target)
{
    if (known->twin == 0)
        return false;
    sqlite3_stmt *query = ledger_query(
        ledger, "SELECT copy.id FROM message JOIN copy ON copy.message = message.id"
                " WHERE message.account = ?1 AND message.sha256 = ?2 AND copy.target = ?3"
                " AND NOT (?5 AND message.folder = ?6)"
                " AND (copy.state NOT IN (3, 4) OR copy.reason = ?4) LIMIT 1");
    bind_number(query, 1, known->account);
    bind_digest(query, 2, capture->sha256);
    bind_text(query, 3, target);
    bind_text(query, 4, REASON_ORIGINAL_LOST);
    bind_number(query, 5, capture->sent);
    bind_number(query, 6, capture->folder);
    if (known_number(ledger, query) != 0)
        return true;
    query =
        ledger_query(ledger, "SELECT copy.id FROM message JOIN copy ON copy.message = message.id"
                             " WHERE (message.id = ?1 OR message.duplicate_of = ?1)"
                             " AND copy.target = ?2 AND copy.state NOT IN (3, 4) LIMIT 1");
    bind_number(query, 1, known->root);
    bind_text(query, 2, target);
    return known_number(ledger, query) != 0;
}

/* ---- counterparts: the other halves of an internal message ---- */

/*
 * The copy of a counterpart at that target. All messages that name one as theirs are its group;
 * the message may not be in conflict with any of them. Only the latest groups are looked at: a
 * flood of messages with one sameness costs a bounded amount each, and copies too many.
 */
static bool find_counterpart(struct ledger *ledger, const struct ledger_capture *capture,
                             const struct known *known, const char *target, sqlite3_stmt **found)
{
    sqlite3_stmt *query = ledger_query(
        ledger,
        "SELECT c.id, c.root, c.state, c.hold_until, c.plan FROM"
        " (SELECT copy.id, copy.state, copy.hold_until, copy.plan,"
        "   coalesce(m.duplicate_of, m.id) AS root FROM copy JOIN message m ON m.id = copy.message"
        "   WHERE copy.sameness = ?1 AND copy.target = ?2 AND copy.sameness IS NOT NULL"
        "   AND copy.state NOT IN (3, 4) ORDER BY copy.id DESC LIMIT 16) c"
        " WHERE (?5 = 0 OR c.root = ?5)"
        " AND NOT EXISTS (SELECT 1 FROM message o WHERE o.id = c.root"
        "   AND (o.account = ?3 OR (?4 AND o.sent)))"
        " AND NOT EXISTS (SELECT 1 FROM message o WHERE o.duplicate_of = c.root"
        "   AND o.sent IN (0, 1) AND o.account = ?3)"
        " AND NOT EXISTS (SELECT 1 FROM message o WHERE o.duplicate_of = c.root"
        "   AND ?4 AND o.sent = 1)"
        " ORDER BY c.id LIMIT 1");
    bind_digest(query, 1, capture->sameness);
    bind_text(query, 2, target);
    bind_number(query, 3, known->account);
    bind_number(query, 4, capture->sent);
    bind_number(query, 5, known->root);
    *found = query;
    return ledger_row(ledger, query);
}

static void join_plan(struct ledger *ledger, const struct known_plans *plans, int64_t copy,
                      const char *held, const char *plan)
{
    if (plans->join == NULL)
        return;
    char *joined = plans->join(held, plan);
    sqlite3_stmt *query = ledger_query(ledger, "UPDATE copy SET plan = ?2 WHERE id = ?1");
    bind_number(query, 1, copy);
    bind_text(query, 2, joined);
    ledger_run(ledger, query);
    free(joined);
}

/* Joined while it is held; later only if it says all that this one would. */
static bool counterpart_has_copy(struct ledger *ledger, const struct ledger_capture *capture,
                                 const struct known_plans *plans, struct known *known,
                                 const struct ledger_new_copy *copy)
{
    sqlite3_stmt *query;
    if (!capture->has_sameness || !find_counterpart(ledger, capture, known, copy->target, &query))
        return false;
    int64_t id = column_number(query, 0), root = column_number(query, 1);
    bool held = column_number(query, 2) == COPY_PENDING && column_number(query, 3) > ledger->now;
    char *plan = xstrdup(column_text(query, 4));
    sqlite3_reset(query);
    bool does = held || plans->covers == NULL || plans->covers(plan, copy->plan);
    if (held) {
        join_plan(ledger, plans, id, plan, copy->plan);
        known->joined = true;
    }
    if (does)
        known->root = root;
    free(plan);
    return does;
}

/* ---- what is missing ---- */

static bool id_has_copy(struct ledger *ledger, const struct ledger_new_copy *copy)
{
    sqlite3_stmt *query =
        ledger_query(ledger, "SELECT id FROM copy WHERE monitor_id = ?1 AND target = ?2");
    bind_text(query, 1, copy->monitor_id);
    bind_text(query, 2, copy->target);
    return known_number(ledger, query) != 0;
}

void known_find_missing(struct ledger *ledger, const struct ledger_capture *capture,
                        const struct known_plans *plans, struct known *known)
{
    find_twin(ledger, capture, known);
    known->missing = xmalloc(capture->n_copies * sizeof(struct ledger_new_copy *) + 1);
    for (size_t i = 0; i < capture->n_copies; i++) {
        const struct ledger_new_copy *copy = &capture->copies[i];
        if (goes_round(ledger, capture, known, copy))
            known->n_left_out++;
        else if (!twin_has_copy(ledger, capture, known, copy->target) &&
                 !counterpart_has_copy(ledger, capture, plans, known, copy) &&
                 !id_has_copy(ledger, copy))
            known->missing[known->n_missing++] = copy;
    }
}

void known_clear(struct known *known)
{
    free(known->folder);
    free(known->missing);
    *known = (struct known){0};
}
