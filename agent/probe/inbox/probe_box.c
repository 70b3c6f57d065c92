#include "agent/probe/inbox/probe_box.h"

#include <stdlib.h>
#include <string.h>

#include "agent/ledger/probe.h"
#include "agent/probe/inbox/leftovers.h"
#include "rules/util/memory.h"

#define JUNK "\\Junk"

struct probe_box {
    struct links *links;
    struct ledger *ledger;
    const struct account *account;
    char *folder; /* NULL: Junk */
    char *who, *who_cleans;
    bool dedicated;
    struct probe_box_events events;
    void *arg;

    struct ledger_request *request; /* for its places; NULL: none is under way */
    bool is_loaded, is_open;
    struct inbox *inbox;        /* NULL: closed, or waiting for the ledger */
    struct ledger_place looked; /* how far, at the last look; 0, 0: not yet */
    struct ledger_place seen;   /* everything up to there was passed on, and is finished */
    struct ledger_place clean;  /* nothing up to there needs to be deleted */
    struct leftovers leftovers;
    char *trouble;
    bool knows_messages;
    uint32_t messages;
};

static const char *folder_key(const struct probe_box *box)
{
    return box->folder != NULL ? box->folder : JUNK;
}

/* ---- the inbox's events ---- */

static void on_message(void *arg, const struct inbox_message *message)
{
    struct probe_box *box = arg;
    bool was_seen =
        message->uidvalidity == box->seen.uidvalidity && message->uid <= box->seen.seen_through;

    box->events.on_message(box->arg, message, was_seen);
}

static void note_place(struct probe_box *box, const char *who, struct ledger_place *noted,
                       struct ledger_place place)
{
    if (box->ledger == NULL ||
        (noted->uidvalidity == place.uidvalidity && noted->seen_through == place.seen_through))
        return;
    *noted = place;
    ledger_place_set(box->ledger, who, folder_key(box), noted);
}

void probe_box_note(struct probe_box *box)
{
    uint32_t unfinished = box->events.unfinished != NULL ? box->events.unfinished(box->arg) : 0;
    struct ledger_place seen = box->looked, clean = box->looked;

    if (seen.uidvalidity == 0)
        return;
    if (unfinished > 0 && unfinished <= seen.seen_through)
        seen.seen_through = unfinished - 1;
    if (box->leftovers.uidvalidity == clean.uidvalidity)
        clean.seen_through = leftovers_place(&box->leftovers, clean.seen_through);
    note_place(box, box->who, &box->seen, seen);
    note_place(box, box->who_cleans, &box->clean, clean);
}

static void on_looked(void *arg, const char *folder, uint32_t uidvalidity, uint32_t seen_through,
                      uint32_t messages)
{
    struct probe_box *box = arg;

    (void)folder;
    box->looked = (struct ledger_place){.uidvalidity = uidvalidity, .seen_through = seen_through};
    leftovers_looked(&box->leftovers, box->inbox);
    probe_box_note(box);
    box->messages = messages;
    box->knows_messages = true;
    box->events.on_looked(box->arg);
}

static void on_trouble(void *arg, const char *why)
{
    struct probe_box *box = arg;

    free(box->trouble);
    box->trouble = why != NULL ? xstrdup(why) : NULL;
    box->events.on_trouble(box->arg, box->trouble);
}

/* ---- opening and closing ---- */

static void watch_now(struct probe_box *box)
{
    static const struct inbox_events events = {
        .on_message = on_message, .on_looked = on_looked, .on_trouble = on_trouble};
    struct inbox_options options = {
        .account = box->account,
        .folder = box->folder,
        .dedicated = box->dedicated,
        .uidvalidity = box->seen.uidvalidity,
        .seen_through = box->seen.seen_through,
    };

    if (box->clean.uidvalidity == box->seen.uidvalidity &&
        box->clean.seen_through < box->seen.seen_through)
        options.seen_through = box->clean.seen_through;
    box->inbox = inbox_new(box->links, &options, &events, box);
}

static void on_clean_place(void *arg, const struct ledger_place *place)
{
    struct probe_box *box = arg;

    box->request = NULL;
    box->clean = *place;
    box->is_loaded = true;
    if (box->is_open)
        watch_now(box);
}

static void on_seen_place(void *arg, const struct ledger_place *place)
{
    struct probe_box *box = arg;

    box->seen = *place;
    box->request =
        ledger_place_get(box->ledger, box->who_cleans, folder_key(box), on_clean_place, box);
}

void probe_box_open(struct probe_box *box)
{
    if (box->is_open)
        return;
    box->is_open = true;
    if (box->ledger == NULL || box->is_loaded)
        watch_now(box);
    else if (box->request == NULL)
        box->request = ledger_place_get(box->ledger, box->who, folder_key(box), on_seen_place, box);
}

void probe_box_close(struct probe_box *box)
{
    box->is_open = false;
    box->knows_messages = false;
    inbox_free(box->inbox);
    box->inbox = NULL;
    free(box->trouble);
    box->trouble = NULL;
}

bool probe_box_is_open(const struct probe_box *box)
{
    return box->is_open;
}

struct probe_box *probe_box_new(struct links *links, struct ledger *ledger,
                                const struct probe_box_options *options,
                                const struct probe_box_events *events, void *arg)
{
    struct probe_box *box = xcalloc(1, sizeof(*box));

    box->links = links;
    box->ledger = ledger;
    box->account = options->account;
    box->folder = options->folder != NULL ? xstrdup(options->folder) : NULL;
    box->dedicated = options->dedicated;
    box->who = xstrdup(options->who);
    box->who_cleans = xasprintf("%s, clean-up", options->who);
    box->events = *events;
    box->arg = arg;
    return box;
}

void probe_box_free(struct probe_box *box)
{
    if (box == NULL)
        return;
    probe_box_close(box);
    ledger_cancel(box->request);
    leftovers_clear(&box->leftovers);
    free(box->folder);
    free(box->who);
    free(box->who_cleans);
    free(box);
}

/* ---- messages and state ---- */

void probe_box_expect(struct probe_box *box, unsigned milliseconds)
{
    if (box->inbox != NULL)
        inbox_expect(box->inbox, milliseconds);
}

void probe_box_expunge_later(struct probe_box *box, const struct inbox_message *message,
                             time_t since)
{
    if (box->ledger != NULL)
        leftovers_add(&box->leftovers, message->uidvalidity, message->uid, since);
}

void probe_box_clean(struct probe_box *box, time_t before)
{
    if (box->inbox != NULL)
        leftovers_delete(&box->leftovers, box->inbox, before);
}

time_t probe_box_oldest_leftover(const struct probe_box *box)
{
    return leftovers_oldest(&box->leftovers);
}

bool probe_box_is_deleting(const struct probe_box *box)
{
    return box->inbox != NULL && inbox_is_deleting(box->inbox);
}

bool probe_box_is_up(const struct probe_box *box)
{
    return box->inbox != NULL && inbox_is_up(box->inbox);
}

const char *probe_box_trouble(const struct probe_box *box)
{
    return box->trouble;
}

bool probe_box_messages(const struct probe_box *box, uint32_t *messages)
{
    *messages = box->messages;
    return box->knows_messages;
}
