#include "agent/status/http.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>

#include "agent/status/metrics.h"
#include "agent/status/page.h"
#include "agent/status/status.h"
#include "rules/util/memory.h"

#define ALL_METHODS                                                                                \
    (EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |     \
     EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE | EVHTTP_REQ_CONNECT | EVHTTP_REQ_PATCH)

/* What is made of the figures. */
enum document { DOCUMENT_PAGE, DOCUMENT_STATUS, DOCUMENT_TEXT, DOCUMENT_OPENMETRICS };

/* One connection. evhttp does not report the end of connections without a request: a reference of
 * our own keeps the bufferevent, so that it can be looked at. */
struct client {
    struct http *http;
    struct bufferevent *connection;
    time_t since;                   /* on the monotonic clock */
    struct evhttp_request *request; /* waits for the figures; else NULL */
    enum document document;         /* that it waits for */
    LIST_ENTRY(client) entry;
};

struct http {
    struct event_base *base;
    struct http_source source;
    struct evhttp *server;
    struct evconnlistener *listener;
    struct event *sweep; /* once a second while there are clients */
    uint16_t port;
    unsigned n_clients;
    bool asked;  /* the source was asked for figures that have not come yet */
    bool paused; /* nobody is let in */
    char policy[256];
    LIST_HEAD(, client) clients;
};

