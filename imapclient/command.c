#include "imapclient/session_private.h"

#include <assert.h>

#include <openssl/crypto.h>

#include "imapclient/wire/writer.h"

static const struct command_class plain_class = {0};

void *command_new(size_t size, const struct command_class *class, imap_done *done, void *arg)
{
    assert(size >= sizeof(struct command));
    struct command *command = xcalloc(1, size);
    command->class = class;
    command->done = done;
    command->arg = arg;
    return command;
}

void command_queue(struct imap_session *session, struct command *command)
{
    assert(!command->sent && !command->prepared);
    assert(!command->class->setup || session->login != NULL);
    if (command->class->setup)
        TAILQ_INSERT_HEAD(&session->waiting, command, link);
    else
        TAILQ_INSERT_TAIL(&session->waiting, command, link);
    session_wake(session);
}

void command_queue_line(struct imap_session *session, char *line, imap_done *done, void *arg)
{
    struct command *command = command_new(sizeof(*command), &plain_class, done, arg);
    command->line = line;
    command->refused = line == NULL ? "invalid argument" : NULL;
    command_queue(session, command);
}

static void free_line(struct command *command)
{
    if (command->secret && command->line != NULL)
        OPENSSL_cleanse(command->line, strlen(command->line));
    free(command->line);
    command->line = NULL;
}

static void command_free(struct command *command)
{
    if (command->class->release != NULL)
        command->class->release(command);
    free_line(command);
    free(command);
}

/* ---- sending ---- */

static void send_line(struct imap_session *session, struct command *command)
{
    char tag[16];
    int tag_len = snprintf(tag, sizeof(tag), "V%u ", command->number);
    assert(command->line != NULL && command->number != 0);
    struct evbuffer *out = transport_output(session->transport);
    evbuffer_add(out, tag, (size_t)tag_len);
    if (command->secret)
        transport_write_secret(session->transport, command->line, strlen(command->line));
    else
        evbuffer_add(out, command->line, strlen(command->line));
    evbuffer_add(out, "\r\n", 2);
    if (session->events.on_trace != NULL) {
        size_t shown = command->secret ? strcspn(command->line, " ") : strlen(command->line);
        char *line = xasprintf("%s%.*s%s", tag, (int)shown, command->line,
                               command->secret ? " (secret)" : "");
        session_trace(session, true, line, strlen(line));
        free(line);
    }
    free_line(command);
}

static void send_command(struct imap_session *session, struct command *command)
{
    assert(session->holder == NULL && !command->sent && command->refused == NULL);
    assert(!command->exclusive || TAILQ_EMPTY(&session->sent));
    TAILQ_REMOVE(&session->waiting, command, link);
    if (TAILQ_EMPTY(&session->sent))
        deadline_restart(session);
    TAILQ_INSERT_TAIL(&session->sent, command, link);
    command->number = ++session->last_number;
    command->sent = true;
    if (command->exclusive)
        session->holder = command;
    send_line(session, command);
    if (command->class->write != NULL && !session_is_over(session))
        command->class->write(session, command);
    deadline_arm(session);
}

static bool may_send(struct imap_session *session, const struct command *command)
{
    if (session->holder != NULL)
        return false;
    unsigned under_way = 0;
    const struct command *other;
    TAILQ_FOREACH(other, &session->sent, link)
        under_way++;
    return under_way < SESSION_PIPELINE_MAX && (!command->exclusive || under_way == 0);
}

/* false: the command was refused and freed. */
static bool prepare(struct imap_session *session, struct command *command)
{
    if (!command->prepared && command->refused == NULL && command->class->prepare != NULL)
        command->class->prepare(session, command);
    command->prepared = true;
    if (command->refused == NULL && command->line != NULL &&
        strlen(command->line) > WRITER_LINE_MAX)
        command->refused = "command line too long";
    if (command->refused != NULL) {
        command_end(session, command, IMAP_RESULT_INVALID, NULL, command->refused);
        return false;
    }
    return true;
}

void command_pump(struct imap_session *session)
{
    assert(session->busy > 0 && !session->in_feed);
    struct command *holder = session->holder;
    if (holder != NULL && holder->class->write != NULL)
        holder->class->write(session, holder);
    while (!session_is_over(session) && !TAILQ_EMPTY(&session->waiting)) {
        struct command *command = TAILQ_FIRST(&session->waiting);
        if (!command->class->setup && session->phase != IMAP_PHASE_READY)
            return;
        if (command->refused == NULL && !may_send(session, command))
            return;
        if (!prepare(session, command))
            continue;
        if (!may_send(session, command)) /* it turned out to be exclusive */
            return;
        send_command(session, command);
    }
}

