#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config/same.h"
#include "agent/deliver/next_batch.h"
#include "agent/deliver/private.h"
#include "agent/system/limit.h"
#include "agent/system/log.h"
#include "rules/util/memory.h"

static void ask(struct deliver *deliver);

static bool is_stopping(const struct deliver *deliver)
{
    return deliver->stopped != NULL;
}

static void drop_waiting(struct deliver *deliver)
{
    ledger_copies_free(deliver->waiting, deliver->n_waiting);
    deliver->waiting = NULL;
    deliver->n_waiting = deliver->n_chosen = 0;
}

/* Nothing more to prepare for now; what is being sent goes on. */
static void enter_resting(struct deliver *deliver)
{
    deliver_enter(deliver, deliver->sending != NULL ? STEP_SENDING : STEP_IDLE);
}

static bool is_in_doubt(const struct deliver *deliver)
{
    return event_pending(deliver->doubt, EV_TIMEOUT, NULL) != 0;
}

static bool is_quiet(const struct deliver *deliver)
{
    return event_pending(deliver->quiet, EV_TIMEOUT, NULL) != 0;
}

/* The server asks to be left alone for so long. */
static void pause_for(struct deliver *deliver, unsigned seconds)
{
    const struct timeval wait = {.tv_sec = seconds};

    event_add(deliver->quiet, &wait);
}

/* on_wait_over() goes on. */
static void rest_quietly(struct deliver *deliver)
{
    const struct timeval idle = {.tv_sec = LIMIT_TARGET_IDLE};

    enter_resting(deliver);
    if (deliver->step == STEP_IDLE && deliver->place.session != NULL)
        event_add(deliver->session_idle, &idle);
}

/* The last answer of the ledger is dealt with: ask for what is due now. */
static void ask_again(struct deliver *deliver)
{
    if (is_stopping(deliver)) {
        enter_resting(deliver);
        deliver_work_soon(deliver);
    } else if (is_quiet(deliver)) {
        rest_quietly(deliver);
    } else {
        ask(deliver);
    }
}

/* ---- batches ---- */

static void send_prepared(struct deliver *deliver)
{
    assert(deliver->sending == NULL && batch_is_ready(deliver->preparing));
    deliver->sending = deliver->preparing;
    deliver->preparing = NULL;
    deliver_enter(deliver, STEP_SENDING);
    batch_send(deliver->sending);
    deliver_work_soon(deliver); /* prepare the next */
}

static void put_off_prepared(struct deliver *deliver)
{
    batch_put_off(deliver->preparing, "the server asks for a pause");
    batch_free(deliver->preparing);
    deliver->preparing = NULL;
    rest_quietly(deliver);
}

static void on_batch_ready(void *arg)
{
    struct deliver *deliver = arg;

    if (is_quiet(deliver))
        put_off_prepared(deliver);
    else if (deliver->sending == NULL)
        send_prepared(deliver);
    else
        deliver_enter(deliver, STEP_PREPARED);
}

static void next_step(struct deliver *deliver);

static void on_sent(struct deliver *deliver)
{
    deliver->woken = true;
    switch (deliver->step) {
    case STEP_SENDING:
        ask_again(deliver);
        break;
    case STEP_HOLDING:
        if (is_quiet(deliver)) {
            drop_waiting(deliver);
            rest_quietly(deliver);
        } else {
            next_step(deliver);
        }
        break;
    case STEP_PREPARED:
        if (is_quiet(deliver))
            put_off_prepared(deliver);
        else
            send_prepared(deliver);
        break;
    default:
        assert(deliver->step == STEP_ASKING || deliver->step == STEP_PREPARING);
        break;
    }
}

static void on_batch_ended(void *arg, const struct batch_end *end)
{
    struct deliver *deliver = arg;
    struct batch **batch = end->sent ? &deliver->sending : &deliver->preparing;
    bool sent = end->sent, flooded;

    if (end->trouble != NULL)
        deliver_set_trouble(deliver, end->trouble);
    else if (sent && !is_in_doubt(deliver))
        deliver->trouble_since = 0;
    if (end->stored) {
        persistent_link_worked(deliver->link);
        deliver->cuts = 0;
        deliver->singles = 0;
    }
    if (end->pause > 0)
        pause_for(deliver, end->pause);
    flooded = end->flooded;
    batch_free(*batch);
    *batch = NULL;
    if (flooded)
        persistent_link_fail(deliver->link, "the server sends replies to a search without end");
    else if (sent)
        on_sent(deliver);
    else
        ask_again(deliver);
}

