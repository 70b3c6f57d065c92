/*
 * APPEND and MULTIAPPEND (RFC 3502), streamed: a message is read from its source as fast as the
 * server accepts it, and never held whole in memory.
 *
 * A non-synchronising literal is used where the server offers it (RFC 7888), unless the message is
 * so large that the server should be able to refuse it first.
 */
#include "imapclient/session_private.h"
#include "imapclient/wire/writer.h"

#include <assert.h>

#define LITERAL_PLUS_BELOW 100000
#define LITERAL_MINUS_MAX 4096
#define PIECE_MAX (64 * 1024)

enum append_state {
    APPEND_WAITING,   /* for "+" */
    APPEND_STREAMING, /* the literal of messages[index] */
    APPEND_SENT,
};

struct append {
    struct command command;
    char *mailbox;
    struct imap_append_message *messages; /* their flags are copies */
    size_t n, index;
    uint64_t left; /* octets of the literal */
    struct evbuffer *staging;
    enum append_state state;
    bool stalled;
    bool begun;
    bool replied; /* before everything was sent */
    struct imap_text reply;
};

static bool is_synchronising(const struct imap_session *session,
                             const struct imap_append_message *message)
{
    uint64_t size = message->size;
    if (message->synchronise)
        return true;
    if (size < LITERAL_PLUS_BELOW && imap_session_has(session, "LITERAL+"))
        return false;
    return size > LITERAL_MINUS_MAX || !imap_session_has(session, "LITERAL-");
}

/* ` (\Seen) "date" {42}`: what precedes the literal of one message. */
static void add_message_head(const struct imap_session *session, struct evbuffer *out,
                             const struct imap_append_message *message)
{
    if (message->flags != NULL && message->flags[0] != '\0')
        evbuffer_add_printf(out, " (%s)", message->flags);
    if (message->has_date) {
        evbuffer_add(out, " ", 1);
        writer_date_time(out, message->date, message->date_zone);
    }
    evbuffer_add_printf(out, " {%llu%s}", (unsigned long long)message->size,
                        is_synchronising(session, message) ? "" : "+");
}

static void begin_message(struct imap_session *session, struct append *append)
{
    assert(append->index < append->n);
    const struct imap_append_message *message = &append->messages[append->index];
    append->left = message->size;
    append->state = is_synchronising(session, message) ? APPEND_WAITING : APPEND_STREAMING;
}

static const char *refusal(const struct imap_session *session, const struct append *append)
{
    if (append->n == 0)
        return "no message to append";
    if (append->n > 1 && !imap_session_has(session, "MULTIAPPEND"))
        return "the server does not offer MULTIAPPEND";
    for (size_t i = 0; i < append->n; i++) {
        const char *flags = append->messages[i].flags;
        if (flags != NULL && !writer_sendable(flags))
            return "invalid flags";
    }
    return NULL;
}

static void append_prepare(struct imap_session *session, struct command *command)
{
    struct append *append = (struct append *)command;
    command->refused = refusal(session, append);
    if (command->refused != NULL)
        return;
    struct evbuffer *line = memory_check(evbuffer_new());
    evbuffer_add_printf(line, "APPEND ");
    if (writer_mailbox(line, append->mailbox)) {
        add_message_head(session, line, &append->messages[0]);
        evbuffer_add(line, "", 1);
        command->line = xstrdup((const char *)evbuffer_pullup(line, -1));
    } else {
        command->refused = "invalid mailbox name";
    }
    evbuffer_free(line);
    for (size_t i = 0; i < append->n; i++)
        command->exclusive = command->exclusive || is_synchronising(session, &append->messages[i]);
    begin_message(session, append);
}

static void fail_source(struct imap_session *session, struct append *append)
{
    session_fail(session, IMAP_FAILURE_CLOSED,
                 "a message could not be sent completely: its source failed");
    command_end(session, &append->command, IMAP_RESULT_INVALID, NULL,
                "the source of the message failed");
}

/* Moves some octets. false: no more is possible now. */
static bool stream_piece(struct imap_session *session, struct append *append)
{
    assert(append->state == APPEND_STREAMING && append->left > 0);
    assert(evbuffer_get_length(append->staging) == 0);
    struct evbuffer *out = transport_output(session->transport);
    size_t queued = evbuffer_get_length(out);
    if (append->stalled || queued >= session->write_high)
        return false;
    size_t want = session->write_high - queued;
    want = want < PIECE_MAX ? want : PIECE_MAX;
    want = want < append->left ? want : (size_t)append->left;
    const struct imap_append_message *message = &append->messages[append->index];
    ssize_t got = message->read(message->arg, append->staging, want);
    if (session_is_over(session))
        return false;
    size_t given = evbuffer_get_length(append->staging);
    if (got < 0 || (size_t)got != given || given > want) {
        fail_source(session, append);
        return false;
    }
    append->stalled = got == 0;
    append->left -= given;
    evbuffer_add_buffer(out, append->staging);
    return got > 0;
}

