#include "agent/watch.h"

#include <stdlib.h>
#include <string.h>

#include "agent/backoff.h"
#include "agent/fault.h"
#include "agent/limit.h"
#include "agent/log.h"
#include "rules/memory.h"

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
    struct folder *selected; /* EXAMINE was answered with OK */
    struct folder *examining; /* EXAMINE is under way, or the ledger opens it */
    struct ledger_opening *opening;
    bool baseline;
    bool notify_asked, notify_runs, notify_refused;
    bool idling, idle_refused;
    unsigned statuses; /* STATUS commands under way */

    struct event *retry_timer; /* WATCH_DOWN */
    struct event *tick; /* while signed in: renewals, polls, silence */
    struct event *recheck; /* after news by NOTIFY */
    time_t idle_since, last_poll, last_safety, last_heard;
    time_t heartbeat; /* the longest silence between two signs of life while idling, 0: not known */
};

/* A question to the ledger that outlives the watch that asked it. */
struct ledger_opening {
    struct watch *watch; /* NULL: freed or reconnected meanwhile */
};

static void work(struct watch *watch);

const char *watch_state_text(enum watch_state state)
{
    static const char *const texts[] = {"connecting", "working", "waiting", "down"};

    return texts[state];
}

const char *watch_mode_text(enum watch_mode mode)
{
    static const char *const texts[] = {"notify", "idle", "poll"};

    return texts[mode];
}

static void set_state(struct watch *watch, enum watch_state state)
{
    if (watch->state == state)
        return;
    watch->state = state;
    watch->since = time(NULL);
}

/* ---- folders ---- */

static void folder_free(struct folder *folder)
{
    imap_uidset_clear(&folder->vanished);
    imap_uidset_clear(&folder->retry);
    free(folder->name);
    free(folder);
}

static struct folder *find_folder(const struct watch *watch, const char *name)
{
    for (size_t i = 0; i < watch->n_folders; i++)
        if (strcmp(watch->folders[i]->name, name) == 0)
            return watch->folders[i];
    return NULL;
}

static bool is_busy(const struct watch *watch)
{
    return watch->examining != NULL || capture_runs(watch->capture) || watch->is_listing;
}

/* A folder that is no longer wanted goes, unless it is being worked on: then with the next listing. */
static bool may_drop(const struct watch *watch, const struct folder *folder)
{
    return folder != watch->selected && folder != watch->examining;
}

void watch_set_folders(struct watch *watch, const struct chosen_folder *folders, size_t n,
                       bool baseline)
{
    struct folder **kept = xcalloc(watch->n_folders + n, sizeof(*kept));
    size_t count = 0;
    bool fresh = false;

    watch->baseline = baseline;
    for (size_t i = 0; i < watch->n_folders; i++)
        watch->folders[i]->listed = false;
    for (size_t i = 0; i < n; i++) {
        struct folder *folder = find_folder(watch, folders[i].name);

        if (folder == NULL) {
            folder = xcalloc(1, sizeof(*folder));
            folder->name = xstrdup(folders[i].name);
            folder->dirty = true;
            fresh = true;
        }
        folder->role = folders[i].role;
        folder->listed = true;
        kept[count++] = folder;
    }
    for (size_t i = 0; i < watch->n_folders; i++) {
        if (watch->folders[i]->listed)
            continue;
        if (may_drop(watch, watch->folders[i]))
            folder_free(watch->folders[i]);
        else
            kept[count++] = watch->folders[i];
    }
    free(watch->folders);
    watch->folders = kept;
    watch->n_folders = count;
    if (fresh)
        watch->notify_asked = false;
    work(watch);
}

enum watch_mode watch_mode(const struct watch *watch)
{
    return watch->mode;
}

/* ---- one folder: EXAMINE, the ledger, capture ---- */

static bool ended(const struct imap_result *result)
{
    return result->kind == IMAP_RESULT_LOST || result->kind == IMAP_RESULT_UNSENT;
}

