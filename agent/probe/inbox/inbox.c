#include "agent/probe/inbox/inbox.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/probe/dialogue/phase.h"
#include "agent/probe/inbox/look.h"
#include "agent/probe/inbox/private.h"
#include "agent/system/limit.h"
#include "agent/system/log.h"
#include "imapclient/util/milliseconds.h"
#include "rules/util/memory.h"

/* A server that ends IDLE by itself that often, without news, is polled. */
#define IDLE_ENDS_MAX 3

/* The last thing that a function does: the callee may free the inbox. */
static void report_trouble(struct inbox *inbox, const char *why)
{
    if (why == NULL && !inbox->is_troubled)
        return;
    inbox->is_troubled = why != NULL;
    inbox->events.on_trouble(inbox->arg, why);
}

static bool idles(const struct inbox *inbox)
{
    return !inbox->idle_refused && imap_session_has(inbox->session, "IDLE");
}

static void start_tick(struct inbox *inbox)
{
    struct timeval wait = {.tv_sec = idles(inbox) ? INBOX_LOOK : INBOX_POLL};

    event_add(inbox->tick, &wait);
}

/* ---- waiting ---- */

static bool expects(const struct inbox *inbox)
{
    return phase_now() < inbox->expecting_until;
}

static void on_idling(void *arg)
{
    (void)arg;
}

static void on_idle_done(void *arg, const struct imap_result *result)
{
    struct inbox *inbox = arg;

    inbox->idling = false;
    if (inbox_is_lost(result))
        return;
    if (inbox->state == INBOX_WATCHING && !inbox->dirty)
        inbox->idle_ends++;
    if (result->kind != IMAP_RESULT_OK || inbox->idle_ends >= IDLE_ENDS_MAX) {
        log_event(LOG_LEVEL_WARNING, "idle-refused", "account", inbox->account->name, "reason",
                  result->reason, (char *)NULL);
        inbox->idle_refused = true;
        start_tick(inbox);
    }
    inbox_work_soon(inbox);
}

static void wait_for_news(struct inbox *inbox)
{
    if (expects(inbox)) {
        struct timeval wait = milliseconds(INBOX_NOOP);

        if (!event_pending(inbox->noop, EV_TIMEOUT, NULL))
            event_add(inbox->noop, &wait);
    } else if (!inbox->idling && idles(inbox)) {
        inbox->idling = true;
        imap_idle(inbox->session, on_idling, on_idle_done, inbox);
    }
}

/* ---- looking ---- */

static void on_message(void *arg, const struct inbox_message *message)
{
    struct inbox *inbox = arg;

    inbox->events.on_message(inbox->arg, message);
}

/* The last thing that a function does. */
static void all_seen(struct inbox *inbox, uint32_t seen_through)
{
    assert(inbox->state == INBOX_WATCHING && seen_through >= inbox->seen_through);
    inbox->looked = true;
    if (inbox->dirty)
        inbox->because = "poll";
    inbox->seen_through = seen_through;
    inbox_work_soon(inbox);
    inbox->events.on_looked(inbox->arg, inbox->folder, inbox->uidvalidity, inbox->seen_through,
                            inbox->messages);
}

static void on_look_done(void *arg, const char *why, uint32_t seen_through, bool has_more)
{
    struct inbox *inbox = arg;

    look_free(inbox->look);
    inbox->look = NULL;
    inbox_set_state(inbox, INBOX_WATCHING);
    if (why == NULL) {
        inbox->dirty = inbox->dirty || has_more;
        all_seen(inbox, seen_through);
        return;
    }
    inbox->looked = false; /* tried again at the next regular look */
    inbox_work_soon(inbox);
    report_trouble(inbox, why);
}

/* How many messages are new, at most. */
static uint32_t backlog(const struct inbox *inbox)
{
    uint32_t span = inbox->uidnext > inbox->seen_through ? inbox->uidnext - inbox->seen_through : 0;

    return span < inbox->messages ? span : inbox->messages;
}

