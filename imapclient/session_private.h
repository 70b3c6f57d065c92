/*
 * The session itself, shared by the files that implement session.h.
 *
 * Every entry from the event loop is bracketed by enter() and leave() of session.c: a session
 * freed inside a callback is destroyed by the last leave(). After any callback to the owner, check
 * session_is_over() before touching more than the session itself.
 */
#ifndef IMAPCLIENT_SESSION_PRIVATE_H
#define IMAPCLIENT_SESSION_PRIVATE_H

#include <event2/event_struct.h>

#include "imapclient/command.h"
#include "imapclient/grammar/grammar.h"
#include "imapclient/session.h"
#include "imapclient/util/memory.h"
#include "imapclient/wire/framing.h"
#include "imapclient/wire/transport.h"

#define SESSION_PIPELINE_MAX 64 /* commands in flight at a time */

struct login;

struct imap_session {
    struct imap_events events;
    void *arg;
    struct transport *transport;
    struct framing *framing;
    struct login *login; /* NULL once the session is ready */
    struct command_list waiting, sent;
    struct command *holder; /* one of sent; nothing is sent after it */
    struct event wake;      /* there is work to do from the event loop */
    struct event timer;

    char *capabilities;
    char *server_id;
    char *selected; /* mailbox opened for writing, NULL otherwise */
    char *failure_reason;
    struct certificate_chain *certificates; /* after the transport is freed */
    const char *tls_version;                /* likewise; a constant of OpenSSL */
    uint64_t units, ignored;
    uint64_t progress_at, started_at, paused_at, connect_until; /* milliseconds, deadline.c */
    size_t write_high, unsent;
    unsigned appends; /* sent, and not answered */
    enum imap_phase phase;
    enum imap_phase reported; /* to on_phase; READY: none yet */
    enum imap_failure_kind failure;
    unsigned backoff;
    unsigned last_number;
    unsigned reply_timeout, command_timeout, connect_timeout;
    unsigned busy, pauses;
    bool in_feed, in_body, body_wanted, body_streamed;
    bool starttls_agreed, qresync, condstore, logging_out;
    bool hide_idle, hide_notify, send_logout, bye;
    bool ending; /* a failure is recorded; on_wake() ends the session */
    bool closed; /* on_closed was called */
    bool dead;   /* freed by its owner */
};

/* session_state.c */
bool session_is_over(const struct imap_session *session);
/* As the class of the holder says (command.h); false without a holder. */
bool session_is_quiet(const struct imap_session *session);
bool session_is_stalled(const struct imap_session *session);
void session_wake(struct imap_session *session);
/* Records why the session ends; only the first failure counts. */
__attribute__((format(printf, 3, 4))) void
session_fail(struct imap_session *session, enum imap_failure_kind kind, const char *format, ...);
/* As session_fail(), for a refusal by the server: its text may change kind and backoff. */
void session_fail_text(struct imap_session *session, enum imap_failure_kind kind, const char *what,
                       const struct imap_text *text);
/* The only way to change it; asserts that the change is a legal one. */
void session_set_phase(struct imap_session *session, enum imap_phase phase);
/* Reports that a phase begins, unless it was reported already. */
void session_report_phase(struct imap_session *session, enum imap_phase phase);
void session_ready(struct imap_session *session);
void session_trace(struct imap_session *session, bool sent, const char *line, size_t len);

/* receive.c */
const struct framing_sink *receive_sink(void);
void receive_feed(struct imap_session *session);
struct grammar *receive_grammar_acquire(void);
void receive_grammar_release(void);

/* deadline.c */
void deadline_connecting(struct imap_session *session);
/* A command was sent, or became the first of those in flight. */
void deadline_restart(struct imap_session *session);
void deadline_arm(struct imap_session *session);
void deadline_progress(struct imap_session *session, bool of_literal);
void deadline_pause(struct imap_session *session);
void deadline_resume(struct imap_session *session);
void deadline_check(struct imap_session *session);

/* capability.c */
void capability_set(struct imap_session *session, const char *atoms);
void capability_set_words(struct imap_session *session, const char *const *words, size_t n);
void capability_set_id(struct imap_session *session, const char *const *words, size_t n);

/* login.c */
struct login *login_new(const struct imap_options *options);
void login_free(struct login *login);
/* The transport is up, for the first time or after STARTTLS. */
void login_up(struct imap_session *session);
void login_greeting(struct imap_session *session, const struct imap_untagged *untagged);
/* The capabilities arrived, in a response or a response code. */
void login_capability_received(struct imap_session *session);

#endif
