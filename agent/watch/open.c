#include "agent/watch/private.h"

#include <assert.h>
#include <stdlib.h>

#include "agent/system/fault.h"
#include "agent/system/limit.h"
#include "agent/system/log.h"
#include "rules/util/memory.h"

/* Vanished UIDs that have a state by now are no longer needed. */
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
        ledger_modseq(watch->context->ledger, folder->ledger_id, folder->modseq);
    }
    if (folder != NULL)
        forget_vanished(folder);
    watch_step_done(watch);
}

void watch_capture(struct watch *watch, struct folder *folder)
{
    bool retry = watch_retry_is_due(folder);

    assert(folder == watch->selected && folder->ledger_id != 0);
    watch_set_phase(watch, PHASE_CAPTURING);
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
        log_event(LOG_LEVEL_NOTICE, "folder-baselined", "account", account, "folder", folder->name,
                  "uidvalidity", log_number(folder->uidvalidity), "baseline",
                  log_number(opened->seen_through), (char *)NULL);
}

static void on_vanished_done(void *arg, const struct imap_result *result)
{
    (void)arg;
    (void)result; /* a refusal only means that gaps are inferred, not proven */
}

/* Asks which messages came and went while there was no session: RFC 7162 section 3.2.6. The reply
 * is a VANISHED response, which precedes the reply to the list that is requested next. */
static void ask_for_vanished(struct watch *watch, const struct folder *folder)
{
    struct imap_uidset set = {0};
    char *items;

    if (folder->modseq == 0 || folder->seen_through == UINT32_MAX ||
        !imap_session_has(watch->session, "QRESYNC"))
        return;
    items = xasprintf("(UID) (CHANGEDSINCE %llu VANISHED)", (unsigned long long)folder->modseq);
    imap_uidset_add(&set, folder->seen_through + 1, UINT32_MAX);
    imap_uid_fetch(watch->session, &set, items, on_vanished_done, NULL);
    imap_uidset_clear(&set);
    free(items);
}

static void on_opened(void *arg, const struct ledger_folder *opened)
{
    struct watch *watch = arg;
    struct folder *folder = watch->examining;

    assert(watch->phase == PHASE_OPENING);
    watch->opening = NULL;
    watch->examining = NULL;
    folder->ledger_id = opened->id;
    folder->seen_through = opened->seen_through;
    folder->modseq = opened->modseq;
    folder->baseline_at = opened->baseline_at > folder->since ? opened->baseline_at : folder->since;
    folder->look_through = opened->look_through;
    imap_uidset_clear(&folder->retry);
    for (size_t i = 0; i < opened->n_retry; i++)
        imap_uidset_add(&folder->retry, opened->retry[i], opened->retry[i]);
    imap_uidset_clear(&folder->drafts);
    for (size_t i = 0; i < opened->n_drafts; i++)
        imap_uidset_add(&folder->drafts, opened->drafts[i].first, opened->drafts[i].last);
    folder->drafts_due = true;
    log_opened(watch, folder, opened);
    watch->selected = folder;
    ask_for_vanished(watch, folder);
    watch_capture(watch, folder);
}

static void open_in_ledger(struct watch *watch, struct folder *folder, uint32_t uidnext)
{
    assert(watch->opening == NULL);
    watch_set_phase(watch, PHASE_OPENING);
    fault_point(FAULT_FOLDER_OPENED);
    watch->opening =
        ledger_folder_open(watch->context->ledger, (*watch->account)->name, folder->name,
                           folder->uidvalidity, uidnext, folder->fresh, on_opened, watch);
}

/* EXAMINE reported no UIDNEXT (some servers do not): the highest UID is asked for. */
static void on_highest(void *arg, const struct imap_result *result)
{
    struct watch *watch = arg;

    if (watch_command_ended(result))
        return;
    open_in_ledger(watch, watch->examining, watch->highest + 1);
}

static void give_up_folder(struct watch *watch, const char *why)
{
    log_event(LOG_LEVEL_WARNING, "folder-not-opened", "account", (*watch->account)->name, "folder",
              watch->examining->name, "reason", why, (char *)NULL);
    watch->examining->dirty = false;
    watch->examining->refused = true;
    watch->examining = NULL;
    watch->list_due = watch->is_main;
    watch_step_done(watch);
}

static void on_examined(void *arg, const struct imap_result *result,
                        const struct imap_mailbox *mailbox)
{
    struct watch *watch = arg;
    struct folder *folder = watch->examining;
    struct imap_uidset last = {0};

    if (watch_command_ended(result))
        return;
    if (result->kind != IMAP_RESULT_OK) {
        give_up_folder(watch, result->reason);
        return;
    }
    if (mailbox->uidvalidity == 0) {
        give_up_folder(watch, "the server reports no UIDVALIDITY: its UIDs cannot be relied on");
        return;
    }
    folder->refused = false;
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
    watch_set_phase(watch, PHASE_FINDING_HIGHEST);
    watch->highest = 0;
    imap_uidset_add(&last, UINT32_MAX, UINT32_MAX);
    imap_uid_fetch(watch->session, &last, "(UID)", on_highest, watch);
    imap_uidset_clear(&last);
}

void watch_examine(struct watch *watch, struct folder *folder)
{
    const struct folder *left = watch->selected;
    struct imap_resync resync = {0};

    watch->reexamine = false;
    watch->selected = NULL;
    watch->examining = folder;
    watch_set_phase(watch, PHASE_EXAMINING);
    if (folder->ledger_id != 0 && folder->modseq > 0 && folder->seen_through < UINT32_MAX)
        resync = (struct imap_resync){.uidvalidity = folder->uidvalidity,
                                      .modseq = folder->modseq,
                                      .known_first = folder->seen_through + 1,
                                      .known_last = UINT32_MAX};
    imap_examine(watch->session, folder->name, &resync, on_examined, watch);
    /* Nothing announces what arrives in a folder while it is being left. */
    if (left != NULL && left != folder && watch->mode == WATCH_MODE_NOTIFY)
        watch_ask_status(watch, left);
}