static time_t monotonic(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

/* ---- answers ---- */

static void release(const void *text, size_t len, void *arg)
{
    (void)text;
    (void)len;
    free(arg);
}

static void send_text(const struct http *http, struct evhttp_request *request, int code,
                      const char *reason, const char *type, char *text, size_t len)
{
    static const char *const fixed[][2] = {
        {"Connection", "close"},
        {"Cache-Control", "no-store"},
        {"X-Content-Type-Options", "nosniff"},
        {"X-Frame-Options", "DENY"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Resource-Policy", "same-origin"},
        {"Vary", "Accept"},
    };
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
    struct evbuffer *body = memory_check(evbuffer_new());
    char length[24];

    for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++)
        evhttp_add_header(headers, fixed[i][0], fixed[i][1]);
    snprintf(length, sizeof(length), "%zu", len);
    evhttp_add_header(headers, "Content-Length", length);
    evhttp_add_header(headers, "Content-Type", type);
    evhttp_add_header(headers, "Content-Security-Policy", http->policy);
    if (evhttp_request_get_command(request) == EVHTTP_REQ_HEAD)
        free(text);
    else if (evbuffer_add_reference(body, text, len, release, text) != 0)
        memory_exhausted();
    evhttp_send_reply(request, code, reason, body);
    evbuffer_free(body);
}

static void send_line(const struct http *http, struct evhttp_request *request, int code,
                      const char *reason, const char *line)
{
    char *text = xasprintf("%s\n", line);

    send_text(http, request, code, reason, "text/plain; charset=utf-8", text, strlen(text));
}

static void send_document(const struct http *http, struct evhttp_request *request,
                          enum document document, const struct ledger_figures *figures,
                          const struct ledger_target_figures *targets, size_t n_targets)
{
    static const char *const types[] = {"text/html; charset=utf-8", "application/json",
                                        METRICS_TYPE_TEXT, METRICS_TYPE_OPENMETRICS};
    struct snapshot snapshot;
    char *text = NULL;
    size_t len = 0;
    FILE *out = memory_check(open_memstream(&text, &len));

    http->source.snapshot(http->source.arg, &snapshot);
    if (document == DOCUMENT_PAGE)
        page_write(out, &snapshot, figures, targets, n_targets);
    else if (document == DOCUMENT_STATUS)
        status_write_json(out, &snapshot, figures, targets, n_targets);
    else
        metrics_write(out, document == DOCUMENT_OPENMETRICS, &snapshot, figures, targets,
                      n_targets);
    if (fclose(out) != 0)
        memory_exhausted();
    send_text(http, request, HTTP_OK, "OK", types[document], text, len);
}

/* ---- the figures ---- */

static void on_figures(void *arg, const struct ledger_figures *figures,
                       const struct ledger_target_figures *targets, size_t n_targets)
{
    struct http *http = arg;
    struct client *client, *next;

    http->asked = false;
    for (client = LIST_FIRST(&http->clients); client != NULL; client = next) {
        struct evhttp_request *request = client->request;

        next = LIST_NEXT(client, entry); /* an answer may end its client, and no other */
        client->request = NULL;
        if (request != NULL)
            send_document(http, request, client->document, figures, targets, n_targets);
    }
}

static struct client *find_client(const struct http *http, struct evhttp_request *request)
{
    struct evhttp_connection *connection = evhttp_request_get_connection(request);
    struct client *client;

    LIST_FOREACH(client, &http->clients, entry)
        if (client->connection == evhttp_connection_get_bufferevent(connection))
            return client;
    return NULL;
}

/* A request that arrives while figures are awaited gets these: they are not older than it by more
 * than the ledger takes for them. */
static void ask_figures(struct http *http, struct evhttp_request *request, enum document document)
{
    struct client *client = find_client(http, request);

    if (client == NULL)
        return; /* every connection has one */
    client->request = request;
    client->document = document;
    if (http->asked)
        return;
    http->asked = true;
    http->source.figures(http->source.arg, on_figures, http);
}

/* ---- requests ---- */

static bool has_body(struct evhttp_request *request)
{
    struct evkeyvalq *headers = evhttp_request_get_input_headers(request);
    const char *length = evhttp_find_header(headers, "Content-Length");

    return evhttp_find_header(headers, "Transfer-Encoding") != NULL ||
           (length != NULL && strcmp(length, "0") != 0);
}

static void answer_health(const struct http *http, struct evhttp_request *request)
{
    const char *why = http->source.unhealthy(http->source.arg);

    if (why == NULL)
        send_line(http, request, HTTP_OK, "OK", "ok");
    else
        send_line(http, request, HTTP_SERVUNAVAIL, "Service Unavailable", why);
}

static void answer_readiness(const struct http *http, struct evhttp_request *request)
{
    if (http->source.ready(http->source.arg))
        send_line(http, request, HTTP_OK, "OK", "ok");
    else
        send_line(http, request, HTTP_SERVUNAVAIL, "Service Unavailable",
                  "not all accounts have been tried yet");
}

static void answer_path(struct http *http, struct evhttp_request *request, const char *path)
{
    struct evkeyvalq *headers = evhttp_request_get_input_headers(request);

    if (strcmp(path, "/") == 0)
        ask_figures(http, request, DOCUMENT_PAGE);
    else if (strcmp(path, "/metrics") == 0)
        ask_figures(http, request,
                    http_accepts_openmetrics(evhttp_find_header(headers, "Accept"))
                        ? DOCUMENT_OPENMETRICS
                        : DOCUMENT_TEXT);
    else if (strcmp(path, "/status.json") == 0)
        ask_figures(http, request, DOCUMENT_STATUS);
    else if (strcmp(path, "/healthz") == 0)
        answer_health(http, request);
    else if (strcmp(path, "/readyz") == 0)
        answer_readiness(http, request);
    else
        send_line(http, request, HTTP_NOTFOUND, "Not Found",
                  "not found; available: /, /metrics, /status.json, /healthz, /readyz");
}

static void drop_client(struct client *client);

static void on_closed(struct evhttp_connection *connection, void *arg)
{
    struct http *http = arg;
    struct client *client;

    LIST_FOREACH(client, &http->clients, entry)
        if (client->connection == evhttp_connection_get_bufferevent(connection)) {
            drop_client(client);
            return;
        }
}

static void on_request(struct evhttp_request *request, void *arg)
{
    struct http *http = arg;
    enum evhttp_cmd_type method = evhttp_request_get_command(request);
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
    const char *path = uri != NULL ? evhttp_uri_get_path(uri) : NULL;

    evhttp_connection_set_closecb(evhttp_request_get_connection(request), on_closed, http);
    if (method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD) {
        evhttp_add_header(evhttp_request_get_output_headers(request), "Allow", "GET, HEAD");
        send_line(http, request, HTTP_BADMETHOD, "Method Not Allowed",
                  "only GET and HEAD are supported");
    } else if (has_body(request)) {
        send_line(http, request, HTTP_ENTITYTOOLARGE, "Content Too Large",
                  "requests must not have a body");
    } else {
        answer_path(http, request, path != NULL ? path : "");
    }
}

/* ---- connections ---- */

static void pause_accepting(struct http *http)
{
    const struct timeval second = {.tv_sec = 1};

    http->paused = true;
    evconnlistener_disable(http->listener);
    event_add(http->sweep, &second);
}

static struct bufferevent *on_connection(struct event_base *base, void *arg)
{
    const struct timeval second = {.tv_sec = 1};
    struct http *http = arg;
    struct client *client = xcalloc(1, sizeof(*client));

    client->http = http;
    client->connection = memory_check(bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE));
    bufferevent_incref(client->connection);
    client->since = monotonic();
    LIST_INSERT_HEAD(&http->clients, client, entry);
    if (++http->n_clients == HTTP_CLIENTS_MAX)
        pause_accepting(http);
    if (!event_pending(http->sweep, EV_TIMEOUT, NULL))
        event_add(http->sweep, &second);
    return client->connection;
}

