#include "agent/deliver/deliver.h"

#include <stdlib.h>
#include <string.h>

#include "agent/config/folder_pattern.h"
#include "agent/config/same.h"
#include "agent/deliver/batch.h"
#include "agent/deliver/resolve_intents.h"
#include "agent/ledger/plan.h"
#include "agent/system/fault.h"
#include "agent/system/limit.h"
#include "agent/system/log.h"
#include "agent/util/backoff.h"
#include "rules/util/memory.h"

/* A question to the ledger; it may be answered after the delivery that asked is gone. */
struct asked {
    struct deliver *deliver;
    int64_t *in_flight; /* copies that were being sent when it was asked: their batch knows more */
    size_t n_in_flight;
};

struct deliver {
    struct batch_place place; /* session: signed in and its namespace known; folder likewise */
    struct link *link;
    enum deliver_state state;
    time_t since;
    char *trouble;
    time_t trouble_since, next_try;
    struct backoff backoff, backoff_auth;
    struct event *timer; /* reconnect, or the next copy that is due */
    struct event *idle;  /* closes a session that has nothing to send */
    struct event *again; /* work() from a clean stack */
    time_t lost_at;      /* an APPEND may have been cut: settle before a search */

    bool kicked; /* the ledger may have something due */
    struct asked *asked;
    struct ledger_copy *waiting; /* the ledger's answer, while its folder is being selected */
    size_t n_waiting, n_chosen;
    bool selecting;
    struct batch *sending, *preparing;
    struct resolve_intents *resolve;
    size_t singles; /* so many copies are to be sent one by one */

    bool stopping;
    void (*stopped)(void *arg);
    void *stopped_arg;
};

static void work(struct deliver *deliver);

const char *deliver_state_text(enum deliver_state state)
{
    static const char *const texts[] = {"idle", "connecting", "sending", "down"};

    return texts[state];
}

static void set_state(struct deliver *deliver, enum deliver_state state)
{
    if (deliver->state == state)
        return;
    deliver->state = state;
    deliver->since = time(NULL);
}

static void set_trouble(struct deliver *deliver, const char *why)
{
    free(deliver->trouble);
    deliver->trouble = xstrdup(why);
    if (deliver->trouble_since == 0)
        deliver->trouble_since = time(NULL);
}

static void work_soon(struct deliver *deliver)
{
    event_active(deliver->again, EV_TIMEOUT, 0);
}

static bool is_at_rest(const struct deliver *deliver)
{
    return deliver->sending == NULL && deliver->preparing == NULL && deliver->resolve == NULL &&
           deliver->waiting == NULL && deliver->asked == NULL;
}

static void drop_waiting(struct deliver *deliver)
{
    ledger_copies_free(deliver->waiting, deliver->n_waiting);
    deliver->waiting = NULL;
    deliver->n_waiting = deliver->n_chosen = 0;
    deliver->selecting = false;
}

/* ---- the session is lost ---- */

static void lose_batch(struct batch **batch)
{
    if (*batch != NULL)
        batch_lost(*batch);
    batch_free(*batch);
    *batch = NULL;
}

static void lose_session(struct deliver *deliver)
{
    if (deliver->sending != NULL)
        deliver->lost_at = time(NULL);
    if (!is_at_rest(deliver))
        deliver->kicked = true;
    lose_batch(&deliver->sending);
    lose_batch(&deliver->preparing);
    resolve_intents_free(deliver->resolve);
    deliver->resolve = NULL;
    drop_waiting(deliver);
    target_folder_free(deliver->place.folder);
    deliver->place.folder = NULL;
    deliver->place.session = NULL;
    event_del(deliver->idle);
}

