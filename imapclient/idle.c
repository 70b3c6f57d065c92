/* IDLE, RFC 2177. */
#include "imapclient/session_private.h"

#include <assert.h>

struct idle {
    struct command command;
    void (*on_idling)(void *arg);
    bool idling; /* "+" has arrived */
    bool stop;   /* DONE is wanted */
    bool done_sent;
};

static void send_done(struct imap_session *session, struct idle *idle)
{
    assert(idle->idling && !idle->done_sent && session->holder == &idle->command);
    evbuffer_add(transport_output(session->transport), "DONE\r\n", 6);
    session_trace(session, true, "DONE", 4);
    idle->done_sent = true;
    /* Commands may follow DONE at once. */
    session->holder = NULL;
    deadline_restart(session);
    deadline_arm(session);
}

/* As the holder: another command is waiting, or imap_idle_stop() was called. */
static void idle_write(struct imap_session *session, struct command *command)
{
    struct idle *idle = (struct idle *)command;
    if (idle->idling && (idle->stop || !TAILQ_EMPTY(&session->waiting)))
        send_done(session, idle);
}

static void idle_plus(struct imap_session *session, struct command *command,
                      const struct imap_text *text)
{
    (void)text; /* "+ idling", "+ entering idle mode", "+": all the same */
    struct idle *idle = (struct idle *)command;
    if (idle->idling) {
        session->ignored++;
        return;
    }
    idle->idling = true;
    if (idle->on_idling != NULL)
        idle->on_idling(command->arg);
}

static void idle_prepare(struct imap_session *session, struct command *command)
{
    if (imap_session_has(session, "IDLE"))
        command->line = xstrdup("IDLE");
    else
        command->refused = "the server does not offer IDLE";
}

static bool idle_is_quiet(const struct command *command)
{
    return ((const struct idle *)command)->idling;
}

static const struct command_class idle_class = {
    .prepare = idle_prepare, .write = idle_write, .plus = idle_plus, .is_quiet = idle_is_quiet};

void imap_idle(struct imap_session *session, void (*on_idling)(void *arg), imap_done *done,
               void *arg)
{
    struct idle *idle = command_new(sizeof(*idle), &idle_class, done, arg);
    idle->command.exclusive = true;
    idle->on_idling = on_idling;
    command_queue(session, &idle->command);
}

void imap_idle_stop(struct imap_session *session)
{
    struct command *command;
    TAILQ_FOREACH(command, &session->waiting, link)
        if (command->class == &idle_class)
            ((struct idle *)command)->stop = true;
    if (session->holder != NULL && session->holder->class == &idle_class) {
        ((struct idle *)session->holder)->stop = true;
        session_wake(session);
    }
}
