/*
 * Deadlines: a session ends when the server stays silent or never finishes a reply.
 *
 * One timer per session. Until the session is ready it covers everything up to the login; then it
 * covers the first of the commands in flight: reply_timeout since the last octet from the server,
 * and command_timeout since the command became the first or a literal last made progress.
 */
#include "imapclient/session_private.h"

#include "imapclient/util/milliseconds.h"
#include <assert.h>

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void arm_for(struct imap_session *session, uint64_t ms)
{
    struct timeval delay = milliseconds(ms);
    evtimer_add(&session->timer, &delay);
}

static bool expects_reply(const struct imap_session *session)
{
    return !TAILQ_EMPTY(&session->sent) && !session_is_quiet(session);
}

void deadline_connecting(struct imap_session *session)
{
    session->connect_until = now_ms() + session->connect_timeout * 1000ull;
    arm_for(session, session->connect_timeout * 1000ull);
}

void deadline_restart(struct imap_session *session)
{
    session->started_at = session->progress_at = now_ms();
}

void deadline_arm(struct imap_session *session)
{
    if (session->phase != IMAP_PHASE_READY || session->pauses > 0 || session_is_over(session) ||
        !expects_reply(session) || evtimer_pending(&session->timer, NULL))
        return;
    session->unsent = transport_unsent(session->transport);
    unsigned first = session->reply_timeout < session->command_timeout ? session->reply_timeout
                                                                       : session->command_timeout;
    arm_for(session, first * 1000ull);
}

void deadline_progress(struct imap_session *session, bool of_literal)
{
    session->progress_at = now_ms();
    if (of_literal)
        session->started_at = session->progress_at;
}

void deadline_pause(struct imap_session *session)
{
    session->paused_at = now_ms();
    if (session->phase == IMAP_PHASE_READY)
        evtimer_del(&session->timer);
}

void deadline_resume(struct imap_session *session)
{
    assert(session->pauses == 0);
    uint64_t paused_for = now_ms() - session->paused_at;
    session->progress_at += paused_for;
    session->started_at += paused_for;
    deadline_arm(session);
}

static void check_connecting(struct imap_session *session)
{
    static const char *const doing[] = {
        [IMAP_PHASE_RESOLVE] = "resolving the host name",
        [IMAP_PHASE_CONNECT] = "connecting",
        [IMAP_PHASE_TLS] = "in the TLS handshake",
        [IMAP_PHASE_GREETING] = "waiting for the greeting",
        [IMAP_PHASE_CAPABILITY] = "waiting for the reply to CAPABILITY",
        [IMAP_PHASE_AUTH] = "logging in",
    };
    uint64_t now = now_ms();
    if (now < session->connect_until) {
        arm_for(session, session->connect_until - now);
        return;
    }
    enum imap_phase phase =
        session->phase < IMAP_PHASE_GREETING ? transport_phase(session->transport) : session->phase;
    assert(phase <= IMAP_PHASE_AUTH);
    session_fail(session, IMAP_FAILURE_TIMEOUT, "timed out after %u seconds %s",
                 session->connect_timeout, doing[phase]);
}

/* Output that drains counts as progress. */
static void check_output(struct imap_session *session)
{
    size_t unsent = transport_unsent(session->transport);
    if (unsent < session->unsent || session_is_stalled(session))
        deadline_progress(session, true);
    session->unsent = unsent;
}

void deadline_check(struct imap_session *session)
{
    if (session_is_over(session))
        return;
    if (session->phase != IMAP_PHASE_READY) {
        check_connecting(session);
        return;
    }
    if (session->pauses > 0 || !expects_reply(session))
        return;
    check_output(session);
    uint64_t now = now_ms();
    uint64_t silent_until = session->progress_at + session->reply_timeout * 1000ull;
    uint64_t end = session->started_at + session->command_timeout * 1000ull;
    if (now >= silent_until) {
        session_fail(session, IMAP_FAILURE_TIMEOUT, "no reply to a command within %u seconds",
                     session->reply_timeout);
    } else if (now >= end) {
        session_fail(session, IMAP_FAILURE_TIMEOUT, "a command was not completed within %u seconds",
                     session->command_timeout);
    } else {
        arm_for(session, (silent_until < end ? silent_until : end) - now);
    }
}
