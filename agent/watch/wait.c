#include "agent/watch/private.h"

#include <assert.h>
#include <stdlib.h>

#include "agent/system/limit.h"
#include "agent/system/log.h"
#include "rules/util/memory.h"

static void on_notify(void *arg, const struct imap_result *result)
{
    struct watch *watch = arg;

    if (watch_command_ended(result))
        return;
    if (result->kind != IMAP_RESULT_OK) {
        log_event(LOG_LEVEL_WARNING, "notify-refused", "account", (*watch->account)->name, "reason",
                  result->reason, (char *)NULL);
        watch->notify_refused = true;
        watch->mode = imap_session_has(watch->session, "IDLE") ? WATCH_MODE_IDLE : WATCH_MODE_POLL;
        watch->list_due = watch->is_main;
    }
    watch_step_done(watch);
}

void watch_request_notify(struct watch *watch)
{
    const char **names = xcalloc(watch->n_folders, sizeof(*names));

    for (size_t i = 0; i < watch->n_folders; i++)
        names[i] = watch->folders[i]->name;
    watch->notify_due = false;
    watch_set_phase(watch, PHASE_REQUESTING_NOTIFY);
    if (watch_is_of_everything(watch))
        imap_notify(watch->session, NULL, 0, on_notify, watch);
    else
        imap_notify(watch->session, names, watch->n_folders, on_notify, watch);
    free(names);
}

static void on_idling(void *arg)
{
    struct watch *watch = arg;

    watch->idle_since = watch->last_received = time(NULL);
}

static void on_idle_done(void *arg, const struct imap_result *result)
{
    struct watch *watch = arg;

    watch->idling = false;
    if (watch_command_ended(result))
        return;
    if (result->kind == IMAP_RESULT_BAD || result->kind == IMAP_RESULT_NO) {
        log_event(LOG_LEVEL_WARNING, "idle-refused", "account", (*watch->account)->name, "reason",
                  result->reason, (char *)NULL);
        watch->idle_refused = true;
        if (watch->mode == WATCH_MODE_IDLE)
            watch->mode = WATCH_MODE_POLL;
    }
    watch_work_soon(watch);
}

/* With NOTIFY too: outside IDLE Dovecot has been seen to keep quiet about a message that comes
 * right after a command (share/doc/notify.md). */
bool watch_idles(const struct watch *watch)
{
    return watch->mode != WATCH_MODE_POLL && !watch->idle_refused &&
           imap_session_has(watch->session, "IDLE");
}

/* The last thing that a function does: the callee may free the watch. */
void watch_wait(struct watch *watch)
{
    if (watch->phase != PHASE_WATCHING)
        watch_set_phase(watch, PHASE_WATCHING);
    if (watch_idles(watch) && !watch->idling && watch->selected != NULL && watch->statuses == 0) {
        watch->idling = true;
        watch->idle_since = watch->last_received = time(NULL);
        imap_idle(watch->session, on_idling, on_idle_done, watch);
    }
    watch->events.watching(watch->arg);
}

/* ---- polls and renewals ---- */

static void on_status_done(void *arg, const struct imap_result *result)
{
    struct watch *watch = arg;

    assert(watch->statuses > 0);
    watch->statuses--;
    if (!watch_command_ended(result))
        watch_work_soon(watch);
}

void watch_ask_status(struct watch *watch, const struct folder *folder)
{
    watch->statuses++;
    imap_status(watch->session, folder->name, IMAP_STATUS_UIDNEXT | IMAP_STATUS_UIDVALIDITY,
                on_status_done, watch);
}

static void on_ping(void *arg, const struct imap_result *result)
{
    (void)arg;
    (void)result;
}

/* Courier looks for new messages only at NOOP: a FETCH does not see them. */
static void look_at_selected(struct watch *watch)
{
    imap_noop(watch->session, on_ping, NULL);
    if (watch->selected != NULL)
        watch->selected->dirty = watch->selected->drafts_due = true;
}

/* Checks every folder: the selected one by a capture, the others by STATUS. */
void watch_look_at_all(struct watch *watch)
{
    look_at_selected(watch);
    for (size_t i = 0; i < watch->n_folders; i++) {
        struct folder *folder = watch->folders[i];

        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): there is a folder at each place */
        if (folder == watch->selected || folder->ledger_id == 0) {
            folder->dirty = true;
            continue;
        }
        watch_ask_status(watch, folder);
    }
    watch->last_poll = time(NULL);
    watch_work_soon(watch);
}

