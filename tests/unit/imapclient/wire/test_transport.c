/* Names and addresses: resolved without blocking, tried in turn, and abandoned at any time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <event2/dns.h>

#include "imapclient/scripted_client.h"
#include "imapclient/wire/transport.h"

static const char *const script[] = {"S * PREAUTH [CAPABILITY IMAP4rev1] hello", NULL};

/* A resolver that knows these lines of a hosts file; its name server does not answer. */
static struct evdns_base *resolver(struct event_base *base, const char *hosts)
{
    char path[] = "/tmp/hosts-XXXXXX";
    FILE *file = fdopen(mkstemp(path), "w");
    assert_non_null(file);
    fputs(hosts, file);
    fclose(file);
    struct evdns_base *dns = evdns_base_new(base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    assert_int_equal(evdns_base_load_hosts(dns, path), 0);
    evdns_base_nameserver_ip_add(dns, "127.0.0.1:9");
    evdns_base_set_option(dns, "timeout:", "0.3");
    evdns_base_set_option(dns, "attempts:", "1");
    unlink(path);
    return dns;
}

struct name_case {
    const char *title, *hosts, *name, *expect;
};

static const struct name_case names[] = {
    {"a name with one address", "127.0.0.1 mail.test\n", "mail.test", "ready"},
    {"the first address refuses", "127.0.0.2 mail.test\n127.0.0.1 mail.test\n", "mail.test",
     "ready"},
    {"plaintext to loopback addresses only", "192.0.2.1 mail.test\n", "mail.test",
     "closed CONNECT connect: cannot connect to mail.test port"},
    {"an address that is not loopback is skipped", "192.0.2.1 mail.test\n127.0.0.1 mail.test\n",
     "mail.test", "ready"},
    {"an unknown name", "127.0.0.1 mail.test\n", "other.test",
     "closed RESOLVE resolve: cannot resolve other.test: "},
};

static void test_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        print_message("  %s\n", names[i].title);
        struct client client;
        client_init(&client);
        client.dns = resolver(client.base, names[i].hosts);
        client.options.host = names[i].name;
        client_serve(&client, script);
        client_start(&client);
        client_await(&client, names[i].expect);
        client_abandon(&client);
    }
}

static void test_freed_while_looking_up(void **state)
{
    (void)state;
    struct client client;
    client_init(&client);
    client.dns = resolver(client.base, "");
    client.options.host = "other.test";
    client.options.port = 143;
    client_start(&client);
    client_settle(&client, 20);
    imap_session_free(client.session);
    client.session = NULL;
    client_settle(&client, 600); /* the lookup ends after the session was freed */
    assert_string_equal(client_log(&client), "");
    client_abandon(&client);
}

static void test_nameserver_is_silent(void **state)
{
    (void)state;
    struct client client;
    client_init(&client);
    client.dns = resolver(client.base, "");
    evdns_base_set_option(client.dns, "timeout:", "30");
    client.options.host = "other.test";
    client.options.port = 143;
    client.options.connect_timeout = 1;
    client_start(&client);
    client_await(&client, "closed");
    client_abandon(&client);
}

static void test_no_resolver(void **state)
{
    (void)state;
    struct client client;
    client_init(&client);
    client.options.host = "mail.test";
    client.options.port = 143;
    client_start(&client);
    client_await(&client, "closed RESOLVE resolve: cannot resolve mail.test: ");
    client_abandon(&client);
}

static void test_ipv6_loopback(void **state)
{
    (void)state;
    struct client client;
    client_init(&client);
    client.options.host = "::1";
    client.options.port = 9; /* refused or unreachable, but it is a loopback address */
    client_start(&client);
    client_await(&client, "closed CONNECT connect: cannot connect to ::1 port 9: ");
    assert_false(client_logged(&client, "without TLS"));
    client_abandon(&client);
}

/* ---- a fixed address ---- */

static struct sockaddr_in address_of(const char *text, uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    assert_int_equal(inet_pton(AF_INET, text, &address.sin_addr), 1);
    return address;
}

