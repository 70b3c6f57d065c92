#include "imapclient/wire/transport.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/util.h>
#include <linux/sockios.h>
#include <openssl/err.h>

#include "imapclient/util/memory.h"
#include "imapclient/wire/resolve.h"
#include "imapclient/wire/tls.h"

#define KEEPALIVE_IDLE 90
#define KEEPALIVE_INTERVAL 15
#define KEEPALIVE_COUNT 4
#define USER_TIMEOUT_MS (150 * 1000)
#define WRITE_MAX (256 * 1024)
#define ATTEMPT_MIN 3 /* seconds per address, at least */

/* The only address to connect to. */
struct fixed_address {
    struct evutil_addrinfo info;
    struct sockaddr_storage address;
};

struct transport {
    struct event_base *base;
    struct evdns_base *dns;
    struct resolve_request *lookup;
    struct evutil_addrinfo *addresses, *next;
    struct fixed_address *fixed; /* NULL: the name is resolved */
    struct event *attempt_timer;
    struct bufferevent *bev;
    SSL_CTX *tls;
    SSL *ssl; /* owned by bev */
    char *host;
    char *reason; /* of the last attempt that failed */
    struct certificate_chain *certificates;
    const struct transport_events *events;
    void *arg;
    enum imap_phase phase;
    unsigned timeout;
    uint16_t port;
    bool tls_at_once, loopback_only, record, down;
    bool reporting, freed; /* freed while it reported a phase */
    bool abrupt;           /* ends with RST */
};

static void try_next(struct transport *transport);

static struct fixed_address *fixed_address_new(const struct sockaddr *address, int len)
{
    struct fixed_address *fixed = xcalloc(1, sizeof(*fixed));
    size_t room = sizeof(fixed->address);
    size_t used = len > 0 && (size_t)len < room ? (size_t)len : room;
    memcpy(&fixed->address, address, used);
    fixed->info = (struct evutil_addrinfo){
        .ai_family = fixed->address.ss_family,
        .ai_socktype = SOCK_STREAM,
        .ai_addrlen = (ev_socklen_t)used,
        .ai_addr = (struct sockaddr *)&fixed->address,
    };
    return fixed;
}

struct transport *transport_new(struct event_base *base, struct evdns_base *dns,
                                const struct transport_options *options,
                                const struct transport_events *events, void *arg)
{
    struct transport *transport = xcalloc(1, sizeof(*transport));
    transport->base = base;
    transport->dns = dns;
    transport->host = xstrdup(options->host);
    transport->port = options->port;
    transport->tls = options->tls;
    transport->tls_at_once = options->tls_at_once;
    transport->loopback_only = options->loopback_only;
    transport->record = options->record_certificates;
    transport->timeout = options->timeout;
    if (options->address != NULL)
        transport->fixed = fixed_address_new(options->address, options->address_len);
    transport->events = events;
    transport->arg = arg;
    transport->phase = IMAP_PHASE_RESOLVE;
    return transport;
}

static void drop_connection(struct transport *transport)
{
    if (transport->attempt_timer != NULL) {
        event_free(transport->attempt_timer);
        transport->attempt_timer = NULL;
    }
    if (transport->bev == NULL)
        return;
    bufferevent_disable(transport->bev, EV_READ | EV_WRITE);
    if (transport->ssl != NULL && SSL_is_init_finished(transport->ssl) && !transport->abrupt) {
        ERR_clear_error();
        SSL_shutdown(transport->ssl);
        ERR_clear_error();
    }
    bufferevent_free(transport->bev);
    transport->bev = NULL;
    transport->ssl = NULL;
}

static void drop_addresses(struct transport *transport)
{
    if (transport->addresses != NULL)
        evutil_freeaddrinfo(transport->addresses);
    transport->addresses = NULL;
    transport->next = NULL;
}

void transport_free(struct transport *transport)
{
    if (transport == NULL)
        return;
    if (transport->reporting) {
        transport->freed = true;
        return;
    }
    resolve_cancel(transport->lookup);
    drop_connection(transport);
    drop_addresses(transport);
    free(transport->fixed);
    free(transport->host);
    free(transport->reason);
    free(transport->certificates);
    free(transport);
}

static void go_down(struct transport *transport, enum imap_failure_kind kind, const char *reason)
{
    if (transport->down)
        return;
    transport->down = true;
    if (transport->bev != NULL)
        bufferevent_disable(transport->bev, EV_READ | EV_WRITE);
    transport->events->down(transport->arg, kind, reason);
}

