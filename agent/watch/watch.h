/*
 * A watch: one session to an account that waits for news of some folders and captures them.
 *
 *   notify   NOTIFY reports changes of all folders on this one session
 *   idle     IDLE in the first folder; the others, if any, are polled with STATUS
 *   poll     neither: STATUS and a list of new UIDs every poll_interval
 *
 * Each folder is checked first, then watched. EXISTS and STATUS are only hints that mark a folder
 * as dirty; a dirty folder is worked through by capture.h. IDLE is left and entered again after
 * idle_renew seconds, and at once when a server that used to send something now and then has fallen
 * silent; a slow safety poll checks everything, whatever the server reports: it opens the folder
 * anew, as one that was deleted and remade may live on in a session under its old UIDVALIDITY.
 *
 * The main watch of an account lists its folders first (through watch_events.listing) and lists
 * them again with each safety poll and when NOTIFY reports a new one.
 *
 * A watch that loses its session makes a new one (persistent_link.h) until it is freed. It may be
 * freed at any time, from its callbacks too.
 */
#ifndef AGENT_WATCH_WATCH_H
#define AGENT_WATCH_WATCH_H

#include "agent/capture/capture.h"
#include "agent/session/folder_list.h"

struct watch;

enum watch_state {
    WATCH_CONNECTING, /* queues for a session, connects, logs in */
    WATCH_WORKING,    /* lists folders, checks them, captures */
    WATCH_WATCHING,   /* everything has been seen; waits for news */
    WATCH_DOWN,       /* waits before the next attempt */
};
const char *watch_state_text(enum watch_state state);

enum watch_mode { WATCH_MODE_NOTIFY, WATCH_MODE_IDLE, WATCH_MODE_POLL };
const char *watch_mode_text(enum watch_mode mode);

struct watch_events {
    /* The folders of the account were listed (main watch only); watch_set_folders() is due. */
    void (*listing)(void *arg, const struct folder_list *list);
    /* All folders have been checked: each time that WATCH_WATCHING is reached or confirmed. */
    void (*watching)(void *arg);
    /* The session was lost or could not be had. refused: the server accepts no more sessions. */
    void (*down)(void *arg, bool refused);
};

struct watch *watch_new(struct context *context, const struct account *const *account, bool is_main,
                        const struct watch_events *events, void *arg);
void watch_free(struct watch *watch);

/*
 * Which folders this watch is responsible for from now on: names are copied, and what is known of
 * folders that stay is kept.
 */
void watch_set_folders(struct watch *watch, const struct chosen_folder *folders, size_t n);
/* For account_watch.c: only with WATCH_MODE_IDLE does each further folder need a session. */
enum watch_mode watch_mode(const struct watch *watch);
/* Lists and checks all folders now; without a session, reconnects now. */
void watch_wake(struct watch *watch);

/* For status; strings are borrowed. */
struct watch_status {
    enum watch_state state;
    enum watch_mode mode;
    time_t since;         /* of this state */
    const char *trouble;  /* why it is down or was last, "" if never */
    time_t trouble_since; /* 0: there is a session, or none was lost */
    time_t next_try;      /* WATCH_DOWN */
    const char *server_id;
    const char *tls;
};
void watch_status(const struct watch *watch, struct watch_status *status);
size_t watch_folder_count(const struct watch *watch);
const struct folder *watch_folder(const struct watch *watch, size_t i);

#endif
