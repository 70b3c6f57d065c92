#include <arpa/inet.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/http.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <strings.h>

#include "agent/alert/private.h"
#include "imapclient/wire/resolve.h"
#include "imapclient/wire/tls.h"
#include "rules/util/memory.h"

#define RESPONSE_HEADER_MAX (16 * 1024)
#define RESPONSE_BODY_MAX (64 * 1024)
#define CONNECT_SECONDS 10 /* for an address that is not the last one */

enum { NO_RESPONSE = 0, HTTP_OK_FIRST = 200, HTTP_OK_LAST = 299 };

struct webhook {
    struct links *links;
    struct evhttp_uri *uri;
    char *host; /* without brackets */
    uint16_t port;
    SSL_CTX *tls; /* NULL: http, to loopback only */
    char *json;
    size_t len;
    struct resolve_request *lookup;
    struct evutil_addrinfo *addresses, *next;
    char address[INET6_ADDRSTRLEN]; /* the one being tried */
    struct evhttp_connection *connection;
    SSL *ssl; /* a reference of ours: the certificate's error is read after the connection has ended
               */
    unsigned timeout; /* seconds */
    int code;         /* NO_RESPONSE yet */
    char *why;
    struct event *deadline, *slow_connect, *ended, *finish;
    alert_tried *tried;
    void *arg;
};

/* ---- the end ---- */

static void close_connection(struct webhook *webhook)
{
    if (webhook->connection != NULL)
        evhttp_connection_free(webhook->connection);
    webhook->connection = NULL;
    SSL_free(webhook->ssl);
    webhook->ssl = NULL;
}

void webhook_cancel(struct webhook *webhook)
{
    if (webhook == NULL)
        return;
    event_free(webhook->deadline);
    event_free(webhook->slow_connect);
    event_free(webhook->ended);
    event_free(webhook->finish);
    resolve_cancel(webhook->lookup);
    close_connection(webhook);
    if (webhook->addresses != NULL)
        evutil_freeaddrinfo(webhook->addresses);
    if (webhook->uri != NULL)
        evhttp_uri_free(webhook->uri);
    free(webhook->host);
    free(webhook->json);
    free(webhook->why);
    free(webhook);
}

static void on_finish(evutil_socket_t fd, short what, void *arg)
{
    struct webhook *webhook = arg;
    alert_tried *tried = webhook->tried;
    void *tried_arg = webhook->arg;
    bool taken = webhook->code >= HTTP_OK_FIRST && webhook->code <= HTTP_OK_LAST;
    char *why = NULL;

    (void)fd;
    (void)what;
    if (!taken && webhook->code != NO_RESPONSE)
        why = xasprintf("the webhook returned HTTP %d", webhook->code);
    else if (!taken)
        why = xstrdup(webhook->why != NULL ? webhook->why : "no response");
    webhook_cancel(webhook);
    tried(tried_arg, why);
    free(why);
}

static void set_why(struct webhook *webhook, char *why)
{
    free(webhook->why);
    webhook->why = why;
}

/* Takes ownership of why. */
static void finish(struct webhook *webhook, char *why)
{
    if (why != NULL)
        set_why(webhook, why);
    evtimer_del(webhook->deadline);
    evtimer_del(webhook->slow_connect);
    event_active(webhook->finish, EV_TIMEOUT, 0);
}

/* ---- one address ---- */

static void try_next(struct webhook *webhook);

/* The request has ended. Not called by evhttp itself, so that the connection may be freed. */
static void on_ended(evutil_socket_t fd, short what, void *arg)
{
    struct webhook *webhook = arg;

    (void)fd;
    (void)what;
    evtimer_del(webhook->slow_connect);
    if (webhook->code != NO_RESPONSE || webhook->next == NULL) {
        finish(webhook, NULL);
        return;
    }
    close_connection(webhook);
    try_next(webhook);
}

/* Only the status counts, whatever happens to the body. */
static int on_header(struct evhttp_request *request, void *arg)
{
    struct webhook *webhook = arg;
    int code = evhttp_request_get_response_code(request);

    if (code >= HTTP_OK_FIRST) /* "100 Continue" is not final */
        webhook->code = code;
    return 0;
}

static void on_error(enum evhttp_request_error error, void *arg)
{
    static const char *const texts[] = {
        [EVREQ_HTTP_TIMEOUT] = "no response in time",
        [EVREQ_HTTP_EOF] = "connection closed by the server",
        [EVREQ_HTTP_INVALID_HEADER] = "not an HTTP response",
        [EVREQ_HTTP_BUFFER_ERROR] = "the connection was lost",
        [EVREQ_HTTP_REQUEST_CANCEL] = "cancelled",
        [EVREQ_HTTP_DATA_TOO_LONG] = "the response is too long",
    };
    set_why(arg, xstrdup(texts[error]));
}

