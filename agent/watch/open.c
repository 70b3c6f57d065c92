#include "agent/watch/private.h"

#include <stdlib.h>

#include "agent/system/fault.h"
#include "agent/system/limit.h"
#include "agent/system/log.h"
#include "rules/util/memory.h"

/* What vanished among UIDs that all have a state now is of no use any more. */
static void forget_vanished(struct folder *folder)
{
    struct imap_uidset kept = {0};

    for (size_t i = 0; i < folder->vanished.count; i++) {
        const struct imap_uidrange *range = &folder->vanished.ranges[i];

        if (range->last > folder->seen_through)
            imap_uidset_add(&kept, range->first, range->last);
    }
    imap_uidset_clear(&folder->vanished);
    folder->vanished = kept;
}

static void on_captured(void *arg)
{
    struct watch *watch = arg;
    struct folder *folder = watch->selected;

    if (folder != NULL && folder->examined_modseq > folder->modseq) {
        folder->modseq = folder->examined_modseq;
        ledger_modseq(watch->parts->ledger, folder->ledger_id, folder->modseq);
    }
    if (folder != NULL)
        forget_vanished(folder);
    watch_work(watch);
}

bool watch_retry_is_due(const struct folder *folder)
{
    return folder->retry.count > 0 && time(NULL) >= folder->retry_at;
}

void watch_capture(struct watch *watch, struct folder *folder)
{
    bool retry = watch_retry_is_due(folder);

    folder->dirty = false;
    if (retry) {
        unsigned shift = folder->retries < 7 ? folder->retries : 7;

        folder->retry_at = time(NULL) + (LIMIT_UNFETCHED_FIRST << shift);
        folder->retries++;
    }
    capture_start(watch->capture, watch->session, watch->account, folder, retry, on_captured,
                  watch);
}

static void log_opened(const struct watch *watch, const struct folder *folder,
                       const struct ledger_folder *opened)
{
    const char *account = (*watch->account)->name;

    if (opened->validity_changed)
        log_event(LOG_LEVEL_WARNING, "uidvalidity-changed", "account", account, "folder",
                  folder->name, "before", log_number(opened->previous_validity), "now",
                  log_number(folder->uidvalidity), "action", "resolved by content", (char *)NULL);
    else if (opened->first_sight)
        log_event(LOG_LEVEL_NOTICE, "folder-first-sight", "account", account, "folder",
                  folder->name, "uidvalidity", log_number(folder->uidvalidity), "baseline",
                  log_number(opened->seen_through), (char *)NULL);
}

static void on_vanished_asked(void *arg, const struct imap_result *result)
{
    (void)arg;
    (void)result; /* a refusal only means that gaps are inferred, not proven */
}

/* Which messages came and went while nobody watched: RFC 7162 section 3.2.6. The answer is a
 * VANISHED response before that of the list, which is asked for next. */
static void ask_for_vanished(struct watch *watch, const struct folder *folder)
{
    struct imap_uidset set = {0};
    char *items;

    if (folder->modseq == 0 || folder->seen_through == UINT32_MAX ||
        !imap_session_has(watch->session, "QRESYNC"))
        return;
    items = xasprintf("(UID) (CHANGEDSINCE %llu VANISHED)", (unsigned long long)folder->modseq);
    imap_uidset_add(&set, folder->seen_through + 1, UINT32_MAX);
    imap_uid_fetch(watch->session, &set, items, on_vanished_asked, NULL);
    imap_uidset_clear(&set);
    free(items);
}

static void on_opened(void *arg, const struct ledger_folder *opened)
{
    struct ledger_opening *opening = arg;
    struct watch *watch = opening->watch;
    struct folder *folder;

    free(opening);
    if (watch == NULL)
        return;
    watch->opening = NULL;
    folder = watch->examining;
    watch->examining = NULL;
    folder->ledger_id = opened->id;
    folder->seen_through = opened->seen_through;
    folder->modseq = opened->modseq;
    folder->baseline_at = opened->baseline_at;
    folder->look_through = opened->look_through;
    imap_uidset_clear(&folder->retry);
    for (size_t i = 0; i < opened->n_retry; i++)
        imap_uidset_add(&folder->retry, opened->retry[i], opened->retry[i]);
    log_opened(watch, folder, opened);
    watch->selected = folder;
    ask_for_vanished(watch, folder);
    watch_capture(watch, folder);
}