static void finish_line(struct imap_session *session, struct append *append)
{
    assert(append->left == 0 && session->holder == &append->command);
    evbuffer_add(transport_output(session->transport), "\r\n", 2);
    append->state = APPEND_SENT;
    deadline_restart(session);
    if (append->replied) {
        const struct imap_text *text = &append->reply;
        command_end(session, &append->command, command_result_kind(text), text, text->text);
    } else if (!append->command.exclusive) {
        session->holder = NULL;
    }
}

static void next_message(struct imap_session *session, struct append *append)
{
    assert(append->left == 0);
    struct evbuffer *head = memory_check(evbuffer_new());
    append->index++;
    add_message_head(session, head, &append->messages[append->index]);
    size_t len = evbuffer_get_length(head);
    session_trace(session, true, (const char *)evbuffer_pullup(head, -1), len);
    evbuffer_add(head, "\r\n", 2);
    evbuffer_add_buffer(transport_output(session->transport), head);
    evbuffer_free(head);
    begin_message(session, append);
}

/* A stalled server may store what reaches it after minutes: a connection with an APPEND that is not
 * answered ends so that nothing more reaches it. */
static void begin_append(struct imap_session *session, struct append *append)
{
    append->begun = true;
    if (session->appends++ == 0)
        transport_set_abrupt(session->transport, true);
}

static void append_finish(struct imap_session *session, struct command *command,
                          const struct imap_result *result)
{
    struct append *append = (struct append *)command;
    if (append->begun && --session->appends == 0 && session->transport != NULL)
        transport_set_abrupt(session->transport, false);
    if (command->done != NULL && !session->dead)
        command->done(command->arg, result);
}

static void append_write(struct imap_session *session, struct command *command)
{
    struct append *append = (struct append *)command;
    if (!append->begun)
        begin_append(session, append);
    session->holder = append->state == APPEND_SENT ? session->holder : command;
    while (!session_is_over(session) && append->state == APPEND_STREAMING) {
        if (append->left > 0) {
            if (!stream_piece(session, append))
                return;
        } else if (append->replied || append->index + 1 == append->n) {
            finish_line(session, append);
            return; /* it may have been freed */
        } else {
            next_message(session, append);
        }
    }
}

static void append_plus(struct imap_session *session, struct command *command,
                        const struct imap_text *text)
{
    (void)text;
    struct append *append = (struct append *)command;
    if (append->state != APPEND_WAITING) {
        session->ignored++;
        return;
    }
    append->state = APPEND_STREAMING;
    append_write(session, command);
}

/* An announced literal must be completed, even if the server has already replied. */
static enum command_next append_tagged(struct imap_session *session, struct command *command,
                                       const struct imap_text *text)
{
    (void)session;
    struct append *append = (struct append *)command;
    if (append->state != APPEND_STREAMING)
        return COMMAND_ENDS;
    if (!append->replied) {
        append->replied = true;
        command_text_keep(&append->reply, text);
    }
    return COMMAND_PENDING;
}

static void append_release(struct command *command)
{
    struct append *append = (struct append *)command;
    for (size_t i = 0; i < append->n; i++)
        free((char *)append->messages[i].flags);
    free(append->messages);
    free(append->mailbox);
    command_text_release(&append->reply);
    evbuffer_free(append->staging);
}

static bool append_is_stalled(const struct command *command)
{
    const struct append *append = (const struct append *)command;
    return append->state == APPEND_STREAMING && append->stalled;
}

static const struct command_class append_class = {
    .prepare = append_prepare,
    .write = append_write,
    .plus = append_plus,
    .tagged = append_tagged,
    .is_stalled = append_is_stalled,
    .finish = append_finish,
    .release = append_release,
};

void imap_append(struct imap_session *session, const char *mailbox,
                 const struct imap_append_message *messages, size_t n, imap_done *done, void *arg)
{
    struct append *append = command_new(sizeof(*append), &append_class, done, arg);
    append->mailbox = xstrdup(mailbox);
    append->messages = xcalloc(n, sizeof(*messages));
    append->n = n;
    append->staging = memory_check(evbuffer_new());
    for (size_t i = 0; i < n; i++) {
        append->messages[i] = messages[i];
        append->messages[i].flags = messages[i].flags != NULL ? xstrdup(messages[i].flags) : NULL;
    }
    command_queue(session, &append->command);
}

void imap_append_ready(struct imap_session *session)
{
    if (session->holder != NULL && session->holder->class == &append_class &&
        append_is_stalled(session->holder))
        ((struct append *)session->holder)->stalled = false;
    session_wake(session);
}
