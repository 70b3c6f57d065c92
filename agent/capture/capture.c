#include "agent/capture/private.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/system/limit.h"
#include "agent/system/log.h"
#include "rules/util/memory.h"

static int compare_items(const void *a, const void *b)
{
    const struct item *x = a, *y = b;

    return x->uid < y->uid ? -1 : x->uid > y->uid;
}

/* Sorts the list and removes repeated UIDs. */
static void sort_items(struct capture *capture)
{
    size_t kept = 0;

    if (capture->count > 1)
        qsort(capture->items, capture->count, sizeof(*capture->items), compare_items);
    for (size_t i = 0; i < capture->count; i++)
        if (kept == 0 || capture->items[kept - 1].uid != capture->items[i].uid)
            capture->items[kept++] = capture->items[i];
    while (capture->cut != 0 && kept > 0 && capture->items[kept - 1].uid > capture->cut)
        kept--;
    capture->count = kept;
}

/* ---- the steps ---- */

/* The table of private.h. */
static bool may_follow(enum step before, enum step next)
{
    static const unsigned table[] = {
        [STEP_IDLE] = 1u << STEP_LIST,
        [STEP_LIST] = 1u << STEP_HEADERS | 1u << STEP_BODIES,
        [STEP_HEADERS] = 1u << STEP_HEADERS | 1u << STEP_BODIES | 1u << STEP_MISSING,
        [STEP_BODIES] = 1u << STEP_HEADERS | 1u << STEP_BODIES | 1u << STEP_MISSING,
        [STEP_MISSING] = 1u << STEP_HEADERS | 1u << STEP_BODIES | 1u << STEP_SINGLE,
        [STEP_SINGLE] = 1u << STEP_HEADERS | 1u << STEP_BODIES | 1u << STEP_SINGLE,
    };

    return next == STEP_IDLE || (table[before] & 1u << next) != 0;
}

static void set_step(struct capture *capture, enum step step)
{
    bool is_legal = may_follow(capture->step, step);

    assert(is_legal);
    (void)is_legal; /* NDEBUG */
    assert((capture->folder == NULL) == (step == STEP_IDLE));
    capture->step = step;
}

static void next_window(struct capture *capture);
static void check_missing(struct capture *capture);
static void fetch_single(struct capture *capture);

/* Forgets everything that is not recorded in the ledger. */
static void abandon(struct capture *capture)
{
    capture_clear_items(capture);
    imap_uidset_clear(&capture->retrying);
    imap_uidset_clear(&capture->rechecking);
    imap_uidset_clear(&capture->still_drafts);
    captured_message_free(capture->arriving);
    capture->arriving = NULL;
    spool_waiter_forget(&capture->waiter);
    free(capture->header_text);
    capture->header_text = NULL;
    capture->header_len = capture->header_room = 0;
    capture->folder = NULL;
    set_step(capture, STEP_IDLE);
}

/* UIDs after the last message: those that are proven to have vanished get that state. What is only
 * missing there is left open, for a server may show it late; so are UIDs that the server reports
 * before it has assigned them. */
static void note_vanished_at_end(struct capture *capture)
{
    struct folder *folder = capture->folder;
    uint32_t last = folder->seen_through;

    imap_uidset_normalise(&folder->vanished);
    for (size_t i = 0; i < folder->vanished.count && last < UINT32_MAX; i++) {
        const struct imap_uidrange *range = &folder->vanished.ranges[i];

        if (range->first <= last + 1 && range->last > last)
            last = range->last;
    }
    if (folder->uidnext == 0 || last >= folder->uidnext)
        last = folder->uidnext > 0 ? folder->uidnext - 1 : 0;
    if (last <= folder->seen_through)
        return;
    capture_note_gap(capture, folder->seen_through + 1, last);
    folder->seen_through = last;
}

