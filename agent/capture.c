#include "agent/capture.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "agent/limit.h"
#include "agent/log.h"
#include "rules/memory.h"

/* What is asked of the messages of this folder. */
enum depth {
    DEPTH_NOTHING, /* no rule could want one */
    DEPTH_HEADER,  /* the header tells which */
    DEPTH_ALL,     /* every one is wanted, or so it seems */
};

enum step { STEP_IDLE, STEP_LIST, STEP_HEADERS, STEP_BODIES, STEP_MISSING, STEP_SINGLE };

struct item {
    uint32_t uid;
    bool decided; /* outcome is known */
    bool wants_body;
    bool gone; /* listed, and expunged since */
    time_t internaldate;
    int internaldate_zone;
    bool draft;
    struct outcome outcome;
    struct incoming *incoming; /* complete, to be stored */
};

struct capture {
    struct parts *parts;
    struct imap_session *session;
    const struct account *const *account;
    struct folder *folder;
    capture_done *done;
    void *arg;
    enum step step;
    enum depth depth;
    struct item *items; /* ascending UIDs */
    size_t count, room;
    size_t emitted;              /* items that the ledger knows */
    size_t window;               /* end of the items that are being fetched */
    struct imap_uidset retrying; /* unfetched before, asked for again */
    struct item *single;         /* STEP_SINGLE: asked for by itself */
    struct incoming *incoming;   /* the body that is arriving */
    uint32_t incoming_uid;
    bool incoming_header; /* it is a BODY[HEADER] */
    char *header_text;
    size_t header_len, header_room;
    bool paused;
    unsigned commands; /* under way */
    LIST_ENTRY(capture) waiting;
};

struct room {
    struct ledger *ledger;
    LIST_HEAD(, capture) waiting;
};

/* ---- waiting for room in the spool ---- */

static void on_room(void *arg)
{
    struct room *room = arg;
    struct capture *capture;

    while ((capture = LIST_FIRST(&room->waiting)) != NULL) {
        LIST_REMOVE(capture, waiting);
        capture->paused = false;
        imap_session_resume(capture->session);
    }
}

struct room *room_new(struct ledger *ledger)
{
    struct room *room = xcalloc(1, sizeof(*room));

    room->ledger = ledger;
    LIST_INIT(&room->waiting);
    ledger_on_room(ledger, on_room, room);
    return room;
}

void room_free(struct room *room)
{
    free(room);
}

static void pause_if_full(struct capture *capture)
{
    if (capture->paused || !ledger_is_full(capture->parts->ledger))
        return;
    capture->paused = true;
    LIST_INSERT_HEAD(&capture->parts->room->waiting, capture, waiting);
    imap_session_pause(capture->session);
}

/* ---- items ---- */

static struct item *find_item(struct capture *capture, uint32_t uid)
{
    size_t low = 0, high = capture->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (capture->items[middle].uid < uid)
            low = middle + 1;
        else
            high = middle;
    }
    return low < capture->count && capture->items[low].uid == uid ? &capture->items[low] : NULL;
}

static int compare_items(const void *a, const void *b)
{
    const struct item *x = a, *y = b;

    return x->uid < y->uid ? -1 : x->uid > y->uid;
}

/* Sorts what the list gave, a UID that came twice once. */
static void sort_items(struct capture *capture)
{
    size_t kept = 0;

    if (capture->count > 1)
        qsort(capture->items, capture->count, sizeof(*capture->items), compare_items);
    for (size_t i = 0; i < capture->count; i++)
        if (kept == 0 || capture->items[kept - 1].uid != capture->items[i].uid)
            capture->items[kept++] = capture->items[i];
    capture->count = kept;
}

static void clear_items(struct capture *capture)
{
    for (size_t i = capture->emitted; i < capture->count; i++) {
        incoming_free(capture->items[i].incoming);
        free(capture->items[i].outcome.reason);
    }
    free(capture->items);
    capture->items = NULL;
    capture->count = capture->room = capture->emitted = capture->window = 0;
}

static struct incoming_facts facts_of(const struct capture *capture, const struct item *item)
{
    const struct folder *folder = capture->folder;

    return (struct incoming_facts){
        .account = *capture->account,
        .folder = folder->name,
        .role = folder->role,
        .ledger_folder = folder->ledger_id,
        .uidvalidity = folder->uidvalidity,
        .uid = item->uid,
        .internaldate = item->internaldate,
        .internaldate_zone = item->internaldate_zone,
        .old = folder->by_date,
    };
}

/* ---- telling the ledger, in the order of UIDs ---- */

static bool is_retry(const struct capture *capture, uint32_t uid)
{
    return uid <= capture->folder->seen_through;
}

