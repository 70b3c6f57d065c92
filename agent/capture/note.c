#include "agent/capture/private.h"

#include <assert.h>
#include <stdlib.h>

#include "agent/system/log.h"
#include "rules/util/memory.h"

/* ---- items ---- */

struct item *capture_find(struct capture *capture, uint32_t uid)
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

void capture_clear_items(struct capture *capture)
{
    for (size_t i = capture->emitted; i < capture->count; i++) {
        captured_message_free(capture->items[i].message);
        outcome_clear(&capture->items[i].outcome);
    }
    free(capture->items);
    capture->items = NULL;
    capture->count = capture->room = capture->emitted = capture->window = 0;
}

struct message_facts capture_facts(const struct capture *capture, const struct item *item)
{
    const struct folder *folder = capture->folder;

    return (struct message_facts){
        .account = *capture->account,
        .folder = folder->name,
        .role = folder->role,
        .ledger_folder = folder->ledger_id,
        .uidvalidity = folder->uidvalidity,
        .uid = item->uid,
        .internaldate = item->internaldate,
        .internaldate_zone = item->internaldate_zone,
        .date_unknown = item->date_unknown,
        .seen = time(NULL),
        .seen_after = folder->looked_at,
        .old = item->uid <= folder->look_through,
    };
}

/* ---- recording, in the order of UIDs ---- */

static bool is_retry(const struct capture *capture, uint32_t uid)
{
    return uid <= capture->folder->seen_through;
}

/* UIDs first to last do not exist. In several ranges where some are proven and some are not. */
void capture_note_gap(struct capture *capture, uint32_t first, uint32_t last)
{
    struct folder *folder = capture->folder;

    assert(first <= last);
    capture->context->count.vanished += (uint64_t)last - first + 1;
    for (size_t i = 0; i < folder->vanished.count && first <= last; i++) {
        const struct imap_uidrange *range = &folder->vanished.ranges[i];
        uint32_t to = range->last < last ? range->last : last;

        if (range->last < first || range->first > last)
            continue;
        if (range->first > first)
            ledger_note(capture->context->ledger, folder->ledger_id, first, range->first - 1,
                        UID_VANISHED_INFERRED, NULL);
        ledger_note(capture->context->ledger, folder->ledger_id,
                    range->first > first ? range->first : first, to, UID_VANISHED, NULL);
        if (to == UINT32_MAX)
            return;
        first = to + 1;
    }
    if (first <= last)
        ledger_note(capture->context->ledger, folder->ledger_id, first, last, UID_VANISHED_INFERRED,
                    NULL);
}

/* ---- drafts ---- */

/* Not listed any more, and no draft that became mail. Beyond the cut nothing is known. */
static bool is_gone(struct capture *capture, uint32_t uid)
{
    return (capture->cut == 0 || uid < capture->cut) && capture_find(capture, uid) == NULL;
}

/* UIDs first to last were drafts and have the flag no more. */
static void note_lost(struct capture *capture, uint32_t first, uint32_t last)
{
    struct imap_uidset *drafts = &capture->folder->drafts;
    uint64_t uid = first;

    while (uid <= last) {
        uint64_t next = uid;

        while (next <= last && is_gone(capture, (uint32_t)next))
            next++;
        if (next > uid)
            capture_note_gap(capture, (uint32_t)uid, (uint32_t)(next - 1));
        if (next <= last && capture->cut != 0 && next >= capture->cut)
            imap_uidset_add(drafts, (uint32_t)next, (uint32_t)next);
        uid = next + 1;
    }
}