static void on_captured(void *arg)
{
    struct watch *watch = arg;

    if (watch->selected != NULL && watch->selected->modseq > 0)
        ledger_modseq(watch->parts->ledger, watch->selected->ledger_id, watch->selected->modseq);
    work(watch);
}

static bool retry_is_due(const struct folder *folder)
{
    return folder->retry.count > 0;
}

static void start_capture(struct watch *watch, struct folder *folder)
{
    bool retry = retry_is_due(folder);

    folder->dirty = false;
    if (retry)
        folder->retries++;
    capture_start(watch->capture, watch->session, watch->account, folder, retry, on_captured, watch);
}

static void log_opened(const struct watch *watch, const struct folder *folder,
                       const struct ledger_folder *opened)
{
    const char *account = (*watch->account)->name;

    if (opened->validity_changed)
        log_event(LOG_LEVEL_WARNING, "uidvalidity-changed", "account", account, "folder",
                  folder->name, "before", log_number(opened->previous_validity), "now",
                  log_number(folder->uidvalidity), "action", "resolved by content", (char *)NULL);
    else if (opened->first_sight)
        log_event(LOG_LEVEL_NOTICE, "folder-first-sight", "account", account, "folder",
                  folder->name, "uidvalidity", log_number(folder->uidvalidity), "baseline",
                  log_number(opened->seen_through), (char *)NULL);
}

static void on_opened(void *arg, const struct ledger_folder *opened)
{
    struct ledger_opening *opening = arg;
    struct watch *watch = opening->watch;
    struct folder *folder;

    free(opening);
    if (watch == NULL)
        return;
    watch->opening = NULL;
    folder = watch->examining;
    watch->examining = NULL;
    folder->ledger_id = opened->id;
    folder->seen_through = opened->seen_through;
    folder->modseq = opened->modseq;
    folder->baseline_at = opened->baseline_at;
    folder->by_date = opened->seen_through < opened->look_through;
    imap_uidset_clear(&folder->retry);
    for (size_t i = 0; i < opened->n_retry; i++)
        imap_uidset_add(&folder->retry, opened->retry[i], opened->retry[i]);
    log_opened(watch, folder, opened);
    watch->selected = folder;
    start_capture(watch, folder);
}

static void open_in_ledger(struct watch *watch, struct folder *folder, uint32_t uidnext)
{
    struct ledger_opening *opening = xcalloc(1, sizeof(*opening));

    opening->watch = watch;
    watch->opening = opening;
    fault_point(FAULT_FOLDER_OPENED);
    ledger_folder_open(watch->parts->ledger, (*watch->account)->name, folder->name,
                       folder->uidvalidity, uidnext, watch->baseline, on_opened, opening);
}

/* EXAMINE told no UIDNEXT (some servers do not): the highest UID is asked for. */
static void on_highest(void *arg, const struct imap_result *result)
{
    struct watch *watch = arg;

    if (ended(result) || watch->examining == NULL)
        return;
    open_in_ledger(watch, watch->examining, watch->examining->seen_through + 1);
}

static void give_up_folder(struct watch *watch, const char *why)
{
    log_event(LOG_LEVEL_WARNING, "folder-not-opened", "account", (*watch->account)->name, "folder",
              watch->examining->name, "reason", why, (char *)NULL);
    watch->examining->dirty = false;
    watch->examining = NULL;
    watch->list_due = watch->is_main;
    work(watch);
}