static void end(struct capture *capture)
{
    capture_done *done = capture->done;
    void *arg = capture->arg;

    note_vanished_at_end(capture);
    if (capture->cut != 0)
        capture->folder->dirty = true;
    else if (capture->listed)
        capture->folder->looked_at = capture->look_began;
    spool_waiter_resume(&capture->waiter);
    abandon(capture);
    done(arg);
}

/* false: the session is gone, and the capture ends with it. */
static bool goes_on(struct capture *capture, const struct imap_result *result)
{
    /* After LOST and UNSENT the watch calls capture_lose(). */
    return capture->step != STEP_IDLE && result->kind != IMAP_RESULT_LOST &&
           result->kind != IMAP_RESULT_UNSENT;
}

/* The items of the window for which `which` holds, as a set. */
static void window_set(const struct capture *capture, bool (*which)(const struct item *item),
                       struct imap_uidset *set)
{
    memset(set, 0, sizeof(*set));
    for (size_t i = capture->emitted; i < capture->window; i++)
        if (which(&capture->items[i]))
            imap_uidset_add(set, capture->items[i].uid, capture->items[i].uid);
}

static bool is_open(const struct item *item)
{
    return !item->decided;
}

static bool is_wanted(const struct item *item)
{
    return !item->decided && item->wants_body;
}

static void fetch_window(struct capture *capture, enum step step,
                         bool (*which)(const struct item *item), const char *what, imap_done *done)
{
    struct imap_uidset set;

    set_step(capture, step);
    window_set(capture, which, &set);
    imap_uid_fetch(capture->session, &set, what, done, capture);
    imap_uidset_clear(&set);
}

static void on_bodies(void *arg, const struct imap_result *result)
{
    struct capture *capture = arg;

    if (goes_on(capture, result))
        check_missing(capture);
}

static void on_headers(void *arg, const struct imap_result *result)
{
    struct capture *capture = arg;
    size_t wanted = 0;

    if (!goes_on(capture, result))
        return;
    for (size_t i = capture->emitted; i < capture->window; i++)
        wanted += is_wanted(&capture->items[i]);
    if (wanted > 0)
        fetch_window(capture, STEP_BODIES, is_wanted, "(UID BODY.PEEK[])", on_bodies);
    else
        check_missing(capture);
}

/* The state of a message that did not come: tried again, but not for ever. */
static enum uid_state unfetched_state(const struct folder *folder)
{
    return folder->retries >= LIMIT_UNFETCHED_TRIES ? UID_FAILED : UID_UNFETCHED;
}

static void leave_suspect(struct capture *capture, struct item *item)
{
    struct folder *folder = capture->folder;

    capture_settle(item, unfetched_state(folder),
                   "the session was lost each time that it was fetched");
    folder->suspect = 0;
    folder->strikes = 0;
}

/* No rule can want it: either by account and direction, or because its owner is exempt. */
static void settle_unread(struct capture *capture, struct item *item)
{
    struct owner owner = account_owner(*capture->account);
    const struct rule *exempt =
        decide_exempt_owner(capture->context->config->rules, &owner, capture->folder->role);

    capture_settle(item, item->maybe_draft ? UID_DRAFT : UID_NOT_WANTED, NULL);
    if (exempt != NULL)
        item->outcome = outcome_exempt(exempt, "owner");
}

/* Decides what can be decided without fetching the message. */
static void decide_listed(struct capture *capture, struct item *item)
{
    const struct folder *folder = capture->folder;

    if (item->uid == folder->suspect && folder->strikes >= LIMIT_SUSPECT)
        leave_suspect(capture, item);
    else if (capture->depth == DEPTH_NOTHING)
        settle_unread(capture, item);
}

static enum depth depth_for(const struct capture *capture)
{
    struct owner owner = account_owner(*capture->account);

    switch (decide_before_fetch(capture->context->config->rules, &owner, capture->folder->role)) {
    case MATCH_NO:
        return DEPTH_NOTHING;
    case MATCH_YES:
        return DEPTH_ALL;
    default:
        return DEPTH_HEADER;
    }
}