/* No session until the wait is over. */
static void go_down(struct deliver *deliver, const char *why, struct timeval wait)
{
    set_trouble(deliver, why);
    log_event(LOG_LEVEL_WARNING, "session-lost", "target", deliver->place.target->name, "reason",
              why, "again-in", log_number(wait.tv_sec), (char *)NULL);
    lose_session(deliver);
    link_free(deliver->link);
    deliver->link = NULL;
    set_state(deliver, DELIVER_DOWN);
    deliver->next_try = time(NULL) + wait.tv_sec;
    event_add(deliver->timer, &wait);
}

/* ---- batches ---- */

static void send_if_ready(struct deliver *deliver)
{
    if (deliver->sending != NULL || deliver->preparing == NULL ||
        !batch_is_ready(deliver->preparing))
        return;
    deliver->sending = deliver->preparing;
    deliver->preparing = NULL;
    set_state(deliver, DELIVER_SENDING);
    batch_send(deliver->sending);
    work_soon(deliver); /* prepare the next */
}

static void on_batch_ready(void *arg)
{
    send_if_ready(arg);
}

static void on_batch_ended(void *arg, const struct batch_end *end)
{
    struct deliver *deliver = arg;
    struct batch **batch = end->sent ? &deliver->sending : &deliver->preparing;

    if (end->trouble != NULL)
        set_trouble(deliver, end->trouble);
    else if (end->sent)
        deliver->trouble_since = 0;
    if (end->singles > 0)
        deliver->singles = end->singles;
    batch_free(*batch);
    *batch = NULL;
    deliver->kicked = true;
    send_if_ready(deliver);
    work_soon(deliver);
}

static char *folder_for(const struct deliver *deliver, const struct ledger_copy *copy)
{
    struct plan *plan = plan_parse(copy->plan);
    char buffer[40];
    struct folder_words words = {
        .user = copy->account,
        .direction = direction_text(plan->directions, buffer),
        .rule = plan->n_rules > 0 ? plan->rules[0] : "",
        .domain = plan->domain,
    };
    char *name = folder_name_make(deliver->place.target->folder, copy->internaldate, &words,
                                  target_folder_separator(deliver->place.folder));

    plan_free(plan);
    return name;
}

/* How many of the waiting copies make the next batch: those for one folder, within the bounds. */
static size_t choose(const struct deliver *deliver, const char *folder)
{
    size_t most = deliver->singles > 0 ? 1 : LIMIT_BATCH_COPIES;
    uint64_t octets = 0;
    size_t n = 0;

    while (n < deliver->n_waiting && n < most && !deliver->waiting[n].intent) {
        char *name = folder_for(deliver, &deliver->waiting[n]);
        bool same = strcmp(name, folder) == 0;

        free(name);
        octets += deliver->waiting[n].size;
        if (!same || (n > 0 && octets > LIMIT_BATCH_OCTETS))
            break;
        n++;
    }
    return n;
}

static void on_selected(void *arg, const char *why)
{
    static const struct batch_events events = {.ready = on_batch_ready, .ended = on_batch_ended};
    struct deliver *deliver = arg;

    deliver->selecting = false;
    if (why != NULL) {
        set_trouble(deliver, why);
        for (size_t i = 0; i < deliver->n_chosen; i++)
            batch_refuse(&deliver->place, &deliver->waiting[i], why, false);
        drop_waiting(deliver);
        deliver->kicked = true;
        work_soon(deliver);
        return;
    }
    deliver->preparing = batch_new(&deliver->place, deliver->waiting, deliver->n_chosen,
                                   deliver->n_waiting, &events, deliver);
    deliver->waiting = NULL;
    deliver->n_waiting = deliver->n_chosen = 0;
}

static void on_resolved(void *arg, const char *why)
{
    struct deliver *deliver = arg;

    if (why != NULL) {
        go_down(deliver, why, backoff_next(&deliver->backoff));
        return;
    }
    resolve_intents_free(deliver->resolve);
    deliver->resolve = NULL;
    deliver->kicked = true;
    work_soon(deliver);
}

static void begin_resolve(struct deliver *deliver)
{
    deliver->resolve = resolve_intents_new(&deliver->place, deliver->waiting, deliver->n_waiting,
                                           deliver->lost_at, on_resolved, deliver);
    deliver->waiting = NULL;
    deliver->n_waiting = 0;
}