static void on_examined(void *arg, const struct imap_result *result,
                        const struct imap_mailbox *mailbox)
{
    struct watch *watch = arg;
    struct folder *folder = watch->examining;
    struct imap_uidset last = {0};

    if (ended(result) || folder == NULL)
        return;
    if (result->kind != IMAP_RESULT_OK) {
        give_up_folder(watch, result->reason);
        return;
    }
    if (mailbox->uidvalidity == 0) {
        give_up_folder(watch, "the server tells no UIDVALIDITY: its UIDs cannot be relied on");
        return;
    }
    if (folder->ledger_id != 0 && folder->uidvalidity == mailbox->uidvalidity) {
        watch->examining = NULL;
        watch->selected = folder;
        start_capture(watch, folder);
        return;
    }
    folder->uidvalidity = mailbox->uidvalidity;
    folder->ledger_id = 0;
    folder->seen_through = 0;
    if (mailbox->uidnext != 0 || mailbox->exists == 0) {
        open_in_ledger(watch, folder, mailbox->uidnext != 0 ? mailbox->uidnext : 1);
        return;
    }
    imap_uidset_add(&last, UINT32_MAX, UINT32_MAX);
    imap_uid_fetch(watch->session, &last, "(UID)", on_highest, watch);
    imap_uidset_clear(&last);
}

static void examine(struct watch *watch, struct folder *folder)
{
    struct imap_resync resync = {0};

    watch->selected = NULL;
    watch->examining = folder;
    if (folder->uidvalidity != 0 && folder->modseq > 0)
        resync = (struct imap_resync){.uidvalidity = folder->uidvalidity, .modseq = folder->modseq};
    imap_examine(watch->session, folder->name, &resync, on_examined, watch);
}

/* ---- the list of folders ---- */

static void on_list(void *arg, const struct imap_result *result)
{
    struct watch *watch = arg;

    if (ended(result))
        return;
    watch->is_listing = false;
    if (result->kind != IMAP_RESULT_OK)
        log_event(LOG_LEVEL_WARNING, "folders-not-listed", "account", (*watch->account)->name,
                  "reason", result->reason, (char *)NULL);
    else
        watch->events.listing(watch->arg, &watch->listing);
    folder_list_clear(&watch->listing);
    work(watch);
}

static void list(struct watch *watch)
{
    watch->list_due = false;
    watch->is_listing = true;
    folder_list_clear(&watch->listing);
    imap_list(watch->session, "*", 0, on_list, watch);
}

/* ---- waiting ---- */

static void on_notify(void *arg, const struct imap_result *result)
{
    struct watch *watch = arg;

    if (ended(result))
        return;
    watch->notify_runs = result->kind == IMAP_RESULT_OK;
    if (!watch->notify_runs) {
        log_event(LOG_LEVEL_WARNING, "notify-refused", "account", (*watch->account)->name, "reason",
                  result->reason, (char *)NULL);
        watch->notify_refused = true;
        watch->mode = imap_session_has(watch->session, "IDLE") ? WATCH_MODE_IDLE : WATCH_MODE_POLL;
        watch->list_due = watch->is_main;
    }
    work(watch);
}

static bool watches_everything(const struct watch *watch)
{
    for (char **folder = (*watch->account)->folders; *folder != NULL; folder++)
        if (strcmp(*folder, "*") == 0)
            return true;
    return false;
}

static void ask_for_notify(struct watch *watch)
{
    const char **names = xcalloc(watch->n_folders, sizeof(*names));

    for (size_t i = 0; i < watch->n_folders; i++)
        names[i] = watch->folders[i]->name;
    watch->notify_asked = true;
    watch->notify_runs = false;
    if (watches_everything(watch))
        imap_notify(watch->session, NULL, 0, on_notify, watch);
    else
        imap_notify(watch->session, names, watch->n_folders, on_notify, watch);
    free(names);
}

static void on_idling(void *arg)
{
    struct watch *watch = arg;

    watch->idle_since = watch->last_heard = time(NULL);
}

static void on_idle_done(void *arg, const struct imap_result *result)
{
    struct watch *watch = arg;

    watch->idling = false;
    if (ended(result))
        return;
    if (result->kind == IMAP_RESULT_BAD || result->kind == IMAP_RESULT_NO) {
        log_event(LOG_LEVEL_WARNING, "idle-refused", "account", (*watch->account)->name, "reason",
                  result->reason, (char *)NULL);
        watch->idle_refused = true;
        if (watch->mode == WATCH_MODE_IDLE)
            watch->mode = WATCH_MODE_POLL;
    }
    work(watch);
}

