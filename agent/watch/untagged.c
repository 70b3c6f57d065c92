#include "agent/watch/private.h"

#include "agent/system/limit.h"

/* "* OK Still here": Dovecot sends it every two minutes of IDLE, others do likewise or never. What
 * comes at odd times is news, not a heartbeat. */
static void note_activity(struct watch *watch, const struct imap_untagged *untagged)
{
    time_t now = time(NULL);
    time_t silence = now - watch->last_received;

    if (watch->idling && untagged->kind == IMAP_UNTAGGED_STATUS &&
        untagged->text.status == IMAP_OK && silence >= LIMIT_HEARTBEAT_LEAST &&
        silence > watch->heartbeat)
        watch->heartbeat = silence;
    watch->last_received = now;
}

static void handle_status(struct watch *watch, const struct imap_mailbox_status *status)
{
    struct folder *folder = watch_find_folder(watch, status->mailbox);

    if (watch->mode == WATCH_MODE_NOTIFY && watch->phase != PHASE_REQUESTING_NOTIFY &&
        !watch->notify_due && !watch_idles(watch))
        watch_recheck_soon(watch);

    if (folder == NULL) {
        watch->list_due = watch->list_due || (watch->is_main && watch_is_of_everything(watch));
        return;
    }
    if ((status->has & IMAP_STATUS_UIDNEXT) == 0 || folder->ledger_id == 0 ||
        status->uidnext > folder->seen_through + 1 ||
        ((status->has & IMAP_STATUS_UIDVALIDITY) != 0 &&
         status->uidvalidity != folder->uidvalidity))
        folder->dirty = true;
}

static void handle_vanished(struct watch *watch, const struct imap_uidset *uids)
{
    struct folder *folder = watch->examining != NULL ? watch->examining : watch->selected;

    if (folder == NULL)
        return;
    for (size_t i = 0; i < uids->count; i++)
        if (folder->ledger_id == 0 || uids->ranges[i].last > folder->seen_through)
            imap_uidset_add(&folder->vanished, uids->ranges[i].first, uids->ranges[i].last);
}

/* Flags were changed: a draft may have become mail. */
static void note_flags(struct folder *folder)
{
    if (folder != NULL && folder->drafts.count > 0)
        folder->dirty = folder->drafts_due = true;
}

void watch_on_untagged(void *arg, const struct imap_untagged *untagged)
{
    struct watch *watch = arg;

    note_activity(watch, untagged);
    switch (untagged->kind) {
    case IMAP_UNTAGGED_LIST:
        if (watch->phase == PHASE_LISTING)
            folder_list_add_untagged(&watch->listing, untagged);
        else
            watch->list_due = watch->is_main;
        break;
    case IMAP_UNTAGGED_NAMESPACE:
        folder_list_add_untagged(&watch->listing, untagged);
        break;
    case IMAP_UNTAGGED_STATUS_DATA:
        handle_status(watch, &untagged->mailbox_status);
        break;
    case IMAP_UNTAGGED_VANISHED:
        handle_vanished(watch, &untagged->uids);
        break;
    case IMAP_UNTAGGED_EXISTS:
        if (watch->selected != NULL)
            watch->selected->dirty = true;
        if ((watch->phase == PHASE_WATCHING || watch->phase == PHASE_LISTING) &&
            !watch_idles(watch))
            watch_recheck_soon(watch);
        break;
    case IMAP_UNTAGGED_STATUS:
        if (untagged->text.code == IMAP_CODE_NOTIFICATIONOVERFLOW)
            watch->notify_due = true;
        break;
    case IMAP_UNTAGGED_FETCH:
        if (watch->phase == PHASE_CAPTURING)
            capture_untagged(watch->capture, untagged);
        else if (watch->phase == PHASE_FINDING_HIGHEST && untagged->fetch.uid > watch->highest)
            watch->highest = untagged->fetch.uid;
        else if (untagged->fetch.has_flags)
            note_flags(watch->selected);
        break;
    default:
        break;
    }
    if (watch->phase == PHASE_WATCHING)
        watch_work_soon(watch);
}

bool watch_on_body_begin(void *arg, const struct imap_body *body)
{
    struct watch *watch = arg;

    return watch->phase == PHASE_CAPTURING && capture_body_begin(watch->capture, body);
}

void watch_on_body_data(void *arg, const unsigned char *data, size_t len)
{
    struct watch *watch = arg;

    capture_body_data(watch->capture, data, len);
}

void watch_on_body_end(void *arg, bool complete)
{
    struct watch *watch = arg;

    capture_body_end(watch->capture, complete);
}