/* Does the next thing with the ledger's answer, as far as what is being sent allows it. */
static void use_waiting(struct deliver *deliver)
{
    char *folder;

    if (deliver->selecting)
        return;
    if (deliver->waiting[0].intent) {
        if (deliver->sending == NULL)
            begin_resolve(deliver);
        return;
    }
    folder = folder_for(deliver, &deliver->waiting[0]);
    /* Another folder can be selected only when nothing is on its way into this one. */
    if (deliver->sending == NULL || target_folder_is_selected(deliver->place.folder, folder)) {
        deliver->n_chosen = choose(deliver, folder);
        if (deliver->singles > 0)
            deliver->singles--;
        deliver->selecting = true;
        target_folder_select(deliver->place.folder, folder, true, on_selected, deliver);
    }
    free(folder);
}

/* ---- what is due ---- */

static void connect_now(struct deliver *deliver);

static void wait_until(struct deliver *deliver, time_t when)
{
    time_t now = time(NULL);
    struct timeval wait = {.tv_sec = when > now ? when - now : 0, .tv_usec = 10000};

    event_add(deliver->timer, &wait);
}

static void rest(struct deliver *deliver, time_t next_due)
{
    struct timeval idle = {.tv_sec = LIMIT_TARGET_IDLE};

    if (deliver->sending != NULL || deliver->preparing != NULL)
        return;
    if (deliver->place.session != NULL) {
        set_state(deliver, DELIVER_IDLE);
        event_add(deliver->idle, &idle);
    }
    if (next_due != 0 && deliver->state != DELIVER_DOWN)
        wait_until(deliver, next_due);
}

static bool was_in_flight(const struct asked *asked, int64_t copy)
{
    for (size_t i = 0; i < asked->n_in_flight; i++)
        if (asked->in_flight[i] == copy)
            return true;
    return false;
}

/* Takes out what was being sent when the ledger was asked; the order of the rest stays. */
static size_t leave_out_in_flight(const struct asked *asked, struct ledger_copy *copies, size_t n)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        struct ledger_copy copy = copies[i];

        if (was_in_flight(asked, copy.id))
            continue;
        copies[i] = copies[kept];
        copies[kept++] = copy;
    }
    return kept;
}

static struct asked *asked_new(struct deliver *deliver)
{
    struct asked *asked = xcalloc(1, sizeof(*asked));
    size_t n = deliver->sending != NULL ? batch_count(deliver->sending) : 0;

    asked->deliver = deliver;
    asked->in_flight = xcalloc(n, sizeof(*asked->in_flight));
    asked->n_in_flight = n;
    for (size_t i = 0; i < n; i++)
        asked->in_flight[i] = batch_copy(deliver->sending, i);
    return asked;
}

static void asked_free(struct asked *asked)
{
    free(asked->in_flight);
    free(asked);
}

static void take_pending(struct deliver *deliver, struct ledger_copy *copies, size_t n)
{
    deliver->waiting = copies;
    deliver->n_waiting = n;
    event_del(deliver->idle);
    use_waiting(deliver);
}

static void on_pending(void *arg, struct ledger_copy *copies, size_t n, time_t next_due, bool *keep)
{
    struct asked *asked = arg;
    struct deliver *deliver = asked->deliver;
    size_t news = leave_out_in_flight(asked, copies, n);

    asked_free(asked);
    if (deliver == NULL)
        return;
    deliver->asked = NULL;
    if (news == 0 || deliver->stopping) {
        rest(deliver, next_due);
        work(deliver);
    } else if (deliver->place.session == NULL) {
        deliver->kicked = true;
        if (deliver->state == DELIVER_IDLE)
            connect_now(deliver);
    } else {
        ledger_copies_clear(copies + news, n - news);
        *keep = true;
        take_pending(deliver, copies, news);
    }
}

