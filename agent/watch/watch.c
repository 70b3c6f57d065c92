#include "agent/watch/private.h"

#include <stdlib.h>
#include <string.h>

#include "agent/system/log.h"
#include "rules/util/memory.h"

/* ---- folders ---- */

static void folder_free(struct folder *folder)
{
    imap_uidset_clear(&folder->vanished);
    imap_uidset_clear(&folder->retry);
    imap_uidset_clear(&folder->drafts);
    free(folder->name);
    free(folder);
}

/* A folder that is no longer wanted goes, unless it is being worked on: then with the next listing.
 */
static bool may_drop(const struct watch *watch, const struct folder *folder)
{
    return folder != watch->selected && folder != watch->examining;
}

void watch_set_folders(struct watch *watch, const struct chosen_folder *folders, size_t n)
{
    struct folder **kept = xcalloc(watch->n_folders + n, sizeof(*kept));
    size_t count = 0;
    bool fresh = false;

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
        folder->fresh = folders[i].fresh;
        folder->since = folders[i].since;
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
    watch->notify_due = watch->notify_due || fresh;
    watch_work_soon(watch);
}

enum watch_mode watch_mode(const struct watch *watch)
{
    return watch->mode;
}

/* ---- the list of folders ---- */

static void on_list(void *arg, const struct imap_result *result)
{
    struct watch *watch = arg;
    struct folder_list listing = watch->listing;

    if (watch_command_ended(result))
        return;
    watch->listing = (struct folder_list){0};
    watch_step_done(watch);
    if (result->kind != IMAP_RESULT_OK)
        log_event(LOG_LEVEL_WARNING, "folders-not-listed", "account", (*watch->account)->name,
                  "reason", result->reason, (char *)NULL);
    else
        watch->events.listing(watch->arg, &listing); /* may free the watch */
    folder_list_clear(&listing);
}

static void list(struct watch *watch)
{
    watch->list_due = false;
    watch_set_phase(watch, PHASE_LISTING);
    folder_list_clear(&watch->listing);
    if (imap_session_has(watch->session, "NAMESPACE"))
        imap_namespace(watch->session, NULL, NULL);
    imap_list(watch->session, "*", 0, on_list, watch);
}

/* ---- the next step ---- */

/* The folder to stay in while watching. */
static struct folder *home(const struct watch *watch)
{
    for (size_t i = 0; i < watch->n_folders; i++)
        if (!watch->folders[i]->refused)
            return watch->folders[i];
    return NULL;
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

/* The selected folder announces its news most directly: when nothing is dirty, that is the first.
 */
static struct folder *next_folder(const struct watch *watch)
{
    struct folder *folder = next_dirty(watch);