/* After on_error(), if that was called at all: it is not when there was no connection. */
static void on_request(struct evhttp_request *request, void *arg)
{
    struct webhook *webhook = arg;
    (void)request;
    if (webhook->code == NO_RESPONSE && webhook->ssl != NULL &&
        !SSL_is_init_finished(webhook->ssl)) {
        struct bufferevent *bev = evhttp_connection_get_bufferevent(webhook->connection);
        unsigned long error = bufferevent_get_openssl_error(bev);
        if (error != 0 || SSL_get_verify_result(webhook->ssl) != X509_V_OK)
            set_why(webhook, tls_failure(webhook->ssl, webhook->host, error));
        ERR_clear_error();
    }
    /* The reason is lost: evhttp closes the socket before it calls. */
    if (webhook->code == NO_RESPONSE && webhook->why == NULL)
        set_why(webhook, xasprintf("no response from %s", webhook->address));
    event_active(webhook->ended, EV_TIMEOUT, 0);
}

/* An address that drops everything must not use up the time of the next one. */
static void on_slow_connect(evutil_socket_t fd, short what, void *arg)
{
    struct webhook *webhook = arg;
    struct sockaddr_storage peer;
    socklen_t len = sizeof(peer);
    struct bufferevent *bev = evhttp_connection_get_bufferevent(webhook->connection);

    (void)fd;
    (void)what;
    if (getpeername(bufferevent_getfd(bev), (struct sockaddr *)&peer, &len) == 0)
        return; /* connected: it is only slow to respond */
    set_why(webhook, xasprintf("no connection to %s in time", webhook->address));
    event_active(webhook->ended, EV_TIMEOUT, 0);
}

static struct bufferevent *bufferevent_for(struct webhook *webhook)
{
    struct event_base *base = links_base(webhook->links);
    const int options = BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS;

    if (webhook->tls == NULL)
        return memory_check(bufferevent_socket_new(base, -1, options));
    webhook->ssl = tls_client_new(webhook->tls, webhook->host);
    if (webhook->ssl == NULL)
        return NULL;
    SSL_up_ref(webhook->ssl);
    return memory_check(bufferevent_openssl_socket_new(base, -1, webhook->ssl,
                                                       BUFFEREVENT_SSL_CONNECTING, options));
}

static char *host_field(const struct webhook *webhook)
{
    const char *host = evhttp_uri_get_host(webhook->uri); /* an address in its brackets */
    int port = evhttp_uri_get_port(webhook->uri);

    return port > 0 ? xasprintf("%s:%d", host, port) : xstrdup(host);
}

static char *request_target(const struct webhook *webhook)
{
    const char *path = evhttp_uri_get_path(webhook->uri);
    const char *query = evhttp_uri_get_query(webhook->uri);

    return xasprintf("%s%s%s", path != NULL && path[0] != '\0' ? path : "/",
                     query != NULL ? "?" : "", query != NULL ? query : "");
}

static void post(struct webhook *webhook)
{
    struct evhttp_request *request = memory_check(evhttp_request_new(on_request, webhook));
    struct evkeyvalq *header = evhttp_request_get_output_headers(request);
    char *host = host_field(webhook), *target = request_target(webhook);

    evhttp_request_set_header_cb(request, on_header);
    evhttp_request_set_error_cb(request, on_error);
    evhttp_add_header(header, "Host", host);
    evhttp_add_header(header, "User-Agent", "mailvigil");
    evhttp_add_header(header, "Content-Type", "application/json");
    evhttp_add_header(header, "Connection", "close");
    if (evbuffer_add(evhttp_request_get_output_buffer(request), webhook->json, webhook->len) != 0)
        memory_exhausted();
    if (evhttp_make_request(webhook->connection, request, EVHTTP_REQ_POST, target) != 0) {
        set_why(webhook, xasprintf("no response from %s", webhook->address));
        event_active(webhook->ended, EV_TIMEOUT, 0);
    }
    free(host);
    free(target);
}

static void address_text(const struct evutil_addrinfo *address, char out[INET6_ADDRSTRLEN])
{
    const struct sockaddr_in *ipv4 = (const void *)address->ai_addr;
    const struct sockaddr_in6 *ipv6 = (const void *)address->ai_addr;
    const void *octets = address->ai_family == AF_INET ? (const void *)&ipv4->sin_addr
                                                       : (const void *)&ipv6->sin6_addr;

    inet_ntop(address->ai_family, octets, out, INET6_ADDRSTRLEN);
}

