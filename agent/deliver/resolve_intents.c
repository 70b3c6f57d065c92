#include "agent/deliver/resolve_intents.h"

#include <stdlib.h>
#include <string.h>

#include "agent/system/fault.h"
#include "agent/system/limit.h"
#include "agent/system/log.h"
#include "agent/util/backoff.h"
#include "rules/util/memory.h"

struct resolve_intents {
    const struct batch_place *place;
    struct ledger_copy *copies;
    size_t n;
    resolve_intents_done *done;
    void *arg;
    struct event *settle;
    struct find_copies *search;
};

/* Whether the copy's intent is for the folder that is searched. */
static bool is_searched(const struct resolve_intents *resolve, const struct ledger_copy *copy)
{
    const struct ledger_copy *first = &resolve->copies[0];

    return copy->intent && strcmp(copy->target_folder, first->target_folder) == 0 &&
           copy->target_uidvalidity == first->target_uidvalidity;
}

static void record_found(struct resolve_intents *resolve, const struct ledger_copy *copy,
                         uint32_t uid)
{
    struct context *context = resolve->place->context;
    struct ledger_delivery delivery = {
        .copy = copy->id,
        .uidvalidity = target_folder_uidvalidity(resolve->place->folder),
        .uid = uid,
    };

    context->count.delivered++;
    histogram_add_since(&context->delivery_latency, copy->captured);
    ledger_delivered(context->ledger, &delivery, 1, NULL, NULL);
    log_event(LOG_LEVEL_NOTICE, "found-in-target", "target", resolve->place->target->name, "id",
              copy->monitor_id, "target-uid", log_number(uid), (char *)NULL);
}

/* At once, but for one that connections are lost over. */
static time_t again_at(const struct resolve_intents *resolve, const struct ledger_copy *copy)
{
    unsigned cuts = suspects_cuts(&resolve->place->suspects, copy->id);
    struct backoff backoff = {
        .first = LIMIT_REFUSED_FIRST, .last = LIMIT_REFUSED_LAST, .tries = cuts - 1};

    return time(NULL) + (cuts > 0 ? backoff_next(&backoff).tv_sec : 0);
}

/* why_not NULL: nothing is known of those that were not found. */
static void record_all(struct resolve_intents *resolve, const char *why_not)
{
    for (size_t i = 0; i < resolve->n; i++) {
        const struct ledger_copy *copy = &resolve->copies[i];
        uint32_t uid;

        if (!is_searched(resolve, copy))
            continue;
        uid = resolve->search != NULL ? find_copies_uid(resolve->search, copy->monitor_id) : 0;
        if (uid != 0)
            record_found(resolve, copy, uid);
        else if (why_not != NULL)
            ledger_not_delivered(resolve->place->context->ledger, copy->id, why_not,
                                 again_at(resolve, copy), NULL, NULL);
    }
}

static void on_searched(void *arg, const char *why)
{
    struct resolve_intents *resolve = arg;

    fault_point(FAULT_RECOVERY_SEARCHED);
    record_all(resolve, why == NULL ? "not found in the target after a lost connection" : NULL);
    resolve->done(resolve->arg, why);
}

static void search_from(struct resolve_intents *resolve, uint32_t from)
{
    const char **ids = xcalloc(resolve->n, sizeof(*ids));
    size_t n = 0;

    for (size_t i = 0; i < resolve->n; i++)
        if (is_searched(resolve, &resolve->copies[i]))
            ids[n++] = resolve->copies[i].monitor_id;
    resolve->search =
        find_copies_new(resolve->place->session, from, target_folder_exists(resolve->place->folder),
                        ids, n, on_searched, resolve);
    free(ids);
}

static void on_selected(void *arg, const char *why)
{
    struct resolve_intents *resolve = arg;
    struct target_folder *folder = resolve->place->folder;
    const struct ledger_copy *first = &resolve->copies[0];
    uint32_t from = 1;

    if (why != NULL && target_folder_is_missing(folder)) {
        record_all(resolve, "its folder is missing in the target");
        resolve->done(resolve->arg, NULL);
        return;
    }
    if (why != NULL) {
        resolve->done(resolve->arg, why);
        return;
    }
    if (first->target_uidvalidity == target_folder_uidvalidity(folder))
        from = first->target_uidnext;
    search_from(resolve, from);
}

static void on_settled(evutil_socket_t fd, short what, void *arg)
{
    struct resolve_intents *resolve = arg;

    (void)fd;
    (void)what;
    target_folder_forget(resolve->place->folder);
    target_folder_select(resolve->place->folder, resolve->copies[0].target_folder, false,
                         on_selected, resolve);
}

struct resolve_intents *resolve_intents_new(const struct batch_place *place,
                                            struct ledger_copy *copies, size_t n, time_t lost_at,
                                            resolve_intents_done *done, void *arg)
{
    time_t since = time(NULL) - lost_at;
    struct timeval wait = {.tv_sec = since < LIMIT_SETTLE ? LIMIT_SETTLE - since : 0};
    struct resolve_intents *resolve = xcalloc(1, sizeof(*resolve));

    resolve->place = place;
    resolve->copies = copies;
    resolve->n = n;
    resolve->done = done;
    resolve->arg = arg;
    resolve->settle = evtimer_new(place->context->base, on_settled, resolve);
    event_add(resolve->settle, &wait);
    return resolve;
}

void resolve_intents_free(struct resolve_intents *resolve)
{
    if (resolve == NULL)
        return;
    event_free(resolve->settle);
    find_copies_free(resolve->search);
    ledger_copies_free(resolve->copies, resolve->n);
    free(resolve);
}

struct find_copies *resolve_intents_search(const struct resolve_intents *resolve)
{
    return resolve->search;
}
