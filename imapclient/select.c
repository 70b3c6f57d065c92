/* SELECT, EXAMINE (RFC 9051 section 6.3.2), with QRESYNC (RFC 7162 section 3.2.5); UNSELECT. */
#include "imapclient/session_private.h"
#include "imapclient/wire/writer.h"

struct select {
    struct command command;
    imap_selected *selected;
    char *name;
    struct imap_resync resync;
    struct imap_mailbox mailbox;
    char *permanent_flags, *mailbox_id;
    bool examine;
};

/* "EXAMINE name"; NULL: invalid name. */
static char *line_with_mailbox(const char *verb, const char *mailbox, const char *rest)
{
    struct evbuffer *out = memory_check(evbuffer_new());
    evbuffer_add_printf(out, "%s ", verb);
    char *line = NULL;
    if (writer_mailbox(out, mailbox)) {
        evbuffer_add_printf(out, "%s", rest);
        evbuffer_add(out, "", 1);
        line = xstrdup((const char *)evbuffer_pullup(out, -1));
    }
    evbuffer_free(out);
    return line;
}

static char *parameters(const struct imap_session *session, const struct imap_resync *resync)
{
    if (session->qresync && resync->uidvalidity != 0 && resync->modseq != 0) {
        char known[32] = "";
        if (resync->known_first != 0 && resync->known_last != 0)
            snprintf(known, sizeof(known), " %u:%u", resync->known_first, resync->known_last);
        return xasprintf(" (QRESYNC (%u %llu%s))", resync->uidvalidity,
                         (unsigned long long)resync->modseq, known);
    }
    return xstrdup(session->condstore && !session->qresync ? " (CONDSTORE)" : "");
}

static void select_prepare(struct imap_session *session, struct command *command)
{
    struct select *select = (struct select *)command;
    char *rest = parameters(session, &select->resync);
    command->line = line_with_mailbox(select->examine ? "EXAMINE" : "SELECT", select->name, rest);
    free(rest);
    if (command->line == NULL)
        command->refused = "invalid mailbox name";
}

static void replace(char **where, const char *text)
{
    free(*where);
    *where = xstrdup(text);
}

/* At CLOSED: what came so far belongs to the previous mailbox. */
static void reset_mailbox(struct select *select)
{
    select->mailbox = (struct imap_mailbox){0};
    free(select->permanent_flags);
    free(select->mailbox_id);
    select->permanent_flags = select->mailbox_id = NULL;
}

static void apply_code(struct select *select, const struct imap_text *text)
{
    struct imap_mailbox *mailbox = &select->mailbox;
    switch (text->code) {
    case IMAP_CODE_UIDVALIDITY:
        mailbox->uidvalidity = text->number <= UINT32_MAX ? (uint32_t)text->number : 0;
        break;
    case IMAP_CODE_UIDNEXT:
        mailbox->uidnext = text->number <= UINT32_MAX ? (uint32_t)text->number : 0;
        break;
    case IMAP_CODE_HIGHESTMODSEQ:
        mailbox->highestmodseq = text->number;
        break;
    case IMAP_CODE_NOMODSEQ:
        mailbox->no_modseq = true;
        break;
    case IMAP_CODE_PERMANENTFLAGS:
        replace(&select->permanent_flags, text->code_text);
        mailbox->keywords = strstr(text->code_text, "\\*") != NULL;
        break;
    case IMAP_CODE_MAILBOXID:
        replace(&select->mailbox_id, text->code_text);
        break;
    case IMAP_CODE_READ_ONLY:
        mailbox->read_only = true;
        break;
    case IMAP_CODE_CLOSED:
        reset_mailbox(select);
        break;
    default:
        break;
    }
}

static void select_untagged(struct imap_session *session, struct command *command,
                            const struct imap_untagged *untagged)
{
    (void)session;
    struct select *select = (struct select *)command;
    if (untagged->kind == IMAP_UNTAGGED_EXISTS)
        select->mailbox.exists = untagged->number;
    else if (untagged->kind == IMAP_UNTAGGED_STATUS)
        apply_code(select, &untagged->text);
}

static void select_finish(struct imap_session *session, struct command *command,
                          const struct imap_result *result)
{
    struct select *select = (struct select *)command;
    if (result->text != NULL) {
        apply_code(select, result->text);
        /* A failed SELECT leaves nothing selected. */
        free(session->selected);
        session->selected =
            result->kind == IMAP_RESULT_OK && !select->examine ? xstrdup(select->name) : NULL;
    }
    if (session->dead || select->selected == NULL)
        return;
    select->mailbox.permanent_flags =
        select->permanent_flags != NULL ? select->permanent_flags : "";
    select->mailbox.mailbox_id = select->mailbox_id != NULL ? select->mailbox_id : "";
    select->selected(command->arg, result, &select->mailbox);
}

static void select_release(struct command *command)
{
    struct select *select = (struct select *)command;
    reset_mailbox(select);
    free(select->name);
}

static const struct command_class select_class = {
    .prepare = select_prepare,
    .untagged = select_untagged,
    .finish = select_finish,
    .release = select_release,
};

static void queue_select(struct imap_session *session, const char *mailbox, bool examine,
                         const struct imap_resync *resync, imap_selected *done, void *arg)
{
    struct select *select = command_new(sizeof(*select), &select_class, NULL, arg);
    select->command.exclusive = true;
    select->selected = done;
    select->name = xstrdup(mailbox);
    select->examine = examine;
    if (resync != NULL)
        select->resync = *resync;
    command_queue(session, &select->command);
}

void imap_examine(struct imap_session *session, const char *mailbox,
                  const struct imap_resync *resync, imap_selected *done, void *arg)
{
    queue_select(session, mailbox, true, resync, done, arg);
}

void imap_select(struct imap_session *session, const char *mailbox, imap_selected *done, void *arg)
{
    queue_select(session, mailbox, false, NULL, done, arg);
}

/* ---- UNSELECT ---- */

struct unselect {
    struct command command;
    bool close_follows;
};

static void unselect_prepare(struct imap_session *session, struct command *command)
{
    struct unselect *unselect = (struct unselect *)command;
    if (imap_session_has(session, "UNSELECT")) {
        command->line = xstrdup("UNSELECT");
    } else if (session->selected == NULL) {
        command->line = xstrdup("CLOSE");
    } else {
        /* CLOSE would expunge deleted messages unless the mailbox is read-only. */
        command->line = line_with_mailbox("EXAMINE", session->selected, "");
        unselect->close_follows = true;
    }
}

static enum command_next unselect_tagged(struct imap_session *session, struct command *command,
                                         const struct imap_text *text)
{
    struct unselect *unselect = (struct unselect *)command;
    free(session->selected);
    session->selected = NULL;
    if (text->status != IMAP_OK || !unselect->close_follows)
        return COMMAND_ENDS;
    unselect->close_follows = false;
    command->line = xstrdup("CLOSE");
    return COMMAND_CONTINUES;
}

void imap_unselect(struct imap_session *session, imap_done *done, void *arg)
{
    static const struct command_class class = {.prepare = unselect_prepare,
                                               .tagged = unselect_tagged};
    struct unselect *unselect = command_new(sizeof(*unselect), &class, done, arg);
    unselect->command.exclusive = true;
    command_queue(session, &unselect->command);
}