static void fetch_headers(struct capture *capture, bool (*which)(const struct item *item))
{
    fetch_window(capture, STEP_HEADERS, which, "(UID RFC822.SIZE BODY.PEEK[HEADER])", on_headers);
}

/* All are wanted; of some the header shows first whether they are mail. */
static void fetch_all(struct capture *capture)
{
    size_t suspects = 0;

    for (size_t i = capture->emitted; i < capture->window; i++) {
        struct item *item = &capture->items[i];

        item->wants_body = !capture_needs_triage(item);
        suspects += capture_needs_triage(item);
    }
    if (suspects > 0)
        fetch_headers(capture, capture_needs_triage);
    else
        fetch_window(capture, STEP_BODIES, is_open, "(UID BODY.PEEK[])", on_bodies);
}

static void next_window(struct capture *capture)
{
    size_t open = 0;

    capture_emit(capture);
    assert(capture->emitted <= capture->count);
    if (capture->emitted == capture->count) {
        end(capture);
        return;
    }
    capture->window = capture->emitted + LIMIT_FETCH_WINDOW;
    if (capture->window > capture->count)
        capture->window = capture->count;
    for (size_t i = capture->emitted; i < capture->window; i++)
        open += is_open(&capture->items[i]);
    if (open == 0)
        check_missing(capture);
    else if (capture->depth == DEPTH_ALL)
        fetch_all(capture);
    else
        fetch_headers(capture, is_open);
}

/* Messages that were to be tried again and are no longer listed. */
static void note_retries_gone(struct capture *capture)
{
    for (size_t i = 0; i < capture->retrying.count; i++) {
        const struct imap_uidrange *range = &capture->retrying.ranges[i];

        for (uint64_t uid = range->first; uid <= range->last; uid++)
            if (capture_find(capture, (uint32_t)uid) == NULL)
                capture_note_gap(capture, (uint32_t)uid, (uint32_t)uid);
    }
}

static void on_listed(void *arg, const struct imap_result *result)
{
    struct capture *capture = arg;

    if (!goes_on(capture, result))
        return;
    capture->listed = result->kind == IMAP_RESULT_OK;
    if (result->kind != IMAP_RESULT_OK && capture->count == 0) {
        log_event(LOG_LEVEL_WARNING, "not-listed", "account", (*capture->account)->name, "folder",
                  capture->folder->name, "reason", result->reason, (char *)NULL);
        capture_note_drafts(capture);
        end(capture);
        return;
    }
    sort_items(capture);
    capture_note_drafts(capture);
    note_retries_gone(capture);
    for (size_t i = 0; i < capture->count; i++)
        decide_listed(capture, &capture->items[i]);
    next_window(capture);
}

/* ---- messages that were listed and did not come ---- */

static void on_missing(void *arg, const struct imap_result *result)
{
    struct capture *capture = arg;

    if (!goes_on(capture, result))
        return;
    for (size_t i = capture->emitted; i < capture->window; i++) {
        struct item *item = &capture->items[i];

        if (!item->decided && item->gone)
            capture_settle(item,
                           imap_uidset_contains(&capture->folder->vanished, item->uid)
                               ? UID_VANISHED
                               : UID_VANISHED_INFERRED,
                           NULL);
    }
    fetch_single(capture);
}

static void check_missing(struct capture *capture)
{
    size_t missing = 0;

    for (size_t i = capture->emitted; i < capture->window; i++) {
        capture->items[i].gone = true;
        missing += is_open(&capture->items[i]);
    }
    if (missing == 0)
        next_window(capture);
    else
        fetch_window(capture, STEP_MISSING, is_open, "(UID)", on_missing);
}

static struct item *first_open(struct capture *capture)
{
    for (size_t i = capture->emitted; i < capture->window; i++)
        if (is_open(&capture->items[i]))
            return &capture->items[i];
    return NULL;
}

