#include "agent/watch/private.h"

#include "agent/system/limit.h"

/* "* OK Still here": Dovecot says so every two minutes of IDLE, others do likewise or never. What
 * comes at odd times is news, not a heartbeat. */
static void hear(struct watch *watch, const struct imap_untagged *untagged)
{
    time_t now = time(NULL);
    time_t silence = now - watch->last_heard;

    if (watch->idling && untagged->kind == IMAP_UNTAGGED_STATUS &&
        untagged->text.status == IMAP_OK && silence >= LIMIT_HEARTBEAT_LEAST &&
        silence > watch->heartbeat)
        watch->heartbeat = silence;
    watch->last_heard = now;
}

static void take_status(struct watch *watch, const struct imap_mailbox_status *status)
{
    struct folder *folder = watch_find_folder(watch, status->mailbox);

    if (watch->mode == WATCH_MODE_NOTIFY && watch->notify_runs && !watch_idles(watch))
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

static void take_vanished(struct watch *watch, const struct imap_uidset *uids)
{
    struct folder *folder = watch->examining != NULL ? watch->examining : watch->selected;

    if (folder == NULL)
        return;
    for (size_t i = 0; i < uids->count; i++)
        if (folder->ledger_id == 0 || uids->ranges[i].last > folder->seen_through)
            imap_uidset_add(&folder->vanished, uids->ranges[i].first, uids->ranges[i].last);
}

void watch_on_untagged(void *arg, const struct imap_untagged *untagged)
{
    struct watch *watch = arg;

    hear(watch, untagged);
    switch (untagged->kind) {
    case IMAP_UNTAGGED_LIST:
        if (watch->is_listing)
            folder_list_add_untagged(&watch->listing, untagged);
        else
            watch->list_due = watch->is_main;
        break;
    case IMAP_UNTAGGED_NAMESPACE:
        folder_list_add_untagged(&watch->listing, untagged);
        break;
    case IMAP_UNTAGGED_STATUS_DATA:
        take_status(watch, &untagged->mailbox_status);
        break;
    case IMAP_UNTAGGED_VANISHED:
        take_vanished(watch, &untagged->uids);
        break;
    case IMAP_UNTAGGED_EXISTS:
        if (watch->selected != NULL)
            watch->selected->dirty = true;
        if (watch->state == WATCH_WAITING && !watch_idles(watch))
            watch_recheck_soon(watch);
        break;
    case IMAP_UNTAGGED_STATUS:
        if (untagged->text.code == IMAP_CODE_NOTIFICATIONOVERFLOW)
            watch->notify_asked = false;
        break;
    case IMAP_UNTAGGED_FETCH:
        if (capture_runs(watch->capture))
            capture_untagged(watch->capture, untagged);
        else if (watch->asks_highest && untagged->fetch.uid > watch->highest)
            watch->highest = untagged->fetch.uid;
        break;
    default:
        break;
    }
    if (watch->state == WATCH_WAITING)
        watch_work(watch);
}

bool watch_on_body_begin(void *arg, const struct imap_body *body)
{
    struct watch *watch = arg;

    return capture_runs(watch->capture) && capture_body_begin(watch->capture, body);
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
