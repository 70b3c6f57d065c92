#include "agent/deliver/batch.h"

#include <stdlib.h>
#include <string.h>

#include "agent/deliver/batch_private.h"
#include "agent/system/fault.h"
#include "rules/util/memory.h"

/* ---- copies and intent ---- */

static void on_intent(void *arg)
{
    struct batch *batch = arg;

    batch->intending = NULL;
    batch_set_state(batch, READY);
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
    batch_set_state(batch, INTENDING);
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

    if (batch->state == APPENDING) {
        batch_simplified(batch, why);
        return;
    }
    if (why == NULL && !is_too_big(batch, outgoing)) {
        batch->n_ready++;
    } else {
        if (why == NULL)
            batch_refuse(batch, outgoing_copy(outgoing), "larger than the server's APPENDLIMIT", 0,
                         true);
        else
            batch_unreadable(batch, outgoing);
        drop_outgoing(batch, outgoing);
    }
    if (batch->n_ready < batch->n_outgoing)
        return;
    if (batch->n_outgoing == 0)
        batch_finish(batch);
    else
        commit_intent(batch);
}

/* ---- life ---- */

struct batch *batch_new(struct batch_place *place, struct ledger_copy *copies, size_t n,
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
    STAILQ_INIT(&batch->waiting);
    STAILQ_INIT(&batch->sent);
    for (size_t i = 0; i < n; i++)
        batch->outgoing[i] =
            outgoing_new(place->context, &copies[i], place->target->form, on_made, batch);
    return batch;
}

void batch_lost(struct batch *batch)
{
    if (batch->state == APPENDING)
        batch_send_lost(batch);
    batch_put_off(batch, "the connection was lost before it was sent");
}

void batch_put_off(struct batch *batch, const char *reason)
{
    if (batch->state == INTENDING || batch->state == READY)
        batch_put_back(batch, 0, batch->n_outgoing, reason, time(NULL));
    ledger_cancel(batch->intending);
    batch->intending = NULL;
    batch_set_state(batch, OVER);
}

void batch_free(struct batch *batch)
{
    if (batch == NULL)
        return;
    ledger_cancel(batch->intending);
    batch_send_clear(batch);
    for (size_t i = 0; i < batch->n_outgoing; i++)
        outgoing_free(batch->outgoing[i]);
    ledger_copies_free(batch->copies, batch->n_copies);
    find_copies_free(batch->search);
    free(batch->outgoing);
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
