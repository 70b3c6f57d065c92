/*
 * An owner of a session that logs every callback, one line each, and a test's fixture: event loop,
 * server, session.
 *
 *   ready                       closed KIND PHASE: reason
 *   exists 3, expunge 2, fetch 1 uid 7, vanished 4:5, status NAME, list NAME, search 1,2, text OK
 *   begin 1 uid 7 [HEADER] 42   end 1      (the octets of bodies are in client->body)
 *   NAME: OK text               the result of a command: OK NO BAD LOST UNSENT INVALID
 */
#ifndef SCRIPTED_CLIENT_H
#define SCRIPTED_CLIENT_H

#include "imapclient/scripted_server.h"
#include "imapclient/session.h"

struct client_text {
    char *data;
    size_t len;
};

struct client {
    struct event_base *base;
    struct evdns_base *dns; /* NULL: addresses only */
    struct scripted_server *server;
    struct imap_session *session;
    struct imap_options options;
    struct client_text log, trace;
    char phases[400]; /* "resolve connect greeting ..." */
    struct evbuffer *body;
    void (*on_ready)(struct client *client);
    void (*on_untagged)(struct client *client, const struct imap_untagged *untagged);
    void (*on_data)(struct client *client);
    const char *awaited;
    /* The session is freed inside the callback whose line contains it, or "phase NAME". */
    const char *free_at;
    bool refuse_bodies, free_when_closed;
    uint64_t body_size;
};

/* options.host is 127.0.0.1, without TLS; a test sets other options before client_start(). */
void client_init(struct client *client);
void client_serve(struct client *client, const char *const *script);
void client_serve_tls(struct client *client, const char *const *script, SSL_CTX *tls, bool at_once);
void client_start(struct client *client);
/* Runs the loop until the log contains the text; fails the test after ten seconds. */
void client_await(struct client *client, const char *text);
/* Runs the loop until the script is finished; fails the test after ten seconds. */
void client_await_script(struct client *client);
/* Runs the loop for a while, to see that nothing more happens. */
void client_settle(struct client *client, unsigned milliseconds);
const char *client_log(const struct client *client);
const char *client_trace(const struct client *client);
bool client_logged(const struct client *client, const char *text);
/* Frees everything; the script must be finished. */
void client_finish(struct client *client);
/* Frees everything, even if steps of the script are left. */
void client_abandon(struct client *client);

/* Results for the log: arg must be a struct named_result that outlives the command. */
struct named_result {
    struct client *client;
    const char *name;
};
void client_done(void *arg, const struct imap_result *result);
void client_selected(void *arg, const struct imap_result *result,
                     const struct imap_mailbox *mailbox);
void client_idling(void *arg);
/* A named_result that lives as long as the client. */
void *client_named(struct client *client, const char *name);

/* For any session whose options.reply_timeout a test cannot set: a second. */
void session_shorten_deadlines(struct imap_session *session);

/* ---- how most scripts begin: alice logs in with "wonder" ---- */

#define GREETING "S * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hello"
#define LOG_IN "C AUTHENTICATE PLAIN AGFsaWNlAHdvbmRlcg=="
#define LOGGED_IN(capabilities) "T OK [CAPABILITY IMAP4rev1 " capabilities "] in"
#define BEGIN(capabilities) GREETING, LOG_IN, LOGGED_IN(capabilities)

#endif