/* UIDs first to last are not there. One by one only where some are proven and some are not. */
static void note_gap(struct capture *capture, uint32_t first, uint32_t last)
{
    struct folder *folder = capture->folder;

    capture->parts->count.vanished += (uint64_t)last - first + 1;
    for (size_t i = 0; i < folder->vanished.count && first <= last; i++) {
        const struct imap_uidrange *range = &folder->vanished.ranges[i];
        uint32_t to = range->last < last ? range->last : last;

        if (range->last < first || range->first > last)
            continue;
        if (range->first > first)
            ledger_note(capture->parts->ledger, folder->ledger_id, first, range->first - 1,
                        UID_VANISHED_INFERRED, NULL);
        ledger_note(capture->parts->ledger, folder->ledger_id,
                    range->first > first ? range->first : first, to, UID_VANISHED, NULL);
        if (to == UINT32_MAX)
            return;
        first = to + 1;
    }
    if (first <= last)
        ledger_note(capture->parts->ledger, folder->ledger_id, first, last, UID_VANISHED_INFERRED,
                    NULL);
}

static void count_outcome(struct parts *parts, enum uid_state state)
{
    parts->count.seen++;
    if (state == UID_NOT_WANTED)
        parts->count.not_wanted++;
    else if (state == UID_EXEMPT)
        parts->count.exempt++;
    else if (state == UID_UNFETCHED)
        parts->count.unfetched++;
    else if (state == UID_FAILED)
        parts->count.failed++;
}

static void emit(struct capture *capture, struct item *item)
{
    struct folder *folder = capture->folder;
    struct incoming_facts facts = facts_of(capture, item);

    if (!is_retry(capture, item->uid)) {
        if (item->uid > folder->seen_through + 1)
            note_gap(capture, folder->seen_through + 1, item->uid - 1);
        folder->seen_through = item->uid;
    }
    if (item->incoming != NULL) {
        capture->parts->count.seen++;
        incoming_store(item->incoming, &facts);
        item->incoming = NULL;
        pause_if_full(capture);
        return;
    }
    count_outcome(capture->parts, item->outcome.state);
    if (item->outcome.state == UID_UNFETCHED)
        imap_uidset_add(&folder->retry, item->uid, item->uid);
    if (item->outcome.state == UID_UNFETCHED || item->outcome.state == UID_FAILED)
        log_event(LOG_LEVEL_WARNING, "not-fetched", "account", (*capture->account)->name, "folder",
                  folder->name, "uid", log_number(item->uid), "state",
                  uid_state_text(item->outcome.state), "reason", item->outcome.reason,
                  (char *)NULL);
    ledger_note(capture->parts->ledger, folder->ledger_id, item->uid, item->uid,
                item->outcome.state, item->outcome.reason);
    free(item->outcome.reason);
    item->outcome.reason = NULL;
}

static void emit_decided(struct capture *capture)
{
    while (capture->emitted < capture->count && capture->items[capture->emitted].decided)
        emit(capture, &capture->items[capture->emitted++]);
}

static void settle(struct item *item, enum uid_state state, const char *reason)
{
    item->decided = true;
    item->wants_body = false;
    free(item->outcome.reason);
    item->outcome =
        (struct outcome){.state = state, .reason = reason != NULL ? xstrdup(reason) : NULL};
}

/* ---- bodies and headers as they arrive ---- */

bool capture_body_begin(struct capture *capture, const struct imap_body *body)
{
    capture->incoming_header = strncasecmp(body->section, "HEADER", 6) == 0;
    capture->incoming_uid = body->uid;
    if (capture->step == STEP_IDLE)
        return false;
    if (capture->incoming_header) {
        capture->header_len = 0;
        return true;
    }
    if (*body->section != '\0')
        return false;
    incoming_free(capture->incoming);
    capture->incoming = incoming_new(capture->parts, *capture->account, capture->folder->name,
                                     capture->folder->role);
    return true;
}

void capture_body_data(struct capture *capture, const unsigned char *data, size_t len)
{
    if (!capture->incoming_header) {
        incoming_write(capture->incoming, data, len);
        pause_if_full(capture);
        return;
    }
    if (len > HEADER_MAX - capture->header_len)
        len = HEADER_MAX - capture->header_len;
    if (capture->header_len + len > capture->header_room) {
        size_t room = capture->header_room > 0 ? capture->header_room : 4096;
        while (room < capture->header_len + len)
            room *= 2;
        capture->header_text = xrealloc(capture->header_text, room);
        capture->header_room = room;
    }
    memcpy(capture->header_text + capture->header_len, data, len);
    capture->header_len += len;
}

void capture_body_end(struct capture *capture, bool complete)
{
    if (complete)
        return;
    incoming_free(capture->incoming);
    capture->incoming = NULL;
}

