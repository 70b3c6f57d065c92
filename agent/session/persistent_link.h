/*
 * A link that stays up: it logs in, and when its session is lost or cannot be had, it waits and
 * tries again, until it is closed or freed.
 *
 * The wait doubles with jitter (util/backoff.h). A rejected password has a backoff of its own that
 * starts much higher, so that a mailbox is not locked by our retries; a server that says how long
 * to stay away is obeyed. The latter starts over once a session is ready; the former once a session
 * has proven to be of use: its maker says so (persistent_link_worked()), or it has lasted for
 * LIMIT_SESSION_PROVEN seconds. Where the login works and what follows does not, waits grow too.
 *
 *   state       waits for                        may be followed by
 *   CLOSED      persistent_link_open()           CONNECTING
 *   CONNECTING  the link (link.h)                UP, WAITING, CLOSED
 *   UP          the end of the session           WAITING, CLOSED
 *   WAITING     its timer                        CONNECTING, CLOSED
 *
 * Ownership: belongs to its maker, who may call every function here from inside the callbacks,
 * persistent_link_free() too. The session belongs to the link. Times are wall clock seconds.
 */
#ifndef AGENT_SESSION_PERSISTENT_LINK_H
#define AGENT_SESSION_PERSISTENT_LINK_H

#include <time.h>

#include "agent/session/link.h"

struct persistent_link;

enum persistent_link_state {
    PERSISTENT_LINK_CLOSED,
    PERSISTENT_LINK_CONNECTING,
    PERSISTENT_LINK_UP,
    PERSISTENT_LINK_WAITING,
};

struct persistent_link_events {
    /* Fills in how to log in, at each attempt: the configuration may have changed since the last.
     * is_retry: it is not the first since the maker asked for a session. */
    void (*login)(void *arg, struct link_login *login, bool is_retry);
    /* The session can be used until on_down, persistent_link_close() or _fail(). */
    void (*on_ready)(void *arg, struct imap_session *session);
    /* There is no session, and none until on_ready. The next attempt is in `wait` seconds, unless
     * the callee calls persistent_link_close(): then none follows, and this end counts as no
     * failure. failure is valid during the call only. */
    void (*on_down)(void *arg, const struct imap_failure *failure, time_t wait);
    /* As in session.h; each may be NULL, but not the body's single functions. */
    void (*on_untagged)(void *arg, const struct imap_untagged *untagged);
    bool (*on_body_begin)(void *arg, const struct imap_body *body);
    void (*on_body_data)(void *arg, const unsigned char *data, size_t len);
    void (*on_body_end)(void *arg, bool complete);
};

/* Starts in CLOSED. events is copied. */
struct persistent_link *persistent_link_new(struct links *links,
                                            const struct persistent_link_events *events, void *arg);
void persistent_link_free(struct persistent_link *link);

/* From now on there is to be a session. No effect unless CLOSED. */
void persistent_link_open(struct persistent_link *link);
/* Ends the session or the attempt without a callback; none follows until persistent_link_open().
 * WAITING: the last failure no longer counts for the backoff. */
void persistent_link_close(struct persistent_link *link);
/* WAITING: tries now, from the event loop. Else no effect. */
void persistent_link_retry_now(struct persistent_link *link);
/* The session did what it is for. No effect unless UP. */
void persistent_link_worked(struct persistent_link *link);
/* The session is of no use to its maker: it ends as if it had been lost for that reason, and
 * on_down is called before this returns. Only while UP. */
void persistent_link_fail(struct persistent_link *link, const char *reason);

enum persistent_link_state persistent_link_state(const struct persistent_link *link);
/* NULL unless UP. */
struct imap_session *persistent_link_session(const struct persistent_link *link);

/* Why there is no session, or was none last. */
struct persistent_link_trouble {
    const char *reason; /* "" if there was never any; borrowed until the next callback */
    time_t since;       /* of the first failure in a row, 0: there is a session, or none was lost */
    time_t next_try;    /* 0 unless WAITING */
};
struct persistent_link_trouble persistent_link_trouble(const struct persistent_link *link);

#endif
