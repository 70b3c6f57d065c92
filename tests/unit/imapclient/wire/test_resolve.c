/* Looking up names, with a DNS server in the same event loop: what it answers, and that nothing is
 * called after a look-up was cancelled. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <event2/dns_struct.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "imapclient/wire/resolve.h"

struct room {
    struct event_base *base;
    struct evdns_base *dns;
    struct evdns_server_port *port;
    int socket;
    struct evdns_server_request *waiting[8]; /* to names that are to be answered late */
    size_t n_waiting;

    unsigned done; /* calls */
    int error;
    char address[INET6_ADDRSTRLEN];
    uint16_t tcp_port;
    struct resolve_request *other; /* cancelled in done */
};

static void answer_a(struct evdns_server_request *request, const char *name)
{
    unsigned char address[4] = {192, 0, 2, 7};

    evdns_server_request_add_a_reply(request, name, 1, address, 60);
    evdns_server_request_respond(request, DNS_ERR_NONE);
}

/* evdns writes names in random case, to tell forged answers. */
static void on_question(struct evdns_server_request *request, void *arg)
{
    struct room *room = arg;
    const struct evdns_server_question *question = request->questions[0];

    if (strncasecmp(question->name, "late", 4) == 0)
        room->waiting[room->n_waiting++] = request;
    else if (strncasecmp(question->name, "none", 4) == 0)
        evdns_server_request_respond(request, DNS_ERR_NOTEXIST);
    else if (question->type == EVDNS_TYPE_A)
        answer_a(request, question->name);
    else
        evdns_server_request_respond(request, DNS_ERR_NONE);
}

static int set_up(void **state)
{
    static struct room rooms;
    struct room *room = &rooms;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(address);

    *room = (struct room){.error = -1};
    room->base = event_base_new();
    room->dns = evdns_base_new(room->base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    room->socket = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(room->socket, (struct sockaddr *)&address, len), 0);
    assert_int_equal(getsockname(room->socket, (struct sockaddr *)&address, &len), 0);
    room->port = evdns_add_server_port_with_base(room->base, room->socket, 0, on_question, room);
    assert_int_equal(
        evdns_base_nameserver_sockaddr_add(room->dns, (struct sockaddr *)&address, len, 0), 0);
    *state = room;
    return 0;
}

static void run_for(struct room *room, unsigned milliseconds)
{
    struct timeval limit = {.tv_usec = (suseconds_t)milliseconds * 1000};

    event_base_loopexit(room->base, &limit);
    event_base_dispatch(room->base);
}

static int tear_down(void **state)
{
    struct room *room = *state;

    for (size_t i = 0; i < room->n_waiting; i++)
        evdns_server_request_drop(room->waiting[i]);
    evdns_base_free(room->dns, 0);
    evdns_close_server_port(room->port);
    run_for(room, 10);
    event_base_free(room->base);
    close(room->socket);
    return 0;
}

static void on_done(void *arg, int error, struct evutil_addrinfo *addresses)
{
    struct room *room = arg;

    room->done++;
    room->error = error;
    assert_true((error == 0) == (addresses != NULL));
    resolve_cancel(room->other);
    room->other = NULL;
    event_base_loopbreak(room->base);
    if (addresses == NULL)
        return;
    if (addresses->ai_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)addresses->ai_addr;
        inet_ntop(AF_INET, &in->sin_addr, room->address, sizeof(room->address));
        room->tcp_port = ntohs(in->sin_port);
    } else {
        const struct sockaddr_in6 *in6 = (const void *)addresses->ai_addr;
        inet_ntop(AF_INET6, &in6->sin6_addr, room->address, sizeof(room->address));
        room->tcp_port = ntohs(in6->sin6_port);
    }
    evutil_freeaddrinfo(addresses);
}

static struct resolve_request *start(struct room *room, const char *host, int family)
{
    return resolve_start(room->base, room->dns, host, 993, family, on_done, room);
}

static void await(struct room *room, const char *host, int family)
{
    start(room, host, family);
    assert_int_equal(room->done, 0); /* never inside */
    run_for(room, 5000);
    assert_int_equal(room->done, 1);
}

static void a_numeric_address_is_its_own_answer(void **state)
{
    struct room *room = *state;

    await(room, "192.0.2.1", AF_UNSPEC);
    assert_int_equal(room->error, 0);
    assert_string_equal(room->address, "192.0.2.1");
    assert_int_equal(room->tcp_port, 993);
}

static void a_numeric_ipv6_address_too(void **state)
{
    struct room *room = *state;

    await(room, "2001:db8::1", AF_UNSPEC);
    assert_int_equal(room->error, 0);
    assert_string_equal(room->address, "2001:db8::1");
}

static void a_name_is_asked_of_the_server(void **state)
{
    struct room *room = *state;

    await(room, "mail.example.org.", AF_INET);
    assert_int_equal(room->error, 0);
    assert_string_equal(room->address, "192.0.2.7");
    assert_int_equal(room->tcp_port, 993);
}

static void a_name_that_does_not_exist_says_so(void **state)
{
    struct room *room = *state;

    await(room, "none.example.org.", AF_INET);
    assert_string_equal(resolve_error_text(room->error), "host not found");
}

static void a_name_without_an_address_of_the_family_is_an_error(void **state)
{
    struct room *room = *state;

    await(room, "mail.example.org.", AF_INET6);
    assert_int_not_equal(room->error, 0);
}

static void without_dns_a_name_fails(void **state)
{
    struct room *room = *state;

    resolve_start(room->base, NULL, "mail.example.org", 993, AF_UNSPEC, on_done, room);
    assert_int_equal(room->done, 0);
    run_for(room, 5000);
    assert_int_equal(room->done, 1);
    assert_int_not_equal(room->error, 0);
}

static void nothing_is_called_after_a_cancel(void **state)
{
    struct room *room = *state;
    struct resolve_request *request = start(room, "late.example.org.", AF_INET);

    run_for(room, 50);
    assert_int_equal(room->n_waiting, 1);
    resolve_cancel(request);
    answer_a(room->waiting[0], room->waiting[0]->questions[0]->name);
    room->n_waiting = 0;
    run_for(room, 50);
    assert_int_equal(room->done, 0);
}

static void an_answer_that_waits_for_the_loop_can_be_cancelled(void **state)
{
    struct room *room = *state;

    resolve_cancel(start(room, "192.0.2.1", AF_UNSPEC));
    run_for(room, 20);
    assert_int_equal(room->done, 0);
    resolve_cancel(NULL);
}

static void one_can_be_cancelled_in_the_callback_of_another(void **state)
{
    struct room *room = *state;

    room->other = start(room, "late.example.org.", AF_INET);
    start(room, "mail.example.org.", AF_INET);
    run_for(room, 5000);
    run_for(room, 20);
    assert_int_equal(room->done, 1);
    assert_string_equal(room->address, "192.0.2.7");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_numeric_address_is_its_own_answer),
        TEST(a_numeric_ipv6_address_too),
        TEST(a_name_is_asked_of_the_server),
        TEST(a_name_that_does_not_exist_says_so),
        TEST(a_name_without_an_address_of_the_family_is_an_error),
        TEST(without_dns_a_name_fails),
        TEST(nothing_is_called_after_a_cancel),
        TEST(an_answer_that_waits_for_the_loop_can_be_cancelled),
        TEST(one_can_be_cancelled_in_the_callback_of_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