static void test_fixed_address(void **state)
{
    (void)state;
    struct client client;
    client_init(&client);
    client_serve(&client, script);
    struct sockaddr_in address = address_of("127.0.0.1", client.options.port);
    client.options.host = "mail.test"; /* which does not resolve */
    client.options.port = 9;
    client.options.address = (struct sockaddr *)&address;
    client.options.address_len = sizeof(address);
    client_start(&client);
    memset(&address, 0, sizeof(address)); /* it was copied */
    client_await(&client, "ready");
    assert_string_equal(client.phases, "connect greeting capability ready");
    client_finish(&client);
}

static void test_fixed_address_is_not_loopback(void **state)
{
    (void)state;
    struct client client;
    struct sockaddr_in address = address_of("192.0.2.1", 143);
    client_init(&client);
    client.options.host = "localhost";
    client.options.address = (struct sockaddr *)&address;
    client.options.address_len = sizeof(address);
    client_start(&client);
    client_await(&client, "closed CONNECT connect: cannot connect to localhost port");
    assert_true(client_logged(&client, "without TLS only loopback addresses are allowed"));
    assert_string_equal(client.phases, "");
    client_abandon(&client);
}

static void test_fixed_address_refuses(void **state)
{
    (void)state;
    struct client client;
    client_init(&client);
    client_serve(&client, script); /* the address of the name would answer, but is not tried */
    struct sockaddr_in address = address_of("127.0.0.2", client.options.port);
    client.options.address = (struct sockaddr *)&address;
    client.options.address_len = sizeof(address);
    client_start(&client);
    client_await(&client, "closed CONNECT connect: cannot connect to 127.0.0.1 port");
    assert_string_equal(client.phases, "connect");
    client_abandon(&client);
}

/* ---- freed by the owner ---- */

struct owner {
    struct transport *transport;
    enum imap_phase leave_at;
    unsigned called;
    bool ended;
};

static void leave(void *arg, enum imap_phase phase)
{
    struct owner *owner = arg;
    assert_false(owner->ended);
    owner->called++;
    if (phase == owner->leave_at) {
        transport_free(owner->transport);
        owner->ended = true;
    }
}

static void came_up(void *arg)
{
    struct owner *owner = arg;
    assert_false(owner->ended);
    transport_start_tls(owner->transport);
}

static void went_down(void *arg, enum imap_failure_kind kind, const char *reason)
{
    (void)arg;
    fail_msg("down %d: %s", kind, reason);
}

static void never(void *arg)
{
    (void)arg;
}

static void test_freed_while_a_phase_is_reported(void **state)
{
    (void)state;
    static const struct transport_events events = {
        .up = came_up, .readable = never, .writable = never, .down = went_down, .phase = leave};
    static const enum imap_phase phases[] = {IMAP_PHASE_RESOLVE, IMAP_PHASE_CONNECT,
                                             IMAP_PHASE_TLS};
    for (size_t i = 0; i < sizeof(phases) / sizeof(*phases); i++) {
        struct client client;
        client_init(&client);
        client_serve(&client, script);
        client.dns = resolver(client.base, "127.0.0.1 mail.test\n");
        struct transport_options options = {
            .host = "mail.test", .port = client.options.port, .timeout = 5};
        struct owner owner = {.leave_at = phases[i]};
        owner.transport = transport_new(client.base, client.dns, &options, &events, &owner);
        transport_open(owner.transport);
        while (!owner.ended)
            event_base_loop(client.base, EVLOOP_ONCE);
        client_settle(&client, 10); /* no further callback */
        assert_int_equal(owner.called, i + 1);
        client_abandon(&client);
    }
}

/* Accepts no connection beyond the first two, so that the kernel drops what follows. */
static int full_listener(uint16_t port, int *clients)
{
    struct sockaddr_in address = address_of("127.0.0.2", port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 0), 0);
    for (size_t i = 0; i < 2; i++) {
        clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(clients[i], (struct sockaddr *)&address, sizeof(address));
    }
    return fd;
}

