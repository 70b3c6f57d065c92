#include "agent/session/link.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "agent/system/limit.h"
#include "agent/system/log.h"
#include "agent/system/secret.h"
#include "rules/util/memory.h"

/* Sessions of one server, counted by its name so that a reload does not lose count. */
struct gate {
    char *server;
    unsigned max_sessions; /* 0: no limit */
    unsigned open, logging_in;
    STAILQ_HEAD(, link) queue;
    SLIST_ENTRY(gate) entry;
};

struct tls_context {
    char *ca_file; /* "" for the system's */
    bool stale;    /* replaced after a reload, kept for sessions made with it */
    SSL_CTX *tls;
    SLIST_ENTRY(tls_context) entry;
};

struct links {
    struct event_base *base;
    struct evdns_base *dns;
    SLIST_HEAD(, gate) gates;
    SLIST_HEAD(, tls_context) tls_contexts;
};

/*
 *   state       waits for                               may be followed by
 *   QUEUED      a slot at the gate of its server        SECRET, CLOSED
 *   SECRET      the file or command with the secret     LOGGING_IN, CLOSED
 *   LOGGING_IN  the session to become ready             READY, CLOSED
 *   READY       the end of the session                  CLOSED
 *   CLOSED      link_free()
 */
enum link_state { LINK_QUEUED, LINK_SECRET, LINK_LOGGING_IN, LINK_READY, LINK_CLOSED };

struct link {
    struct links *links;
    struct gate *gate;
    enum link_state state;
    bool urgent;
    struct imap_events events;
    void *arg;
    struct imap_options options; /* host, login and authorize_as are ours */
    struct secret_source source; /* ours */
    char *ca_file;
    struct secret_request *request;
    struct imap_session *session;
    struct event *failing; /* reports a failure that has no session */
    char *why;
    enum imap_failure_kind why_kind;
    STAILQ_ENTRY(link) entry;
};

struct links *links_new(struct event_base *base)
{
    struct links *links = xcalloc(1, sizeof(*links));

