/* A batch on its way: APPEND, the replies, what is done about refusals. */
#include <stdlib.h>
#include <string.h>

#include "agent/deliver/batch_private.h"
#include "agent/deliver/refusal.h"
#include "agent/system/fault.h"
#include "agent/system/limit.h"
#include "agent/system/log.h"
#include "rules/util/memory.h"

static void go_on(struct batch *batch);

/* ---- what is to be sent ---- */

/* Sent before all that waits already. */
static void add_first(struct batch *batch, size_t first, size_t count, bool simplest)
{
    struct sending *sending = xcalloc(1, sizeof(*sending));

    *sending =
        (struct sending){.batch = batch, .first = first, .count = count, .simplest = simplest};
    STAILQ_INSERT_HEAD(&batch->waiting, sending, entry);
}

static struct sending *take_first(struct batch *batch)
{
    struct sending *sending = STAILQ_FIRST(&batch->waiting);

    STAILQ_REMOVE_HEAD(&batch->waiting, entry);
    return sending;
}

static void put_back_waiting(struct batch *batch, const char *reason, time_t retry_at)
{
    while (!STAILQ_EMPTY(&batch->waiting)) {
        struct sending *sending = take_first(batch);

        batch_put_back(batch, sending->first, sending->count, reason, retry_at);
        free(sending);
    }
}

/* ---- stored ---- */

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
    uint32_t uidvalidity = target_folder_uidvalidity(folder);

    if (text != NULL && has_uids)
        uidvalidity = text->uidvalidity;

    for (size_t i = 0; i < sending->count; i++) {
        const struct ledger_copy *copy = outgoing_copy(batch->outgoing[sending->first + i]);
        uint32_t uid = text != NULL && has_uids ? imap_uidset_nth(&text->uids, i) : 0;

        if (!has_uids && batch->search != NULL)
            uid = find_copies_uid(batch->search, copy->monitor_id);
        deliveries[i] = (struct ledger_delivery){
            .copy = copy->id,
            .uidvalidity = uidvalidity,
            .uid = uid,
        };
        suspects_clear(&batch->place->suspects, copy->id);
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
    const struct sending *sending;

    batch->end.flooded = find_copies_is_flooded(batch->search);
    (void)why; /* the server replied OK: they are delivered even if the UIDs are unknown */
    STAILQ_FOREACH(sending, &batch->sent, entry)
        if (sending->unidentified)
            record_stored(batch, sending, NULL);
    batch_finish(batch);
}

/* All commands of the batch have their reply. */
static void after_sendings(struct batch *batch)
{
    const struct sending *sending;
    const char **ids;
    bool unidentified = false;

    STAILQ_FOREACH(sending, &batch->sent, entry)
        unidentified = unidentified || sending->unidentified;
    if (!unidentified) {
        batch_finish(batch);
        return;
    }
    batch_set_state(batch, IDENTIFYING);
    ids = xcalloc(batch->n_outgoing, sizeof(*ids));
    for (size_t i = 0; i < batch->n_outgoing; i++)
        ids[i] = outgoing_copy(batch->outgoing[i])->monitor_id;
    batch->search = find_copies_new(
        batch->place->session, target_folder_uidnext(batch->place->folder),
        target_folder_exists(batch->place->folder), ids, batch->n_outgoing, on_identified, batch);
    free(ids);
}

/* ---- refused ---- */

static void halve(struct batch *batch, const struct sending *sending)
{
    size_t half = sending->count / 2;

    add_first(batch, sending->first + half, sending->count - half, false);
    add_first(batch, sending->first, half, false);
}

/* The folder is made anew before the next batch. A server that says so again and again is asked
 * less and less often. */
static void refuse_for_folder(struct batch *batch, const struct sending *sending,
                              const char *reason)
{
    target_folder_forget(batch->place->folder);
    for (size_t i = sending->first; i < sending->first + sending->count; i++) {
        const struct ledger_copy *copy = outgoing_copy(batch->outgoing[i]);

        if (copy->attempts == 0)
            ledger_refused(batch->place->context->ledger, copy->id, reason, time(NULL), NULL, NULL);
        else
            batch_refuse(batch, copy, reason, 0, false);
    }
    put_back_waiting(batch, reason, time(NULL));
}

static void refuse_single(struct batch *batch, const struct sending *sending, const char *reason,
                          bool final)
{
    batch_refuse(batch, outgoing_copy(batch->outgoing[sending->first]), reason, batch->end.pause,
                 final);
    if (!final && ++batch->refused_in_row >= LIMIT_REFUSED_IN_ROW)
        put_back_waiting(batch, reason, time(NULL) + LIMIT_REFUSED_FIRST);
}