static void on_single(void *arg, const struct imap_result *result)
{
    struct capture *capture = arg;
    struct item *item;

    if (!goes_on(capture, result))
        return;
    item = first_open(capture);
    if (item != NULL && item == capture->single) {
        char *reason =
            xasprintf("the server lists it but does not return it: %s",
                      result->kind == IMAP_RESULT_OK ? "OK without the message" : result->reason);
        capture_settle(item, unfetched_state(capture->folder), reason);
        free(reason);
    }
    fetch_single(capture);
}

/* Fetches the first message that did not come once more, by itself. */
static void fetch_single(struct capture *capture)
{
    struct item *item;
    struct imap_uidset set = {0};

    capture_emit(capture);
    item = first_open(capture);
    if (item == NULL) {
        next_window(capture);
        return;
    }
    capture->single = item;
    set_step(capture, STEP_SINGLE);
    imap_uidset_add(&set, item->uid, item->uid);
    imap_uid_fetch(capture->session, &set, "(UID BODY.PEEK[])", on_single, capture);
    imap_uidset_clear(&set);
}

/* ---- start and end ---- */

static void add_ranges(struct imap_uidset *set, const struct imap_uidset *more)
{
    for (size_t i = 0; i < more->count; i++)
        imap_uidset_add(set, more->ranges[i].first, more->ranges[i].last);
}

struct capture *capture_new(struct context *context)
{
    struct capture *capture = xcalloc(1, sizeof(*capture));

    capture->context = context;
    return capture;
}

void capture_start(struct capture *capture, struct imap_session *session,
                   const struct account *const *account, struct folder *folder, bool retry,
                   capture_done *done, void *arg)
{
    struct imap_uidset set = {0};

    assert(capture->count == 0 && capture->arriving == NULL && folder->ledger_id != 0);
    capture->session = session;
    capture->account = account;
    capture->folder = folder;
    capture->done = done;
    capture->arg = arg;
    capture->depth = depth_for(capture);
    set_step(capture, STEP_LIST);
    capture->cut = 0;
    capture->listed = capture->drafts_unclear = false;
    capture->look_began = time(NULL);
    imap_uidset_normalise(&folder->vanished);
    if (retry) {
        capture->retrying = folder->retry;
        folder->retry = (struct imap_uidset){0};
        imap_uidset_normalise(&capture->retrying);
        add_ranges(&set, &capture->retrying);
    }
    if (folder->drafts_due && folder->drafts.count > 0) {
        imap_uidset_normalise(&folder->drafts);
        add_ranges(&capture->rechecking, &folder->drafts);
        add_ranges(&set, &folder->drafts);
    }
    folder->drafts_due = false;
    if (folder->seen_through < UINT32_MAX)
        imap_uidset_add(&set, folder->seen_through + 1, UINT32_MAX);
    imap_uid_fetch(session, &set, "(UID FLAGS INTERNALDATE)", on_listed, capture);
    imap_uidset_clear(&set);
}

bool capture_runs(const struct capture *capture)
{
    return capture->step != STEP_IDLE;
}

/* Which message the session may have been lost over. */
static uint32_t suspect_of(const struct capture *capture)
{
    if (capture->step != STEP_HEADERS && capture->step != STEP_BODIES &&
        capture->step != STEP_SINGLE)
        return 0;
    for (size_t i = capture->emitted; i < capture->window; i++)
        if (!capture->items[i].decided)
            return capture->items[i].uid;
    return 0;
}

void capture_lose(struct capture *capture)
{
    struct folder *folder = capture->folder;
    uint32_t suspect;

    if (capture->step == STEP_IDLE)
        return;
    suspect = suspect_of(capture);
    folder->strikes = suspect != 0 && suspect == folder->suspect ? folder->strikes + 1 : 1;
    folder->suspect = suspect;
    abandon(capture);
}

void capture_free(struct capture *capture)
{
    if (capture == NULL)
        return;
    abandon(capture);
    free(capture);
}
