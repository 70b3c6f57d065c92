#include "agent/deliver/batch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/deliver/outgoing.h"
#include "agent/system/fault.h"
#include "agent/system/limit.h"
#include "agent/system/log.h"
#include "agent/util/backoff.h"
#include "rules/util/memory.h"

/*
 *   state        waits for                                  may be followed by
 *   MAKING       the spool: the copies                      INTENDING, OVER (none can be made)
 *   INTENDING    the commit of the intent                   READY, OVER (session lost)
 *   READY        batch_send()                               APPENDING, OVER (session lost)
 *   APPENDING    the replies to APPEND                      IDENTIFYING, OVER
 *   IDENTIFYING  the search for the UIDs of the copies      OVER
 *   OVER         batch_free()
 */
enum batch_state { MAKING, INTENDING, READY, APPENDING, IDENTIFYING, OVER };

/* One APPEND command. */
struct sending {
    struct batch *batch;
    size_t first, count; /* of outgoing[] */
    bool unidentified;   /* stored, but the server returned no UIDs */
};

struct batch {
    const struct batch_place *place;
    struct batch_events events;
    void *arg;
    enum batch_state state;
    struct ledger_copy *copies;
    size_t n_copies;
    struct outgoing **outgoing;
    size_t n_outgoing, n_ready;
    struct ledger_request *intending; /* INTENDING */
    struct sending *sendings;
    size_t n_sendings, sendings_left;
    struct find_copies *search;
    struct batch_end end;
    char *trouble;
    bool broken; /* the session ended during APPEND */
};

static void set_state(struct batch *batch, enum batch_state state)
{
    assert(state == OVER || state == batch->state + 1);
    assert((batch->intending != NULL) == (state == INTENDING));
    batch->state = state;
}

/* The last thing that a function does: the callee frees the batch. */
static void finish(struct batch *batch)
{
    set_state(batch, OVER);
    batch->end.sent = batch->sendings != NULL;
    batch->end.trouble = batch->trouble;
    batch->events.ended(batch->arg, &batch->end);
}

/* ---- refusals ---- */

/* Whether retrying cannot help. */
static bool is_final(const struct imap_result *result)
{
    return result->kind == IMAP_RESULT_BAD || result->kind == IMAP_RESULT_INVALID ||
           (result->text != NULL && result->text->code == IMAP_CODE_TOOBIG);
}

void batch_refuse(const struct batch_place *place, const struct ledger_copy *copy,
                  const char *reason, bool final)
{
    struct backoff backoff = {.first = 30, .last = 6 * 3600, .tries = copy->attempts};
    time_t retry_at = time(NULL) + backoff_next(&backoff).tv_sec;

    final = final || copy->attempts + 1 >= LIMIT_REFUSALS;
    log_event(LOG_LEVEL_WARNING, "refused", "target", place->target->name, "id", copy->monitor_id,
              "final", final ? "yes" : "no", "reason", reason, (char *)NULL);
    place->context->count.refused += final;
    ledger_not_delivered(place->context->ledger, copy->id, reason, final ? 0 : retry_at, NULL,
                         NULL);
}

static void refuse(struct batch *batch, const struct ledger_copy *copy, const char *reason,
                   bool final)
{
    free(batch->trouble);
    batch->trouble = xstrdup(reason);
    batch_refuse(batch->place, copy, reason, final);
}

/* Certainly not stored, and not because of the copy: due again at once. */
static void put_back(struct batch *batch, size_t first, size_t count, const char *reason)
{
    for (size_t i = first; i < first + count; i++)
        ledger_not_delivered(batch->place->context->ledger, outgoing_copy(batch->outgoing[i])->id,
                             reason, time(NULL), NULL, NULL);
}

/* ---- results ---- */

static void log_delivered(const struct batch *batch, const struct ledger_copy *copy, uint32_t uid)
{
    log_event(LOG_LEVEL_INFO, "delivered", "target", batch->place->target->name, "id",
              copy->monitor_id, "account", copy->account, "folder", copy->folder, "uid",
              log_number(copy->uid), "target-uid", log_number(uid), (char *)NULL);
}

