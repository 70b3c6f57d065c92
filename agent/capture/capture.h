/*
 * Works through the new messages of one folder, which is selected on one session.
 *
 * First the list: UID FETCH n:* (UID FLAGS INTERNALDATE), never SEARCH, which servers cap or get
 * wrong. UIDs missing between the listed ones have vanished. Then, depending on what the rules can
 * want of this account and folder: nothing is fetched; or the headers, then the wanted messages; or
 * everything in one FETCH.
 *
 * A message may be a draft, or older than the baseline: neither its flags nor its INTERNALDATE
 * decide that, as its owner can write both, but only together with its header, which is fetched
 * first then (triage.c). Drafts are listed again from time to time; one that is no draft any more
 * is taken as a new message, one that is gone has vanished.
 *
 * States are recorded in the order of UIDs, so that seen_through is always true. A listed message
 * that does not come is fetched once more by itself, then recorded as unfetched; it stops nothing.
 * While the spool is full the session is paused.
 *
 * A capture belongs to a watch, which passes on the events of its session. A capture that is not
 * running never uses the session.
 */
#ifndef AGENT_CAPTURE_CAPTURE_H
#define AGENT_CAPTURE_CAPTURE_H

#include "agent/capture/captured_message.h"

/* A folder as a watch knows it. */
struct folder {
    char *name; /* UTF-8, the server's separator */
    enum folder_role role;
    int64_t ledger_id; /* 0: not opened in the ledger since the session began */
    uint32_t uidvalidity;
    uint32_t seen_through;
    uint64_t modseq;          /* as recorded: what vanished since can be asked for */
    uint32_t uidnext;         /* of the last EXAMINE, 0: none */
    uint64_t examined_modseq; /* HIGHESTMODSEQ of the last EXAMINE, 0: none */
    time_t baseline_at;
    uint32_t look_through;       /* UIDs up to it may precede the baseline: triage.c */
    time_t looked_at;            /* when the last complete list was asked for, 0: never */
    struct imap_uidset vanished; /* above seen_through, proven */
    struct imap_uidset retry;    /* unfetched before */
    struct imap_uidset drafts;   /* recorded as drafts: mail, once they lose the flag */
    bool drafts_due;             /* their flags are asked for with the next list */
    unsigned retries;            /* rounds of retry so far */
    time_t retry_at;             /* the next one not before */
    uint32_t suspect; /* the message that was being fetched when the session was lost, 0: none */
    unsigned strikes; /* how often in a row */
    bool dirty;       /* may have news */
    bool refused;     /* EXAMINE was, last; only news makes it worth another */
    bool listed;      /* for the watch: it was in the last listing */
    bool fresh;       /* for the watch: nothing in the configuration named it until now */
    time_t since;     /* since when something does, 0: always */
};

struct capture;

/* Nothing new is left. Not called when the session ends: what was not recorded is listed again. */
typedef void capture_done(void *arg);

struct capture *capture_new(struct context *context);
void capture_free(struct capture *capture);

/*
 * account is looked up through the pointer at each decision, as a reload may change it. retry: ask
 * for folder->retry too.
 */
void capture_start(struct capture *capture, struct imap_session *session,
                   const struct account *const *account, struct folder *folder, bool retry,
                   capture_done *done, void *arg);
bool capture_runs(const struct capture *capture);
/* The session has ended: forgets everything that is not in the ledger; done is not called. A
 * message over which sessions are lost again and again is left as unfetched, so that it stops no
 * other. */
void capture_lose(struct capture *capture);

/* From the session's events while it runs. */
void capture_untagged(struct capture *capture, const struct imap_untagged *untagged);
bool capture_body_begin(struct capture *capture, const struct imap_body *body);
void capture_body_data(struct capture *capture, const unsigned char *data, size_t len);
void capture_body_end(struct capture *capture, bool complete);

#endif
