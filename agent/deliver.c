#include "agent/deliver.h"

#include <stdlib.h>
#include <string.h>

#include "agent/backoff.h"
#include "agent/fault.h"
#include "agent/folder_name.h"
#include "agent/limit.h"
#include "agent/log.h"
#include "agent/outgoing.h"
#include "agent/reach.h"
#include "agent/recover.h"
#include "agent/target_folder.h"
#include "rules/memory.h"

/* What is being done; one thing at a time. */
enum step {
    STEP_REST,
    STEP_ASK, /* the ledger is asked what is due */
    STEP_SEARCH, /* copies with an intent are looked for */
    STEP_SELECT,
    STEP_MAKE, /* the copies are made from the spool */
    STEP_INTENT, /* the ledger commits the intent */
    STEP_APPEND,
    STEP_IDENTIFY, /* stored, but the server tells no UIDs: they are looked for */
};

/* A question to the ledger; it may be answered after the deliver that asked is gone. */
struct asked {
    struct deliver *deliver;
};

/* One APPEND command of the batch. */
struct sending {
    struct deliver *deliver;
    size_t first, count; /* of outgoing[] */
    bool unidentified; /* stored, and the server told no UIDs */
};

struct deliver {
    struct parts *parts;
    const struct target *target;
    struct link *link;
    struct imap_session *session; /* signed in and its namespace known */
    struct target_folder *folder;
    enum deliver_state state;
    time_t since;
    char *trouble;
    time_t trouble_since, next_try;
    struct backoff backoff, backoff_auth;
    struct event *timer; /* reconnect, or the next copy that is due */
    struct event *idle; /* closes a session that has nothing to send */
    struct event *again; /* work() from a clean stack */
    struct event *settle; /* then the search begins */
    time_t lost_at; /* an APPEND may have been cut: settle before a search */
    bool broken; /* the session ended inside an APPEND; on_closed comes next */

    enum step step;
    bool kicked;
    struct asked *asked;
    struct ledger_copy *copies; /* the answer of the ledger */
    size_t n_copies;
    struct outgoing **outgoing; /* the batch: some of copies */
    size_t n_outgoing, n_ready;
    struct sending *sendings;
    size_t n_sendings, sendings_left;
    size_t singles; /* so many copies are to be sent one by one */
    struct recover *recover;

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

static struct asked *ask(struct deliver *deliver)
{
    struct asked *asked = xcalloc(1, sizeof(*asked));

    asked->deliver = deliver;
    deliver->asked = asked;
    return asked;
}

/* NULL: nobody waits for the answer any more. */
static struct deliver *answered(struct asked *asked)
{
    struct deliver *deliver = asked->deliver;