/* false: its owner has freed it. */
static bool begin_phase(struct transport *transport, enum imap_phase phase)
{
    assert(!transport->reporting && !transport->down);
    transport->phase = phase;
    if (transport->events->phase == NULL)
        return true;
    transport->reporting = true;
    transport->events->phase(transport->arg, phase);
    transport->reporting = false;
    if (transport->freed) {
        transport_free(transport);
        return false;
    }
    return true;
}

static void set_reason(struct transport *transport, char *reason)
{
    free(transport->reason);
    transport->reason = reason;
}

static void came_up(struct transport *transport)
{
    assert(!transport->down && transport->bev != NULL);
    transport->phase = IMAP_PHASE_GREETING;
    transport->events->up(transport->arg);
}

/* ---- TCP ---- */

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
        return (ntohl(in->sin_addr.s_addr) >> 24) == 127;
    }
    if (address->sa_family == AF_INET6) {
        const struct in6_addr *in =
            &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
        return IN6_IS_ADDR_LOOPBACK(in) || (IN6_IS_ADDR_V4MAPPED(in) && in->s6_addr[12] == 127);
    }
    return false;
}

static void set_tcp_option(int fd, int option, int value)
{
    /* Best effort: a kernel without one of them still carries the session. */
    (void)setsockopt(fd, IPPROTO_TCP, option, &value, sizeof(value));
}

static int socket_for(const struct evutil_addrinfo *address)
{
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    int on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    set_tcp_option(fd, TCP_NODELAY, 1);
    set_tcp_option(fd, TCP_KEEPIDLE, KEEPALIVE_IDLE);
    set_tcp_option(fd, TCP_KEEPINTVL, KEEPALIVE_INTERVAL);
    set_tcp_option(fd, TCP_KEEPCNT, KEEPALIVE_COUNT);
    set_tcp_option(fd, TCP_USER_TIMEOUT, USER_TIMEOUT_MS);
    return fd;
}

static void on_read(struct bufferevent *bev, void *arg)
{
    (void)bev;
    struct transport *transport = arg;
    if (!transport->down)
        transport->events->readable(transport->arg);
}

static void on_write(struct bufferevent *bev, void *arg)
{
    (void)bev;
    struct transport *transport = arg;
    if (!transport->down && transport->phase == IMAP_PHASE_GREETING)
        transport->events->writable(transport->arg);
}

static void on_connect_event(struct bufferevent *bev, short what, void *arg)
{
    (void)bev;
    int error = EVUTIL_SOCKET_ERROR();
    struct transport *transport = arg;
    if (transport->down)
        return;
    if ((what & BEV_EVENT_CONNECTED) == 0) {
        bool unclear = error == 0 || error == EINPROGRESS || error == EAGAIN;
        set_reason(transport, xstrdup(strerror(unclear ? ECONNREFUSED : error)));
        drop_connection(transport);
        try_next(transport);
        return;
    }
    event_free(transport->attempt_timer);
    transport->attempt_timer = NULL;
    drop_addresses(transport);
    if (transport->tls_at_once)
        transport_start_tls(transport);
    else
        came_up(transport);
}

static void on_open_event(struct bufferevent *bev, short what, void *arg)
{
    int error = EVUTIL_SOCKET_ERROR();
    struct transport *transport = arg;
    if (transport->down)
        return;
    if ((what & BEV_EVENT_EOF) != 0) {
        go_down(transport, IMAP_FAILURE_CLOSED, "the server closed the connection");
        return;
    }
    unsigned long tls_error = transport->ssl != NULL ? bufferevent_get_openssl_error(bev) : 0;
    const char *reason = tls_error != 0 ? ERR_reason_error_string(tls_error) : NULL;
    go_down(transport, IMAP_FAILURE_CLOSED, reason != NULL ? reason : strerror(error));
}

static void on_plain_event(struct bufferevent *bev, short what, void *arg)
{
    struct transport *transport = arg;
    if (transport->phase == IMAP_PHASE_CONNECT)
        on_connect_event(bev, what, arg);
    else
        on_open_event(bev, what, arg);
}

static void on_attempt_timeout(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct transport *transport = arg;
    set_reason(transport, xstrdup("timed out"));
    drop_connection(transport);
    try_next(transport);
}

