#include "agent/watch/private.h"

#include <stdlib.h>
#include <string.h>

#include "agent/system/limit.h"
#include "agent/system/log.h"
#include "rules/util/memory.h"

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

void watch_set_state(struct watch *watch, enum watch_state state)
{
    if (watch->state == state)
        return;
    watch->state = state;
    watch->since = time(NULL);
}

bool watch_command_ended(const struct imap_result *result)
{
    return result->kind == IMAP_RESULT_LOST || result->kind == IMAP_RESULT_UNSENT;
}

/* ---- folders ---- */

static void folder_free(struct folder *folder)
{
    imap_uidset_clear(&folder->vanished);
    imap_uidset_clear(&folder->retry);
    free(folder->name);
    free(folder);
}

struct folder *watch_find_folder(const struct watch *watch, const char *name)
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

/* A folder that is no longer wanted goes, unless it is being worked on: then with the next listing.
 */
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
        struct folder *folder = watch_find_folder(watch, folders[i].name);

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
    watch_work(watch);
}

enum watch_mode watch_mode(const struct watch *watch)
{
    return watch->mode;
}

/* ---- the list of folders ---- */

static void on_list(void *arg, const struct imap_result *result)
{
    struct watch *watch = arg;

    if (watch_command_ended(result))
        return;
    watch->is_listing = false;
    if (result->kind != IMAP_RESULT_OK)
        log_event(LOG_LEVEL_WARNING, "folders-not-listed", "account", (*watch->account)->name,
                  "reason", result->reason, (char *)NULL);
    else
        watch->events.listing(watch->arg, &watch->listing);
    folder_list_clear(&watch->listing);
    watch_work(watch);
}

static void list(struct watch *watch)
{
    watch->list_due = false;
    watch->is_listing = true;
    folder_list_clear(&watch->listing);
    if (imap_session_has(watch->session, "NAMESPACE"))
        imap_namespace(watch->session, NULL, NULL);
    imap_list(watch->session, "*", 0, on_list, watch);
}

/* ---- the heart ---- */

bool watch_is_of_everything(const struct watch *watch)
{
    for (char **folder = (*watch->account)->folders; *folder != NULL; folder++)
        if (strcmp(*folder, "*") == 0)
            return true;
    return false;
}

static struct folder *home(const struct watch *watch)
{
    return watch->n_folders > 0 ? watch->folders[0] : NULL;
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
void watch_work(struct watch *watch)
{
    struct folder *folder;

    if (watch->session == NULL || is_busy(watch))
        return;
    if (watch->list_due) {
        list(watch);
        return;
    }
    if (watch->mode == WATCH_MODE_NOTIFY && !watch->notify_asked && watch->n_folders > 0) {
        watch_ask_for_notify(watch);
        return;
    }
    if (watch->mode == WATCH_MODE_NOTIFY && !watch->notify_runs && watch->n_folders > 0)
        return;
    folder = next_dirty(watch);
    /* The selected folder tells of itself most directly: return to the first one. */
    if (folder == NULL && home(watch) != watch->selected)
        folder = home(watch);
    if (folder == NULL) {
        watch_wait(watch);
        return;
    }
    watch_set_state(watch, WATCH_WORKING);
    if (folder == watch->selected)
        watch_capture(watch, folder);
    else
        watch_examine(watch, folder);
}

void watch_wake(struct watch *watch)
{
    if (watch->session == NULL) {
        if (watch->retry_timer != NULL && watch->state == WATCH_DOWN)
            event_active(watch->retry_timer, EV_TIMEOUT, 0);
        return;
    }
    watch->list_due = watch->is_main;
    watch_look_at_all(watch);
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
    watch_set_state(watch, WATCH_WORKING);
    watch_start_ticking(watch);
    watch_work(watch);
}

static void forget_session(struct watch *watch)
{
    capture_lose(watch->capture);
    if (watch->opening != NULL)
        watch->opening->watch = NULL;
    watch->opening = NULL;
    watch->session = NULL;
    watch->selected = watch->examining = NULL;
    watch->is_listing = watch->idling = watch->asks_highest = false;
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
    watch_set_state(watch, WATCH_DOWN);
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
        .on_untagged = watch_on_untagged,
        .on_body_begin = watch_on_body_begin,
        .on_body_data = watch_on_body_data,
        .on_body_end = watch_on_body_end,
    };
    const struct account *account = *watch->account;
    struct link_login login = {
        .server = account->server,
        .login = account->login,
        .secret = &account->secret,
        .qresync = true,
    };

    watch_set_state(watch, WATCH_CONNECTING);
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
    watch->recheck = evtimer_new(parts->base, watch_on_recheck, watch);
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
