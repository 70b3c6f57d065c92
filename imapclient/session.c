#include "imapclient/session_private.h"

#include <assert.h>

/* ---- the end ---- */

/* Not after BYE, nor before the greeting is complete, nor twice. */
static void send_logout(struct imap_session *session)
{
    if (!session->send_logout || session->bye || session->logging_out || session->in_body ||
        session->phase <= IMAP_PHASE_GREETING)
        return;
    char line[32];
    snprintf(line, sizeof(line), "V%u LOGOUT\r\n", session->last_number + 1);
    transport_write_last(session->transport, line);
}

/* What the transport knows is still available later. */
static void drop_transport(struct imap_session *session)
{
    if (session->transport == NULL)
        return;
    const struct certificate_chain *seen = transport_certificates(session->transport);
    if (seen != NULL) {
        session->certificates = xmalloc(sizeof(*seen));
        *session->certificates = *seen;
    }
    session->tls_version = transport_tls_version(session->transport);
    send_logout(session);
    transport_free(session->transport);
    session->transport = NULL;
}

static void destroy(struct imap_session *session)
{
    assert(session->dead && session->busy == 0);
    event_del(&session->wake);
    event_del(&session->timer);
    drop_transport(session);
    command_free_all(session);
    framing_free(session->framing);
    receive_grammar_release();
    login_free(session->login);
    free(session->capabilities);
    free(session->server_id);
    free(session->selected);
    free(session->failure_reason);
    free(session->certificates);
    free(session);
}

void imap_session_free(struct imap_session *session)
{
    if (session == NULL || session->dead)
        return;
    session->dead = true;
    session->events = (struct imap_events){0};
    if (session->in_feed)
        framing_stop(session->framing);
    if (session->busy == 0)
        destroy(session);
}

static void enter(struct imap_session *session)
{
    session->busy++;
}

static void leave(struct imap_session *session)
{
    assert(session->busy > 0);
    if (--session->busy == 0 && session->dead)
        destroy(session);
}

static void end_session(struct imap_session *session)
{
    assert(session->ending && !session->closed && !session->in_feed);
    drop_transport(session);
    event_del(&session->timer);
    if (session->in_body && session->body_wanted && session->events.on_body_end != NULL)
        session->events.on_body_end(session->arg, false);
    session->in_body = false;
    command_end_all(session, session->failure_reason);
    assert(session->dead || (TAILQ_EMPTY(&session->sent) && session->holder == NULL));
    session->closed = true;
    if (session->events.on_closed == NULL) /* freed meanwhile, or not set */
        return;
    struct imap_failure failure = {
        .kind = session->failure,
        .phase = session->phase,
        .reason = session->failure_reason,
        .backoff = session->backoff,
    };
    session->events.on_closed(session->arg, &failure);
}

/* ---- from the event loop ---- */

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct imap_session *session = arg;
    enter(session);
    if (session->ending) {
        if (!session->closed && !session->dead)
            end_session(session);
    } else if (session->phase == IMAP_PHASE_RESOLVE &&
               transport_phase(session->transport) == IMAP_PHASE_RESOLVE) {
        session_set_phase(session, IMAP_PHASE_CONNECT); /* see transport_phase() until it is up */
        transport_open(session->transport);
    } else if (transport_input(session->transport) != NULL &&
               session->phase >= IMAP_PHASE_GREETING) {
        receive_feed(session);
        if (!session_is_over(session))
            command_pump(session);
    }
    leave(session);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    deadline_check(arg);
}

static void on_up(void *arg)
{
    struct imap_session *session = arg;
    enter(session);
    transport_set_low_mark(session->transport, session->write_high / 2);
    if (session->pauses > 0)
        transport_set_reading(session->transport, false);
    login_up(session);
    command_pump(session);
    leave(session);
}

static void on_readable(void *arg)
{
    struct imap_session *session = arg;
    enter(session);
    receive_feed(session);
    if (!session_is_over(session))
        command_pump(session);
    leave(session);
}

static void on_writable(void *arg)
{
    struct imap_session *session = arg;
    enter(session);
    if (!session_is_over(session))
        command_pump(session);
    leave(session);
}

static void on_down(void *arg, enum imap_failure_kind kind, const char *reason)
{
    struct imap_session *session = arg;
    if (session->phase < IMAP_PHASE_GREETING)
        session_set_phase(session, transport_phase(session->transport));
    enter(session);
    if (kind == IMAP_FAILURE_CLOSED && !session_is_over(session))
        receive_feed(session); /* there may be a BYE, which says more */
    session_fail(session, kind, "%s", reason);
    leave(session);
}