static void ask(struct deliver *deliver)
{
    deliver->kicked = false;
    deliver->asked = asked_new(deliver);
    ledger_pending(deliver->place.parts->ledger, deliver->place.target->name, time(NULL),
                   LIMIT_BATCH_COPIES + deliver->asked->n_in_flight, on_pending, deliver->asked);
}

static void work(struct deliver *deliver)
{
    if (deliver->stopping && !deliver->selecting)
        drop_waiting(deliver);
    if (deliver->stopping && is_at_rest(deliver)) {
        void (*stopped)(void *) = deliver->stopped;

        deliver->stopped = NULL;
        if (stopped != NULL)
            stopped(deliver->stopped_arg);
        return;
    }
    if (deliver->waiting != NULL) {
        use_waiting(deliver);
        return;
    }
    if (!deliver->kicked || deliver->stopping || deliver->asked != NULL ||
        deliver->preparing != NULL || deliver->resolve != NULL || deliver->state == DELIVER_DOWN ||
        deliver->state == DELIVER_CONNECTING)
        return;
    ask(deliver);
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    work(arg);
}

void deliver_kick(struct deliver *deliver)
{
    deliver->kicked = true;
    work(deliver);
}

/* ---- the session ---- */

static void on_learnt(void *arg, const char *why)
{
    struct deliver *deliver = arg;

    (void)why; /* without a namespace the name is taken as it is */
    deliver->place.session = link_session(deliver->link);
    set_state(deliver, DELIVER_IDLE);
    deliver->kicked = true;
    work(deliver);
}

static void on_ready(void *arg)
{
    struct deliver *deliver = arg;

    backoff_succeeded(&deliver->backoff);
    backoff_succeeded(&deliver->backoff_auth);
    deliver->trouble_since = 0;
    deliver->place.folder = target_folder_new(link_session(deliver->link));
    log_event(LOG_LEVEL_INFO, "signed-in", "target", deliver->place.target->name, (char *)NULL);
    target_folder_learn(deliver->place.folder, on_learnt, deliver);
}

static void on_closed(void *arg, const struct imap_failure *failure)
{
    struct deliver *deliver = arg;
    struct timeval wait;

    if (deliver->place.session != NULL && is_at_rest(deliver)) {
        /* Nothing was to be sent: the next copy connects again. */
        lose_session(deliver);
        set_state(deliver, DELIVER_IDLE);
        work_soon(deliver);
        return;
    }
    wait = failure->kind == IMAP_FAILURE_AUTH ? backoff_next(&deliver->backoff_auth)
                                              : backoff_next(&deliver->backoff);
    if (failure->backoff > wait.tv_sec)
        wait.tv_sec = (time_t)failure->backoff;
    go_down(deliver, failure->reason, wait);
}

/* The search for X-Monitor-Ids that is under way, whoever asked. */
static struct find_copies *current_search(const struct deliver *deliver)
{
    if (deliver->resolve != NULL)
        return resolve_intents_search(deliver->resolve);
    return deliver->sending != NULL ? batch_search(deliver->sending) : NULL;
}

static void on_untagged(void *arg, const struct imap_untagged *untagged)
{
    struct deliver *deliver = arg;
    struct find_copies *search = current_search(deliver);

    /* The server has stored something, and has not said OK yet. */
    if (deliver->sending != NULL && untagged->kind == IMAP_UNTAGGED_EXISTS)
        fault_point(FAULT_APPEND_SENT);
    if (deliver->place.folder != NULL)
        target_folder_untagged(deliver->place.folder, untagged);
    if (search != NULL)
        find_copies_untagged(search, untagged);
}

static bool on_body_begin(void *arg, const struct imap_body *body)
{
    struct find_copies *search = current_search(arg);

    return search != NULL && find_copies_body_begin(search, body);
}

static void on_body_data(void *arg, const unsigned char *data, size_t len)
{
    struct find_copies *search = current_search(arg);

    if (search != NULL)
        find_copies_body_data(search, data, len);
}

