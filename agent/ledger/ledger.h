/*
 * The ledger and the spool: what was seen, captured and delivered, and the originals until then.
 * share/doc/design.md, "Ledger and spool".
 *
 * One thread (worker.h) owns SQLite (ledger.db, WAL, synchronous=FULL) and the spool's files, and
 * groups what is queued into one transaction with one fsync of the spool before it. Functions here
 * are called on the loop, return at once, and call `done` on the loop after the commit: what done
 * reports is durable. When the disk is full or fails, the batch is rolled back whole and tried
 * again (no done is called meanwhile); ledger_is_blocked() returns since when and why; capture
 * stops by itself as its callbacks do not come.
 *
 * Every function that takes a `done` returns a request that the caller may cancel
 * (ledger_cancel()).
 *
 * The state directory is 0700 and is locked by the running agent (ledger.lock).
 * Every message since the baseline has a state. Messages that were wanted have a row; all others
 * are kept as spans of UIDs with one state, merged as they grow.
 *
 * Hash chain: table chain(seq, at, kind, body, hash), hash = SHA-256(previous hash, seq, at, kind,
 * body). Recorded: opening with the digest of the rules, baselines, UIDVALIDITY changes, captured,
 * delivered, duplicates, exempt, vanished, failed, every one; not-wanted messages as one summary
 * record a folder and hour, and at the close; and what an officer retried or dropped.
 */
#ifndef AGENT_LEDGER_LEDGER_H
#define AGENT_LEDGER_LEDGER_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "agent/ledger/store/types.h"

struct ledger;

/*
 * A request whose done was not called yet. It is valid until its done is called, until it is
 * cancelled, or until ledger_close() returns, whichever comes first. Callers that outlive the
 * ledger may ignore it.
 */
struct ledger_request;
/*
 * done will not be called. The work itself is still carried out, and what the request holds is
 * freed. On the loop, also from within the done of another request. NULL is ignored.
 */
void ledger_cancel(struct ledger_request *request);

struct ledger_options {
    const char *state_dir;
    const char *instance;
    const char *rules_digest; /* hex SHA-256 of the rules */
    uint64_t segment_max;     /* octets of one spool segment; 0: 64 MiB */
    uint64_t buffer_high; /* octets on their way to the disk before ledger_is_full(); 0: 8 MiB */
};

enum ledger_open_error {
    LEDGER_OPENED,
    LEDGER_IN_USE, /* by a running agent (its pid is in *why) */
    LEDGER_OTHER_INSTANCE,
    LEDGER_NEWER_VERSION,
    LEDGER_DAMAGED,
    LEDGER_SYSTEM, /* permissions, disk */
};

/* Creates state_dir's contents (ledger.db, spool/, instance.key of 32 random octets, 0600) at first
 * use; recovers after a crash. *why (caller frees): what is wrong and how to fix it. */
enum ledger_open_error ledger_open(struct event_base *base, const struct ledger_options *options,
                                   struct ledger **ledger, char **why);
/* What opening found missing or set aside in the spool, for the log; NULL: nothing. Messages whose
 * octets are gone have their copies failed with that reason and their UIDs in the retry list, so
 * that a capture of the same octets mends them. */
const char *ledger_damage(const struct ledger *ledger);
/* Finishes what is queued, calls all done, closes. For what a full disk refuses to the end no
 * done is called. Entries not yet captured must have been aborted. Not from inside a done. */
void ledger_close(struct ledger *ledger);
const unsigned char *ledger_key(const struct ledger *ledger); /* 32 octets */
/* NULL: it can commit. Else why the ledger cannot commit, since *since (may be NULL); valid until
 * the next call. */
const char *ledger_is_blocked(const struct ledger *ledger, time_t *since);

/* ---- what is watched ---- */

struct ledger_configured_account {
    const char *account;
    char *const *folders; /* as configured; NULL-terminated */
};
/*
 * At the start and at each reload, before anything is opened: all accounts that are to be watched.
 * The ledger knows by it which were taken out and put back, and which folders are wanted only since
 * now: both begin with a baseline of their own. That the agent was down is no such pause.
 */
void ledger_configured(struct ledger *ledger, const struct ledger_configured_account *accounts,
                       size_t n);