    free(asked);
    if (deliver != NULL)
        deliver->asked = NULL;
    return deliver;
}

static void forget_batch(struct deliver *deliver)
{
    for (size_t i = 0; i < deliver->n_outgoing; i++)
        outgoing_free(deliver->outgoing[i]);
    free(deliver->outgoing);
    free(deliver->sendings);
    ledger_copies_free(deliver->copies, deliver->n_copies);
    recover_free(deliver->recover);
    deliver->outgoing = NULL;
    deliver->sendings = NULL;
    deliver->copies = NULL;
    deliver->recover = NULL;
    deliver->n_outgoing = deliver->n_ready = deliver->n_copies = 0;
    deliver->n_sendings = deliver->sendings_left = 0;
    deliver->step = STEP_REST;
}

/* The batch is over: on with the next, from a clean stack. */
static void next_batch(struct deliver *deliver)
{
    forget_batch(deliver);
    deliver->kicked = true;
    event_active(deliver->again, EV_TIMEOUT, 0);
}

static void lose_session(struct deliver *deliver)
{
    deliver->session = NULL;
    target_folder_free(deliver->folder);
    deliver->folder = NULL;
    event_del(deliver->idle);
    event_del(deliver->settle);
    /* What the ledger was asked comes back; all else ended with the session. */
    if (deliver->step != STEP_INTENT && deliver->step != STEP_ASK)
        forget_batch(deliver);
}

/* No session until the wait is over. */
static void go_down(struct deliver *deliver, const char *why, struct timeval wait)
{
    set_trouble(deliver, why);
    log_event(LOG_LEVEL_WARNING, "session-lost", "target", deliver->target->name, "reason", why,
              "again-in", log_number(wait.tv_sec), (char *)NULL);
    lose_session(deliver);
    link_free(deliver->link);
    deliver->link = NULL;
    set_state(deliver, DELIVER_DOWN);
    deliver->next_try = time(NULL) + wait.tv_sec;
    event_add(deliver->timer, &wait);
}

/* ---- refusals ---- */

/* Whether trying again cannot help. */
static bool is_final(const struct imap_result *result)
{
    return result->kind == IMAP_RESULT_BAD || result->kind == IMAP_RESULT_INVALID ||
           (result->text != NULL && result->text->code == IMAP_CODE_TOOBIG);
}

static void refuse(struct deliver *deliver, const struct ledger_copy *copy, const char *reason,
                   bool final)
{
    struct backoff backoff = {.first = 30, .last = 6 * 3600, .tries = copy->attempts};
    time_t retry_at = time(NULL) + backoff_next(&backoff).tv_sec;

    final = final || copy->attempts + 1 >= LIMIT_REFUSALS;
    log_event(LOG_LEVEL_WARNING, "refused", "target", deliver->target->name, "id",
              copy->monitor_id, "final", final ? "yes" : "no", "reason", reason, (char *)NULL);
    set_trouble(deliver, reason);
    deliver->parts->count.refused += final;
    ledger_not_delivered(deliver->parts->ledger, copy->id, reason, final ? 0 : retry_at, NULL, NULL);
}

/* Surely not stored, and nobody's fault: due again at once. */
static void put_back(struct deliver *deliver, const struct ledger_copy *copy, const char *reason)
{
    ledger_not_delivered(deliver->parts->ledger, copy->id, reason, time(NULL), NULL, NULL);
}

static void put_all_back(struct deliver *deliver, const char *reason)
{
    for (size_t i = 0; i < deliver->n_outgoing; i++)
        put_back(deliver, outgoing_copy(deliver->outgoing[i]), reason);
}

/* ---- results ---- */

static void log_delivered(const struct deliver *deliver, const struct ledger_copy *copy,
                          uint32_t uid)
{
    log_event(LOG_LEVEL_INFO, "delivered", "target", deliver->target->name, "id", copy->monitor_id,
              "account", copy->account, "folder", copy->folder, "uid", log_number(copy->uid),
              "target-uid", log_number(uid), (char *)NULL);
}

static void on_recorded(void *arg)
{
    (void)arg;
}

static void record(struct deliver *deliver, const struct ledger_delivery *deliveries, size_t n)
{
    deliver->parts->count.delivered += n;
    deliver->trouble_since = 0;
    ledger_delivered(deliver->parts->ledger, deliveries, n, on_recorded, NULL);
}

/* ---- looking for copies that may be there ---- */

/* The copies of the batch that the search is about are the first ones with an intent for one
 * folder. */
static bool same_search(const struct ledger_copy *a, const struct ledger_copy *b)
{
    return b->intent && strcmp(a->target_folder, b->target_folder) == 0 &&
           a->target_uidvalidity == b->target_uidvalidity;
}

static void on_searched(void *arg, const char *why)
{
    struct deliver *deliver = arg;
    const struct ledger_copy *first = &deliver->copies[0];

    if (why != NULL) {
        go_down(deliver, why, backoff_next(&deliver->backoff));
        return;
    }
    fault_point(FAULT_RECOVERY_SEARCHED);
    for (size_t i = 0; i < deliver->n_copies; i++) {
        const struct ledger_copy *copy = &deliver->copies[i];
        uint32_t uid;

        if (!same_search(first, copy))
            continue;
        uid = recover_find(deliver->recover, copy->monitor_id);
        if (uid == 0) {
            put_back(deliver, copy, "not found in the target after a lost connection");
            continue;
        }
        struct ledger_delivery delivery = {
            .copy = copy->id,
            .uidvalidity = target_folder_uidvalidity(deliver->folder),
            .uid = uid,
        };
        record(deliver, &delivery, 1);
        log_event(LOG_LEVEL_NOTICE, "found-in-target", "target", deliver->target->name, "id",
                  copy->monitor_id, (char *)NULL);
    }
    next_batch(deliver);
}

static void on_search_selected(void *arg, const char *why)
{
    struct deliver *deliver = arg;
    const struct ledger_copy *first = &deliver->copies[0];
    uint32_t from;

    if (why != NULL && !target_folder_is_missing(deliver->folder)) {
        on_searched(deliver, why);
        return;
    }
    if (why != NULL) {
        for (size_t i = 0; i < deliver->n_copies; i++)
            if (same_search(first, &deliver->copies[i]))
                put_back(deliver, &deliver->copies[i], "its folder is missing in the target");
        next_batch(deliver);
        return;
    }
    from = first->target_uidvalidity == target_folder_uidvalidity(deliver->folder)
               ? first->target_uidnext
               : 1;
    deliver->recover = recover_new(deliver->session, from, on_searched, deliver);
}

static void on_settled(evutil_socket_t fd, short what, void *arg)
{
    struct deliver *deliver = arg;

    (void)fd;
    (void)what;
    target_folder_forget(deliver->folder);
    target_folder_select(deliver->folder, deliver->copies[0].target_folder, false,
                         on_search_selected, deliver);
}

static void search(struct deliver *deliver)
{
    time_t since = time(NULL) - deliver->lost_at;
    struct timeval wait = {.tv_sec = since < LIMIT_SETTLE ? LIMIT_SETTLE - since : 0};

    deliver->step = STEP_SEARCH;
    event_add(deliver->settle, &wait);
}

/* ---- APPEND ---- */

/* The server stored n copies from `first` on and told their UIDs, or did not. */
static void take_stored(struct deliver *deliver, const struct sending *sending,
                        const struct imap_text *text)
{
    struct ledger_delivery *deliveries = xcalloc(sending->count, sizeof(*deliveries));
    bool told = text != NULL && text->code == IMAP_CODE_APPENDUID &&
                imap_uidset_size(&text->uids) == sending->count;

    for (size_t i = 0; i < sending->count; i++) {
        const struct ledger_copy *copy = outgoing_copy(deliver->outgoing[sending->first + i]);
        uint32_t uid = told ? imap_uidset_nth(&text->uids, i) : 0;

        if (!told && deliver->recover != NULL)
            uid = recover_find(deliver->recover, copy->monitor_id);
        deliveries[i] = (struct ledger_delivery){
            .copy = copy->id,
            .uidvalidity = told ? text->uidvalidity : target_folder_uidvalidity(deliver->folder),
            .uid = uid,
        };
        target_folder_advance(deliver->folder, uid);
        log_delivered(deliver, copy, uid);
    }
    record(deliver, deliveries, sending->count);
    free(deliveries);
}

static void on_identified(void *arg, const char *why)
{
    struct deliver *deliver = arg;

    (void)why; /* the server has said OK: without UIDs they are delivered all the same */
    for (size_t i = 0; i < deliver->n_sendings; i++)
        if (deliver->sendings[i].unidentified)
            take_stored(deliver, &deliver->sendings[i], NULL);
    next_batch(deliver);
}

/* All commands of the batch were answered. */
static void after_sendings(struct deliver *deliver)
{
    bool unidentified = false;

    if (deliver->broken) {
        forget_batch(deliver);
        return;
    }
    for (size_t i = 0; i < deliver->n_sendings; i++)
        unidentified = unidentified || deliver->sendings[i].unidentified;
    if (!unidentified) {
        next_batch(deliver);
        return;
    }
    deliver->step = STEP_IDENTIFY;
    deliver->recover = recover_new(deliver->session, target_folder_uidnext(deliver->folder),
                                   on_identified, deliver);
}

static void take_refusal(struct deliver *deliver, const struct sending *sending,
                         const struct imap_result *result)
{
    bool missing = result->text != NULL && (result->text->code == IMAP_CODE_TRYCREATE ||
                                            result->text->code == IMAP_CODE_NONEXISTENT);

    if (missing)
        target_folder_forget(deliver->folder);
    if (sending->count > 1)
        deliver->singles = sending->count;
    for (size_t i = 0; i < sending->count; i++) {
        const struct ledger_copy *copy = outgoing_copy(deliver->outgoing[sending->first + i]);

        if (sending->count > 1 || (missing && copy->attempts == 0))
            put_back(deliver, copy, result->reason);
        else
            refuse(deliver, copy, result->reason, is_final(result));
    }
}

static void on_appended(void *arg, const struct imap_result *result)
{
    struct sending *sending = arg;
    struct deliver *deliver = sending->deliver;

    switch (result->kind) {
    case IMAP_RESULT_OK:
        fault_point(FAULT_APPEND_ANSWERED);
        sending->unidentified =
            result->text == NULL || result->text->code != IMAP_CODE_APPENDUID;
        if (!sending->unidentified)
            take_stored(deliver, sending, result->text);
        break;
    case IMAP_RESULT_LOST: /* the intent stands: the next session looks for them */
        deliver->lost_at = time(NULL);
        deliver->broken = true;
        break;
    case IMAP_RESULT_UNSENT:
        deliver->broken = true;
        for (size_t i = 0; i < sending->count; i++)
            put_back(deliver, outgoing_copy(deliver->outgoing[sending->first + i]), result->reason);
        break;
    default:
        take_refusal(deliver, sending, result);
        break;
    }
    if (--deliver->sendings_left == 0)
        after_sendings(deliver);
}

/* MULTIAPPEND where it is offered, else a command for each. */
static void append_batch(struct deliver *deliver)
{
    bool together = imap_session_has(deliver->session, "MULTIAPPEND");
    const char *flags = target_folder_keyword(deliver->folder, "$MDNSent") ? "$MDNSent" : "";
    struct imap_append_message *messages = xcalloc(deliver->n_outgoing, sizeof(*messages));

    deliver->step = STEP_APPEND;
    deliver->n_sendings = together ? 1 : deliver->n_outgoing;
    deliver->sendings_left = deliver->n_sendings;
    deliver->sendings = xcalloc(deliver->n_sendings, sizeof(*deliver->sendings));
    for (size_t i = 0; i < deliver->n_outgoing; i++) {
        outgoing_message(deliver->outgoing[i], deliver->session, &messages[i]);
        messages[i].flags = flags;
    }
    for (size_t i = 0; i < deliver->n_sendings; i++) {
        deliver->sendings[i] = (struct sending){
            .deliver = deliver, .first = i, .count = together ? deliver->n_outgoing : 1};
        imap_append(deliver->session, target_folder_name(deliver->folder), &messages[i],
                    deliver->sendings[i].count, on_appended, &deliver->sendings[i]);
    }
    free(messages);
}

static void on_intent(void *arg)
{
    struct deliver *deliver = answered(arg);

    if (deliver == NULL)
        return;
    if (deliver->session != NULL) {
        append_batch(deliver);
        return;
    }
    put_all_back(deliver, "the connection was lost before it was sent");
    next_batch(deliver);
}

static void commit_intent(struct deliver *deliver)
{
    struct ledger_intended *intended = xcalloc(deliver->n_outgoing, sizeof(*intended));

    deliver->step = STEP_INTENT;
    fault_point(FAULT_DELIVER_CHOSEN);
    for (size_t i = 0; i < deliver->n_outgoing; i++) {
        intended[i].copy = outgoing_copy(deliver->outgoing[i])->id;
        memcpy(intended[i].body_sha256, outgoing_body_sha256(deliver->outgoing[i]),
               sizeof(intended[i].body_sha256));
    }
    ledger_intent(deliver->parts->ledger, intended, deliver->n_outgoing,
                  target_folder_name(deliver->folder), target_folder_uidvalidity(deliver->folder),
                  target_folder_uidnext(deliver->folder), on_intent, ask(deliver));
    free(intended);
}

/* ---- the batch ---- */

static void drop_outgoing(struct deliver *deliver, struct outgoing *outgoing)
{
    size_t i = 0;

    while (deliver->outgoing[i] != outgoing)
        i++;
    memmove(&deliver->outgoing[i], &deliver->outgoing[i + 1],
            (deliver->n_outgoing - i - 1) * sizeof(struct outgoing *));
    deliver->n_outgoing--;
    outgoing_free(outgoing);
}

static bool is_too_big(const struct deliver *deliver, const struct outgoing *outgoing)
{
    uint64_t limit = imap_session_append_limit(deliver->session);

    return limit > 0 && outgoing_size(outgoing) > limit;
}

static void on_made(void *arg, struct outgoing *outgoing, const char *why)
{
    struct deliver *deliver = arg;

    if (why != NULL) {
        refuse(deliver, outgoing_copy(outgoing), why, true);
        drop_outgoing(deliver, outgoing);
    } else if (is_too_big(deliver, outgoing)) {
        refuse(deliver, outgoing_copy(outgoing), "larger than the server's APPENDLIMIT", true);
        drop_outgoing(deliver, outgoing);
    } else {
        deliver->n_ready++;
    }
    if (deliver->n_ready < deliver->n_outgoing)
        return;
    if (deliver->n_outgoing == 0)
        next_batch(deliver);
    else
        commit_intent(deliver);
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
    char *name = folder_name_make(deliver->target->folder, copy->internaldate, &words,
                                  target_folder_separator(deliver->folder));

    plan_free(plan);
    return name;
}

/* How many of the copies make the next batch: those for one folder, within the bounds. */
static size_t batch_size(const struct deliver *deliver, const char *folder)
{
    size_t most = deliver->singles > 0 ? 1 : LIMIT_BATCH_COPIES;
    uint64_t octets = 0;
    size_t n = 0;

    while (n < deliver->n_copies && n < most && !deliver->copies[n].intent) {
        char *name = folder_for(deliver, &deliver->copies[n]);
        bool same = strcmp(name, folder) == 0;

        free(name);
        octets += deliver->copies[n].size;
        if (!same || (n > 0 && octets > LIMIT_BATCH_OCTETS))
            break;
        n++;
    }
    return n;
}

static void on_selected(void *arg, const char *why)
{
    struct deliver *deliver = arg;
    size_t n = deliver->n_outgoing;

    if (why != NULL) {
        for (size_t i = 0; i < n; i++)
            refuse(deliver, &deliver->copies[i], why, false);
        deliver->n_outgoing = 0;
        next_batch(deliver);
        return;
    }
    deliver->step = STEP_MAKE;
    deliver->n_ready = 0;
    deliver->outgoing = xcalloc(n, sizeof(struct outgoing *));
    for (size_t i = 0; i < n; i++)
        deliver->outgoing[i] = outgoing_new(deliver->parts, &deliver->copies[i],
                                            deliver->target->form, on_made, deliver);
}

static void begin_batch(struct deliver *deliver)
{
    char *folder = folder_for(deliver, &deliver->copies[0]);

    deliver->step = STEP_SELECT;
    deliver->n_outgoing = batch_size(deliver, folder);
    if (deliver->singles > 0)
        deliver->singles--;
    set_state(deliver, DELIVER_SENDING);
    target_folder_select(deliver->folder, folder, true, on_selected, deliver);
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

    forget_batch(deliver);
    if (deliver->session != NULL) {
        set_state(deliver, DELIVER_IDLE);
        event_add(deliver->idle, &idle);
    }
    if (next_due != 0 && deliver->state != DELIVER_DOWN)
        wait_until(deliver, next_due);
    if (deliver->kicked)
        event_active(deliver->again, EV_TIMEOUT, 0);
}

static void on_pending(void *arg, struct ledger_copy *copies, size_t n, time_t next_due, bool *keep)
{
    struct deliver *deliver = answered(arg);

    if (deliver == NULL)
        return;
    deliver->step = STEP_REST;
    if (n == 0 || deliver->stopping) {
        rest(deliver, next_due);
        work(deliver);
        return;
    }
    if (deliver->session == NULL) {
        connect_now(deliver);
        return;
    }
    *keep = true;
    deliver->copies = copies;
    deliver->n_copies = n;
    event_del(deliver->idle);
    if (copies[0].intent)
        search(deliver);
    else
        begin_batch(deliver);
}

static void work(struct deliver *deliver)
{
    if (deliver->step != STEP_REST)
        return;
    if (deliver->stopping) {
        void (*stopped)(void *) = deliver->stopped;

        deliver->stopped = NULL;
        if (stopped != NULL)
            stopped(deliver->stopped_arg);
        return;
    }
    if (!deliver->kicked || deliver->state == DELIVER_DOWN || deliver->state == DELIVER_CONNECTING)
        return;
    deliver->kicked = false;
    deliver->step = STEP_ASK;
    ledger_pending(deliver->parts->ledger, deliver->target->name, time(NULL), LIMIT_BATCH_COPIES,
                   on_pending, ask(deliver));
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
    deliver->session = link_session(deliver->link);
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
    deliver->folder = target_folder_new(link_session(deliver->link));
    log_event(LOG_LEVEL_INFO, "signed-in", "target", deliver->target->name, (char *)NULL);
    target_folder_learn(deliver->folder, on_learnt, deliver);
}


static void on_closed(void *arg, const struct imap_failure *failure)
{
    struct deliver *deliver = arg;
    bool was_idle = deliver->session != NULL && deliver->step == STEP_REST && !deliver->broken;
    struct timeval wait;

    if (deliver->step == STEP_APPEND)
        deliver->lost_at = time(NULL);
    deliver->broken = false;
    if (was_idle) {
        /* Nothing was to be sent: the next copy connects again. */
        lose_session(deliver);
        set_state(deliver, DELIVER_IDLE);
        event_active(deliver->again, EV_TIMEOUT, 0);
        return;
    }
    wait = failure->kind == IMAP_FAILURE_AUTH ? backoff_next(&deliver->backoff_auth)
                                              : backoff_next(&deliver->backoff);
    if (failure->backoff > wait.tv_sec)
        wait.tv_sec = (time_t)failure->backoff;
    go_down(deliver, failure->reason, wait);
}

static void on_untagged(void *arg, const struct imap_untagged *untagged)
{
    struct deliver *deliver = arg;

    if (deliver->folder != NULL)
        target_folder_untagged(deliver->folder, untagged);
    if (deliver->recover != NULL)
        recover_untagged(deliver->recover, untagged);
}

static bool on_body_begin(void *arg, const struct imap_body *body)
{
    struct deliver *deliver = arg;

    return deliver->recover != NULL && recover_body_begin(deliver->recover, body);
}

static void on_body_data(void *arg, const unsigned char *data, size_t len)
{
    struct deliver *deliver = arg;

    if (deliver->recover != NULL)
        recover_body_data(deliver->recover, data, len);
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
        .server = deliver->target->server,
        .login = deliver->target->login,
        .secret = &deliver->target->secret,
    };