    links->base = base;
    links->dns =
        evdns_base_new(base, EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    if (links->dns == NULL) /* no resolv.conf: addresses and /etc/hosts still work */
        links->dns = evdns_base_new(base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    SLIST_INIT(&links->gates);
    SLIST_INIT(&links->tls_contexts);
    return links;
}

void links_free(struct links *links)
{
    struct gate *gate;
    struct tls_context *context;

    if (links == NULL)
        return;
    while ((gate = SLIST_FIRST(&links->gates)) != NULL) {
        SLIST_REMOVE_HEAD(&links->gates, entry);
        free(gate->server);
        free(gate);
    }
    while ((context = SLIST_FIRST(&links->tls_contexts)) != NULL) {
        SLIST_REMOVE_HEAD(&links->tls_contexts, entry);
        SSL_CTX_free(context->tls);
        free(context->ca_file);
        free(context);
    }
    if (links->dns != NULL)
        evdns_base_free(links->dns, 0);
    free(links);
}

void links_renew_tls(struct links *links)
{
    struct tls_context *context;

    SLIST_FOREACH(context, &links->tls_contexts, entry)
        context->stale = true;
}

struct event_base *links_base(const struct links *links)
{
    return links->base;
}

struct evdns_base *links_dns(const struct links *links)
{
    return links->dns;
}

static struct gate *find_gate(struct links *links, const struct server *server)
{
    struct gate *gate;

    SLIST_FOREACH(gate, &links->gates, entry)
        if (strcmp(gate->server, server->name) == 0)
            break;
    if (gate == NULL) {
        gate = xcalloc(1, sizeof(*gate));
        gate->server = xstrdup(server->name);
        STAILQ_INIT(&gate->queue);
        SLIST_INSERT_HEAD(&links->gates, gate, entry);
    }
    gate->max_sessions = server->max_sessions;
    return gate;
}

/* NULL and *why when the CA file cannot be read. Failures are not cached: the file may be fixed. */
static struct tls_context *find_tls_context(struct links *links, const char *ca_file, char **why)
{
    const char *key = ca_file != NULL ? ca_file : "";
    struct tls_context *context;
    SSL_CTX *tls;

    SLIST_FOREACH(context, &links->tls_contexts, entry)
        if (!context->stale && strcmp(context->ca_file, key) == 0)
            return context;
    tls = imap_tls_context_new(ca_file, why);
    if (tls == NULL)
        return NULL;
    context = xcalloc(1, sizeof(*context));
    context->ca_file = xstrdup(key);
    context->tls = tls;
    SLIST_INSERT_HEAD(&links->tls_contexts, context, entry);
    return context;
}

SSL_CTX *links_tls(struct links *links, const char *ca_file, char **why)
{
    struct tls_context *context = find_tls_context(links, ca_file, why);

    return context != NULL ? context->tls : NULL;
}

static void set_state(struct link *link, enum link_state state)
{
    static const unsigned may_follow[] = {
        [LINK_QUEUED] = 1u << LINK_SECRET | 1u << LINK_CLOSED,
        [LINK_SECRET] = 1u << LINK_LOGGING_IN | 1u << LINK_CLOSED,
        [LINK_LOGGING_IN] = 1u << LINK_READY | 1u << LINK_CLOSED,
        [LINK_READY] = 1u << LINK_CLOSED,
        [LINK_CLOSED] = 0,
    };

    (void)may_follow; /* without assertions */
    assert((may_follow[link->state] & 1u << state) != 0);
    link->state = state;
}

static void leave_queue(struct link *link)
{
    STAILQ_REMOVE(&link->gate->queue, link, link, entry);
}

static void admit(struct gate *gate);

/* Gives back what it holds of the gate, for the next in the queue. */
static void leave(struct link *link)
{
    enum link_state state = link->state;

    set_state(link, LINK_CLOSED);
    if (state == LINK_QUEUED)
        leave_queue(link);
    if (state == LINK_SECRET || state == LINK_LOGGING_IN) {
        assert(link->gate->logging_in > 0);
        link->gate->logging_in--;
    }
    if (state == LINK_SECRET || state == LINK_LOGGING_IN || state == LINK_READY) {
        assert(link->gate->open > 0);
        link->gate->open--;
    }
    admit(link->gate);
}

static void report_failure(evutil_socket_t fd, short what, void *arg)
{
    struct link *link = arg;
    struct imap_failure failure = {
        .kind = link->why_kind, .phase = IMAP_PHASE_AUTH, .reason = link->why};

    (void)fd;
    (void)what;
    leave(link);
    link->events.on_closed(link->arg, &failure);
}

static void fail(struct link *link, enum imap_failure_kind kind, const char *why)
{
    free(link->why);
    link->why = xstrdup(why);
    link->why_kind = kind;
    if (link->failing == NULL)
        link->failing = evtimer_new(link->links->base, report_failure, link);
    event_active(link->failing, EV_TIMEOUT, 0);
}

static void on_ready(void *arg)
{
    struct link *link = arg;

    set_state(link, LINK_READY);
    link->gate->logging_in--;
    admit(link->gate);
    link->events.on_ready(link->arg);
}

static void on_closed(void *arg, const struct imap_failure *failure)
{
    struct link *link = arg;

    leave(link);
    link->events.on_closed(link->arg, failure);
}

static void on_untagged(void *arg, const struct imap_untagged *untagged)
{
    struct link *link = arg;

    if (link->events.on_untagged != NULL)
        link->events.on_untagged(link->arg, untagged);
}

static bool on_body_begin(void *arg, const struct imap_body *body)
{
    struct link *link = arg;

    return link->events.on_body_begin != NULL && link->events.on_body_begin(link->arg, body);
}

static void on_body_data(void *arg, const unsigned char *data, size_t len)
{
    struct link *link = arg;

    link->events.on_body_data(link->arg, data, len);
}

static void on_body_end(void *arg, bool complete)
{
    struct link *link = arg;

    link->events.on_body_end(link->arg, complete);
}

/* A protocol line for `run --debug`: as session.h says, without contents and secrets. */
static void on_trace(void *arg, bool sent, const char *line, size_t len)
{
    struct link *link = arg;
    char *text;

    if (!log_wants(LOG_LEVEL_DEBUG))
        return;
    text = xmemdup0(line, len);
    log_event(LOG_LEVEL_DEBUG, sent ? "sent" : "received", "login", link->options.login, "line",
              text, (char *)NULL);
    free(text);
}

static void connect_with(void *arg, const char *secret, const char *why)
{
    static const struct imap_events events = {
        .on_ready = on_ready,
        .on_closed = on_closed,
        .on_untagged = on_untagged,
        .on_body_begin = on_body_begin,
        .on_body_data = on_body_data,
        .on_body_end = on_body_end,
        .on_trace = on_trace,
    };
    struct link *link = arg;
    char *trouble = NULL;

    link->request = NULL;
    if (secret == NULL) {
        fail(link, IMAP_FAILURE_AUTH, why);
        return;
    }
    if (link->options.security != IMAP_SECURITY_NONE) {
        struct tls_context *context = find_tls_context(link->links, link->ca_file, &trouble);
        if (context == NULL) {
            fail(link, IMAP_FAILURE_TLS, trouble);
            free(trouble);
            return;
        }
        link->options.tls = context->tls;
    }
    set_state(link, LINK_LOGGING_IN);
    link->options.secret = secret;
    link->session =
        imap_session_new(link->links->base, link->links->dns, &link->options, &events, link);
    link->options.secret = NULL;
}

/* Watches keep their sessions: one of the server's slots is reserved for deliveries. */
static bool has_slot(const struct gate *gate, const struct link *link)
{
    unsigned reserved = link->urgent || gate->max_sessions == 1 ? 0 : 1;

    return gate->max_sessions == 0 || gate->open + reserved < gate->max_sessions;
}

static struct link *next_in_queue(struct gate *gate)
{
    struct link *link;

    STAILQ_FOREACH(link, &gate->queue, entry)
        if (has_slot(gate, link))
            return link;
    return NULL;
}

/* Starts as many queued links as the limits allow. */
static void admit(struct gate *gate)
{
    struct link *link;

    while (gate->logging_in < LIMIT_LOGINS && (link = next_in_queue(gate)) != NULL) {
        leave_queue(link);
        gate->logging_in++;
        gate->open++;
        set_state(link, LINK_SECRET);
        link->request = secret_get(link->links->base, &link->source, connect_with, link);
    }
}

static char *copy_of(const char *text)
{
    return text != NULL ? xstrdup(text) : NULL;
}

enum imap_security link_security(const struct endpoint *endpoint)
{
    switch (endpoint->security) {
    case SECURITY_TLS:
        return IMAP_SECURITY_TLS;
    case SECURITY_STARTTLS:
        return IMAP_SECURITY_STARTTLS;
    default:
        return IMAP_SECURITY_NONE;
    }
}

struct link *link_new(struct links *links, const struct link_login *login,
                      const struct imap_events *events, void *arg)
{
    const struct server *server = login->server;
    const struct secret_source *source = login->secret;
    struct link *link = xcalloc(1, sizeof(*link));

    link->links = links;
    link->events = *events;
    link->arg = arg;
    link->options.host = xstrdup(server->imap.host);
    link->options.port = server->imap.port;
    link->options.security = link_security(&server->imap);
    link->options.enable_qresync = login->qresync;
    link->options.body_max = LIMIT_BODY;
    link->urgent = login->urgent;
    link->ca_file = copy_of(server->ca_file);
    link->options.login = xstrdup(login->login);
    /* An account's own secret takes precedence over the master user's. */
    if (server->master_user != NULL && source->password_file == NULL &&
        source->password_command == NULL && source->oauth_token_command == NULL) {
        source = &server->master;
        link->options.authorize_as = link->options.login;
        link->options.login = xstrdup(server->master_user);
    }
    link->options.method =
        source->oauth_token_command != NULL ? IMAP_AUTH_TOKEN : IMAP_AUTH_PASSWORD;
    link->source.password_file = copy_of(source->password_file);
    link->source.password_command = copy_of(source->password_command);
    link->source.oauth_token_command = copy_of(source->oauth_token_command);
    link->source.file = copy_of(source->file);
    link->source.line = source->line;
    link->gate = find_gate(links, server);
    link->state = LINK_QUEUED;
    STAILQ_INSERT_TAIL(&link->gate->queue, link, entry);
    admit(link->gate);
    return link;
}

void link_free(struct link *link)
{
    if (link == NULL)
        return;
    if (link->request != NULL)
        secret_cancel(link->request);
    if (link->session != NULL)
        imap_session_free(link->session);
    if (link->failing != NULL)
        event_free(link->failing);
    if (link->state != LINK_CLOSED)
        leave(link);
    free((char *)link->options.host);
    free((char *)link->options.login);
    free((char *)link->options.authorize_as);
    free(link->source.password_file);
    free(link->source.password_command);
    free(link->source.oauth_token_command);
    free(link->source.file);
    free(link->ca_file);
    free(link->why);
    free(link);
}

struct imap_session *link_session(const struct link *link)
{
    return link->state == LINK_READY ? link->session : NULL;
}
