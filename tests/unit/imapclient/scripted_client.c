#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "imapclient/scripted_client.h"
#include "imapclient/session_private.h"
#include "imapclient/util/memory.h"

#define PATIENCE 10 /* seconds */
#define NAMED_MAX 128
#define LOG_MAX (16 * 1024)

static struct named_result named[NAMED_MAX];
static size_t named_used;

static const char *const kinds[] = {
    [IMAP_RESULT_OK] = "OK",     [IMAP_RESULT_NO] = "NO",         [IMAP_RESULT_BAD] = "BAD",
    [IMAP_RESULT_LOST] = "LOST", [IMAP_RESULT_UNSENT] = "UNSENT", [IMAP_RESULT_INVALID] = "INVALID",
};
static const char *const failures[] = {
    [IMAP_FAILURE_RESOLVE] = "RESOLVE", [IMAP_FAILURE_CONNECT] = "CONNECT",
    [IMAP_FAILURE_TLS] = "TLS",         [IMAP_FAILURE_PROTOCOL] = "PROTOCOL",
    [IMAP_FAILURE_AUTH] = "AUTH",       [IMAP_FAILURE_UNAVAILABLE] = "UNAVAILABLE",
    [IMAP_FAILURE_TIMEOUT] = "TIMEOUT", [IMAP_FAILURE_CLOSED] = "CLOSED",
    [IMAP_FAILURE_LOGOUT] = "LOGOUT",
};
static const char *const phases[] = {
    [IMAP_PHASE_RESOLVE] = "resolve",
    [IMAP_PHASE_CONNECT] = "connect",
    [IMAP_PHASE_TLS] = "tls",
    [IMAP_PHASE_GREETING] = "greeting",
    [IMAP_PHASE_CAPABILITY] = "capability",
    [IMAP_PHASE_AUTH] = "auth",
    [IMAP_PHASE_READY] = "ready",
};

static void append_line(struct client_text *text, const char *line, size_t len)
{
    text->data = xrealloc(text->data, text->len + len + 2);
    memcpy(text->data + text->len, line, len);
    text->len += len;
    text->data[text->len++] = '\n';
    text->data[text->len] = '\0';
}

static void free_if_due(struct client *client, const char *line)
{
    if (client->free_at == NULL || strstr(line, client->free_at) == NULL)
        return;
    imap_session_free(client->session);
    client->session = NULL;
    client->free_at = NULL;
}

__attribute__((format(printf, 2, 3))) static void note(struct client *client, const char *format,
                                                       ...)
{
    va_list args;
    va_start(args, format);
    char line[1000];
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    append_line(&client->log, line, strlen(line));
    if (client->awaited != NULL && client_logged(client, client->awaited))
        event_base_loopbreak(client->base);
    free_if_due(client, line);
}

const char *client_log(const struct client *client)
{
    return client->log.data != NULL ? client->log.data : "";
}

const char *client_trace(const struct client *client)
{
    return client->trace.data != NULL ? client->trace.data : "";
}

bool client_logged(const struct client *client, const char *text)
{
    return strstr(client_log(client), text) != NULL;
}

/* ---- callbacks of the session ---- */

static void on_ready(void *arg)
{
    struct client *client = arg;
    note(client, "ready");
    if (client->session != NULL && client->on_ready != NULL)
        client->on_ready(client);
}

static void on_closed(void *arg, const struct imap_failure *failure)
{
    struct client *client = arg;
    note(client, "closed %s %s: %s%s", failures[failure->kind], phases[failure->phase],
         failure->reason, failure->backoff != 0 ? " (backoff)" : "");
    if (client->free_when_closed) {
        imap_session_free(client->session);
        client->session = NULL;
    }
}

static void note_set(struct client *client, const char *what, const struct imap_uidset *set)
{
    size_t range = 0;
    char *text = imap_uidset_text(set, &range, 4000);
    note(client, "%s %s", what, text != NULL ? text : "");
    free(text);
}

