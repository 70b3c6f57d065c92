/*
 * Private to this room. From the top down: watch.c (the life of a watch and its next step), open.c
 * (one folder: EXAMINE, the ledger, capture), untagged.c (untagged responses), wait.c (NOTIFY,
 * IDLE, polls), state.c (phases, and what all of them look up).
 *
 * One thing is done at a time. When it is done, watch_step_done() has watch.c choose the next one
 * from the event loop, by what is due: a listing, NOTIFY, a folder that may have news, the return
 * to the first folder, or nothing, which is watching.
 *
 *   phase              waits for                             may be followed by
 *   DOWN               the next attempt of the link          CONNECTING
 *   CONNECTING         the link: queue, secret, login        DECIDING, DOWN
 *   DECIDING           the event loop                        any step, DOWN
 *   LISTING            the reply to LIST                     DECIDING, DOWN
 *   REQUESTING_NOTIFY  the reply to NOTIFY                   DECIDING, DOWN
 *   EXAMINING          the reply to EXAMINE                  FINDING_HIGHEST, OPENING, CAPTURING,
 *                                                            DECIDING (refused), DOWN
 *   FINDING_HIGHEST    the highest UID: the server reported  OPENING, DOWN
 *                      no UIDNEXT
 *   OPENING            the ledger                            CAPTURING, DOWN
 *   CAPTURING          capture.h                             DECIDING, DOWN
 *   WATCHING           an untagged response, a timer         any step, DOWN
 *
 * A step is LISTING, REQUESTING_NOTIFY, EXAMINING, CAPTURING or WATCHING.
 */
#ifndef AGENT_WATCH_PRIVATE_H
#define AGENT_WATCH_PRIVATE_H

#include "agent/session/persistent_link.h"
#include "agent/watch/watch.h"

enum watch_phase {
    PHASE_DOWN,
    PHASE_CONNECTING,
    PHASE_DECIDING,
    PHASE_LISTING,
    PHASE_REQUESTING_NOTIFY,
    PHASE_EXAMINING,
    PHASE_FINDING_HIGHEST,
    PHASE_OPENING,
    PHASE_CAPTURING,
    PHASE_WATCHING,
};

struct watch {
    struct context *context;
    const struct account *const *account;
    bool is_main;
    struct watch_events events;
    void *arg;

    enum watch_phase phase;
    time_t since; /* of what watch_state_of() makes of it */
    struct persistent_link *link;
    struct imap_session *session; /* NULL in DOWN and CONNECTING */
    struct event *work;           /* chooses the next step */

    /* What is due, beside folders that are dirty. */
    bool list_due;
    bool notify_due; /* with mode NOTIFY: the folders that it covers have changed, or it overflowed
                      */

    enum watch_mode mode;
    bool notify_refused, idle_refused; /* by the server, once and for all */
    struct folder_list listing;        /* LISTING */
    struct folder **folders;
    size_t n_folders;
    struct folder *selected;        /* EXAMINE succeeded */
    struct folder *examining;       /* EXAMINING, FINDING_HIGHEST, OPENING */
    struct ledger_request *opening; /* OPENING */
    uint32_t highest;               /* FINDING_HIGHEST */
    struct capture *capture;        /* runs in CAPTURING */

    bool reexamine; /* the selected folder may be another one of that name by now */

    bool idling;       /* an IDLE command has not ended; the next command ends it */
    unsigned statuses; /* STATUS commands without a reply */

    struct event *tick;    /* while there is a session: renewals, polls, silence */
    struct event *recheck; /* after news by NOTIFY */
    time_t idle_since, last_poll, last_safety, last_drafts, last_received;
    time_t heartbeat; /* the longest silence that ended in "Still here" while idling, 0: none */
};

/* state.c */
enum watch_state watch_state_of(enum watch_phase phase);
void watch_set_phase(struct watch *watch, enum watch_phase phase);
/* Something is due: the next step is chosen from the event loop, unless one is under way. */
void watch_work_soon(struct watch *watch);
/* The step has ended, the session has not. */
void watch_step_done(struct watch *watch);
struct folder *watch_find_folder(const struct watch *watch, const char *name);
/* Whether an account's folders are "*" or "**". */
bool watch_is_of_everything(const struct watch *watch);
/* The session has ended, and on_down follows: a callback has nothing left to do. */
bool watch_command_ended(const struct imap_result *result);
bool watch_retry_is_due(const struct folder *folder);

/* open.c */
void watch_examine(struct watch *watch, struct folder *folder);
void watch_capture(struct watch *watch, struct folder *folder);

/* wait.c */
void watch_request_notify(struct watch *watch);
void watch_wait(struct watch *watch); /* nothing is due */
bool watch_idles(const struct watch *watch);
void watch_recheck_soon(struct watch *watch); /* there may be news that nothing announces */
void watch_ask_status(struct watch *watch, const struct folder *folder);
void watch_look_at_all(struct watch *watch);
void watch_start_ticking(struct watch *watch);
void watch_on_recheck(evutil_socket_t fd, short what, void *arg);

/* untagged.c: for struct imap_events */
void watch_on_untagged(void *arg, const struct imap_untagged *untagged);
bool watch_on_body_begin(void *arg, const struct imap_body *body);
void watch_on_body_data(void *arg, const unsigned char *data, size_t len);
void watch_on_body_end(void *arg, bool complete);

#endif