/* ---- what is due ---- */

/* The copies chosen wait as long as their folder does. */
static void put_off_for_folder(struct deliver *deliver, const struct folder_trouble *trouble)
{
    for (size_t i = 0; i < deliver->n_chosen; i++)
        ledger_not_delivered(deliver->place.context->ledger, deliver->waiting[i].id,
                             trouble->reason, trouble->until, NULL, NULL);
    drop_waiting(deliver);
    ask_again(deliver);
}

/* One line of the log a change, and not one a copy. */
static void note_folder_trouble(struct deliver *deliver, const char *why)
{
    time_t now = time(NULL);
    bool changed;
    const struct folder_trouble *trouble =
        folder_troubles_note(&deliver->folders, deliver->folder, why, now, &changed);

    if (changed)
        log_event(LOG_LEVEL_WARNING, "folder-refused", "target", deliver->place.target->name,
                  "folder", deliver->folder, "reason", why, "again-in",
                  log_number(trouble->until - now), (char *)NULL);
    deliver_set_trouble(deliver, why);
    put_off_for_folder(deliver, trouble);
}

static void on_selected(void *arg, const char *why)
{
    static const struct batch_events events = {.ready = on_batch_ready, .ended = on_batch_ended};
    struct deliver *deliver = arg;

    if (why != NULL) {
        note_folder_trouble(deliver, why);
        return;
    }
    if (folder_troubles_forget(&deliver->folders, deliver->folder))
        log_event(LOG_LEVEL_NOTICE, "folder-ready", "target", deliver->place.target->name, "folder",
                  deliver->folder, (char *)NULL);
    deliver->woken = deliver->woken || deliver->n_chosen < deliver->n_waiting ||
                     deliver->n_chosen == LIMIT_BATCH_COPIES;
    deliver->preparing = batch_new(&deliver->place, deliver->waiting, deliver->n_chosen,
                                   deliver->n_waiting, &events, deliver);
    deliver->waiting = NULL;
    deliver->n_waiting = deliver->n_chosen = 0;
    deliver_enter(deliver, STEP_PREPARING);
}

/* Copies with an intent wait; the others go on. */
static void remain_in_doubt(struct deliver *deliver, const char *why)
{
    struct timeval wait = backoff_next(&deliver->doubt_backoff);
    char *text = xasprintf("copies in doubt cannot be searched for: %s", why);

    if (deliver->trouble_since == 0 || strcmp(deliver->trouble, text) != 0)
        log_event(LOG_LEVEL_WARNING, "search-refused", "target", deliver->place.target->name,
                  "reason", why, "again-in", log_number(wait.tv_sec), (char *)NULL);
    deliver_set_trouble(deliver, text);
    free(text);
    event_add(deliver->doubt, &wait);
}

static void on_resolved(void *arg, const char *why)
{
    struct deliver *deliver = arg;
    const struct find_copies *search = resolve_intents_search(deliver->resolving);

    if (search != NULL && find_copies_is_flooded(search)) {
        persistent_link_fail(deliver->link, why);
        return;
    }
    if (why != NULL)
        remain_in_doubt(deliver, why);
    else
        backoff_succeeded(&deliver->doubt_backoff);
    resolve_intents_free(deliver->resolving);
    deliver->resolving = NULL;
    ask_again(deliver);
}

static void resolve(struct deliver *deliver)
{
    deliver->resolving = resolve_intents_new(&deliver->place, deliver->waiting, deliver->n_waiting,
                                             deliver->lost_at, on_resolved, deliver);
    deliver->waiting = NULL;
    deliver->n_waiting = 0;
    deliver_enter(deliver, STEP_RESOLVING);
}

static void select_folder(struct deliver *deliver, const char *folder)
{
    const struct folder_trouble *trouble;

    deliver->n_chosen = next_batch_size(&deliver->place, deliver->waiting, deliver->n_waiting,
                                        folder, deliver->singles > 0);
    assert(deliver->n_chosen > 0);
    trouble = folder_troubles_now(&deliver->folders, folder, time(NULL));
    deliver_enter(deliver, STEP_SELECTING);
    if (trouble != NULL) {
        put_off_for_folder(deliver, trouble);
        return;
    }
    if (deliver->singles > 0)
        deliver->singles--;
    free(deliver->folder);
    deliver->folder = xstrdup(folder);
    target_folder_select(deliver->place.folder, folder, true, on_selected, deliver);
}

static void hold(struct deliver *deliver)
{
    deliver_enter(deliver, STEP_HOLDING);
}

