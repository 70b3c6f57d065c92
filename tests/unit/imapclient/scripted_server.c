#include "imapclient/scripted_server.h"

#include <fnmatch.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/listener.h>

#include "imapclient/util/memory.h"

#define TAGS_MAX 512
#define FLOOD_AHEAD (256 * 1024)

struct scripted_server {
    struct event_base *base;
    struct evconnlistener *listener;
    struct bufferevent *bev;
    struct evbuffer *taken;
    SSL_CTX *tls;
    const char *const *step;
    char *complaint;
    char *tags[TAGS_MAX];
    size_t tags_first, tags_end;
    size_t take_left, dripped, announced;
    bool tls_at_once, in_tls, handshaking, released, ended;
};

static void play(struct scripted_server *server);

static void complain(struct scripted_server *server, const char *expected, const char *got)
{
    if (server->complaint == NULL) {
        server->complaint = xasprintf("expected \"%s\", got \"%s\"", expected, got);
        fprintf(stderr, "scripted server: %s\n", server->complaint);
    }
}

static void on_read(struct bufferevent *bev, void *arg)
{
    (void)bev;
    play(arg);
}

static void on_write(struct bufferevent *bev, void *arg)
{
    (void)bev;
    play(arg);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    (void)bev;
    struct scripted_server *server = arg;
    if ((what & BEV_EVENT_CONNECTED) != 0)
        server->handshaking = false;
    if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0)
        server->ended = true;
    play(server);
}

static void use(struct scripted_server *server, struct bufferevent *bev)
{
    server->bev = bev;
    bufferevent_setcb(bev, on_read, on_write, on_event, server);
    bufferevent_setwatermark(bev, EV_WRITE, FLOOD_AHEAD / 2, 0);
    bufferevent_enable(bev, EV_READ | EV_WRITE);
}

static void begin_tls(struct scripted_server *server, evutil_socket_t fd)
{
    server->in_tls = server->handshaking = true;
    use(server, bufferevent_openssl_socket_new(server->base, fd, SSL_new(server->tls),
                                               BUFFEREVENT_SSL_ACCEPTING,
                                               BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS));
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
                      int len, void *arg)
{
    (void)address;
    (void)len;
    struct scripted_server *server = arg;
    evconnlistener_disable(listener);
    if (server->tls_at_once) {
        begin_tls(server, fd);
        return;
    }
    use(server,
        bufferevent_socket_new(server->base, fd, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS));
    play(server);
}

struct scripted_server *scripted_server_new(struct event_base *base, const char *const *script,
                                            SSL_CTX *tls, bool tls_at_once)
{
    struct scripted_server *server = xcalloc(1, sizeof(*server));
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    signal(SIGPIPE, SIG_IGN); /* as the agent does */
    server->base = base;
    server->step = script;
    server->tls = tls;
    server->tls_at_once = tls_at_once;
    server->taken = evbuffer_new();
    server->listener = evconnlistener_new_bind(base, on_accept, server, LEV_OPT_CLOSE_ON_FREE, 1,
                                               (struct sockaddr *)&any, sizeof(any));
    return memory_check(server);
}

void scripted_server_free(struct scripted_server *server)
{
    evconnlistener_free(server->listener);
    if (server->bev != NULL)
        bufferevent_free(server->bev);
    while (server->tags_first < server->tags_end)
        free(server->tags[server->tags_first++]);
    evbuffer_free(server->taken);
    free(server->complaint);
    free(server);
}

uint16_t scripted_server_port(const struct scripted_server *server)
{
    struct sockaddr_in address = {0};
    socklen_t len = sizeof(address);
    getsockname(evconnlistener_get_fd(server->listener), (struct sockaddr *)&address, &len);
    return ntohs(address.sin_port);
}

void scripted_server_go(struct scripted_server *server)
{
    server->released = true;
    play(server);
}

bool scripted_server_holds(const struct scripted_server *server)
{
    return *server->step != NULL && strcmp(*server->step, "HOLD") == 0;
}

const char *scripted_server_complaint(const struct scripted_server *server)
{
    return server->complaint != NULL ? server->complaint : *server->step != NULL ? "" : NULL;
}

struct evbuffer *scripted_server_taken(struct scripted_server *server)
{
    return server->taken;
}

/* ---- steps ---- */

static void send_text(struct scripted_server *server, const char *text, const char *line_end)
{
    evbuffer_add_printf(bufferevent_get_output(server->bev), "%s%s", text, line_end);
}

/* The size of the literal whose octets follow the line, 0: none follows. */
static size_t literal_size(const char *line)
{
    const char *brace = strrchr(line, '{');
    return brace != NULL ? strtoull(brace + 1, NULL, 10) : 0;
}

/* true: a line was there and is what was expected. */
static bool expect(struct scripted_server *server, const char *pattern, bool tagged)
{
    char *line =
        evbuffer_readln(bufferevent_get_input(server->bev), NULL, EVBUFFER_EOL_CRLF_STRICT);
    if (line == NULL)
        return false;
    char *text = line;
    if (tagged) {
        text = strchr(line, ' ');
        text = text != NULL ? text + 1 : line;
        if (server->tags_end < TAGS_MAX)
            server->tags[server->tags_end++] = xstrndup(line, strcspn(line, " "));
    }
    if (fnmatch(pattern, text, 0) != 0)
        complain(server, pattern, line);
    server->announced = literal_size(line);
    free(line);
    return true;
}

static bool take(struct scripted_server *server, size_t count)
{
    if (server->take_left == 0)
        server->take_left = count;
    int got = evbuffer_remove_buffer(bufferevent_get_input(server->bev), server->taken,
                                     server->take_left);
    server->take_left -= got > 0 ? (size_t)got : 0;
    return server->take_left == 0;
}