static void on_body_end(void *arg, bool complete)
{
    (void)arg;
    (void)complete;
}

static void connect_now(struct deliver *deliver)
{
    static const struct imap_events events = {
        .on_ready = on_ready,
        .on_closed = on_closed,
        .on_untagged = on_untagged,
        .on_body_begin = on_body_begin,
        .on_body_data = on_body_data,
        .on_body_end = on_body_end,
    };
    struct link_login login = {
        .server = deliver->place.target->server,
        .login = deliver->place.target->login,
        .secret = &deliver->place.target->secret,
        .urgent = true,
    };

    link_free(deliver->link);
    set_state(deliver, DELIVER_CONNECTING);
    deliver->link = link_new(deliver->place.parts->links, &login, &events, deliver);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct deliver *deliver = arg;

    (void)fd;
    (void)what;
    if (deliver->state == DELIVER_DOWN)
        set_state(deliver, DELIVER_IDLE);
    deliver_kick(deliver);
}

static void on_idle(evutil_socket_t fd, short what, void *arg)
{
    struct deliver *deliver = arg;

    (void)fd;
    (void)what;
    if (deliver->place.session != NULL && is_at_rest(deliver))
        imap_session_logout(deliver->place.session);
}

/* ---- life ---- */

struct deliver *deliver_new(struct parts *parts, const struct target *target)
{
    struct deliver *deliver = xcalloc(1, sizeof(*deliver));

    deliver->place.parts = parts;
    deliver->place.target = target;
    deliver->since = time(NULL);
    deliver->lost_at = time(NULL); /* a crash may have cut an APPEND a moment ago */
    deliver->backoff = (struct backoff){.first = LIMIT_BACKOFF_FIRST, .last = LIMIT_BACKOFF_LAST};
    deliver->backoff_auth =
        (struct backoff){.first = LIMIT_BACKOFF_AUTH, .last = LIMIT_BACKOFF_AUTH_LAST};
    deliver->timer = evtimer_new(parts->base, on_timer, deliver);
    deliver->idle = evtimer_new(parts->base, on_idle, deliver);
    deliver->again = evtimer_new(parts->base, on_again, deliver);
    return deliver;
}

void deliver_free(struct deliver *deliver)
{
    if (deliver == NULL)
        return;
    link_free(deliver->link);
    if (deliver->asked != NULL)
        deliver->asked->deliver = NULL;
    batch_free(deliver->sending);
    batch_free(deliver->preparing);
    resolve_intents_free(deliver->resolve);
    drop_waiting(deliver);
    target_folder_free(deliver->place.folder);
    event_free(deliver->timer);
    event_free(deliver->idle);
    event_free(deliver->again);
    free(deliver->trouble);
    free(deliver);
}

const struct target *deliver_target(const struct deliver *deliver)
{
    return deliver->place.target;
}

bool deliver_update(struct deliver *deliver, const struct target *target)
{
    const struct target *old = deliver->place.target;

    if (!same_login(old->server, old->login, &old->secret, target->server, target->login,
                    &target->secret))
        return false;
    deliver->place.target = target;
    if (deliver->state == DELIVER_DOWN) /* what was wrong may be mended now */
        event_active(deliver->timer, EV_TIMEOUT, 0);
    return true;
}

void deliver_stop(struct deliver *deliver, void (*done)(void *arg), void *arg)
{
    deliver->stopping = true;
    deliver->stopped = done;
    deliver->stopped_arg = arg;
    event_active(deliver->again, EV_TIMEOUT, 0);
}

void deliver_status(const struct deliver *deliver, struct deliver_status *status)
{
    *status = (struct deliver_status){
        .state = deliver->state,
        .since = deliver->since,
        .trouble = deliver->trouble != NULL ? deliver->trouble : "",
        .trouble_since = deliver->trouble_since,
        .next_try = deliver->state == DELIVER_DOWN ? deliver->next_try : 0,
    };
}