static void take_header(struct capture *capture, struct item *item, const struct imap_fetch *fetch)
{
    struct incoming_facts facts = facts_of(capture, item);
    struct outcome outcome;
    enum verdict verdict = header_decide(
        capture->parts, &facts, capture->header_text != NULL ? capture->header_text : "",
        capture->header_len, fetch->has_size ? fetch->size : capture->header_len, &outcome);

    if (verdict != VERDICT_NO) {
        free(outcome.reason);
        item->wants_body = true;
        return;
    }
    item->decided = true;
    item->outcome = outcome;
}

static void take_body(struct capture *capture, struct item *item)
{
    struct incoming_facts facts = facts_of(capture, item);

    if (incoming_size(capture->incoming) == 0) {
        /* iCloud and others answer OK with an empty body for a message they do not have at hand. */
        incoming_free(capture->incoming);
        capture->incoming = NULL;
        return;
    }
    item->outcome = incoming_decide(capture->incoming, &facts);
    item->decided = item->outcome.state != UID_UNFETCHED;
    item->wants_body = false;
    if (item->outcome.wanted)
        item->incoming = capture->incoming;
    else
        incoming_free(capture->incoming);
    capture->incoming = NULL;
}

/* ---- the list ---- */

static bool has_flag(const struct imap_fetch *fetch, const char *flag)
{
    for (size_t i = 0; i < fetch->n_flags; i++)
        if (strcasecmp(fetch->flags[i], flag) == 0)
            return true;
    return false;
}

static void take_listed(struct capture *capture, const struct imap_fetch *fetch)
{
    struct folder *folder = capture->folder;
    struct item *item;

    if (fetch->uid == 0 || (fetch->uid <= folder->seen_through &&
                            !imap_uidset_contains(&capture->retrying, fetch->uid)))
        return;
    if (capture->count == capture->room) {
        capture->room = capture->room > 0 ? 2 * capture->room : 16;
        capture->items = xreallocarray(capture->items, capture->room, sizeof(*capture->items));
    }
    item = &capture->items[capture->count++];
    *item = (struct item){
        .uid = fetch->uid,
        .internaldate = fetch->has_internaldate ? fetch->internaldate : time(NULL),
        .internaldate_zone = fetch->internaldate_zone,
        .draft = has_flag(fetch, "\\Draft") && folder->role != FOLDER_SENT,
    };
}

void capture_untagged(struct capture *capture, const struct imap_untagged *untagged)
{
    const struct imap_fetch *fetch = &untagged->fetch;
    struct item *item;

    if (untagged->kind != IMAP_UNTAGGED_FETCH || capture->step == STEP_IDLE)
        return;
    if (fetch->modseq > capture->folder->modseq)
        capture->folder->modseq = fetch->modseq;
    if (capture->step == STEP_LIST) {
        if (fetch->has_flags)
            take_listed(capture, fetch);
        return;
    }
    item = fetch->uid != 0 ? find_item(capture, fetch->uid) : NULL;
    if (capture->step == STEP_MISSING) {
        if (item != NULL && !item->decided)
            item->gone = false;
        return;
    }
    if (item == NULL || item->decided || !fetch->has_body || fetch->body_is_nil) {
        incoming_free(capture->incoming);
        capture->incoming = NULL;
        return;
    }
    if (capture->incoming_header)
        take_header(capture, item, fetch);
    else if (capture->incoming != NULL)
        take_body(capture, item);
    emit_decided(capture);
}

/* ---- the steps ---- */

static void next_window(struct capture *capture);
static void check_missing(struct capture *capture);
static void fetch_single(struct capture *capture);

static void end(struct capture *capture)
{
    capture_done *done = capture->done;
    void *arg = capture->arg;

    capture_abandon(capture);
    done(arg);
}

