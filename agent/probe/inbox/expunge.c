/* Deleting test messages: STORE and EXPUNGE. */
#include <assert.h>

#include "agent/probe/inbox/private.h"
#include "agent/system/log.h"

static void move_all(struct imap_uidset *to, struct imap_uidset *from)
{
    for (size_t i = 0; i < from->count; i++)
        imap_uidset_add(to, from->ranges[i].first, from->ranges[i].last);
    imap_uidset_clear(from);
}

static void end_deleting(struct inbox *inbox, const struct imap_result *result)
{
    if (result->kind != IMAP_RESULT_OK)
        log_event(LOG_LEVEL_WARNING, "probes-not-deleted", "account", inbox->account->name,
                  "folder", inbox->folder, "reason", result->reason, (char *)NULL);
    imap_uidset_clear(&inbox->expunging);
    inbox_set_state(inbox, INBOX_WATCHING);
    inbox->dirty = true;
    inbox->because = "poll";
    inbox_work_soon(inbox);
}

static void on_expunged(void *arg, const struct imap_result *result)
{
    if (!inbox_is_lost(result))
        end_deleting(arg, result);
}

static void on_stored(void *arg, const struct imap_result *result)
{
    struct inbox *inbox = arg;

    if (inbox_is_lost(result))
        return;
    if (result->kind != IMAP_RESULT_OK)
        end_deleting(inbox, result);
    else if (imap_session_has(inbox->session, "UIDPLUS"))
        imap_uid_expunge(inbox->session, &inbox->expunging, on_expunged, inbox);
    else
        imap_expunge(inbox->session, on_expunged, inbox);
}

void inbox_expunge(struct inbox *inbox)
{
    assert(inbox->expunging.count == 0);
    inbox_set_state(inbox, INBOX_DELETING);
    move_all(&inbox->expunging, &inbox->to_expunge);
    imap_uidset_normalise(&inbox->expunging);
    imap_uid_store(inbox->session, &inbox->expunging, "+FLAGS.SILENT (\\Deleted)", on_stored,
                   inbox);
}

void inbox_postpone_expunge(struct inbox *inbox)
{
    move_all(&inbox->to_expunge, &inbox->expunging);
}

bool inbox_may_delete(const struct inbox *inbox)
{
    return !inbox->read_only && (inbox->dedicated || imap_session_has(inbox->session, "UIDPLUS"));
}

bool inbox_can_delete(const struct inbox *inbox)
{
    return inbox->looked && inbox_may_delete(inbox);
}

void inbox_delete(struct inbox *inbox, uint32_t uidvalidity, const uint32_t *uids, size_t n)
{
    if (uidvalidity != inbox->uidvalidity)
        return;
    for (size_t i = 0; i < n; i++)
        imap_uidset_add(&inbox->to_expunge, uids[i], uids[i]);
    inbox_work_soon(inbox);
}

bool inbox_is_deleting(const struct inbox *inbox)
{
    return inbox->to_expunge.count > 0 || inbox->expunging.count > 0;
}