static void answer(struct scripted_server *server, const char *text)
{
    if (server->tags_first == server->tags_end) {
        complain(server, "a command to answer", "none");
        return;
    }
    char *tag = server->tags[server->tags_first++];
    send_text(server, tag, " ");
    send_text(server, text, "\r\n");
    free(tag);
}

static void flood(struct scripted_server *server, const char *line)
{
    struct evbuffer *out = bufferevent_get_output(server->bev);
    while (evbuffer_get_length(out) < FLOOD_AHEAD)
        evbuffer_add_printf(out, "%s\r\n", line);
}

static void send_big(struct scripted_server *server, const char *count)
{
    size_t left = strtoull(count, NULL, 10);
    char block[4096];
    memset(block, 'x', sizeof(block));
    while (left > 0) {
        size_t now = left < sizeof(block) ? left : sizeof(block);
        evbuffer_add(bufferevent_get_output(server->bev), block, now);
        left -= now;
    }
}

/* Waits until each octet has left, so that the other side may see it alone. */
static bool drip(struct scripted_server *server, const char *text)
{
    struct evbuffer *out = bufferevent_get_output(server->bev);
    bufferevent_setwatermark(server->bev, EV_WRITE, 0, 0);
    if (evbuffer_get_length(out) > 0)
        return false;
    size_t len = strlen(text), at = server->dripped++;
    if (at == len + 2) {
        server->dripped = 0;
        bufferevent_setwatermark(server->bev, EV_WRITE, FLOOD_AHEAD / 2, 0);
        return true;
    }
    evbuffer_add(out, at < len ? &text[at] : &"\r\n"[at - len], 1);
    return false;
}

static bool has_ended(struct scripted_server *server)
{
    size_t more = evbuffer_get_length(bufferevent_get_input(server->bev));
    if (more > 0)
        complain(server, "the end of the connection", "octets");
    return server->ended || more > 0;
}

/* Nothing more is read in the clear: what comes now is the client's part of the handshake, which
 * may be here before it is the server's turn. */
static void leave_the_rest_to_tls(struct scripted_server *server)
{
    bufferevent_disable(server->bev, EV_READ);
    if (evbuffer_get_length(bufferevent_get_input(server->bev)) > 0)
        complain(server, "a handshake", "octets in the clear");
}

/* Waits until all was sent. */
static bool start_tls(struct scripted_server *server)
{
    if (server->in_tls)
        return !server->handshaking;
    leave_the_rest_to_tls(server);
    if (evbuffer_get_length(bufferevent_get_output(server->bev)) > 0) {
        bufferevent_setwatermark(server->bev, EV_WRITE, 0, 0);
        return false;
    }
    evutil_socket_t fd = bufferevent_getfd(server->bev);
    bufferevent_disable(server->bev, EV_READ | EV_WRITE);
    bufferevent_setfd(server->bev, -1);
    bufferevent_free(server->bev);
    begin_tls(server, fd);
    return false;
}

static bool hold(struct scripted_server *server)
{
    const char *next = server->step[1];
    bool go = server->released;
    server->released = false;
    if (!go && !server->in_tls && next != NULL && strcmp(next, "TLS") == 0)
        leave_the_rest_to_tls(server);
    return go;
}

static bool close_it(struct scripted_server *server)
{
    if (evbuffer_get_length(bufferevent_get_output(server->bev)) > 0) {
        bufferevent_setwatermark(server->bev, EV_WRITE, 0, 0);
        return false;
    }
    bufferevent_free(server->bev);
    server->bev = NULL;
    return true;
}

/* With a linger time of 0 the kernel sends RST. */
static bool reset(struct scripted_server *server)
{
    struct linger at_once = {.l_onoff = 1};
    setsockopt(bufferevent_getfd(server->bev), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    return close_it(server);
}

/* true: the step is done. */
static bool do_step(struct scripted_server *server, const char *step)
{
    const char *text = strchr(step, ' ');
    text = text != NULL ? text + 1 : "";
    if (strcmp(step, "TLS") == 0)
        return start_tls(server);
    if (strcmp(step, "CLOSE") == 0)
        return close_it(server);
    if (strcmp(step, "RESET") == 0)
        return reset(server);
    if (strcmp(step, "HOLD") == 0)
        return hold(server);
    if (strcmp(step, "NUL") == 0) {
        evbuffer_add(bufferevent_get_output(server->bev), "", 1);
        return true;
    }
    if (strcmp(step, "LITERAL") == 0)
        return take(server, server->announced);
    if (strcmp(step, "DEAF") == 0) {
        bufferevent_disable(server->bev, EV_READ);
        return true;
    }
    if (strcmp(step, "END") == 0)
        return has_ended(server);
    if (strncmp(step, "DRIP ", 5) == 0)
        return drip(server, text);
    if (strncmp(step, "FLOOD ", 6) == 0) {
        flood(server, text);
        return false;
    }
    switch (step[0]) {
    case 'S':
        send_text(server, text, "\r\n");
        return true;
    case 'R':
        send_text(server, text, "");
        return true;
    case 'B':
        send_big(server, text);
        return true;
    case 'T':
        answer(server, text);
        return true;
    case 'L':
        return take(server, strtoull(text, NULL, 10));
    default:
        return expect(server, text, step[0] == 'C');
    }
}

static void play(struct scripted_server *server)
{
    while (server->bev != NULL && *server->step != NULL && server->complaint == NULL &&
           !server->handshaking) {
        if (!do_step(server, *server->step))
            return;
        server->step++;
    }
}