/* The next step with the copies that are due, or HOLDING until the batch being sent is over. */
static void next_step(struct deliver *deliver)
{
    bool is_sending = deliver->sending != NULL;
    char *folder;

    if (deliver->waiting[0].intent) {
        if (is_sending)
            hold(deliver);
        else
            resolve(deliver);
        return;
    }
    folder = next_batch_folder(&deliver->place, &deliver->waiting[0]);
    /* Another folder must not be selected while copies are being sent to this one. */
    if (is_sending && !target_folder_is_selected(deliver->place.folder, folder))
        hold(deliver);
    else
        select_folder(deliver, folder);
    free(folder);
}

static void wait_until(struct deliver *deliver, time_t when)
{
    time_t now = time(NULL);
    struct timeval wait = {.tv_sec = when > now ? when - now : 0, .tv_usec = 10000};

    event_add(deliver->due, &wait);
}

/* Nothing is due until next_due, or, if that is 0, until deliver_wake(). */
static void rest(struct deliver *deliver, time_t next_due)
{
    struct timeval idle = {.tv_sec = LIMIT_TARGET_IDLE};

    enter_resting(deliver);
    deliver_work_soon(deliver); /* woken meanwhile, or to be stopped */
    if (deliver->step == STEP_SENDING)
        return;
    if (deliver->place.session != NULL)
        event_add(deliver->session_idle, &idle);
    if (next_due != 0)
        wait_until(deliver, next_due);
}

static void forget_in_flight(struct deliver *deliver)
{
    free(deliver->in_flight);
    deliver->in_flight = NULL;
    deliver->n_in_flight = 0;
}

static void on_pending(void *arg, struct ledger_copy *copies, size_t n, time_t next_due, bool *keep)
{
    struct deliver *deliver = arg;
    size_t news = next_batch_leave_out(copies, n, deliver->in_flight, deliver->n_in_flight);

    assert(deliver->step == STEP_ASKING);
    deliver->asked = NULL;
    forget_in_flight(deliver);
    if (is_quiet(deliver)) {
        deliver->woken = true;
        rest_quietly(deliver);
        deliver_work_soon(deliver);
    } else if (news == 0 || is_stopping(deliver)) {
        rest(deliver, next_due);
    } else if (deliver->place.session == NULL) {
        persistent_link_open(deliver->link);
    } else {
        ledger_copies_clear(copies + news, n - news);
        *keep = true;
        deliver->waiting = copies;
        deliver->n_waiting = news;
        next_step(deliver);
    }
}

/* The ledger does not know the result of the batch being sent yet: its copies are left out of the
 * answer, also if the batch ends before the answer comes. */
static void note_in_flight(struct deliver *deliver)
{
    size_t n = deliver->sending != NULL ? batch_count(deliver->sending) : 0;

    forget_in_flight(deliver);
    deliver->in_flight = xcalloc(n, sizeof(*deliver->in_flight));
    deliver->n_in_flight = n;
    for (size_t i = 0; i < n; i++)
        deliver->in_flight[i] = batch_copy(deliver->sending, i);
}

static void ask(struct deliver *deliver)
{
    event_del(deliver->due);
    event_del(deliver->session_idle);
    deliver->woken = false;
    note_in_flight(deliver);
    deliver->asked = (is_in_doubt(deliver) ? ledger_pending_certain : ledger_pending)(
        deliver->place.context->ledger, deliver->place.target->name, time(NULL),
        LIMIT_BATCH_COPIES + deliver->n_in_flight, on_pending, deliver);
    deliver_enter(deliver, STEP_ASKING);
}

/* ---- the state machine from the event loop ---- */

static void stop_now(struct deliver *deliver)
{
    persistent_link_close(deliver->link);
    target_folder_free(deliver->place.folder);
    deliver->place.folder = NULL;
    deliver->place.session = NULL;
    event_del(deliver->due);
    event_del(deliver->session_idle);
    event_del(deliver->quiet);
    event_del(deliver->doubt);
    deliver_enter(deliver, STEP_STOPPED);
    deliver->stopped(deliver->stopped_arg);
}

