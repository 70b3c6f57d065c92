#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/probe/dialogue/smtp_private.h"
#include "rules/util/memory.h"

/* ---- the message ---- */

static const char *line_end(const char *at, const char *end)
{
    while (at < end && *at != '\r' && *at != '\n')
        at++;
    return at;
}

struct evbuffer *smtp_message_new(const char *message, size_t len, uint64_t *size)
{
    struct evbuffer *out = memory_check(evbuffer_new());
    const char *at = message, *end = message + len;
    *size = 0;
    while (at < end) {
        const char *stop = line_end(at, end);
        if (*at == '.')
            evbuffer_add(out, ".", 1);
        evbuffer_add(out, at, (size_t)(stop - at));
        evbuffer_add(out, "\r\n", 2);
        *size += (uint64_t)(stop - at) + 2;
        /* A bare CR ends a line as well: some servers would take it for one. */
        at = end - stop >= 2 && stop[0] == '\r' && stop[1] == '\n' ? stop + 2 : stop + 1;
    }
    return out;
}

/* ---- the EHLO name ---- */

/* Connecting a datagram socket sends nothing, and binds it to the address that would be used. */
static bool find_local_address(const struct sockaddr *peer, socklen_t peer_len,
                               struct sockaddr_storage *local)
{
    socklen_t len = sizeof(*local);
    int fd = socket(peer->sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    bool found =
        connect(fd, peer, peer_len) == 0 && getsockname(fd, (struct sockaddr *)local, &len) == 0;
    close(fd);
    return found;
}

static char *literal(const struct sockaddr_storage *address)
{
    char text[INET6_ADDRSTRLEN] = "";
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)address;
        inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
        return xasprintf("[%s]", text);
    }
    const struct in6_addr *in = &((const struct sockaddr_in6 *)address)->sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(in)) {
        inet_ntop(AF_INET, in->s6_addr + 12, text, sizeof(text));
        return xasprintf("[%s]", text);
    }
    inet_ntop(AF_INET6, in, text, sizeof(text));
    return xasprintf("[IPv6:%s]", text);
}

/* For an endpoint without an address: its host if numeric, else any that has the default route. */
static void address_towards(const struct endpoint *endpoint, struct sockaddr_storage *address,
                            socklen_t *len)
{
    struct sockaddr_in *in = (struct sockaddr_in *)address;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address;
    if (inet_pton(AF_INET6, endpoint->host, &in6->sin6_addr) == 1) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(endpoint->port);
        *len = sizeof(*in6);
        return;
    }
    *in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(endpoint->port)};
    if (inet_pton(AF_INET, endpoint->host, &in->sin_addr) != 1)
        inet_pton(AF_INET, endpoint->security == SECURITY_PLAIN ? "127.0.0.1" : "192.0.2.1",
                  &in->sin_addr);
    *len = sizeof(*in);
}

char *smtp_address_literal(const struct dialogue_peer *peer)
{
    struct sockaddr_storage towards = {0}, local = {0};
    socklen_t len;
    const struct sockaddr *address = peer->address;
    if (address != NULL) {
        len = (socklen_t)peer->address_len;
    } else {
        address_towards(peer->endpoint, &towards, &len);
        address = (const struct sockaddr *)&towards;
    }
    if (!find_local_address(address, len, &local))
        return xstrdup("[127.0.0.1]");
    return literal(&local);
}