static struct folder *home(const struct watch *watch)
{
    return watch->n_folders > 0 ? watch->folders[0] : NULL;
}

/* With NOTIFY too: outside IDLE Dovecot has been seen to keep quiet about a message that comes right
 * after a command (share/doc/notify.md). */
static bool idles(const struct watch *watch)
{
    return watch->mode != WATCH_MODE_POLL && !watch->idle_refused &&
           imap_session_has(watch->session, "IDLE");
}

/* Nothing is dirty. */
static void wait_for_news(struct watch *watch)
{
    set_state(watch, WATCH_WAITING);
    if (idles(watch) && !watch->idling && watch->selected != NULL && watch->statuses == 0) {
        watch->idling = true;
        watch->idle_since = watch->last_heard = time(NULL);
        imap_idle(watch->session, on_idling, on_idle_done, watch);
    }
    watch->events.waiting(watch->arg);
}

static struct folder *next_dirty(const struct watch *watch)
{
    if (watch->selected != NULL && watch->selected->dirty)
        return watch->selected;
    for (size_t i = 0; i < watch->n_folders; i++)
        if (watch->folders[i]->dirty)
            return watch->folders[i];
    return NULL;
}

/* The heart: does the next thing that is to be done, one at a time. */
static void work(struct watch *watch)
{
    struct folder *folder;

    if (watch->session == NULL || is_busy(watch))
        return;
    if (watch->list_due) {
        list(watch);
        return;
    }
    if (watch->mode == WATCH_MODE_NOTIFY && !watch->notify_asked && watch->n_folders > 0) {
        ask_for_notify(watch);
        return;
    }
    if (watch->mode == WATCH_MODE_NOTIFY && !watch->notify_runs && watch->n_folders > 0)
        return;
    folder = next_dirty(watch);
    /* The selected folder tells of itself most directly: return to the first one. */
    if (folder == NULL && home(watch) != watch->selected)
        folder = home(watch);
    if (folder == NULL) {
        wait_for_news(watch);
        return;
    }
    set_state(watch, WATCH_WORKING);
    if (folder == watch->selected)
        start_capture(watch, folder);
    else
        examine(watch, folder);
}

/* ---- polls and renewals ---- */

static void on_status_done(void *arg, const struct imap_result *result)
{
    struct watch *watch = arg;

    watch->statuses--;
    if (!ended(result))
        work(watch);
}

/* Asks after every folder: the selected one by a capture, the others by STATUS. */
static void look_at_all(struct watch *watch)
{
    for (size_t i = 0; i < watch->n_folders; i++) {
        struct folder *folder = watch->folders[i];

        if (folder == watch->selected || folder->ledger_id == 0) {
            folder->dirty = true;
            continue;
        }
        watch->statuses++;
        imap_status(watch->session, folder->name, IMAP_STATUS_UIDNEXT | IMAP_STATUS_UIDVALIDITY,
                    on_status_done, watch);
    }
    watch->last_poll = time(NULL);
    work(watch);
}

void watch_wake(struct watch *watch)
{
    if (watch->session == NULL) {
        if (watch->retry_timer != NULL && watch->state == WATCH_DOWN)
            event_active(watch->retry_timer, EV_TIMEOUT, 0);
        return;
    }
    watch->list_due = watch->is_main;
    look_at_all(watch);
}

static bool has_polled_folders(const struct watch *watch)
{
    return watch->mode == WATCH_MODE_POLL ||
           (watch->mode == WATCH_MODE_IDLE && watch->n_folders > 1);
}

static bool retries_are_due(const struct watch *watch, time_t now)
{
    for (size_t i = 0; i < watch->n_folders; i++) {
        const struct folder *folder = watch->folders[i];
        unsigned shift = folder->retries < 7 ? folder->retries : 7;

        if (retry_is_due(folder) && now - watch->last_poll >= (LIMIT_UNFETCHED_FIRST << shift))
            return true;
    }
    return false;
}