static void look_now(struct inbox *inbox)
{
    static const struct look_events events = {.on_message = on_message, .done = on_look_done};
    const struct look_range range = {
        .uidvalidity = inbox->uidvalidity,
        .seen_through = inbox->seen_through,
        .uidnext = inbox->uidnext,
        .search = !inbox->looked && backlog(inbox) > INBOX_BACKLOG,
        .seen_by = inbox->because,
    };

    assert(inbox->look == NULL);
    inbox->dirty = false;
    if (inbox->messages == 0 || inbox->seen_through == UINT32_MAX) {
        all_seen(inbox, inbox->seen_through);
        return;
    }
    inbox_set_state(inbox, INBOX_LOOKING);
    inbox->look = look_new(inbox->session, &range, &events, inbox);
}

/* ---- what is done next ---- */

/* The step of the state machine: the next thing that is to be done. */
static void work(struct inbox *inbox)
{
    if (inbox->state != INBOX_WATCHING)
        return;
    if (inbox->to_expunge.count > 0 && inbox->looked && !inbox_can_delete(inbox))
        imap_uidset_clear(&inbox->to_expunge);
    if (inbox->to_expunge.count > 0 && inbox->looked)
        inbox_expunge(inbox);
    else if (inbox->dirty)
        look_now(inbox);
    else
        wait_for_news(inbox);
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
    struct inbox *inbox = arg;

    (void)fd;
    (void)what;
    if (!inbox->is_troubled || !inbox->looked) {
        work(inbox);
        return;
    }
    inbox_work_soon(inbox);
    report_trouble(inbox, NULL);
}

static void on_nudged(void *arg, const struct imap_result *result)
{
    struct inbox *inbox = arg;

    if (inbox_is_lost(result))
        return;
    inbox_set_state(inbox, INBOX_WATCHING);
    work(inbox);
}

static void on_polled(void *arg, const struct imap_result *result)
{
    struct inbox *inbox = arg;

    if (inbox_is_lost(result))
        return;
    inbox_set_state(inbox, INBOX_WATCHING);
    if (!inbox->dirty) {
        inbox->dirty = true;
        inbox->because = "poll";
    }
    work(inbox);
}

static void on_noop(evutil_socket_t fd, short what, void *arg)
{
    struct inbox *inbox = arg;

    (void)fd;
    (void)what;
    if (inbox->state != INBOX_WATCHING)
        return;
    inbox_set_state(inbox, INBOX_NUDGING);
    imap_noop(inbox->session, on_nudged, inbox);
}

/* Courier looks for new messages at NOOP only: a FETCH would not see them. */
static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct inbox *inbox = arg;

    (void)fd;
    (void)what;
    inbox->idle_ends = 0;
    start_tick(inbox);
    if (inbox->state != INBOX_WATCHING)
        return;
    inbox_set_state(inbox, INBOX_POLLING);
    imap_noop(inbox->session, on_polled, inbox);
}

void inbox_expect(struct inbox *inbox, unsigned wanted)
{
    uint64_t most = INBOX_EXPECT_MAX * 1000, span = wanted < most ? wanted : most;
    uint64_t until = phase_now() + span * 1000;

    if (until > inbox->expecting_until)
        inbox->expecting_until = until;
    inbox_work_soon(inbox);
}

/* ---- opening the folder ---- */

static void forget_session(struct inbox *inbox, enum inbox_state state)
{
    inbox->session = NULL;
    inbox_set_state(inbox, state);
    inbox->idling = inbox->looked = false;
    look_free(inbox->look);
    inbox->look = NULL;
    folder_list_clear(&inbox->listing);
    inbox_postpone_expunge(inbox);
    event_del(inbox->tick);
    event_del(inbox->noop);
}

static void log_down(const struct inbox *inbox, const char *why, time_t wait)
{
    log_event(LOG_LEVEL_WARNING, "inbox-down", "account", inbox->account->name, "folder",
              inbox->wanted != NULL ? inbox->wanted : "\\Junk", "reason", why, "again-in",
              log_number(wait), (char *)NULL);
}

/* The server is reachable, but the folder cannot be used. */
static void give_up(struct inbox *inbox, const char *why)
{
    const struct timeval wait = {.tv_sec = LIMIT_BACKOFF_LAST};
    char *reason =
        xasprintf("folder %s: %s", inbox->wanted != NULL ? inbox->wanted : "\\Junk", why);

    forget_session(inbox, INBOX_NO_FOLDER);
    persistent_link_close(inbox->link);
    event_add(inbox->reopen, &wait);
    log_down(inbox, reason, wait.tv_sec);
    report_trouble(inbox, reason);
    free(reason);
}

