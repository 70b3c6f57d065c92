/*
 * The state of the session that all its files need: whether it is over, why it ends, its phase.
 */
#include "imapclient/session_private.h"

#include <assert.h>
#include <stdarg.h>

#include "imapclient/text/printable.h"

#define REASON_MAX 500

bool session_is_over(const struct imap_session *session)
{
    return session->ending || session->dead;
}

bool session_is_quiet(const struct imap_session *session)
{
    const struct command *holder = session->holder;
    return holder != NULL && holder->class->is_quiet != NULL && holder->class->is_quiet(holder);
}

bool session_is_stalled(const struct imap_session *session)
{
    const struct command *holder = session->holder;
    return holder != NULL && holder->class->is_stalled != NULL && holder->class->is_stalled(holder);
}

void session_wake(struct imap_session *session)
{
    event_active(&session->wake, EV_TIMEOUT, 1);
}

void session_trace(struct imap_session *session, bool sent, const char *line, size_t len)
{
    if (session->events.on_trace != NULL)
        session->events.on_trace(session->arg, sent, line, len);
}

/* ---- phases ---- */

#define BIT(phase) (1u << (phase))

void session_set_phase(struct imap_session *session, enum imap_phase phase)
{
    /* The legal successors. Until the transport is up the session is in CONNECT; if the transport
     * fails, its own phase replaces that. */
    static const unsigned next[] = {
        [IMAP_PHASE_RESOLVE] = BIT(IMAP_PHASE_CONNECT),
        [IMAP_PHASE_CONNECT] = BIT(IMAP_PHASE_RESOLVE) | BIT(IMAP_PHASE_CONNECT) |
                               BIT(IMAP_PHASE_TLS) | BIT(IMAP_PHASE_GREETING),
        [IMAP_PHASE_TLS] = BIT(IMAP_PHASE_TLS) | BIT(IMAP_PHASE_CAPABILITY),
        [IMAP_PHASE_GREETING] = BIT(IMAP_PHASE_CAPABILITY),
        /* STARTTLS; AUTHENTICATE or LOGIN; neither, after PREAUTH */
        [IMAP_PHASE_CAPABILITY] =
            BIT(IMAP_PHASE_TLS) | BIT(IMAP_PHASE_AUTH) | BIT(IMAP_PHASE_READY),
        [IMAP_PHASE_AUTH] = BIT(IMAP_PHASE_READY),
        [IMAP_PHASE_READY] = 0,
    };
    (void)next; /* without assertions */
    assert((next[session->phase] & BIT(phase)) != 0);
    session->phase = phase;
}

void session_report_phase(struct imap_session *session, enum imap_phase phase)
{
    if (session->reported == phase)
        return;
    session->reported = phase;
    if (session->events.on_phase != NULL)
        session->events.on_phase(session->arg, phase);
}

void session_ready(struct imap_session *session)
{
    assert(session->login == NULL);
    session_set_phase(session, IMAP_PHASE_READY);
    evtimer_del(&session->timer);
    session_report_phase(session, IMAP_PHASE_READY);
    if (!session_is_over(session) && session->events.on_ready != NULL)
        session->events.on_ready(session->arg);
}

/* ---- failures ---- */

static void note_failure(struct imap_session *session, enum imap_failure_kind kind, char *reason)
{
    bool asked_for =
        session->logging_out && (kind == IMAP_FAILURE_CLOSED || kind == IMAP_FAILURE_TIMEOUT);
    assert(!session->ending && !session->closed && session->failure_reason == NULL);
    session->ending = true;
    session->failure = asked_for ? IMAP_FAILURE_LOGOUT : kind;
    session->failure_reason = reason;
    if (strlen(reason) > REASON_MAX)
        reason[REASON_MAX] = '\0';
    text_printable(reason, PRINTABLE_UTF8);
    if (session->in_feed)
        framing_stop(session->framing);
    session_wake(session);
}

void session_fail(struct imap_session *session, enum imap_failure_kind kind, const char *format,
                  ...)
{
    if (session_is_over(session))
        return;
    va_list args;
    va_start(args, format);
    char *reason = xvasprintf(format, args);
    va_end(args);
    note_failure(session, kind, reason);
}

void session_fail_text(struct imap_session *session, enum imap_failure_kind kind, const char *what,
                       const struct imap_text *text)
{
    unsigned backoff = imap_text_backoff(text);
    session->backoff = backoff != 0 ? backoff : session->backoff;
    switch (text->code) {
    case IMAP_CODE_UNAVAILABLE:
    case IMAP_CODE_INUSE:
    case IMAP_CODE_LIMIT:
        kind = IMAP_FAILURE_UNAVAILABLE;
        break;
    case IMAP_CODE_AUTHENTICATIONFAILED:
    case IMAP_CODE_AUTHORIZATIONFAILED:
    case IMAP_CODE_EXPIRED:
        kind = IMAP_FAILURE_AUTH;
        break;
    default:
        kind = backoff != 0 ? IMAP_FAILURE_UNAVAILABLE : kind;
        break;
    }
    session_fail(session, kind, "%s: %s", what,
                 text->text[0] != '\0' ? text->text : "no reason given");
}