static bool idle_is_due(const struct watch *watch, time_t now)
{
    const struct config *config = watch->parts->config;

    if (now - watch->idle_since >= (time_t)config->idle_renew)
        return true;
    return watch->heartbeat > 0 && now - watch->last_heard > 2 * watch->heartbeat + 10;
}

static void on_ping(void *arg, const struct imap_result *result)
{
    (void)arg;
    (void)result;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct watch *watch = arg;
    const struct config *config = watch->parts->config;
    time_t now = time(NULL);

    (void)fd;
    (void)what;
    if (watch->session == NULL || watch->state != WATCH_WAITING)
        return;
    if (now - watch->last_safety >= (time_t)config->safety_poll) {
        watch->last_safety = now;
        watch->list_due = watch->is_main;
        look_at_all(watch);
    } else if ((has_polled_folders(watch) &&
                now - watch->last_poll >= (time_t)config->poll_interval) ||
               retries_are_due(watch, now)) {
        look_at_all(watch);
    } else if (idle_is_due(watch, now)) {
        if (watch->idling) {
            imap_idle_stop(watch->session);
        } else {
            watch->idle_since = watch->last_heard = now;
            imap_noop(watch->session, on_ping, NULL);
        }
    }
}

static void start_ticking(struct watch *watch)
{
    const struct config *config = watch->parts->config;
    unsigned seconds = config->poll_interval < 10 ? config->poll_interval : 10;
    struct timeval interval = {.tv_sec = seconds > 0 ? (time_t)seconds : 1};

    watch->last_poll = watch->last_safety = watch->idle_since = watch->last_heard = time(NULL);
    watch->heartbeat = 0;
    if (watch->tick == NULL)
        watch->tick = event_new(watch->parts->base, -1, EV_PERSIST, on_tick, watch);
    event_add(watch->tick, &interval);
}

/* ---- what the session says ---- */

static void hear(struct watch *watch)
{
    time_t now = time(NULL);

    if (watch->idling && now - watch->last_heard > watch->heartbeat)
        watch->heartbeat = now - watch->last_heard;
    watch->last_heard = now;
}

static void on_recheck(evutil_socket_t fd, short what, void *arg)
{
    struct watch *watch = arg;

    (void)fd;
    (void)what;
    if (watch->session != NULL && watch->state == WATCH_WAITING)
        look_at_all(watch);
}

/* Without IDLE beside it, what NOTIFY told is looked at once more a little later: see idles(). */
static void recheck_soon(struct watch *watch)
{
    struct timeval wait = {.tv_sec = 2};

    if (!event_pending(watch->recheck, EV_TIMEOUT, NULL))
        event_add(watch->recheck, &wait);
}

static void take_status(struct watch *watch, const struct imap_mailbox_status *status)
{
    struct folder *folder = find_folder(watch, status->mailbox);

    if (watch->mode == WATCH_MODE_NOTIFY && watch->notify_runs && !idles(watch))
        recheck_soon(watch);

    if (folder == NULL) {
        watch->list_due = watch->list_due || (watch->is_main && watches_everything(watch));
        return;
    }
    if ((status->has & IMAP_STATUS_UIDNEXT) == 0 || folder->ledger_id == 0 ||
        status->uidnext > folder->seen_through + 1 ||
        ((status->has & IMAP_STATUS_UIDVALIDITY) != 0 &&
         status->uidvalidity != folder->uidvalidity))
        folder->dirty = true;
}

static void take_vanished(struct watch *watch, const struct imap_uidset *uids)
{
    struct folder *folder = watch->examining != NULL ? watch->examining : watch->selected;

    if (folder == NULL)
        return;
    for (size_t i = 0; i < uids->count; i++)
        imap_uidset_add(&folder->vanished, uids->ranges[i].first, uids->ranges[i].last);
}