static struct refusal_form form_of(const struct batch *batch, const struct sending *sending)
{
    const struct outgoing *outgoing = batch->outgoing[sending->first];

    return (struct refusal_form){
        .simplest = sending->simplest,
        .differs =
            sending->count == 1 && (batch->flags[0] != '\0' || !outgoing_ends_line(outgoing)),
        .size = sending->count == 1 ? outgoing_size(outgoing) : 0,
        .append_limit = imap_session_append_limit(batch->place->session),
    };
}

static void on_noop(void *arg, const struct imap_result *result)
{
    struct sending *sending = arg;
    struct batch *batch = sending->batch;
    bool works = result->kind == IMAP_RESULT_OK;

    batch->broken =
        batch->broken || result->kind == IMAP_RESULT_LOST || result->kind == IMAP_RESULT_UNSENT;
    refuse_single(batch, sending,
                  works ? "the server does not understand APPEND of it, even in its simplest form"
                        : "the server does not understand its commands at present",
                  works);
    batch->in_flight--;
    go_on(batch);
}

/* A session in which nothing works any more proves nothing about the copy. */
static void check_session(struct batch *batch, struct sending *sending)
{
    batch->in_flight++;
    imap_noop(batch->place->session, on_noop, sending);
}

static void handle_refusal(struct batch *batch, struct sending *sending,
                           const struct imap_result *result)
{
    struct refusal_form form = form_of(batch, sending);
    unsigned pause;
    enum refusal refusal = refusal_of(result, &form, &pause);

    if (pause > batch->end.pause)
        batch->end.pause = pause;
    if (refusal == REFUSAL_FOLDER)
        refuse_for_folder(batch, sending, result->reason);
    else if (sending->count > 1 && pause == 0)
        halve(batch, sending);
    else if (sending->count > 1)
        batch_put_back(batch, sending->first, sending->count, result->reason, time(NULL) + pause);
    else if (refusal == REFUSAL_FORM)
        add_first(batch, sending->first, 1, true);
    else if (refusal == REFUSAL_SYNTAX)
        check_session(batch, sending);
    else
        refuse_single(batch, sending, result->reason, refusal == REFUSAL_FINAL);
    if (pause > 0)
        put_back_waiting(batch, result->reason, time(NULL) + pause);
}

/* The session ends: a literal cannot be completed, as the original cannot be read. */
static void handle_source_failure(struct batch *batch, const struct sending *sending,
                                  const char *reason)
{
    for (size_t i = sending->first; i < sending->first + sending->count; i++)
        if (outgoing_trouble(batch->outgoing[i]) != NULL)
            batch_unreadable(batch, batch->outgoing[i]);
        else
            batch_put_back(batch, i, 1, reason, time(NULL));
}

/* ---- replies ---- */

/* It was accepted without them only. */
static void forget_keywords(struct batch *batch)
{
    batch->flags = "";
    target_folder_forget_keywords(batch->place->folder);
}

static void on_appended(void *arg, const struct imap_result *result)
{
    struct sending *sending = arg;
    struct batch *batch = sending->batch;

    switch (result->kind) {
    case IMAP_RESULT_OK:
        fault_point(FAULT_APPEND_ANSWERED);
        batch->end.stored = true;
        batch->refused_in_row = 0;
        sending->unidentified = result->text == NULL || result->text->code != IMAP_CODE_APPENDUID;
        if (!sending->unidentified)
            record_stored(batch, sending, result->text);
        if (sending->simplest && !sending->line_added)
            forget_keywords(batch);
        break;
    case IMAP_RESULT_LOST: /* the intent remains: the next session searches for them */
        batch->broken = true;
        break;
    case IMAP_RESULT_UNSENT:
        batch->broken = true;
        batch_put_back(batch, sending->first, sending->count, result->reason, time(NULL));
        break;
    case IMAP_RESULT_INVALID:
        batch->broken = true;
        handle_source_failure(batch, sending, result->reason);
        break;
    default:
        handle_refusal(batch, sending, result);
        break;
    }
    batch->in_flight--;
    go_on(batch);
}

/* ---- sending ---- */

