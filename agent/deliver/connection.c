/* The session to the target: its link, and where the server's responses go. */
#include <assert.h>
#include <stdlib.h>

#include "agent/deliver/private.h"
#include "agent/system/fault.h"
#include "agent/system/log.h"

/* ---- up ---- */

static void login(void *arg, struct link_login *login, bool is_retry)
{
    struct deliver *deliver = arg;
    const struct target *target = deliver->place.target;

    (void)is_retry;
    login->server = target->server;
    login->login = target->login;
    login->secret = &target->secret;
    login->urgent = true;
    deliver_enter(deliver, STEP_CONNECTING);
}

static void on_namespace(void *arg, const char *why)
{
    struct deliver *deliver = arg;

    (void)why; /* without a namespace, names are used unchanged */
    deliver->place.session = persistent_link_session(deliver->link);
    deliver_enter(deliver, STEP_IDLE);
    deliver->woken = true;
    deliver_work_soon(deliver);
}

static void on_ready(void *arg, struct imap_session *session)
{
    struct deliver *deliver = arg;

    assert(deliver->step == STEP_CONNECTING && deliver->place.folder == NULL);
    deliver->trouble_since = 0;
    deliver->place.folder = target_folder_new(session);
    log_event(LOG_LEVEL_INFO, "logged-in", "target", deliver->place.target->name, (char *)NULL);
    target_folder_learn(deliver->place.folder, on_namespace, deliver);
}

/* ---- down ---- */

static void lose_batch(struct batch **batch)
{
    if (*batch != NULL)
        batch_lost(*batch);
    batch_free(*batch);
    *batch = NULL;
}

/* A connection lost again and again over the same batch: who is to blame is found by sending its
 * copies one by one. */
static void note_cut(struct deliver *deliver)
{
    size_t n = batch_count(deliver->sending);

    deliver->lost_at = time(NULL);
    deliver->cuts++;
    if (n == 1 && deliver->cuts > 1)
        suspects_add(&deliver->place.suspects, batch_copy(deliver->sending, 0));
    else if (deliver->cuts > 1)
        deliver->singles = n;
}

static void lose_session(struct deliver *deliver)
{
    if (deliver->sending != NULL)
        note_cut(deliver);
    lose_batch(&deliver->sending);
    lose_batch(&deliver->preparing);
    resolve_intents_free(deliver->resolving);
    deliver->resolving = NULL;
    ledger_cancel(deliver->asked);
    deliver->asked = NULL;
    ledger_copies_free(deliver->waiting, deliver->n_waiting);
    deliver->waiting = NULL;
    deliver->n_waiting = deliver->n_chosen = 0;
    target_folder_free(deliver->place.folder);
    deliver->place.folder = NULL;
    deliver->place.session = NULL;
    event_del(deliver->session_idle);
    event_del(deliver->doubt); /* the next session may do better */
}

static void on_down(void *arg, const struct imap_failure *failure, time_t wait)
{
    struct deliver *deliver = arg;

    if (deliver->step == STEP_IDLE && !deliver->woken) {
        /* There was nothing to send: the next copy connects again. */
        persistent_link_close(deliver->link);
        lose_session(deliver);
        return;
    }
    deliver_set_trouble(deliver, failure->reason);
    log_event(LOG_LEVEL_WARNING, "session-lost", "target", deliver->place.target->name, "reason",
              failure->reason, "again-in", log_number(wait), (char *)NULL);
    lose_session(deliver);
    deliver->woken = true;
    deliver_enter(deliver, STEP_DOWN);
    deliver_work_soon(deliver);
}

/* ---- untagged responses ---- */

/* The search for copies that is in progress: of an intent, or of a batch without UIDs. */
static struct find_copies *current_search(const struct deliver *deliver)
{
    if (deliver->resolving != NULL)
        return resolve_intents_search(deliver->resolving);
    return deliver->sending != NULL ? batch_search(deliver->sending) : NULL;
}

static void on_untagged(void *arg, const struct imap_untagged *untagged)
{
    struct deliver *deliver = arg;
    struct find_copies *search = current_search(deliver);

    /* The server has stored something, but the tagged reply has not come. */
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

struct persistent_link *deliver_link_new(struct deliver *deliver)
{
    static const struct persistent_link_events events = {
        .login = login,
        .on_ready = on_ready,
        .on_down = on_down,
        .on_untagged = on_untagged,
        .on_body_begin = on_body_begin,
        .on_body_data = on_body_data,
        .on_body_end = on_body_end,
    };

    return persistent_link_new(deliver->place.context->links, &events, deliver);
}
