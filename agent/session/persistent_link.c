#include "agent/session/persistent_link.h"

#include <assert.h>
#include <stdlib.h>

#include "agent/system/limit.h"
#include "agent/util/backoff.h"
#include "rules/util/memory.h"

struct persistent_link {
    struct links *links;
    struct persistent_link_events events;
    void *arg;
    enum persistent_link_state state;
    struct link *link;   /* CONNECTING and UP */
    struct event *timer; /* pending in WAITING */
    struct backoff backoff, backoff_auth;
    struct backoff backoff_before, backoff_auth_before; /* the failure that is being reported */
    bool is_retry;
    char *reason;
    time_t trouble_since, next_try;
};

static void set_state(struct persistent_link *link, enum persistent_link_state state)
{
    static const unsigned may_follow[] = {
        [PERSISTENT_LINK_CLOSED] = 1u << PERSISTENT_LINK_CONNECTING,
        [PERSISTENT_LINK_CONNECTING] =
            1u << PERSISTENT_LINK_UP | 1u << PERSISTENT_LINK_WAITING | 1u << PERSISTENT_LINK_CLOSED,
        [PERSISTENT_LINK_UP] = 1u << PERSISTENT_LINK_WAITING | 1u << PERSISTENT_LINK_CLOSED,
        [PERSISTENT_LINK_WAITING] = 1u << PERSISTENT_LINK_CONNECTING | 1u << PERSISTENT_LINK_CLOSED,
    };

    (void)may_follow; /* without assertions */
    assert((may_follow[link->state] & 1u << state) != 0);
    link->state = state;
}

static void drop_link(struct persistent_link *link)
{
    link_free(link->link);
    link->link = NULL;
}

static struct timeval next_wait(struct persistent_link *link, const struct imap_failure *failure)
{
    struct timeval wait;

    link->backoff_before = link->backoff;
    link->backoff_auth_before = link->backoff_auth;
    wait = backoff_next(failure->kind == IMAP_FAILURE_AUTH ? &link->backoff_auth : &link->backoff);
    if (failure->backoff > wait.tv_sec)
        wait.tv_sec = (time_t)failure->backoff;
    return wait;
}

/* The last thing that a function does: the callee may free the link. */
static void go_down(struct persistent_link *link, const struct imap_failure *failure)
{
    struct timeval wait = next_wait(link, failure);
    struct imap_failure ours = *failure;

    free(link->reason);
    link->reason = xstrdup(failure->reason);
    ours.reason = link->reason;
    drop_link(link);
    if (link->trouble_since == 0)
        link->trouble_since = time(NULL);
    link->next_try = time(NULL) + wait.tv_sec;
    set_state(link, PERSISTENT_LINK_WAITING);
    event_add(link->timer, &wait);
    link->events.on_down(link->arg, &ours, wait.tv_sec);
}

void persistent_link_worked(struct persistent_link *link)
{
    if (link->state == PERSISTENT_LINK_UP)
        backoff_succeeded(&link->backoff);
}

static void on_ready(void *arg)
{
    static const struct timeval proven = {.tv_sec = LIMIT_SESSION_PROVEN};
    struct persistent_link *link = arg;

    set_state(link, PERSISTENT_LINK_UP);
    backoff_succeeded(&link->backoff_auth);
    link->trouble_since = 0;
    event_add(link->timer, &proven);
    link->events.on_ready(link->arg, link_session(link->link));
}

static void on_closed(void *arg, const struct imap_failure *failure)
{
    go_down(arg, failure);
}

static void on_untagged(void *arg, const struct imap_untagged *untagged)
{
    struct persistent_link *link = arg;

    if (link->events.on_untagged != NULL)
        link->events.on_untagged(link->arg, untagged);
}

static bool on_body_begin(void *arg, const struct imap_body *body)
{
    struct persistent_link *link = arg;

    return link->events.on_body_begin != NULL && link->events.on_body_begin(link->arg, body);
}

static void on_body_data(void *arg, const unsigned char *data, size_t len)
{
    struct persistent_link *link = arg;

    link->events.on_body_data(link->arg, data, len);
}

static void on_body_end(void *arg, bool complete)
{
    struct persistent_link *link = arg;

    link->events.on_body_end(link->arg, complete);
}

static void connect_now(struct persistent_link *link)
{
    static const struct imap_events events = {
        .on_ready = on_ready,
        .on_closed = on_closed,
        .on_untagged = on_untagged,
        .on_body_begin = on_body_begin,
        .on_body_data = on_body_data,
        .on_body_end = on_body_end,
    };
    struct link_login login = {0};

    assert(link->link == NULL);
    set_state(link, PERSISTENT_LINK_CONNECTING);
    link->events.login(link->arg, &login, link->is_retry);
    link->is_retry = true;
    link->link = link_new(link->links, &login, &events, link);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct persistent_link *link = arg;

    (void)fd;
    (void)what;
    if (link->state == PERSISTENT_LINK_UP)
        persistent_link_worked(link);
    else
        connect_now(link);
}

struct persistent_link *persistent_link_new(struct links *links,
                                            const struct persistent_link_events *events, void *arg)
{
    struct persistent_link *link = xcalloc(1, sizeof(*link));

    link->links = links;
    link->events = *events;
    link->arg = arg;
    link->backoff = (struct backoff){.first = LIMIT_BACKOFF_FIRST, .last = LIMIT_BACKOFF_LAST};
    link->backoff_auth =
        (struct backoff){.first = LIMIT_BACKOFF_AUTH, .last = LIMIT_BACKOFF_AUTH_LAST};
    link->timer = evtimer_new(links_base(links), on_timer, link);
    return link;
}

void persistent_link_free(struct persistent_link *link)
{
    if (link == NULL)
        return;
    drop_link(link);
    event_free(link->timer);
    free(link->reason);
    free(link);
}

void persistent_link_open(struct persistent_link *link)
{
    if (link->state != PERSISTENT_LINK_CLOSED)
        return;
    link->is_retry = false;
    connect_now(link);
}

void persistent_link_close(struct persistent_link *link)
{
    if (link->state == PERSISTENT_LINK_CLOSED)
        return;
    if (link->state == PERSISTENT_LINK_WAITING) {
        link->backoff = link->backoff_before;
        link->backoff_auth = link->backoff_auth_before;
    }
    event_del(link->timer);
    drop_link(link);
    set_state(link, PERSISTENT_LINK_CLOSED);
}

void persistent_link_retry_now(struct persistent_link *link)
{
    if (link->state == PERSISTENT_LINK_WAITING)
        event_active(link->timer, EV_TIMEOUT, 0);
}

void persistent_link_fail(struct persistent_link *link, const char *reason)
{
    const struct imap_failure failure = {
        .kind = IMAP_FAILURE_PROTOCOL, .phase = IMAP_PHASE_READY, .reason = reason};

    assert(link->state == PERSISTENT_LINK_UP);
    go_down(link, &failure);
}

enum persistent_link_state persistent_link_state(const struct persistent_link *link)
{
    return link->state;
}

struct imap_session *persistent_link_session(const struct persistent_link *link)
{
    return link->state == PERSISTENT_LINK_UP ? link_session(link->link) : NULL;
}

struct persistent_link_trouble persistent_link_trouble(const struct persistent_link *link)
{
    return (struct persistent_link_trouble){
        .reason = link->reason != NULL ? link->reason : "",
        .since = link->trouble_since,
        .next_try = link->state == PERSISTENT_LINK_WAITING ? link->next_try : 0,
    };
}
