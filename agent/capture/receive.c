#include "agent/capture/private.h"

#include <stdlib.h>
#include <string.h>

#include "agent/system/limit.h"
#include "rules/util/memory.h"

/* ---- bodies and headers as they arrive ---- */

bool capture_body_begin(struct capture *capture, const struct imap_body *body)
{
    capture->is_header = strncasecmp(body->section, "HEADER", 6) == 0;
    if (capture->step == STEP_IDLE)
        return false;
    if (capture->is_header) {
        capture->header_len = 0;
        return true;
    }
    if (*body->section != '\0')
        return false;
    captured_message_free(capture->arriving);
    capture->arriving = captured_message_new(capture->context, *capture->account,
                                             capture->folder->name, capture->folder->role);
    return true;
}

void capture_body_data(struct capture *capture, const unsigned char *data, size_t len)
{
    if (!capture->is_header) {
        captured_message_write(capture->arriving, data, len);
        spool_room_pause_if_full(capture->context->spool_room, &capture->waiter, capture->session);
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
    captured_message_free(capture->arriving);
    capture->arriving = NULL;
}

static void handle_header(struct capture *capture, struct item *item,
                          const struct imap_fetch *fetch)
{
    const char *text = capture->header_text != NULL ? capture->header_text : "";
    struct message_facts facts;
    struct outcome outcome;
    enum match_result result;

    capture_triage(capture, item, text, capture->header_len);
    if (item->decided)
        return;
    facts = capture_facts(capture, item);
    result = header_decide(capture->context, &facts, text, capture->header_len,
                           fetch->has_size ? fetch->size : capture->header_len, &outcome);
    if (result != MATCH_NO) {
        outcome_clear(&outcome);
        item->wants_body = true;
        return;
    }
    item->decided = true;
    item->outcome = outcome;
}

static void handle_body(struct capture *capture, struct item *item)
{
    struct message_facts facts;
    const char *header;
    size_t header_len;

    if (captured_message_size(capture->arriving) == 0) {
        /* iCloud and others reply OK with an empty body for a message they do not have at hand. */
        captured_message_free(capture->arriving);
        capture->arriving = NULL;
        return;
    }
    header = captured_message_header(capture->arriving, &header_len);
    capture_triage(capture, item, header, header_len);
    if (item->decided) {
        captured_message_free(capture->arriving);
        capture->arriving = NULL;
        return;
    }
    facts = capture_facts(capture, item);
    item->outcome = captured_message_decide(capture->arriving, &facts);
    item->decided = item->outcome.state != UID_UNFETCHED;
    item->wants_body = false;
    if (item->outcome.wanted)
        item->message = capture->arriving;
    else
        captured_message_free(capture->arriving);
    capture->arriving = NULL;
}

/* ---- the list ---- */

static bool has_flag(const struct imap_fetch *fetch, const char *flag)
{
    for (size_t i = 0; i < fetch->n_flags; i++)
        if (strcasecmp(fetch->flags[i], flag) == 0)
            return true;
    return false;
}

/* imap_uidset_contains() for a set in order, which may be big and is asked for each message. */
static bool holds(const struct imap_uidset *set, uint32_t uid)
{
    size_t low = 0, high = set->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (set->ranges[middle].last < uid)
            low = middle + 1;
        else
            high = middle;
    }
    return low < set->count && set->ranges[low].first <= uid;
}

/* New, or asked for again: unfetched before, or a draft that is none any more. */
static bool is_due(struct capture *capture, uint32_t uid, bool is_draft)
{
    if (uid == 0)
        return false;
    if (uid > capture->folder->seen_through || holds(&capture->retrying, uid))
        return true;
    if (!holds(&capture->rechecking, uid))
        return false;
    if (is_draft && !imap_uidset_add(&capture->still_drafts, uid, uid))
        capture->drafts_unclear = true;
    return !is_draft;
}

static void add_listed(struct capture *capture, const struct imap_fetch *fetch)
{
    bool is_draft = has_flag(fetch, "\\Draft");
    struct item *item;

    if (!is_due(capture, fetch->uid, is_draft))
        return;
    if (capture->count == LIMIT_LISTED) {
        if (capture->cut == 0 || fetch->uid < capture->cut)
            capture->cut = fetch->uid;
        return;
    }
    if (capture->count == capture->room) {
        capture->room = capture->room > 0 ? 2 * capture->room : 16;
        capture->items = xreallocarray(capture->items, capture->room, sizeof(*capture->items));
    }
    item = &capture->items[capture->count++];
    *item = (struct item){
        .uid = fetch->uid,
        .date_unknown = !fetch->has_internaldate || fetch->internaldate <= 0,
        .internaldate_zone = fetch->internaldate_zone,
    };
    item->internaldate = item->date_unknown ? time(NULL) : fetch->internaldate;
    capture_suspect(capture, item, is_draft);
}

void capture_untagged(struct capture *capture, const struct imap_untagged *untagged)
{
    const struct imap_fetch *fetch = &untagged->fetch;
    struct item *item;

    if (untagged->kind != IMAP_UNTAGGED_FETCH || capture->step == STEP_IDLE)
        return;
    if (capture->step == STEP_LIST) {
        if (fetch->has_flags)
            add_listed(capture, fetch);
        return;
    }
    item = fetch->uid != 0 ? capture_find(capture, fetch->uid) : NULL;
    if (capture->step == STEP_MISSING) {
        if (item != NULL && !item->decided)
            item->gone = false;
        return;
    }
    if (item == NULL || item->decided || !fetch->has_body || fetch->body_is_nil) {
        captured_message_free(capture->arriving);
        capture->arriving = NULL;
        return;
    }
    if (capture->is_header)
        handle_header(capture, item, fetch);
    else if (capture->arriving != NULL)
        handle_body(capture, item);
    capture_emit(capture);
}