/* Once: messages that are never deleted pile up. */
static void log_if_kept(struct inbox *inbox)
{
    if (inbox->kept_is_logged || inbox_may_delete(inbox))
        return;
    inbox->kept_is_logged = true;
    log_event(LOG_LEVEL_WARNING, "expunge-unavailable", "account", inbox->account->name, "folder",
              inbox->folder, "reason",
              inbox->read_only ? "the folder is read-only"
                               : "the server has no UIDPLUS; if the folder holds only probes, set "
                                 "dedicated = true",
              (char *)NULL);
}

static void on_selected(void *arg, const struct imap_result *result,
                        const struct imap_mailbox *mailbox)
{
    struct inbox *inbox = arg;

    if (inbox_is_lost(result))
        return;
    if (result->kind != IMAP_RESULT_OK) {
        give_up(inbox, result->reason);
        return;
    }
    if (mailbox->uidvalidity == 0) {
        give_up(inbox, "the server sends no UIDVALIDITY: its UIDs are not reliable");
        return;
    }
    if (mailbox->uidvalidity != inbox->uidvalidity) {
        inbox->uidvalidity = mailbox->uidvalidity;
        inbox->seen_through = 0;
        imap_uidset_clear(&inbox->to_expunge);
    }
    inbox->uidnext = mailbox->uidnext;
    inbox->messages = mailbox->exists;
    inbox->read_only = mailbox->read_only;
    inbox_set_state(inbox, INBOX_WATCHING);
    inbox->dirty = true;
    inbox->because = "start";
    inbox->idle_ends = 0;
    log_if_kept(inbox);
    start_tick(inbox);
    inbox_work_soon(inbox);
}

static void select_it(struct inbox *inbox, const char *name)
{
    if (name != inbox->folder) {
        free(inbox->folder);
        inbox->folder = xstrdup(name);
    }
    imap_select(inbox->session, inbox->folder, on_selected, inbox);
}

static char *find_junk(const struct folder_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (folder_list_is_junk(list, i))
            return xstrdup(list->folders[i].name);
    return NULL;
}

static char *find_named(const struct folder_list *list, char *name)
{
    char *const wanted[] = {name, NULL};
    struct folder_choice *choice = folder_list_choose(list, wanted);
    char *found = choice->count > 0 ? xstrdup(choice->folders[0].name) : NULL;

    folder_choice_free(choice);
    return found;
}

static void on_listed(void *arg, const struct imap_result *result)
{
    struct inbox *inbox = arg;
    char *name;

    if (inbox_is_lost(result))
        return;
    name = inbox->wanted == NULL ? find_junk(&inbox->listing)
                                 : find_named(&inbox->listing, inbox->wanted);
    folder_list_clear(&inbox->listing);
    if (name != NULL)
        select_it(inbox, name);
    else if (result->kind != IMAP_RESULT_OK)
        give_up(inbox, result->reason);
    else
        give_up(inbox, "no such folder");
    free(name);
}

/* ---- the session ---- */

static void on_login(void *arg, struct link_login *login, bool is_retry)
{
    const struct inbox *inbox = arg;
    const struct account *account = inbox->account;

    (void)is_retry;
    *login = (struct link_login){
        .server = account->server, .login = account->login, .secret = &account->secret};
}

static void on_ready(void *arg, struct imap_session *session)
{
    struct inbox *inbox = arg;

    inbox->session = session;
    inbox_set_state(inbox, INBOX_OPENING);
    inbox->idle_refused = false;
    if (inbox->wanted != NULL && strcasecmp(inbox->wanted, "INBOX") == 0) {
        select_it(inbox, "INBOX");
        return;
    }
    if (imap_session_has(inbox->session, "NAMESPACE"))
        imap_namespace(inbox->session, NULL, NULL);
    imap_list(inbox->session, "*", 0, on_listed, inbox);
}

static void on_down(void *arg, const struct imap_failure *failure, time_t wait)
{
    struct inbox *inbox = arg;

    forget_session(inbox, INBOX_DOWN);
    log_down(inbox, failure->reason, wait);
    report_trouble(inbox, failure->reason);
}

