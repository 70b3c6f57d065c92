/* Commands of one line, about mailboxes: NOOP, CREATE, STATUS, LIST and the like. */
#include "imapclient/session_private.h"
#include "imapclient/wire/writer.h"

static struct evbuffer *line_new(const char *verb)
{
    struct evbuffer *line = memory_check(evbuffer_new());
    evbuffer_add_printf(line, "%s", verb);
    return line;
}

/* Frees the buffer and returns its text, NULL if not valid. */
static char *line_end(struct evbuffer *line, bool fit)
{
    evbuffer_add(line, "", 1);
    char *text = fit ? xstrdup((const char *)evbuffer_pullup(line, -1)) : NULL;
    evbuffer_free(line);
    return text;
}

static void queue_mailbox(struct imap_session *session, const char *verb, const char *mailbox,
                          const char *rest, imap_done *done, void *arg)
{
    struct evbuffer *line = line_new(verb);
    bool fit = writer_mailbox(line, mailbox);
    evbuffer_add_printf(line, "%s", rest);
    command_queue_line(session, line_end(line, fit), done, arg);
}

void imap_noop(struct imap_session *session, imap_done *done, void *arg)
{
    command_queue_line(session, xstrdup("NOOP"), done, arg);
}

void imap_expunge(struct imap_session *session, imap_done *done, void *arg)
{
    command_queue_line(session, xstrdup("EXPUNGE"), done, arg);
}

void imap_check(struct imap_session *session, imap_done *done, void *arg)
{
    command_queue_line(session, xstrdup("CHECK"), done, arg);
}

void imap_create(struct imap_session *session, const char *mailbox, imap_done *done, void *arg)
{
    queue_mailbox(session, "CREATE ", mailbox, "", done, arg);
}

void imap_delete(struct imap_session *session, const char *mailbox, imap_done *done, void *arg)
{
    queue_mailbox(session, "DELETE ", mailbox, "", done, arg);
}

void imap_subscribe(struct imap_session *session, const char *mailbox, imap_done *done, void *arg)
{
    queue_mailbox(session, "SUBSCRIBE ", mailbox, "", done, arg);
}

void imap_quota_root(struct imap_session *session, const char *mailbox, imap_done *done, void *arg)
{
    queue_mailbox(session, "GETQUOTAROOT ", mailbox, "", done, arg);
}

void imap_namespace(struct imap_session *session, imap_done *done, void *arg)
{
    command_queue_line(session, xstrdup("NAMESPACE"), done, arg);
}

void imap_uid_search(struct imap_session *session, const char *criteria, imap_done *done, void *arg)
{
    char *line = writer_sendable(criteria) ? xasprintf("UID SEARCH %s", criteria) : NULL;
    command_queue_line(session, line, done, arg);
}

/* "(MESSAGES UIDNEXT)": the requested items that the server supports; NULL if there are none. */
static char *status_items(const struct imap_session *session, unsigned items)
{
    static const struct {
        unsigned item;
        const char *name, *needs;
    } known[] = {
        {IMAP_STATUS_MESSAGES, "MESSAGES", NULL},
        {IMAP_STATUS_UIDNEXT, "UIDNEXT", NULL},
        {IMAP_STATUS_UIDVALIDITY, "UIDVALIDITY", NULL},
        {IMAP_STATUS_UNSEEN, "UNSEEN", NULL},
        {IMAP_STATUS_HIGHESTMODSEQ, "HIGHESTMODSEQ", "CONDSTORE"},
        {IMAP_STATUS_MAILBOXID, "MAILBOXID", "OBJECTID"},
    };
    struct evbuffer *list = line_new("(");
    const char *space = "";
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
        bool offered =
            known[i].needs == NULL || imap_session_has(session, known[i].needs) ||
            (known[i].item == IMAP_STATUS_HIGHESTMODSEQ && imap_session_has(session, "QRESYNC"));
        if ((items & known[i].item) != 0 && offered) {
            evbuffer_add_printf(list, "%s%s", space, known[i].name);
            space = " ";
        }
    }
    evbuffer_add_printf(list, ")");
    return line_end(list, *space != '\0');
}

/* ---- STATUS and LIST depend on the capabilities, which are known only when they are sent ---- */

struct query {
    struct command command;
    char *mailbox; /* or pattern */
    unsigned items;
};

static void query_release(struct command *command)
{
    free(((struct query *)command)->mailbox);
}

static void queue_query(struct imap_session *session, const struct command_class *class,
                        const char *mailbox, unsigned items, imap_done *done, void *arg)
{
    struct query *query = command_new(sizeof(*query), class, done, arg);
    query->mailbox = xstrdup(mailbox);
    query->items = items;
    command_queue(session, &query->command);
}

static void status_prepare(struct imap_session *session, struct command *command)
{
    const struct query *query = (const struct query *)command;
    char *items = status_items(session, query->items);
    struct evbuffer *line = line_new("STATUS ");
    bool fit = items != NULL && writer_mailbox(line, query->mailbox);
    evbuffer_add_printf(line, " %s", items != NULL ? items : "");
    command->line = line_end(line, fit);
    command->refused =
        fit ? NULL : "invalid mailbox name, or no status item that the server supports";
    free(items);
}

void imap_status(struct imap_session *session, const char *mailbox, unsigned items, imap_done *done,
                 void *arg)
{
    static const struct command_class class = {.prepare = status_prepare, .release = query_release};
    queue_query(session, &class, mailbox, items, done, arg);
}

static void add_return_options(const struct imap_session *session, struct evbuffer *line,
                               unsigned items)
{
    bool special =
        imap_session_has(session, "SPECIAL-USE") && imap_session_has(session, "LIST-EXTENDED");
    char *status = imap_session_has(session, "LIST-STATUS") ? status_items(session, items) : NULL;
    if (special || status != NULL) {
        evbuffer_add_printf(line, " RETURN (%s%s%s%s)", special ? "SPECIAL-USE" : "",
                            special && status != NULL ? " " : "", status != NULL ? "STATUS " : "",
                            status != NULL ? status : "");
    }
    free(status);
}

static void list_prepare(struct imap_session *session, struct command *command)
{
    const struct query *query = (const struct query *)command;
    struct evbuffer *line = line_new("LIST \"\" ");
    bool fit = writer_mailbox(line, query->mailbox);
    add_return_options(session, line, query->items);
    command->line = line_end(line, fit);
    command->refused = fit ? NULL : "invalid pattern";
}

void imap_list(struct imap_session *session, const char *pattern, unsigned items, imap_done *done,
               void *arg)
{
    static const struct command_class class = {.prepare = list_prepare, .release = query_release};
    queue_query(session, &class, pattern, items, done, arg);
}