static void on_untagged(void *arg, const struct imap_untagged *untagged)
{
    struct watch *watch = arg;

    hear(watch);
    switch (untagged->kind) {
    case IMAP_UNTAGGED_LIST:
        if (watch->is_listing)
            folder_list_add(&watch->listing, &untagged->list);
        else
            watch->list_due = watch->is_main;
        break;
    case IMAP_UNTAGGED_STATUS_DATA:
        take_status(watch, &untagged->mailbox_status);
        break;
    case IMAP_UNTAGGED_VANISHED:
        take_vanished(watch, &untagged->uids);
        break;
    case IMAP_UNTAGGED_EXISTS:
        if (watch->selected != NULL)
            watch->selected->dirty = true;
        if (watch->state == WATCH_WAITING && !idles(watch))
            recheck_soon(watch);
        break;
    case IMAP_UNTAGGED_STATUS:
        if (untagged->text.code == IMAP_CODE_NOTIFICATIONOVERFLOW)
            watch->notify_asked = false;
        break;
    case IMAP_UNTAGGED_FETCH:
        if (capture_runs(watch->capture))
            capture_untagged(watch->capture, untagged);
        else if (watch->examining != NULL && untagged->fetch.uid > watch->examining->seen_through)
            watch->examining->seen_through = untagged->fetch.uid;
        break;
    default:
        break;
    }
    if (watch->state == WATCH_WAITING)
        work(watch);
}

static bool on_body_begin(void *arg, const struct imap_body *body)
{
    struct watch *watch = arg;

    return capture_runs(watch->capture) && capture_body_begin(watch->capture, body);
}

static void on_body_data(void *arg, const unsigned char *data, size_t len)
{
    struct watch *watch = arg;

    capture_body_data(watch->capture, data, len);
}

static void on_body_end(void *arg, bool complete)
{
    struct watch *watch = arg;

    capture_body_end(watch->capture, complete);
}

/* ---- the session's life ---- */

static void on_ready(void *arg)
{
    struct watch *watch = arg;

    watch->session = link_session(watch->link);
    backoff_succeeded(&watch->backoff);
    backoff_succeeded(&watch->backoff_auth);
    watch->trouble_since = 0;
    if (imap_session_has(watch->session, "NOTIFY") && watch->is_main && !watch->notify_refused)
        watch->mode = WATCH_MODE_NOTIFY;
    else if (imap_session_has(watch->session, "IDLE") && !watch->idle_refused)
        watch->mode = WATCH_MODE_IDLE;
    else
        watch->mode = WATCH_MODE_POLL;
    watch->notify_asked = watch->notify_runs = false;
    watch->list_due = watch->is_main;
    for (size_t i = 0; i < watch->n_folders; i++)
        watch->folders[i]->dirty = true;
    log_event(LOG_LEVEL_INFO, "signed-in", "account", (*watch->account)->name, "mode",
              watch_mode_text(watch->mode), (char *)NULL);
    set_state(watch, WATCH_WORKING);
    start_ticking(watch);
    work(watch);
}

static void forget_session(struct watch *watch)
{
    if (capture_runs(watch->capture))
        capture_abandon(watch->capture);
    if (watch->opening != NULL)
        watch->opening->watch = NULL;
    watch->opening = NULL;
    watch->session = NULL;
    watch->selected = watch->examining = NULL;
    watch->is_listing = watch->idling = false;
    watch->statuses = 0;
    folder_list_clear(&watch->listing);
    /* What was not committed is known to the ledger alone. */
    for (size_t i = 0; i < watch->n_folders; i++) {
        watch->folders[i]->ledger_id = 0;
        imap_uidset_clear(&watch->folders[i]->vanished);
    }
    if (watch->tick != NULL)
        event_del(watch->tick);
}

static void connect_now(struct watch *watch);

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    struct watch *watch = arg;

    (void)fd;
    (void)what;
    link_free(watch->link);
    watch->link = NULL;
    watch->parts->count.reconnects++;
    connect_now(watch);
}