struct ledger_pattern {
    char *name; /* as configured: "INBOX", "*" */
    time_t since;
    bool baselined; /* all folders that it named at first have been opened */
    /* Not configured any more. What it names was wanted without a pause until the configuration
     * that replaced it, whose folders are not all opened yet. */
    bool former;
};
struct ledger_account {
    bool known;         /* every folder that is configured now has been opened since */
    time_t baseline_at; /* when the account was first seen, or seen again after a pause */
    struct ledger_pattern *patterns; /* none: the account was never configured */
    size_t n_patterns;
};
/* account is borrowed for the call. */
typedef void ledger_account_done(void *arg, const struct ledger_account *account);
struct ledger_request *ledger_account_open(struct ledger *ledger, const char *account,
                                           ledger_account_done *done, void *arg);
/* All of them are opened, which are all that the configuration names now; NULL-terminated. */
void ledger_account_baselined(struct ledger *ledger, const char *account, char *const *folders);

/* ---- folders ---- */

struct ledger_range {
    uint32_t first, last;
};

struct ledger_folder {
    int64_t id;
    bool first_sight;      /* of this account's folder of that name, with any UIDVALIDITY */
    bool validity_changed; /* seen before under another UIDVALIDITY: resolve by content */
    /* Both are reported again at later openings (after a crash) until every UID that was there at
     * the first has a state. */
    uint32_t previous_validity;
    uint32_t look_through; /* with first_sight or validity_changed: the last UID at that time */
    uint32_t seen_through; /* every UID up to it has a state */
    uint64_t modseq;       /* as last noted, 0: none */
    time_t baseline_at;    /* when the account was first seen; what is older came before us */
    uint32_t *retry;       /* UIDs in state unfetched, ascending; borrowed for the call */
    size_t n_retry;
    struct ledger_range *drafts; /* UIDs in state draft, ascending; borrowed for the call */
    size_t n_drafts;
};
typedef void ledger_folder_done(void *arg, const struct ledger_folder *folder);

/*
 * At every EXAMINE. uidnext: 1 or more; if the server does not report it, the caller counts.
 *
 * fresh: nothing in the configuration named the folder until now (no pattern that includes it is
 * baselined). Unless it was watched under the configuration before, such a folder gets a baseline:
 * all UIDs below uidnext without a state came before it. One that appears later, or whose
 * UIDVALIDITY changed, starts with seen_through = 0: its messages are examined one by one, and
 * capture takes those whose INTERNALDATE and topmost Received are before baseline_at as before the
 * baseline.
 */
struct ledger_request *ledger_folder_open(struct ledger *ledger, const char *account,
                                          const char *folder, uint32_t uidvalidity,
                                          uint32_t uidnext, bool fresh, ledger_folder_done *done,
                                          void *arg);
void ledger_modseq(struct ledger *ledger, int64_t folder, uint64_t modseq);

/*
 * UIDs first to last have that state, and all up to last have one: seen_through = last if that
 * is more. reason may be NULL. The first state recorded for a UID is final (one that was not
 * wanted, or captured, and is gone later did not vanish), except that unfetched, draft and inferred
 * vanished UIDs may change. A capture overrides every state, as backfill needs.
 * UID_UNFETCHED keeps the UIDs for ledger_folder.retry until a note or a capture of them.
 */
void ledger_note(struct ledger *ledger, int64_t folder, uint32_t first, uint32_t last,
                 enum uid_state state, const char *reason);

/* ---- capture ---- */

/*
 * An original on its way into the spool. Octets are copied; small ones wait in memory for the next
 * batch, big ones go to a segment of their own while they come. While ledger_is_full() the caller
 * should stop feeding; on_room (set once) is called on the loop when there is room again. Full
 * counts only octets that were handed to the thread, so it ends without the caller's help.
 */
struct spool_entry;
struct spool_entry *spool_entry_new(struct ledger *ledger);
void spool_entry_write(struct spool_entry *entry, const void *data, size_t len);
void spool_entry_abort(struct spool_entry *entry); /* forgets all of it */
bool ledger_is_full(const struct ledger *ledger);
void ledger_on_room(struct ledger *ledger, void (*on_room)(void *arg), void *arg);

struct ledger_new_copy {
    const char *target;
    const char *monitor_id;
    const char *plan;  /* plan.h: what the copy will say; opaque here */
    time_t hold_until; /* wait so long for counterparts of an internal message; 0: at once */
    /* Where the target is the mailbox that the message lies in: the folder that the copy would go
     * to, with "/" as separator. No message is copied into the folder that it lies in. Or NULL. */
    const char *folder;
};