static bool begin_attempt(struct transport *transport, const struct evutil_addrinfo *address,
                          unsigned seconds)
{
    assert(transport->bev == NULL && transport->attempt_timer == NULL);
    int fd = socket_for(address);
    if (fd < 0) {
        set_reason(transport, xstrdup(strerror(errno)));
        return false;
    }
    transport->bev = memory_check(bufferevent_socket_new(
        transport->base, fd, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS));
    bufferevent_setcb(transport->bev, on_read, on_write, on_plain_event, transport);
    bufferevent_set_max_single_read(transport->bev, TRANSPORT_READ_MAX);
    bufferevent_set_max_single_write(transport->bev, WRITE_MAX);
    bufferevent_enable(transport->bev, EV_READ | EV_WRITE);
    struct timeval limit = {.tv_sec = seconds};
    transport->attempt_timer =
        memory_check(evtimer_new(transport->base, on_attempt_timeout, transport));
    evtimer_add(transport->attempt_timer, &limit);
    if (bufferevent_socket_connect(transport->bev, address->ai_addr, (int)address->ai_addrlen) !=
        0) {
        set_reason(transport, xstrdup(strerror(errno)));
        drop_connection(transport);
        return false;
    }
    return true;
}

static unsigned share_of_time(const struct transport *transport)
{
    unsigned addresses = 0;
    for (const struct evutil_addrinfo *a = transport->addresses; a != NULL; a = a->ai_next)
        addresses++;
    unsigned share = transport->timeout / (addresses != 0 ? addresses : 1);
    return share > ATTEMPT_MIN ? share : ATTEMPT_MIN;
}

static void try_next(struct transport *transport)
{
    while (transport->next != NULL) {
        struct evutil_addrinfo *address = transport->next;
        transport->next = address->ai_next;
        if (transport->loopback_only && !is_loopback(address->ai_addr)) {
            set_reason(transport, xstrdup("without TLS only loopback addresses are allowed"));
            continue;
        }
        if (!begin_phase(transport, IMAP_PHASE_CONNECT))
            return;
        if (begin_attempt(transport, address, share_of_time(transport)))
            return;
    }
    char *reason = xasprintf("cannot connect to %s port %u: %s", transport->host, transport->port,
                             transport->reason != NULL ? transport->reason : "no address");
    go_down(transport, IMAP_FAILURE_CONNECT, reason);
    free(reason);
}

/* ---- names ---- */

static void on_resolved(void *arg, int error, struct evutil_addrinfo *addresses)
{
    struct transport *transport = arg;
    transport->lookup = NULL;
    if (error != 0) {
        char *reason =
            xasprintf("cannot resolve %s: %s", transport->host, resolve_error_text(error));
        go_down(transport, IMAP_FAILURE_RESOLVE, reason);
        free(reason);
        return;
    }
    transport->addresses = addresses;
    transport->next = addresses;
    transport->phase = IMAP_PHASE_CONNECT;
    try_next(transport);
}

void transport_open(struct transport *transport)
{
    assert(transport->phase == IMAP_PHASE_RESOLVE && transport->lookup == NULL &&
           transport->bev == NULL);
    if (transport->fixed != NULL) {
        transport->phase = IMAP_PHASE_CONNECT;
        transport->next = &transport->fixed->info;
        try_next(transport);
    } else if (begin_phase(transport, IMAP_PHASE_RESOLVE)) {
        transport->lookup = resolve_start(transport->base, transport->dns, transport->host,
                                          transport->port, AF_UNSPEC, on_resolved, transport);
    }
}

/* ---- TLS ---- */

/* Whether a completed handshake must be rejected. */
static bool is_refused(struct transport *transport)
{
    if (!transport->record)
        return false; /* OpenSSL has verified it */
    free(transport->certificates);
    transport->certificates = certificate_chain_new(transport->ssl, transport->host);
    return transport->certificates == NULL || !transport->certificates->verified;
}

static void on_tls_event(struct bufferevent *bev, short what, void *arg)
{
    struct transport *transport = arg;
    if (transport->down)
        return;
    if (transport->phase != IMAP_PHASE_TLS) {
        on_open_event(bev, what, arg);
        return;
    }
    bool refused = is_refused(transport);
    if ((what & BEV_EVENT_CONNECTED) != 0 && !refused) {
        came_up(transport);
        return;
    }
    if ((what & BEV_EVENT_CONNECTED) != 0) {
        go_down(transport, IMAP_FAILURE_TLS,
                transport->certificates != NULL ? transport->certificates->error
                                                : "the server sent no certificate");
        return;
    }
    char *reason = tls_failure(transport->ssl, transport->host, bufferevent_get_openssl_error(bev));
    go_down(transport, IMAP_FAILURE_TLS, reason);
    free(reason);
}