static struct timeval wait_after(struct watch *watch, const struct imap_failure *failure)
{
    struct timeval wait = failure->kind == IMAP_FAILURE_AUTH ? backoff_next(&watch->backoff_auth)
                                                             : backoff_next(&watch->backoff);

    if (failure->backoff > wait.tv_sec)
        wait.tv_sec = (time_t)failure->backoff;
    return wait;
}

static void on_closed(void *arg, const struct imap_failure *failure)
{
    struct watch *watch = arg;
    struct timeval wait = wait_after(watch, failure);
    bool refused = failure->kind == IMAP_FAILURE_UNAVAILABLE && failure->phase <= IMAP_PHASE_AUTH;

    forget_session(watch);
    free(watch->trouble);
    watch->trouble = xstrdup(failure->reason);
    if (watch->trouble_since == 0)
        watch->trouble_since = time(NULL);
    watch->next_try = time(NULL) + wait.tv_sec;
    set_state(watch, WATCH_DOWN);
    log_event(LOG_LEVEL_WARNING, "session-lost", "account", (*watch->account)->name, "reason",
              failure->reason, "again-in", log_number(wait.tv_sec), (char *)NULL);
    event_add(watch->retry_timer, &wait);
    watch->events.down(watch->arg, refused);
}

static void connect_now(struct watch *watch)
{
    static const struct imap_events events = {
        .on_ready = on_ready,
        .on_closed = on_closed,
        .on_untagged = on_untagged,
        .on_body_begin = on_body_begin,
        .on_body_data = on_body_data,
        .on_body_end = on_body_end,
    };
    const struct account *account = *watch->account;
    struct link_login login = {
        .server = account->server,
        .login = account->login,
        .secret = &account->secret,
        .qresync = true,
    };

    set_state(watch, WATCH_CONNECTING);
    watch->link = link_new(watch->parts->links, &login, &events, watch);
}

struct watch *watch_new(struct parts *parts, const struct account *const *account, bool is_main,
                        const struct watch_events *events, void *arg)
{
    struct watch *watch = xcalloc(1, sizeof(*watch));

    watch->parts = parts;
    watch->account = account;
    watch->is_main = is_main;
    watch->events = *events;
    watch->arg = arg;
    watch->state = WATCH_DOWN;
    watch->backoff = (struct backoff){.first = LIMIT_BACKOFF_FIRST, .last = LIMIT_BACKOFF_LAST};
    watch->backoff_auth =
        (struct backoff){.first = LIMIT_BACKOFF_AUTH, .last = LIMIT_BACKOFF_AUTH_LAST};
    watch->capture = capture_new(parts);
    watch->retry_timer = evtimer_new(parts->base, on_retry, watch);
    watch->recheck = evtimer_new(parts->base, on_recheck, watch);
    connect_now(watch);
    return watch;
}

void watch_free(struct watch *watch)
{
    if (watch == NULL)
        return;
    forget_session(watch);
    link_free(watch->link);
    capture_free(watch->capture);
    for (size_t i = 0; i < watch->n_folders; i++)
        folder_free(watch->folders[i]);
    free(watch->folders);
    event_free(watch->retry_timer);
    event_free(watch->recheck);
    if (watch->tick != NULL)
        event_free(watch->tick);
    free(watch->trouble);
    free(watch);
}

/* ---- status ---- */

void watch_status(const struct watch *watch, struct watch_status *status)
{
    *status = (struct watch_status){
        .state = watch->state,
        .mode = watch->mode,
        .since = watch->since,
        .trouble = watch->trouble != NULL ? watch->trouble : "",
        .trouble_since = watch->trouble_since,
        .next_try = watch->state == WATCH_DOWN ? watch->next_try : 0,
        .server_id = watch->session != NULL ? imap_session_server_id(watch->session) : "",
        .tls = watch->session != NULL ? imap_session_tls_version(watch->session) : "",
    };
}

size_t watch_folder_count(const struct watch *watch)
{
    return watch->n_folders;
}

const struct folder *watch_folder(const struct watch *watch, size_t i)
{
    return watch->folders[i];
}
