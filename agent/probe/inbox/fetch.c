#include <stdlib.h>
#include <string.h>

#include "agent/probe/inbox/private.h"
#include "agent/system/log.h"
#include "rules/util/memory.h"

/* Gateways may have dropped the fields: the Subject tells as well. */
#define POSSIBLE_PROBES                                                                            \
    "OR OR HEADER " TOKEN_PROBE_FIELD " \"\" HEADER " TOKEN_RETURN_FIELD                           \
    " \"\" SUBJECT \"mailvigil\""

_Static_assert(PROBE_MAIL_HEADER == 65536, "the partial FETCH below says so in digits");
#define ITEMS "(UID INTERNALDATE BODY.PEEK[HEADER]<0.65536>)"

void inbox_forget_look(struct inbox *inbox)
{
    imap_uidset_clear(&inbox->found);
    free(inbox->header);
    inbox->header = NULL;
    inbox->has_header = inbox->searching = false;
}

/* What was to be seen has been seen. */
static void finish(struct inbox *inbox)
{
    inbox_forget_look(inbox);
    inbox->step = INBOX_STEP_REST;
    inbox->looked = true;
    if (inbox->dirty)
        inbox->because = "poll";
    inbox->seen_through = inbox->highest;
    inbox_work_soon(inbox);
    inbox->events.on_looked(inbox->arg, inbox->folder, inbox->uidvalidity, inbox->seen_through,
                            inbox->messages);
}

static void on_fetched(void *arg, const struct imap_result *result)
{
    struct inbox *inbox = arg;
    char *why;

    if (inbox_command_ended(result))
        return;
    if (result->kind == IMAP_RESULT_OK) {
        finish(inbox);
        return;
    }
    /* Asked for again with the next look. */
    inbox_forget_look(inbox);
    inbox->step = INBOX_STEP_REST;
    inbox->looked = false;
    inbox_work_soon(inbox);
    why = xasprintf("new messages cannot be fetched: %s", result->reason);
    inbox_tell_trouble(inbox, why);
    free(why);
}

static void fetch(struct inbox *inbox, const struct imap_uidset *set)
{
    inbox->header = xmalloc(PROBE_MAIL_HEADER);
    imap_uid_fetch(inbox->session, set, ITEMS, on_fetched, inbox);
}

static void fetch_all(struct inbox *inbox)
{
    struct imap_uidset set = {0};

    imap_uidset_add(&set, inbox->seen_through + 1, UINT32_MAX);
    fetch(inbox, &set);
    imap_uidset_clear(&set);
}

static void on_searched(void *arg, const struct imap_result *result)
{
    struct inbox *inbox = arg;

    if (inbox_command_ended(result))
        return;
    inbox->searching = false;
    if (result->kind != IMAP_RESULT_OK) {
        fetch_all(inbox);
        return;
    }
    inbox->highest = inbox->uidnext - 1;
    /* What has come meanwhile, above uidnext, is found by the next look. */
    inbox->dirty = true;
    if (inbox->found.count > 0)
        fetch(inbox, &inbox->found);
    else
        finish(inbox);
}

/* How many messages are new, at most. */
static uint32_t backlog(const struct inbox *inbox)
{
    uint32_t span = inbox->uidnext > inbox->seen_through ? inbox->uidnext - inbox->seen_through : 0;

    return span < inbox->messages ? span : inbox->messages;
}

void inbox_look(struct inbox *inbox)
{
    char *criteria;

    inbox->dirty = false;
    inbox->step = INBOX_STEP_LOOK;
    inbox->highest = inbox->seen_through;
    if (inbox->messages == 0 || inbox->seen_through == UINT32_MAX) {
        finish(inbox);
        return;
    }
    if (inbox->looked || backlog(inbox) <= INBOX_BACKLOG) {
        fetch_all(inbox);
        return;
    }
    inbox->searching = true;
    criteria = xasprintf("UID %u:%u " POSSIBLE_PROBES, inbox->seen_through + 1, inbox->uidnext - 1);
    imap_uid_search(inbox->session, criteria, on_searched, inbox);
    free(criteria);
}

void inbox_take_search(struct inbox *inbox, const struct imap_uidset *uids)
{
    for (size_t i = 0; inbox->searching && i < uids->count; i++)
        if (uids->ranges[i].first > inbox->seen_through)
            imap_uidset_add(&inbox->found, uids->ranges[i].first, uids->ranges[i].last);
}

bool inbox_on_body_begin(void *arg, const struct imap_body *body)
{
    struct inbox *inbox = arg;

    (void)body;
    inbox->header_len = 0;
    inbox->has_header = false;
    return inbox->header != NULL;
}

void inbox_on_body_data(void *arg, const unsigned char *data, size_t len)
{
    struct inbox *inbox = arg;
    size_t room = PROBE_MAIL_HEADER - inbox->header_len;

    if (len > room) /* a server that does not know partial FETCH */
        len = room;
    memcpy(inbox->header + inbox->header_len, data, len);
    inbox->header_len += len;
}

void inbox_on_body_end(void *arg, bool complete)
{
    struct inbox *inbox = arg;

    inbox->has_header = complete;
}

/* "n:*" is never empty: a server without newer messages gives the last one again. */
void inbox_take_fetch(struct inbox *inbox, const struct imap_fetch *fetched)
{
    struct inbox_message message = {
        .uidvalidity = inbox->uidvalidity,
        .uid = fetched->uid,
        .internaldate = fetched->has_internaldate ? fetched->internaldate : 0,
        .header = inbox->header,
        .len = inbox->header_len,
        .cut = inbox->header_len == PROBE_MAIL_HEADER,
        .seen_by = inbox->because,
    };

    if (inbox->header == NULL || !fetched->has_body || fetched->uid <= inbox->seen_through)
        return;
    if (fetched->uid > inbox->highest)
        inbox->highest = fetched->uid;
    if (!inbox->has_header)
        return;
    inbox->has_header = false;
    inbox->events.on_message(inbox->arg, &message);
}