/* evhttp gets an address: it would look up a name once more, which cannot be cancelled. */
static void try_next(struct webhook *webhook)
{
    const struct timeval patience = {.tv_sec = CONNECT_SECONDS};
    struct bufferevent *bev = bufferevent_for(webhook);

    if (bev == NULL) {
        finish(webhook, xstrdup("invalid host name for TLS"));
        return;
    }
    set_why(webhook, NULL);
    address_text(webhook->next, webhook->address);
    webhook->next = webhook->next->ai_next;
    webhook->connection = memory_check(evhttp_connection_base_bufferevent_new(
        links_base(webhook->links), NULL, bev, webhook->address, webhook->port));
    evhttp_connection_set_timeout(webhook->connection, (int)webhook->timeout);
    evhttp_connection_set_max_headers_size(webhook->connection, RESPONSE_HEADER_MAX);
    evhttp_connection_set_max_body_size(webhook->connection, RESPONSE_BODY_MAX);
    if (webhook->next != NULL)
        evtimer_add(webhook->slow_connect, &patience);
    post(webhook);
}

/* ---- the name ---- */

static bool is_loopback(const struct evutil_addrinfo *address)
{
    const struct sockaddr_in *ipv4 = (const void *)address->ai_addr;
    const struct sockaddr_in6 *ipv6 = (const void *)address->ai_addr;

    if (address->ai_family == AF_INET)
        return ntohl(ipv4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    return address->ai_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&ipv6->sin6_addr);
}

static void on_resolved(void *arg, int error, struct evutil_addrinfo *addresses)
{
    struct webhook *webhook = arg;

    webhook->lookup = NULL;
    webhook->addresses = webhook->next = addresses;
    if (error != 0) {
        finish(webhook, xasprintf("the name %s cannot be resolved: %s", webhook->host,
                                  resolve_error_text(error)));
        return;
    }
    for (const struct evutil_addrinfo *a = addresses; a != NULL && webhook->tls == NULL;
         a = a->ai_next) {
        if (is_loopback(a))
            continue;
        finish(webhook, xasprintf("http is for loopback addresses only: %s", webhook->host));
        return;
    }
    try_next(webhook);
}

static void resolve(struct webhook *webhook)
{
    webhook->lookup = resolve_start(links_base(webhook->links), links_dns(webhook->links),
                                    webhook->host, webhook->port, AF_UNSPEC, on_resolved, webhook);
}

/* ---- life ---- */

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct webhook *webhook = arg;

    (void)fd;
    (void)what;
    finish(webhook, xasprintf("no response within %u seconds", webhook->timeout));
}

/* NULL, or what is wrong with the URL. */
static char *read_url(struct webhook *webhook, const char *url, const char *ca_file)
{
    webhook->uri = evhttp_uri_parse(url);
    const char *scheme = webhook->uri != NULL ? evhttp_uri_get_scheme(webhook->uri) : NULL;
    const char *host = webhook->uri != NULL ? evhttp_uri_get_host(webhook->uri) : NULL;
    char *why = NULL;

    if (scheme == NULL || host == NULL || host[0] == '\0')
        return xstrdup("not a valid URL");
    bool secure = strcasecmp(scheme, "https") == 0;
    int port = evhttp_uri_get_port(webhook->uri);
    if (!secure && strcasecmp(scheme, "http") != 0)
        return xstrdup("the scheme is neither https nor http");
    webhook->host = host[0] == '[' ? xmemdup0(host + 1, strlen(host) - 2) : xstrdup(host);
    webhook->port = (uint16_t)(port > 0 ? port : secure ? 443 : 80);
    if (secure)
        webhook->tls = links_tls(webhook->links, ca_file, &why);
    return why;
}

struct webhook *webhook_post(struct links *links, const char *url, const char *ca_file,
                             const struct alert_message *message, unsigned timeout,
                             alert_tried *tried, void *arg)
{
    const struct timeval limit = {.tv_sec = (time_t)timeout};
    struct event_base *base = links_base(links);
    struct webhook *webhook = xcalloc(1, sizeof(*webhook));

    webhook->links = links;
    webhook->json = xmemdup0(message->json, message->len);
    webhook->len = message->len;
    webhook->timeout = timeout;
    webhook->tried = tried;
    webhook->arg = arg;
    webhook->deadline = memory_check(evtimer_new(base, on_deadline, webhook));
    webhook->slow_connect = memory_check(evtimer_new(base, on_slow_connect, webhook));
    webhook->ended = memory_check(evtimer_new(base, on_ended, webhook));
    webhook->finish = memory_check(evtimer_new(base, on_finish, webhook));
    evtimer_add(webhook->deadline, &limit);
    char *why = read_url(webhook, url, ca_file);
    if (why != NULL)
        finish(webhook, why);
    else
        resolve(webhook);
    return webhook;
}