struct ledger_capture {
    int64_t folder;
    uint32_t uid;
    time_t internaldate;
    int internaldate_zone;
    uint32_t header_len;           /* octets of the header section with its empty line */
    unsigned char sha256[32];      /* of the original */
    unsigned char body_sha256[32]; /* of its octets after the header */
    bool has_sameness;             /* internal: join with its counterparts */
    unsigned char sameness[32];
    bool sent; /* by the owner of the account */
    /* The mailbox of the account, as in ledger_destination; NULL: unknown. */
    const char *mailbox;
    const char *monitor_id;   /* that the message carries, or NULL */
    bool has_octets;          /* it carries one: */
    unsigned char octets[32]; /* sameness_of_copy() */
    const struct ledger_new_copy *copies;
    size_t n_copies;
};

enum capture_outcome {
    CAPTURE_STORED,    /* at least one copy is pending because of it */
    CAPTURE_DUPLICATE, /* same octets in the same account: moved or copied between folders */
    CAPTURE_JOINED, /* internal counterpart: all its copies exist already (plans were joined, or it
                       came too late and is recorded as duplicate) */
    CAPTURE_OWN_COPY, /* it is one of our copies, where we put it */
    CAPTURE_LOST, /* the disk lost octets that it had taken: noted as unfetched, fetch it again */
    CAPTURE_NOT_WANTED, /* all its copies would go to the folder that it lies in */
};
/* plan.h: a new string that combines both; whether the first says all that the second would.
 * Called on the ledger's thread. NULL: plans are not joined; every plan says all. */
typedef char *ledger_plan_join(const char *first, const char *second);
typedef bool ledger_plan_covers(const char *first, const char *second);
void ledger_set_plans(struct ledger *ledger, ledger_plan_join *join, ledger_plan_covers *covers);

/*
 * Takes the entry. Advances seen_through to uid. Clears uid from the retry list.
 *
 * A copy is not made where the target has one of the same content, or one is on its way:
 * - of the same octets in the same account;
 * - of a counterpart with the same sameness: never of the same account, whose owner could write one
 *   that differs in what sameness leaves out; of all accounts at most one that was sent; and only
 *   while the copy is held, so that its plan can be joined, or if its plan says all that this one
 *   would (directions, rules).
 *
 * A copy of ours is known in the folder that it was sent to only: by its UID, or by the id that it
 * carries and its octets. One that was changed there is mail like any other, but makes no chain: a
 * copy of such a copy that was changed again is not copied.
 */
struct ledger_request *ledger_capture(struct ledger *ledger, const struct ledger_capture *capture,
                                      struct spool_entry *entry,
                                      void (*done)(void *arg, enum capture_outcome outcome),
                                      void *arg);

/* ---- delivery ---- */

struct ledger_copy {
    int64_t id, message;
    char *target, *monitor_id, *plan;
    char *account, *folder; /* of the source */
    uint32_t uidvalidity, uid;
    time_t internaldate, captured;
    int internaldate_zone;
    uint64_t size; /* of the original */
    uint32_t header_len;
    unsigned char sha256[32];
    unsigned char body_sha256[32]; /* of the original's octets after its header */
    uint64_t spool_segment, spool_offset;
    unsigned attempts; /* refusals of this copy by the server; not connections lost */
    /* only for copies with an intent */
    bool intent;
    char *target_folder;
    uint32_t target_uidvalidity, target_uidnext;
};
/* copies live until the call returns; take = true in *keep hands the array to the callee, who frees
 * it with ledger_copies_free(). next_due: when the next held or delayed copy is due, 0: none. */
typedef void ledger_pending_done(void *arg, struct ledger_copy *copies, size_t n, time_t next_due,
                                 bool *keep);
/* Copies of that target that are due at `now`, oldest first; those with an intent (left by a crash
 * or a lost connection) come first and must be looked for before they are sent. */
struct ledger_request *ledger_pending(struct ledger *ledger, const char *target, time_t now,
                                      size_t limit, ledger_pending_done *done, void *arg);
/* Likewise, without those with an intent: while they cannot be looked for. */
struct ledger_request *ledger_pending_certain(struct ledger *ledger, const char *target, time_t now,
                                              size_t limit, ledger_pending_done *done, void *arg);