static void on_untagged(void *arg, const struct imap_untagged *untagged)
{
    struct client *client = arg;
    if (client->log.len > LOG_MAX) /* a server that never stops sending */
        return;
    switch (untagged->kind) {
    case IMAP_UNTAGGED_EXISTS:
        note(client, "exists %u", untagged->number);
        break;
    case IMAP_UNTAGGED_EXPUNGE:
        note(client, "expunge %u", untagged->number);
        break;
    case IMAP_UNTAGGED_FETCH:
        note(client, "fetch %u uid %u%s", untagged->fetch.seq, untagged->fetch.uid,
             untagged->fetch.body_is_nil ? " nil" : "");
        break;
    case IMAP_UNTAGGED_VANISHED:
        note_set(client, untagged->earlier ? "vanished earlier" : "vanished", &untagged->uids);
        break;
    case IMAP_UNTAGGED_SEARCH:
        note_set(client, "search", &untagged->uids);
        break;
    case IMAP_UNTAGGED_STATUS_DATA:
        note(client, "status %s messages %u uidnext %u", untagged->mailbox_status.mailbox,
             untagged->mailbox_status.messages, untagged->mailbox_status.uidnext);
        break;
    case IMAP_UNTAGGED_LIST:
        note(client, "list %s%s", untagged->list.mailbox,
             (untagged->list.flags & IMAP_LIST_SENT) != 0 ? " sent" : "");
        break;
    case IMAP_UNTAGGED_STATUS:
        note(client, "text %s", untagged->text.text);
        break;
    default:
        break;
    }
    if (client->session != NULL && client->on_untagged != NULL)
        client->on_untagged(client, untagged);
}

static bool on_body_begin(void *arg, const struct imap_body *body)
{
    struct client *client = arg;
    note(client, "begin %u uid %u [%s] %llu", body->seq, body->uid, body->section,
         (unsigned long long)body->size);
    return !client->refuse_bodies;
}

static void on_body_data(void *arg, const unsigned char *data, size_t len)
{
    struct client *client = arg;
    client->body_size += len;
    if (evbuffer_get_length(client->body) < 1024 * 1024)
        evbuffer_add(client->body, data, len);
    if (client->on_data != NULL)
        client->on_data(client);
}

static void on_body_end(void *arg, bool complete)
{
    note(arg, "end %d", complete);
}

static void on_trace(void *arg, bool sent, const char *line, size_t len)
{
    struct client *client = arg;
    if (client->trace.len < LOG_MAX) {
        char shown[1000];
        int used = snprintf(shown, sizeof(shown), "%c: %.*s", sent ? 'C' : 'S',
                            (int)(len < 900 ? len : 900), line);
        append_line(&client->trace, shown, (size_t)used);
    }
}

static void on_phase(void *arg, enum imap_phase phase)
{
    struct client *client = arg;
    size_t len = strlen(client->phases);
    snprintf(client->phases + len, sizeof(client->phases) - len, "%s%s", len > 0 ? " " : "",
             phases[phase]);
    char line[32];
    snprintf(line, sizeof(line), "phase %s", phases[phase]);
    free_if_due(client, line);
}

void *client_named(struct client *client, const char *name)
{
    assert_true(named_used < NAMED_MAX);
    named[named_used] = (struct named_result){client, name};
    return &named[named_used++];
}

void client_done(void *arg, const struct imap_result *result)
{
    const struct named_result *who = arg;
    note(who->client, "%s: %s %s", who->name, kinds[result->kind], result->reason);
}

void client_selected(void *arg, const struct imap_result *result,
                     const struct imap_mailbox *mailbox)
{
    const struct named_result *who = arg;
    note(who->client,
         "%s: %s exists %u uidvalidity %u uidnext %u modseq %llu nomodseq %d read-only %d "
         "keywords %d id %s",
         who->name, kinds[result->kind], mailbox->exists, mailbox->uidvalidity, mailbox->uidnext,
         (unsigned long long)mailbox->highestmodseq, mailbox->no_modseq, mailbox->read_only,
         mailbox->keywords, mailbox->mailbox_id);
}

