#include "agent/deliver/search.h"

#include <stdlib.h>
#include <string.h>

#include "agent/system/fault.h"
#include "agent/system/limit.h"
#include "agent/system/log.h"
#include "rules/util/memory.h"

struct search {
    const struct batch_place *place;
    struct ledger_copy *copies;
    size_t n;
    search_done *done;
    void *arg;
    struct event *settle;
    struct recover *recover;
};

/* Whether a copy's intent was for the folder that is searched. */
static bool is_searched(const struct search *search, const struct ledger_copy *copy)
{
    const struct ledger_copy *first = &search->copies[0];

    return copy->intent && strcmp(copy->target_folder, first->target_folder) == 0 &&
           copy->target_uidvalidity == first->target_uidvalidity;
}

static void note_found(struct search *search, const struct ledger_copy *copy, uint32_t uid)
{
    struct parts *parts = search->place->parts;
    struct ledger_delivery delivery = {
        .copy = copy->id,
        .uidvalidity = target_folder_uidvalidity(search->place->folder),
        .uid = uid,
    };

    parts->count.delivered++;
    histogram_add_since(&parts->delivery_latency, copy->captured);
    ledger_delivered(parts->ledger, &delivery, 1, NULL, NULL);
    log_event(LOG_LEVEL_NOTICE, "found-in-target", "target", search->place->target->name, "id",
              copy->monitor_id, "target-uid", log_number(uid), (char *)NULL);
}

static void note_all(struct search *search, const char *why_not)
{
    for (size_t i = 0; i < search->n; i++) {
        const struct ledger_copy *copy = &search->copies[i];
        uint32_t uid;

        if (!is_searched(search, copy))
            continue;
        uid = search->recover != NULL ? recover_find(search->recover, copy->monitor_id) : 0;
        if (uid != 0)
            note_found(search, copy, uid);
        else
            ledger_not_delivered(search->place->parts->ledger, copy->id, why_not, time(NULL), NULL,
                                 NULL);
    }
}

static void on_searched(void *arg, const char *why)
{
    struct search *search = arg;

    if (why == NULL) {
        fault_point(FAULT_RECOVERY_SEARCHED);
        note_all(search, "not found in the target after a lost connection");
    }
    search->done(search->arg, why);
}

static void on_selected(void *arg, const char *why)
{
    struct search *search = arg;
    struct target_folder *folder = search->place->folder;
    const struct ledger_copy *first = &search->copies[0];
    uint32_t from = 1;

    if (why != NULL && target_folder_is_missing(folder)) {
        note_all(search, "its folder is missing in the target");
        search->done(search->arg, NULL);
        return;
    }
    if (why != NULL) {
        search->done(search->arg, why);
        return;
    }
    if (first->target_uidvalidity == target_folder_uidvalidity(folder))
        from = first->target_uidnext;
    search->recover = recover_new(search->place->session, from, on_searched, search);
}

static void on_settled(evutil_socket_t fd, short what, void *arg)
{
    struct search *search = arg;

    (void)fd;
    (void)what;
    target_folder_forget(search->place->folder);
    target_folder_select(search->place->folder, search->copies[0].target_folder, false, on_selected,
                         search);
}

struct search *search_new(const struct batch_place *place, struct ledger_copy *copies, size_t n,
                          time_t lost_at, search_done *done, void *arg)
{
    time_t since = time(NULL) - lost_at;
    struct timeval wait = {.tv_sec = since < LIMIT_SETTLE ? LIMIT_SETTLE - since : 0};
    struct search *search = xcalloc(1, sizeof(*search));

    search->place = place;
    search->copies = copies;
    search->n = n;
    search->done = done;
    search->arg = arg;
    search->settle = evtimer_new(place->parts->base, on_settled, search);
    event_add(search->settle, &wait);
    return search;
}

void search_free(struct search *search)
{
    if (search == NULL)
        return;
    event_free(search->settle);
    recover_free(search->recover);
    ledger_copies_free(search->copies, search->n);
    free(search);
}

struct recover *search_recover(const struct search *search)
{
    return search->recover;
}
