#include <stdlib.h>
#include <string.h>

#include "agent/probe/dialogue/phase.h"
#include "agent/probe/inbox/private.h"
#include "agent/system/limit.h"
#include "agent/system/log.h"
#include "imapclient/util/milliseconds.h"
#include "rules/util/memory.h"

/* A server that ends IDLE by itself so often, without news, is polled. */
#define IDLE_ENDS_MAX 3

bool inbox_command_ended(const struct imap_result *result)
{
    return result->kind == IMAP_RESULT_LOST || result->kind == IMAP_RESULT_UNSENT;
}

void inbox_work_soon(struct inbox *inbox)
{
    event_active(inbox->again, EV_TIMEOUT, 0);
}

void inbox_tell_trouble(struct inbox *inbox, const char *why)
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

static void rest_until_tick(struct inbox *inbox)
{
    struct timeval wait = {.tv_sec = idles(inbox) ? INBOX_LOOK : INBOX_POLL};

    event_add(inbox->tick, &wait);
}

/* ---- deleting ---- */

static void add_all(struct imap_uidset *to, struct imap_uidset *from)
{
    for (size_t i = 0; i < from->count; i++)
        imap_uidset_add(to, from->ranges[i].first, from->ranges[i].last);
    imap_uidset_clear(from);
}

static void end_deleting(struct inbox *inbox, const struct imap_result *result)
{
    if (result->kind != IMAP_RESULT_OK)
        log_event(LOG_LEVEL_WARNING, "probes-not-deleted", "account", inbox->account->name,
                  "folder", inbox->folder, "reason", result->reason, (char *)NULL);
    imap_uidset_clear(&inbox->killing);
    inbox->step = INBOX_STEP_REST;
    inbox->dirty = true;
    inbox->because = "poll";
    inbox_work(inbox);
}

static void on_expunged(void *arg, const struct imap_result *result)
{
    if (!inbox_command_ended(result))
        end_deleting(arg, result);
}

static void on_stored(void *arg, const struct imap_result *result)
{
    struct inbox *inbox = arg;

    if (inbox_command_ended(result))
        return;
    if (result->kind != IMAP_RESULT_OK)
        end_deleting(inbox, result);
    else if (imap_session_has(inbox->session, "UIDPLUS"))
        imap_uid_expunge(inbox->session, &inbox->killing, on_expunged, inbox);
    else
        imap_expunge(inbox->session, on_expunged, inbox);
}

static void delete_doomed(struct inbox *inbox)
{
    inbox->step = INBOX_STEP_DELETE;
    add_all(&inbox->killing, &inbox->doomed);
    imap_uidset_normalise(&inbox->killing);
    imap_uid_store(inbox->session, &inbox->killing, "+FLAGS.SILENT (\\Deleted)", on_stored, inbox);
}

static bool may_delete(const struct inbox *inbox)
{
    return !inbox->read_only && (inbox->dedicated || imap_session_has(inbox->session, "UIDPLUS"));
}

bool inbox_can_delete(const struct inbox *inbox)
{
    return inbox_is_up(inbox) && may_delete(inbox);
}

void inbox_delete(struct inbox *inbox, uint32_t uidvalidity, const uint32_t *uids, size_t n)
{
    if (uidvalidity != inbox->uidvalidity)
        return;
    for (size_t i = 0; i < n; i++)
        imap_uidset_add(&inbox->doomed, uids[i], uids[i]);
    inbox_work_soon(inbox);
}