void ledger_copies_free(struct ledger_copy *copies, size_t n);
void ledger_copies_clear(struct ledger_copy *copies, size_t n); /* all but the array itself */

typedef void ledger_done(void *arg);
struct ledger_intended {
    int64_t copy;
    unsigned char body_sha256[32]; /* of the copy's octets after its header */
    bool has_octets;
    unsigned char octets[32]; /* sameness_of_copy() */
};
/* Where copies go to. */
struct ledger_destination {
    const char *mailbox; /* config_mailbox(), the same for the same mailbox; "": unknown */
    const char *folder;
    uint32_t uidvalidity, uidnext;
};
/* Committed before APPEND is sent. The digests are recorded with it, so that a copy which a watch
 * meets before the reply to its APPEND is known as ours. */
struct ledger_request *ledger_intent(struct ledger *ledger, const struct ledger_intended *copies,
                                     size_t n, const struct ledger_destination *place,
                                     ledger_done *done, void *arg);
struct ledger_delivery {
    int64_t copy;
    uint32_t uidvalidity, uid; /* 0: the server did not report it */
};
struct ledger_request *ledger_delivered(struct ledger *ledger,
                                        const struct ledger_delivery *deliveries, size_t n,
                                        ledger_done *done, void *arg);
/* The copy was surely not stored: tried again not before retry_at; 0: given up, kept and shown. */
struct ledger_request *ledger_not_delivered(struct ledger *ledger, int64_t copy, const char *reason,
                                            time_t retry_at, ledger_done *done, void *arg);
/* Likewise, because the server refused this very copy: counts as one of its attempts. */
struct ledger_request *ledger_refused(struct ledger *ledger, int64_t copy, const char *reason,
                                      time_t retry_at, ledger_done *done, void *arg);

/* ---- what an officer decides about copies that wait or were given up ---- */

/* n: copies that were changed. why: why none was, NULL if one was; valid during the call. */
typedef void ledger_decided(void *arg, size_t n, const char *why);
/*
 * Due at once, given up or not: the copy with that X-Monitor-Id, or (NULL) those for that target,
 * or (NULL too) all. A copy that is held for its counterparts stays so. Recorded in the chain.
 */
struct ledger_request *ledger_retry(struct ledger *ledger, const char *monitor_id,
                                    const char *target, ledger_decided *done, void *arg);
/* Will never be sent (again). Recorded in the chain with `why`. A later arrival of the same octets
 * makes a copy of its own. One that is being sent may still be stored: then it is delivered. */
struct ledger_request *ledger_drop(struct ledger *ledger, const char *monitor_id, const char *why,
                                   ledger_decided *done, void *arg);

/*
 * Octets of an original from the spool, read by a thread of its own, so that a slow disk delays
 * nobody else. data NULL: they cannot be read, why says how; during the call errno is the system's
 * reason (no descriptor, say), or 0 if the spool is damaged there. The whole record's checksum is
 * proven by report_verify_spool(), not here. At most LEDGER_READ_MAX octets at once.
 */
#define LEDGER_READ_MAX (1024 * 1024)
typedef void spool_read_done(void *arg, const void *data, size_t len, const char *why);
struct ledger_request *spool_read(struct ledger *ledger, uint64_t segment, uint64_t offset,
                                  size_t len, spool_read_done *done, void *arg);

/* ---- figures ---- */

struct ledger_figures {
    uint64_t pending;       /* copies neither delivered nor given up; of them: */
    uint64_t intents;       /* with an intent */
    uint64_t held;          /* waiting for counterparts, or for their next attempt */
    uint64_t failed_copies; /* given up; their originals are kept */
    uint64_t dropped;       /* by an officer */
    uint64_t spool_bytes, spool_segments;
    time_t oldest_pending; /* when it was captured, 0: none */
    uint64_t states[16];   /* by enum uid_state: how many messages */
    uint64_t delivered;    /* copies */
    uint64_t undecided;    /* copies for which a condition was undecided; only in a report */
};
struct ledger_target_figures {
    const char *target;
    uint64_t pending, failed, delivered;
    time_t oldest_pending;
};
typedef void ledger_figures_done(void *arg, const struct ledger_figures *figures,
                                 const struct ledger_target_figures *targets, size_t n_targets);
struct ledger_request *ledger_figures(struct ledger *ledger, ledger_figures_done *done, void *arg);

#endif