    link_free(deliver->link);
    set_state(deliver, DELIVER_CONNECTING);
    deliver->link = link_new(deliver->parts->links, &login, &events, deliver);
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
    if (deliver->session != NULL && deliver->step == STEP_REST)
        imap_session_logout(deliver->session);
}

/* ---- life ---- */

struct deliver *deliver_new(struct parts *parts, const struct target *target)
{
    struct deliver *deliver = xcalloc(1, sizeof(*deliver));

    deliver->parts = parts;
    deliver->target = target;
    deliver->since = time(NULL);
    deliver->lost_at = time(NULL); /* a crash may have cut an APPEND a moment ago */
    deliver->backoff = (struct backoff){.first = LIMIT_BACKOFF_FIRST, .last = LIMIT_BACKOFF_LAST};
    deliver->backoff_auth =
        (struct backoff){.first = LIMIT_BACKOFF_AUTH, .last = LIMIT_BACKOFF_AUTH_LAST};
    deliver->timer = evtimer_new(parts->base, on_timer, deliver);
    deliver->idle = evtimer_new(parts->base, on_idle, deliver);
    deliver->again = evtimer_new(parts->base, on_again, deliver);
    deliver->settle = evtimer_new(parts->base, on_settled, deliver);
    return deliver;
}

void deliver_free(struct deliver *deliver)
{
    if (deliver == NULL)
        return;
    link_free(deliver->link);
    if (deliver->asked != NULL)
        deliver->asked->deliver = NULL;
    forget_batch(deliver);
    target_folder_free(deliver->folder);
    event_free(deliver->timer);
    event_free(deliver->idle);
    event_free(deliver->again);
    event_free(deliver->settle);
    free(deliver->trouble);
    free(deliver);
}

const struct target *deliver_target(const struct deliver *deliver)
{
    return deliver->target;
}

bool deliver_update(struct deliver *deliver, const struct target *target)
{
    const struct target *old = deliver->target;

    if (!same_reach(old->server, old->login, &old->secret, target->server, target->login,
                    &target->secret))
        return false;
    deliver->target = target;
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
