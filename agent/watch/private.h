/*
 * The inside of a watch, shared by its files and nobody else: watch.c (its life and its heart),
 * watch/open.c (one folder: EXAMINE, the ledger, capture), watch/wait.c (NOTIFY, IDLE, polls),
 * watch/hear.c (what the session says unasked).
 */
#ifndef AGENT_WATCH_PRIVATE_H
#define AGENT_WATCH_PRIVATE_H

#include "agent/util/backoff.h"
#include "agent/watch/watch.h"

struct watch {
    struct parts *parts;
    const struct account *const *account;
    bool is_main;
    struct watch_events events;
    void *arg;

    enum watch_state state;
    enum watch_mode mode;
    time_t since;
    char *trouble;
    time_t trouble_since, next_try;
    struct backoff backoff, backoff_auth;

    struct link *link;
    struct imap_session *session; /* while signed in */
    struct capture *capture;
    struct folder_list listing;
    bool is_listing, list_due;
    struct folder **folders;
    size_t n_folders;
    struct folder *selected;  /* EXAMINE was answered with OK */
    struct folder *examining; /* EXAMINE is under way, or the ledger opens it */
    struct ledger_opening *opening;
    bool asks_highest; /* EXAMINE told no UIDNEXT: the highest UID is asked for */
    uint32_t highest;
    bool baseline;
    bool notify_asked, notify_runs, notify_refused;
    bool idling, idle_refused;
    unsigned statuses; /* STATUS commands under way */

    struct event *retry_timer; /* WATCH_DOWN */
    struct event *tick;        /* while signed in: renewals, polls, silence */
    struct event *recheck;     /* after news by NOTIFY */
    time_t idle_since, last_poll, last_safety, last_heard;
    time_t heartbeat; /* the longest silence that ended in "Still here" while idling, 0: none */
};

/* A question to the ledger that outlives the watch that asked it. */
struct ledger_opening {
    struct watch *watch; /* NULL: freed or reconnected meanwhile */
};

/* The heart: does the next thing that is to be done, one at a time. */
void watch_work(struct watch *watch);
void watch_set_state(struct watch *watch, enum watch_state state);
struct folder *watch_find_folder(const struct watch *watch, const char *name);
/* Whether an account's folders are "*". */
bool watch_is_of_everything(const struct watch *watch);
/* The session has ended, and on_closed comes next: a callback has nothing to do any more. */
bool watch_command_ended(const struct imap_result *result);

/* watch/open.c */
void watch_examine(struct watch *watch, struct folder *folder);
void watch_capture(struct watch *watch, struct folder *folder);
bool watch_retry_is_due(const struct folder *folder);

/* watch/wait.c */
void watch_ask_for_notify(struct watch *watch);
void watch_wait(struct watch *watch); /* nothing is dirty */
bool watch_idles(const struct watch *watch);
void watch_recheck_soon(struct watch *watch); /* news may come without a word */
void watch_ask_status(struct watch *watch, const struct folder *folder);
void watch_look_at_all(struct watch *watch);
void watch_start_ticking(struct watch *watch);
void watch_on_recheck(evutil_socket_t fd, short what, void *arg);

/* watch/hear.c: for struct imap_events */
void watch_on_untagged(void *arg, const struct imap_untagged *untagged);
bool watch_on_body_begin(void *arg, const struct imap_body *body);
void watch_on_body_data(void *arg, const unsigned char *data, size_t len);
void watch_on_body_end(void *arg, bool complete);

#endif