/* The server stored these copies, and returned their UIDs or did not. */
static void record_stored(struct batch *batch, const struct sending *sending,
                          const struct imap_text *text)
{
    struct target_folder *folder = batch->place->folder;
    struct ledger_delivery *deliveries = xcalloc(sending->count, sizeof(*deliveries));
    bool has_uids = text != NULL && imap_uidset_size(&text->uids) == sending->count;

    for (size_t i = 0; i < sending->count; i++) {
        const struct ledger_copy *copy = outgoing_copy(batch->outgoing[sending->first + i]);
        uint32_t uid = has_uids ? imap_uidset_nth(&text->uids, i) : 0;

        if (!has_uids && batch->search != NULL)
            uid = find_copies_uid(batch->search, copy->monitor_id);
        deliveries[i] = (struct ledger_delivery){
            .copy = copy->id,
            .uidvalidity = has_uids ? text->uidvalidity : target_folder_uidvalidity(folder),
            .uid = uid,
        };
        target_folder_advance(folder, uid);
        histogram_add_since(&batch->place->context->delivery_latency, copy->captured);
        log_delivered(batch, copy, uid);
    }
    batch->place->context->count.delivered += sending->count;
    ledger_delivered(batch->place->context->ledger, deliveries, sending->count, NULL, NULL);
    free(deliveries);
}

static void on_identified(void *arg, const char *why)
{
    struct batch *batch = arg;

    (void)why; /* the server replied OK: they are delivered even if the UIDs are unknown */
    for (size_t i = 0; i < batch->n_sendings; i++)
        if (batch->sendings[i].unidentified)
            record_stored(batch, &batch->sendings[i], NULL);
    finish(batch);
}

/* All commands of the batch have their reply. */
static void after_sendings(struct batch *batch)
{
    bool unidentified = false;

    if (batch->broken)
        return; /* batch_lost() comes next */
    for (size_t i = 0; i < batch->n_sendings; i++)
        unidentified = unidentified || batch->sendings[i].unidentified;
    if (!unidentified) {
        finish(batch);
        return;
    }
    set_state(batch, IDENTIFYING);
    batch->search = find_copies_new(
        batch->place->session, target_folder_uidnext(batch->place->folder), on_identified, batch);
}

static void handle_refusal(struct batch *batch, const struct sending *sending,
                           const struct imap_result *result)
{
    const struct ledger_copy *copy = outgoing_copy(batch->outgoing[sending->first]);
    bool missing = result->text != NULL && (result->text->code == IMAP_CODE_TRYCREATE ||
                                            result->text->code == IMAP_CODE_NONEXISTENT);

    if (missing)
        target_folder_forget(batch->place->folder);
    if (sending->count > 1) {
        batch->end.singles = sending->count;
        put_back(batch, sending->first, sending->count, result->reason);
    } else if (missing && copy->attempts == 0) {
        put_back(batch, sending->first, 1, result->reason);
    } else {
        refuse(batch, copy, result->reason, is_final(result));
    }
}

static void on_appended(void *arg, const struct imap_result *result)
{
    struct sending *sending = arg;
    struct batch *batch = sending->batch;

    switch (result->kind) {
    case IMAP_RESULT_OK:
        fault_point(FAULT_APPEND_ANSWERED);
        sending->unidentified = result->text == NULL || result->text->code != IMAP_CODE_APPENDUID;
        if (!sending->unidentified)
            record_stored(batch, sending, result->text);
        break;
    case IMAP_RESULT_LOST: /* the intent remains: the next session searches for them */
        batch->broken = true;
        break;
    case IMAP_RESULT_UNSENT:
        batch->broken = true;
        put_back(batch, sending->first, sending->count, result->reason);
        break;
    default:
        handle_refusal(batch, sending, result);
        break;
    }
    if (--batch->sendings_left == 0)
        after_sendings(batch);
}

/* ---- sending ---- */

/* One command if MULTIAPPEND is offered, else one for each copy. */
void batch_send(struct batch *batch)
{
    const struct batch_place *place = batch->place;
    bool together = imap_session_has(place->session, "MULTIAPPEND");
    const char *flags = target_folder_keyword(place->folder, "$MDNSent") ? "$MDNSent" : "";
    struct imap_append_message *messages = xcalloc(batch->n_outgoing, sizeof(*messages));

    set_state(batch, APPENDING);
    batch->n_sendings = together ? 1 : batch->n_outgoing;
    batch->sendings_left = batch->n_sendings;
    batch->sendings = xcalloc(batch->n_sendings, sizeof(*batch->sendings));
    for (size_t i = 0; i < batch->n_outgoing; i++) {
        outgoing_message(batch->outgoing[i], place->session, &messages[i]);
        messages[i].flags = flags;
    }
    for (size_t i = 0; i < batch->n_sendings; i++) {
        batch->sendings[i] =
            (struct sending){.batch = batch, .first = i, .count = together ? batch->n_outgoing : 1};
        imap_append(place->session, target_folder_name(place->folder), &messages[i],
                    batch->sendings[i].count, on_appended, &batch->sendings[i]);
    }
    free(messages);
}

