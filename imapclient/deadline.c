/*
 * Deadlines, RFC-less common sense: a server that is silent, or talks without end, loses us.
 *
 * One timer a session. Until the session is ready it guards the whole sign-in; then it guards the
 * first of the commands under way: reply_timeout since the last octet of the server, and
 * command_timeout since the command became the first or since a literal last moved.
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
        [IMAP_PHASE_RESOLVE] = "while the name was looked up",
        [IMAP_PHASE_CONNECT] = "while connecting",
        [IMAP_PHASE_TLS] = "in the TLS handshake",
        [IMAP_PHASE_GREETING] = "while waiting for the greeting",
        [IMAP_PHASE_CAPABILITY] = "to CAPABILITY",
        [IMAP_PHASE_AUTH] = "to the sign-in",
    };
    uint64_t now = now_ms();
    if (now < session->connect_until) {
        arm_for(session, session->connect_until - now);
        return;
    }
    enum imap_phase phase =
        session->phase < IMAP_PHASE_GREETING ? transport_phase(session->transport) : session->phase;
    if (phase > IMAP_PHASE_AUTH)
        phase = IMAP_PHASE_AUTH;
    session_fail(session, IMAP_FAILURE_TIMEOUT, "no answer %s within %u seconds", doing[phase],
                 session->connect_timeout);
}

/* What is on its way out counts as progress when it has become less. */
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
