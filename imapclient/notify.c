/* NOTIFY SET, RFC 5465. */
#include "imapclient/session_private.h"
#include "imapclient/wire/writer.h"

static const char selected_events[] = "(selected (MessageNew (UID) MessageExpunge))";

static bool add_mailboxes(struct evbuffer *line, const char *const *mailboxes, size_t n)
{
    evbuffer_add_printf(line, " (mailboxes (");
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            evbuffer_add(line, " ", 1);
        if (!writer_mailbox(line, mailboxes[i]))
            return false;
    }
    evbuffer_add_printf(line, ") (MessageNew MessageExpunge))");
    return true;
}

static void notify_prepare(struct imap_session *session, struct command *command)
{
    if (!imap_session_has(session, "NOTIFY"))
        command->refused = "the server does not offer NOTIFY";
}

void imap_notify(struct imap_session *session, const char *const *mailboxes, size_t n,
                 imap_done *done, void *arg)
{
    static const struct command_class class = {.prepare = notify_prepare};
    struct command *command = command_new(sizeof(*command), &class, done, arg);
    struct evbuffer *line = memory_check(evbuffer_new());
    evbuffer_add_printf(line, "NOTIFY SET STATUS %s", selected_events);
    bool fit = true;
    if (mailboxes == NULL || n == 0)
        evbuffer_add_printf(line, " (personal (MessageNew MessageExpunge MailboxName))");
    else
        fit = add_mailboxes(line, mailboxes, n);
    evbuffer_add(line, "", 1);
    command->line = xstrdup((const char *)evbuffer_pullup(line, -1));
    command->refused = fit ? NULL : "invalid mailbox name";
    evbuffer_free(line);
    command_queue(session, command);
}