void capture_note_drafts(struct capture *capture)
{
    struct imap_uidset *still = &capture->still_drafts;
    size_t k = 0;

    if (capture->rechecking.count == 0)
        return;
    imap_uidset_clear(&capture->folder->drafts);
    if (!capture->listed || capture->drafts_unclear) {
        capture->folder->drafts = capture->rechecking;
        capture->rechecking = (struct imap_uidset){0};
        return;
    }
    imap_uidset_normalise(still);
    for (size_t i = 0; i < capture->rechecking.count; i++) {
        const struct imap_uidrange *range = &capture->rechecking.ranges[i];
        uint64_t from = range->first;

        for (; k < still->count && still->ranges[k].first <= range->last; k++) {
            if (still->ranges[k].first > from)
                note_lost(capture, (uint32_t)from, still->ranges[k].first - 1);
            from = (uint64_t)still->ranges[k].last + 1;
        }
        if (from <= range->last)
            note_lost(capture, (uint32_t)from, range->last);
    }
    for (size_t i = 0; i < still->count; i++)
        imap_uidset_add(&capture->folder->drafts, still->ranges[i].first, still->ranges[i].last);
    capture->folder->drafts_due = capture->cut != 0;
}

/* ---- outcomes ---- */

static void count_outcome(struct context *context, const struct outcome *outcome)
{
    enum uid_state state = outcome->state;

    context->count.seen++;
    if (outcome->exempt_by != NULL)
        rule_counts_add(&context->exempt_by, outcome->exempt_by, 1);
    if (state == UID_NOT_WANTED)
        context->count.not_wanted++;
    else if (state == UID_EXEMPT)
        context->count.exempt++;
    else if (state == UID_UNFETCHED)
        context->count.unfetched++;
    else if (state == UID_FAILED)
        context->count.failed++;
}

static void count_bits(uint64_t *counts, unsigned bits)
{
    for (; bits != 0; bits >>= 1, counts++)
        *counts += bits & 1;
}

static void count_undecided(struct context *context, const struct outcome *outcome)
{
    context->count.undecided_copied += outcome->copied != 0;
    context->count.undecided_skipped += outcome->skipped != 0;
    count_bits(context->count.undecided, outcome->copied | outcome->skipped);
}

static void emit(struct capture *capture, struct item *item)
{
    struct folder *folder = capture->folder;
    struct message_facts facts = capture_facts(capture, item);

    assert(item->decided);
    if (!is_retry(capture, item->uid)) {
        if (item->uid > folder->seen_through + 1)
            capture_note_gap(capture, folder->seen_through + 1, item->uid - 1);
        folder->seen_through = item->uid;
    }
    count_undecided(capture->context, &item->outcome);
    if (item->message != NULL) {
        count_bits(capture->context->count.warned, item->outcome.warnings);
        capture->context->count.seen++;
        captured_message_store(item->message, &facts);
        item->message = NULL;
        spool_room_pause_if_full(capture->context->spool_room, &capture->waiter, capture->session);
        return;
    }
    count_outcome(capture->context, &item->outcome);
    if (item->outcome.state == UID_UNFETCHED)
        imap_uidset_add(&folder->retry, item->uid, item->uid);
    if (item->outcome.state == UID_DRAFT)
        imap_uidset_add(&folder->drafts, item->uid, item->uid);
    if (item->outcome.state == UID_UNFETCHED || item->outcome.state == UID_FAILED)
        log_event(LOG_LEVEL_WARNING, "not-fetched", "account", (*capture->account)->name, "folder",
                  folder->name, "uid", log_number(item->uid), "state",
                  uid_state_text(item->outcome.state), "reason", item->outcome.reason,
                  (char *)NULL);
    ledger_note(capture->context->ledger, folder->ledger_id, item->uid, item->uid,
                item->outcome.state, item->outcome.reason);
    outcome_clear(&item->outcome);
}

void capture_emit(struct capture *capture)
{
    while (capture->emitted < capture->count && capture->items[capture->emitted].decided)
        emit(capture, &capture->items[capture->emitted++]);
}

void capture_settle(struct item *item, enum uid_state state, const char *reason)
{
    item->decided = true;
    item->wants_body = false;
    outcome_clear(&item->outcome);
    item->outcome =
        (struct outcome){.state = state, .reason = reason != NULL ? xstrdup(reason) : NULL};
}
