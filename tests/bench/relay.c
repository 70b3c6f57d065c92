/*
 * A relay on loopback that measures whose time a dialogue takes: between a client and a server it
 * counts, for each connection, how long the client was waited for (from the moment octets of the
 * server were handed to it until its next octets came, or its end) and how long the server was.
 *
 *     relay TARGET_PORT        prints the port it listens on, then a line for each connection:
 *     CLIENT_US SERVER_US TURNS
 *
 * The way through the kernel and our own waking are counted as the client's: an upper bound.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 256 };

struct relayed {
    int client, server; /* client -1: free */
    uint64_t client_us, server_us, since;
    unsigned turns;
    bool client_is_waited_for;
};

static uint64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void at_once(int fd)
{
    int on = 1;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static int listen_anywhere(void)
{
    struct sockaddr_in address = loopback(0);
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) != 0 || listen(fd, 100) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
        perror("relay");
        exit(1);
    }
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static void begin(struct relayed *relayed, int client, int target)
{
    struct sockaddr_in address = loopback(target);

    relayed->server = socket(AF_INET, SOCK_STREAM, 0);
    if (relayed->server < 0 ||
        connect(relayed->server, (struct sockaddr *)&address, sizeof(address)) != 0) {
        close(client);
        if (relayed->server >= 0)
            close(relayed->server);
        return;
    }
    at_once(client);
    at_once(relayed->server);
    *relayed = (struct relayed){.client = client, .server = relayed->server, .since = now_us()};
}

/* Who was waited for until now, and who is from now on. */
static void turn(struct relayed *relayed, bool client_spoke)
{
    uint64_t now = now_us();

    if (client_spoke && (relayed->client_is_waited_for || relayed->turns == 0))
        relayed->client_us += now - relayed->since;
    else if (!relayed->client_is_waited_for)
        relayed->server_us += now - relayed->since;
    relayed->turns += client_spoke;
}

static void end(struct relayed *relayed)
{
    printf("%llu %llu %u\n", (unsigned long long)relayed->client_us,
           (unsigned long long)relayed->server_us, relayed->turns);
    fflush(stdout);
    close(relayed->client);
    close(relayed->server);
    relayed->client = -1;
}

static void pass(struct relayed *relayed, bool from_client)
{
    char octets[65536];
    int from = from_client ? relayed->client : relayed->server;
    int to = from_client ? relayed->server : relayed->client;
    ssize_t len = read(from, octets, sizeof(octets));

    turn(relayed, from_client);
    for (ssize_t sent = 0; len > 0 && sent < len;) {
        ssize_t written = write(to, octets + sent, (size_t)(len - sent));
        if (written <= 0)
            len = -1;
        else
            sent += written;
    }
    relayed->client_is_waited_for = !from_client;
    relayed->since = now_us();
    if (len <= 0)
        end(relayed);
}

int main(int argc, char **argv)
{
    static struct relayed relayed[CONNECTIONS_MAX];
    struct pollfd fds[1 + 2 * CONNECTIONS_MAX];
    int target = argc == 2 ? atoi(argv[1]) : 0;

    if (target <= 0) {
        fprintf(stderr, "usage: relay TARGET_PORT\n");
        return 64;
    }
    int listener = listen_anywhere();
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        relayed[i].client = -1;
    for (;;) {
        fds[0] = (struct pollfd){.fd = listener, .events = POLLIN};
        for (int i = 0; i < CONNECTIONS_MAX; i++) {
            bool open = relayed[i].client >= 0;
            fds[1 + 2 * i] = (struct pollfd){.fd = relayed[i].client, .events = POLLIN};
            fds[2 + 2 * i] = (struct pollfd){.fd = open ? relayed[i].server : -1, .events = POLLIN};
        }
        if (poll(fds, 1 + 2 * CONNECTIONS_MAX, -1) < 0)
            return 1;
        for (int i = 0; i < CONNECTIONS_MAX; i++)
            for (int side = 0; side < 2; side++)
                if (fds[1 + 2 * i + side].revents != 0 && relayed[i].client >= 0)
                    pass(&relayed[i], side == 0);
        if (fds[0].revents == 0)
            continue;
        int client = accept(listener, NULL, NULL), free_place = 0;
        while (free_place < CONNECTIONS_MAX && relayed[free_place].client >= 0)
            free_place++;
        if (client >= 0 && free_place < CONNECTIONS_MAX)
            begin(&relayed[free_place], client, target);
        else if (client >= 0)
            close(client);
    }
}