void watch_on_recheck(evutil_socket_t fd, short what, void *arg)
{
    struct watch *watch = arg;

    (void)fd;
    (void)what;
    if (watch->phase == PHASE_WATCHING)
        watch_look_at_all(watch);
    else if (watch->phase == PHASE_LISTING)
        watch_recheck_soon(watch);
}

/* Without IDLE, what NOTIFY reported is checked once more a little later: see watch_idles(). */
void watch_recheck_soon(struct watch *watch)
{
    struct timeval wait = {.tv_sec = 2};

    if (!event_pending(watch->recheck, EV_TIMEOUT, NULL))
        event_add(watch->recheck, &wait);
}

static bool has_polled_folders(const struct watch *watch)
{
    return watch->mode == WATCH_MODE_POLL ||
           (watch->mode == WATCH_MODE_IDLE && watch->n_folders > 1);
}

static bool retries_are_due(const struct watch *watch)
{
    for (size_t i = 0; i < watch->n_folders; i++)
        if (watch_retry_is_due(watch->folders[i]))
            return true;
    return false;
}

static bool idle_is_due(const struct watch *watch, time_t now)
{
    const struct config *config = watch->context->config;

    if (now - watch->idle_since >= (time_t)config->idle_renew)
        return true;
    return watch->heartbeat > 0 && now - watch->last_received > 2 * watch->heartbeat + 10;
}

/* A check for new UIDs ends IDLE, proves that the server is alive, and is followed by IDLE again.
 */
static void renew(struct watch *watch, time_t now)
{
    watch->idle_since = watch->last_received = now;
    look_at_selected(watch);
    if (watch->selected != NULL)
        watch_work_soon(watch);
}

/* Nothing announces that a flag was changed in a folder that is not selected. */
static void recheck_drafts(struct watch *watch)
{
    watch->last_drafts = time(NULL);
    for (size_t i = 0; i < watch->n_folders; i++)
        if (watch->folders[i]->drafts.count > 0)
            watch->folders[i]->dirty = watch->folders[i]->drafts_due = true;
}

/* The more drafts there are, the rarer: their owner can make any number. */
static bool drafts_are_due(const struct watch *watch, time_t now)
{
    unsigned poll = watch->context->config->poll_interval;
    uint64_t wait = poll < LIMIT_DRAFTS_INTERVAL ? poll : LIMIT_DRAFTS_INTERVAL, n = 0;

    for (size_t i = 0; i < watch->n_folders; i++)
        n += imap_uidset_size(&watch->folders[i]->drafts);
    return n > 0 && (uint64_t)(now - watch->last_drafts) >= wait * (1 + n / LIMIT_DRAFTS_AT_ONCE);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct watch *watch = arg;
    const struct config *config = watch->context->config;
    time_t now = time(NULL);
    bool drafts;

    (void)fd;
    (void)what;
    if (watch->phase != PHASE_WATCHING)
        return;
    drafts = drafts_are_due(watch, now);
    if (now - watch->last_safety >= (time_t)config->safety_poll) {
        watch->last_safety = now;
        watch->list_due = watch->is_main;
        watch->reexamine = true;
        recheck_drafts(watch);
        watch_look_at_all(watch);
    } else if ((has_polled_folders(watch) &&
                now - watch->last_poll >= (time_t)config->poll_interval) ||
               retries_are_due(watch)) {
        if (drafts)
            recheck_drafts(watch);
        watch_look_at_all(watch);
    } else if (drafts) {
        recheck_drafts(watch);
        imap_noop(watch->session, on_ping, NULL);
        watch_work_soon(watch);
    } else if (idle_is_due(watch, now)) {
        renew(watch, now);
    }
}

void watch_start_ticking(struct watch *watch)
{
    const struct config *config = watch->context->config;
    unsigned seconds = config->poll_interval < 10 ? config->poll_interval : 10;
    struct timeval interval = {.tv_sec = seconds > 0 ? (time_t)seconds : 1};

    watch->last_poll = watch->last_safety = watch->last_drafts = time(NULL);
    watch->idle_since = watch->last_received = watch->last_poll;
    watch->heartbeat = 0;
    if (watch->tick == NULL)
        watch->tick = event_new(watch->context->base, -1, EV_PERSIST, on_tick, watch);
    event_add(watch->tick, &interval);
}