static void open_in_ledger(struct watch *watch, struct folder *folder, uint32_t uidnext)
{
    struct ledger_opening *opening = xcalloc(1, sizeof(*opening));

    opening->watch = watch;
    watch->opening = opening;
    fault_point(FAULT_FOLDER_OPENED);
    ledger_folder_open(watch->parts->ledger, (*watch->account)->name, folder->name,
                       folder->uidvalidity, uidnext, watch->baseline, on_opened, opening);
}

/* EXAMINE told no UIDNEXT (some servers do not): the highest UID is asked for. */
static void on_highest(void *arg, const struct imap_result *result)
{
    struct watch *watch = arg;

    if (watch_command_ended(result) || watch->examining == NULL)
        return;
    watch->asks_highest = false;
    open_in_ledger(watch, watch->examining, watch->highest + 1);
}

static void give_up_folder(struct watch *watch, const char *why)
{
    log_event(LOG_LEVEL_WARNING, "folder-not-opened", "account", (*watch->account)->name, "folder",
              watch->examining->name, "reason", why, (char *)NULL);
    watch->examining->dirty = false;
    watch->examining = NULL;
    watch->list_due = watch->is_main;
    watch_work(watch);
}

static void on_examined(void *arg, const struct imap_result *result,
                        const struct imap_mailbox *mailbox)
{
    struct watch *watch = arg;
    struct folder *folder = watch->examining;
    struct imap_uidset last = {0};

    if (watch_command_ended(result) || folder == NULL)
        return;
    if (result->kind != IMAP_RESULT_OK) {
        give_up_folder(watch, result->reason);
        return;
    }
    if (mailbox->uidvalidity == 0) {
        give_up_folder(watch, "the server tells no UIDVALIDITY: its UIDs cannot be relied on");
        return;
    }
    folder->examined_modseq = mailbox->highestmodseq;
    folder->uidnext = mailbox->uidnext;
    if (folder->ledger_id != 0 && folder->uidvalidity == mailbox->uidvalidity) {
        watch->examining = NULL;
        watch->selected = folder;
        watch_capture(watch, folder);
        return;
    }
    folder->uidvalidity = mailbox->uidvalidity;
    folder->ledger_id = 0;
    folder->seen_through = 0;
    if (mailbox->uidnext != 0 || mailbox->exists == 0) {
        open_in_ledger(watch, folder, mailbox->uidnext != 0 ? mailbox->uidnext : 1);
        return;
    }
    watch->asks_highest = true;
    watch->highest = 0;
    imap_uidset_add(&last, UINT32_MAX, UINT32_MAX);
    imap_uid_fetch(watch->session, &last, "(UID)", on_highest, watch);
    imap_uidset_clear(&last);
}

void watch_examine(struct watch *watch, struct folder *folder)
{
    const struct folder *left = watch->selected;
    struct imap_resync resync = {0};

    watch->selected = NULL;
    watch->examining = folder;
    if (folder->ledger_id != 0 && folder->modseq > 0 && folder->seen_through < UINT32_MAX)
        resync = (struct imap_resync){.uidvalidity = folder->uidvalidity,
                                      .modseq = folder->modseq,
                                      .known_first = folder->seen_through + 1,
                                      .known_last = UINT32_MAX};
    imap_examine(watch->session, folder->name, &resync, on_examined, watch);
    /* What came into the folder just left while it was being left is told by nobody. */
    if (left != NULL && watch->mode == WATCH_MODE_NOTIFY)
        watch_ask_status(watch, left);
}
