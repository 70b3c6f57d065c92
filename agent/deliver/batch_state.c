/* What becomes of a batch and of its copies that are not stored. */
#include <assert.h>
#include <stdlib.h>

#include "agent/deliver/batch_private.h"
#include "agent/system/limit.h"
#include "agent/system/log.h"
#include "agent/util/backoff.h"
#include "rules/util/memory.h"

void batch_set_state(struct batch *batch, enum batch_state state)
{
    assert(state == OVER || state == batch->state + 1);
    assert((batch->intending != NULL) == (state == INTENDING));
    batch->state = state;
}

void batch_finish(struct batch *batch)
{
    batch->end.sent = batch->state >= APPENDING;
    batch_set_state(batch, OVER);
    batch->end.trouble = batch->trouble;
    batch->events.ended(batch->arg, &batch->end);
}

/* ---- copies that are not stored ---- */

static void set_trouble(struct batch *batch, const char *reason)
{
    free(batch->trouble);
    batch->trouble = xstrdup(reason);
}

void batch_put_back(struct batch *batch, size_t first, size_t count, const char *reason,
                    time_t retry_at)
{
    for (size_t i = first; i < first + count; i++)
        ledger_not_delivered(batch->place->context->ledger, outgoing_copy(batch->outgoing[i])->id,
                             reason, retry_at, NULL, NULL);
}

static void log_refused(const struct batch *batch, const struct ledger_copy *copy,
                        const char *reason, time_t retry_at)
{
    log_event(LOG_LEVEL_WARNING, "refused", "target", batch->place->target->name, "id",
              copy->monitor_id, "final", retry_at == 0 ? "yes" : "no", "again-in",
              log_number(retry_at == 0 ? 0 : retry_at - time(NULL)), "reason", reason,
              (char *)NULL);
}

void batch_refuse(struct batch *batch, const struct ledger_copy *copy, const char *reason,
                  unsigned pause, bool final)
{
    struct backoff backoff = {
        .first = LIMIT_REFUSED_FIRST, .last = LIMIT_REFUSED_LAST, .tries = copy->attempts};
    time_t wait = backoff_next(&backoff).tv_sec;
    time_t retry_at = time(NULL) + (wait > (time_t)pause ? wait : (time_t)pause);

    retry_at = final ? 0 : retry_at;
    set_trouble(batch, reason);
    log_refused(batch, copy, reason, retry_at);
    batch->place->context->count.refused += final;
    ledger_refused(batch->place->context->ledger, copy->id, reason, retry_at, NULL, NULL);
}

void batch_unreadable(struct batch *batch, const struct outgoing *outgoing)
{
    const struct ledger_copy *copy = outgoing_copy(outgoing);
    const char *why = outgoing_trouble(outgoing);
    bool final = outgoing_is_damaged(outgoing);
    time_t retry_at = final ? 0 : time(NULL) + LIMIT_OUR_TROUBLE;

    set_trouble(batch, why);
    log_refused(batch, copy, why, retry_at);
    batch->place->context->count.refused += final;
    ledger_not_delivered(batch->place->context->ledger, copy->id, why, retry_at, NULL, NULL);
}