/* ---- the beginning ---- */

static unsigned or_default(unsigned value, unsigned fallback)
{
    return value != 0 ? value : fallback;
}

static void on_transport_phase(void *arg, enum imap_phase phase)
{
    struct imap_session *session = arg;
    enter(session);
    if (!session_is_over(session))
        session_report_phase(session, phase);
    leave(session);
}

static void open_transport(struct imap_session *session, struct event_base *base,
                           struct evdns_base *dns, const struct imap_options *options)
{
    static const struct transport_events events = {
        .up = on_up,
        .readable = on_readable,
        .writable = on_writable,
        .down = on_down,
        .phase = on_transport_phase,
    };
    struct transport_options how = {
        .host = options->host,
        .port = options->port,
        .tls_at_once = options->security == IMAP_SECURITY_TLS,
        .loopback_only = options->security == IMAP_SECURITY_NONE,
        .tls = options->tls,
        .timeout = session->connect_timeout,
        .address = options->address,
        .address_len = options->address_len,
        .record_certificates = options->record_certificates,
    };
    session->transport = transport_new(base, dns, &how, &events, session);
}

struct imap_session *imap_session_new(struct event_base *base, struct evdns_base *dns,
                                      const struct imap_options *options,
                                      const struct imap_events *events, void *arg)
{
    struct imap_session *session = xcalloc(1, sizeof(*session));
    session->events = *events;
    session->arg = arg;
    session->connect_timeout = or_default(options->connect_timeout, 30);
    session->reply_timeout = or_default(options->reply_timeout, 60);
    session->command_timeout = or_default(options->command_timeout, 600);
    session->write_high = options->write_high != 0 ? options->write_high : 256 * 1024;
    session->hide_idle = options->hide_idle;
    session->hide_notify = options->hide_notify;
    session->send_logout = options->send_logout;
    session->reported = IMAP_PHASE_READY;
    session->capabilities = xstrdup("");
    TAILQ_INIT(&session->waiting);
    TAILQ_INIT(&session->sent);
    event_assign(&session->wake, base, -1, 0, on_wake, session);
    evtimer_assign(&session->timer, base, on_timer, session);
    session->login = login_new(options);
    session->framing = framing_new(receive_sink(), session, options->body_max);
    receive_grammar_acquire();
    open_transport(session, base, dns, options);
    deadline_connecting(session);
    session_wake(session);
    return session;
}

/* ---- requests of the owner ---- */

static void logout_finish(struct imap_session *session, struct command *command,
                          const struct imap_result *result)
{
    (void)command;
    (void)result;
    session_fail(session, IMAP_FAILURE_LOGOUT, "logged out");
}

static void logout_prepare(struct imap_session *session, struct command *command)
{
    session->logging_out = true;
    command->line = xstrdup("LOGOUT");
}

void imap_session_logout(struct imap_session *session)
{
    static const struct command_class logout = {.prepare = logout_prepare, .finish = logout_finish};
    if (session->phase != IMAP_PHASE_READY) {
        session_fail(session, IMAP_FAILURE_LOGOUT, "logged out before the session was ready");
        return;
    }
    struct command *command = command_new(sizeof(*command), &logout, NULL, NULL);
    command->exclusive = true;
    command_queue(session, command);
}

void imap_session_pause(struct imap_session *session)
{
    if (session->pauses++ > 0 || session->transport == NULL)
        return;
    transport_set_reading(session->transport, false);
    deadline_pause(session);
    if (session->in_feed)
        framing_stop(session->framing);
}

void imap_session_resume(struct imap_session *session)
{
    if (session->pauses == 0 || --session->pauses > 0 || session->transport == NULL)
        return;
    transport_set_reading(session->transport, true);
    deadline_resume(session);
    session_wake(session);
}

const char *imap_session_tls_version(const struct imap_session *session)
{
    if (session->transport != NULL)
        return transport_tls_version(session->transport);
    return session->tls_version != NULL ? session->tls_version : "";
}

const struct certificate_chain *imap_session_certificates(const struct imap_session *session)
{
    return session->transport != NULL ? transport_certificates(session->transport)
                                      : session->certificates;
}

void imap_session_counters(const struct imap_session *session, uint64_t *ignored, uint64_t *units)
{
    *ignored = session->ignored;
    *units = session->units;
}