void transport_start_tls(struct transport *transport)
{
    assert(transport->bev != NULL && transport->ssl == NULL);
    if (!begin_phase(transport, IMAP_PHASE_TLS))
        return;
    /* The handshake would never see what was already read in plaintext. */
    if (evbuffer_get_length(transport_input(transport)) > 0) {
        go_down(transport, IMAP_FAILURE_TLS, "the server does not speak TLS on this port");
        return;
    }
    SSL *ssl = transport->tls != NULL ? tls_client_new(transport->tls, transport->host) : NULL;
    if (ssl == NULL) {
        go_down(transport, IMAP_FAILURE_TLS, "the server's name cannot be verified");
        return;
    }
    if (transport->record)
        tls_record_verification(ssl);
    evutil_socket_t fd = bufferevent_getfd(transport->bev);
    bufferevent_disable(transport->bev, EV_READ | EV_WRITE);
    bufferevent_setfd(transport->bev, -1);
    bufferevent_free(transport->bev);
    transport->bev = memory_check(
        bufferevent_openssl_socket_new(transport->base, fd, ssl, BUFFEREVENT_SSL_CONNECTING,
                                       BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS));
    transport->ssl = ssl;
    bufferevent_openssl_set_allow_dirty_shutdown(transport->bev, 1);
    bufferevent_setcb(transport->bev, on_read, on_write, on_tls_event, transport);
    bufferevent_set_max_single_read(transport->bev, TRANSPORT_READ_MAX);
    bufferevent_set_max_single_write(transport->bev, WRITE_MAX);
    bufferevent_enable(transport->bev, EV_READ | EV_WRITE);
}

const char *transport_tls_version(const struct transport *transport)
{
    return transport->ssl != NULL ? SSL_get_version(transport->ssl) : "";
}

const struct certificate_chain *transport_certificates(const struct transport *transport)
{
    return transport->certificates;
}

/* ---- the open connection ---- */

enum imap_phase transport_phase(const struct transport *transport)
{
    return transport->phase;
}

struct evbuffer *transport_input(struct transport *transport)
{
    return transport->bev != NULL ? bufferevent_get_input(transport->bev) : NULL;
}

struct evbuffer *transport_output(struct transport *transport)
{
    return transport->bev != NULL ? bufferevent_get_output(transport->bev) : NULL;
}

static void wipe(const void *data, size_t len, void *arg)
{
    (void)data;
    OPENSSL_cleanse(arg, len);
    free(arg);
}

void transport_write_secret(struct transport *transport, const char *data, size_t len)
{
    char *copy = xmalloc(len);
    memcpy(copy, data, len);
    if (evbuffer_add_reference(transport_output(transport), copy, len, wipe, copy) != 0)
        wipe(copy, len, copy);
}

size_t transport_unsent(struct transport *transport)
{
    if (transport->bev == NULL)
        return 0;
    int in_kernel = 0;
    if (ioctl(bufferevent_getfd(transport->bev), SIOCOUTQ, &in_kernel) != 0)
        in_kernel = 0;
    return evbuffer_get_length(transport_output(transport)) + (size_t)in_kernel;
}

void transport_set_abrupt(struct transport *transport, bool on)
{
    const struct linger linger = {.l_onoff = on, .l_linger = 0};

    transport->abrupt = on;
    if (transport->bev != NULL)
        setsockopt(bufferevent_getfd(transport->bev), SOL_SOCKET, SO_LINGER, &linger,
                   sizeof(linger));
}

void transport_write_last(struct transport *transport, const char *line)
{
    if (transport->bev == NULL || transport->down || transport->phase != IMAP_PHASE_GREETING ||
        evbuffer_get_length(transport_output(transport)) > 0)
        return;
    size_t len = strlen(line);
    if (transport->ssl != NULL) {
        ERR_clear_error();
        (void)SSL_write(transport->ssl, line, (int)len);
        ERR_clear_error();
    } else {
        (void)!send(bufferevent_getfd(transport->bev), line, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
}

void transport_set_low_mark(struct transport *transport, size_t low)
{
    bufferevent_setwatermark(transport->bev, EV_WRITE, low, 0);
}

void transport_set_reading(struct transport *transport, bool on)
{
    if (transport->bev == NULL || transport->down)
        return;
    if (on)
        bufferevent_enable(transport->bev, EV_READ);
    else
        bufferevent_disable(transport->bev, EV_READ);
}
