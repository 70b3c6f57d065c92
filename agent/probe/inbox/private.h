/*
 * The states of an inbox, shared by inbox.c (session, waiting), look.c and expunge.c. Private to
 * this room.
 *
 * One command or chain of commands is under way at a time, IDLE apart: that runs in WATCHING, and
 * the session ends it when another command follows.
 *
 *   state      waits for                                         may be followed by
 *   DOWN       the link (persistent_link.h)                      OPENING, DOWN
 *   OPENING    replies to NAMESPACE, LIST, SELECT                WATCHING, NO_FOLDER, DOWN
 *   NO_FOLDER  its timer: LIMIT_BACKOFF_LAST without a session   DOWN
 *   WATCHING   IDLE's news, a timer, or something to be done     NUDGING, POLLING, LOOKING,
 *                                                                DELETING, DOWN
 *   NUDGING    reply to the NOOP of an expectation               WATCHING, DOWN
 *   POLLING    reply to the NOOP before a regular look           WATCHING, DOWN
 *   LOOKING    the end of the look (look.h)                      WATCHING, DOWN
 *   DELETING   replies to STORE, EXPUNGE                         WATCHING, DOWN
 */
#ifndef AGENT_PROBE_INBOX_PRIVATE_H
#define AGENT_PROBE_INBOX_PRIVATE_H

#include "agent/probe/inbox/inbox.h"
#include "agent/session/folder_list.h"
#include "agent/session/persistent_link.h"

enum inbox_state {
    INBOX_DOWN,
    INBOX_OPENING,
    INBOX_NO_FOLDER,
    INBOX_WATCHING,
    INBOX_NUDGING,
    INBOX_POLLING,
    INBOX_LOOKING,
    INBOX_DELETING,
};

struct look;

struct inbox {
    const struct account *account;
    char *wanted; /* NULL: the junk folder */
    bool dedicated;
    struct inbox_events events;
    void *arg;

    enum inbox_state state;
    struct persistent_link *link;
    struct imap_session *session; /* NULL in DOWN and NO_FOLDER */
    struct event *reopen;         /* ends NO_FOLDER */
    struct event *again;          /* work() from a clean stack */
    struct event *noop;           /* the next NOOP of an expectation */
    struct event *tick;           /* the next regular look, or poll */
    bool is_troubled;             /* as last reported */
    bool kept_is_logged;          /* that it cannot delete */

    struct folder_list listing; /* during OPENING */
    char *folder;               /* the server's name for it */
    uint32_t uidvalidity, seen_through, uidnext, messages;
    bool read_only;
    bool looked;         /* everything was seen since the session began */
    bool dirty;          /* there may be something new */
    const char *because; /* how that was seen; constant */
    struct look *look;   /* in LOOKING only */
    bool idling, idle_refused;
    unsigned idle_ends;            /* by the server itself, in a row */
    uint64_t expecting_until;      /* microseconds of phase_now() */
    struct imap_uidset to_expunge; /* in WATCHING, or later when there is a session again */
    struct imap_uidset expunging;  /* in DELETING only */
};

/* state.c */
/* Asserts that the table above allows it. */
void inbox_set_state(struct inbox *inbox, enum inbox_state state);
/* The next step of the state machine, from a clean stack. */
void inbox_work_soon(struct inbox *inbox);

/* expunge.c */
/* WATCHING: deletes what is in to_expunge. */
void inbox_expunge(struct inbox *inbox);
/* The session is lost: what was not confirmed is expunged in the next one. */
void inbox_postpone_expunge(struct inbox *inbox);
bool inbox_may_delete(const struct inbox *inbox);

/* The session has ended, and the link's on_down follows: a callback has nothing to do. */
static inline bool inbox_is_lost(const struct imap_result *result)
{
    return result->kind == IMAP_RESULT_LOST || result->kind == IMAP_RESULT_UNSENT;
}

#endif