    if (folder == NULL && home(watch) != watch->selected)
        folder = home(watch);
    return folder;
}

static void on_work(evutil_socket_t fd, short what, void *arg)
{
    struct watch *watch = arg;
    struct folder *folder;

    (void)fd;
    (void)what;
    if (watch->phase != PHASE_DECIDING && watch->phase != PHASE_WATCHING)
        return;
    if (watch->list_due) {
        list(watch);
        return;
    }
    if (watch->mode == WATCH_MODE_NOTIFY && watch->notify_due && watch->n_folders > 0) {
        watch_request_notify(watch);
        return;
    }
    folder = next_folder(watch);
    if (folder == NULL)
        watch_wait(watch);
    else if (folder == watch->selected && !watch->reexamine)
        watch_capture(watch, folder);
    else
        watch_examine(watch, folder);
}

void watch_wake(struct watch *watch)
{
    if (watch->session == NULL) {
        persistent_link_retry_now(watch->link);
        return;
    }
    watch->list_due = watch->is_main;
    watch_look_at_all(watch);
}

/* ---- the session's life ---- */

static enum watch_mode best_mode(const struct watch *watch)
{
    if (imap_session_has(watch->session, "NOTIFY") && watch->is_main && !watch->notify_refused)
        return WATCH_MODE_NOTIFY;
    if (imap_session_has(watch->session, "IDLE") && !watch->idle_refused)
        return WATCH_MODE_IDLE;
    return WATCH_MODE_POLL;
}

static void on_ready(void *arg, struct imap_session *session)
{
    struct watch *watch = arg;

    watch->session = session;
    watch->mode = best_mode(watch);
    watch->notify_due = true;
    watch->list_due = watch->is_main;
    for (size_t i = 0; i < watch->n_folders; i++)
        watch->folders[i]->dirty = true;
    log_event(LOG_LEVEL_INFO, "logged-in", "account", (*watch->account)->name, "mode",
              watch_mode_text(watch->mode), (char *)NULL);
    watch_start_ticking(watch);
    watch_step_done(watch);
}

static void forget_session(struct watch *watch)
{
    capture_lose(watch->capture);
    ledger_cancel(watch->opening);
    watch->opening = NULL;
    watch->session = NULL;
    watch->selected = watch->examining = NULL;
    watch->idling = false;
    watch->statuses = 0;
    folder_list_clear(&watch->listing);
    /* Only the ledger knows what was committed. */
    for (size_t i = 0; i < watch->n_folders; i++) {
        watch->folders[i]->ledger_id = 0;
        imap_uidset_clear(&watch->folders[i]->vanished);
    }
    if (watch->tick != NULL)
        event_del(watch->tick);
}

/* The last thing that it does is events.down(), which may free the watch. */
static void on_down(void *arg, const struct imap_failure *failure, time_t wait)
{
    struct watch *watch = arg;
    bool refused = failure->kind == IMAP_FAILURE_UNAVAILABLE && failure->phase <= IMAP_PHASE_AUTH;

    forget_session(watch);
    watch_set_phase(watch, PHASE_DOWN);
    log_event(LOG_LEVEL_WARNING, "session-lost", "account", (*watch->account)->name, "reason",
              failure->reason, "again-in", log_number(wait), (char *)NULL);
    watch->events.down(watch->arg, refused);
}

static void log_in(void *arg, struct link_login *login, bool is_retry)
{
    struct watch *watch = arg;
    const struct account *account = *watch->account;

    watch_set_phase(watch, PHASE_CONNECTING);
    watch->context->count.reconnects += is_retry;
    *login = (struct link_login){
        .server = account->server,
        .login = account->login,
        .secret = &account->secret,
        .qresync = true,
    };
}

struct watch *watch_new(struct context *context, const struct account *const *account, bool is_main,
                        const struct watch_events *events, void *arg)
{
    static const struct persistent_link_events link_events = {
        .login = log_in,
        .on_ready = on_ready,
        .on_down = on_down,
        .on_untagged = watch_on_untagged,
        .on_body_begin = watch_on_body_begin,
        .on_body_data = watch_on_body_data,
        .on_body_end = watch_on_body_end,
    };
    struct watch *watch = xcalloc(1, sizeof(*watch));

    watch->context = context;
    watch->account = account;
    watch->is_main = is_main;
    watch->events = *events;
    watch->arg = arg;
    watch->phase = PHASE_DOWN;
    watch->capture = capture_new(context);
    watch->work = evtimer_new(context->base, on_work, watch);
    watch->recheck = evtimer_new(context->base, watch_on_recheck, watch);
    watch->link = persistent_link_new(context->links, &link_events, watch);
    persistent_link_open(watch->link);
    return watch;
}

void watch_free(struct watch *watch)
{
    if (watch == NULL)
        return;
    forget_session(watch);
    persistent_link_free(watch->link);
    capture_free(watch->capture);
    for (size_t i = 0; i < watch->n_folders; i++)
        folder_free(watch->folders[i]);
    free(watch->folders);
    event_free(watch->work);
    event_free(watch->recheck);
    if (watch->tick != NULL)
        event_free(watch->tick);
    free(watch);
}

/* ---- status ---- */

void watch_status(const struct watch *watch, struct watch_status *status)
{
    struct persistent_link_trouble trouble = persistent_link_trouble(watch->link);

    *status = (struct watch_status){
        .state = watch_state_of(watch->phase),
        .mode = watch->mode,
        .since = watch->since,
        .trouble = trouble.reason,
        .trouble_since = trouble.since,
        .next_try = trouble.next_try,
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