static void test_silent_address_gets_its_share_of_time(void **state)
{
    (void)state;
    struct client client;
    int clients[2];
    client_init(&client);
    client_serve(&client, script);
    int listener = full_listener(client.options.port, clients);
    client.dns = resolver(client.base, "127.0.0.2 mail.test\n127.0.0.1 mail.test\n");
    client.options.host = "mail.test";
    client.options.connect_timeout = 6;
    time_t begin = time(NULL);
    client_start(&client);
    client_await(&client, "ready");
    assert_true(time(NULL) - begin >= 2); /* half of the six seconds, but for rounding */
    client_finish(&client);
    close(clients[0]);
    close(clients[1]);
    close(listener);
}

static void fail_to_connect(const struct sockaddr *address, socklen_t len,
                            enum imap_security security, const char *reason)
{
    struct client client;
    client_init(&client);
    client.options.host = "mail.test";
    client.options.security = security;
    client.options.address = address;
    client.options.address_len = (int)len;
    client_start(&client);
    client_await(&client, "closed CONNECT connect: cannot connect to mail.test port");
    if (!client_logged(&client, reason))
        fail_msg("no \"%s\" in %s", reason, client_log(&client));
    client_abandon(&client);
}

static void test_addresses_that_cannot_be_used(void **state)
{
    (void)state;
    struct sockaddr_in broadcast = address_of("255.255.255.255", 143);
    struct sockaddr_storage odd = {.ss_family = 200};
    const struct sockaddr *address = (const struct sockaddr *)&odd;
    fail_to_connect(address, sizeof(odd), IMAP_SECURITY_TLS, "Address family not supported");
    fail_to_connect(address, sizeof(odd), IMAP_SECURITY_NONE, "without TLS only loopback");
    fail_to_connect((const struct sockaddr *)&broadcast, sizeof(broadcast), IMAP_SECURITY_TLS, "");
}

/* ---- TLS that cannot begin ---- */

struct starter {
    struct transport *transport;
    char reason[200];
};

static void on_plain_up(void *arg)
{
    (void)arg;
}

static void on_plain_readable(void *arg)
{
    struct starter *starter = arg;
    transport_start_tls(starter->transport); /* the greeting is still in the input */
}

static void on_plain_down(void *arg, enum imap_failure_kind kind, const char *reason)
{
    struct starter *starter = arg;
    assert_int_equal(kind, IMAP_FAILURE_TLS);
    snprintf(starter->reason, sizeof(starter->reason), "%s", reason);
}

static void test_plaintext_before_the_handshake(void **state)
{
    (void)state;
    static const struct transport_events events = {
        .up = on_plain_up, .readable = on_plain_readable, .writable = never, .down = on_plain_down};
    struct client client;
    client_init(&client);
    client_serve(&client, script);
    struct transport_options options = {
        .host = "127.0.0.1", .port = client.options.port, .timeout = 5};
    struct starter starter = {0};
    starter.transport = transport_new(client.base, NULL, &options, &events, &starter);
    assert_null(transport_input(starter.transport));
    assert_null(transport_output(starter.transport));
    assert_int_equal(transport_unsent(starter.transport), 0);
    transport_set_reading(starter.transport, true);
    transport_write_last(starter.transport, "x\r\n");
    transport_open(starter.transport);
    while (starter.reason[0] == '\0')
        event_base_loop(client.base, EVLOOP_ONCE);
    assert_string_equal(starter.reason, "the server does not speak TLS on this port");
    transport_free(starter.transport);
    client_abandon(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_freed_while_looking_up),
        cmocka_unit_test(test_nameserver_is_silent),
        cmocka_unit_test(test_no_resolver),
        cmocka_unit_test(test_ipv6_loopback),
        cmocka_unit_test(test_fixed_address),
        cmocka_unit_test(test_fixed_address_is_not_loopback),
        cmocka_unit_test(test_fixed_address_refuses),
        cmocka_unit_test(test_freed_while_a_phase_is_reported),
        cmocka_unit_test(test_silent_address_gets_its_share_of_time),
        cmocka_unit_test(test_addresses_that_cannot_be_used),
        cmocka_unit_test(test_plaintext_before_the_handshake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