/* The connection has ended. A request that waits and has lost its connection is ours to free. */
static void drop_client(struct client *client)
{
    struct http *http = client->http;

    if (client->request != NULL && evhttp_request_get_connection(client->request) == NULL)
        evhttp_request_free(client->request);
    LIST_REMOVE(client, entry);
    bufferevent_decref(client->connection);
    free(client);
    http->n_clients--;
    if (http->paused) {
        http->paused = false;
        evconnlistener_enable(http->listener);
    }
}

/* evhttp has freed it: ours is the last reference. */
static bool is_over(const struct client *client)
{
    bufferevent_event_cb on_event = NULL;

    bufferevent_getcb(client->connection, NULL, NULL, &on_event, NULL);
    return on_event == NULL;
}

static void look_at(struct client *client, time_t now)
{
    struct evhttp_request *request = client->request;

    if (is_over(client)) {
        drop_client(client);
    } else if (now - client->since >= HTTP_TIMEOUT) {
        /* evhttp sees its end and closes it. */
        shutdown(bufferevent_getfd(client->connection), SHUT_RDWR);
    } else if (request != NULL && now - client->since >= HTTP_PATIENCE) {
        client->request = NULL;
        send_line(client->http, request, HTTP_SERVUNAVAIL, "Service Unavailable",
                  "the ledger is not responding");
    }
}

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
    const struct timeval second = {.tv_sec = 1};
    struct http *http = arg;
    struct client *client, *next;
    time_t now = monotonic();

    (void)fd;
    (void)what;
    for (client = LIST_FIRST(&http->clients); client != NULL; client = next) {
        next = LIST_NEXT(client, entry);
        look_at(client, now);
    }
    if (http->paused && http->n_clients < HTTP_CLIENTS_MAX) {
        http->paused = false;
        evconnlistener_enable(http->listener);
    }
    if (http->n_clients > 0 || http->paused)
        event_add(http->sweep, &second);
}

/* No descriptor is left, say: a client that waits must not make us spin. */
static void on_accept_failed(struct evconnlistener *listener, void *arg)
{
    (void)listener;
    pause_accepting(arg);
}

/* ---- life ---- */

/* "127.0.0.1:8025", "[::1]:8025", "localhost:8025" */
static bool parse_address(const char *listen, struct sockaddr_storage *address, int *len)
{
    const char *colon = strrchr(listen, ':');
    char host[64], *end = NULL;
    unsigned long port;

    if (colon == NULL || (size_t)(colon - listen) >= sizeof(host) || colon[1] < '0' ||
        colon[1] > '9')
        return false;
    port = strtoul(colon + 1, &end, 10);
    snprintf(host, sizeof(host), "%.*s", (int)(colon - listen), listen);
    /* A bare IPv6 address has no place for a port. */
    if (*end != '\0' || port > UINT16_MAX || (strchr(host, ':') != NULL && *host != '[') ||
        (*host == '[' && colon[-1] != ']'))
        return false;
    *len = (int)sizeof(*address);
    memset(address, 0, sizeof(*address));
    if (evutil_parse_sockaddr_port(strcasecmp(host, "localhost") == 0 ? "127.0.0.1" : host,
                                   (struct sockaddr *)address, len) != 0)
        return false;
    if (address->ss_family == AF_INET6)
        ((struct sockaddr_in6 *)address)->sin6_port = htons((uint16_t)port);
    else
        ((struct sockaddr_in *)address)->sin_port = htons((uint16_t)port);
    return true;
}

static uint16_t port_of(evutil_socket_t fd)
{
    struct sockaddr_storage address = {0};
    socklen_t len = sizeof(address);

    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        return 0;
    return ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                               : ((struct sockaddr_in *)&address)->sin_port);
}

