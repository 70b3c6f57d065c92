#include "agent/command/explain_fetch.h"

#include <stdlib.h>
#include <string.h>

#include "agent/session/folder_list.h"
#include "agent/system/loop.h"
#include "rules/util/memory.h"

struct fetch {
    struct context *context;
    const struct account *account;
    const char *folder;
    uint32_t uid;
    struct fetched *fetched;
    struct link *link;
    struct folder_list list;
    bool done;
};

static void finish(struct fetch *fetch, const char *why, bool absent)
{
    if (fetch->done)
        return;
    fetch->done = true;
    if (why != NULL) {
        fetch->fetched->why = xstrdup(why);
        fetch->fetched->absent = absent;
        captured_message_free(fetch->fetched->message);
        fetch->fetched->message = NULL;
    }
    event_base_loopbreak(fetch->context->base);
}

static void on_fetched(void *arg, const struct imap_result *result)
{
    struct fetch *fetch = arg;

    if (result->kind != IMAP_RESULT_OK)
        finish(fetch, result->reason, result->kind == IMAP_RESULT_NO);
    else if (fetch->fetched->message == NULL || captured_message_size(fetch->fetched->message) == 0)
        finish(fetch, "no message with that UID in the folder", true);
    else
        finish(fetch, NULL, false);
}

static void on_examined(void *arg, const struct imap_result *result,
                        const struct imap_mailbox *mailbox)
{
    struct fetch *fetch = arg;
    struct imap_uidset set = {0};

    if (result->kind != IMAP_RESULT_OK) {
        finish(fetch, result->reason, result->kind == IMAP_RESULT_NO);
        return;
    }
    fetch->fetched->facts.uidvalidity = mailbox->uidvalidity;
    imap_uidset_add(&set, fetch->uid, fetch->uid);
    imap_uid_fetch(link_session(fetch->link), &set, "(UID INTERNALDATE BODY.PEEK[])", on_fetched,
                   fetch);
    imap_uidset_clear(&set);
}

static void on_listed(void *arg, const struct imap_result *result)
{
    struct fetch *fetch = arg;

    if (result->kind != IMAP_RESULT_OK) {
        finish(fetch, result->reason, false);
        return;
    }
    for (size_t i = 0; i < fetch->list.count; i++)
        if (strcasecmp(fetch->list.folders[i].name, fetch->folder) == 0 &&
            folder_list_is_sent(&fetch->list, i))
            fetch->fetched->facts.role = FOLDER_SENT;
    imap_examine(link_session(fetch->link), fetch->folder, NULL, on_examined, fetch);
}

static void on_ready(void *arg)
{
    struct fetch *fetch = arg;
    struct imap_session *session = link_session(fetch->link);

    if (imap_session_has(session, "NAMESPACE"))
        imap_namespace(session, NULL, NULL);
    imap_list(session, "*", 0, on_listed, fetch);
}

static void on_closed(void *arg, const struct imap_failure *failure)
{
    finish(arg, failure->reason, false);
}

static void on_untagged(void *arg, const struct imap_untagged *untagged)
{
    struct fetch *fetch = arg;

    folder_list_add_untagged(&fetch->list, untagged);
    if (untagged->kind == IMAP_UNTAGGED_FETCH && untagged->fetch.has_internaldate &&
        untagged->fetch.internaldate > 0) {
        fetch->fetched->facts.internaldate = untagged->fetch.internaldate;
        fetch->fetched->facts.date_unknown = false;
    }
}

static bool on_body_begin(void *arg, const struct imap_body *body)
{
    struct fetch *fetch = arg;

    (void)body;
    if (fetch->fetched->message != NULL)
        return false;
    fetch->fetched->message = captured_message_new(fetch->context, fetch->account, fetch->folder,
                                                   fetch->fetched->facts.role);
    return true;
}

static void on_body_data(void *arg, const unsigned char *data, size_t len)
{
    struct fetch *fetch = arg;

    captured_message_write(fetch->fetched->message, data, len);
}

static void on_body_end(void *arg, bool complete)
{
    (void)arg;
    (void)complete;
}

void explain_fetch(struct context *context, const struct account *account, const char *folder,
                   uint32_t uid, struct fetched *fetched)
{
    static const struct imap_events events = {
        .on_ready = on_ready,
        .on_closed = on_closed,
        .on_untagged = on_untagged,
        .on_body_begin = on_body_begin,
        .on_body_data = on_body_data,
        .on_body_end = on_body_end,
    };
    struct fetch fetch = {
        .context = context, .account = account, .folder = folder, .uid = uid, .fetched = fetched};
    struct link_login login = {
        .server = account->server, .login = account->login, .secret = &account->secret};

    fetched->facts.account = account;
    fetched->facts.folder = folder;
    fetched->facts.uid = uid;
    fetched->facts.internaldate = time(NULL);
    fetched->facts.date_unknown = true; /* until the server gives one */
    context->base = event_base_new();
    context->links = links_new(context->base);
    fetch.link = link_new(context->links, &login, &events, &fetch);
    event_base_dispatch(context->base);
    link_free(fetch.link);
    folder_list_clear(&fetch.list);
    links_free(context->links);
    loop_free(context->base);
    context->links = NULL;
    context->base = NULL;
}