/* ---- copies and intent ---- */

static void on_intent(void *arg)
{
    struct batch *batch = arg;

    batch->intending = NULL;
    set_state(batch, READY);
    batch->events.ready(batch->arg);
}

static void commit_intent(struct batch *batch)
{
    const struct batch_place *place = batch->place;
    struct ledger_intended *intended = xcalloc(batch->n_outgoing, sizeof(*intended));
    char *mailbox = config_mailbox(place->target->server, place->target->login);
    const struct ledger_destination destination = {
        .mailbox = mailbox,
        .folder = target_folder_name(place->folder),
        .uidvalidity = target_folder_uidvalidity(place->folder),
        .uidnext = target_folder_uidnext(place->folder),
    };

    fault_point(FAULT_DELIVER_CHOSEN);
    for (size_t i = 0; i < batch->n_outgoing; i++)
        intended[i] = outgoing_intended(batch->outgoing[i]);
    batch->intending = ledger_intent(place->context->ledger, intended, batch->n_outgoing,
                                     &destination, on_intent, batch);
    set_state(batch, INTENDING);
    free(mailbox);
    free(intended);
}

static void drop_outgoing(struct batch *batch, struct outgoing *outgoing)
{
    size_t i = 0;

    while (batch->outgoing[i] != outgoing)
        i++;
    memmove(&batch->outgoing[i], &batch->outgoing[i + 1],
            (batch->n_outgoing - i - 1) * sizeof(struct outgoing *));
    batch->n_outgoing--;
    outgoing_free(outgoing);
}

static bool is_too_big(const struct batch *batch, const struct outgoing *outgoing)
{
    uint64_t limit = imap_session_append_limit(batch->place->session);

    return limit > 0 && outgoing_size(outgoing) > limit;
}

static void on_made(void *arg, struct outgoing *outgoing, const char *why)
{
    struct batch *batch = arg;

    if (why == NULL && is_too_big(batch, outgoing))
        why = "larger than the server's APPENDLIMIT";
    if (why == NULL) {
        batch->n_ready++;
    } else {
        refuse(batch, outgoing_copy(outgoing), why, true);
        drop_outgoing(batch, outgoing);
    }
    if (batch->n_ready < batch->n_outgoing)
        return;
    if (batch->n_outgoing == 0)
        finish(batch);
    else
        commit_intent(batch);
}

/* ---- life ---- */

struct batch *batch_new(const struct batch_place *place, struct ledger_copy *copies, size_t n,
                        size_t n_copies, const struct batch_events *events, void *arg)
{
    struct batch *batch = xcalloc(1, sizeof(*batch));

    batch->place = place;
    batch->events = *events;
    batch->arg = arg;
    batch->copies = copies;
    batch->n_copies = n_copies;
    batch->n_outgoing = n;
    batch->outgoing = xcalloc(n, sizeof(struct outgoing *));
    for (size_t i = 0; i < n; i++)
        batch->outgoing[i] =
            outgoing_new(place->context, &copies[i], place->target->form, on_made, batch);
    return batch;
}

void batch_lost(struct batch *batch)
{
    if (batch->state == INTENDING || batch->state == READY)
        put_back(batch, 0, batch->n_outgoing, "the connection was lost before it was sent");
    ledger_cancel(batch->intending);
    batch->intending = NULL;
    set_state(batch, OVER);
}

void batch_free(struct batch *batch)
{
    if (batch == NULL)
        return;
    ledger_cancel(batch->intending);
    for (size_t i = 0; i < batch->n_outgoing; i++)
        outgoing_free(batch->outgoing[i]);
    ledger_copies_free(batch->copies, batch->n_copies);
    find_copies_free(batch->search);
    free(batch->outgoing);
    free(batch->sendings);
    free(batch->trouble);
    free(batch);
}

size_t batch_count(const struct batch *batch)
{
    return batch->n_outgoing;
}

int64_t batch_copy(const struct batch *batch, size_t i)
{
    return outgoing_copy(batch->outgoing[i])->id;
}

bool batch_is_ready(const struct batch *batch)
{
    return batch->state == READY;
}

struct find_copies *batch_search(const struct batch *batch)
{
    return batch->search;
}