void client_idling(void *arg)
{
    const struct named_result *who = arg;
    note(who->client, "%s: idling", who->name);
}

/* ---- the fixture ---- */

void client_init(struct client *client)
{
    memset(client, 0, sizeof(*client));
    client->base = memory_check(event_base_new());
    client->body = evbuffer_new();
    client->options = (struct imap_options){
        .host = "127.0.0.1",
        .security = IMAP_SECURITY_NONE,
        .login = "alice",
        .secret = "wonder",
        .connect_timeout = 5,
        .reply_timeout = 5,
    };
    named_used = 0;
}

void client_serve_tls(struct client *client, const char *const *script, SSL_CTX *tls, bool at_once)
{
    client->server = scripted_server_new(client->base, script, tls, at_once);
    client->options.port = scripted_server_port(client->server);
}

void client_serve(struct client *client, const char *const *script)
{
    client_serve_tls(client, script, NULL, false);
}

void client_start(struct client *client)
{
    static const struct imap_events events = {
        .on_ready = on_ready,
        .on_closed = on_closed,
        .on_untagged = on_untagged,
        .on_body_begin = on_body_begin,
        .on_body_data = on_body_data,
        .on_body_end = on_body_end,
        .on_trace = on_trace,
        .on_phase = on_phase,
    };
    client->session =
        imap_session_new(client->base, client->dns, &client->options, &events, client);
    assert_int_equal(client->log.len, 0); /* no callback from inside the call */
}

void client_settle(struct client *client, unsigned milliseconds)
{
    struct timeval wait = {.tv_sec = milliseconds / 1000,
                           .tv_usec = (int)(milliseconds % 1000) * 1000};
    event_base_loopexit(client->base, &wait);
    event_base_dispatch(client->base);
}

static time_t monotonic_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

void client_await(struct client *client, const char *text)
{
    /* A timer of an earlier wait on this base may end the loop early: hence again. */
    const time_t limit = monotonic_seconds() + PATIENCE;
    client->awaited = text;
    while (!client_logged(client, text) && monotonic_seconds() < limit) {
        struct timeval patience = {.tv_sec = PATIENCE};
        event_base_loopexit(client->base, &patience);
        event_base_dispatch(client->base);
    }
    client->awaited = NULL;
    if (!client_logged(client, text)) {
        fail_msg("awaited \"%s\", but the log is:\n%s\ntrace:\n%s", text, client_log(client),
                 client_trace(client));
    }
}

static void out_of_patience(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    *(bool *)arg = true;
}

void client_await_script(struct client *client)
{
    bool late = false;
    struct timeval patience = {.tv_sec = PATIENCE};
    struct event *timer = evtimer_new(client->base, out_of_patience, &late);
    evtimer_add(timer, &patience);
    while (!late && scripted_server_complaint(client->server) != NULL)
        event_base_loop(client->base, EVLOOP_ONCE);
    event_free(timer);
    const char *complaint = scripted_server_complaint(client->server);
    if (complaint != NULL) {
        fail_msg("the script did not finish: %s\n%s",
                 *complaint != '\0' ? complaint : "steps are left", client_trace(client));
    }
}

void client_abandon(struct client *client)
{
    imap_session_free(client->session);
    client_settle(client, 1);
    if (client->server != NULL)
        scripted_server_free(client->server);
    if (client->dns != NULL)
        evdns_base_free(client->dns, 1);
    evbuffer_free(client->body);
    free(client->log.data);
    free(client->trace.data);
    event_base_free(client->base);
}

void client_finish(struct client *client)
{
    const char *complaint =
        client->server != NULL ? scripted_server_complaint(client->server) : NULL;
    if (complaint != NULL) {
        fail_msg("the script did not finish: %s\n%s",
                 *complaint != '\0' ? complaint : "steps are left", client_trace(client));
    }
    client_abandon(client);
}

void session_shorten_deadlines(struct imap_session *session)
{
    session->reply_timeout = 1;
    evtimer_del(&session->timer);
    deadline_arm(session);
}