static void on_work(evutil_socket_t fd, short what, void *arg)
{
    struct deliver *deliver = arg;
    enum deliver_step step = deliver->step;

    (void)fd;
    (void)what;
    if (is_stopping(deliver)) {
        if (step == STEP_IDLE || step == STEP_CONNECTING || step == STEP_DOWN) {
            stop_now(deliver);
        } else if (step == STEP_HOLDING) {
            drop_waiting(deliver);
            deliver_enter(deliver, STEP_SENDING);
        } else if (step == STEP_RESOLVING) {
            resolve_intents_free(deliver->resolving);
            deliver->resolving = NULL;
            deliver_enter(deliver, STEP_IDLE);
            stop_now(deliver);
        }
    } else if (deliver->woken && !is_quiet(deliver) &&
               (step == STEP_IDLE || step == STEP_SENDING)) {
        ask(deliver);
    }
}

static void on_wait_over(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    deliver_wake(arg);
}

static void on_due(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    deliver_wake(arg);
}

static void on_session_idle(evutil_socket_t fd, short what, void *arg)
{
    struct deliver *deliver = arg;

    (void)fd;
    (void)what;
    assert(deliver->step == STEP_IDLE && deliver->place.session != NULL);
    imap_session_logout(deliver->place.session);
}

/* ---- life ---- */

struct deliver *deliver_new(struct context *context, const struct target *target)
{
    struct deliver *deliver = xcalloc(1, sizeof(*deliver));

    deliver->place.context = context;
    deliver->place.target = target;
    deliver->since = time(NULL);
    deliver->lost_at = time(NULL); /* a crash may have cut off an APPEND a moment ago */
    deliver->link = deliver_link_new(deliver);
    deliver->work = evtimer_new(context->base, on_work, deliver);
    deliver->due = evtimer_new(context->base, on_due, deliver);
    deliver->session_idle = evtimer_new(context->base, on_session_idle, deliver);
    deliver->quiet = evtimer_new(context->base, on_wait_over, deliver);
    deliver->doubt = evtimer_new(context->base, on_wait_over, deliver);
    deliver->doubt_backoff = (struct backoff){.first = LIMIT_DOUBT_FIRST, .last = LIMIT_DOUBT_LAST};
    return deliver;
}

void deliver_free(struct deliver *deliver)
{
    if (deliver == NULL)
        return;
    ledger_cancel(deliver->asked);
    batch_free(deliver->sending);
    batch_free(deliver->preparing);
    resolve_intents_free(deliver->resolving);
    drop_waiting(deliver);
    forget_in_flight(deliver);
    folder_troubles_clear(&deliver->folders);
    free(deliver->folder);
    persistent_link_free(deliver->link);
    target_folder_free(deliver->place.folder);
    event_free(deliver->work);
    event_free(deliver->due);
    event_free(deliver->session_idle);
    event_free(deliver->quiet);
    event_free(deliver->doubt);
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
    persistent_link_retry_now(deliver->link); /* the cause may be fixed */
    return true;
}

void deliver_wake(struct deliver *deliver)
{
    deliver->woken = true;
    deliver_work_soon(deliver);
}

void deliver_retry_now(struct deliver *deliver)
{
    event_del(deliver->quiet);
    event_del(deliver->doubt);
    folder_troubles_retry(&deliver->folders);
    persistent_link_retry_now(deliver->link);
    deliver_wake(deliver);
}

void deliver_note_overdue(struct deliver *deliver, time_t since, uint64_t waiting)
{
    if (since != 0 && !deliver->overdue)
        log_event(LOG_LEVEL_WARNING, "copies-overdue", "target", deliver->place.target->name,
                  "waiting", log_number((long long)waiting), "oldest-for",
                  log_number(time(NULL) - since), "reason",
                  deliver->trouble_since != 0 ? deliver->trouble : "", (char *)NULL);
    if (since == 0 && deliver->overdue)
        log_event(LOG_LEVEL_NOTICE, "copies-in-time", "target", deliver->place.target->name,
                  (char *)NULL);
    deliver->overdue = since != 0;
}

void deliver_stop(struct deliver *deliver, void (*done)(void *arg), void *arg)
{
    assert(done != NULL && !is_stopping(deliver));
    deliver->stopped = done;
    deliver->stopped_arg = arg;
    deliver_work_soon(deliver);
}

void deliver_status(const struct deliver *deliver, struct deliver_status *status)
{
    struct timeval quiet = {0};
    bool quiet_now = event_pending(deliver->quiet, EV_TIMEOUT, &quiet) != 0;

    *status = (struct deliver_status){
        .state = deliver->shown,
        .since = deliver->since,
        .trouble = deliver->trouble != NULL ? deliver->trouble : "",
        .trouble_since = deliver->trouble_since,
        .next_try = quiet_now ? quiet.tv_sec : persistent_link_trouble(deliver->link).next_try,
    };
}