static void note_exists(struct inbox *inbox, uint32_t number)
{
    bool is_more = number > inbox->messages;

    inbox->messages = number;
    if (inbox->state == INBOX_OPENING || !is_more)
        return;
    if (inbox->state != INBOX_LOOKING) /* the look under way has another reason */
        inbox->because = inbox->idling ? "idle" : inbox->state == INBOX_POLLING ? "poll" : "noop";
    inbox->dirty = true;
    inbox->idle_ends = 0;
    inbox_work_soon(inbox);
}

static void on_untagged(void *arg, const struct imap_untagged *untagged)
{
    struct inbox *inbox = arg;

    switch (untagged->kind) {
    case IMAP_UNTAGGED_LIST:
    case IMAP_UNTAGGED_NAMESPACE:
        if (inbox->state == INBOX_OPENING)
            folder_list_add_untagged(&inbox->listing, untagged);
        break;
    case IMAP_UNTAGGED_EXISTS:
        note_exists(inbox, untagged->number);
        break;
    case IMAP_UNTAGGED_EXPUNGE:
        if (inbox->messages > 0)
            inbox->messages--;
        break;
    case IMAP_UNTAGGED_SEARCH:
        look_on_search(inbox->look, &untagged->uids);
        break;
    case IMAP_UNTAGGED_FETCH:
        look_on_fetch(inbox->look, &untagged->fetch);
        break;
    default:
        break;
    }
}

static bool on_body_begin(void *arg, const struct imap_body *body)
{
    struct inbox *inbox = arg;

    (void)body;
    return look_on_body_begin(inbox->look);
}

static void on_body_data(void *arg, const unsigned char *data, size_t len)
{
    struct inbox *inbox = arg;

    look_on_body_data(inbox->look, data, len);
}

static void on_body_end(void *arg, bool complete)
{
    struct inbox *inbox = arg;

    look_on_body_end(inbox->look, complete);
}

static void on_reopen(evutil_socket_t fd, short what, void *arg)
{
    struct inbox *inbox = arg;

    (void)fd;
    (void)what;
    inbox_set_state(inbox, INBOX_DOWN);
    persistent_link_open(inbox->link);
}

/* ---- life ---- */

struct inbox *inbox_new(struct links *links, const struct inbox_options *options,
                        const struct inbox_events *events, void *arg)
{
    static const struct persistent_link_events link_events = {
        .login = on_login,
        .on_ready = on_ready,
        .on_down = on_down,
        .on_untagged = on_untagged,
        .on_body_begin = on_body_begin,
        .on_body_data = on_body_data,
        .on_body_end = on_body_end,
    };
    struct event_base *base = links_base(links);
    struct inbox *inbox = xcalloc(1, sizeof(*inbox));

    inbox->account = options->account;
    inbox->wanted = options->folder != NULL ? xstrdup(options->folder) : NULL;
    inbox->dedicated = options->dedicated;
    inbox->uidvalidity = options->uidvalidity;
    inbox->seen_through = options->seen_through;
    inbox->because = "start";
    inbox->events = *events;
    inbox->arg = arg;
    inbox->reopen = evtimer_new(base, on_reopen, inbox);
    inbox->again = evtimer_new(base, on_again, inbox);
    inbox->noop = evtimer_new(base, on_noop, inbox);
    inbox->tick = evtimer_new(base, on_tick, inbox);
    inbox->link = persistent_link_new(links, &link_events, inbox);
    persistent_link_open(inbox->link);
    return inbox;
}

void inbox_free(struct inbox *inbox)
{
    if (inbox == NULL)
        return;
    persistent_link_free(inbox->link);
    look_free(inbox->look);
    folder_list_clear(&inbox->listing);
    imap_uidset_clear(&inbox->to_expunge);
    imap_uidset_clear(&inbox->expunging);
    event_free(inbox->reopen);
    event_free(inbox->again);
    event_free(inbox->noop);
    event_free(inbox->tick);
    free(inbox->folder);
    free(inbox->wanted);
    free(inbox);
}

bool inbox_is_up(const struct inbox *inbox)
{
    return inbox->looked;
}
