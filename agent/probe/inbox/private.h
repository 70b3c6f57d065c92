/*
 * The inside of an inbox, shared by its files and nobody else: inbox.c (its session, its waiting,
 * deleting), probe/inbox/fetch.c (looking at what is new).
 */
#ifndef AGENT_PROBE_INBOX_PRIVATE_H
#define AGENT_PROBE_INBOX_PRIVATE_H

#include "agent/probe/inbox/inbox.h"
#include "agent/reflect/probe_mail.h"
#include "agent/session/folder_list.h"
#include "agent/util/backoff.h"

/* What is under way on the session: one thing at a time. */
enum inbox_step {
    INBOX_STEP_DOWN, /* no session, or it is still being signed in */
    INBOX_STEP_OPEN, /* LIST, SELECT */
    INBOX_STEP_REST, /* waits: IDLE, or for a timer */
    INBOX_STEP_NOOP,
    INBOX_STEP_LOOK,
    INBOX_STEP_DELETE,
};

struct inbox {
    struct links *links;
    const struct account *account;
    char *wanted; /* NULL: the junk folder */
    bool dedicated;
    struct inbox_events events;
    void *arg;

    struct link *link;
    struct imap_session *session; /* while signed in */
    struct backoff backoff, backoff_auth;
    struct event *retry; /* connects again */
    struct event *again; /* inbox_work() from a clean stack */
    struct event *noop;  /* the next NOOP of an expectation */
    struct event *tick;  /* the next look for safety's sake, or poll */
    bool is_troubled;
    bool kept_is_said; /* that it cannot delete */

    enum inbox_step step;
    struct folder_list listing;
    char *folder; /* the server's name for it */
    uint32_t uidvalidity, seen_through, uidnext, messages;
    bool read_only;
    bool looked;         /* since the session began */
    bool dirty;          /* there may be something new */
    const char *because; /* how that was seen; constant */
    bool idling, idle_refused, noop_to_look;
    unsigned idle_ends;         /* that nobody asked for, in a row */
    uint64_t expecting_until;   /* microseconds of phase_now() */
    struct imap_uidset doomed;  /* to be deleted */
    struct imap_uidset killing; /* being deleted */

    /* a look */
    bool searching;
    struct imap_uidset found; /* by SEARCH */
    uint32_t highest;
    char *header; /* PROBE_MAIL_HEADER octets of room, while a look is under way */
    size_t header_len;
    bool has_header;
};

/* Does the next thing that is to be done. */
void inbox_work(struct inbox *inbox);
void inbox_work_soon(struct inbox *inbox);
/* The session has ended, and on_closed comes next: a callback has nothing to do any more. */
bool inbox_command_ended(const struct imap_result *result);
/* The last thing that a function does: the inbox may be gone behind it. */
void inbox_tell_trouble(struct inbox *inbox, const char *why);

/* probe/inbox/fetch.c */
void inbox_look(struct inbox *inbox);
void inbox_forget_look(struct inbox *inbox);
void inbox_take_fetch(struct inbox *inbox, const struct imap_fetch *fetch);
void inbox_take_search(struct inbox *inbox, const struct imap_uidset *uids);
bool inbox_on_body_begin(void *arg, const struct imap_body *body);
void inbox_on_body_data(void *arg, const unsigned char *data, size_t len);
void inbox_on_body_end(void *arg, bool complete);

#endif
