/*
 * UID FETCH, UID STORE, UID EXPUNGE (RFC 9051 section 6.4.9, RFC 4315), and FETCH: commands on a
 * set, which may be too long for one line. Then several are sent, one after the other, and reported
 * as one.
 */
#include "imapclient/session_private.h"
#include "imapclient/wire/writer.h"

#define LINE_RESERVE 64 /* tag and CRLF */

struct uid_command {
    struct command command;
    const char *verb;
    char *rest; /* what follows the set, including the space; may be "" */
    struct imap_uidset set;
    size_t range; /* index of the range at which the next line begins */
    bool failed;
    struct imap_text failure; /* the first */
};

/* Sets the next line; false if nothing is left. */
static bool next_line(struct uid_command *uid)
{
    size_t fixed = strlen(uid->verb) + strlen(uid->rest) + LINE_RESERVE;
    if (fixed + LINE_RESERVE > WRITER_LINE_MAX)
        return false;
    char *set = imap_uidset_text(&uid->set, &uid->range, WRITER_LINE_MAX - fixed);
    if (set == NULL)
        return false;
    uid->command.line = xasprintf("%s %s%s", uid->verb, set, uid->rest);
    free(set);
    return true;
}

static void uid_prepare(struct imap_session *session, struct command *command)
{
    struct uid_command *uid = (struct uid_command *)command;
    if (strcmp(uid->verb, "UID EXPUNGE") == 0 && !imap_session_has(session, "UIDPLUS"))
        command->refused = "the server does not offer UIDPLUS";
    else if (!writer_sendable(uid->rest) || !next_line(uid))
        command->refused = "empty set, or invalid arguments";
    else if (uid->range < uid->set.count)
        command->exclusive = true; /* nothing is sent between its lines */
}

static enum command_next uid_tagged(struct imap_session *session, struct command *command,
                                    const struct imap_text *text)
{
    (void)session;
    struct uid_command *uid = (struct uid_command *)command;
    if (text->status != IMAP_OK && !uid->failed) {
        command_text_keep(&uid->failure, text);
        uid->failed = true;
    }
    return next_line(uid) ? COMMAND_CONTINUES : COMMAND_ENDS;
}

static void uid_finish(struct imap_session *session, struct command *command,
                       const struct imap_result *result)
{
    const struct uid_command *uid = (const struct uid_command *)command;
    if (session->dead || command->done == NULL)
        return;
    struct imap_result first = *result;
    if (uid->failed && result->text != NULL) {
        first.kind = command_result_kind(&uid->failure);
        first.text = &uid->failure;
        first.reason = uid->failure.text[0] != '\0' ? uid->failure.text : result->reason;
    }
    command->done(command->arg, &first);
}

static void uid_release(struct command *command)
{
    struct uid_command *uid = (struct uid_command *)command;
    command_text_release(&uid->failure);
    imap_uidset_clear(&uid->set);
    free(uid->rest);
}

static void queue_uid(struct imap_session *session, const char *verb, const struct imap_uidset *set,
                      char *rest, imap_done *done, void *arg)
{
    static const struct command_class class = {
        .prepare = uid_prepare, .tagged = uid_tagged, .finish = uid_finish, .release = uid_release};
    struct uid_command *uid = command_new(sizeof(*uid), &class, done, arg);
    uid->verb = verb;
    uid->rest = rest;
    for (size_t i = 0; i < set->count; i++)
        (void)imap_uidset_add(&uid->set, set->ranges[i].first, set->ranges[i].last);
    command_queue(session, &uid->command);
}

void imap_fetch(struct imap_session *session, const struct imap_uidset *numbers, const char *items,
                imap_done *done, void *arg)
{
    queue_uid(session, "FETCH", numbers, xasprintf(" %s", items), done, arg);
}

void imap_uid_fetch(struct imap_session *session, const struct imap_uidset *set, const char *items,
                    imap_done *done, void *arg)
{
    queue_uid(session, "UID FETCH", set, xasprintf(" %s", items), done, arg);
}

void imap_uid_store(struct imap_session *session, const struct imap_uidset *set, const char *change,
                    imap_done *done, void *arg)
{
    queue_uid(session, "UID STORE", set, xasprintf(" %s", change), done, arg);
}

void imap_uid_expunge(struct imap_session *session, const struct imap_uidset *set, imap_done *done,
                      void *arg)
{
    queue_uid(session, "UID EXPUNGE", set, xstrdup(""), done, arg);
}