/* Whether the reply lets the capture go on: not when the session is gone. */
static bool goes_on(struct capture *capture, const struct imap_result *result)
{
    capture->commands--;
    if (capture->step == STEP_IDLE)
        return false;
    if (result->kind != IMAP_RESULT_LOST && result->kind != IMAP_RESULT_UNSENT)
        return true;
    capture_abandon(capture);
    return false;
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

    capture->step = step;
    window_set(capture, which, &set);
    capture->commands++;
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

/* What needs no octet of the message to be decided. */
static void decide_listed(struct capture *capture, struct item *item)
{
    const struct folder *folder = capture->folder;

    if (folder->by_date && item->internaldate < folder->baseline_at)
        settle(item, UID_BEFORE_BASELINE, "older than the first sight of the account");
    else if (item->draft)
        settle(item, UID_DRAFT, NULL);
    else if (capture->depth == DEPTH_NOTHING)
        settle(item, UID_NOT_WANTED, NULL);
}

static enum depth depth_for(const struct capture *capture)
{
    const struct account *account = *capture->account;
    struct owner owner = {.account = account->name,
                          .address = account->address,
                          .aliases = (const char *const *)account->aliases,
                          .monitor = account->monitor};

    switch (decide_before_fetch(capture->parts->config->rules, &owner, capture->folder->role)) {
    case VERDICT_NO:
        return DEPTH_NOTHING;
    case VERDICT_YES:
        return DEPTH_ALL;
    default:
        return DEPTH_HEADER;
    }
}

static void next_window(struct capture *capture)
{
    size_t open = 0;

    emit_decided(capture);
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
        fetch_window(capture, STEP_BODIES, is_open, "(UID BODY.PEEK[])", on_bodies);
    else
        fetch_window(capture, STEP_HEADERS, is_open, "(UID RFC822.SIZE BODY.PEEK[HEADER])",
                     on_headers);
}

/* What was to be tried again and is no longer listed. */
static void note_retries_gone(struct capture *capture)
{
    for (size_t i = 0; i < capture->retrying.count; i++) {
        const struct imap_uidrange *range = &capture->retrying.ranges[i];

        for (uint64_t uid = range->first; uid <= range->last; uid++)
            if (find_item(capture, (uint32_t)uid) == NULL)
                note_gap(capture, (uint32_t)uid, (uint32_t)uid);
    }
}

static void on_listed(void *arg, const struct imap_result *result)
{
    struct capture *capture = arg;

    if (!goes_on(capture, result))
        return;
    if (result->kind != IMAP_RESULT_OK && capture->count == 0) {
        log_event(LOG_LEVEL_WARNING, "not-listed", "account", (*capture->account)->name, "folder",
                  capture->folder->name, "reason", result->reason, (char *)NULL);
        end(capture);
        return;
    }
    sort_items(capture);
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
            settle(item,
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
            xasprintf("the server lists it but does not give it: %s",
                      result->kind == IMAP_RESULT_OK ? "OK without the message" : result->reason);
        settle(item, capture->folder->retries >= LIMIT_UNFETCHED_TRIES ? UID_FAILED : UID_UNFETCHED,
               reason);
        free(reason);
    }
    fetch_single(capture);
}

/* Asks once more for the first message that did not come, by itself. */
static void fetch_single(struct capture *capture)
{
    struct item *item;
    struct imap_uidset set = {0};

    emit_decided(capture);
    item = first_open(capture);
    if (item == NULL) {
        next_window(capture);
        return;
    }
    capture->single = item;
    capture->step = STEP_SINGLE;
    imap_uidset_add(&set, item->uid, item->uid);
    capture->commands++;
    imap_uid_fetch(capture->session, &set, "(UID BODY.PEEK[])", on_single, capture);
    imap_uidset_clear(&set);
}

/* ---- start and end ---- */

static void add_ranges(struct imap_uidset *set, const struct imap_uidset *more)
{
    for (size_t i = 0; i < more->count; i++)
        imap_uidset_add(set, more->ranges[i].first, more->ranges[i].last);
}

struct capture *capture_new(struct parts *parts)
{
    struct capture *capture = xcalloc(1, sizeof(*capture));

    capture->parts = parts;
    return capture;
}

void capture_start(struct capture *capture, struct imap_session *session,
                   const struct account *const *account, struct folder *folder, bool retry,
                   capture_done *done, void *arg)
{
    struct imap_uidset set = {0};

    capture->session = session;
    capture->account = account;
    capture->folder = folder;
    capture->done = done;
    capture->arg = arg;
    capture->depth = depth_for(capture);
    capture->step = STEP_LIST;
    imap_uidset_normalise(&folder->vanished);
    if (retry) {
        capture->retrying = folder->retry;
        folder->retry = (struct imap_uidset){0};
        imap_uidset_normalise(&capture->retrying);
        add_ranges(&set, &capture->retrying);
    }
    if (folder->seen_through < UINT32_MAX)
        imap_uidset_add(&set, folder->seen_through + 1, UINT32_MAX);
    capture->commands++;
    imap_uid_fetch(session, &set, "(UID FLAGS INTERNALDATE)", on_listed, capture);
    imap_uidset_clear(&set);
}

bool capture_runs(const struct capture *capture)
{
    return capture->step != STEP_IDLE;
}

void capture_abandon(struct capture *capture)
{
    clear_items(capture);
    imap_uidset_clear(&capture->retrying);
    incoming_free(capture->incoming);
    capture->incoming = NULL;
    if (capture->paused) {
        LIST_REMOVE(capture, waiting);
        capture->paused = false;
        imap_session_resume(capture->session);
    }
    capture->step = STEP_IDLE;
    capture->folder = NULL;
}

void capture_free(struct capture *capture)
{
    if (capture == NULL)
        return;
    if (capture->paused)
        LIST_REMOVE(capture, waiting);
    capture->paused = false;
    capture_abandon(capture);
    free(capture->header_text);
    free(capture);
}