/* The one style sheet of the page, known by its digest; nothing else is fetched or run. */
static void make_policy(struct http *http)
{
    unsigned char digest[EVP_MAX_MD_SIZE], text[2 * EVP_MAX_MD_SIZE];
    unsigned len = 0;

    if (EVP_Digest(page_style, strlen(page_style), digest, &len, EVP_sha256(), NULL) != 1)
        memory_exhausted();
    EVP_EncodeBlock(text, digest, (int)len);
    snprintf(http->policy, sizeof(http->policy),
             "default-src 'none'; style-src 'sha256-%s'; base-uri 'none'; form-action 'none'; "
             "frame-ancestors 'none'",
             (const char *)text);
}

static void serve(struct http *http)
{
    http->server = memory_check(evhttp_new(http->base));
    evhttp_set_allowed_methods(http->server, ALL_METHODS);
    evhttp_set_max_headers_size(http->server, HTTP_HEADERS_MAX);
    evhttp_set_max_body_size(http->server, 0);
    evhttp_set_timeout(http->server, HTTP_TIMEOUT);
    evhttp_set_bevcb(http->server, on_connection, http);
    evhttp_set_gencb(http->server, on_request, http);
    if (evhttp_bind_listener(http->server, http->listener) == NULL)
        memory_exhausted();
    evconnlistener_set_error_cb(http->listener, on_accept_failed);
}

struct http *http_new(struct event_base *base, const char *listen, const struct http_source *source,
                      char **why)
{
    struct sockaddr_storage address;
    int len;
    struct evconnlistener *listener;
    struct http *http;

    if (!parse_address(listen, &address, &len)) {
        *why = xasprintf("%s: expected an address and a port, such as 127.0.0.1:8025 or [::1]:8025",
                         listen);
        return NULL;
    }
    listener = evconnlistener_new_bind(
        base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE,
        HTTP_CLIENTS_MAX, (struct sockaddr *)&address, len);
    if (listener == NULL) {
        *why = xasprintf("%s: %s", listen, strerror(errno));
        return NULL;
    }
    http = xcalloc(1, sizeof(*http));
    http->base = base;
    http->source = *source;
    http->listener = listener;
    http->port = port_of(evconnlistener_get_fd(listener));
    LIST_INIT(&http->clients);
    http->sweep = memory_check(evtimer_new(base, on_sweep, http));
    make_policy(http);
    serve(http);
    return http;
}

void http_free(struct http *http)
{
    struct client *client;

    if (http == NULL)
        return;
    if (http->asked)
        http->source.forget_figures(http->source.arg, http);
    http->paused = false;      /* the listener goes first */
    evhttp_free(http->server); /* with its listener and connections */
    while ((client = LIST_FIRST(&http->clients)) != NULL) {
        LIST_REMOVE(client, entry);
        bufferevent_decref(client->connection);
        free(client);
    }
    event_free(http->sweep);
    free(http);
}

uint16_t http_port(const struct http *http)
{
    return http->port;
}

/* ---- what is preferred ---- */

/* The weight of one range of an Accept field (RFC 9110 section 12.5.1), 0 to 1. */
static double weight_of(const char *range)
{
    const char *q = strcasestr(range, "q=");

    while (q != NULL && q != range && strchr("; \t", q[-1]) == NULL)
        q = strcasestr(q + 2, "q=");
    return q != NULL ? strtod(q + 2, NULL) : 1;
}

bool http_accepts_openmetrics(const char *accept)
{
    static const char openmetrics[] = "application/openmetrics-text", text[] = "text/plain";
    char *copy = xstrdup(accept != NULL ? accept : ""), *rest = copy, *range;
    double best = 0, best_text = 0;

    while ((range = strsep(&rest, ",")) != NULL) {
        size_t len;

        range += strspn(range, " \t");
        len = strcspn(range, "; \t");
        if (len == strlen(openmetrics) && strncasecmp(range, openmetrics, len) == 0 &&
            weight_of(range) > best)
            best = weight_of(range);
        if (len == strlen(text) && strncasecmp(range, text, len) == 0 &&
            weight_of(range) > best_text)
            best_text = weight_of(range);
    }
    free(copy);
    return best > 0 && best >= best_text;
}