static void append(struct batch *batch, struct sending *sending)
{
    const struct batch_place *place = batch->place;
    struct imap_append_message *messages = xcalloc(sending->count, sizeof(*messages));

    for (size_t i = 0; i < sending->count; i++) {
        outgoing_message(batch->outgoing[sending->first + i], place->session, &messages[i]);
        messages[i].flags = sending->simplest ? "" : batch->flags;
        messages[i].synchronise = sending->simplest;
    }
    STAILQ_INSERT_TAIL(&batch->sent, sending, entry);
    batch->in_flight++;
    imap_append(place->session, target_folder_name(place->folder), messages, sending->count,
                on_appended, sending);
    free(messages);
}

/* ---- the simplest form ---- */

static struct sending *end_simplifying(struct batch *batch)
{
    struct sending *sending = batch->simplifying;

    batch->simplifying = NULL;
    batch->in_flight--;
    return sending;
}

static void on_simplest_intent(void *arg)
{
    struct batch *batch = arg;

    batch->simplest_intent = NULL;
    append(batch, end_simplifying(batch));
}

/* The digests have changed, so there is another intent. */
void batch_simplified(struct batch *batch, const char *why)
{
    const struct batch_place *place = batch->place;
    const struct outgoing *outgoing = batch->outgoing[batch->simplifying->first];
    struct ledger_intended intended;
    char *mailbox;

    if (why != NULL) {
        batch_unreadable(batch, outgoing);
        free(end_simplifying(batch));
        go_on(batch);
        return;
    }
    intended = outgoing_intended(outgoing);
    mailbox = config_mailbox(place->target->server, place->target->login);
    const struct ledger_destination destination = {
        .mailbox = mailbox,
        .folder = target_folder_name(place->folder),
        .uidvalidity = target_folder_uidvalidity(place->folder),
        .uidnext = target_folder_uidnext(place->folder),
    };
    batch->simplest_intent = ledger_intent(place->context->ledger, &intended, 1, &destination,
                                           on_simplest_intent, batch);
    free(mailbox);
}

static void send_simplest(struct batch *batch, struct sending *sending)
{
    struct outgoing *outgoing = batch->outgoing[sending->first];

    if (outgoing_ends_line(outgoing)) {
        append(batch, sending);
        return;
    }
    sending->line_added = true;
    batch->simplifying = sending;
    batch->in_flight++;
    outgoing_end_line(outgoing);
}

/* ---- one after the other ---- */

/* The next command; or all, where each has a copy of its own and none is a second attempt. */
static void send_next(struct batch *batch)
{
    bool together = imap_session_has(batch->place->session, "MULTIAPPEND");

    if (STAILQ_FIRST(&batch->waiting)->simplest) {
        send_simplest(batch, take_first(batch));
        return;
    }
    do {
        append(batch, take_first(batch));
    } while (!together && !STAILQ_EMPTY(&batch->waiting) &&
             !STAILQ_FIRST(&batch->waiting)->simplest);
}

static void go_on(struct batch *batch)
{
    if (batch->in_flight > 0 || batch->broken) /* batch_lost() comes next */
        return;
    if (STAILQ_EMPTY(&batch->waiting))
        after_sendings(batch);
    else
        send_next(batch);
}

/* One command if MULTIAPPEND is offered, else one for each copy. */
void batch_send(struct batch *batch)
{
    const struct batch_place *place = batch->place;

    batch_set_state(batch, APPENDING);
    batch->flags = target_folder_keyword(place->folder, "$MDNSent") ? "$MDNSent" : "";
    if (imap_session_has(place->session, "MULTIAPPEND"))
        add_first(batch, 0, batch->n_outgoing, false);
    else
        for (size_t i = batch->n_outgoing; i > 0; i--)
            add_first(batch, i - 1, 1, false);
    send_next(batch);
}

void batch_send_lost(struct batch *batch)
{
    static const char reason[] = "the connection was lost before it was sent";

    ledger_cancel(batch->simplest_intent);
    batch->simplest_intent = NULL;
    if (batch->simplifying != NULL) {
        struct sending *sending = end_simplifying(batch);

        batch_put_back(batch, sending->first, sending->count, reason, time(NULL));
        free(sending);
    }
    put_back_waiting(batch, reason, time(NULL));
}

void batch_send_clear(struct batch *batch)
{
    ledger_cancel(batch->simplest_intent);
    free(batch->simplifying);
    while (!STAILQ_EMPTY(&batch->waiting))
        free(take_first(batch));
    while (!STAILQ_EMPTY(&batch->sent)) {
        struct sending *sending = STAILQ_FIRST(&batch->sent);

        STAILQ_REMOVE_HEAD(&batch->sent, entry);
        free(sending);
    }
}