/* ---- ending ---- */

void command_end(struct imap_session *session, struct command *command, enum imap_result_kind kind,
                 const struct imap_text *text, const char *reason)
{
    assert(text == NULL || kind <= IMAP_RESULT_BAD);
    assert(command->sent || kind >= IMAP_RESULT_UNSENT);
    TAILQ_REMOVE(command->sent ? &session->sent : &session->waiting, command, link);
    if (session->holder == command)
        session->holder = NULL;
    if (command->sent)
        deadline_restart(session);
    struct imap_result result = {.kind = kind, .text = text, .reason = reason};
    if (command->class->finish != NULL)
        command->class->finish(session, command, &result);
    else if (command->done != NULL && !session->dead)
        command->done(command->arg, &result);
    command_free(command);
}

void command_end_all(struct imap_session *session, const char *reason)
{
    assert(session->ending && session->transport == NULL);
    struct command *command;
    while (!session->dead && (command = TAILQ_FIRST(&session->sent)) != NULL)
        command_end(session, command, IMAP_RESULT_LOST, NULL, reason);
    while (!session->dead && (command = TAILQ_FIRST(&session->waiting)) != NULL) {
        enum imap_result_kind kind =
            command->refused != NULL ? IMAP_RESULT_INVALID : IMAP_RESULT_UNSENT;
        command_end(session, command, kind, NULL,
                    command->refused != NULL ? command->refused : reason);
    }
}

void command_free_all(struct imap_session *session)
{
    struct command *command;
    while ((command = TAILQ_FIRST(&session->sent)) != NULL) {
        TAILQ_REMOVE(&session->sent, command, link);
        command_free(command);
    }
    while ((command = TAILQ_FIRST(&session->waiting)) != NULL) {
        TAILQ_REMOVE(&session->waiting, command, link);
        command_free(command);
    }
    session->holder = NULL;
}

/* ---- replies ---- */

enum imap_result_kind command_result_kind(const struct imap_text *text)
{
    switch (text->status) {
    case IMAP_OK:
        return IMAP_RESULT_OK;
    case IMAP_NO:
        return IMAP_RESULT_NO;
    default:
        return IMAP_RESULT_BAD;
    }
}

static struct command *find_by_tag(struct imap_session *session, const char *tag)
{
    char mine[16];
    struct command *command;
    TAILQ_FOREACH(command, &session->sent, link) {
        snprintf(mine, sizeof(mine), "V%u", command->number);
        if (strcmp(mine, tag) == 0)
            return command;
    }
    return NULL;
}

static void next_line(struct imap_session *session, struct command *command)
{
    assert(command->sent && command->line != NULL);
    command->number = ++session->last_number;
    deadline_restart(session);
    send_line(session, command);
    deadline_arm(session);
}

void command_on_tagged(struct imap_session *session, const struct imap_response *response)
{
    struct command *command = find_by_tag(session, response->tag);
    if (command == NULL) {
        session->ignored++;
        return;
    }
    const struct imap_text *text = &response->text;
    if (text->status == IMAP_NO || text->status == IMAP_BAD) {
        unsigned backoff = imap_text_backoff(text);
        session->backoff = backoff != 0 ? backoff : session->backoff;
    }
    enum command_next next = command->class->tagged != NULL
                                 ? command->class->tagged(session, command, text)
                                 : COMMAND_ENDS;
    if (session_is_over(session) || next == COMMAND_PENDING)
        return;
    if (next == COMMAND_CONTINUES) {
        next_line(session, command);
        return;
    }
    const char *reason = text->text[0] != '\0' ? text->text : "no text given";
    command_end(session, command, command_result_kind(text), text, reason);
}

void command_on_plus(struct imap_session *session, const struct imap_text *text)
{
    if (session->holder == NULL || session->holder->class->plus == NULL) {
        session->ignored++;
        return;
    }
    session->holder->class->plus(session, session->holder, text);
}

/* ---- texts that are kept ---- */

void command_text_keep(struct imap_text *kept, const struct imap_text *text)
{
    *kept = *text;
    kept->uids = (struct imap_uidset){0};
    kept->code_text = xstrdup(text->code_text);
    kept->text = xstrdup(text->text);
}

void command_text_release(struct imap_text *kept)
{
    free((char *)kept->code_text);
    free((char *)kept->text);
    *kept = (struct imap_text){0};
}