bool inbox_is_deleting(const struct inbox *inbox)
{
    return inbox->doomed.count > 0 || inbox->killing.count > 0;
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
    if (inbox_command_ended(result))
        return;
    if (inbox->step == INBOX_STEP_REST && !inbox->dirty)
        inbox->idle_ends++;
    if (result->kind != IMAP_RESULT_OK || inbox->idle_ends >= IDLE_ENDS_MAX) {
        log_event(LOG_LEVEL_WARNING, "idle-refused", "account", inbox->account->name, "reason",
                  result->reason, (char *)NULL);
        inbox->idle_refused = true;
        rest_until_tick(inbox);
    }
    inbox_work(inbox);
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

void inbox_work(struct inbox *inbox)
{
    if (inbox->step != INBOX_STEP_REST)
        return;
    if (inbox->doomed.count > 0 && inbox->looked && !inbox_can_delete(inbox))
        imap_uidset_clear(&inbox->doomed);
    if (inbox->doomed.count > 0 && inbox->looked)
        delete_doomed(inbox);
    else if (inbox->dirty)
        inbox_look(inbox);
    else
        wait_for_news(inbox);
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
    struct inbox *inbox = arg;

    (void)fd;
    (void)what;
    if (!inbox->is_troubled || !inbox->looked) {
        inbox_work(inbox);
        return;
    }
    inbox_work_soon(inbox);
    inbox_tell_trouble(inbox, NULL);
}

static void on_nooped(void *arg, const struct imap_result *result)
{
    struct inbox *inbox = arg;

    if (inbox_command_ended(result))
        return;
    inbox->step = INBOX_STEP_REST;
    if (inbox->noop_to_look && !inbox->dirty) {
        inbox->dirty = true;
        inbox->because = "poll";
    }
    inbox->noop_to_look = false;
    inbox_work(inbox);
}

/* Courier looks for new messages at NOOP only: a FETCH would not see them. */
static void noop(struct inbox *inbox)
{
    inbox->step = INBOX_STEP_NOOP;
    imap_noop(inbox->session, on_nooped, inbox);
}

static void on_noop(evutil_socket_t fd, short what, void *arg)
{
    struct inbox *inbox = arg;

    (void)fd;
    (void)what;
    if (inbox->step == INBOX_STEP_REST)
        noop(inbox);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    struct inbox *inbox = arg;

    (void)fd;
    (void)what;
    inbox->idle_ends = 0;
    rest_until_tick(inbox);
    if (inbox->step != INBOX_STEP_REST)
        return;
    inbox->noop_to_look = true;
    noop(inbox);
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

static void connect_now(struct inbox *inbox);

static void forget_session(struct inbox *inbox)
{
    inbox->session = NULL;
    inbox->step = INBOX_STEP_DOWN;
    inbox->idling = inbox->looked = inbox->noop_to_look = false;
    inbox_forget_look(inbox);
    folder_list_clear(&inbox->listing);
    add_all(&inbox->doomed, &inbox->killing);
    event_del(inbox->tick);
    event_del(inbox->noop);
}

static void retry_in(struct inbox *inbox, struct timeval wait, const char *why)
{
    log_event(LOG_LEVEL_WARNING, "inbox-down", "account", inbox->account->name, "folder",
              inbox->wanted != NULL ? inbox->wanted : "\\Junk", "reason", why, "again-in",
              log_number(wait.tv_sec), (char *)NULL);
    event_add(inbox->retry, &wait);
    inbox_tell_trouble(inbox, why);
}

/* The server is there, and the folder is not. */
static void give_up(struct inbox *inbox, const char *why)
{
    char *reason =
        xasprintf("folder %s: %s", inbox->wanted != NULL ? inbox->wanted : "\\Junk", why);

    forget_session(inbox);
    link_free(inbox->link);
    inbox->link = NULL;
    retry_in(inbox, (struct timeval){.tv_sec = LIMIT_BACKOFF_LAST}, reason);
    free(reason);
}

/* Once: what is never deleted piles up. */
static void say_what_is_kept(struct inbox *inbox)
{
    if (inbox->kept_is_said || may_delete(inbox))
        return;
    inbox->kept_is_said = true;
    log_event(LOG_LEVEL_WARNING, "probes-are-kept", "account", inbox->account->name, "folder",
              inbox->folder, "reason",
              inbox->read_only ? "the folder is read-only"
                               : "the server has no UIDPLUS; where nothing but probes lies in the "
                                 "folder set dedicated = true",
              (char *)NULL);
}

static void on_selected(void *arg, const struct imap_result *result,
                        const struct imap_mailbox *mailbox)
{
    struct inbox *inbox = arg;

    if (inbox_command_ended(result))
        return;
    if (result->kind != IMAP_RESULT_OK) {
        give_up(inbox, result->reason);
        return;
    }
    if (mailbox->uidvalidity == 0) {
        give_up(inbox, "the server tells no UIDVALIDITY: its UIDs cannot be relied on");
        return;
    }
    if (mailbox->uidvalidity != inbox->uidvalidity) {
        inbox->uidvalidity = mailbox->uidvalidity;
        inbox->seen_through = 0;
        imap_uidset_clear(&inbox->doomed);
    }
    inbox->uidnext = mailbox->uidnext;
    inbox->messages = mailbox->exists;
    inbox->read_only = mailbox->read_only;
    inbox->step = INBOX_STEP_REST;
    inbox->dirty = true;
    inbox->because = "start";
    inbox->idle_ends = 0;
    say_what_is_kept(inbox);
    rest_until_tick(inbox);
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

    if (inbox_command_ended(result))
        return;
    name = inbox->wanted == NULL ? find_junk(&inbox->listing)
                                 : find_named(&inbox->listing, inbox->wanted);
    folder_list_clear(&inbox->listing);
    if (name != NULL)
        select_it(inbox, name);
    else if (result->kind != IMAP_RESULT_OK)
        give_up(inbox, result->reason);
    else
        give_up(inbox, "there is no such folder");
    free(name);
}

/* ---- the session ---- */

static void on_ready(void *arg)
{
    struct inbox *inbox = arg;

    inbox->session = link_session(inbox->link);
    inbox->step = INBOX_STEP_OPEN;
    inbox->idle_refused = false;
    backoff_succeeded(&inbox->backoff);
    backoff_succeeded(&inbox->backoff_auth);
    if (inbox->wanted != NULL && strcasecmp(inbox->wanted, "INBOX") == 0) {
        select_it(inbox, "INBOX");
        return;
    }
    if (imap_session_has(inbox->session, "NAMESPACE"))
        imap_namespace(inbox->session, NULL, NULL);
    imap_list(inbox->session, "*", 0, on_listed, inbox);
}

static void on_closed(void *arg, const struct imap_failure *failure)
{
    struct inbox *inbox = arg;
    struct timeval wait = failure->kind == IMAP_FAILURE_AUTH ? backoff_next(&inbox->backoff_auth)
                                                             : backoff_next(&inbox->backoff);

    if (failure->backoff > wait.tv_sec)
        wait.tv_sec = (time_t)failure->backoff;
    forget_session(inbox);
    retry_in(inbox, wait, failure->reason);
}

static void hear_exists(struct inbox *inbox, uint32_t number)
{
    bool is_more = number > inbox->messages;

    inbox->messages = number;
    if (inbox->step == INBOX_STEP_OPEN || !is_more)
        return;
    if (inbox->step != INBOX_STEP_LOOK) /* the look under way was begun for another reason */
        inbox->because = inbox->idling ? "idle" : inbox->noop_to_look ? "poll" : "noop";
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
        if (inbox->step == INBOX_STEP_OPEN)
            folder_list_add_untagged(&inbox->listing, untagged);
        break;
    case IMAP_UNTAGGED_EXISTS:
        hear_exists(inbox, untagged->number);
        break;
    case IMAP_UNTAGGED_EXPUNGE:
        if (inbox->messages > 0)
            inbox->messages--;
        break;
    case IMAP_UNTAGGED_SEARCH:
        inbox_take_search(inbox, &untagged->uids);
        break;
    case IMAP_UNTAGGED_FETCH:
        inbox_take_fetch(inbox, &untagged->fetch);
        break;
    default:
        break;
    }
}

static void connect_now(struct inbox *inbox)
{
    static const struct imap_events events = {
        .on_ready = on_ready,
        .on_closed = on_closed,
        .on_untagged = on_untagged,
        .on_body_begin = inbox_on_body_begin,
        .on_body_data = inbox_on_body_data,
        .on_body_end = inbox_on_body_end,
    };
    const struct account *account = inbox->account;
    struct link_login login = {
        .server = account->server, .login = account->login, .secret = &account->secret};

    link_free(inbox->link);
    inbox->link = link_new(inbox->links, &login, &events, inbox);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    connect_now(arg);
}

/* ---- life ---- */

struct inbox *inbox_new(struct links *links, const struct inbox_options *options,
                        const struct inbox_events *events, void *arg)
{
    struct event_base *base = links_base(links);
    struct inbox *inbox = xcalloc(1, sizeof(*inbox));

    inbox->links = links;
    inbox->account = options->account;
    inbox->wanted = options->folder != NULL ? xstrdup(options->folder) : NULL;
    inbox->dedicated = options->dedicated;
    inbox->uidvalidity = options->uidvalidity;
    inbox->seen_through = options->seen_through;
    inbox->because = "start";
    inbox->events = *events;
    inbox->arg = arg;
    inbox->backoff = (struct backoff){.first = LIMIT_BACKOFF_FIRST, .last = LIMIT_BACKOFF_LAST};
    inbox->backoff_auth =
        (struct backoff){.first = LIMIT_BACKOFF_AUTH, .last = LIMIT_BACKOFF_AUTH_LAST};
    inbox->retry = evtimer_new(base, on_retry, inbox);
    inbox->again = evtimer_new(base, on_again, inbox);
    inbox->noop = evtimer_new(base, on_noop, inbox);
    inbox->tick = evtimer_new(base, on_tick, inbox);
    connect_now(inbox);
    return inbox;
}

void inbox_free(struct inbox *inbox)
{
    if (inbox == NULL)
        return;
    link_free(inbox->link);
    inbox_forget_look(inbox);
    folder_list_clear(&inbox->listing);
    imap_uidset_clear(&inbox->doomed);
    imap_uidset_clear(&inbox->killing);
    event_free(inbox->retry);
    event_free(inbox->again);
    event_free(inbox->noop);
    event_free(inbox->tick);
    free(inbox->folder);
    free(inbox->wanted);
    free(inbox);
}

bool inbox_is_up(const struct inbox *inbox)
{
    return inbox->session != NULL && inbox->looked;
}
